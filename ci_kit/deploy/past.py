"""What the history branch knows of a target: which versions were kept there."""

from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.forge.history import BRANCH
from ci_kit.result import MAX_BYTES, Result, parse


def kept(git: Git, model: str, target: str) -> list[str]:
    """Return the versions that were kept at a target, the latest first; an entry that is damaged is none."""
    git.fetch_branch(BRANCH)
    found: dict[str, Result] = {}
    for ref in (f"refs/remotes/origin/{BRANCH}", f"refs/heads/{BRANCH}"):
        for name in git.names(ref, f"deploy/{model}/{target}/"):
            if name not in found and (result := _read(git, ref, name)):
                found[name] = result
    # A name begins with the time of its deployment.
    return [str(found[name].name) for name in sorted(found, reverse=True) if _kept(found[name])]


def _read(git: Git, ref: str, name: str) -> Result | None:
    size = int(git.read("cat-file", "-s", f"{ref}:{name}") or -1)
    if not 0 <= size <= MAX_BYTES:
        return None
    try:
        result = parse(git.run("cat-file", "blob", f"{ref}:{name}").stdout, name)
    except UserError:
        return None
    return result if result.step == "deploy" else None


def _kept(result: Result) -> bool:
    return any((check.id, check.status) == ("keep", "pass") for check in result.checks)
