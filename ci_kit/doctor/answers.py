"""GitHub's answers, asked for all at once and each at most once: the doctor does not wait as a job does."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from ci_kit.doctor.context import Context
from ci_kit.errors import CiKitError
from ci_kit.forge.base import Refused
from ci_kit.forge.client import Client

TOKENS = ("GITHUB_TOKEN", "GH_TOKEN")


class _Hasty(Client):
    """Asks each thing once: what the trouble is, is the finding."""

    def _wait(self, seconds: float) -> bool:  # noqa: ARG002
        return False


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What came back: HTTP's status, 0 where nothing did, and the parsed body or, as `why`, what went wrong."""

    status: int
    body: Any = None
    why: str = ""

    @property
    def record(self) -> dict[str, Any]:
        """The body where it is an object, else an empty one."""
        return self.body if isinstance(self.body, dict) else {}

    @property
    def hidden(self) -> bool:
        """Whether the token may not see it; GitHub says 404 of much that a token may not see."""
        return self.status in (403, 404)


def repository(context: Context) -> str:
    """Return `owner/name` of the repository on GitHub, empty where there is none."""
    if known := context.env.get("GITHUB_REPOSITORY"):
        return known
    host = urlsplit(context.env.get("GITHUB_SERVER_URL") or "https://github.com").hostname or "github.com"
    url = context.git.remote_url() if context.top else None
    return context.git.slug() if url and host in url else ""


def token(context: Context) -> str:
    """Return the token of the environment, empty where there is none."""
    return next((context.env[name].strip() for name in TOKENS if context.env.get(name, "").strip()), "")


def paths(context: Context, repo: str) -> dict[str, str]:
    """Return what to ask, by name."""
    base, config = quote(context.settings.base, safe=""), context.settings
    asked = {
        "repository": "",
        "branch": f"/branches/{base}",
        "rules": f"/rules/branches/{base}",
        "pulls": "/pulls?per_page=1",
        "settings": "/actions/permissions/workflow",
        "workflows": "/actions/workflows?per_page=100",
    }
    if config.deploy.targets:
        asked["environments"] = "/environments?per_page=100"
    if any(step.given.get("live-token") for one in context.ours for job in one.jobs for step in job.steps):
        asked["checks"] = f"/commits/{base}/check-runs?per_page=1"
    return {name: f"/repos/{repo}{path}" for name, path in asked.items()}


def ask(context: Context, repo: str, transport: Any = None) -> Mapping[str, Answer]:
    """Ask all of it at the same time; `transport` is httpx's, for tests."""
    url = context.env.get("GITHUB_API_URL") or "https://api.github.com"
    client = _Hasty(url, token(context), transport=transport)

    def one(path: str) -> Answer:
        try:
            return Answer(status=200, body=client.send("GET", path)[0])
        except Refused as error:
            return Answer(status=error.status, why=error.why)
        except CiKitError as error:
            return Answer(status=0, why=str(error))

    asked = paths(context, repo)
    with ThreadPoolExecutor(max_workers=len(asked)) as pool:
        return dict(zip(asked, pool.map(one, asked.values()), strict=True))
