"""The texts of ci-kit.yaml and of the first model tests."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import yaml

from ci_kit.init.measure import Guess
from ci_kit.init.schema import literal
from ci_kit.sections import DataSet

_PLAIN = re.compile(r"[A-Za-z_](?:[\w./ -]|:(?=\w))*", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What will be checked: all that the texts say.

    `models` names the schema of each data set; `key` names rows, `by` are the columns that no two data sets share rows
    in (None: none was proven), `common` how many rows they share now; `untold` rows to evaluate on have no truth.
    """

    base: str
    sets: Mapping[str, DataSet]
    heights: Mapping[str, int]
    models: Mapping[str, str]
    evaluation: str
    key: str
    by: tuple[str, ...] | None
    common: int
    command: str
    model: str
    target: str
    untold: int
    classes: bool
    features: tuple[str, ...]
    guess: Guess
    report: str
    tests: str


def scalar(text: str) -> str:
    """Return the text as a YAML scalar in one line that is read as this very text."""
    if _PLAIN.fullmatch(text) and yaml.safe_load(text) == text:
        return text
    return yaml.safe_dump(text, default_style='"', width=10**9).strip()


def _flow(texts: Sequence[str]) -> str:
    return f"[{', '.join(map(scalar, texts))}]"


def config(plan: Plan) -> str:
    """Return the text of ci-kit.yaml: the sections that are needed, each line explained."""
    parts = [
        "# What ci-kit checks here, written by `ci-kit init`. `ci-kit run check` does the same as a pull request does.",
        f"base: {scalar(plan.base)} # the branch that changes are compared with\n",
        "data:",
        *(_dataset(plan, name) for name in plan.sets),
        *_overlap(plan),
        "train:",
        f"  command: {scalar(plan.command)}" if plan.command else "  # without a command: `dvc repro`",
        f"  outputs: {scalar(plan.model)} # must be written anew",
        "",
        "evaluate:",
        f"  task: {'classification' if plan.classes else 'regression'}",
        f"  model: {scalar(plan.model)} # ONNX; a pickle is refused, as loading one can run any code",
        *([f"  data: {plan.evaluation}"] if plan.evaluation != "evaluation" else []),
        f"  target: {scalar(plan.target)} # the column with the truth",
        *([f"  features: {_flow(plan.features)} # as the training script names them"] if plan.features else []),
        f"  tests: {scalar(plan.tests)} # plain pytest: what the model must keep, whatever else changes",
        "  first-run: allow # delete this line once the base branch has a result: then a missing baseline fails",
        *(["", "report:", f"  id: {plan.report} # one comment for each model"] if plan.report else []),
    ]
    return "\n".join(parts) + "\n"


def _dataset(plan: Plan, name: str) -> str:
    one, height = plan.sets[name], plan.heights[name]
    lines = [
        f"  {name}:",
        f"    path: {_flow(one.path) if len(one.path) > 1 else scalar(one.path[0])}",
        *([f"    format: {one.format}"] if one.format else []),
        *([f"    columns: {_flow(one.columns)} # the file has no header: name them"] if one.columns else []),
        f"    schema: {scalar(f'schemas.py:{plan.models[name]}')} # types, ranges, categories: read it once",
        *([f"    key: {scalar(plan.key)} # names each row once, and is no feature"] if plan.key else []),
        f"    min-rows: {max(1, height // 2)} # half of today's {height:,}",
    ]
    return "\n".join(lines) + "\n"


def _overlap(plan: Plan) -> list[str]:
    if "train" not in plan.sets or plan.by is None:
        return []
    by = f", by: {_flow(plan.by)}" if plan.by else ""
    line = f"    - {{between: [train, {plan.evaluation}]{by}}} # no row to train on is one to evaluate on"
    if plan.common:
        return [
            f"# {plan.common:,} rows of {plan.evaluation} are in train, too: drop them, and then switch this on.",
            *(f"# {text}" for text in ("validate:", "  overlap:", line)),
            "",
        ]
    return ["validate:", "  overlap:", line, ""]


def tests(plan: Plan) -> str:
    """Return the text of the first model tests; their limits are what always giving one answer scores."""
    sliced = plan.guess.slice
    used = ["assert_metric", "assert_properties", *(["assert_slices"] if sliced else [])]
    score, worst = (_limit(one, classes=plan.classes) for one in (plan.guess.score, plan.guess.worst))
    metric, side = ("accuracy", "at_least") if plan.classes else ("mae", "at_most")
    answer = "the commonest answer" if plan.classes else "the median"
    parts = [
        '"""What the model must keep, whatever else changes: written by `ci-kit init`, to be sharpened by you."""\n',
        f"from ci_kit.testing import {', '.join(used)}\n\n",
        "def test_it_beats_a_constant(model, dataset):",
        f"    # Always giving {answer} scores {score}: set it to what you expect of the model.",
        f'    assert_metric(model, dataset, "{metric}", {side}={score})\n\n',
        "def test_it_answers_whatever_the_schema_allows(model, dataset):",
        "    # An empty batch is left out, as classifiers of scikit-learn fail there.",
        "    assert_properties(model, dataset.schema, empty=False)",
    ]
    if sliced:
        parts += [
            "\n\ndef test_no_group_is_left_behind(model, dataset):",
            f"    # {answer.capitalize()} of each group scores {worst} or better.",
            f"    assert_slices(model, dataset, {literal(sliced)}, {side}={worst})",
        ]
    return "\n".join(parts) + "\n"


def _limit(value: float, *, classes: bool) -> str:
    """Return the value with two digits after the point, or three in all, rounded to the side that forgives."""
    if classes:
        return f"{math.floor(100 * value) / 100:.2f}"
    if not value:
        return "0.0"
    places = 2 - math.floor(math.log10(value))
    return repr(round(math.ceil(value * 10.0**places) / 10.0**places, max(places, 0)))
