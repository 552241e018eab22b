"""Versions as annotated tags, and what they mean on the history branch."""

import json
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.forge.local import LocalForge
from ci_kit.package import step
from ci_kit.package.register import Built, register
from ci_kit.parts import File
from ci_kit.registry.assign import assign
from ci_kit.registry.release import Release, find
from ci_kit.registry.tags import FIRST, Version, stages, versions
from ci_kit.result import Findings, Result
from tests.deploy import made
from tests.forge.repository import git

pytestmark = pytest.mark.e2e


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return made.repository(tmp_path / "repo")


def built(root: Path, folder_name: str, **how: object) -> Built:
    folder = root / ".ci-kit" / "made" / folder_name
    digest = made.bento(folder, **how)  # type: ignore[arg-type]
    made.evaluated(root, json.loads((folder / "manifest.json").read_text())["model"]["sha256"])
    result = Result(step="package", name="build", checks=(), source=made.job(root).source, run=made.RUN)
    return Built(folder=folder, digest=digest, result=result)


def said(found: Findings, which: str) -> str:
    (check,) = (check for check in found.checks if check.id == which)
    return f"{check.title}: {check.observed}"


def names(root: Path) -> list[str]:
    return [str(version) for version in versions(Git(root), made.NAME)]


def test_a_version_is_an_annotated_tag_on_the_commit_that_says_what_it_is(root: Path) -> None:
    found = register(made.job(root), built(root, "one"))
    assert said(found, "registered") == "Registered: sums@v0.1.0"
    assert found.about == "sums@v0.1.0"
    assert git(root, "cat-file", "-t", "sums@v0.1.0").strip() == "tag"
    assert git(root, "ls-tree", "-r", "--name-only", "sums@v0.1.0").split() == ["registry/sums/v0.1.0.json"]
    assert git(root, "merge-base", "--is-ancestor", "sums@v0.1.0^{}", "ci-kit") == ""
    release = find(Git(root), "sums", None)
    assert (release.version, release.archive.store) == ("v0.1.0", "store")
    assert (root / "store" / release.archive.place).stat().st_size == release.archive.bytes
    assert [result.step for result in release.results] == ["evaluate", "package"]
    assert git(root, "status", "--porcelain") == ""


def test_the_next_one_is_the_next_minor_version(root: Path) -> None:
    for number, name in enumerate(("one", "two", "three"), 1):
        register(made.job(root), built(root, name, note=name))
        assert names(root)[-1] == f"v0.{number}.0"
    register(made.job(root, {"package.version": "v2.5.1"}), built(root, "four", note="four"))
    register(made.job(root), built(root, "five", note="five"))
    assert names(root) == ["v0.1.0", "v0.2.0", "v0.3.0", "v2.5.1", "v2.6.0"]


def test_the_same_bento_again_keeps_its_version(root: Path) -> None:
    one = built(root, "one")
    register(made.job(root), one)
    before = git(root, "rev-parse", "ci-kit")
    found = register(made.job(root), one)
    assert said(found, "registered") == "It is registered already: sums@v0.1.0"
    assert git(root, "rev-parse", "ci-kit") == before


def test_a_version_that_another_bento_has_is_one_line_that_names_the_next(root: Path) -> None:
    register(made.job(root), built(root, "one"))
    with pytest.raises(UserError, match=r"sums@v0\.1\.0 is taken .*take the next: v0\.2\.0"):
        register(made.job(root, {"package.version": "v0.1.0"}), built(root, "two", note="two"))
    assert names(root) == ["v0.1.0"]


def test_registrations_at_the_same_time_get_versions_of_their_own(root: Path) -> None:
    bentos = [built(root, f"b{number}", note=str(number)) for number in range(6)]
    with ThreadPoolExecutor(6) as pool:
        found = list(pool.map(lambda one: register(made.job(root), one), bentos))
    assert sorted(said(one, "registered")[-6:] for one in found) == [f"v0.{number}.0" for number in range(1, 7)]
    assert names(root) == [f"v0.{number}.0" for number in range(1, 7)]
    digests = {find(Git(root), "sums", name).digest for name in names(root)}
    assert digests == {one.digest for one in bentos}
    commits = {git(root, "rev-parse", f"sums@{name}^{{}}") for name in names(root)}
    assert len(commits) == 6  # as GTO wants it


def test_a_bento_that_was_changed_after_it_was_built_is_not_registered(root: Path) -> None:
    one = built(root, "one")
    (one.folder / "src" / "bento_service.py").write_text("evil\n")
    with pytest.raises(UserError, match=r"the bento is not as it was built \(src/bento_service\.py was changed\)"):
        register(made.job(root), one)
    assert names(root) == []


