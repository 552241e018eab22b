"""Who we are to a registry: from the environment, else from docker's configuration."""

import base64
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ci_kit.errors import UserError

USER, PASSWORD = "CI_KIT_REGISTRY_USER", "CI_KIT_REGISTRY_PASSWORD"
LOCAL = ("127.0.0.1", "localhost")  # the only hosts that are spoken to without TLS
HUB = "docker.io"  # whose API has another host than its images, and an entry of its own in docker's configuration
MAX_BYTES, TIMEOUT = 2**20, 30.0  # of the configuration, seconds of a credential helper
_HELPER = re.compile(r"[A-Za-z0-9][\w.-]{0,60}")


@dataclass(frozen=True, kw_only=True)
class Login:
    """A name and a password, or a token."""

    user: str
    password: str = field(repr=False)

    @property
    def basic(self) -> str:
        """The value of an Authorization header."""
        return f"Basic {base64.b64encode(f'{self.user}:{self.password}'.encode()).decode()}"


def find(host: str, env: Mapping[str, str]) -> Login | None:
    """Return who we are to a registry, None where nobody said; raise UserError where half of it was said."""
    user, password = env.get(USER, ""), env.get(PASSWORD, "")
    if bool(user) != bool(password):
        lacking = PASSWORD if user else USER
        raise UserError(f"half a login to {host}", why=f"{lacking} is empty", hint=f"Set {lacking}, too")
    if not user and host == "ghcr.io" and env.get("GITHUB_TOKEN"):
        user, password = env.get("GITHUB_ACTOR") or "token", env["GITHUB_TOKEN"].strip()
    return Login(user=user, password=password) if user else _docker(host, env)


def _docker(host: str, env: Mapping[str, str]) -> Login | None:
    folder = env.get("DOCKER_CONFIG") or (f"{env['HOME']}/.docker" if env.get("HOME") else "")
    path = Path(folder) / "config.json"
    try:
        raw = path.read_bytes() if folder and path.is_file() and path.stat().st_size <= MAX_BYTES else b"{}"
        document = _record(json.loads(raw))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"docker's configuration {path} can't be read", why=str(error)[:100]) from error
    key = "https://index.docker.io/v1/" if host == HUB else host
    entry = _record(_record(document.get("auths")).get(key)).get("auth")
    if isinstance(entry, str) and entry:
        return _split(entry)
    helper = _record(document.get("credHelpers")).get(key) or document.get("credsStore")
    return _ask(helper, key, env) if isinstance(helper, str) and _HELPER.fullmatch(helper) else None


def _split(entry: str) -> Login | None:
    try:
        user, mark, password = base64.b64decode(entry, validate=True).decode().partition(":")
    except ValueError:
        return None
    return Login(user=user, password=password) if mark and user else None


def _ask(helper: str, key: str, env: Mapping[str, str]) -> Login | None:
    """Return what a credential helper of docker's says; one that is missing, or knows nothing, says nothing."""
    try:
        done = subprocess.run(
            [f"docker-credential-{helper}", "get"],
            input=key.encode(),
            env=dict(env),
            capture_output=True,
            timeout=TIMEOUT,
            check=True,
        )
        document = _record(json.loads(done.stdout))
    except (OSError, ValueError, RecursionError, subprocess.SubprocessError):
        return None
    user, password = document.get("Username"), document.get("Secret")
    return Login(user=user, password=password) if isinstance(user, str) and isinstance(password, str) else None


def _record(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
