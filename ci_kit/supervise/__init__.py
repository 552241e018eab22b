"""Run a user's command so that its output is harmless, a cancel reaches it and nothing of it stays behind."""

from ci_kit.supervise.ending import exhausted, last_words, meaning
from ci_kit.supervise.outcome import End, Limits, Outcome
from ci_kit.supervise.run import environment, supervise
from ci_kit.supervise.tree import Usage

__all__ = ["End", "Limits", "Outcome", "Usage", "environment", "exhausted", "last_words", "meaning", "supervise"]
