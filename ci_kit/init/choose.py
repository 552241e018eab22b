"""From what was found to what is checked: which file is what, which column is the truth, what the model reads."""

import difflib
import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath

from ci_kit.characters import visible
from ci_kit.config import Config
from ci_kit.errors import UserError
from ci_kit.init.ask import Asker
from ci_kit.init.facts import ID
from ci_kit.init.look import ROLES, Found, models, role
from ci_kit.init.script import Script

_TARGETS = ("target", "label", "labels", "y", "class", "outcome", "truth")


def refuse(found: Found, given: Config | None) -> None:
    """Raise the UserError that says in one line what is missing before anything can be checked."""
    folders = models(found)
    if folders:
        first = PurePosixPath(found.prefix, folders[0])
        hint = f"Type: ci-kit init -C {first}, then the same for the others: the workflow gets a matrix of them"
        raise UserError(f"{len(folders)} models are here: {', '.join(folders[:5])}", hint=hint)
    roles = {role(name) for name in found.data}
    if found.absent and not (given and given.data) and (not found.data or roles < {*ROLES}):
        # By name: a bare `dvc pull` fails where a stage was never run.
        names = " ".join(shlex.quote(visible(name)) for name in found.absent)
        raise UserError(f"{visible(found.absent[0])} is not here", why="DVC tracks it", hint=f"Type: dvc pull {names}")
    if not found.data:
        hint = "Type: dvc repro" if found.stages else "Put the rows to evaluate on there, such as data/evaluation.csv"
        raise UserError(f"no data in {found.prefix or found.root.name}", why="no CSV, Parquet or JSON Lines", hint=hint)
    if not (found.stages or found.scripts or (given and given.train.command)):
        if found.notebooks:
            name = visible(found.notebooks[0])
            hint = f"Type: jupyter nbconvert --to script {shlex.quote(name)}"
            raise UserError(f"no training script, only the notebook {name}", hint=hint)
        why = "no .py file calls .fit(…), .train(…) or .backward()"
        raise UserError("no training script", why=why, hint="Write one that writes model.onnx, such as train.py")


def sets(found: Found, script: Script | None, given: Config | None, asker: Asker) -> dict[str, str]:
    """Return the data sets: `evaluation`, and `train` where there is one → path."""
    if given and given.data and given.evaluate.data in given.data:
        return {name: one.path[0] for name, one in given.data.items() if name in ("train", given.evaluate.data)}
    read = [name for name in found.data if script and _mentions(script, name)]
    roles = {name: role(name) for name in found.data}
    evaluating = sorted((name for name in found.data if roles[name] == "evaluation"), key=_rank)
    training = [name for name in found.data if roles[name] == "train"]
    if len(found.data) == 1:
        return {"evaluation": found.data[0]}
    plain = read if not evaluating and len(read) == 1 else []
    guess = next(iter([*evaluating, *plain]), None)
    names = ", ".join(map(visible, found.data[:5]))
    unsaid = UserError(
        f"which file is evaluated can't be told: {names}",
        hint=f"Name one evaluation.csv, or type {asker.command} in a terminal, which asks",
    )
    chosen = asker.choose("Rows to evaluate on", evaluating or found.data, guess, unsaid=unsaid)
    rest = training or [name for name in read if name != chosen and not roles[name]]
    ours = [name for name in rest if name != chosen]
    if not ours:
        return {"evaluation": chosen}
    first = next((name for name in ours if name in read), ours[0])
    return {"train": asker.choose("Rows to train on", ours, first, unsaid=unsaid), "evaluation": chosen}


def _rank(name: str) -> tuple[int, int, str]:
    words = ROLES["evaluation"]
    stem = PurePosixPath(name).stem.lower()
    return next((at for at, word in enumerate(words) if word in stem), len(words)), name.count("/"), name


def _mentions(script: Script, name: str) -> bool:
    path = PurePosixPath(name)
    return any(text == path.name or text.endswith(f"/{path.name}") for text in script.texts)


def target(
    columns: Sequence[str],
    script: Script | None,
    given: str,
    old: Config | None,
    asker: Asker,
    *,
    trained: Sequence[str] = (),
) -> str:
    """Return the column with the truth: as given, as the old configuration, the script or its own name says.

    Raises UserError where it can't be told, or where only the rows to train on, `trained`, have it.
    """
    _labelled(columns, trained, [given, *(script.targets if script else ())])
    if given:
        if given not in columns:
            close = difflib.get_close_matches(given, columns, n=1, cutoff=0.5)
            hint = f"Did you mean {close[0]!r}?" if close else f"There are: {_few(columns)}"
            raise UserError(f"no column {given!r}", hint=hint)
        return given
    evidence = [old.evaluate.target] if old and "target" in old.evaluate.model_fields_set else []
    if script:
        evidence += script.targets
        for named in (script.dropped, script.texts):  # the only column that it takes out, or speaks of at all
            known = {name for name in named if name in columns and not ID.search(name)}
            evidence += known if len(known) == 1 else ()
    evidence += [name for name in columns if name.lower() in _TARGETS]
    guess = next((name for name in evidence if name in columns), None)
    unsaid = UserError(
        "which column is the truth can't be told",
        why=f"there are {_few(columns)}",
        hint=f"Type: {asker.command} --yes --target COLUMN",
    )
    last = None if asker.yes else columns[-1]
    return asker.choose("Column with the truth", columns, guess if guess is not None else last, unsaid=unsaid)


def _labelled(columns: Sequence[str], trained: Sequence[str], wanted: Sequence[str]) -> None:
    lost = next((name for name in wanted if name in trained and name not in columns), None)
    if lost is not None and not any(name in columns for name in wanted):
        why = "those to train on have it, and without the truth nothing can be scored"
        hint = "Hold back some of them as evaluation.csv"
        raise UserError(f"the rows to evaluate on have no column {visible(lost)!r}", why=why, hint=hint)


def _few(columns: Sequence[str]) -> str:
    return ", ".join(visible(name)[:40] for name in columns[:8]) + (" …" if len(columns) > 8 else "")


def features(columns: Sequence[str], target: str, script: Script | None) -> tuple[str, ...]:
    """Return the columns that the script says the model reads, in order; () where it leaves out the target alone."""
    if script is None:
        return ()
    known = {*columns} - {target}
    lists = [one for one in dict.fromkeys(script.lists) if {*one} <= known]
    widest = max(lists, key=len, default=())
    dropped = {name for name in script.dropped if name in columns} - {target}
    left = tuple(name for name in columns if name != target and name not in dropped)
    if dropped and left and not (widest and {*widest} <= dropped and len(lists) > 1):
        return left
    named = bool(widest) and all({*one} <= {*widest} for one in lists) and not {*widest} <= dropped
    return widest if named else ()
