"""The sections of the second journey: ship a model."""

from typing import Annotated, Literal

from pydantic import Field

from ci_kit.sections.base import (
    Address,
    ClusterName,
    Distribution,
    Duration,
    Host,
    Image,
    ModelName,
    OneOrMore,
    Quantity,
    Reference,
    Section,
    Version,
)


class Package(Section):
    """Packaging: an ONNX model becomes a bento."""

    name: ModelName = Field("model", description="The name under which versions are registered, such as `digits`.")
    version: Version | None = Field(None, description="The version to register; default: the next minor one.")
    reference: Reference | None = Field(
        None,
        description="The framework's own answers, as `path.py:function` (frame in, array out): the exported model must"
        " give the same.",
    )
    golden: int = Field(64, ge=1, le=1000, description="How many rows travel with the model as its test.")
    tolerance: float = Field(
        1e-5, gt=0, lt=1, description="Allowed difference of answers: so much, plus so much of the answer."
    )
    max_rows: int = Field(1000, ge=1, le=100_000, description="Rows that one request may have.")
    max_bytes: int = Field(4 * 2**20, ge=1024, le=2**30, description="Bytes that one request may have.")
    service: Reference | None = Field(
        None, description="A service of your own: a subclass of `ci_kit.serving.Model`, or a `bentoml.service`."
    )
    include: OneOrMore = Field((), description="Files, globs or folders that your own service needs.")
    requirements: tuple[Distribution, ...] = Field(
        (), description="Installed packages that your own service needs, by name."
    )
    card: str | None = Field(None, description="Markdown of your own for the model card, such as its intended use.")
    licence: str | None = Field(None, max_length=80, description="The model's licence, as an SPDX identifier.")
    store: str = Field(
        ".ci-kit/bentos",
        description="Where the bytes are kept: a folder, `oci://REGISTRY/REPOSITORY`, `release` or `dvc`.",
    )
    bento: str | None = Field(None, description="The bento to register or to verify; default: what was built last.")


class _Target(Section):
    """What all targets share."""

    stage: ModelName | None = Field(None, description="The stage of what is deployed here; default: the target's name.")
    start: Duration = Field("120s", description="How long a candidate may take to be ready.")


class _Places(_Target):
    """What targets share that have two places, and a proxy of ours before them."""

    address: Address = Field("127.0.0.1:8080", description="Where clients find the service, as `host:port`.")
    folder: str | None = Field(
        None, description="Where its state, bentos and logs lie; default: below `~/.local/state/ci-kit`."
    )
    workers: int = Field(1, ge=1, le=64, description="Processes that answer requests.")
    watch: Duration = Field("60s", description="How long the new version is watched after the switch.")
    errors: float = Field(
        0.01, ge=0, lt=1, description="The share of failed requests, beyond the old one's, that ends it."
    )
    slower: float = Field(3.0, ge=1, description="How many times slower than the old version ends it.")
    drain: Duration = Field("10s", description="How long the old version may finish its requests.")
    log: bool = Field(True, description="Whether request rows and answers go to the prediction log.")
    sample: float = Field(1.0, gt=0, le=1, description="The share of requests that the prediction log keeps.")


class Local(_Places):
    """Processes on this machine, behind Caddy."""

    kind: Literal["local"] = Field(description="How the target is reached.")


class Ssh(_Places):
    """The same on another machine, with systemd units."""

    kind: Literal["ssh"] = Field(description="How the target is reached.")
    host: Host = Field(description="Where to log in, as `user@host` or a name of your SSH configuration.")
    python: str = Field("python3", description="The Python (3.11 or newer) of that machine.")


class Docker(_Places):
    """Containers on this machine, by Docker Compose: the image by its digest, behind Caddy."""

    kind: Literal["docker"] = Field(description="How the target is reached.")


class _Cluster(_Target):
    """What targets share that a cluster looks after."""

    namespace: ClusterName = Field("default", description="The namespace.")
    context: str | None = Field(None, description="The context of kubectl; default: its current one.")
    # Kubernetes' own default of progressDeadlineSeconds: a node may have to pull the image first.
    start: Duration = Field("10m", description="How long the new version may take to be ready everywhere.")
    replicas: int = Field(2, ge=1, le=1000, description="How many instances answer requests.")
    cpu: Quantity = Field("500m", description="CPU that an instance is given.")
    memory: Quantity = Field("1Gi", description="Memory that an instance is given.")


class Kubernetes(_Cluster):
    """A Deployment and a Service of a Kubernetes cluster."""

    kind: Literal["kubernetes"] = Field(description="How the target is reached.")


class KServe(_Cluster):
    """An InferenceService of KServe."""

    kind: Literal["kserve"] = Field(description="How the target is reached.")


class BentoCloud(_Target):
    """A deployment of BentoCloud."""

    kind: Literal["bentocloud"] = Field(description="How the target is reached.")
    cluster: ClusterName | None = Field(None, description="The cluster; default: the account's own.")
    start: Duration = Field("30m", description="How long it may take to be ready, its image being built there first.")


Target = Annotated[
    Local | Ssh | Docker | Kubernetes | KServe | BentoCloud,
    Field(discriminator="kind"),
]


class Deploy(Section):
    """Deployment: a registered version is started beside the running one, tested, switched to and watched."""

    target: ModelName | None = Field(None, description="The target to deploy to; default: the only one.")
    version: Version | None = Field(None, description="The registered version to deploy; default: the newest.")
    image: Image | None = Field(
        None, description="The image of the version, by its digest, for targets that run containers."
    )
    breaking: bool = Field(False, description="Whether the API may break for clients of the running version.")
    key: str | None = Field(None, description="The public key (PEM) that signatures must verify with.")
    identity: str | None = Field(
        None, description="Who must have signed without a key: the workflow's address, as in its certificate."
    )
    issuer: str = Field(
        "https://token.actions.githubusercontent.com", description="Who vouches for that identity (OpenID Connect)."
    )
    targets: dict[ModelName, Target] = Field({}, description="The places to deploy to, by name.")
