"""The store of `train.carry`: S3 and what speaks like it, Google's, Azure's, or a folder that runners share."""

import configparser
import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ci_kit.errors import UserError

SCHEMES = ("s3", "gs", "az", "azure", "abfs", "abfss", "file")
PATIENCE = {"max_retries": 5, "retry_timeout": timedelta(seconds=60)}
_CHUNK = 2**22
# What DVC's configuration calls it → what obstore does.
_S3 = {
    "endpointurl": "endpoint",
    "region": "region",
    "access_key_id": "access_key_id",
    "secret_access_key": "secret_access_key",
    "session_token": "session_token",
}


class Objects:
    """A store by obstore, below a prefix."""

    def __init__(self, url: str, prefix: str, config: dict[str, str]) -> None:
        import obstore
        from obstore.store import LocalStore, from_url

        self._module: Any = obstore
        self._prefix = f"{prefix}/"
        try:
            if urlsplit(url).scheme == "file":
                self._store: Any = LocalStore(urlsplit(url).path, mkdir=True)
            else:
                plain = {"allow_http": True} if _endpoint(config).startswith("http://") else {}
                options: Any = {"config": config or None, "client_options": plain, "retry_config": PATIENCE}
                self._store = from_url(url, **options)
        except (obstore.exceptions.BaseError, ValueError, OSError) as error:
            raise UserError(
                "train.carry names no store", why=_words(error), hint="Such as: s3://bucket/folder"
            ) from error

    def put(self, key: str, source: Path | bytes) -> None:
        """Write an object whole."""
        self._try(self._module.put, f"{self._prefix}{key}", source)

    def get(self, key: str, target: Path) -> bool:
        """Read an object into a file; False where there is none."""
        try:
            found = self._try(self._module.get, f"{self._prefix}{key}")
        except FileNotFoundError:
            return False
        with target.open("wb") as file:
            try:
                for chunk in found.stream(min_chunk_size=_CHUNK):
                    file.write(chunk)
            except self._module.exceptions.BaseError as error:
                raise OSError(_words(error)) from error
        return True

    def names(self) -> list[str]:
        """Return the keys of all objects."""
        listed = self._try(self._module.list, self._prefix)
        try:
            return [str(one["path"]).removeprefix(self._prefix) for part in listed for one in part]
        except self._module.exceptions.BaseError as error:
            raise OSError(_words(error)) from error

    def delete(self, keys: list[str]) -> None:
        """Remove objects."""
        for key in keys:
            try:
                self._try(self._module.delete, f"{self._prefix}{key}")
            except FileNotFoundError:
                continue

    def _try(self, call: Any, *arguments: Any) -> Any:
        try:
            return call(self._store, *arguments)
        except FileNotFoundError:
            raise
        except self._module.exceptions.BaseError as error:
            raise OSError(_words(error)) from error


def store(carry: str, prefix: str, root: Path) -> Objects:
    """Open the store that `train.carry` names; raise UserError for one that can't be reached by its URL."""
    url, config = _dvc(root) if carry == "dvc" else (carry, {})
    scheme = urlsplit(url).scheme
    if scheme not in SCHEMES:
        why = f"{url!r:.80} is neither S3, Google's or Azure's, nor a folder"
        raise UserError("train.carry can't be used", why=why, hint="Such as: s3://bucket/folder, or file:///mnt/shared")
    try:
        return Objects(url, prefix, config)
    except ImportError as error:
        raise UserError(
            "train.carry needs obstore", hint="Type: pip install 'ci-kit[train]'", code="config/install"
        ) from error


def _dvc(root: Path) -> tuple[str, dict[str, str]]:
    """Return the URL of a folder beside DVC's own in its default remote, and how to reach it, without DVC."""
    found = configparser.ConfigParser(interpolation=None)
    found.read([root / ".dvc/config", root / ".dvc/config.local"], "utf-8")
    name = found.get("core", "remote", fallback="")
    remote = dict(found[section]) if (section := f"'remote \"{name}\"'") in found else {}
    url = remote.get("url", "").rstrip("/")
    if not url:
        hint = "Type: dvc remote add --default NAME URL"
        raise UserError("train.carry is dvc, and DVC has no default remote", hint=hint, code="store/dvc")
    config = (
        {ours: remote[theirs] for theirs, ours in _S3.items() if theirs in remote} if url.startswith("s3://") else {}
    )
    if "://" not in url:
        url = (root / ".dvc" / url).resolve().as_uri()
    return f"{url}/ci-kit/checkpoints", config


def _endpoint(config: dict[str, str]) -> str:
    return config.get("endpoint") or os.environ.get("AWS_ENDPOINT_URL") or ""


def _words(error: BaseException) -> str:
    """Return the first line of an error: the rest is the library's debugging."""
    return " ".join(str(error).partition("\n")[0].split())[:300]
