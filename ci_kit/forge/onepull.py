"""Exactly one pull request per proposal, whoever else opens, updates or withdraws it at the same time."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from ci_kit.errors import Unavailable
from ci_kit.forge.base import SETTLE, TURNS, Proposal, Pull, Refused, Stamp, Unknown, mark
from ci_kit.forge.proposals import Seal, change_of, check, clean

MAX_TITLE = 256  # characters, GitHub's limit


@dataclass(frozen=True, kw_only=True)
class Open:
    """An open pull request; `stamp` is None where it is not ours."""

    url: str
    title: str
    text: str
    stamp: Stamp | None
    number: int | None = None


@dataclass(frozen=True, kw_only=True)
class Tip:
    """The newest commit of a branch; `seal` is None where we did not make it, or somebody changed it.

    `checked` is false where the token that made it starts no checks.
    """

    sha: str
    seal: Seal | None
    checked: bool = True


class Desk(Protocol):
    """Where one pull request is kept: single looks, and single changes that raise Refused or Unknown."""

    def look(self) -> Open | None:
        """Return the open pull request, None when there is none."""

    def tip(self) -> Tip | None:
        """Return the branch's newest commit, None when there is no such branch."""

    def push(self, proposal: Proposal, stamp: Stamp, old: str | None) -> None:
        """Make the proposal's commit and set the branch to it; `old` is its present tip."""

    def create(self, title: str, text: str) -> None:
        """Open the pull request."""

    def rewrite(self, title: str, text: str) -> None:
        """Give the pull request that was looked at another title and text."""

    def close(self, why: str, stamp: Stamp) -> None:
        """Say why, and close the pull request that was looked at."""

    def delete(self, tip: Tip) -> None:
        """Delete the branch if that is still its tip; one that can't be deleted stays."""


def propose(desk: Desk, pause: Callable[[float], None], proposal: Proposal, stamp: Stamp) -> Pull:
    """Keep exactly one open pull request whose branch has exactly one commit on top of the proposal's parent.

    Looks, makes one change, looks again after `SETTLE`, until nothing is left to do: so a crash is healed by the
    next run, and a lost answer is looked up. The desk itself refuses a second branch of the name and a
    second pull request of the branch. A person's push is overwritten only if it comes between a look and the change.
    """
    check(proposal)
    turn = _Turn(desk, proposal, stamp)
    trouble = ""
    for _ in range(TURNS):
        try:
            done = turn.step()
            if done:
                return done
        except Unknown as error:
            trouble = str(error)
        except Refused as error:
            # Somebody else was quicker, so look again; what is refused twice in the same words is refused.
            again = str(error) == trouble and "already exists" not in trouble
            if error.status not in (409, 422) or again:
                raise
            trouble = str(error)
        pause(SETTLE * random.uniform(1, 2))  # noqa: S311 - only spreads the writers
    raise Unavailable(f"the pull request did not settle in {TURNS} rounds", why=trouble)


def withdraw(desk: Desk, why: str, stamp: Stamp) -> Pull | None:
    """Say why, close, delete the branch, in this order: whatever a crash leaves out, the next run does.

    A pull request that is not ours, whose branch a person has pushed to, or that a newer run wrote, is left alone.
    """
    pull = desk.look()
    if pull and pull.stamp and pull.stamp.order > stamp.order:
        return None
    tip = desk.tip()
    theirs = _theirs(pull, tip, "its branch") if pull else ""
    if pull and not theirs:
        desk.close(clean(why), stamp)
    if tip and tip.seal and tip.seal.order <= stamp.order and not theirs:
        desk.delete(tip)
    if pull is None:
        return None
    return Pull(url=pull.url, outcome="kept" if theirs else "closed", number=pull.number, detail=theirs)


def _theirs(pull: Open | None, tip: Tip | None, branch: str) -> str:
    """Say what is a person's, if anything."""
    if pull and pull.stamp is None:
        return f"{pull.url} is not ours: a person opened it, or took the mark out of its text"
    return f"a person has pushed to {branch}" if tip and tip.seal is None else ""


class _Turn:
    """One proposal on its way: `step` looks and makes the next change."""

    def __init__(self, desk: Desk, proposal: Proposal, stamp: Stamp) -> None:
        self._desk, self._proposal, self._stamp, self._change = desk, proposal, stamp, change_of(proposal)
        self._title = " ".join(clean(proposal.title).split())[:MAX_TITLE]
        self._opening = self._wrote = self._moved = False

    def step(self) -> Pull | None:
        """Return the pull request when nothing is left to do, None after a change."""
        proposal = self._proposal
        pull = self._desk.look()
        tip = self._desk.tip()
        text = self._text(tip)
        other = tip is None or tip.seal is None or tip.seal.change != self._change
        stale = pull is None or self._differs(pull, text)
        why = self._in_the_way(pull, tip, other=other, stale=stale)
        if why or not (other or stale):
            return self._done(pull, tip, why)
        if other:
            self._moved = True
            self._desk.push(proposal, self._stamp, tip.sha if tip else None)
        elif pull is None:
            self._opening = True
            self._desk.create(self._title, text)
        else:
            self._wrote = True
            self._desk.rewrite(self._title, text)
        return None

    def _text(self, tip: Tip | None) -> str:
        """Return the body; only the commit tells whose token this is."""
        body, unchecked = self._proposal.body, self._proposal.unchecked
        if unchecked is not None and tip and not tip.checked:
            body = unchecked
        return mark(clean(body), self._proposal.name, self._stamp, watermark=False)

    def _differs(self, pull: Open, text: str) -> bool:
        """Say whether title or text are others; who wrote it first does not matter.

        Once we have written, the stamp alone tells: GitHub may store a text slightly changed.
        """
        if (self._wrote or self._opening) and pull.stamp == self._stamp:
            return False
        return pull.title != self._title or _unmarked(pull.text) != _unmarked(text)

    def _in_the_way(self, pull: Open | None, tip: Tip | None, *, other: bool, stale: bool) -> str:
        """Say what of somebody else's would be overwritten, if anything."""
        if theirs := _theirs(pull, tip, f"the branch {self._proposal.branch}"):
            return theirs
        newer = [one for one in (pull and pull.stamp, tip and tip.seal) if one and one.order > self._stamp.order]
        return "a newer run wrote it" if newer and ((pull and stale) or (tip and other)) else ""

    def _done(self, pull: Open | None, tip: Tip | None, why: str) -> Pull:
        created = self._opening and pull is not None and pull.stamp == self._stamp
        changed = self._wrote or self._moved
        return Pull(
            url=pull.url if pull else "",
            outcome="kept" if why else "created" if created else "updated" if changed else "unchanged",
            number=pull.number if pull else None,
            checked=tip is None or tip.checked,
            detail=why,
        )


def _unmarked(text: str) -> str:
    return text.replace("\r\n", "\n").partition("\n")[2].strip()
