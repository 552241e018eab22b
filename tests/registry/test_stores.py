"""What every store keeps its word about: the same table runs over a folder, a registry, a release and DVC's remote."""

import hashlib
import os
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci_kit.config import read
from ci_kit.errors import CiKitError, UserError
from ci_kit.parts import Source
from ci_kit.registry import bentos
from ci_kit.registry.github import Releases
from ci_kit.registry.oci import OCI
from ci_kit.registry.release import Archive, Release
from ci_kit.registry.stores import Folder, open_store
from tests.registry.oci_server import PASSWORD, USER, Registry
from tests.registry.shelves import SHELVES, Shelf

ONE, TWO = hashlib.sha256(b"1").hexdigest(), hashlib.sha256(b"2").hexdigest()
SIZE = 300_000


@pytest.fixture(
    scope="module", params=[pytest.param(n, marks=() if n == "folder" else pytest.mark.e2e) for n in SHELVES]
)
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shelf]:
    """One store for all tests of a kind: each uses other bytes."""
    with SHELVES[request.param](tmp_path_factory.mktemp(request.param)) as shelf:
        yield shelf


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "made" / "digits.bento"
    path.parent.mkdir()
    path.write_bytes(os.urandom(SIZE))
    return path


@pytest.fixture
def target(tmp_path: Path) -> Iterator[Path]:
    """Where an archive is brought; nothing half-written may lie beside it."""
    folder = tmp_path / "brought"
    folder.mkdir()
    yield folder / "digits.bento"
    assert {path.name for path in folder.iterdir()} <= {"digits.bento"}


@contextmanager
def one_line(*words: str) -> Iterator[None]:
    with pytest.raises(CiKitError) as caught:
        yield
    text = str(caught.value)
    assert "\n" not in text
    assert len(text) < 600
    assert "ghs_" not in text
    assert [word for word in words if word not in text] == []


@contextmanager
def full_disk() -> Iterator[None]:
    """No file grows beyond half of an archive, here and in what is started: as near to a full disk as we get."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SIZE // 2, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_what_was_put_is_what_is_got_each_once_and_side_by_side(shelf: Shelf, archive: Path, target: Path) -> None:
    before, content = len(shelf.kept()), archive.read_bytes()
    places = {shelf.store.put(archive, "digits", ONE) for _ in range(2)}
    assert len(shelf.kept()) == before + 1
    archive.write_bytes(b"another one")
    second = shelf.store.put(archive, "digits", TWO)
    (first,) = places - {second}
    assert len(first) <= 200
    shelf.store.get(first, target)
    assert target.read_bytes() == content


LEAVING = ["", ".", "..", "/", "../x", "digits/../../x", "/etc/passwd", "\0", "x\ny", "x" * 5000, "ä", "-x", "--help"]


def test_a_place_that_is_unknown_or_leaves_the_store_is_one_line(shelf: Shelf, archive: Path, target: Path) -> None:
    place = shelf.store.put(archive, "digits", digest(archive))
    for wrong in [shelf.strange, *LEAVING, f"../{place}", f"{place}/../x", f"{place}\n", f"x{place}", place[:-1]]:
        with one_line():
            shelf.store.get(wrong, target)
        assert not target.exists()


def test_who_is_refused_is_told_in_one_line(shelf: Shelf, archive: Path, target: Path) -> None:
    place = shelf.store.put(archive, "digits", digest(archive))
    before = len(shelf.kept())
    with one_line():
        shelf.refused().put(archive, "digits", TWO)
    with one_line():
        shelf.refused().get(place, target)
    assert len(shelf.kept()) == before
    assert not target.exists()


def test_a_full_disk_leaves_nothing_half_written(shelf: Shelf, archive: Path, target: Path) -> None:
    place = shelf.store.put(archive, "digits", digest(archive))
    with full_disk(), one_line():
        shelf.store.get(place, target)
    assert not target.exists()
    shelf.store.get(place, target)
    if shelf.local:
        before = shelf.kept()
        archive.write_bytes(os.urandom(SIZE))
        with full_disk(), one_line():
            shelf.store.put(archive, "digits", digest(archive))
        assert shelf.kept() == before


def released(archive: Archive) -> Release:
    known = {"model": "digits", "version": "v0.1.0", "digest": ONE, "model_sha256": TWO, "created": "", "kit": ""}
    return Release(archive=archive, source=Source(), **known)


@pytest.mark.e2e
def test_only_the_store_that_is_configured_is_given_our_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever may write the history could name a registry of their own in a release."""
    monkeypatch.setenv("CI_KIT_REGISTRY_USER", USER)
    monkeypatch.setenv("CI_KIT_REGISTRY_PASSWORD", PASSWORD)
    monkeypatch.setenv("HOME", str(tmp_path))
    with Registry() as registry:
        store = f"oci://{registry.host}/acme/models"
        release = released(Archive(sha256=ONE, bytes=1, store=store, place=f"acme/models@sha256:{'0' * 64}"))
        with one_line("refuses the login"):
            bentos.bring(release, read(b""), tmp_path, tmp_path / "bento")
        assert not any("Basic" in login for _, _, login in registry.journal)
        with one_line("has no such manifest"):
            bentos.bring(release, read(f"package: {{store: '{store}'}}".encode()), tmp_path, tmp_path / "bento")


