"""Report on the run of a fork, after it, where there is a token: its Results are a stranger's word.

What the comment belongs to comes from the event and from GitHub; of what the run has left, only Results are taken.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ci_kit import actions, forge
from ci_kit.errors import CiKitError, UserError
from ci_kit.forge.base import Head, Stamp
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.render.markdown import markdown
from ci_kit.render.terminal import verdict
from ci_kit.render.view import View
from ci_kit.report.artifact import Taken, take
from ci_kit.report.gather import Gathered, expected, misplaced, named, other
from ci_kit.report.past import past, recent
from ci_kit.result import Findings, parse

TITLE = "The fork's run is reported"
FOLDER = "fork"  # below RUNNER_TEMP: where the workflow puts what the run has left
SUMMARY = 2**20 - 4096  # of GitHub's 1 MiB for one step


def fork(job: Job, env: Mapping[str, str] = os.environ) -> Findings:
    """Keep exactly one comment with what a fork's run says; nothing is gated by it, and nothing recorded.

    It is skipped where the run was none of a fork's pull request, has left nothing, or is not the newest commit's.
    Raises UserError on another event than `workflow_run`.
    """
    run = actions.fork_run(env)
    if run is None:
        return _skip("That run was not of a pull request from a fork.")
    taken = take(Path(env.get("RUNNER_TEMP") or os.devnull) / FOLDER)
    if not taken.files and not taken.refused:
        return _skip("That run has left no result.")
    try:
        found = _head(forge.connect(job.root, actions.event(env), env=env).heads(run.source, run.branch), run)
        return _skip(found) if isinstance(found, str) else _report(job, run, found, taken, env)
    except CiKitError as error:
        detail = actions.redact(str(error))
        return Findings(checks=(Check(id="publish", title=TITLE, status="fail", detail=detail),))


def _skip(why: str) -> Findings:
    return Findings(checks=(Check(id="publish", title=TITLE, status="skip", detail=why),))


def _head(heads: list[Head], run: actions.ForkRun) -> Head | str:
    """Return the pull request whose newest commit was judged, or why there is none to write to."""
    if not heads:
        return "No open pull request comes from that branch."
    judged = [head for head in heads if head.sha == run.sha]
    if not judged:
        return "The pull request has a newer commit, whose own run will be reported."
    if len(judged) > 1:
        numbers = ", ".join(f"#{head.number}" for head in judged)
        return f"{numbers} have the same commit: for which of them the run was can't be told."
    return judged[0]


def gathered(taken: Taken, head: Head) -> Gathered:
    """Verify the Results; one that is damaged, or not of the pull request's commit or its merge, is named."""
    found = Gathered(damaged=dict(taken.refused))
    for stem, content in taken.files.items():
        try:
            result = parse(content, f"{stem}.json")
        except UserError as error:
            found.damaged[stem] = str(error)
            continue
        if why := misplaced(stem, result):
            found.damaged[stem] = why
        elif result.source.sha is None or result.source.sha not in (head.sha, head.merge_sha):
            found.damaged[stem] = other(stem, result, head.sha)
        else:
            found.results[stem] = result
    return found


def _report(job: Job, run: actions.ForkRun, head: Head, taken: Taken, env: Mapping[str, str]) -> Findings:
    event, found = actions.event(env), gathered(taken, head)
    view = View(
        results=found.results,
        expected=expected(job.config, job.root),
        damaged=found.damaged,
        title=named(job),
        base=head.base,
        url=run.url,
        past=past(recent(job, ["evaluate"])["evaluate"]),
        whole=f"[in the job summary]({event.url})" if event.url else "in the job summary",
        fork=True,
    )
    actions.summary(actions.redact(markdown(view, SUMMARY)))
    stamp = Stamp(run_id=run.run_id, attempt=run.attempt, sha=run.sha)
    # Not by `cml`: what holds the token runs nothing else beside a stranger's text. And in a comment of its own, never
    # in one that reports share: there a stranger's word would stand among those of the repository's own runs.
    place = forge.connect(job.root, replace(event, number=head.number), env=env)
    where = place.comment(job.config.report.id, actions.redact(markdown(view)), stamp)
    actions.output("url", where)
    job.say(actions.harmless(actions.redact(verdict(view))))
    return Findings(checks=(Check(id="publish", title=TITLE, status="pass", observed=where),))
