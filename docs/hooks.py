"""MkDocs hooks: pages that live elsewhere in the repository, their links, and the navigation, all found by glob.

Nothing is copied: the first screen of README.md, the README of each action, the pages of `ci-kit explain` and the
figures are read where they lie. A link to a file that is no page leads to the repository.
"""

import posixpath
import re
from pathlib import Path

import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from ci_kit.cli import STEPS, app
from ci_kit.explain import sections

ROOT = Path(__file__).parent.parent
REPOSITORY = "https://github.com/OWNER/ci-kit/blob/REF"
GUIDES = ("ship.md", "watch.md", "train.md", "resume.md", "model-tests.md", "history.md", "safety.md")
FROM = ("github-workflow.md", "cml.md", "evidently.md", "great-expectations.md", "mlflow.md")
_LINK = re.compile(r"(\]\()([^)#\s]*)(#[^)\s]*)?(\))")
_FENCE = re.compile(r"^( *```.*?^ *```)", re.MULTILINE | re.DOTALL)

PAGES = {f"actions/{step}/README.md": f"steps/{step}.md" for step in STEPS}
PAGES |= {
    path.relative_to(ROOT).as_posix(): f"codes/{path.name}" for path in sorted(ROOT.glob("ci_kit/explain/pages/*.md"))
}
PAGES["benchmarks/README.md"] = "figures.md"
PLACES = {place: path for path, place in PAGES.items()}


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Make the navigation: what is named above comes first, and every other page of the folder after it."""
    docs = Path(config.docs_dir)
    known = {"index.md", "start.md", "configuration.md", *GUIDES}
    others = sorted(path.relative_to(docs).as_posix() for path in docs.glob("**/*.md"))
    guides = [*GUIDES, *(one for one in others if one not in known and not one.startswith("from/"))]
    start = [{"Quick start": "start.md"}] if (docs / "start.md").exists() else []
    codes = [place for place in PAGES.values() if place.startswith("codes/")]
    config.nav = [
        {"Home": ["index.md", *start]},
        {"Steps": [{step: f"steps/{step}.md"} for step in STEPS]},
        {"Guides": guides},
        {"Coming from": [f"from/{name}" for name in FROM]},
        {"Reference": ["configuration.md", {"Codes": ["codes/index.md", *codes]}, "figures.md"]},
    ]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that lie elsewhere, and the list of codes."""
    for path, place in PAGES.items():
        files.append(File.generated(config, place, content=(ROOT / path).read_text("utf-8")))
    files.append(File.generated(config, "codes/index.md", content=_codes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - by name
    """Complete a page, and turn its links from places in the repository into places on the site."""
    uri = page.file.src_uri
    if uri == "codes/index.md":  # made here, with links that are right already
        return markdown
    source = PLACES.get(uri, f"docs/{uri}")
    text = _linked(markdown, source, uri, files)
    if uri == "index.md":
        first = (ROOT / "README.md").read_text("utf-8").partition("\n## ")[0]
        text = f"{_linked(first, 'README.md', uri, files)}\n\n{text}"
    if uri.startswith("from/"):
        page.meta["hide"] = ["toc"]  # there is none, and two sides need its room
    if uri.startswith("steps/"):
        text += _step(uri.removeprefix("steps/").removesuffix(".md"))
    return text


def _linked(markdown: str, source: str, uri: str, files: Files) -> str:
    def link(match: re.Match[str]) -> str:
        before, target, anchor, after = match.groups()
        if not target or re.match(r"[a-z]+:", target):
            return match[0]
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), target))
        if not (ROOT / path).exists():
            raise PluginError(f"{source} links to {target}, which is not there")
        # Of the README the site has the first screen alone.
        place = None if path == "README.md" and anchor else _place(path, files)
        found = posixpath.relpath(place, posixpath.dirname(uri)) if place else f"{REPOSITORY}/{path}"
        return f"{before}{found}{anchor or ''}{after}"

    parts = _FENCE.split(_pictures(markdown))
    return "".join(part if part.lstrip().startswith("```") else _LINK.sub(link, part) for part in parts)


def _pictures(markdown: str) -> str:
    """Show the dark picture beside each light one; which of the two is seen, the theme decides."""

    def both(match: re.Match[str]) -> str:
        light = match[0].replace("-light.png", "-light.png#only-light")
        return light + match[0].replace("-light.png", "-dark.png#only-dark")

    return re.sub(r"!\[[^\]]*\]\([^)]*-light\.png\)", both, markdown)


def _place(path: str, files: Files) -> str | None:
    """Return where on the site a path of the repository is shown, None where it is not."""
    if path in ("README.md", "docs/index.md"):
        return "index.md"
    if path == "ci_kit/explain/pages":
        return "codes/index.md"
    place = PAGES.get(path) or PAGES.get(f"{path}/README.md") or path.removeprefix("docs/")
    return place if files.get_file_from_path(place) else None


def _codes() -> str:
    lines = [
        "# Codes",
        "",
        "Each check has an id, and each error ends with a code in brackets. `ci-kit explain CODE` prints the same.",
    ]
    seen = ""
    for one in sections():
        if one.page != seen:
            lines += ["", f"## {one.page}", "", "| code | what |", "|:--|:--|"]
            seen = one.page
        title = one.title.replace("|", "\\|")
        lines.append(f"| [`{one.code}`]({one.page}.md#{one.code.replace('/', '')}) | {title} |")
    return "\n".join(lines) + "\n"


def _help(step: str) -> str:
    command = typer.main.get_command(app).commands[step]
    return command.make_context(f"ci-kit {step}", [], resilient_parsing=True, max_content_width=92).get_help()


def _step(step: str) -> str:
    """Return what a step's page has beside the README of its action."""
    guides = {"train": "train", "package": "ship", "deploy": "ship", "drift": "watch", "retrain": "watch"}
    guide = {"evaluate": "model-tests", "report": "history"} | guides
    lines = [
        "",
        "",
        "## The command",
        "",
        "```",
        _help(step),
        "```",
        "",
        "## More",
        "",
        f"- Every key: [`{step}`](../configuration.md#{step})",
    ]
    lines.append(f"- What its checks and errors mean: [codes](../codes/{step}.md)")
    lines += [f"- The guide: [{guide[step].replace('-', ' ')}](../{guide[step]}.md)"] if step in guide else []
    return "\n".join(lines) + "\n"
