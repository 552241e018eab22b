"""Help that teaches by example, completion, and answers for programs."""

import contextlib
import json
import os
import re
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from ci_kit import cli
from ci_kit.explain import PAGES
from ci_kit.result import parse

ROOT = Path(__file__).parents[1]
KIT = (sys.executable, "-m", "ci_kit")
MARK = "\b\nExamples:\n"


def commands(group: typer.core.TyperGroup, *words: str) -> Iterator[tuple[tuple[str, ...], typer.core.TyperCommand]]:
    for name, command in group.commands.items():
        if isinstance(command, typer.core.TyperGroup):
            yield from commands(command, *words, name)
        else:
            yield (*words, name), command  # type: ignore[misc]


WHOLE = typer.main.get_command(cli.app)
assert isinstance(WHOLE, typer.core.TyperGroup)
COMMANDS = dict(commands(WHOLE))


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_the_examples_of_a_command_can_be_typed(words: tuple[str, ...]) -> None:
    command = COMMANDS[words]
    assert (command.epilog or "").startswith(MARK), "its help ends with examples"
    lines = [line.strip() for line in (command.epilog or "").removeprefix(MARK).splitlines()]
    assert 1 <= len(lines) <= 3
    for line in lines:
        assert len(line) < 76, "it fits where nothing is wrapped"
        typed = shlex.split(line, comments=True)
        assert typed[: len(words) + 1] == ["ci-kit", *words]
        context = command.make_context(words[-1], typed[len(words) + 1 :])
        said = context.params.get("words")
        if said:
            cli._said(words[-1], [*said], {})


def test_an_example_that_can_not_be_typed_would_be_seen() -> None:
    with pytest.raises(Exception, match="--sample"):
        COMMANDS[("validate",)].make_context("validate", ["--sample", "3"])


def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    known = {name: value for name, value in os.environ.items() if not name.startswith("GITHUB_")}
    return subprocess.run([*KIT, *words], env=known | env, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("typed", "place", "offered"),
    [("ci-kit dep", 1, "deploy"), ("ci-kit run w", 2, "watch"), ("ci-kit deploy --roll", 2, "--rollback")],
)
def test_the_shell_completes_commands_and_options(typed: str, place: int, offered: str) -> None:
    done = run(_CI_KIT_COMPLETE="complete_bash", COMP_WORDS=typed, COMP_CWORD=str(place))
    assert done.stdout.split() == [offered]


def test_the_help_of_all_says_how_to_install_completion_and_has_no_colours() -> None:
    done = run("--help", NO_COLOR="1", FORCE_COLOR="1")
    assert done.returncode == 0
    assert "--install-completion" in done.stdout
    assert "\x1b" not in done.stdout


def test_a_step_prints_its_result_alone_as_json(tmp_path: Path) -> None:
    (tmp_path / "ci-kit.yaml").write_text("data: {one: {path: one.csv}}\n")
    (tmp_path / "one.csv").write_text("a\n1\n")
    done = run("validate", "--json", "--directory", str(tmp_path))
    result = parse(done.stdout.encode(), "stdout")
    assert (done.returncode, result.step, result.status) == (0, "validate", "warn")
    assert "validate: " in done.stderr


def test_a_step_that_can_not_judge_says_so_as_json_too(tmp_path: Path) -> None:
    done = run("validate", "--json", "--directory", str(tmp_path))
    assert done.returncode == 2
    assert [check["id"] for check in json.loads(done.stdout)["checks"]] == ["error"]
    assert done.stderr.rstrip().endswith("[config/missing-file]")


def test_each_line_is_written_whole_also_where_nothing_is_buffered(tmp_path: Path) -> None:
    (tmp_path / "ci-kit.yaml").write_text("data: {one: {path: one.csv}, two: {path: two.csv}}\n")
    (tmp_path / "one.csv").write_text("a\n1\n")
    reading, writing = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)  # what is written at once comes at once
    reading.settimeout(60)
    with reading, writing:
        command = [sys.executable, "-u", *KIT[1:], "validate", "-C", str(tmp_path)]
        process = subprocess.Popen(command, stdout=writing.fileno(), stderr=writing.fileno())
        parts = [reading.recv(65536).decode()]
        while "ci-kit: " not in parts[-1]:
            parts.append(reading.recv(65536).decode())
        assert process.wait(60) == 2
    assert len(parts) > 1
    assert [part for part in parts if not part.endswith("\n")] == []


