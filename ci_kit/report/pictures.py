"""Pictures in the comment, for charts that Mermaid can't draw: kept where the token may write, else told in words."""

from dataclasses import replace

from ci_kit import actions, forge
from ci_kit.errors import CiKitError
from ci_kit.job import Job
from ci_kit.parts import Check
from ci_kit.render.curves import shown
from ci_kit.render.markdown import CHARTS
from ci_kit.render.picture import picture, wanted
from ci_kit.render.view import View

TITLE = "The comment shows its pictures"


def pictured(job: Job, event: actions.Event, view: View) -> tuple[View, tuple[Check, ...]]:
    """Return the view with the addresses of its pictures, and a skipped check that says why there are none.

    Nothing is tried without a comment to show them in, nor with the token of a fork's run, which only reads.
    """
    if event.name != "local" and (event.number is None or event.fork):
        return view, ()
    drawn = {key: _redacted(picture(chart)) for key, chart in shown(view)[:CHARTS] if wanted(chart)}
    drawn = {key: content for key, content in drawn.items() if content}
    if not drawn:
        return view, ()
    try:
        places = forge.connect(job.root, event, job.config.report.publisher).keep(drawn)
    except CiKitError as error:
        return view, (Check(id="pictures", title=TITLE, status="skip", detail=actions.redact(str(error))),)
    return replace(view, pictures=places), ()


def beside(view: View) -> View:
    """Return the view for a file in `.ci-kit` itself, where the local pictures are not a folder up."""
    return replace(view, pictures={key: place.removeprefix("../") for key, place in view.pictures.items()})


def _redacted(content: bytes) -> bytes:
    return actions.redact(content.decode()).encode()
