"""`ci-kit init`, from the first look to the last line; see `start`."""

import re
import tempfile
from pathlib import Path

import typer

from ci_kit import config
from ci_kit.characters import visible
from ci_kit.config import Config
from ci_kit.data.paths import shown
from ci_kit.errors import UserError
from ci_kit.init import advice, choose, look, measure, schema, texts, workflows
from ci_kit.init.ask import Asker
from ci_kit.init.facts import Facts
from ci_kit.init.infer import Rule, rule
from ci_kit.init.look import Found
from ci_kit.init.measure import Rows
from ci_kit.init.script import Script
from ci_kit.init.texts import Plan
from ci_kit.init.write import ignoring, write
from ci_kit.validate.source import Source

TESTS = "tests/model"
MODEL = "model.onnx"


def start(root: Path, target: str, asker: Asker) -> dict[str, object]:
    """Write ci-kit.yaml, schemas.py, model tests and workflows for the repository at the root, and say what is missing.

    Returns for programs what it says: `written` and `kept` paths, what is `missing`, and what to type `next`.
    Raises UserError, in one line, where something essential is missing or can't be told.
    """
    asker.terminal()
    found, given = look.look(root), _given(root)
    choose.refuse(found, given)
    script = _script(found, asker)
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as folder:
        sets = choose.sets(found, script, given, asker)
        known = given.data if given else {}
        data = {name: measure.dataset(path, root, known.get(name)) for name, path in sets.items()}
        sources = {name: Source(visible(sets[name]), one, root, Path(folder)) for name, one in data.items()}
        plan, models = _measured(found, script, given, Rows(sources=sources), target, asker)
    files, before = _files(found, plan, models)
    written, kept = write(files, before, root, asker)
    for path in kept:
        how = "kept, as it differs" if path.exists() else "not written"
        typer.echo(f"{how}: {visible(shown(path, root))}")
    for path in written:
        typer.echo(f"written: {visible(shown(path, root))}")
    if not written and not kept:
        typer.echo("no change")
    missing = [*advice.missing(found, script, plan, [one for rules in models.values() for one in rules])]
    for line in missing:
        typer.echo(f"! {line}")
    command = f"ci-kit run check{asker.where}"
    typer.echo(f"Next: {command}; then commit, push, and open a pull request")
    paths = {"written": [shown(path, root) for path in written], "kept": [shown(path, root) for path in kept]}
    return {**paths, "missing": missing, "next": command}


def _given(root: Path) -> Config | None:
    """Return the configuration that is there, whose choices are the defaults; a broken one says nothing."""
    try:
        return config.load(root / config.FILE)
    except UserError:
        return None


def _script(found: Found, asker: Asker) -> Script | None:
    if not found.scripts:
        return None
    paths = [one.path for one in found.scripts]
    unsaid = UserError("which script trains can't be told")
    chosen = paths[0] if found.stages else asker.choose("Script that trains", paths, paths[0], unsaid=unsaid)
    return next(one for one in found.scripts if one.path == chosen)


def _measured(
    found: Found, script: Script | None, given: Config | None, rows: Rows, wanted: str, asker: Asker
) -> tuple[Plan, dict[str, list[Rule]]]:
    """Return what will be checked, and the rules of each schema by its name."""
    evaluation = next((name for name in rows.sources if name != "train"), "train")
    columns = rows.sources[evaluation].columns
    if empty := next((one for one in rows.sources.values() if not one.height), None):
        raise UserError(f"{visible(empty.dataset.path[0])} has no rows", hint="Write the data again or pull it")
    trained = rows.sources["train"].columns if "train" in rows.sources else ()
    target = choose.target(columns, script, wanted, given, asker, trained=trained)
    known = {names: rows.facts(names) for names in rows.groups}
    ours = next(facts for names, facts in known.items() if evaluation in names)
    truth = next(one for one in ours if one.name == target)
    classes = measure.classes(truth, script.tasks if script else set())
    names = {one: "Rows" if len(known) == 1 else _class(group[0]) for group in known for one in group}
    features = choose.features(columns, target, script)
    key = _key(rows, ours, target, features, script)
    by, common = _shared(rows, evaluation, key, ours)
    plan = Plan(
        base=found.base,
        sets={name: one.dataset for name, one in rows.sources.items()},
        heights={name: one.height for name, one in rows.sources.items()},
        models=names,
        evaluation=evaluation,
        key=key,
        by=by,
        common=common,
        command="" if found.stages else _command(script, given),
        model=_model(found, script, given),
        target=target,
        classes=classes,
        features=features,
        untold=rows.column(evaluation, target).null_count(),
        guess=measure.guess(rows, evaluation, target, ours, classes=classes),
        report=re.sub(r"[^a-z0-9]+", "-", found.prefix.lower())[:40].strip("-"),
        tests=TESTS,
    )
    return plan, {names[group[0]]: _rules(facts, target, classes=classes) for group, facts in known.items()}


def _class(name: str) -> str:
    """Return a class's name for a data set: it begins with a letter, whatever the other begins with."""
    return "Rows" + "".join(part.title() for part in re.split(r"[-_]", name))


def _rules(facts: list[Facts], target: str, *, classes: bool) -> list[Rule]:
    return [rule(one, target=one.name == target, classes=classes and one.name == target) for one in facts]


def _command(script: Script | None, given: Config | None) -> str:
    return (given.train.command if given else None) or (script.command if script else "")


def _model(found: Found, script: Script | None, given: Config | None) -> str:
    if given and "model" in given.evaluate.model_fields_set:
        return given.evaluate.model
    named = script.onnx if script else ""
    plain = named and not named.startswith(("/", "..")) and "{" not in named
    return named if plain else next(iter(found.models), MODEL)


def _key(rows: Rows, facts: list[Facts], target: str, features: tuple[str, ...], script: Script | None) -> str:
    """Return the column that names each row in all data sets, and that the model does not read."""
    dropped = {*script.dropped} if script else set()
    read = bool(script and target in dropped)  # what is not dropped beside the target, the model reads
    for one in facts:
        everywhere = all(one.name in source.columns for source in rows.sources.values())
        free = one.name not in (target, *features) and (not read or one.name in dropped)
        if one.names and not one.form and everywhere and free:
            return one.name
    return ""


def _shared(rows: Rows, evaluation: str, key: str, facts: list[Facts]) -> tuple[tuple[str, ...] | None, int]:
    """Return the columns by which the rows of both data sets can be told apart, and how many both have."""
    if len(rows.groups) > 1 or len(rows.sources) < 2:
        return None, 0
    names = tuple(one.name for one in facts)
    if key and not rows.common("train", evaluation, [key]):
        return (key,), 0
    by = tuple(name for name in names if name != key)  # numbered anew in each file, a key tells nothing
    return (by if key else ()), rows.common("train", evaluation, by or names)


def _files(found: Found, plan: Plan, models: dict[str, list[Rule]]) -> tuple[dict[Path, str], dict[Path, str]]:
    files = {
        found.root / config.FILE: texts.config(plan),
        found.root / "schemas.py": schema.source(models),
        found.root / TESTS / "test_model.py": texts.tests(plan),
        found.top / ".gitignore": ignoring(found.top / ".gitignore"),
    }
    config.read(files[found.root / config.FILE].encode())
    if workflows.other(found.top):
        return files, {}
    flows, before = workflows.workflows(found)
    return files | flows, before
