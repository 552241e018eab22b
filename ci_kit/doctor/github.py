"""GitHub's settings, as far as the token may see them: what it may not see is no finding."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import httpx

from ci_kit.doctor.finding import Finding, Patient, broken, warning
from ci_kit.errors import CiKitError
from ci_kit.forge.base import Refused
from ci_kit.forge.client import Client
from ci_kit.forge.git import Git


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What is asked: the repository `known` by its first answer, and `get`, by which more is asked."""

    patient: Patient
    known: dict[str, Any]
    get: Callable[[str], dict[str, Any]]


def look(patient: Patient, transport: httpx.BaseTransport | None = None) -> Iterator[Finding]:
    """Yield what the settings keep from working; nothing without a token and a repository on GitHub."""
    token = patient.env.get("GITHUB_TOKEN") or patient.env.get("GH_TOKEN")
    repo = patient.env.get("GITHUB_REPOSITORY") or Git(patient.root).slug()
    if not token or not repo:
        return
    url = patient.env.get("GITHUB_API_URL") or "https://api.github.com"
    try:
        client = Client(url, token, transport=transport, sleep=lambda _: None)
        known = client.get(f"/repos/{repo}")
    except Refused as error:
        code = "token" if error.status == 401 else "repository"
        yield broken(f"github/{code}", error.what, error.why or "no comment can be written", error.hint)
        return
    except CiKitError as error:
        hint = "look at the network and at GitHub's status"
        yield warning("github/unreachable", f"{url} does not answer", str(error)[:160], hint)
        return
    settings = Settings(patient=patient, known=known, get=lambda path: client.get(f"/repos/{repo}{path}"))
    for part in (_base, _protected, _proposals, _environments, _schedules):
        try:
            yield from part(settings)
        except CiKitError:
            continue  # what this token may not see can't be told


def _base(settings: Settings) -> Iterator[Finding]:
    config = settings.patient.config
    base, default = config.base if config else "main", settings.known.get("default_branch")
    if default and default != base:
        why = "scheduled and fork workflows run on the default branch, changes are compared with `base`"
        hint = f"set `base: {default}` in ci-kit.yaml"
        yield warning("github/base", f"the default branch is {default}, and `base` is {base}", why, hint)


def _protected(settings: Settings) -> Iterator[Finding]:
    branch = settings.get(f"/branches/{settings.known.get('default_branch') or 'main'}")
    if branch.get("protected") is False:
        why = "a change can be merged whatever its checks say"
        hint = "Settings > Rules: require a pull request, and the check of your workflow"
        yield warning("github/protection", f"the branch {branch.get('name')} is not protected", why, hint)


def _proposals(settings: Settings) -> Iterator[Finding]:
    config = settings.patient.config
    if config is None or config.drift.current not in config.data:
        return
    if settings.get("/actions/permissions/workflow").get("can_approve_pull_request_reviews") is False:
        why = "`retrain` opens a pull request, and may not"
        hint = "Settings > Actions > General: allow GitHub Actions to create pull requests"
        yield broken("github/pull-requests", "workflows may open no pull requests", why, hint)


def _environments(settings: Settings) -> Iterator[Finding]:
    targets = settings.patient.config.deploy.targets if settings.patient.config else {}
    for one in settings.get("/environments").get("environments") or [] if targets else []:
        if one.get("name") in targets and not one.get("protection_rules"):
            why = "whoever can start the workflow deploys"
            hint = f"Settings > Environments > {one['name']}: name reviewers"
            yield warning("github/environment", f"the environment {one['name']} has no reviewers", why, hint)


def _schedules(settings: Settings) -> Iterator[Finding]:
    for one in settings.get("/actions/workflows?per_page=100").get("workflows") or []:
        if one.get("state") == "disabled_inactivity":
            why = "GitHub disables a schedule after 60 days without a commit, and says nothing"
            hint = f"gh workflow enable {str(one.get('path', '')).rpartition('/')[2]}"
            yield broken("github/schedule", f"the workflow {one.get('name')} is disabled", why, hint)
