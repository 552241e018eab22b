"""What the documentation shows is valid, and the site that is made of it is whole and loads nothing from elsewhere."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci_kit import config
from ci_kit.explain import PAGES, sections
from ci_kit.schemas.reference import PAGE, reference
from tests.schemas import builtin

ROOT = Path(__file__).parent.parent
DOCUMENTS = [*sorted(ROOT.glob("docs/**/*.md")), *sorted(ROOT.glob("actions/*/README.md"))]
SECTIONS = {field.alias or name for name, field in config.Config.model_fields.items()}


def blocks() -> Iterator[tuple[str, str]]:
    for path in DOCUMENTS:
        for text in re.findall(r"^```yaml[^\n]*\n(.*?)^```", path.read_text(), re.DOTALL | re.MULTILINE):
            yield path.relative_to(ROOT).as_posix(), text


@cache
def workflows() -> Any:
    return builtin("github-workflows")


def workflow(content: Any) -> list[str]:
    return [error.message for error in workflows().iter_errors(content)]


@pytest.mark.parametrize(("path", "text"), [*blocks()])
def test_yaml_in_the_documents_is_what_it_is_meant_to_be(path: str, text: str) -> None:
    content = yaml.safe_load(text)
    if isinstance(content, list):
        steps = [one for one in content if "uses" in one or "run" in one]
        assert steps == content, "a list is one of steps"
        assert workflow({"on": "push", "jobs": {"one": {"runs-on": "ubuntu-24.04", "steps": content}}}) == []
    elif "jobs" in content:
        assert workflow({("on" if key is True else key): value for key, value in content.items()}) == []
    elif "stages" in content:
        gitlab = isinstance(content["stages"], list)  # tests/report/test_elsewhere.py holds it
        assert path == ("docs/report/elsewhere.md" if gitlab else "docs/train.md"), "DVC's stages: tests/test_docs.py"
    elif content.keys() <= SECTIONS:
        config.read(text.encode())
    else:
        assert workflow({"on": "push"} | {"jobs": {"one": {"runs-on": "ubuntu-24.04"} | content}}) == []


def shown(path: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", (ROOT / path).read_text(), re.DOTALL | re.MULTILINE)


def test_the_guides_show_what_the_example_runs() -> None:
    """The demo, which is a test, runs it."""
    ours = (ROOT / "examples/digits/ci-kit.yaml").read_text()
    (shipping,), (watching,) = shown("docs/ship.md", "yaml"), shown("docs/watch.md", "yaml")
    assert f"\n{shipping}\n" in ours
    assert ours.endswith(watching)
    (line,), drift = shown("docs/watch.md", "json"), config.read(ours.encode()).drift
    assert drift.window
    assert {*drift.prediction, drift.window.column} < json.loads(line).keys()
    assert shown("docs/model-tests.md", "python") == [(ROOT / "examples/digits/tests/test_model.py").read_text()]


def test_a_wrong_workflow_would_be_seen() -> None:
    assert workflow({"on": "push", "jobs": {"one": {"runs-on": "x", "steps": [{"use": "a/b@v1"}]}}}) != []


@pytest.mark.parametrize("path", sorted(PAGES.glob("*.md")), ids=lambda path: str(path.stem))
def test_keys_that_a_page_of_codes_shows_are_valid(path: Path) -> None:
    shown = re.findall(r"`(\w+: [{\"].*?)`", path.read_text())
    for text in (one for one in shown if one.partition(":")[0] in SECTIONS and "…" not in one):
        config.read(text.encode())


def test_the_configuration_reference_is_made_of_the_types() -> None:
    """`make schemas` writes it."""
    assert (ROOT / PAGE).read_text() == reference()


def test_the_reference_names_every_key_and_its_links_lead_to_headings() -> None:
    text = reference()
    headings = {re.sub(r"[^\w -]", "", line).replace(" ", "-").lower() for line in re.findall(r"^#+ (.*)", text, re.M)}
    assert set(re.findall(r"\]\(#(\S+?)\)", text)) <= headings
    for name in ("path", "min-rows", "headline-margin", "cool-down", "rendezvous", "namespace", "host"):
        assert f"| `{name}` |" in text


class Page(HTMLParser):
    """What a page loads, where it leads, and what it can be addressed by."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads, self.leads, self.names = set[str](), set[str](), set[str]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        self.names |= {found["id"]} if "id" in found else set()
        self.loads |= {found[name] for name in ("src", "srcset", "data") if name in found}
        if tag == "link":
            self.loads.add(found.get("href", ""))
        elif tag == "a":
            self.leads.add(found.get("href", ""))


def build(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(root / "site")]
    env = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=100, check=False)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a place with all that the site is made of: what is elsewhere than in docs/ by a link."""
    root = tmp_path_factory.mktemp("site")
    shutil.copytree(ROOT / "docs", root / "docs")
    for path in ROOT.iterdir():
        if path.name not in ("docs", "build", "site") and not path.name.startswith(".git"):
            (root / path.name).symlink_to(path)
    return root


@pytest.mark.e2e
def test_the_site_is_whole_and_loads_nothing_from_elsewhere(copy: Path) -> None:
    done = build(copy)
    assert done.returncode == 0, done.stderr
    site = copy / "site"
    pages = {path.relative_to(site).as_posix(): Page(path.read_text()) for path in site.rglob("*.html")}
    assert {
        "index.html",
        "configuration.html",
        "steps/deploy.html",
        "from/cml.html",
        "codes/index.html",
    } <= pages.keys()
    for name, page in pages.items():
        assert {one for one in page.loads if re.match(r"(https?:)?//", one)} == set(), name
    for path in site.rglob("*.css"):
        assert re.findall(r"url\(['\"]?(?:https?:)?//|@import", path.read_text()) == [], path.name
    for one in sections():
        assert one.code.replace("/", "") in pages[f"codes/{one.page}.html"].names, one.code
    assert pages["codes/index.html"].leads >= {f"{one.page}.html#{one.code.replace('/', '')}" for one in sections()}
    assert "comment-dark.png" in (site / "index.html").read_text()
    assert "--replay" in (site / "steps/drift.html").read_text()
    assert "make demo" in (site / "index.html").read_text()


@pytest.mark.e2e
@pytest.mark.parametrize("link", ["nowhere.md", "train.md#no-such-heading", "../examples/nothing.py"])
def test_a_link_to_nowhere_fails_the_build(copy: Path, link: str) -> None:
    page = copy / "docs" / "ship.md"
    before = page.read_text()
    page.write_text(f"{before}\n[x]({link})\n")
    done = build(copy)
    page.write_text(before)
    assert done.returncode != 0
    assert link.rpartition("/")[2] in done.stderr
