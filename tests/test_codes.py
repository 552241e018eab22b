"""Each code that the source can say has a page, each page a code, and `ci-kit explain` finds them."""

import json
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from ci_kit import config
from ci_kit.errors import UserError
from ci_kit.explain import Section, codes, family, find, sections, show
from ci_kit.forge.base import Refused
from tests import codes as source

PARTS = ("Why", "Cause", "Do", "Example")
SECTIONS = sections()


@cache
def raised() -> set[str]:
    """Return the codes of all errors; not at import, as every worker imports this."""
    return {code or codes.default(f"ci_kit.{module}") for module, _, code in source.errors()}


@cache
def made() -> set[tuple[str, str]]:
    """Return module and id of all checks."""
    return {(module, code.rstrip("/")) for module, _, code in source.checks()}


def step(module: str) -> str:
    return module.partition(".")[0]


def test_each_check_has_a_page() -> None:
    assert {(module, code) for module, code in made() if not family(code, step(module))} == set()


def test_each_error_has_a_code_that_has_a_page() -> None:
    known = {one.code for one in SECTIONS if one.page == one.code.partition("/")[0]}
    places = [(module, line, code or codes.default(f"ci_kit.{module}")) for module, line, code in source.errors()]
    assert [place for place in places if place[2] not in known] == []


def test_no_page_is_superfluous() -> None:
    said = {(page, family(code, step(module))) for module, code in made() for page in (step(module), "steps")}
    assert [
        (one.page, one.code) for one in SECTIONS if (one.page, one.code) not in said and one.code not in raised()
    ] == []


def test_no_line_of_the_table_is_superfluous() -> None:
    silent = [module for module, _, code in source.errors() if not code]
    used = {max((name for name in codes.MODULES if f"{one}.".startswith(f"{name}.")), key=len) for one in silent}
    assert set(codes.MODULES) - used == set()


@pytest.mark.parametrize("one", SECTIONS, ids=lambda one: f"{one.page}:{one.code}")
def test_a_section_says_all_that_a_reader_needs(one: Section) -> None:
    text = one.text
    labels = tuple(re.findall(r"^\*\*(\w+)\.\*\* ", text, re.MULTILINE))
    informs = labels == ("Example",)  # nothing to do about a check that can't fail
    assert labels == PARTS or (informs and one.code not in raised())
    assert one.title.endswith((".", ":"))
    assert len(text.splitlines()) <= 11
    assert re.search(r"^\*\*Example\.\*\* `[^`]+`$", text, re.MULTILINE), "the example is one line as it is shown"
    assert one.code not in raised() or f"[{one.code}]`" in text


def test_an_example_is_what_the_source_can_say() -> None:
    """An error begins with what one of its kind says, a check with the title of one, up to a colon or a bracket."""
    said: dict[tuple[str, str], set[str]] = {}
    for module, code, pattern in source.messages():
        said.setdefault(("", code or codes.default(f"ci_kit.{module}")), set()).add(pattern)
    for module, code, pattern in source.titles():
        for page in (step(module), "steps"):
            said.setdefault((page, family(code.rstrip("/"), step(module))), set()).add(pattern)
    unknown = []
    for one in SECTIONS:
        shown = one.text.rpartition("**Example.** `")[2].strip("`")
        error = shown.endswith(f"[{one.code}]")
        patterns = said.get(("" if error else one.page, one.code), set())
        ends = [match.start() for match in re.finditer(r": | \(|\. | \[|$", shown)]
        begins = {(shown if error else shown[2:])[: end if error else end - 2] for end in ends}
        if not any(re.fullmatch(pattern.replace("`", "'"), begin) for pattern in patterns for begin in begins):
            unknown.append((one.page, one.code, shown, patterns))
    # Titles that are names of the user's alone, and those that a list hands over.
    open_ = {"evaluate/tests", "package/version", "deploy/recovered", "steps/content"}
    assert [line for line in unknown if f"{line[0]}/{line[1]}" not in open_] == []


