"""ci-kit: the pull request is the control plane of machine learning."""

from importlib.metadata import version

__version__ = version("ci-kit")
