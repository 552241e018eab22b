"""The adapter for CML against the real program, where one is installed; it speaks TLS and nothing else."""

import json
import os
import shutil
import ssl
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest
import trustme

from ci_kit.actions import Event
from ci_kit.forge import connect
from ci_kit.forge.base import Stamp
from ci_kit.forge.client import Client
from ci_kit.forge.github import GitHubForge
from tests.e2e.consumer import Consumer
from tests.e2e.hub import Hub
from tests.e2e.rules import WRITE

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(shutil.which("cml") is None, reason="the real cml is not on the PATH"),
]
BODY = "# Report\n\n| a_b | 2_x |\n|--|--|\n| 1 | <b>x</b> |\n"


def test_cml_and_we_keep_the_same_comment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    with Hub(context) as hub, ExitStack() as stack:
        consumer = Consumer(hub, tmp_path, tmp_path / "home")
        consumer.commit({"README.md": "x"}, "Start")
        consumer.push("main")
        sha = consumer.commit({"a": "b"}, "Change", branch="feat")
        consumer.push("feat")
        pull = hub.open_pull("feat")
        (tmp_path / "event.json").write_text(json.dumps(consumer.pull_event(pull["number"])))
        consumer.git("remote", "set-url", "origin", f"{hub.url}/octo/demo.git")
        env = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path / "home"),
            "CI": "true",
            "GITHUB_ACTIONS": "true",
            "GITHUB_TOKEN": WRITE,
            "GITHUB_API_URL": hub.url,
            "GITHUB_SERVER_URL": hub.url,
            "GITHUB_REPOSITORY": "octo/demo",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": str(tmp_path / "event.json"),
            "GITHUB_SHA": sha,
            "GITHUB_REF": "refs/pull/1/merge",
            "GITHUB_HEAD_REF": "feat",
            "GITHUB_WORKFLOW": "ci",
            "GITHUB_RUN_ID": "1",
            "GITHUB_ACTOR": "octo",
            "NODE_EXTRA_CA_CERTS": str(tmp_path / "ca.pem"),
        }
        event = Event(name="pull_request", repo="octo/demo", number=pull["number"], sha=sha)
        theirs = connect(consumer.folder, event, "cml", env)
        verify = ssl.create_default_context(cafile=str(tmp_path / "ca.pem"))
        transport = stack.enter_context(httpx.HTTPTransport(verify=verify))
        ours = GitHubForge(Client(hub.url, WRITE, transport=transport), "octo/demo", pull["number"])
        for run, (forge, text) in enumerate([(theirs, "one"), (theirs, "two"), (ours, "three"), (theirs, "four")], 1):
            forge.comment("a_b", f"{BODY}{text}", Stamp(run_id=run, attempt=1, sha=sha))
            (comment,) = hub.comments(pull["number"])
            assert text in comment["body"]
