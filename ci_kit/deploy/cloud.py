"""Deploy to BentoCloud, by BentoML's own command line.

The bento that was registered is pushed, whose image BentoCloud then builds itself; so what runs there is what was
verified here. Its version there is `<version>-<digest>`: so BentoCloud itself tells what serves. It changes over in its
own way; we wait for it, and have it change back when it fails. A rollback deploys the version that the history of the
repository says was kept before, as the command line shows no revisions; its bento is there already.

It was written by the command line of BentoML 1.4.40, and exercised with a stand-in for it (`tests/deploy`), never with
the real service, which needs an account. Building an image takes it minutes, which count for `start`.
"""

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from ci_kit.bento.archive import pack
from ci_kit.deploy.bentocloud import BAD, GOOD, BentoCloud, Deployed
from ci_kit.deploy.gates import brought, evaluated
from ci_kit.deploy.past import kept as versions
from ci_kit.deploy.record import recorded
from ci_kit.deploy.render import name_of
from ci_kit.errors import CiKitError, Unavailable, UserError
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.progress import busy
from ci_kit.registry.release import Release, find
from ci_kit.result import Findings
from ci_kit.sections import BentoCloud as Settings
from ci_kit.sections import duration

PAUSE = 5.0  # seconds between two looks
LOOKS = 3
"""How often in a row a status must be seen: what is shown first may be that of the version before."""
LONGEST = 63
_VERSION = re.compile(r"^version: .*$", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Place:
    """One deployment: what is told of it, its name, and the command line."""

    job: Job
    target: str
    name: str
    cloud: BentoCloud
    settings: Settings


def deploy(job: Job, name: str, settings: Settings, release: Release) -> Findings:
    """Return a check for each step; raise UserError for what can't even begin, such as a missing token."""
    with _place(job, name, settings, release.model) as place:
        return _deployed(place, release)


def rollback(job: Job, name: str, settings: Settings) -> Findings:
    """Deploy the version that was kept before the present one; raise UserError when the history knows of none."""
    with _place(job, name, settings, job.config.package.name) as place:
        model, found = job.config.package.name, place.cloud.find(place.name)
        present = _version(found.bento) if found else ""
        before = next((one for one in versions(Git(job.root), model, name) if one != present), None)
        if before is None:
            why = f"the history knows of no other version than {present}" if present else "none was deployed"
            raise UserError(
                "there is no version to go back to", why=why, hint="Deploy one: --version", code="deploy/no-version"
            )
        return _deployed(place, find(Git(job.root), model, before))


def stop(job: Job, name: str, settings: Settings) -> Findings:
    """Raise UserError with what to type: BentoCloud looks after what it runs."""
    known = name_of(job.config.package.name, name, LONGEST)
    where = f" --cluster {settings.cluster}" if settings.cluster else ""
    hint = f"Type: bentoml deployment terminate {known}{where}"
    raise UserError(f"ci-kit does not take {name} out of service", why="BentoCloud looks after it", hint=hint)


def status(job: Job, name: str, settings: Settings) -> Findings:
    """Show what BentoCloud says."""
    with _place(job, name, settings, job.config.package.name) as place:
        found = place.cloud.find(place.name)
    check = _serves(name, found)
    job.say(f"{name}: {check.title}{f', {check.observed}' if check.observed else ''}")
    return Findings(checks=(check,))


@contextmanager
def _place(job: Job, target: str, settings: Settings, model: str) -> Iterator[Place]:
    name = name_of(model, target, LONGEST)
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as home:
        cloud = BentoCloud(Path(home), settings.cluster)
        yield Place(job=job, target=target, name=name, cloud=cloud, settings=settings)


def _deployed(place: Place, release: Release) -> Findings:
    job, title = place.job, f"{release.model}@{release.version}"
    job.say(f"deploy: {title} to {place.target}")
    tag = f"{release.model}:{release.version}-{release.digest[:12]}"
    first = evaluated(release)
    if first.status == "fail":
        return Findings(checks=(first,))
    before = place.cloud.find(place.name)
    if before and before.bento == tag and before.status in GOOD:
        return Findings(checks=(first, _serves(place.target, before)))
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as temporary:
        folder = Path(temporary) / "bento"
        checks = [first, *brought(job, release, folder)]
        if checks[-1].status == "fail":
            return Findings(checks=tuple(checks))
        place.cloud.add(_tagged(folder, tag))
    changed, kept = _changed(place, title, tag, before)
    found = Findings(checks=(*checks, *changed))
    return recorded(job, place.target, place.settings, release, found, kept=kept)


def _tagged(folder: Path, tag: str) -> Path:
    """Return the bento as an archive whose version is that of the tag.

    Its own is that of the model alone: of two bentos with one model BentoCloud would keep the first.
    """
    path = folder / "bento.yaml"
    version = tag.partition(":")[2]
    path.write_text(_VERSION.sub(f"version: {version}", path.read_text("utf-8"), count=1), "utf-8")
    archive = folder.with_name("bento.tar.gz")
    pack(folder, archive)
    return archive


def _changed(place: Place, title: str, tag: str, before: Deployed | None) -> tuple[list[Check], bool]:
    """Have BentoCloud change over, and back when it fails; return the checks, and whether the version was kept."""
    busy(f"changing over to {title}")
    try:
        place.cloud.update(place.name, tag) if before else place.cloud.create(place.name, tag)
        why = _wait(place, tag)
    except (UserError, Unavailable) as error:
        why = str(error)
    except BaseException:
        _back(place, before)
        raise
    if why is None:
        made = Check(id="rollout", title=f"BentoCloud serves {title}", status="pass")
        return [_told(place, made), Check(id="keep", title="The new version is kept", status="pass")], True
    title = f"BentoCloud did not change over to {title}"
    failed = _told(place, Check(id="rollout", title=title, status="fail", observed=why))
    return [failed, _told(place, _back(place, before))], False


def _back(place: Place, before: Deployed | None) -> Check:
    try:
        if before is None:
            place.cloud.terminate(place.name)
            title = "There is no version to go back to: the deployment was terminated"
            return Check(id="rollback", title=title, status="fail")
        place.cloud.update(place.name, before.bento)
        why = _wait(place, before.bento)
    except CiKitError as error:
        why = str(error)
    if why is None and before is not None:
        return Check(id="rollback", title=f"{before.bento} serves again", status="warn")
    title = "What was there before could not be restored"
    detail = "Look at BentoCloud's console, or type: ci-kit deploy status"
    return Check(id="rollback", title=title, status="fail", observed=why, detail=detail)


def _wait(place: Place, tag: str) -> str | None:
    """Wait until BentoCloud says, several times in a row, that it serves the bento; say why it does not."""
    within = duration(place.settings.start).total_seconds()
    deadline, last, looks = time.monotonic() + within, "", 0
    while True:
        found = place.cloud.find(place.name)
        shown = found.status if found and found.bento == tag else "of another version"
        last, looks = shown, looks + 1 if shown == last else 1
        if looks >= LOOKS and shown in (*GOOD, *BAD):
            return None if shown in GOOD else f"its status is {shown}"
        if time.monotonic() > deadline:
            return f"after {within:.0f} s its status is {shown}"
        time.sleep(PAUSE)


def _version(bento: str) -> str:
    return bento.partition(":")[2].partition("-")[0]


def _serves(target: str, found: Deployed | None) -> Check:
    if found is None:
        return Check(id="serves", title=f"Nothing was deployed to {target} yet", status="skip")
    version = f"{found.bento.partition(':')[0]}@{_version(found.bento)}"
    if found.status in GOOD:
        return Check(id="serves", title=f"{version} serves", status="pass", observed=found.url or None)
    title = f"{version} is {found.status}"
    return Check(id="serves", title=title, status="fail" if found.status in BAD else "warn", observed=found.url or None)


def _told(place: Place, check: Check) -> Check:
    place.job.say(f"deploy: {check}")
    return check
