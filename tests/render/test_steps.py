"""A packaging or a deployment in the job summary: each step, and all of what failed."""

import pytest

from ci_kit.parts import Check, Run, Source
from ci_kit.render.steps import steps
from ci_kit.result import Result
from tests.hostile import HIDDEN, MARKDOWN
from tests.render.samples import URL, everywhere
from tests.render.test_markdown import assert_harmless

RUN = Run(kit="0", started="2026-11-25T10:00:00+00:00", seconds=1.0)


def result(*checks: Check, name: str | None = None, about: str | None = None) -> Result:
    return Result(step="deploy", name=name, about=about, checks=checks, source=Source(), run=RUN)


def test_each_step_is_a_row_and_what_failed_is_told_in_full() -> None:
    text = steps(
        result(
            Check(id="ready", title="The candidate is ready", status="pass", observed="1.8 s"),
            Check(id="api", title="The API breaks for clients", status="fail", observed="b is new", detail="a\nb"),
            Check(id="rollback", title="The traffic stayed where it was", status="skip"),
            about="digits@v0.2.0 to production",
        )
    )
    assert text.splitlines()[:6] == [
        "## ❌ Deploy `digits@v0.2.0` to production: 1 failed of 3 checks",
        "",
        "| | step | |",
        "|:--|:--|:--|",
        "| ✅ | The candidate is ready | 1.8 s |",
        "| ❌ | The API breaks for clients | b is new |",
    ]
    assert text.endswith("❌ **The API breaks for clients**\n\n```\na\nb\n```\n")


def test_nothing_is_told_of_nothing() -> None:
    assert steps(result(name="list")) == "## ⏭️ Deploy list: 0 checks\n\nNothing was done.\n"


@pytest.mark.parametrize("text", [*MARKDOWN, *HIDDEN])
def test_text_from_outside_stays_text(text: str) -> None:
    fields = everywhere(iter([text] * 1000), lines=True)
    for one in fields.results.values():
        assert_harmless(f"{steps(one)}\n[the run]({URL})\n")
