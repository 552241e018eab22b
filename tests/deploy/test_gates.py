"""Whose signature a target asks for: nothing else is started there."""

from pathlib import Path

import pytest

from ci_kit.deploy import step
from ci_kit.errors import UserError
from ci_kit.forge.git import Git
from ci_kit.forge.local import LocalForge
from ci_kit.registry.release import find
from tests.bento.test_signature import key
from tests.deploy import made

pytestmark = [pytest.mark.e2e, pytest.mark.filterwarnings("ignore::Warning")]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A target that trusts `key.pub.pem`; v0.1.0 is not signed, v0.2.0 by another key, v0.3.0 by the right one."""
    target = {"kind": "local", "address": "127.0.0.1:1", "folder": str(tmp_path / "target")}
    root = made.repository(tmp_path / "repo", targets={"prod": target}, key="key.pub.pem")
    right, public = key(tmp_path)
    wrong, _ = key(tmp_path, "wrong")
    (root / "key.pub.pem").write_bytes(public.read_bytes())
    made.release(root, "v0.1.0", note="1")
    for version, private in (("v0.2.0", wrong), ("v0.3.0", right)):
        monkeypatch.setenv("CI_KIT_SIGNING_KEY", str(private))
        made.release(root, version, note=version)
    monkeypatch.delenv("CI_KIT_SIGNING_KEY")
    return root


def signature(root: Path, version: str) -> tuple[str, str]:
    found = step.run(made.job(root, {"deploy.version": version}))
    check = found.checks[-1]
    assert check.id == "signature", check
    return check.status, check.observed or ""


def test_an_unsigned_version_is_refused_where_a_signature_is_asked_for(root: Path, tmp_path: Path) -> None:
    assert signature(root, "v0.1.0") == ("fail", "it is not signed")
    assert not (tmp_path / "target" / "run").exists()


def test_a_signature_of_another_key_is_refused(root: Path, tmp_path: Path) -> None:
    status, why = signature(root, "v0.2.0")
    assert status == "fail"
    assert "key" in why.lower()
    assert not (tmp_path / "target" / "run").exists()
    assert not list((tmp_path / "target").glob("bentos/*"))


def test_a_signature_of_another_bento_is_refused(root: Path) -> None:
    """Whoever may write the history took the signature of one version for another."""
    signed, plain = find(Git(root), made.NAME, "v0.3.0"), find(Git(root), made.NAME, "v0.1.0")
    forged = plain.model_copy(update={"signature": signed.signature, "version": "v0.4.0"})
    commit = LocalForge(root).record({"registry/sums/v0.4.0.json": forged.dump()}, "forge")
    assert commit
    assert LocalForge(root).tag("sums@v0.4.0", commit, "forged")
    status, why = signature(root, "v0.4.0")
    assert (status, "README.md" in why or "manifest.json" in why) == ("fail", True)


def test_the_right_signature_lets_it_through(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It goes on to the next step, which we end before it starts anything."""

    def stopped(*_: object) -> str:
        raise UserError("it would be started now")

    monkeypatch.setattr("ci_kit.deploy.local.LocalTarget.prepare", stopped)
    with pytest.raises(UserError, match="it would be started now"):
        step.run(made.job(root, {"deploy.version": "v0.3.0"}))


def test_a_key_that_is_none_lets_nothing_through(root: Path) -> None:
    (root / "key.pub.pem").write_text("no key\n")
    status, why = signature(root, "v0.3.0")
    assert (status, bool(why)) == ("fail", True)
    (root / "key.pub.pem").unlink()
    with pytest.raises(UserError, match=r"no public key at .*key\.pub\.pem\. Check `deploy\.key`"):
        step.run(made.job(root, {"deploy.version": "v0.3.0"}))
