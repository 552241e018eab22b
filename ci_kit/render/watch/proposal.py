"""Title and body of the retraining pull request: the evidence, and what its reviewer should look at."""

import re
from collections.abc import Mapping, Sequence

from ci_kit.render.details import fold
from ci_kit.render.drift_view import Story, read
from ci_kit.render.drift_words import headline
from ci_kit.render.markdown import Section, fit
from ci_kit.render.text import plain, shorten
from ci_kit.render.view import ICONS
from ci_kit.render.watch import compared as scored
from ci_kit.render.watch import review
from ci_kit.render.watch.blocks import hurt, moves, pictures, section, window
from ci_kit.result import Result

TITLE, BODY = 120, 60_000
# What GitHub finds in a commit's message too, where no code span protects it: a squash may take title and body there.
_ALIVE = re.compile(r"(?<![^\W_])@(?=\w)|#(?=\d+(?!\w))|\bGH-(?=\d)|/(?:issues|pull|discussions)/(?=\d)", re.IGNORECASE)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
_HASH = re.compile(r"[0-9a-fA-F]{7,}")
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
    story = read(drift)
    results = [*([train] if train else []), *compared.values()]
    work = review.Work(sha=drift.source.sha, commands=commands, files=files, results=results)
    verdict = [_verdict(compared), *([WAITING] if not checked else [])]
    sections = [
        Section("verdict", 0, ("\n\n".join(verdict),)),
        Section("comparison", 1, tuple(_compared(compared, most) for most in (12, 4))),
        Section("drift", 2, tuple(_drift(story, most) for most in (12, 4, 1))),
        Section("pictures", 6, ("\n\n".join(pictures(story.moved[:2])), "")),
        Section("more pictures", 7, (fold("More pictures", "\n\n".join(pictures(story.moved[2:8]))), "")),
        Section("checklist", 1, (section("What to look at", review.checklist(story, compared, files)),)),
        Section("what was run", 4, tuple(review.ran(work, url, most) for most in (50, 10))),
        Section("what happens next", 3, (section("When nothing is done", NOTHING),)),
    ]
    whole = f"[in the run]({url})" if url else "in `.ci-kit/`"
    return _title(story, title), inert(fit(sections, BODY, whole))


def inert(text: str) -> str:
    """Break mentions, references and links to issues with a space, for places where no markup protects from them."""
    return _ALIVE.sub(lambda match: f"{match[0]} ", text)


def _title(story: Story, title: str) -> str:
    names = [move.column for move in story.moved]
    sayable = [name for name in names if _NAME.fullmatch(name) and not _HASH.fullmatch(name)]
    since = f" since {story.since}" if story.since and _ordinary(story.since) else ""
    what = title if _ordinary(title) and len(title) <= 40 else "the model"
    if len(names) == len(sayable) and 0 < len(names) <= 3:
        said = f"Retrain {what}: {', '.join(names[:-1])}{' and ' if len(names) > 1 else ''}{names[-1]} drifted{since}"
        if len(said) <= TITLE:
            return said
    if names:
        return f"Retrain {what}: {len(names):,} column{'s' if len(names) > 1 else ''} drifted{since}"
    return f"Retrain {what}: its performance fell{since}"


def _ordinary(text: str) -> bool:
    return bool(text) and plain(text) == text == inert(text)


def _verdict(compared: Mapping[str, Result]) -> str:
    status = scored.status(compared)
    if not compared:
        said = "Nothing here says whether the new model is better: no evaluation was run."
        return f"## {ICONS['unsure']} Retrained, but not compared\n\n{said}"
    said = {
        "fail": "The challenger is not good enough",
        "unsure": "Whether the challenger is good enough can't be told",
        "warn": "The challenger is good enough, with warnings",
    }.get(status, "The challenger is good enough")
    return "\n".join([f"## {ICONS[status]} {said}", "", *scored.lines(compared)])


def _compared(compared: Mapping[str, Result], most: int) -> str:
    return section("Champion against challenger", scored.tables(compared, most))


def _drift(story: Story, most: int) -> str:
    said = f"{ICONS[story.status]} **{plain(shorten(headline(story.told), 300))}**"
    return section("Why", said, window(story), hurt(story), moves(story, story.moved, most))
