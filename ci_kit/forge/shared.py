"""Exactly one comment for several reports, each of which writes its own part while the others do the same."""

import random
import secrets
from dataclasses import dataclass, replace
from typing import Any

from ci_kit.errors import Unavailable
from ci_kit.forge.base import SETTLE, Refused, Unknown
from ci_kit.forge.board import compose
from ci_kit.forge.comments import WRITE, Comments
from ci_kit.forge.parts import Board, Part, merge, read

ROUNDS = 20  # of looking and writing before we give up
# Seconds: a look that takes longer is followed by a short one, and no write starts later after it: none builds on what
# is long gone.
FRESH = SETTLE / 2
# Seconds, at most, that writers spread over by chance: before the first comment, for each report that is likely to be
# written anew, and in all.
START, EACH, SPREAD = 3.0, 0.4, 16.0


@dataclass(frozen=True, kw_only=True)
class Sheet:
    """A comment of ours that is the shared one, or was meant to be."""

    id: int
    url: str
    board: Board


class Shared(Comments):
    """The shared comments of a repository.

    GitHub has no conditional write: what builds on an older look takes parts away again. So each writer remembers all
    parts that it has seen, writes what is missing, and ends only when one and the same text, with all of them in it,
    has stood from one look to another at least `SETTLE` later. Then no write is under way that does not know of them,
    if each reaches GitHub within `SETTLE` of its look. After a collision the writers spread by chance.
    """

    _seen = 0.0  # when the last look ended

    def share(self, number: int, comment: str, part: Part) -> str:
        """Keep the report's part in the one comment on the pull request and return its URL.

        The lowest id is kept; others are deleted once their parts stand there. A newer part of the report stays, and
        one whose commit is two pushes old is not written. Raises Unavailable where it does not settle, UserError where
        nothing more fits.
        """
        own, known, first = part.sealed(), Board(), None
        quiet, busy, made, trouble = "", 0, None, ""
        for turn in range(ROUNDS):
            seen = self._sheets(number, comment, made)
            there = seen[0].board if seen else Board()
            first = seen if first is None else first
            known = merge(known, *(one.board for one in reversed(seen)), Board(parts={own.id: own}))
            if turn == 0 and (wait := _crowd(seen, known)):
                self._client.pause(random.uniform(0, wait))  # noqa: S311 - only spreads the writers
                continue
            busy += bool(quiet) and quiet != there.turn
            try:
                if not seen or not there.has(known) or _rewritten(there, own, first):
                    made, quiet = self._write(number, comment, known, seen[0].id if seen else None)
                elif quiet == there.turn:
                    # Those that others make at the same time are theirs to delete.
                    left = {one.id for one in first}
                    self._drop(one.id for one in seen[1:] if one.id in left or own.id in one.board.parts)
                    return seen[0].url
                else:
                    quiet = there.turn
            except Unknown as error:
                trouble = str(error)
            self._client.pause(SETTLE + random.uniform(0, min(SPREAD, 2**busy - 1)))  # noqa: S311
        why = trouble or "other reports kept writing it"
        raise Unavailable(f"the shared comment {comment} did not settle in {ROUNDS} rounds", why=why)

    def _sheets(self, number: int, comment: str, made: int | None) -> list[Sheet]:
        """Return the comments of that name that we wrote, the lowest id first."""
        started = self._client.now()
        found = [one for item in self._items(number, made) if (one := self._sheet(item, comment))]
        found.sort(key=lambda one: one.id)
        if found and self._client.now() - started > FRESH:
            item = self._client.find(f"{self._repo}/issues/comments/{found[0].id}")
            fresh = self._sheet(item, comment) if item else None
            found[:1] = [fresh] if fresh else []
        self._seen = self._client.now()
        return found

    def _sheet(self, item: dict[str, Any], comment: str) -> Sheet | None:
        board = read(str(item.get("body") or ""), comment)
        if board is None or (item.get("user") or {}).get("login") != self._myself():
            return None
        return Sheet(id=int(item["id"]), url=str(item.get("html_url")), board=board)

    def _write(self, number: int, comment: str, known: Board, kept: int | None) -> tuple[int | None, str]:
        """Write all parts into the comment, or a new one; return its id and the turn, nothing where it is gone."""
        board = replace(known, turn=secrets.token_hex(6))
        text = compose(comment, board)
        if kept is None:
            return self._create(number, text), board.turn
        path = f"{self._repo}/issues/comments/{kept}"

        def body() -> dict[str, str]:
            if self._client.now() - self._seen > FRESH:  # GitHub has put it off, or this machine slept
                raise Unknown(f"the write of PATCH {path} came too late after its look")
            return {"body": text}

        try:
            self._client.send("PATCH", path, body, repeat=False, need=WRITE)
        except Refused as error:
            if error.status != 404:
                raise
            return None, ""
        return kept, board.turn


def _crowd(seen: list[Sheet], known: Board) -> float:
    """Return how long to spread the writers that are likely to come now: all that an earlier commit had."""
    return min(SPREAD, EACH * sum(part.sha != known.sha for part in known.parts.values())) if seen else START


def _rewritten(there: Board, own: Part, first: list[Sheet]) -> bool:
    """Say whether the same run and attempt had other words in the part before; another writer's are left alone."""
    part, old = there.parts.get(own.id), [one.board.parts[own.id] for one in first if own.id in one.board.parts]
    return part is not None and part.order == own.order and part.digest in {one.digest for one in old} - {own.digest}