def test_what_was_damaged_never_becomes_a_bento(
    shelf: Shelf, archive: Path, target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = shelf.store.put(archive, "digits", digest(archive))
    shelf.damage()
    if shelf.proves:
        with one_line("damaged"):
            shelf.store.get(place, target)
        assert not target.exists()
    monkeypatch.setattr(bentos, "open_store", lambda *_, **__: shelf.store)
    kept = Archive(sha256=digest(archive), bytes=SIZE, store="somewhere", place=place)
    release = released(kept)
    with one_line():
        bentos.bring(release, read(b""), tmp_path, tmp_path / "bento")
    assert not (tmp_path / "bento").exists()


@pytest.mark.parametrize(
    ("name", "kind"), [("kept", Folder), ("release-notes", Folder), ("oci://ghcr.io/acme/models", OCI)]
)
def test_the_name_tells_the_store(tmp_path: Path, name: str, kind: type) -> None:
    assert isinstance(open_store(name, tmp_path), kind)


def test_a_folder_lies_below_the_root_unless_it_says_otherwise(
    tmp_path: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name, path in {"kept": "root/kept", "~/kept": "home/kept", str(tmp_path / "far"): "far"}.items():
        place = open_store(name, tmp_path / "root").put(archive, "digits", ONE)
        assert (tmp_path / path / place).read_bytes() == archive.read_bytes()


def test_a_folder_gives_away_nothing_but_bentos(tmp_path: Path, archive: Path, target: Path) -> None:
    store = Folder(tmp_path / "kept")
    place = store.put(archive, "digits", ONE)
    (tmp_path / "kept" / "digits" / "notes.txt").write_text("mine")
    (tmp_path / "kept" / "digits" / f"{TWO[:16]}.bento").symlink_to(tmp_path / "made" / "digits.bento")
    for wrong in ("digits/notes.txt", f"digits/../{place}", f"digits/{TWO[:16]}.bento", "digits"):
        with one_line("the store has no"):
            store.get(wrong, target)


def astray(request: httpx.Request) -> httpx.Response:
    assert request.url.path.startswith("/v2/acme/models/manifests/sha256:")
    return httpx.Response(404)


@given(st.text(max_size=60) | st.text("abc019/.@:-~%\\\0", max_size=60))
def test_no_place_leads_out_of_a_store(place: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "secret").touch()
        registry = OCI("oci://registry.test/acme/models", {}, transport=httpx.MockTransport(astray))
        for store in (Folder(root / "kept"), Folder(root), registry):
            with pytest.raises(UserError, match="the store has no"):
                store.get(place, root / "out")
        assert [path.name for path in root.iterdir()] == ["secret"]


@pytest.mark.parametrize("name", ["s3://bucket/models", "file:///tmp", "OCI://ghcr.io/acme", "://", "http://x"])
def test_an_unknown_kind_of_store_is_told_what_there_is(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"no store .*folder, oci://REGISTRY/REPOSITORY, release or dvc"):
        open_store(name, tmp_path)


def test_a_release_needs_a_token_and_a_repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with one_line("needs a token", "GITHUB_TOKEN"):
        open_store("release", tmp_path)
    monkeypatch.setenv("GITHUB_TOKEN", "ghs_secret")
    with one_line("does not know the repository"):
        open_store("release", tmp_path)
    monkeypatch.setenv("GITHUB_REPOSITORY", "octo/demo")
    assert isinstance(open_store("release", tmp_path), Releases)
