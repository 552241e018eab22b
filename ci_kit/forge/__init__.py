"""The one way to the forge: comments on pull requests, and the history of Results."""

import os
from collections.abc import Mapping
from pathlib import Path

from ci_kit.errors import UserError
from ci_kit.forge.base import Event, Forge
from ci_kit.forge.git import Git


def connect(root: Path, event: Event, publisher: str = "github", env: Mapping[str, str] = os.environ) -> Forge:
    """Return the forge of this run: GitHub inside Actions, else the git repository around `root`.

    `publisher` is `github` or `cml`: who posts the comment. Raises UserError inside Actions without a token.
    """
    if env.get("GITHUB_ACTIONS") != "true":
        from ci_kit.forge.local import LocalForge

        return LocalForge(root)
    from ci_kit.forge.client import Client
    from ci_kit.forge.github import GitHubForge

    token = env.get("GITHUB_TOKEN", "").strip()
    if not token:
        hint = "Give the step GITHUB_TOKEN: ${{ github.token }} in its env"
        raise UserError("no token to publish with", why="GITHUB_TOKEN is empty", hint=hint, code="github/token")
    client = Client(env.get("GITHUB_API_URL") or "https://api.github.com", token)
    server = env.get("GITHUB_SERVER_URL") or "https://github.com"
    github = GitHubForge(client, event.repo, event.number, url=event.url or "", git=Git(root), server=server)
    if publisher != "cml" or event.number is None:
        return github
    from ci_kit.forge.cml import CML

    return CML(root, github, event.number, token, env)
