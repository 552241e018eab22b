"""Title and body of the retraining pull request: the evidence, and what its reviewer should look at."""

import re
from collections.abc import Mapping, Sequence

from ci_kit.render import numbers
from ci_kit.render.details import fold
from ci_kit.render.drift_view import Story, read
from ci_kit.render.drift_words import changed, headline, subjects, tests
from ci_kit.render.markdown import Section, fit
from ci_kit.render.text import plain, shorten
from ci_kit.render.view import ICONS
from ci_kit.render.watch import compared as scored
from ci_kit.render.watch import review
from ci_kit.render.watch.blocks import hurt, moves, pictures, section, window
from ci_kit.result import Result

TITLE, BODY, SETS = 120, 60_000, 10
# What GitHub finds in a commit's message too, where no code span protects it: a squash may take title and body there.
_ALIVE = re.compile(r"(?<![^\W_])@(?=\w)|#(?=\d+(?!\w))|\bGH-(?=\d)|/(?:issues|pull|discussions)/(?=\d)", re.IGNORECASE)
_WORDS = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(?:[ -][A-Za-z_][A-Za-z0-9_]*)*")
_HASH = re.compile(r"[0-9a-fA-F]{7,}")  # of a commit
WAITING = (
    "**Its checks wait for a click.** A workflow's own token opened this pull request, so GitHub holds its workflows"
    " back: press **Approve and run workflows** below, or close and reopen it. To have them start by themselves, give"
    " `retrain` the token of a GitHub App (or a personal access token), or name the check's workflow in"
    " `retrain.workflow`."
)
NOTHING = (
    "Nothing is merged by itself. While the drift lasts, later runs bring this pull request up to date, no sooner than"
    " `retrain.cool-down` and no more often than `retrain.attempts` allow. When the drift has gone, it is closed with"
    " one comment and its branch deleted. To stop it for good, close it and take `retrain` out of the workflow."
)


def proposal(
    drift: Result,
    *,
    compared: Mapping[str, Result],
    train: Result | None,
    files: Mapping[str, int],
    commands: Sequence[str],
    checked: bool,
    title: str,
    url: str | None,
) -> tuple[str, str]:
    """Return the title, at most 120 characters, and the body, at most 60,000 bytes.

    `compared` holds the evaluations by data set, `files` the size in bytes of each changed file, `commands` what was
    run; `checked` says whether the pull request's checks start by themselves; `url` is the page of the run.
    """
    story, compared = read(drift), scored.settled(compared)
    results = [*([train] if train else []), *compared.values()]
    work = review.Work(sha=drift.source.sha, commands=commands, files=files, results=results)
    verdict = [_verdict(compared), *([WAITING] if not checked else [])]
    most = dict(list(compared.items())[:SETS])
    sections = [
        _section("verdict", 0, "\n\n".join(verdict)),
        _section("comparison", 1, *(_compared(most, rows) for rows in (12, 4))),
        _section("drift", 2, *(_drift(story, columns) for columns in (12, 4, 1))),
        _section("pictures", 6, "\n\n".join(pictures(story.moved[:2])), ""),
        _section("more pictures", 7, fold("More pictures", "\n\n".join(pictures(story.moved[2:8]))), ""),
        _section("checklist", 1, section("What to look at", review.checklist(story, most, files))),
        _section("what was run", 4, *(review.ran(work, url, lines) for lines in (50, 10))),
        _section("what happens next", 3, section("When nothing is done", NOTHING)),
    ]
    whole = f"[in the run]({url})" if url else "in `.ci-kit/`"
    return _title(story, title), fit(sections, BODY, whole)


def _section(name: str, rank: int, *variants: str) -> Section:
    return Section(name, rank, tuple(dict.fromkeys(map(inert, variants))))


def inert(text: str) -> str:
    """Break mentions, references and links to issues with a space, for places where no markup protects from them."""
    return _ALIVE.sub(lambda match: f"{match[0]} ", text)


def _title(story: Story, title: str) -> str:
    """Return a title of plain words: a merge may make it a commit's message, so names that are more are counted."""
    names = [move.column for move in story.moved]
    what = title if _sayable(title) else "the model"
    since = f" since {story.since}" if story.since else ""
    listed = f"{', '.join(names[:-1])} and {names[-1]}" if len(names) > 1 else "".join(names)
    said = f"Retrain {what}: {listed} drifted{since}"
    if 0 < len(names) <= 3 and not changed(story.moved) and all(map(_sayable, names)) and len(said) <= TITLE:
        return said
    drifted, schema = [move for move in story.moved if not move.changed], changed(story.moved)
    counted = [*([f"{subjects(drifted)} drifted{since}"] if drifted else []), *([schema] if schema else [])]
    return f"Retrain {what}: {', '.join(counted) or 'its performance fell'}"


def _sayable(text: str) -> bool:
    return len(text) <= 40 and bool(_WORDS.fullmatch(text)) and not _HASH.search(text)


def _verdict(compared: Mapping[str, Result]) -> str:
    status = scored.status(compared)
    if not compared:
        said = "Nothing here says whether the new model is better: no evaluation was run."
        return f"## {ICONS['unsure']} Retrained, but not compared\n\n{said}"
    return "\n".join([f"## {ICONS[status]} {plain(scored.headline(compared))}", "", *scored.lines(compared)])


def _compared(compared: Mapping[str, Result], most: int) -> str:
    return section("Champion against challenger", scored.tables(compared, most), scored.notes(compared))


def _drift(story: Story, most: int) -> str:
    said = f"{ICONS[story.status]} **{numbers.unbroken(plain(shorten(headline(story.told), 300)))}**"
    return section("Why", said, window(story), hurt(story), moves(story, story.moved, most), tests(story.moved))
