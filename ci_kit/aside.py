"""The commands beside the steps: how to begin, what is wrong here, and what a code means."""

from pathlib import Path
from typing import Annotated

import typer

from ci_kit.explain.command import explain
from ci_kit.options import examples

Directory = Annotated[Path, typer.Option("--directory", "-C", help="The folder of ci-kit.yaml.")]


def add(app: typer.Typer) -> None:
    """Give the command line `init`, `doctor` and `explain`."""
    app.command(
        "init",
        help="Look at a repository, and write what ci-kit needs to check it: nothing of yours is run.",
        epilog=examples("ci-kit init", "ci-kit init --yes --target price"),
    )(_init)
    app.command(
        "doctor",
        help="Say what is wrong with this machine, the configuration, the repository and the workflows.",
        epilog=examples("ci-kit doctor", "ci-kit doctor -C models/bike", "ci-kit doctor --json"),
    )(_doctor)
    app.command(
        "explain",
        help="Say what a code means, what causes it and what to do.",
        epilog=examples("ci-kit explain", "ci-kit explain gate", "ci-kit explain config/unknown-key --json"),
    )(explain)


def _init(
    directory: Directory = Path(),
    yes: Annotated[bool, typer.Option("--yes", help="Take the defaults without asking; keep what differs.")] = False,
    target: Annotated[str, typer.Option("--target", help="The column with the truth.", show_default=False)] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print an object of what was done and nothing else.")] = False,
) -> None:
    from ci_kit.init import init

    init(directory, target, yes=yes, as_json=as_json)


def _doctor(
    directory: Directory = Path(),
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of findings and nothing else.")] = False,
) -> None:
    from ci_kit.doctor.command import doctor

    raise typer.Exit(doctor(directory.resolve(), as_json=as_json))
