"""The workflows, filled in from the kit's templates: which kit, which branch, which folders, which environment.

`ci_kit/init/templates` holds copies of `workflow-templates/`, as only the package is installed.
"""

import json
import re
import shlex
from dataclasses import replace
from importlib.metadata import distribution
from pathlib import Path

from ci_kit import __version__
from ci_kit.forge.git import Git
from ci_kit.init.look import Found
from ci_kit.init.texts import scalar

# Where the kit is released, for a kit that was not installed from git and so can't say where it comes from.
HOME, TAG = "OWNER/ci-kit", f"v{__version__}"
FOLDER = ".github/workflows"
NAMES = ("pull-request.yml", "pull-request-fork.yml")
_TEMPLATES = Path(__file__).parent / "templates"
_GITHUB = re.compile(r"(?:https|ssh)://(?:[\w.-]+@)?github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?")


def kit() -> str:
    """Return what `uses:` names: the repository and the very commit that pip installed the kit from, else HOME@TAG."""
    try:
        told = json.loads(distribution("ci-kit").read_text("direct_url.json") or "{}")
        where = _GITHUB.fullmatch(told["url"])
        commit = told["vcs_info"]["commit_id"]
    except (KeyError, ValueError, TypeError):
        return f"{HOME}@{TAG}"
    return f"{where[1]}@{commit}" if where and re.fullmatch(r"[0-9a-f]{40}", commit) else f"{HOME}@{TAG}"


def other(top: Path) -> str:
    """Return the workflow that uses the kit already and is none of ours, '' where there is none."""
    for path in sorted((top / FOLDER).glob("*.y*ml")):
        text = path.read_text(encoding="utf-8", errors="replace")
        if path.name not in NAMES and re.search(r"uses: *[\w.-]+/ci-kit[@/]", text):
            return f"{FOLDER}/{path.name}"
    return ""


def workflows(found: Found) -> tuple[dict[Path, str], dict[Path, str]]:
    """Return path → text of both workflows, one for all folders of the repository that hold a ci-kit.yaml.

    And path → text as they were for the other folders alone, which is what an earlier init has written.
    """
    names = dict(zip(NAMES, NAMES, strict=True))
    for name in NAMES:
        path = found.top / FOLDER / name
        if path.exists() and "ci-kit" not in path.read_text(encoding="utf-8", errors="replace"):
            names[name] = f"ci-kit-{name}"  # somebody else's file of that name stays
    folders, own = _folders(found), found.prefix or "."
    others = [one for one in folders if one != own]
    paths = {name: found.top / FOLDER / names[name] for name in NAMES}
    earlier = replace(found, root=found.top / others[0], prefix=others[0]) if others else found
    return (
        {paths[name]: _filled(name, found, folders) for name in NAMES},
        {paths[name]: _filled(name, earlier, others) for name in NAMES if others},
    )


def _folders(found: Found) -> list[str]:
    listed = Git(found.top).read("ls-files", "--cached", "--others", "--exclude-standard", "*ci-kit.yaml") or ""
    known = [Path(line) for line in listed.splitlines() if (found.top / line).exists()]
    return sorted({str(path.parent) for path in known if path.name == "ci-kit.yaml"} | {found.prefix or "."})


def _filled(name: str, found: Found, folders: list[str]) -> str:
    text = (_TEMPLATES / name).read_text(encoding="utf-8")
    many = len(folders) > 1
    shared = replace(found, root=found.top, prefix="") if many else found  # what several models have in common
    before, given = environment(shared) if name == NAMES[0] else ([], {})
    if folders != ["."]:
        given = {"directory": "${{ matrix.directory }}" if many else scalar(folders[0])} | given
        place = "${{ matrix.directory }}" if many else folders[0]
        text = text.replace("path: .ci-kit/*.json", f"path: {scalar(f'{place}/.ci-kit/*.json')}")
    if many:
        listed = ", ".join(map(scalar, folders))
        matrix = f"    strategy:\n      fail-fast: false\n      matrix:\n        directory: [{listed}]\n"
        text = text.replace("    runs-on: ubuntu-24.04\n", f"    runs-on: ubuntu-24.04\n{matrix}")
        text = re.sub(r"((?:name|pattern): ci-kit-fork)\b(?!\.)", r"\1-${{ strategy.job-index }}", text)
    inputs = "".join(f"          {key}: {value}\n" for key, value in given.items())
    steps = "".join(f"      - run: {scalar(command)}\n" for command in before)
    ours = "      - uses: OWNER/ci-kit@REF\n"
    text = text.replace(ours, steps + ours + (inputs and f"        with:\n{inputs}"))
    text = text.replace("          phase: fork\n", f"          phase: fork\n{inputs}")
    action, _, ref = kit().partition("@")
    text = text.replace("OWNER/ci-kit", action).replace("@REF", f"@{ref}" + (f" # {TAG}" if len(ref) == 40 else ""))
    return text.replace("$default-branch", scalar(found.base))


def environment(found: Found) -> tuple[list[str], dict[str, str]]:
    """Return the commands that make the project's environment, and the inputs that tell the action of it.

    The kit finds a `requirements.txt` by itself, beside ci-kit.yaml or at the root of the repository.
    """
    place = next((one for one in (found.root, found.top) if _kinds(one)), found.root)
    kinds, prefix = _kinds(place), found.prefix if place == found.root and found.prefix else "."
    where = "" if prefix == "." else f" --directory {shlex.quote(prefix)}"
    if "requirements.txt" in kinds or not kinds:
        return [], {}
    if "uv.lock" in kinds:
        return [f"pipx run uv sync --frozen{where}"], {"python": scalar(_in(prefix, ".venv/bin/python"))}
    if "poetry.lock" in kinds:
        made = f"POETRY_VIRTUALENVS_IN_PROJECT=true pipx run poetry install --no-root{where}"
        return [made], {"python": scalar(_in(prefix, ".venv/bin/python"))}
    if "environment.yml" in kinds:
        file = shlex.quote(_in(prefix, "environment.yml"))
        made = f'"$CONDA/bin/conda" env create --quiet --file {file} --prefix ./.conda'
        return [made], {"python": ".conda/bin/python"}
    return [], {"requirements": scalar(_in(prefix, kinds[0]))}


def _in(prefix: str, name: str) -> str:
    return name if prefix == "." else f"{prefix}/{name}"


def described(found: Found) -> bool:
    """Say whether any file tells what the project needs."""
    return bool(_kinds(found.root) or _kinds(found.top))


def _kinds(folder: Path) -> list[str]:
    """Return which files of the folder describe an environment, the best first."""
    known = ["requirements.txt", "uv.lock", "poetry.lock", "environment.yml"]
    found = [name for name in known if (folder / name).is_file()]
    project = folder / "pyproject.toml"
    if project.is_file() and re.search(rb"^\[(project|tool\.poetry)\]", project.read_bytes(), re.MULTILINE):
        found.append("pyproject.toml")
    return found + sorted(path.name for path in folder.glob("requirements*.txt") if path.name != "requirements.txt")
