"""What of the history goes: what nothing reads any more, of commits that the base branch has left far behind.

Git keeps the bytes as long as the branch has its own history; what gets smaller is what every run lists, and what a
shallow clone of the branch fetches.
"""

from ci_kit.forge.git import Git
from ci_kit.forge.history import REFS

SCORES = 500  # commits back: a change whose base is older is compared by its model, which is scored again
RESULTS = 5000  # commits back: as many as `ci-kit report history` looks at
MOST = 200  # paths that go with one commit, so that no request gets too large


def stale(git: Git, start: str) -> list[str]:
    """Return the paths on the branch that may go, at most `MOST`; none of a commit that `start` does not lead back to.

    A shallow clone knows few commits, and so lets go of nothing.
    """
    ref = next((ref for ref in REFS if git.find(ref)), None)
    if ref is None:
        return []
    order = (git.read("rev-list", "--first-parent", "--end-of-options", start) or "").split()
    places = {sha: place for place, sha in enumerate(order) if place >= SCORES}
    if not places:
        return []
    found = ((places.get(name.split("/")[1], 0), name) for name in git.names(ref, "results") if name.count("/") > 1)
    old = sorted(((place, name) for place, name in found if _gone(place, name)), reverse=True)
    return [name for _, name in old[:MOST]]


def _gone(place: int, name: str) -> bool:
    return place >= (RESULTS if name.endswith(".json") else SCORES)
