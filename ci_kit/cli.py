"""The commands: each step's own options are read from its package, parsed here and handed on as overrides."""

import importlib
import inspect
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path
from typing import Annotated, Any

import typer

from ci_kit.aside import Directory, add
from ci_kit.options import Option, examples

CHECK = ("validate", "train", "evaluate", "report")
SHIP = ("package", "deploy")
WATCH = ("drift", "retrain")
STEPS = CHECK + SHIP + WATCH
app = typer.Typer(
    name="ci-kit",
    help="The pull request is the control plane of machine learning.",
    rich_markup_mode=None,  # rich would take longer to import than the rest of --help together
    add_completion=True,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
journeys = typer.Typer(help="Run a whole journey.", rich_markup_mode=None, no_args_is_help=True)
app.add_typer(journeys, name="run")

Json = Annotated[bool, typer.Option("--json", help="Print the Result as JSON; all else goes to stderr.")]
Jsons = Annotated[bool, typer.Option("--json", help="Print a list of all Results as JSON; all else goes to stderr.")]
ResultName = Annotated[str, typer.Option("--result", help="Write .ci-kit/<step>-RESULT.json.", show_default=False)]


def options(step: str) -> tuple[Option, ...]:
    """Return the options that the step's package declares."""
    declared: tuple[Option, ...] = importlib.import_module(f"ci_kit.{step}").OPTIONS
    return declared


def _version(wanted: bool) -> None:
    if wanted:
        from ci_kit import __version__

        typer.echo(f"ci-kit {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Show it.")] = False,
) -> None:
    """Hold what all commands share."""


def _accept(function: Callable[..., None], accepted: tuple[Option, ...], **more: Any) -> Callable[..., None]:
    """Give the function the command-line parameters that the options declare."""
    kinds: dict[str, Any] = {"directory": Directory} | more
    defaults: dict[str, Any] = {"directory": Path(), "no_report": False, "result": "", "as_json": False, "words": []}
    for option in accepted:
        name, kind = _name(option), str if option.key else bool
        kinds[name] = Annotated[kind, typer.Option(f"--{option.name}", help=option.help, show_default=False)]
        defaults[name] = "" if option.key else False
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, keyword, default=defaults[name], annotation=kind) for name, kind in kinds.items()
    ]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = kinds
    return function


def _name(option: Option) -> str:
    return option.name.replace("-", "_")


def _overrides(step: str, given: dict[str, Any]) -> dict[str, object]:
    values = {option.key: given.get(_name(option), "") for option in options(step) if option.key}
    return {key: value for key, value in values.items() if value}


def _flag(step: str, given: dict[str, Any]) -> str:
    """Return the flag that was given: it names a function of the step's module."""
    asked = [option for option in options(step) if not option.key and given.get(_name(option))]
    if len(asked) > 1:
        from ci_kit.errors import UserError

        names = " and ".join(f"--{option.name}" for option in asked)
        raise UserError(f"{names} can't go together", hint="Give one of them")
    return asked[0].name if asked else ""


def _said(step: str, words: list[str], given: dict[str, Any]) -> dict[str, Any]:
    """Return the options with those that were said without dashes."""
    from ci_kit.errors import UserError

    known = {option.name: _name(option) for option in options(step) if option.verb}
    bare = next((option for option in options(step) if option.bare), None)
    for word in words:
        if word in known:
            given = given | {known[word]: True}
        elif bare and not given.get(_name(bare)):
            given = given | {_name(bare): word}
        else:
            hint = f"Known words: {', '.join(known)}" if known else f"Type: ci-kit {step} --help"
            raise UserError(f"ci-kit {step} does not know {word!r}", hint=hint)
    return given


def _print(directory: Path, name: str) -> None:
    from ci_kit.result import FOLDER

    # As bytes: stdout need not be UTF-8.
    sys.stdout.buffer.write((directory / FOLDER / name).read_bytes())
    sys.stdout.flush()


def _add(name: str) -> None:
    def command(*, directory: Path, result: str, as_json: bool, words: tuple[str, ...] = (), **given: Any) -> None:
        from ci_kit.steps import place, printed, step

        given = _said(name, [*words], given)
        overrides, flag = _overrides(name, given), _flag(name, given)
        entry, label, root = flag.replace("-", "_") or "run", result or flag or None, directory.resolve()
        answer = next((option.prints for option in options(name) if option.name == flag), "")
        with redirect_stdout(sys.stderr) if answer else printed(place(root, name, label), as_json=as_json):
            done = step(name, root, overrides, entry=entry, label=label)
        if answer:
            _print(root, answer)
        raise typer.Exit(done.exit_code)

    package = importlib.import_module(f"ci_kit.{name}")
    more: dict[str, Any] = {"result": ResultName, "as_json": Json}
    verbs = "|".join(option.name for option in options(name) if option.verb)
    shown = " ".join([option.name.upper() for option in options(name) if option.bare] + [verbs] * bool(verbs))
    if shown:
        more["words"] = Annotated[list[str] | None, typer.Argument(metavar=shown, hidden=True)]
    app.command(name, help=package.__doc__, epilog=examples(*package.EXAMPLES))(_accept(command, options(name), **more))


def _journey(names: tuple[str, ...], directory: Path, given: dict[str, Any], *, as_json: bool, **more: bool) -> None:
    """Run the journey of these steps; with JSON, also one that can't be finished tells the Results that there are."""
    from ci_kit import journeys
    from ci_kit.result import result_path
    from ci_kit.steps import printed

    root, overrides = directory.resolve(), {name: _overrides(name, given) for name in names}
    journey = {CHECK: journeys.check, SHIP: journeys.ship, WATCH: journeys.watch}[names]
    with printed(*(result_path(root, name) for name in names), as_json=as_json, many=True):
        code = journey(root, overrides, **more)
    raise typer.Exit(code)


def _check(*, directory: Path, no_report: bool, as_json: bool, **given: str) -> None:
    _journey(CHECK, directory, given, as_json=as_json, report=not no_report)


def _ship(*, directory: Path, as_json: bool, **given: Any) -> None:
    _journey(SHIP, directory, given, as_json=as_json)


def _watch(*, directory: Path, as_json: bool, **given: Any) -> None:
    _journey(WATCH, directory, given, as_json=as_json)


for word in STEPS:
    _add(word)
add(app)
every = tuple(option for word in CHECK for option in options(word) if option.key)
no_report = Annotated[bool, typer.Option("--no-report", help="Leave the report to another command.")]
journeys.command(
    "check",
    help="Check a change: validate, train, evaluate, report.",
    epilog=examples("ci-kit run check", "ci-kit run check --no-report --directory ml/bike"),
)(_accept(_check, every, no_report=no_report, as_json=Jsons))
shipping = {option.name: option for word in reversed(SHIP) for option in options(word) if option.key}
journeys.command(
    "ship",
    help="Ship a model: package it, then deploy what was registered.",
    epilog=examples("ci-kit run ship", "ci-kit run ship --target staging"),
)(_accept(_ship, tuple(shipping.values()), as_json=Jsons))
journeys.command(
    "watch",
    help="Keep it true: drift, and a retraining pull request where it persists.",
    epilog=examples("ci-kit run watch", "ci-kit run watch --monitor prices"),
)(_accept(_watch, tuple(option for word in WATCH for option in options(word) if option.key), as_json=Jsons))
