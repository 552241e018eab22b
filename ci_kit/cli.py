"""The commands: each step's own options are read from its package, parsed here and handed on as overrides."""

import importlib
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from ci_kit.options import Option

STEPS = ("validate", "train", "evaluate", "report")
app = typer.Typer(
    name="ci-kit",
    help="The pull request is the control plane of machine learning.",
    rich_markup_mode=None,  # rich would take longer to import than the rest of --help together
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
journeys = typer.Typer(help="Run a whole journey.", rich_markup_mode=None, no_args_is_help=True)
app.add_typer(journeys, name="run")

Directory = Annotated[Path, typer.Option("--directory", "-C", help="The folder of ci-kit.yaml.")]


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
    defaults: dict[str, Any] = {"directory": Path(), "no_report": False}
    for option in accepted:
        name = option.name.replace("-", "_")
        kinds[name] = Annotated[str, typer.Option(f"--{option.name}", help=option.help, show_default=False)]
        defaults[name] = ""
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(name, keyword, default=defaults[name], annotation=kind) for name, kind in kinds.items()
    ]
    function.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    function.__annotations__ = kinds
    return function


def _overrides(step: str, given: dict[str, str]) -> dict[str, object]:
    values = {option.key: given.get(option.name.replace("-", "_"), "") for option in options(step)}
    return {key: value for key, value in values.items() if value}


def _add(name: str) -> None:
    def command(*, directory: Path, **given: str) -> None:
        from ci_kit.steps import step

        raise typer.Exit(1 if step(name, directory.resolve(), _overrides(name, given)).status == "fail" else 0)

    help_text = importlib.import_module(f"ci_kit.{name}").__doc__
    app.command(name, help=help_text)(_accept(command, options(name)))


def _check(*, directory: Path, no_report: bool, **given: str) -> None:
    from ci_kit.journeys import check

    raise typer.Exit(
        check(directory.resolve(), {name: _overrides(name, given) for name in STEPS}, report=not no_report)
    )


for word in STEPS:
    _add(word)
every = tuple(option for word in STEPS for option in options(word))
no_report = Annotated[bool, typer.Option("--no-report", help="Leave the report to another command.")]
journeys.command("check", help="Check a change: validate, train, evaluate, report.")(
    _accept(_check, every, no_report=no_report)
)