def test_a_bento_of_another_model_is_not_registered_under_this_name(root: Path) -> None:
    with pytest.raises(UserError, match=r"the bento is of 'others' \(`package\.name` is 'sums'\)"):
        register(made.job(root), built(root, "one", name="others"))


def test_without_an_evaluation_it_is_registered_with_a_warning(root: Path) -> None:
    one = built(root, "one")
    (root / ".ci-kit" / "evaluate.json").unlink()
    found = register(made.job(root), one)
    assert [check.id for check in found.checks if check.status == "warn"] == ["signature", "evaluated"]
    assert [result.step for result in find(Git(root), "sums", None).results] == ["package"]


def test_an_evaluation_of_another_model_is_none(root: Path) -> None:
    one = built(root, "one")
    made.evaluated(root, "0" * 64)
    found = register(made.job(root), one)
    assert "evaluated" in [check.id for check in found.checks if check.status == "warn"]


def test_in_ci_only_what_the_history_says_of_an_evaluation_counts(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in the workspace there came from a job that ran the repository's code."""
    one = built(root, "one")
    monkeypatch.setattr("ci_kit.package.register.connect", lambda *_: LocalForge(root))
    monkeypatch.setattr("ci_kit.actions.active", lambda: True)
    found = register(made.job(root), one)
    assert "evaluated" in [check.id for check in found.checks if check.status == "warn"]


def test_what_was_not_built_can_not_be_registered(root: Path) -> None:
    with pytest.raises(UserError, match="no bento was built here"):
        step.register(made.job(root))
    one = built(root, "one")
    manifest = one.folder / "manifest.json"
    findings = Findings(files=(File.of(manifest, root, "bento"),))
    findings.result("package", "build", made.job(root).source, made.RUN).save(root)
    assert said(step.register(made.job(root)), "registered") == "Registered: sums@v0.1.0"


def test_the_list_shows_versions_and_stages_newest_first(root: Path) -> None:
    for name in ("one", "two"):
        register(made.job(root), built(root, name, note=name))
    forge, known = LocalForge(root), versions(Git(root), "sums")
    first, second = known.values()
    assert assign(Git(root), forge, "sums", "prod", "v0.1.0", first) == "sums#prod#1"
    assert assign(Git(root), forge, "sums", "prod", "v0.1.0", first) is None
    assert assign(Git(root), forge, "sums", "prod", "v0.2.0", second) == "sums#prod#2"
    assert assign(Git(root), forge, "sums", "prod", "v0.1.0", first) == "sums#prod#3"
    assert assign(Git(root), forge, "sums", "test", "v0.1.0", first) == "sums#test#1"
    assert {stage: len(given) for stage, given in stages(Git(root), "sums").items()} == {"prod": 3, "test": 1}
    job = made.job(root)
    step.list(job)
    lines = [" ".join(line.split()) for line in str(job.say).splitlines()]
    assert lines[0] == "version stages digest evaluated registered"
    assert lines[1].startswith("v0.2.0 ")
    assert lines[2].startswith("v0.1.0 prod (#3), test (#1) ")


def test_tags_that_somebody_made_by_hand_break_nothing(root: Path) -> None:
    register(made.job(root), built(root, "one"))
    for name in ("sums@v0.9.0", "sums@latest", "sums@v1", "sums#prod", "sums#prod#x", "sums#prod#1#2", "sums@v01.0.0"):
        git(root, "tag", name)
    who = ("-c", "user.name=x", "-c", "user.email=x@localhost")
    git(root, *who, "tag", "-a", "-m", "x", "sums@v5.0.0")
    git(root, *who, "tag", "-a", "-m", "x", "sums@beta")
    assert names(root) == ["v0.1.0", "v5.0.0"]
    found = step.list(made.job(root))
    assert {check.status for check in found.checks} == {"pass", "warn"}
    with pytest.raises(UserError, match=r"sums@v5\.0\.0 can't be read \(its tag points to a commit without registry"):
        find(Git(root), "sums", None)
    assert find(Git(root), "sums", "v0.1.0").version == "v0.1.0"


def test_the_names_are_told_apart(root: Path) -> None:
    assert [str(Version.parse(text)) for text in ("v0.1.0", "v10.2.33")] == ["v0.1.0", "v10.2.33"]
    wrong = ("0.1.0", "v1.0", "v1.0.0-rc1", "v1.0.0\n", "v01.0.0", "", "v1.0.0.0", "v٣.0.0")
    assert [Version.parse(text) for text in wrong] == [None] * len(wrong)
    assert FIRST.next() == Version(0, 2, 0)
    assert sorted([Version(0, 10, 0), Version(0, 9, 0)]) == [Version(0, 9, 0), Version(0, 10, 0)]


def test_a_registered_version_is_verified_from_its_store(root: Path) -> None:
    register(made.job(root), built(root, "one"))
    found = step.verify(made.job(root))
    assert [(check.id, check.status) for check in found.checks] == [("content", "pass"), ("signature", "warn")]
    (place,) = (root / "store").rglob("*.bento")
    raw = bytearray(place.read_bytes())
    raw[len(raw) // 2] ^= 1
    place.write_bytes(bytes(raw))
    with pytest.raises(UserError, match=r"sums@v0\.1\.0 is not what was registered"):
        step.verify(made.job(root))
    place.unlink()
    with pytest.raises(UserError, match=r"the store has no .sums/"):
        step.verify(made.job(root))


def test_a_folder_and_an_archive_are_verified_by_themselves(root: Path) -> None:
    one = built(root, "one")
    register(made.job(root), one)
    (place,) = (root / "store").rglob("*.bento")
    for path in (one.folder, place):
        job = made.job(root, {"package.bento": str(path)})
        assert [check.status for check in step.verify(job).checks] == ["pass"]
    (one.folder / "README.md").write_text("changed\n")
    (check,) = step.verify(made.job(root, {"package.bento": str(one.folder)})).checks
    assert (check.status, check.title) == ("fail", "README.md was changed")
    with pytest.raises(UserError, match="no bento at nowhere"):
        step.verify(made.job(root, {"package.bento": "nowhere"}))


def test_a_bento_whose_release_speaks_of_another_model_is_refused(root: Path) -> None:
    """Somebody with rights to write wrote a release by hand: an evaluation that passed, for other bytes."""
    register(made.job(root), built(root, "one"))
    release = find(Git(root), "sums", None)
    forged = release.model_copy(update={"model_sha256": "1" * 64, "version": "v0.2.0"})
    commit = LocalForge(root).record({"registry/sums/v0.2.0.json": forged.dump()}, "forge")
    assert commit
    assert LocalForge(root).tag("sums@v0.2.0", commit, "forged")
    with pytest.raises(UserError, match="it is of another model than the registered one"):
        step.verify(made.job(root, {"package.version": "v0.2.0"}))


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"{" * 5000, b'{"schema": 2}'])
def test_a_damaged_release_is_one_line(root: Path, content: bytes) -> None:
    commit = LocalForge(root).record({"registry/sums/v1.0.0.json": content}, "damage")
    assert commit
    LocalForge(root).tag("sums@v1.0.0", commit, "damaged")
    with pytest.raises(UserError, match=r"sums@v1\.0\.0 is damaged"):
        find(Git(root), "sums", None)


