"""`ci-kit train` as a process, on a training that tells how far it is."""

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import yaml

ROOT = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("CI_KIT_ROUNDS", "1"))


class Kit:
    """`ci-kit train` on a training of these tests, in a repository of its own."""

    def __init__(self, folder: Path, command: str, **more: object) -> None:
        self.root, self.state, self.what = folder / "repo", folder / "state", command.split()[-2]
        self.root.mkdir(parents=True)
        train = {"command": command, "outputs": "weights.txt", "gpu": "none", "checkpoints": str(self.state)} | more
        self.state = Path(str(train["checkpoints"]))
        (self.root / "ci-kit.yaml").write_text(yaml.safe_dump({"train": train}))

    def start(self) -> subprocess.Popen[bytes]:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = os.environ | {"PYTHONPATH": str(ROOT), "PATH": path, "EVERY": "0", "PAUSE": "0.05"}
        with (self.root.parent / "said").open("ab") as said:
            command = [sys.executable, "-m", "ci_kit", "train"]
            return subprocess.Popen(command, cwd=self.root, env=env, stdout=said, stderr=said)

    def trainings(self) -> list[psutil.Process]:
        """Return the processes that train here."""
        found = []
        for one in psutil.process_iter(["cmdline", "status"]):
            words = one.info["cmdline"] or []
            if (
                self.what in words
                and "torch.distributed.run" not in words
                and one.info["status"] != psutil.STATUS_ZOMBIE
            ):
                found.append(one)
        return [one for one in found if one.cwd() == str(self.root)]

    def steps(self) -> int:
        path = self.root / "weights.steps"
        return len(path.read_text().splitlines()) if path.exists() else 0

    def further(self, running: subprocess.Popen[bytes], steps: int) -> None:
        """Wait until so many more steps are done."""
        aim, deadline = self.steps() + steps, time.monotonic() + 90
        while self.steps() < aim:
            assert running.poll() is None, (self.root.parent / "said").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
