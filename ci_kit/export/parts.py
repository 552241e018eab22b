"""What of a scikit-learn model its converter must be told, and what is mended on the way."""

import copy
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from ci_kit.models.columns import kind_of
from ci_kit.models.frames import Frame, column, names
from ci_kit.models.normal import LOCALE

WORD = r"\p{L}\p{N}_"
"""What Python's \\w means, in the language of ONNX Runtime's tokenizer, whose own \\w is ASCII."""


@dataclass(frozen=True, kw_only=True)
class Shape:
    """How a table is fed: the kind of each column, and whether they make one matrix, or one text, of a row.

    A column of whole numbers or flags of which some are missing is one of numbers. `gaps`: some text is missing.
    """

    kinds: dict[str, str]
    matrix: bool
    document: bool
    gaps: bool

    @classmethod
    def of(cls, model: Any, table: Frame) -> Self:
        """Look at the model and the table; raise UserError for a column that is neither number, text nor flag."""
        from sklearn.compose import ColumnTransformer

        kinds: dict[str, str] = {}
        gaps = False
        for name in names(table):
            kind = kind_of(name, str(table[name].dtype))
            missing = any(value is None or value != value for value in column(table, name).tolist())
            gaps |= missing and kind == "text"
            kinds[name] = "number" if missing and kind in ("whole", "flag") else kind
        picks = any(isinstance(one, ColumnTransformer) for one in parts(model))
        texts = "text" in kinds.values()
        return cls(
            kinds=kinds, matrix=not (picks or texts), document=texts and not picks and len(kinds) == 1, gaps=gaps
        )

    def floats(self) -> Self:
        """Return it with whole numbers as float32: an imputer or a scaler of skl2onnx may take nothing else."""
        return replace(self, kinds={name: "number" if one == "whole" else one for name, one in self.kinds.items()})

    def inputs(self) -> list[tuple[str, Any]]:
        """Return skl2onnx's own types by the name of their input."""
        from skl2onnx.common import data_types as types

        if self.matrix:
            return [("features", types.FloatTensorType([None, len(self.kinds)]))]
        known = {
            "number": types.FloatTensorType,
            "whole": types.Int64TensorType,
            "flag": types.BooleanTensorType,
            "text": types.StringTensorType,
        }
        return [(name, known[kind]([None, 1])) for name, kind in self.kinds.items()]


def parts(model: Any) -> Iterator[Any]:
    """Yield a model and the estimators that it is made of."""
    from sklearn.base import BaseEstimator

    waiting, seen = [model], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        if isinstance(one, BaseEstimator):
            yield one
            waiting += vars(one).values()
        elif isinstance(one, dict):
            waiting += one.values()
        elif isinstance(one, list | tuple):
            waiting += one


def options(model: Any, *, plain: bool) -> dict[Any, dict[str, Any]]:
    """Return the options of its parts: with `plain`, probabilities as a matrix; text is cut into Python's words."""
    from sklearn.feature_extraction.text import CountVectorizer
    from sklearn.svm import LinearSVC

    # A Pipeline gives its LinearSVC an option that it refuses, unless it has some already.
    found: dict[Any, dict[str, Any]] = {LinearSVC: {}} | ({id(model): {"zipmap": False}} if plain else {})
    for one in parts(model):
        if isinstance(one, CountVectorizer):
            found[id(one)] = {"locale": LOCALE} | ({"tokenexp": tokens(one)} if one.analyzer == "word" else {})
    return found


def tokens(vectorizer: Any) -> str:
    """Return the pattern of a vectorizer's tokens as ONNX Runtime is to read it."""
    pattern = str(vectorizer.token_pattern).removeprefix("(?u)")
    run = re.fullmatch(r"(?:\\b)?((?:\\w)+)(\+|\{\d+,\})(?:\\b)?", pattern)
    if run:  # runs of so many letters or more: their ends need no \b, which would be ASCII's, too
        pattern = run[1] + run[2]
    inside = re.sub(r"\[(?:\\.|[^\]\\])*\]", lambda found: found[0].replace(r"\w", WORD), pattern)
    return inside.replace(r"\w", f"[{WORD}]")


def adapted(model: Any) -> Any:
    """Return the model, or a copy of it whose imputers and encoders take '' for missing text, as it is served so."""
    if not any(_lacks(one) for one in parts(model)):
        return model
    model = copy.deepcopy(model)
    for one in parts(model):
        if _lacks(one) == "imputer":
            one.missing_values = ""
        elif _lacks(one) == "encoder":
            one.categories_ = [_filled(values) for values in one.categories_]
    return model


def _lacks(one: Any) -> str:
    """Say how a fitted part knows missing text, if not as text."""
    from sklearn.impute import SimpleImputer
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    if isinstance(one, SimpleImputer) and getattr(one, "statistics_", np.empty(0)).dtype.kind in "OU":
        return "" if isinstance(one.missing_values, str) else "imputer"
    if isinstance(one, OneHotEncoder | OrdinalEncoder):
        return "encoder" if any(_gap(values) for values in getattr(one, "categories_", ())) else ""
    return ""


def _gap(values: Any) -> bool:
    texts = [value for value in values.tolist() if isinstance(value, str)]
    return 0 < len(texts) < len(values) and "" not in texts


def _filled(values: Any) -> Any:
    filled = [value if isinstance(value, str) else "" for value in values.tolist()]
    return np.array(filled, dtype=object) if _gap(values) else values


def whole(scope: Any, operator: Any, container: Any) -> None:
    """Convert gradient boosting on histograms as skl2onnx does, but with 0 and 1 where onnx 1.23 refuses flags."""
    from skl2onnx.common._registration import get_converter

    add = container.add_node

    def plain(*given: Any, **attributes: Any) -> None:
        for name, values in attributes.items():
            if isinstance(values, list):
                attributes[name] = [int(one) if isinstance(one, bool | np.bool_) else one for one in values]
        add(*given, **attributes)

    container.add_node = plain
    try:
        get_converter(operator.type)(scope, operator, container)
    finally:
        del container.add_node
