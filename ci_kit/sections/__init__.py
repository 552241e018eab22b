"""The sections of `ci-kit.yaml`: every key, its default and its one-line description.

A key is kebab-case in the file and snake_case in Python. User code is named `path/to/file.py:Name`.
"""

from ci_kit.sections.base import LOOKS, DataName, Duration, OneOrMore, Reference, Section, Share, duration
from ci_kit.sections.check import DataSet, Freshness, Overlap, Price, Ray, Spot, Train, Validate
from ci_kit.sections.judge import Budget, Evaluate, Gate, Report
from ci_kit.sections.ship import BentoCloud, Deploy, Docker, KServe, Kubernetes, Local, Package, Ssh, Target
from ci_kit.sections.watch import Alarm, Drift, Retrain, Window

__all__ = [
    "LOOKS",
    "Alarm",
    "BentoCloud",
    "Budget",
    "DataName",
    "DataSet",
    "Deploy",
    "Docker",
    "Drift",
    "Duration",
    "Evaluate",
    "Freshness",
    "Gate",
    "KServe",
    "Kubernetes",
    "Local",
    "OneOrMore",
    "Overlap",
    "Package",
    "Price",
    "Ray",
    "Reference",
    "Report",
    "Retrain",
    "Section",
    "Share",
    "Spot",
    "Ssh",
    "Target",
    "Train",
    "Validate",
    "Window",
    "duration",
]
