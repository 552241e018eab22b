"""The signature of a bento, by model-signing: with a key, or with an identity that a CI vouches for."""

import json
import os
import stat
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ci_kit.errors import Unavailable, UserError

KEY = "CI_KIT_SIGNING_KEY"
TOKEN = "ACTIONS_ID_TOKEN_REQUEST_URL"  # noqa: S105 - the name of a variable
HINT = "Type: pip install 'ci-kit[package]'"


@dataclass(frozen=True, kw_only=True)
class Trust:
    """Whose signatures count: a public key's, or those of an identity that an issuer vouches for; nobody's without."""

    key: Path | None = None
    identity: str | None = None
    issuer: str = ""

    def __bool__(self) -> bool:
        return bool(self.key or self.identity)


def sign(folder: Path, env: Mapping[str, str] = os.environ) -> dict[str, Any] | None:
    """Return a signature over all files of the folder, a Sigstore bundle; None where there is nothing to sign with.

    The key is the EC private key (PEM) that `CI_KIT_SIGNING_KEY` holds or names. Without one, a GitHub job that may ask
    for an identity token signs with that. Raises UserError for a key that can't be used, Unavailable when Sigstore
    does not answer.
    """
    given = env.get(KEY, "").strip()
    if not given and not env.get(TOKEN):
        return None
    signing = _library("signing")
    with tempfile.TemporaryDirectory(prefix="ci-kit-") as name:
        target = Path(name) / "signature.json"
        try:
            if given:
                with _key_file(given, Path(name)) as key:
                    config = signing.Config().use_elliptic_key_signer(private_key=key)
                    config.sign(folder, target)
            else:
                signing.Config().use_sigstore_signer(use_ambient_credentials=True).sign(folder, target)
        except Exception as error:
            why = f"{type(error).__name__}: {str(error).splitlines()[0][:200] if str(error) else ''}"
            if given:
                hint = "Make one with: openssl ecparam -name prime256v1 -genkey -noout"
                raise UserError(f"{KEY} can't sign", why=why, hint=hint) from error
            raise Unavailable("the bento could not be signed by Sigstore", why=why) from error
        return dict(json.loads(target.read_text("utf-8")))


def verify(folder: Path, signature: Mapping[str, Any] | None, trust: Trust) -> str | None:
    """Return why the signature does not count, None where it does; raise UserError for a key that can't be read."""
    if signature is None:
        return "it is not signed"
    verifying = _library("verifying")
    if trust.key and not trust.key.is_file():
        raise UserError(f"no public key at {trust.key}", hint="Check `deploy.key`")
    config = verifying.Config()
    try:
        with tempfile.TemporaryDirectory(prefix="ci-kit-") as name:
            file = Path(name) / "signature.json"
            file.write_text(json.dumps(signature), "utf-8")
            if trust.key:
                config.use_elliptic_key_verifier(public_key=trust.key)
            else:
                config.use_sigstore_verifier(identity=trust.identity, oidc_issuer=trust.issuer)
            config.verify(folder, file)
    except Exception as error:  # noqa: BLE001 - whatever it stumbles over, the signature does not count
        return (str(error).splitlines() or [type(error).__name__])[0][:300]
    return None


@contextmanager
def _key_file(given: str, folder: Path) -> Iterator[Path]:
    if not given.startswith("-----BEGIN"):
        yield Path(given).expanduser()
        return
    path = folder / "key.pem"
    path.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
    path.write_text(given + "\n", "utf-8")
    try:
        yield path
    finally:
        path.unlink()


def _library(module: str) -> Any:
    try:
        import importlib

        return importlib.import_module(f"model_signing.{module}")
    except ImportError as error:
        raise UserError(f"model-signing can't be imported ({error.name})", hint=HINT, code="config/install") from error
