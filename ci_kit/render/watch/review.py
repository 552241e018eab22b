"""What the reviewer of a retraining should look at, and what was run for it, as Markdown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ci_kit.render import numbers
from ci_kit.render.drift_advice import sources
from ci_kit.render.drift_view import Story
from ci_kit.render.drift_words import failed, scores, told
from ci_kit.render.text import cell, code, fence, plain, shorten
from ci_kit.result import Result

MOST = 5


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a retraining did: from which commit, by which commands, with which files (bytes) and Results."""

    sha: str | None
    commands: Sequence[str]
    files: Mapping[str, int]
    results: Sequence[Result]


def checklist(story: Story, compared: Mapping[str, Result], files: Mapping[str, int]) -> str:
    """Return three to five questions that follow from what was found."""
    asked = [*_about_the_model(story, compared), *_about_the_data(story), *_about_the_files(story, files)]
    return "\n".join(f"- [ ] {one}" for one in asked[:MOST])


def _about_the_model(story: Story, compared: Mapping[str, Result]) -> list[str]:
    asked = []
    bad = [name for name, result in compared.items() if result.status in {"fail", "unsure"}]
    if bad:
        where = " and ".join(code(shorten(name, 40)) for name in bad[:2])
        asked.append(f"The challenger did not pass on {where}: is what it gains elsewhere worth that?")
    if "performance" in story.checks and story.checks["performance"].status == "fail":
        lost = plain(shorten("; ".join(scores(story)), 120))
        asked.append(
            f"Performance was lost{f' ({lost})' if lost else ''}: does the challenger win it back on new data?"
        )
    elif not bad and compared:
        asked.append("Is the gain on new data worth the change, and does no group of rows pay for it?")
    return asked


def _about_the_data(story: Story) -> list[str]:
    asked = []
    broken, shifted = sources(story)
    if broken:
        said, name = plain(shorten(told(failed(broken[0])[0])[0], 120)), code(shorten(broken[0].column, 60))
        asked.append(f"{name}: {said}. Is that a fault upstream, which must not be learned?")
    if shifted:
        seen = plain(shorten(told(shifted[0].checks[0])[0], 120))
        name = code(shorten(shifted[0].column, 60))
        asked.append(f"Is the move of {name} real{f' ({seen})' if seen else ''}, or a fault in how it is measured?")
    new = next((check for move in story.columns for check in move.checks if check.id.startswith("levels/")), None)
    if new and new.status == "warn":
        asked.append(f"{plain(shorten(new.title, 120))}: does the training data hold enough rows of them?")
    return asked


def _about_the_files(story: Story, files: Mapping[str, int]) -> list[str]:
    asked = []
    pointers = [name for name in files if name.endswith((".dvc", "dvc.lock"))]
    if pointers:
        since = f" since {plain(story.since)}" if story.since else ""
        names = ", ".join(code(shorten(name, 80)) for name in pointers[:3]) + (", …" if len(pointers) > 3 else "")
        asked.append(f"New data behind {names}: is it what came{since}, and is it labelled rightly?")
    if any("reference" in name or name.rpartition("/")[2] == "profile.json" for name in files):
        asked.append("The reference changes too: after the merge, drift is measured against the new data. Is it right?")
    return asked


def ran(work: Work, url: str | None, most: int) -> str:
    """Return the commands, the files that changed with their sizes, time and cost, and how to repeat it all."""
    checkout = [f"git checkout {work.sha[:12]}"] if work.sha else []
    parts = [fence("\n".join([*checkout, *(shorten(one, 500) for one in work.commands[:most])]))]
    if work.files:
        rows = [
            f"| {code(shorten(name, 120))} | {numbers.number(size, 'bytes')} |"
            for name, size in list(work.files.items())[:most]
        ]
        more = [f"\nand {len(work.files) - most:,} more"] if len(work.files) > most else []
        parts.append("\n".join(["| changed file | size |", "|:--|--:|", *rows, *more]))
    facts = [f"{one.step} {one.name or ''} {numbers.duration(one.run.seconds)}" for one in work.results[:6]]
    costs = [one.run.cost for one in work.results if one.run.cost]
    facts += [
        numbers.money(sum(cost.amount for cost in costs if cost.currency == currency), currency)
        for currency in sorted({cost.currency for cost in costs})
    ]
    told = " · ".join(cell(shorten(fact, 60)) for fact in facts)
    link = f"[the run]({url})" if url else ""
    parts.append(" · ".join(part for part in (told, link) if part))
    return "\n\n".join(["### What was run, and how to repeat it", *(part for part in parts if part)])
