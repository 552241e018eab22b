"""Many objects of git at once: one process, however many there are."""

from collections.abc import Sequence

from ci_kit.forge.git import Git


def contents_of(git: Git, names: Sequence[str]) -> dict[str, bytes]:
    """Return name → bytes of blobs, by their ids or as `<ref>:<path>`; what is not there is left out."""
    if not names:
        return {}
    output = git.run("cat-file", "--batch", stdin="".join(f"{name}\n" for name in names).encode()).stdout
    found, at = {}, 0
    for name in names:
        end = output.find(b"\n", at)
        if end < 0:
            break
        head = output[at:end].split()
        if len(head) != 3 or head[1] != b"blob":  # `<name> missing`, or a folder
            if len(head) == 3:
                end += int(head[2]) + 1
            at = end + 1
            continue
        start = end + 1
        found[name], at = output[start : start + int(head[2])], start + int(head[2]) + 1
    return found
