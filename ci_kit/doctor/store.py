"""DVC: whether what it tracks can be brought from where it lies."""

import configparser
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from ci_kit.doctor.finding import Finding, Patient, broken, warning

# The package that DVC needs for a kind of address, its module, and where its credentials may be.
KINDS: dict[str, tuple[str, str, tuple[str, ...], tuple[str, ...]]] = {
    "s3": (
        "dvc-s3",
        "dvc_s3",
        ("AWS_ACCESS_KEY_ID", "AWS_PROFILE", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"),
        (".aws/credentials", ".aws/config"),
    ),
    "gs": (
        "dvc-gs",
        "dvc_gs",
        ("GOOGLE_APPLICATION_CREDENTIALS", "CLOUDSDK_AUTH_ACCESS_TOKEN"),
        (".config/gcloud/application_default_credentials.json",),
    ),
    "azure": (
        "dvc-azure",
        "dvc_azure",
        ("AZURE_STORAGE_CONNECTION_STRING", "AZURE_STORAGE_KEY", "AZURE_STORAGE_ACCOUNT", "AZURE_CLIENT_ID"),
        (".azure/azureProfile.json",),
    ),
}
SECRETS = (
    "secret_access_key",
    "account_key",
    "connection_string",
    "sas_token",
    "password",
    "session_token",
    "client_secret",
)


def look(patient: Patient) -> Iterator[Finding]:
    """Yield what is wrong with DVC's remote; nothing is asked over the network."""
    top = next((place for place in (patient.root, *patient.root.parents) if (place / ".dvc").is_dir()), None)
    if top is None:
        return
    shared, own = (_read(top / ".dvc" / name) for name in ("config", "config.local"))
    for section, values in shared.items():
        for key in sorted(set(values) & set(SECRETS)):
            why = "it is in git for whoever reads the repository, and stays in its history"
            hint = f"dvc remote modify --local … {key} …, take it out of .dvc/config, and renew the secret"
            yield broken("store/secret", f"a secret in .dvc/config: {key}", why, hint, f".dvc/config [{section}]")
    known = {name: {**shared.get(name, {}), **own.get(name, {})} for name in {*shared, *own}}
    remote = known.get("core", {}).get("remote")
    if not remote:
        why = "what DVC tracks can't be pulled where it is not in the cache, as on any runner"
        yield warning("store/remote", "DVC has no default remote", why, "dvc remote add --default storage s3://…")
        return
    url = known.get(f"'remote \"{remote}\"'", known.get(f'remote "{remote}"', {})).get("url", "")
    yield from _address(remote, url, top, patient, known)


def _address(remote: str, url: str, top: Path, patient: Patient, known: dict[str, dict[str, str]]) -> Iterator[Finding]:
    scheme, separator, _ = url.partition("://")
    if not url:
        why = "`core.remote` names it"
        yield broken("store/remote", f"DVC's remote {remote} has no address", why, f"dvc remote add {remote} s3://…")
    elif not separator:
        place = Path(url) if Path(url).is_absolute() else top / ".dvc" / url
        if not place.is_dir():
            why = "nothing can be pulled from it or pushed to it"
            hint = f"create it, or dvc remote modify {remote} url …"
            yield broken("store/unreachable", f"DVC's remote {remote} is a folder that is not there: {url}", why, hint)
    elif kind := KINDS.get({"gcs": "gs", "abfs": "azure", "az": "azure"}.get(scheme, scheme)):
        package, module, names, files = kind
        if importlib.util.find_spec("dvc") and importlib.util.find_spec(module) is None:
            why = f"DVC can't speak {scheme}:// without it"
            yield broken("store/plugin", f"{package} is not installed", why, f"pip install {package}")
        home = Path(patient.env.get("HOME") or "/nonexistent")
        configured = any(set(values) & {*SECRETS, "profile", "credentialpath"} for values in known.values())
        if not configured and not any(map(patient.env.get, names)) and not any((home / one).exists() for one in files):
            why = f"{scheme}:// is asked without any, which few stores allow"
            hint = "see docs/workflows.md for a run's own credentials, or set " + names[0]
            yield warning("store/credentials", f"no credentials for {scheme}:// are seen here", why, hint)


def _read(path: Path) -> dict[str, dict[str, str]]:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        parser.read(path, "utf-8")
    except (configparser.Error, UnicodeDecodeError):
        return {}
    return {name: dict(parser[name]) for name in parser.sections()}
