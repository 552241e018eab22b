"""Fixtures: nothing of this machine's git configuration."""

from tests.evaluate.conftest import _plain_git  # noqa: F401
