"""The registered versions of the model as marks of the history, each at the commit that it was built from."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from ci_kit.forge.git import Git
from ci_kit.forge.objects import contents_of
from ci_kit.registry.release import path_of
from ci_kit.registry.tags import fetch, stages, versions
from ci_kit.render.commits import Mark
from ci_kit.report.raw import Reader
from ci_kit.result import MAX_BYTES

MOST = 200  # of the newest versions


def releases(git: Git, model: str, log: Mapping[str, tuple[int, str]], reader: Reader) -> Iterator[Mark]:
    """Yield a mark for each of the newest versions, with the stages that it has now.

    It stands where its commit does; one of a commit that the log does not have, when it was registered.
    """
    fetch(git, model)
    known = dict(list(versions(git, model).items())[-MOST:])
    held: dict[str, list[str]] = {}
    for stage, given in stages(git, model).items():
        held.setdefault(given[-1][1], []).append(stage)
    places = {version: f"{commit}:{path_of(model, str(version))}" for version, commit in known.items()}
    contents = contents_of(git, list(_small(git, list(places.values()))))
    for version, commit in known.items():
        at = _when(contents.get(places[version], b""), log)
        if at is None:
            reader.wrong["result"] += 1
            continue
        where = ", ".join(held.get(commit, []))
        yield Mark(kind="release", at=at, text=reader.text(f"{version} {where}".strip()))


def _small(git: Git, places: list[str]) -> Iterator[str]:
    """Yield those files that are there and are not too big to be read."""
    if not places:
        return
    said = git.run("cat-file", "--batch-check", stdin="".join(f"{place}\n" for place in places).encode()).stdout
    for place, line in zip(places, said.decode("utf-8", "replace").splitlines(), strict=False):
        words = line.split()
        if len(words) == 3 and words[1] == "blob" and int(words[2]) <= MAX_BYTES:
            yield place


def _when(content: bytes, log: Mapping[str, tuple[int, str]]) -> int | None:
    try:
        release: Any = json.loads(content)
        sha = release["source"].get("sha")
        return log[sha][0] if sha in log else int(datetime.fromisoformat(release["created"]).timestamp())
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        return None
