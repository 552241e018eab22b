"""The main job on real input, without an account or a network service: check, ship, and keep it true.

Prints each command before it runs it. The repository is left behind to play with.
"""

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

import polars as pl
from clients import CACHED, Clients, keys
from sandbox import Sandbox, say

EXAMPLE = Path(__file__).parent / "digits"
RETRAINING = "ci-kit-retrain/default"
OURS = (".*", "__pycache__", "data", "model.onnx", "weights.npz")


class Demo(Sandbox):
    """What happens, in its order."""

    def main(self) -> None:
        say("A repository with data, a model and its tests, on `main`")
        shutil.copytree(EXAMPLE, self.root, ignore=shutil.ignore_patterns(*OURS))
        self.edit("127.0.0.1:8080", self.address)
        self.sign()
        # What the service and its users write is elsewhere, with you.
        (self.root / ".gitignore").write_text(".ci-kit/\n__pycache__/\n/scans/\n/log/\n/labels/\n")
        self.run("git init --quiet --initial-branch main")
        self.run("python make_data.py")
        self.run("dvc init --quiet")
        self.run("dvc remote add --quiet --default storage ../storage")
        self.run("dvc add --quiet data/train.csv data/evaluation.csv")
        self.run("ci-kit train", quiet=False)
        self.run("python collect.py")
        self.run("ci-kit drift --build-reference")
        self.run("dvc add --quiet data/recent.csv reference")
        self.run("dvc push --quiet --run-cache")
        self.commit("Recognise digits")
        say("The journey on `main`: its results become the baseline")
        self.run("ci-kit run check --first-run allow", quiet=False)
        say("Version 1 ships: proven the same model, packed, registered, deployed")
        self.run("ci-kit run ship", quiet=False)
        say("Day 1 in production: the service logs what it sees, and the drift check is quiet")
        self.watch(1)

    def sign(self) -> None:
        """Make a key to sign bentos with; in CI no key is needed, as the workflow itself signs."""
        secret, public = keys()
        self.env["CI_KIT_SIGNING_KEY"] = secret
        (self.root / "key.pub.pem").write_text(public)
        self.edit("deploy:\n", "deploy:\n  key: key.pub.pem # whose signature counts\n")

    def pull_request(self, branch: str, title: str, *, expect: int) -> None:
        self.commit(title)
        self.check(branch, expect=expect)

    def check(self, name: str, *, expect: int) -> None:
        self.run("ci-kit run check", quiet=False, expect=expect)
        self.keep("report.md", f"{name}.md")
        self.keep("report.html", f"{name}.html")
        self.checkout("main")

    def watch(self, number: int, *, expect: int = 0) -> None:
        self.run(f"python serve.py scans/{number}.csv", quiet=False)
        self.run("ci-kit run watch", quiet=False, expect=expect)

    def keep_it_true(self) -> None:
        say("Day 2: other people write. What moved is a warning")
        self.watch(2)
        say("Day 3: it lasts. That is an alarm, and one pull request with data and a model that know them")
        self.watch(3, expect=1)
        self.keep("drift.html", "drift.html")
        self.keep(f"pulls/{RETRAINING.replace('/', '--')}.md", "pull-request-4.md")
        say("Pull request 4: it is checked like any other")
        self.checkout(RETRAINING)
        self.check("retrain", expect=0)
        say("It is merged")
        self.run(f"git merge --quiet --no-ff --no-edit {RETRAINING}")
        self.run("dvc checkout --quiet --force")
        say("Day 4: the same people write, and the drift check is quiet")
        self.watch(4)

    def ship_it(self) -> None:
        say("Version 2, the retrained model, ships while clients ask")
        self.under_load("ci-kit run ship")
        self.branch("cache", "Version 3 has a service of its own, with a mistake that shows only under load")
        (self.root / "cached.py").write_text(CACHED)
        self.edit("package:\n", "package:\n  service: cached.py:Cached\n")
        self.commit("Remember what was asked")
        self.under_load("ci-kit run ship", expect=1)
        say("What serves now, and how it came to that")
        self.run("ci-kit deploy status", quiet=False)
        self.run("ci-kit package list", quiet=False)
        self.run("ci-kit deploy stop")
        self.checkout("main")

    def under_load(self, command: str, *, expect: int = 0) -> None:
        """Run a command while clients ask, and show how many requests failed, and for how long."""
        rows = pl.read_csv(self.root / "scans" / "4.csv").drop("digit").to_dicts()
        with Clients(f"http://{self.address}", rows) as clients:
            self.run(command, quiet=False, expect=expect)
        failed = [at for at, status in clients.seen if status != 200]
        long = f", all within {max(failed) - min(failed):.1f} s" if failed else ""
        print(f"  clients: {len(clients.seen):,} requests, {len(failed):,} failed{long}")

    def branch(self, name: str, text: str) -> None:
        say(text)
        self.run(f"git checkout --quiet -b {name}")

    def break_data(self) -> None:
        """A scanner whose paper is grey, labels that were lost, and rows that the evaluation data has too."""
        folder = self.root / "data"
        frame, evaluation = pl.read_csv(folder / "train.csv"), pl.read_csv(folder / "evaluation.csv")
        broken = frame.head(40).with_columns(pl.col("p20", "p21") * 14 + 20, position=pl.col("position") + 5000)
        lost = frame.slice(40, 12).with_columns(digit=pl.lit(None, pl.Int64), position=pl.col("position") + 6000)
        pl.concat([frame, broken, lost, evaluation.head(25)]).write_csv(folder / "train.csv")
        self.run("dvc add --quiet data/train.csv")
        print("  data/train.csv: 40 rows of another scanner, 12 without a label, 25 rows of the evaluation data")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="where to work; default: a new temporary folder")
    folder = parser.parse_args().folder or Path(tempfile.mkdtemp(prefix="ci-kit-demo-"))
    started, demo = time.monotonic(), Demo(folder)
    demo.main()
    demo.branch("better", "Pull request 1: a wider network with weight decay")
    demo.params(epochs=20, width=128, rate=0.001, decay=0.3)
    demo.pull_request("better", "Widen the network and decay its weights", expect=0)
    demo.branch("worse", "Pull request 2: a learning rate that is too high")
    demo.params(rate=0.05)
    demo.pull_request("worse", "Train faster", expect=1)
    demo.branch("broken", "Pull request 3: new data with faults")
    demo.break_data()
    demo.pull_request("broken", "Add the scans of the second scanner", expect=1)
    demo.keep_it_true()
    demo.ship_it()
    say(f"Done in {time.monotonic() - started:.0f} s: one pull request may be merged, two may not, one made itself;")
    print("   two versions shipped, and a broken one did not stay")
    for name in ("better", "worse", "broken", "retrain"):
        print(f"  {name:8}{demo.reports / name}.md   (in a browser: {name}.html)")
    print(f"  alarm   {demo.reports / 'drift.html'}, and what opened: {demo.reports / 'pull-request-4.md'}")
    print(f"""
Try next:
  cd {demo.root}
  export PATH="{Path(sys.executable).parent}:$PATH"
  git checkout better                 # or worse, or broken
  ci-kit run check                    # the same journey, by hand
  ci-kit deploy --version v0.2.0      # what was stopped at the end; then: ci-kit deploy status
  ci-kit package verify               # every file of the newest one, as it was packaged
  ci-kit drift --replay               # every window so far, judged by what is expected now
  git log --stat -1 ci-kit            # the history that the next pull request is compared with
In your own repository: write a ci-kit.yaml like this one, add workflow-templates/pull-request.yml, deploy.yml
and drift.yml.""")


if __name__ == "__main__":
    main()
