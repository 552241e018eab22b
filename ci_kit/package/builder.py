"""Build the bento in a process of its own: `python -P -m ci_kit.package.builder STAGE OUT NAME VERSION`.

The requirements come by stdin. BentoML reads its settings when it is imported, and it imports what it builds: the
user's own service, too.
"""

import os
import shutil
import sys
import tempfile
from pathlib import Path

OFFLINE = {"BENTOML_DO_NOT_TRACK": "true", "NO_PROXY": "*"}


def main(stage: str, out: str, name: str, version: str) -> None:
    """Build from the stage into a folder that does not exist yet; every field of the bento is one that we write."""
    packages = sys.stdin.read().split()
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as home:
        os.environ.update(OFFLINE, BENTOML_HOME=home)
        os.chdir(stage)
        sys.path.insert(0, stage)
        sys.dont_write_bytecode = True
        import bentoml

        built = bentoml.build(
            "bento_service:service",
            name=name,
            version=version,
            build_ctx=stage,
            include=["**"],
            exclude=["**/__pycache__/**"],
            python={"packages": packages, "lock_packages": False},
        )
        shutil.move(built.path, out)


if __name__ == "__main__":
    main(*(str(Path(one)) for one in sys.argv[1:]))
