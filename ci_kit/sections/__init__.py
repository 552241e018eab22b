"""The sections of `ci-kit.yaml`: every key, its default and its one-line description.

A key is kebab-case in the file and snake_case in Python. User code is named `path/to/file.py:Name`.
"""

from ci_kit.sections.base import LOOKS, DataName, Duration, OneOrMore, Reference, Section, Share, duration
from ci_kit.sections.check import DataSet, Evaluate, Freshness, Gate, Overlap, Price, Report, Train, Validate
from ci_kit.sections.ship import Deploy, Local, Package
from ci_kit.sections.watch import Alarm, Drift, Retrain, Window

__all__ = [
    "LOOKS",
    "Alarm",
    "DataName",
    "DataSet",
    "Deploy",
    "Drift",
    "Duration",
    "Evaluate",
    "Freshness",
    "Gate",
    "Local",
    "OneOrMore",
    "Overlap",
    "Package",
    "Price",
    "Reference",
    "Report",
    "Retrain",
    "Section",
    "Share",
    "Train",
    "Validate",
    "Window",
    "duration",
]