def test_a_release_survives_its_file(root: Path) -> None:
    release = made.release(root, "v0.1.0")
    assert Release.model_validate_json(release.dump()) == release


def test_a_clone_sees_what_its_origin_has(root: Path, tmp_path: Path) -> None:
    made.release(root, "v0.1.0")
    git(root, "clone", "--quiet", "--no-tags", str(root), str(tmp_path / "clone"))
    assert names(tmp_path / "clone") == []
    assert find(Git(tmp_path / "clone"), "sums", None).version == "v0.1.0"


def run(root: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "ci_kit", *words]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=60, check=False)


def test_the_words_of_the_command_line(root: Path) -> None:
    made.release(root, "v0.1.0")
    listed = run(root, "package", "list")
    assert (listed.returncode, "v0.1.0" in listed.stdout) == (0, True)
    assert run(root, "package", "--list").returncode == 0
    assert run(root, "package", "verify", "--version", "v0.1.0").returncode == 0
    unknown = run(root, "package", "publish")
    assert (unknown.returncode, unknown.stdout) == (2, "")
    assert (
        unknown.stderr == "ci-kit: ci-kit package does not know 'publish'. Known words: verify, list [config/options]\n"
    )
    both = run(root, "package", "list", "verify")
    assert both.returncode == 2
    assert "can't go together" in both.stderr
    wrong = run(root, "package", "verify", "--version", "1.0")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    assert "must look like `v1.2.0`" in wrong.stderr
    (root / ".ci-kit" / "made" / "v0.1.0" / "README.md").write_text("changed\n")
    changed = run(root, "package", "verify", "--bento", ".ci-kit/made/v0.1.0")
    assert changed.returncode == 1
    assert "README.md was changed" in changed.stdout
    shutil.rmtree(root / "store")
    gone = run(root, "package", "verify")
    assert (gone.returncode, gone.stderr.count("\n")) == (2, 1)