@pytest.mark.parametrize(
    ("asked", "page", "code"),
    [
        ("gate/log_loss", "evaluate", "gate"),
        ("tests/tests/test_model.py::test_it_reads", "evaluate", "tests"),
        ("preflight/gpu", "train", "preflight/gpu"),
        ("preflight/gpu-clocks", "train", "preflight/gpu-clocks"),
        ("[config/unknown-key]", "config", "config/unknown-key"),
        ("data/evaluation", "drift", "data"),
    ],
)
def test_a_code_is_found_by_itself_or_by_its_family(asked: str, page: str, code: str) -> None:
    assert (page, code) in {(one.page, one.code) for one in find(asked)}


@pytest.mark.parametrize(
    ("asked", "meant"),
    [("basline", "baseline"), ("config/unknwon-key", "config/unknown-key"), ("zzzz", "lists all codes")],
)
def test_an_unknown_code_is_one_line_with_the_nearest(asked: str, meant: str) -> None:
    with pytest.raises(UserError, match=re.escape(meant)):
        find(asked)


def test_an_error_takes_the_code_of_its_module_and_its_own_before_it() -> None:
    assert codes.default("ci_kit.forge.client") == "github/unreachable"
    assert codes.default("ci_kit.forge.somewhere") == "github/content"
    assert codes.default("tests.test_codes") == ""
    assert codes.code_of(UserError("x", code="config/code")) == "config/code"
    assert codes.code_of(Refused(403, "x")) == "github/permission"
    with pytest.raises(UserError) as raised:
        config.read(b"trian: {}")
    assert codes.code_of(raised.value) == "config/unknown-key"
    with pytest.raises(UserError) as raised:
        config.read(b"- 1")
    assert codes.code_of(raised.value) == "config/invalid-file"


def kit(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ci_kit", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, env=os.environ | more)


def test_a_mistake_ends_with_its_code_and_an_annotation_says_what_to_type(tmp_path: Path) -> None:
    (tmp_path / "ci-kit.yaml").write_text("trian: {}\n")
    done = kit("validate", "-C", str(tmp_path), GITHUB_ACTIONS="true")
    line, note = done.stderr.splitlines()[0], done.stdout + done.stderr
    assert line.endswith("unknown key 'trian'. Did you mean 'train'? [config/unknown-key]")
    assert "%0AMore: ci-kit explain config/unknown-key" in note


def test_the_command_prints_text_that_fits_a_terminal() -> None:
    for one in SECTIONS:
        text = show.page([one], colour=False)
        assert "**" not in text
        assert "\x1b" not in text
        assert max(map(len, text.splitlines())) <= 140, one.code  # a line to type is not broken
    listed = show.listing(SECTIONS, colour=False)
    assert max(map(len, listed.splitlines())) <= show.WIDTH
    assert {one.code for one in SECTIONS} <= set(listed.split())


def test_colours_are_for_terminals_alone() -> None:
    (one,) = find("gate")
    assert show.page([one], colour=True).startswith("\x1b[1mgate\x1b[0m")
    done = kit("explain", "gate")
    assert (done.returncode, "\x1b" in done.stdout) == (0, False)
    assert done.stdout.startswith("gate\n")


def test_json_has_code_title_and_text() -> None:
    one = json.loads(kit("explain", "gate/accuracy", "--json").stdout)
    assert one.keys() == {"code", "title", "text"}
    assert one["code"] == "gate"
    assert {"gate", "config/code"} <= {each["code"] for each in json.loads(kit("explain", "--json").stdout)}


def test_a_code_that_there_is_not_is_exit_code_2() -> None:
    done = kit("explain", "gaet")
    assert (done.returncode, done.stderr) == (
        2,
        "ci-kit: there is no code 'gaet'. Did you mean 'gate'? [config/options]\n",
    )
