"""What a drift check found, for the person on call and for the reviewer of the retraining: pure functions."""

from ci_kit.render.watch.oncall import page
from ci_kit.render.watch.pull import proposal
from ci_kit.render.watch.summary import summary

__all__ = ["page", "proposal", "summary"]
