"""Register a bento: its bytes into the store, what is known of it onto the history branch, a tag that names it.

Nothing of the workspace is imported or run here: this is the part that holds a token.
"""

import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from ci_kit import __version__, actions
from ci_kit.bento.archive import pack
from ci_kit.bento.content import changes
from ci_kit.bento.content import facts as manifest
from ci_kit.bento.signature import sign
from ci_kit.errors import Unavailable, UserError
from ci_kit.files import digest
from ci_kit.forge import connect
from ci_kit.forge.git import Git
from ci_kit.forge.history import find as recorded
from ci_kit.job import Job
from ci_kit.package.lineage import judged, passed
from ci_kit.parts import Check, File
from ci_kit.progress import busy
from ci_kit.registry.release import Archive, Release, path_of, read
from ci_kit.registry.stores import open_store
from ci_kit.registry.tags import FIRST, Version, fetch, version_tag, versions
from ci_kit.result import Findings, Result, load, result_path

TURNS = 20  # versions that are tried when others register at the same time


@dataclass(frozen=True, kw_only=True)
class Built:
    """A bento that was built: its folder, its digest, and the Result that says so."""

    folder: Path
    digest: str
    result: Result


def register(job: Job, built: Built) -> Findings:
    """Return the checks `store`, `signature` and `registered`; the same bento again keeps its version.

    Raises UserError for a bento that is not as it was built, or a version that another bento has.
    """
    if found := changes(built.folder, built.digest):
        raise UserError(
            "the bento is not as it was built", why=found[0], hint="Type: ci-kit package", code="store/damaged"
        )
    git, name = Git(job.root), job.config.package.name
    if manifest(built.folder).get("name") != name:
        raise UserError(f"the bento is of {manifest(built.folder).get('name')!r}", why=f"`package.name` is {name!r}")
    fetch(git, name)
    if same := _registered(job, git, name, built.digest):
        tag = version_tag(name, same.version)
        known = Check(id="registered", title="It is registered already", status="pass", observed=tag)
        return _told(job, same, built, [known])
    busy("keeping its bytes")
    archive, stored = _store(job, built, name)
    busy("registering")
    signature = sign(built.folder)
    signed = "It is signed" if signature else "It is not signed"
    detail = None if signature else "Set CI_KIT_SIGNING_KEY, or give the job `id-token: write`."
    checks = [stored, Check(id="signature", title=signed, status="pass" if signature else "warn", detail=detail)]
    release = Release(
        model=name,
        version=str(FIRST),
        digest=built.digest,
        model_sha256=str(manifest(built.folder)["model"]["sha256"]),
        archive=archive,
        source=job.source,
        results=tuple(one.model_copy(update={"charts": ()}) for one in _results(job, git, built)),
        signature=signature,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        kit=__version__,
    )
    kept = _record(job, git, release)
    tag = version_tag(name, kept.version)
    return _told(job, kept, built, [*checks, Check(id="registered", title="Registered", status="pass", observed=tag)])


def built(job: Job) -> Built:
    """Return what was built last; raise UserError when nothing was, or the build failed."""
    path = result_path(job.root, "package", "build")
    if not path.is_file():
        raise UserError("no bento was built here", hint="Type: ci-kit package --build")
    result = load(path)
    file = next((one for one in result.files if one.role == "bento"), None)
    if result.step != "package" or result.status == "fail" or file is None:
        raise UserError("the bento was not built", why="its package step failed", hint="Type: ci-kit package --build")
    folder = Path(job.config.package.bento) if job.config.package.bento else Path(file.path).parent
    return Built(folder=job.root / folder, digest=file.sha256, result=result)


def _registered(job: Job, git: Git, name: str, digest: str) -> Release | None:
    """Return the newest version that is this very bento."""
    for version, commit in reversed(versions(git, name).items()):
        try:
            found = read(git, name, version, commit)
        except UserError as error:
            job.say(f"package: {error}")
            continue
        if found.digest == digest:
            return found
    return None


def _store(job: Job, built: Built, name: str) -> tuple[Archive, Check]:
    store = job.config.package.store
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as folder:
        archive = Path(folder) / f"{name}.bento"
        pack(built.folder, archive)
        place = open_store(store, job.root).put(archive, name, built.digest)
        kept = Archive(sha256=digest(archive), bytes=archive.stat().st_size, store=store, place=place)
    seen = f"{kept.bytes:,} bytes at {store}, {place}"
    return kept, Check(id="store", title="Its bytes are kept", status="pass", observed=seen)


def _results(job: Job, git: Git, built: Built) -> list[Result]:
    """Return the Results that the version is judged by: of its evaluation, where there is one, and of its packaging."""
    sha256 = str(manifest(built.folder)["model"]["sha256"])
    path = result_path(job.root, "evaluate")
    # In CI, what lies here came from a job that ran the repository's code; only trusted runs write the history.
    found = load(path) if path.is_file() and not actions.active() else None
    if found is None or not judged(found, sha256):
        past = recorded(git, job.source.sha, "evaluate", job.say) if job.source.sha else None
        found = past.result if past and judged(past.result, sha256) else None
    return [*([found] if found else []), built.result]


def _record(job: Job, git: Git, release: Release) -> Release:
    """Give the release the wanted version, or the next one that nobody has, and record it."""
    known = versions(git, release.model)
    wanted = job.config.package.version
    version = Version.parse(wanted) if wanted else (list(known)[-1].next() if known else FIRST)
    forge = connect(job.root, actions.event())
    for _ in range(TURNS):
        if version is None:
            break
        tag = version_tag(release.model, str(version))
        kept = release.model_copy(update={"version": str(version)})
        if version not in known:
            commit = forge.record({path_of(release.model, str(version)): kept.dump()}, f"Register {tag}")
            if commit and forge.tag(tag, commit, f"Register {tag}\n\n{release.digest}"):
                return kept
        if wanted:
            hint = f"Leave --version out, or take the next: {list(known)[-1].next() if known else version.next()}"
            raise UserError(f"{tag} is taken", why="another bento has that version", hint=hint, code="store/version")
        version = version.next()
    raise Unavailable(f"no free version of {release.model} was found in {TURNS} attempts", code="github/unsettled")


def _told(job: Job, release: Release, built: Built, checks: list[Check]) -> Findings:
    for name, value in (("version", release.version), ("digest", release.digest)):
        actions.output(name, value)
    if not passed(release.result("evaluate")):
        detail = "It can't be deployed: no evaluation that passed speaks of this very model. Type: ci-kit evaluate"
        checks.append(Check(id="evaluated", title="It was not evaluated", status="warn", detail=detail))
    for check in checks:
        job.say(f"package: {check}")
    about = f"{release.model}@{release.version}"
    return Findings(
        about=about, checks=tuple(checks), files=tuple(file for file in built.result.files if _here(job, file))
    )


def _here(job: Job, file: File) -> bool:
    return (job.root / file.path).is_file()
