"""`ci-kit.yaml`: read strictly, every mistake named with its line and the nearest right key."""

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import Field, ValidationError

from ci_kit import mistakes
from ci_kit.errors import UserError
from ci_kit.sections import (
    DataName,
    DataSet,
    Deploy,
    Drift,
    Evaluate,
    Package,
    Report,
    Retrain,
    Section,
    Train,
    Validate,
)

FILE = "ci-kit.yaml"
MAX_BYTES = 2**20
MAX_DEPTH = 20


class Config(Section):
    """The configuration of ci-kit, one section a step."""

    base: str = Field("main", description="The branch that changes are compared with.")
    data: dict[DataName, DataSet] = Field({}, description="The data sets, by name.")
    validate_: Validate = Field(default_factory=lambda: Validate(), alias="validate", description="Data tests.")
    train: Train = Field(default_factory=lambda: Train(), description="Training.")
    evaluate: Evaluate = Field(default_factory=lambda: Evaluate(), description="Model tests and the gate.")
    report: Report = Field(default_factory=lambda: Report(), description="The report.")
    package: Package = Field(default_factory=lambda: Package(), description="Packaging.")
    deploy: Deploy = Field(default_factory=lambda: Deploy(), description="Deployment.")
    drift: Drift = Field(default_factory=lambda: Drift(), description="Drift checks.")
    retrain: Retrain = Field(default_factory=lambda: Retrain(), description="Retraining.")

    @property
    def truth(self) -> str:
        """The column with the truth in what drift watches: `drift.target`, else `evaluate.target`."""
        return self.drift.target or self.evaluate.target


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader without what a bomb needs and a configuration does not: aliases, depth, duplicate keys."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.events.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem="aliases are not allowed", problem_mark=mark)
        if self.depth >= MAX_DEPTH:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(problem=f"more than {MAX_DEPTH} levels", problem_mark=mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: set[object] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                raise yaml.MarkedYAMLError(problem=f"{key.value!r} stands here twice", problem_mark=key.start_mark)
            seen.add(key.value if isinstance(key, yaml.ScalarNode) else None)
        return super().construct_mapping(node, deep)


def load(path: Path, overrides: Mapping[str, object] | None = None) -> Config:
    """Read the file and apply `section.key` overrides; raise UserError with the line of the first mistake."""
    try:
        return read(path.read_bytes(), overrides, origin=path.name)
    except FileNotFoundError as error:
        raise UserError(
            f"no {path.name} in {path.parent}", hint=f"Write one: {_START!r}", code="config/missing-file"
        ) from error
    except OSError as error:
        raise UserError(f"{path} can't be read", why=error.strerror or "", code="config/missing-file") from error


_START = "data: {evaluation: {path: data.csv}}"


def read(raw: bytes, overrides: Mapping[str, object] | None = None, *, origin: str = FILE) -> Config:
    """Read the bytes of a configuration, which may come from another revision; raise UserError as `load` does."""
    if len(raw) > MAX_BYTES:
        raise UserError(f"{origin} is {len(raw):,} bytes", why=f"the limit is {MAX_BYTES:,}")
    try:
        raw.decode()
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UserError(f"{origin}:{line} is not UTF-8", hint="Save it as UTF-8") from error
    try:
        loader = _Loader(raw)
        tree = loader.get_single_node()
        document = {} if tree is None else loader.construct_document(tree)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{origin}:{mark.line + 1}" if mark else origin
        why = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        raise UserError(f"{place} is not valid YAML", why=why) from error
    if not isinstance(document, dict):
        raise UserError(f"{origin} is a {type(document).__name__}", why="it must be a mapping", hint=f"Try {_START!r}")
    for key, value in (overrides or {}).items():
        section, _, name = key.partition(".")
        if isinstance(document.setdefault(section, {}), dict):
            document[section][name] = value
    try:
        return Config.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as error:
        raise mistakes.first(error, tree, origin, overrides or {}, Config) from error


def json_schema() -> dict[str, Any]:
    """Return the JSON Schema of `ci-kit.yaml`, as published in `ci_kit/schemas/config.json`."""
    return Config.model_json_schema(by_alias=True) | {"title": "ci-kit.yaml", "$id": "ci-kit:config:1"}
