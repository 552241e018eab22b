"""What a target is and does: one file that is replaced whole, one that opens the traffic, one lock."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ci_kit.errors import UserError
from ci_kit.files import atomic_write

Colour = Literal["blue", "green"]
COLOURS: tuple[Colour, Colour] = ("blue", "green")
KEPT = 20  # deployments that are remembered


class Part(BaseModel):
    """What all parts share: no unknown keys."""

    model_config = ConfigDict(extra="forbid")


class Instance(Part):
    """One version at one of the two places of a target."""

    version: str
    digest: str
    model: str
    started: str


class Journal(Part):
    """A deployment that is not over: `step` is written before it is done."""

    version: str
    digest: str
    candidate: Colour
    previous: Colour | None
    step: str
    started: str
    pid: int


class Past(Part):
    """A deployment that is over."""

    version: str
    digest: str
    ended: str
    outcome: Literal["kept", "rolled back", "refused"]
    why: str = ""


class State(Part):
    """A target: which place is `active`, what is at both, the deployment that goes on, and those before it."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    target: str
    ports: dict[Colour, int]
    active: Colour | None = None
    instances: dict[Colour, Instance] = Field(default_factory=dict)
    journal: Journal | None = None
    past: list[Past] = Field(default_factory=list)

    def other(self) -> Colour:
        """Return the place that is not active."""
        return "green" if self.active == "blue" else "blue"


class Desk:
    """The folder of a target."""

    def __init__(self, folder: Path, target: str) -> None:
        self.folder, self.target = folder, target

    @property
    def gate(self) -> Path:
        """The file that holds the colour of the instance that takes the traffic."""
        return self.folder / "gate"

    @property
    def predictions(self) -> Path:
        """The folder of the prediction log."""
        return self.folder / "predictions"

    def open(self) -> Colour | None:
        """Return which instance takes the traffic."""
        with contextlib.suppress(OSError):
            found = self.gate.read_text("utf-8").strip()
            return next((colour for colour in COLOURS if colour == found), None)
        return None

    def switch(self, colour: Colour | None) -> None:
        """Give the traffic to an instance, or to none, in one step."""
        atomic_write(self.gate, f"{colour or 'closed'}\n".encode())

    def load(self) -> State | None:
        """Return the target's state, None where there is none yet; raise UserError when it is damaged or too new."""
        try:
            raw = (self.folder / "state.json").read_bytes()
        except FileNotFoundError:
            return None
        try:
            return State.model_validate_json(raw)
        except ValidationError as error:
            why = f"{self.folder / 'state.json'}: {error.errors(include_url=False)[0]['msg']}"
            raise UserError(
                f"the state of {self.target} can't be read",
                why=why,
                hint="Was a newer ci-kit here?",
                code="config/newer",
            ) from error

    def save(self, state: State) -> None:
        """Write the state in one atomic step."""
        state.past = state.past[-KEPT:]
        atomic_write(self.folder / "state.json", (state.model_dump_json(indent=1, by_alias=True) + "\n").encode())

    @contextlib.contextmanager
    def lock(self, what: str) -> Iterator[None]:
        """Hold the target alone; raise UserError, naming who does, when another deployment goes on.

        The system lets go of it when this process ends, however that happens.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT, 0o644)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                holder = _holder(self.folder / "lock")
                raise UserError(
                    f"{self.target} is busy", why=holder, hint="Wait for it, or stop that process", code="deploy/busy"
                ) from error
            os.ftruncate(handle, 0)
            os.pwrite(handle, json.dumps({"what": what, "pid": os.getpid(), "since": now()}).encode(), 0)
            yield
        finally:
            os.close(handle)


def now() -> str:
    """Return the time in UTC, ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _holder(path: Path) -> str:
    try:
        found: dict[str, Any] = json.loads(path.read_bytes())
        return f"{found['what']} since {found['since']}, process {found['pid']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another deployment goes on"
