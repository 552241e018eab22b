"""What is wrong with a configuration, in one line: where it is, why, and what was probably meant."""

import difflib
from collections.abc import Mapping
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from ci_kit.errors import UserError
from ci_kit.sections.base import LOOKS

Location = tuple[int | str, ...]


def first(
    error: ValidationError,
    tree: yaml.Node | None,
    origin: str,
    overrides: Mapping[str, object],
    whole: type[BaseModel],
) -> UserError:
    """Return the first mistake of a configuration, an unknown key before all others, as one line.

    `tree` is the file as YAML's nodes, `origin` its name, `whole` the model of all of it.
    """
    mistakes = error.errors(include_url=False)
    one = next((found for found in mistakes if found["type"] == "extra_forbidden"), mistakes[0])
    location = _shown(tree, one["loc"], _kinds(whole, one["loc"]))
    place, name = f"{origin}:{_line(tree, location)}", ".".join(str(part) for part in location)
    if name in overrides:  # not the file's fault; an option is named as the last part of its key
        place, name = "command line", f"--{name.rpartition('.')[2]}"
    if looks := LOOKS.get(one.get("ctx", {}).get("pattern", "")):
        return UserError(f"{place}: {name.removesuffix('.[key]')}: {one['input']!r:.60} must look like {looks}")
    if one["type"].startswith("union_tag_"):
        return _kind(f"{place}: {name}", one, _kinds(whole, one["loc"]))
    if one["type"] != "extra_forbidden":
        message = one["msg"].removeprefix("Value error, ")
        plain = one["type"] == "missing" or isinstance(one["input"], dict | list)  # it would only be dumped
        shown = f"it is {one['input']!r:.60}"
        return UserError(f"{place}: {name}: {message[0].lower()}{message[1:]}", why="" if plain else shown)
    known = _keys(whole, one["loc"][:-1])
    close = difflib.get_close_matches(str(one["loc"][-1]), known, n=1, cutoff=0.6)
    hint = f"Did you mean {close[0]!r}?" if close else f"Known keys: {', '.join(known)}"
    return UserError(f"{place}: unknown key {name!r}", hint=hint, code="config/unknown-key")


def _line(node: yaml.Node | None, location: Location) -> int:
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            pairs = {key.value: (key, value) for key, value in node.value}
            if part not in pairs:
                break
            key, node = pairs[part]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _shown(node: yaml.Node | None, location: Location, kinds: list[str]) -> Location:
    """Return a location without the parts that are none of the file's: of several kinds, which one it was."""
    kept: list[int | str] = []
    for place, part in enumerate(location):
        pairs = {key.value: value for key, value in node.value} if isinstance(node, yaml.MappingNode) else None
        if pairs is None or part in pairs or place == len(location) - 1 or part not in kinds:
            kept.append(part)
            node = pairs.get(part) if pairs is not None else None
    return tuple(kept)


def _kind(where: str, mistake: Any, kinds: list[str]) -> UserError:
    given = str(mistake["input"].get("kind", "")) if isinstance(mistake["input"], dict) else ""
    close = difflib.get_close_matches(given, kinds, n=1, cutoff=0.6)
    hint = f"Did you mean {close[0]!r}?" if close else f"Known kinds: {', '.join(kinds)}"
    return UserError(
        f"{where}.kind: {given!r:.60} is no kind of target" if given else f"{where} has no `kind`", hint=hint
    )


def _kinds(whole: type[BaseModel], location: Location) -> list[str]:
    """Return of which kinds something on the way to a location may be."""
    found = (model for end in range(1, len(location) + 1) for model in _walked(whole, location[:end]))
    return list(dict.fromkeys(kind for model in found for kind in _kind_of(model)))


def _keys(whole: type[BaseModel], location: Location) -> list[str]:
    return [field.alias or name for name, field in _walked(whole, location)[0].model_fields.items()]


def _walked(whole: type[BaseModel], location: Location) -> list[type[BaseModel]]:
    """Return the models of what may stand at a location: several where a `kind` tells which it is."""
    models = [whole]
    for part in location:
        of_kind = [model for model in models if part in _kind_of(model)]
        fields = {field.alias or name: field for name, field in models[0].model_fields.items()}
        models = of_kind or (_models(fields[str(part)].annotation) if part in fields else []) or models
    return models


def _kind_of(model: type[BaseModel]) -> tuple[str, ...]:
    return get_args(model.model_fields["kind"].annotation) if "kind" in model.model_fields else ()


def _models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in getattr(annotation, "__args__", ()) for model in _models(part)]
