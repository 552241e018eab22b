"""Who has signed a bento, and whether that counts."""

import base64
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from ci_kit.bento.content import seal
from ci_kit.bento.signature import Trust, sign, verify
from ci_kit.errors import UserError
from tests.bento.test_content import made

pytestmark = pytest.mark.filterwarnings("ignore::Warning")


def key(folder: Path, name: str = "key") -> tuple[Path, Path]:
    private = ec.generate_private_key(ec.SECP256R1())
    paths = folder / f"{name}.pem", folder / f"{name}.pub.pem"
    paths[0].write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    paths[1].write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    return paths


@pytest.fixture
def bento(tmp_path: Path) -> Path:
    seal(made(tmp_path / "bento"), {"name": "m"})
    return tmp_path / "bento"


@pytest.mark.parametrize("given", ["the path", "the text"])
def test_what_a_key_signed_counts_for_its_public_key(bento: Path, tmp_path: Path, given: str) -> None:
    private, public = key(tmp_path)
    value = str(private) if given == "the path" else private.read_text()
    signature = sign(bento, {"CI_KIT_SIGNING_KEY": value})
    assert signature
    assert verify(bento, signature, Trust(key=public)) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bento", "key.pem", "key.pub.pem"]


def test_it_counts_whatever_the_folder_is_called(bento: Path, tmp_path: Path) -> None:
    private, public = key(tmp_path)
    signature = sign(bento, {"CI_KIT_SIGNING_KEY": str(private)})
    bento.rename(tmp_path / "other")
    assert verify(tmp_path / "other", signature, Trust(key=public)) is None


def test_another_key_a_changed_file_and_no_signature_do_not_count(bento: Path, tmp_path: Path) -> None:
    private, public = key(tmp_path)
    _, other = key(tmp_path, "other")
    signature = sign(bento, {"CI_KIT_SIGNING_KEY": str(private)})
    assert signature
    assert "key" in str(verify(bento, signature, Trust(key=other))).lower()
    assert verify(bento, None, Trust(key=public)) == "it is not signed"
    (bento / "bento.yaml").write_text("a: 2\n")
    assert "bento.yaml" in str(verify(bento, signature, Trust(key=public)))


@pytest.mark.parametrize("part", ["payload", "signatures"])
def test_a_signature_that_was_changed_does_not_count(bento: Path, tmp_path: Path, part: str) -> None:
    private, public = key(tmp_path)
    signature = sign(bento, {"CI_KIT_SIGNING_KEY": str(private)})
    assert signature
    envelope = signature["dsseEnvelope"]
    if part == "payload":
        text = base64.b64decode(envelope["payload"]).replace(b"bento", b"bentO")
        envelope["payload"] = base64.b64encode(text).decode()
    else:
        raw = bytearray(base64.b64decode(envelope["signatures"][0]["sig"]))
        raw[-1] ^= 1
        envelope["signatures"][0]["sig"] = base64.b64encode(bytes(raw)).decode()
    assert verify(bento, signature, Trust(key=public))


@pytest.mark.parametrize(
    "signature", [{}, {"dsseEnvelope": None}, {"mediaType": "x"}, json.loads('{"a": [1, {"b": null}]}')]
)
def test_what_is_no_signature_does_not_count(bento: Path, tmp_path: Path, signature: dict[str, object]) -> None:
    _, public = key(tmp_path)
    assert verify(bento, signature, Trust(key=public))


def test_without_a_key_and_without_an_identity_there_is_no_signature(bento: Path) -> None:
    assert sign(bento, {}) is None
    assert not Trust()


def test_a_key_that_can_not_sign_is_one_line(bento: Path, tmp_path: Path) -> None:
    wrong = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = wrong.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    for value in (pem, "-----BEGIN NONSENSE-----", str(tmp_path / "none.pem"), str(tmp_path)):
        with pytest.raises(UserError, match="CI_KIT_SIGNING_KEY can't sign") as caught:
            sign(bento, {"CI_KIT_SIGNING_KEY": value})
        assert "\n" not in str(caught.value)
        assert "PRIVATE" not in str(caught.value)


def test_a_public_key_that_is_missing_is_one_line(bento: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no public key at"):
        verify(bento, {}, Trust(key=tmp_path / "none.pem"))
