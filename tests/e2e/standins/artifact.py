"""Zip files into the gateway's store and back, as upload-artifact and download-artifact do."""

import fnmatch
import glob
import io
import json
import os
import sys
import zipfile
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

STORE = os.environ["GITHUB_API_URL"] + "/_test/artifacts"


def upload() -> None:
    """Store what the globs name, relative to their least common folder; hidden files only when asked to."""
    patterns = [line.strip() for line in os.environ["FILES"].splitlines() if line.strip()]
    names = [name for pattern in patterns for name in glob.glob(pattern, recursive=True, include_hidden=True)]  # noqa: PTH207
    files = {Path(name) for name in names if Path(name).is_file()}
    files |= {path for name in names if Path(name).is_dir() for path in Path(name).rglob("*") if path.is_file()}
    if os.environ["HIDDEN"] != "true":
        files = {path for path in files if not any(part.startswith(".") for part in path.parts if part != ".")}
    if not files:
        print(f"No files were found with the provided path: {patterns}")
        sys.exit(os.environ["MISSING"] == "error")
    whole = [path.resolve() for path in files]
    roots = [Path(pattern).resolve() for pattern in patterns]
    root = roots[0] if len(roots) == 1 and roots[0].is_dir() else Path(os.path.commonpath([p.parent for p in whole]))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for path in sorted(whole):
            archive.write(path, path.relative_to(root).as_posix())
    urlopen(Request(f"{STORE}/{os.environ['NAME']}", content.getvalue(), method="POST"), timeout=20).close()
    print(f"stored {len(files)} files")


def download() -> None:
    """Unpack one artifact, or each that matches, as the real action lays them out."""
    name, pattern = os.environ["NAME"], os.environ["PATTERN"]
    if os.environ["RUN"]:
        try:
            with urlopen(f"{STORE}/{os.environ['RUN']}/{name or pattern}", timeout=20) as answer:
                zipfile.ZipFile(io.BytesIO(answer.read())).extractall(os.environ["FOLDER"])
        except HTTPError:
            if name:
                raise
        return
    with urlopen(STORE, timeout=20) as answer:
        names = [one for one in json.load(answer) if (one == name if name else fnmatch.fnmatch(one, pattern or "*"))]
    if name and not names:
        sys.exit(f"Unable to download artifact(s): Artifact not found for name: {name}")
    for one in names:
        alone = name or os.environ["MERGE"] == "true"
        folder = Path(os.environ["FOLDER"]) if alone else Path(os.environ["FOLDER"]) / one
        folder.mkdir(parents=True, exist_ok=True)
        with urlopen(f"{STORE}/{one}", timeout=20) as answer:
            zipfile.ZipFile(io.BytesIO(answer.read())).extractall(folder)


if __name__ == "__main__":
    {"upload": upload, "download": download}[sys.argv[1]]()