@pytest.mark.parametrize(
    ("words", "steps", "code"),
    [
        (("check", "--no-report"), ["validate", "train", "evaluate"], 2),  # there is no model
        (("check",), ["validate", "train", "evaluate", "report"], 2),
        (("watch",), ["drift"], 2),
        (("ship",), ["package"], 2),
    ],
)
def test_a_journey_prints_the_results_of_its_steps_as_a_list(
    tmp_path: Path, words: tuple[str, ...], steps: list[str], code: int
) -> None:
    (tmp_path / "ci-kit.yaml").write_text(
        "data: {one: {path: one.csv}}\nevaluate: {data: one, target: a}\npackage: {name: one}\n"
    )
    (tmp_path / "one.csv").write_text("a,b\n1,2\n")
    for stale in ("train", "report", "retrain", "deploy"):
        (tmp_path / ".ci-kit").mkdir(exist_ok=True)
        (tmp_path / ".ci-kit" / f"{stale}.json").write_text("old")
    done = run("run", *words, "--json", "--directory", str(tmp_path))
    found = [parse(json.dumps(one).encode(), "stdout") for one in json.loads(done.stdout)]
    assert [one.step for one in found] == steps
    assert done.returncode == code
    assert "ci-kit: " in done.stderr


def test_a_journey_without_a_configuration_is_a_list_too(tmp_path: Path) -> None:
    done = run("run", "check", "--json", "--directory", str(tmp_path))
    assert [check["id"] for one in json.loads(done.stdout) for check in one["checks"]][:1] == ["error"]
    assert done.returncode == 2


def documented() -> Iterator[tuple[str, str]]:
    """Yield each command of ours that a page shows, without what follows it in a shell; not what an error quotes."""
    for path in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("*/*/README.md"), *PAGES.glob("*.md")):
        text = path.read_text()
        blocks = "\n".join(re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
        commands = re.findall(r"^(?:\$ )?(ci-kit .*)", blocks, re.MULTILINE) + re.findall(r"`(ci-kit [^`\n]*)`", text)
        for shown in commands:
            if not shown.endswith("]"):
                yield path.relative_to(ROOT).as_posix(), re.split(r" [>|&] ?|  +#| …", shown)[0]


def take(words: list[str]) -> None:
    """Take a command apart as the command line does, and raise what it raises."""
    command: Any = WHOLE
    name = ""
    while isinstance(command, typer.core.TyperGroup) and words and not words[0].startswith("-"):
        name = words.pop(0)
        command = command.commands[name]
    if isinstance(command, typer.core.TyperGroup):
        assert {*words} <= {option for one in command.get_params(typer.Context(command)) for option in one.opts}
    else:
        said = command.make_context(name, words).params.get("words")
        cli._said(name, [*(said or [])], {}) if said else None


SHOWN = sorted({*documented()} - {("CONTRIBUTING.md", "ci-kit audit --help")})  # how a new step would be added


def test_the_pages_show_commands() -> None:
    assert len(SHOWN) > 100
    assert ("README.md", "ci-kit run check") in SHOWN


@pytest.mark.parametrize(("path", "shown"), SHOWN)
def test_a_command_that_a_page_shows_can_be_typed(path: str, shown: str) -> None:
    with contextlib.suppress(typer.Exit):  # what --help ends with
        take(shlex.split(shown.replace("STEP", "train"))[1:])


@pytest.mark.parametrize("wrong", ["reprot", "drift --replya", "package publish", "--verzion"])
def test_one_that_can_not_be_typed_would_be_seen(wrong: str) -> None:
    with pytest.raises(Exception, match=wrong.split()[-1]):
        take(wrong.split())
