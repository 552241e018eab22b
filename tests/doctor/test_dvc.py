"""DVC's remote, plugins, credentials, locks and cache, without a command of DVC and without a network."""

import fcntl
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ci_kit.data import dvc as installed
from ci_kit.doctor.dvc import data_version_control
from ci_kit.doctor.dvc_config import settings
from ci_kit.parts import Check
from tests.doctor.setups import put, seen, versions

Copy = Callable[[str], Path]


def remote(folder: Path, url: str, *options: str) -> None:
    lines = "".join(f"    {option}\n" for option in (f"url = {url}", *options))
    put(".dvc/config", f"[core]\n    remote = store\n['remote \"store\"']\n{lines}")(folder)


def found(folder: Path, lacking: str = "none", **env: str) -> list[Check]:
    known = versions(**{lacking.replace("-", "_"): None})
    home = {"HOME": str(folder.parent / "home"), "HTTPS_PROXY": "http://127.0.0.1:9"}  # nothing is asked through it
    return list(data_version_control(seen(folder, version=known, env=home | env)))


def ids(*checks: Check) -> list[str]:
    return [check.id.removeprefix("doctor/") for check in checks]


@pytest.fixture
def folder(copied: Copy) -> Path:
    return copied("digits")


@pytest.mark.parametrize("kind", ["s3", "gs", "azure", "ssh", "webdav", "oss"])
def test_the_plugin_of_a_remote_is_missed(folder: Path, kind: str) -> None:
    url = {"ssh": "ssh://octo@store.example/data"}.get(kind, f"{kind}://bucket/data")
    remote(folder, url, "allow_anonymous_login = true")
    assert found(folder) == []
    (check,) = found(folder, f"dvc-{kind}")
    assert (check.id, check.observed) == ("doctor/dvc-plugin", f"dvc-{kind}")
    assert f"pip install 'dvc[{kind}]'" in (check.detail or "")


@pytest.mark.parametrize(
    ("url", "options", "env", "expected"),
    [
        ("s3://b/d", (), {}, ["dvc-credentials"]),
        ("s3://b/d", (), {"AWS_ACCESS_KEY_ID": "AKIAHIDDEN", "AWS_SECRET_ACCESS_KEY": "hidden"}, []),
        ("s3://b/d", (), {"AWS_ACCESS_KEY_ID": "AKIAHIDDEN"}, ["dvc-credentials"]),
        ("s3://b/d", (), {"AWS_WEB_IDENTITY_TOKEN_FILE": "/x"}, []),
        ("s3://b/d", ("profile = ci",), {}, []),
        ("gs://b/d", (), {}, ["dvc-credentials"]),
        ("gcs://b/d", (), {"GOOGLE_APPLICATION_CREDENTIALS": "/nowhere.json"}, ["dvc-credentials"]),
        ("gs://b/d", ("credentialpath = key.json",), {}, []),
        ("azure://b/d", (), {}, ["dvc-credentials"]),
        ("azure://b/d", (), {"AZURE_CLIENT_ID": "x"}, []),
        ("ssh://h/d", (), {}, []),
    ],
)
def test_credentials_are_looked_for_and_not_shown(
    folder: Path, url: str, options: tuple[str, ...], env: dict[str, str], expected: list[str]
) -> None:
    remote(folder, url, *options)
    checks = found(folder, **env)
    assert ids(*checks) == expected
    assert all("hidden" not in check.model_dump_json().lower() for check in checks)


def test_the_usual_file_of_credentials_is_enough(folder: Path) -> None:
    remote(folder, "s3://bucket/data")
    (folder.parent / "home" / ".aws").mkdir(parents=True)
    (folder.parent / "home" / ".aws" / "credentials").write_text("[default]\n")
    assert found(folder) == []


@pytest.fixture
def port() -> Iterator[int]:
    """A port of this machine that answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_does_not_answer_is_named(folder: Path, port: int) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))  # bound, and nobody listens
        closed = free.getsockname()[1]
        for number, expected in ((port, []), (closed, ["dvc-reach"])):
            where = f"endpointurl = http://127.0.0.1:{number}"
            remote(folder, "s3://bucket/data", where, "profile = ci")
            assert ids(*found(folder, HTTPS_PROXY="")) == expected
            remote(folder, f"http://127.0.0.1:{number}/data")
            assert ids(*found(folder, HTTPS_PROXY="")) == expected


def test_dvc_that_is_used_and_not_installed_is_named_with_its_extra(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote(folder, "s3://bucket/data", "profile = ci")
    monkeypatch.setattr(installed, "command", lambda: None)
    (check,) = found(folder)
    assert check.id == "doctor/dvc-missing"
    assert "pip install 'dvc[s3]'" in (check.detail or "")


def test_a_lock_counts_while_a_process_holds_it(folder: Path) -> None:
    lock = folder / ".dvc" / "tmp" / "lock"
    lock.parent.mkdir()
    lock.write_text("4711\n")  # what a process that has ended leaves
    assert found(folder) == []
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert ids(*found(folder)) == ["dvc-lock"]


@pytest.mark.parametrize(
    ("kinds", "root", "expected"),
    [
        ("hardlink,copy", True, ["dvc-cache"]),
        ("symlink", True, ["dvc-cache"]),
        ("hardlink,copy", False, []),
        ("reflink,copy", True, []),
    ],
)
def test_links_are_dangerous_for_root_alone(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kinds: str, root: bool, expected: list[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    with (folder / ".dvc/config").open("a") as file:
        file.write(f"[cache]\n    type = {kinds}\n")
    assert ids(*found(folder)) == expected


@pytest.mark.parametrize(("kinds", "expected"), [("", ["dvc-cache"]), ("hardlink", ["dvc-cache"]), ("symlink", [])])
def test_a_cache_on_another_file_system_is_named(
    folder: Path, monkeypatch: pytest.MonkeyPatch, kinds: str, expected: list[str]
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with (folder / ".dvc/config").open("a") as file:
        file.write(f"[cache]\n    dir = /proc/self\n    type = {kinds}\n")
    assert ids(*found(folder)) == expected


def test_the_local_file_wins_over_the_committed_one_and_that_over_the_users(folder: Path) -> None:
    own = folder.parent / "own"
    own.mkdir()
    (own / "config").write_text("[core]\n    remote = mine\n[cache]\n    dir = /mine\n")
    (folder / ".dvc/config.local").write_text("['remote \"storage\"']\n    url = s3://local/data\n    password = x\n")
    known = settings(folder / ".dvc", {"DVC_GLOBAL_CONFIG_DIR": str(own)})
    assert known.cache == Path("/mine")
    assert known.remote
    assert (known.remote.name, known.remote.kind) == ("storage", "s3")
    assert found(folder, AWS_PROFILE="ci") == []  # a secret belongs there


@pytest.mark.parametrize("text", ["[core", "\x00", "[core]\nremote = %(x)s\n"])
def test_a_damaged_configuration_says_nothing(folder: Path, text: str) -> None:
    (folder / ".dvc/config").write_text(text)
    assert ids(*found(folder)) == ["dvc-remote"]


def test_a_repository_without_dvc_is_not_asked_for_it(copied: Copy) -> None:
    assert found(copied("sound")) == []
