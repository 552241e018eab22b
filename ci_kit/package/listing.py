"""What the registry holds: `ci-kit package list` and `ci-kit package verify`."""

import tempfile
from pathlib import Path

from ci_kit.bento.archive import unpack
from ci_kit.bento.content import changes
from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.registry.bentos import bring, distrusted, trust
from ci_kit.registry.release import Release, find, read
from ci_kit.registry.tags import fetch, stages, versions
from ci_kit.result import Findings


def listing(job: Job) -> Findings:
    """Print the versions of `package.name`, newest first, with their stages, and return a check for each."""
    git, name = Git(job.root), job.config.package.name
    fetch(git, name)
    known = versions(git, name)
    by_commit: dict[str, list[str]] = {}
    for stage, entries in stages(git, name).items():
        by_commit.setdefault(entries[-1][1], []).append(f"{stage} (#{entries[-1][0]})")
    checks, rows = [], []
    for version, commit in reversed(known.items()):
        where = ", ".join(by_commit.get(commit, []))
        try:
            release = read(git, name, version, commit)
        except UserError as error:
            checks.append(Check(id=f"version/{version}", title=f"{name}@{version}", status="warn", detail=str(error)))
            continue
        rows.append((str(version), where, release.digest[:12], _verdict(release), release.created[:10]))
        seen = f"{release.digest[:12]}{', ' + where if where else ''}"
        checks.append(Check(id=f"version/{version}", title=f"{name}@{version}", status="pass", observed=seen))
    if not known:
        checks = [Check(id="versions", title=f"No version of {name} is registered", status="skip")]
    _print(job, [("version", "stages", "digest", "evaluated", "registered"), *rows] if rows else [])
    return Findings(checks=tuple(checks))


def verify(job: Job) -> Findings:
    """Check a bento: each file as it was packaged, the digest as it was registered, the signature as it must be.

    `package.bento` is a folder or an archive; without it the registered version is fetched from its store.
    """
    given = job.config.package.bento
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as temporary:
        folder = Path(temporary) / job.config.package.name
        if given is None:
            release = find(Git(job.root), job.config.package.name, job.config.package.version)
            bring(release, job.config, job.root, folder)
            return _said(job, _content(folder, release), _signature(job, folder, release))
        path = job.root / given
        if path.is_file():
            unpack(path, folder)
            path = folder
        elif not path.is_dir():
            raise UserError(f"no bento at {given}", hint="Name a folder or a .bento file", code="package/files")
        return _said(job, _content(path, None))


def _said(job: Job, *checks: Check) -> Findings:
    for check in checks:
        job.say(f"package: {check}")
    return Findings(checks=checks)


def _content(folder: Path, release: Release | None) -> Check:
    found = changes(folder, release.digest if release else None)
    if found:
        return Check(id="content", title=found[0], status="fail", detail="\n".join(found))
    seen = f"{release.model}@{release.version}, {release.digest[:12]}" if release else None
    return Check(id="content", title="Every file is as it was packaged", status="pass", observed=seen)


def _signature(job: Job, folder: Path, release: Release) -> Check:
    whose = trust(job.config, job.root)
    if not whose:
        title = "Whose signature counts is not configured" if release.signature else "It is not signed"
        detail = "Set `deploy.key` or `deploy.identity`."
        return Check(id="signature", title=title, status="warn", detail=detail)
    if why := distrusted(release, folder, whose):
        return Check(id="signature", title="The signature does not verify", status="fail", detail=why)
    return Check(id="signature", title="The signature verifies", status="pass")


def _verdict(release: Release) -> str:
    found = release.result("evaluate")
    return found.status if found else "no"


def _print(job: Job, rows: list[tuple[str, ...]]) -> None:
    widths = [max((len(row[column]) for row in rows), default=0) for column in range(5)]
    for row in rows:
        job.say("  ".join(f"{value:<{width}}" for value, width in zip(row, widths, strict=True)).rstrip())
