"""The few questions that files can't answer, asked in a terminal with the best guess as the default."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import typer

from ci_kit.characters import visible
from ci_kit.errors import UserError
from ci_kit.progress import busy


@dataclass(frozen=True, kw_only=True)
class Asker:
    """Asks, or with `yes` takes the defaults; `where` is the folder as it was typed, for hints."""

    yes: bool
    where: str = ""

    def terminal(self) -> None:
        """Raise UserError unless there is somebody to ask, or nothing to be asked."""
        if not self.yes and not sys.stdin.isatty():
            raise UserError("there is no terminal to ask in", hint=f"Type: {self.command} --yes")

    @property
    def command(self) -> str:
        """The command that was typed, for hints."""
        return f"ci-kit init{self.where}"

    def choose(self, question: str, choices: Sequence[str], default: str | None, *, unsaid: UserError) -> str:
        """Return one of the choices; with `yes` the default, and where there is none `unsaid` is raised."""
        if self.yes or len(choices) == 1:
            if default is None and len(choices) != 1:
                raise unsaid
            return default if default is not None else choices[0]
        busy("")
        shown = [visible(one) for one in choices]
        typer.echo(f"{question}: {', '.join(shown[:20])}{' …' if len(shown) > 20 else ''}")
        while True:
            said = typer.prompt("  which", default=visible(default) if default is not None else None)
            if said in shown:
                return choices[shown.index(said)]
            typer.echo(f"  there is no {visible(said)!r}")

    def agree(self, question: str, *, default: bool) -> bool:
        """Return whether the user agrees; with `yes` the default."""
        if self.yes:
            return default
        busy("")
        return typer.confirm(question, default=default)
