"""The Dockerfiles of a bento: fixed text, chosen by the version of Python and by whether the packages have hashes."""

import sys
from pathlib import Path

from ci_kit.errors import UserError

# Slim images of the official repository, by the digest of the index for all platforms (2026-11).
BASES = {
    "3.11": "python:3.11-slim@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7",
    "3.12": "python:3.12-slim@sha256:78387bc3881b8273120a12ebe6c1ab22b018ccc2c9adf565ae1ac9b536e184ea",
    "3.13": "python:3.13-slim@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b",
    "3.14": "python:3.14-slim@sha256:ce40764625a4ff50df3548277632e7f96c4e77fe75fa848aae9885476e7df5a4",
}
_TEMPLATE = """\
# Build it in the folder of the bento: docker build --file env/docker/{file} .
FROM {base} AS packages
COPY env/python/{requirements} /requirements.txt
RUN python -m venv /venv && \\
    /venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: {hashes}-r /requirements.txt

FROM {base}
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \\
    BENTOML_HOME=/tmp/bentoml BENTOML_DO_NOT_TRACK=true BENTOML_CONTAINERIZED=true
COPY --from=packages /venv /venv
COPY . /bento
USER 1034:1034
EXPOSE 3000
HEALTHCHECK --interval=5s --timeout=3s --start-period=60s CMD \\
    ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:3000/readyz', timeout=2)"]
ENTRYPOINT ["bentoml", "serve", "--host", "0.0.0.0", "--port", "3000", "/bento"]
"""


def write(bento: Path, *, hashed: bool, cuda: bool) -> None:
    """Replace what BentoML wrote to `env/docker`: one Dockerfile for CPUs and, with `cuda`, one for NVIDIA's GPUs.

    No value of a configuration stands in them. The GPU's needs the host's driver alone: CUDA comes with the packages.
    """
    folder = bento / "env" / "docker"
    for old in folder.iterdir():
        old.unlink()
    (folder / "Dockerfile").write_text(text("Dockerfile", "requirements.txt", hashed=hashed), "utf-8")
    if cuda:
        (folder / "Dockerfile.cuda").write_text(
            text("Dockerfile.cuda", "requirements-cuda.txt", hashed=hashed), "utf-8"
        )
    (bento / ".dockerignore").write_text("env/docker\n", "utf-8")


def text(file: str, requirements: str, *, hashed: bool) -> str:
    """Return a Dockerfile; raise UserError for a Python that there is no base image for."""
    version = ".".join(map(str, sys.version_info[:2]))
    if version not in BASES:
        raise UserError(f"there is no base image for Python {version}", hint=f"Package with one of {', '.join(BASES)}")
    hashes = "--require-hashes " if hashed else ""
    return _TEMPLATE.format(file=file, base=BASES[version], requirements=requirements, hashes=hashes)
