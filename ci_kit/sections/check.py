"""The sections of the first journey up to the model: data and training."""

from typing import Literal

from pydantic import Field

from ci_kit.sections.base import (
    Address,
    Currency,
    DataName,
    Duration,
    OneOrMore,
    Reference,
    Section,
    Url,
)


class Freshness(Section):
    """How old the newest row may be."""

    column: str = Field(description="The column of timestamps (UTC where they carry no zone).")
    within: Duration = Field(description="The greatest age of the newest row, such as `36h` or `7d`.")


class DataSet(Section):
    """One data set: where it lies, its schema and its limits."""

    path: OneOrMore = Field(min_length=1, description="Files, globs or folders, relative to this file.")
    format: Literal["csv", "parquet", "jsonl"] | None = Field(None, description="Default: by the files' suffix.")
    columns: tuple[str, ...] | None = Field(None, description="Column names of a CSV file without a header.")
    schema_: Reference | None = Field(
        None,
        alias="schema",
        description="A pandera `DataFrameModel` or `DataFrameSchema`, as `path.py:Name`; its flavour (polars or pandas)"
        " chooses the engine.",
    )
    key: OneOrMore = Field((), description="The columns that name a row.")
    sensitive: OneOrMore = Field((), description="Columns whose values are never shown.")
    min_rows: int = Field(1, ge=0, description="Fewer rows fail.")
    max_rows: int | None = Field(None, ge=0, description="More rows fail.")
    fresh: Freshness | None = Field(None, description="How old the newest row may be.")


class Overlap(Section):
    """Two data sets that must not share rows: leakage from training into evaluation."""

    between: tuple[DataName, DataName] = Field(description="The names of the two data sets.")
    by: OneOrMore = Field((), description="Columns that identify a row; default: all columns that both have.")


class Validate(Section):
    """Data tests."""

    overlap: tuple[Overlap, ...] = Field((), description="Pairs of data sets that must not share rows.")
    samples: int = Field(5, ge=0, le=50, description="How many failing values to show per check.")


class Price(Section):
    """What an hour of this machine costs."""

    per_hour: float = Field(ge=0, allow_inf_nan=False, description="Money per hour of wall time.")
    currency: Currency = Field("USD", description="ISO 4217 code.")


class Spot(Section):
    """A machine that its cloud may take away at any time."""

    cloud: Literal["aws", "gcp", "azure"] = Field(description="Whose notices to look for, every two seconds.")
    url: str | None = Field(None, description="Where its metadata are; default: the cloud's own address.")


class Ray(Section):
    """The Ray cluster that `launcher: ray` sends the command to."""

    address: Url | None = Field(
        None, description="Its dashboard, such as `http://127.0.0.1:8265`; default: RAY_ADDRESS of the environment."
    )
    gpus: float = Field(0, ge=0, le=1024, description="GPUs that the cluster reserves for the command.")
    cpus: float = Field(0, ge=0, le=65536, description="CPUs that it reserves; default: none, on the head node.")
    wait: Duration = Field("10m", description="How long the job may wait for them.")
    exclude: OneOrMore = Field((), description="Files and folders (globs) that stay here: at most 500 MiB travel.")


class Train(Section):
    """Training."""

    command: str | None = Field(None, min_length=1, description="The shell command; default: `dvc repro`.")
    launcher: Literal["local", "torchrun", "ray"] = Field(
        "local",
        description="`torchrun` starts the command, a Python script with arguments, in several processes; `ray` sends"
        " it to a Ray cluster.",
    )
    ray: Ray = Field(default_factory=lambda: Ray(), description="The cluster of `launcher: ray`.")
    processes: int | None = Field(
        None, ge=1, le=1024, description="Processes that torchrun starts; default: one a GPU, else one."
    )
    nodes: int = Field(
        1, ge=1, le=1024, description="Machines that train together by torchrun; they share the folder `checkpoints`."
    )
    node: int | None = Field(None, ge=0, description="Which of them this is, from 0; default: SLURM_NODEID, else 0.")
    rendezvous: Address | None = Field(None, description="Where machine 0 is reached by the others, as `host:port`.")
    outputs: OneOrMore = Field((), description="Files that the command must write anew.")
    push: bool = Field(
        False,
        description="After `dvc repro`, push outputs and run cache to DVC's remote, so that nobody trains it again.",
    )
    metrics: str = Field("metrics.json", description="JSON (flat or DVCLive's) that the command writes.")
    curves: str | None = Field(
        None, description="JSON Lines, one object a step, or DVCLive's `plots/metrics` folder; drawn as curves."
    )
    gpu: Literal["none", "auto", "required"] = Field("auto", description="Whether a GPU is used, if there, or a must.")
    disk: float = Field(1.0, ge=0, allow_inf_nan=False, description="GiB that must be free before the command starts.")
    price: Price | None = Field(None, description="Without it no cost is reported.")
    checkpoints: str | None = Field(
        None,
        description="The folder that trainings keep checkpoints in; default: below `~/.local/state/ci-kit`. With"
        " `launcher: ray` all nodes of the cluster must share it.",
    )
    carry: str | None = Field(
        None,
        min_length=1,
        description="Where they are copied to as they are written, for another runner to go on: a URL (`s3://`, `gs://`,"
        " `az://`, `file://`), or `dvc` for DVC's default remote.",
    )
    stall: Duration | None = Field(
        "30m",
        description="A command without output and without work for so long is ended; null: never. With `launcher: ray`"
        " output alone counts, and only where this is set.",
    )
    limit: Duration | None = Field(
        None, description="How long one run may take; what has a checkpoint then goes on in the next one."
    )
    spot: Spot | None = Field(None, description="Save and end when the cloud says that it takes this machine away.")
    runs: int = Field(10, ge=1, le=1000, description="How many runs in a row one training may take.")
    budget: float | None = Field(
        None, gt=0, allow_inf_nan=False, description="What they may cost together, in the currency of `price`."
    )
    attempts: int = Field(
        5, ge=1, le=100, description="How often a command that crashes, but gets further each time, is started."
    )
