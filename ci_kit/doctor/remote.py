"""The remote of DVC: that there is one, that it can be reached, and that what it needs is there."""

import importlib.util
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from ci_kit.doctor.context import Context
from ci_kit.doctor.dvc_config import Remote, Settings
from ci_kit.doctor.finding import finding
from ci_kit.parts import Check, Location

PATIENCE = 5.0  # seconds that a server may take to answer
PLUGINS = ("s3", "gs", "azure", "ssh", "oss", "hdfs", "webdav", "gdrive")
_SECRETS = ("secret_access_key", "password", "account_key", "sas_token", "connection_string", "session_token",
            "client_secret", "gdrive_client_secret", "oss_key_secret")  # fmt: skip
# Whichever of these is set is enough to try.
_VARIABLES = {
    "s3": ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
           "AWS_CONTAINER_CREDENTIALS_FULL_URI"),
    "gs": ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_AUTH_ACCESS_TOKEN", "GOOGLE_GHA_CREDS_PATH"),
    "azure": ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_CLIENT_ID"),
}  # fmt: skip
_FILES = {
    "s3": ("~/.aws/credentials", "~/.aws/config"),
    "gs": ("~/.config/gcloud/application_default_credentials.json", "~/.config/gcloud/credentials.db"),
    "azure": ("~/.azure",),
}
_OPTIONS = {
    "s3": ("access_key_id", "profile", "credentialpath", "configpath", "allow_anonymous_login"),
    "gs": ("credentialpath", "allow_anonymous_login"),
    "azure": ("connection_string", "account_key", "sas_token", "client_id", "allow_anonymous_login"),
}
_HOSTS = {"s3": "s3.amazonaws.com", "gs": "storage.googleapis.com"}
_PORTS = {"http": 80, "ssh": 22}


def remote(context: Context, known: Settings, *, tracks: bool) -> Iterator[Check]:
    """Yield what is wrong with the default remote, and secrets in the file that git has."""
    yield from _secrets(known)
    found = known.remote
    if found is None:
        if tracks:
            yield _none(known)
        return
    if found.kind == "local":
        yield from _folder(found)
        return
    yield from _plugin(context, found)
    yield from _credentials(context, found)
    yield from _reach(context.env, found)


def _none(known: Settings) -> Check:
    names = ", ".join(known.remotes)
    why = "No other machine gets the data: `dvc pull` and `dvc push` have nowhere to go."
    hint = f"Type: dvc remote default {names.partition(',')[0]}" if names else "Type: dvc remote add --default NAME URL"
    wanted = known.option("core", "remote")
    observed = f"core.remote is {wanted!r}" if wanted else f"there is {names}" if names else "there is none at all"
    return finding("dvc-remote", "DVC has no default remote", observed=observed, why=why, hint=hint, status="warn")


def _secrets(known: Settings) -> Iterator[Check]:
    found = [
        f"{section}: {name}" for section, options in known.committed.items() for name in options if name in _SECRETS
    ]
    if found:
        why = "Everyone who can read the repository, and its history, has it."
        hint = "Revoke it, then type: dvc remote modify --local NAME OPTION VALUE"
        where = Location(file=".dvc/config")
        what = "A secret stands in a file that git has"
        yield finding("dvc-secret", what, observed="; ".join(found), why=why, hint=hint, location=where)


def _folder(found: Remote) -> Iterator[Check]:
    folder = found.home / Path(found.url).expanduser()
    if not folder.is_dir():
        why = "What DVC tracks can't be brought here."
        hint = "Mount or make the folder, or type: dvc push (where the data is)"
        what, observed = "The remote of DVC is not there", f"{found.name}: {folder.resolve()}"
        yield finding("dvc-reach", what, observed=observed, why=why, hint=hint)


def _plugin(context: Context, found: Remote) -> Iterator[Check]:
    ours = importlib.util.find_spec("dvc") is not None
    if ours and found.kind in PLUGINS and context.version(f"dvc-{found.kind}") is None:
        why = f"DVC can't speak to {found.kind} without it."
        hint = f"Type: pip install 'dvc[{found.kind}]'"
        yield finding("dvc-plugin", "A plugin of DVC is missing", observed=f"dvc-{found.kind}", why=why, hint=hint)


def _credentials(context: Context, found: Remote) -> Iterator[Check]:
    """Yield a warning where none of the usual places has any; the role of a machine can't be seen from here."""
    kind, env = found.kind, context.env
    if kind not in _VARIABLES:
        return
    home = Path(env.get("HOME") or "~").expanduser()
    files = [home / one.removeprefix("~/") for one in _FILES[kind]]
    pointed = env.get("GOOGLE_APPLICATION_CREDENTIALS") if kind == "gs" else None
    if pointed and not Path(pointed).is_file():
        observed = "GOOGLE_APPLICATION_CREDENTIALS names a file that is not there"
    elif kind == "s3" and env.get("AWS_ACCESS_KEY_ID") and not env.get("AWS_SECRET_ACCESS_KEY"):
        observed = "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not"
    elif (
        any(env.get(one) for one in _VARIABLES[kind])
        or any(found.options.get(one) for one in _OPTIONS[kind])
        or any(one.exists() for one in files)
    ):
        return
    else:
        observed = f"none in the environment, the options of {found.name} or the usual files"
    why = "Unless the machine itself has a role, the remote refuses us. A pull request from a fork never has secrets."
    hint = f"Set {' or '.join(_VARIABLES[kind][:2])}; in a workflow by `env:` from `secrets`"
    yield finding(
        "dvc-credentials", "No credentials for DVC in sight", observed=observed, why=why, hint=hint, status="warn"
    )


def _reach(env: Mapping[str, str], found: Remote) -> Iterator[Check]:
    """Yield a warning where no connection can be made; behind a proxy nothing can be told so."""
    address = _address(found)
    if address is None or any(env.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY")):
        return
    try:
        socket.create_connection(address, timeout=PATIENCE).close()
    except OSError as error:
        why = f"What DVC tracks can't be brought or kept: {error.strerror or error}."
        hint = f"Look at the network of this machine, then type: dvc remote list, and: dvc pull -r {found.name}"
        observed = f"{found.name}: {address[0]}:{address[1]}"
        what = "The remote of DVC does not answer"
        yield finding("dvc-reach", what, observed=observed, why=why, hint=hint, status="warn")


def _address(found: Remote) -> tuple[str, int] | None:
    """Return host and port of the server, None where the URL does not name it."""
    try:
        given = found.options.get("endpointurl") or (found.url if found.kind in _PORTS else "")
        parts = urlsplit(given)
        if parts.hostname:
            return parts.hostname, parts.port or (443 if parts.scheme == "https" else _PORTS.get(parts.scheme, 80))
    except ValueError:
        return None
    host = _HOSTS.get(found.kind)
    return (host, 443) if host else None
