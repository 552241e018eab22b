"""Watch the new version for as long as the target says."""

import time

from ci_kit.bento.client import Client
from ci_kit.deploy.local import LocalTarget
from ci_kit.deploy.state import Colour, State
from ci_kit.deploy.watch import Bar, Traffic, Watch
from ci_kit.errors import UserError
from ci_kit.parts import Check, Metric
from ci_kit.sections import duration
from ci_kit.serving.golden import Golden

PAUSE = 0.2  # seconds between two looks
TEST = 2.0  # seconds between two rounds of golden rows


def traffic(client: Client) -> Traffic:
    """Return the counters of an instance; raise UserError when it does not answer."""
    return Traffic.read(client.metrics())


def observe(
    target: LocalTarget, state: State, colour: Colour, golden: Golden, old: Traffic
) -> tuple[Check, dict[str, Metric]]:
    """Return the check `watch`, which fails at the first bad second, and what was seen as metrics."""
    settings = target.settings
    limit, started = duration(settings.watch).total_seconds(), time.monotonic()
    with target.client(state, colour, timeout=5.0) as client:
        bar = Bar(old=old, errors=settings.errors, slower=settings.slower)
        watch, tested = Watch(bar, started, traffic(client)), started
        while (at := time.monotonic()) - started < limit:
            test = at - tested >= TEST
            tested = at if test else tested
            if why := _looked(target, colour, client, watch, golden if test else None):
                seen = f"after {at - started:.1f} s: {why}"
                return Check(id="watch", title="The new version does worse", status="fail", observed=seen), {}
            time.sleep(PAUSE)
    return _well(watch.total, limit)


def _looked(target: LocalTarget, colour: Colour, client: Client, watch: Watch, golden: Golden | None) -> str | None:
    try:
        if target.restarts(colour):
            return "it crashed"
        why = watch.look(time.monotonic(), traffic(client))
        if why is None and golden is not None:
            gap = client.golden(golden, ())
            why = str(gap) if gap.broken else None
    except UserError as error:
        return str(error)
    return why


def _well(total: Traffic, limit: float) -> tuple[Check, dict[str, Metric]]:
    requests = int(total.requests)
    found = {"watch/requests": Metric(value=requests)}
    if not requests:
        title, detail = "Nobody asked the new version while it was watched", "Its golden rows stayed right."
        return Check(id="watch", title=title, status="warn", observed=f"{limit:g} s", detail=detail), found
    found["watch/mean"] = Metric(value=total.mean, unit="s", direction="down", n=requests)
    seen = f"{requests:,} requests in {limit:g} s, {total.failed:,.0f} failed"
    title = "The new version does as well as the old one"
    return Check(id="watch", title=title, status="pass", observed=seen), found
