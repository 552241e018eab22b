"""A scikit-learn model as an ONNX file."""

from pathlib import Path
from typing import Any

from ci_kit.errors import UserError
from ci_kit.export.needs import needed, quiet, told
from ci_kit.files import atomic_write

OPSETS = {"": 18, "ai.onnx.ml": 3}  # explicit: what skl2onnx chooses by itself depends on its options
TOLERANCE = 1e-5
OTHERS = ("xgboost", "lightgbm", "keras")
FILL = "Missing text is served as '': fill it so before fit, and here"
COARSE = "skl2onnx does not convert all of it, or float32 is too coarse: for a column, or for trees after a scaler"


def export_sklearn(model: Any, frame: Any, path: str | Path) -> None:
    """Write a fitted classifier or regressor of scikit-learn, or a Pipeline that ends with one, as an ONNX file.

    `frame` (polars or pandas) holds rows of the table that the model will be served from, at best those that it is
    evaluated on: their columns make the inputs. If all are numbers and the model has no ColumnTransformer, that is
    one float32 matrix; else one input per column that the model reads: float32 (also for whole numbers or flags of
    which some are missing, and for all whole numbers where skl2onnx takes no int64), int64, bool or string. Missing
    numbers are NaN and missing text is '', as ci-kit feeds them; an imputer or encoder that was fitted on missing
    text takes '' for it. The outputs are `label` and `probabilities` (`label` alone without `predict_proba`), or
    `variable`.

    Nothing is written, and UserError raised, when skl2onnx does not know the model, or when ONNX Runtime does not
    answer the frame, and its first row alone, as the model does (by 1e-5, absolute and relative).
    """
    needed("sklearn", "skl2onnx", "numpy", "onnx", "onnxruntime")
    from ci_kit.export import proof
    from ci_kit.export.parts import Shape
    from ci_kit.models.frames import take
    from ci_kit.models.inputs import feeds

    shown = Path(path).name
    table = _table(model, frame)
    shape = Shape.of(model, table)
    wanted = _answers(model, table, shape)
    content = proof.written(lambda file: file.write_bytes(_converted(model, shape, list(wanted), shown)), shown)
    session = proof.opened(content, shown)
    for rows in (table, take(table, slice(0, 1))):
        fed = feeds(session.get_inputs(), rows, tuple(shape.kinds), shown)
        given = dict(zip(wanted, proof.asked(session, fed, shown), strict=True))
        if why := _gap(given, {name: answer[: len(rows)] for name, answer in wanted.items()}):
            raise proof.unlike(shown, why, FILL if shape.gaps else COARSE)
    atomic_write(Path(path), content)


def _table(model: Any, frame: Any) -> Any:
    """Return the columns of the frame that the model was fitted on; all of them if it does not know their names."""
    from sklearn.base import is_classifier, is_regressor

    kind = type(model)
    if kind.__module__.partition(".")[0] in OTHERS:
        hint = "Use its own converter: the docstring of ci_kit.export has the recipe"
        raise UserError(f"{kind.__name__} is no model of scikit-learn", hint=hint)
    if not hasattr(model, "predict") or not (is_classifier(model) or is_regressor(model)):
        raise UserError(f"{kind.__name__} can't be exported", why="it is neither a classifier nor a regressor")
    if not hasattr(frame, "columns"):
        why = "the inputs are made of the columns of a polars or pandas DataFrame"
        raise UserError(f"a {type(frame).__name__} is no table", why=why, hint="Give it the columns' names")
    known = set(getattr(model, "feature_names_in_", frame.columns))
    table = frame[[name for name in frame.columns if name in known]]
    if not len(table) or not len(table.columns):
        raise UserError("the frame is empty", why="the model must answer some of its rows")
    return table


def _answers(model: Any, table: Any, shape: Any) -> dict[str, Any]:
    """Return the model's own answers by the name of their output; raise UserError if it fails or has several."""
    import numpy as np
    from sklearn.base import is_classifier

    from ci_kit.models.frames import column

    rows = column(table, table.columns[0]).tolist() if shape.document else table
    try:
        with quiet():
            answers = {"label" if is_classifier(model) else "variable": np.asarray(model.predict(rows))}
            if is_classifier(model) and hasattr(model, "predict_proba"):
                answers["probabilities"] = model.predict_proba(rows)
    except Exception as error:
        hint = FILL if shape.gaps else ""
        raise UserError(f"{type(model).__name__} fails on the frame", why=told(error), hint=hint) from error
    for name, one in answers.items():
        if not isinstance(one, np.ndarray) or (name != "probabilities" and one.size != len(table)):
            raise UserError(f"{type(model).__name__} can't be served", why="it answers several values to a row")
    return answers


def _converted(model: Any, shape: Any, wanted: list[str], shown: str) -> bytes:
    """Return the ONNX file of skl2onnx, with the outputs that are wanted and the inputs that are read."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    from ci_kit.export.parts import adapted, options, whole

    try:
        with quiet():
            from skl2onnx import convert_sklearn

            model = adapted(model)
            proto = convert_sklearn(
                model,
                "model",
                shape.inputs(),
                target_opset=OPSETS,
                options=options(model, plain="probabilities" in wanted),
                custom_conversion_functions={
                    HistGradientBoostingClassifier: whole,
                    HistGradientBoostingRegressor: whole,
                },
            )
    except Exception as error:
        if shape.floats() != shape:
            return _converted(model, shape.floats(), wanted, shown)
        hint = FILL if shape.gaps else ""
        raise UserError(f"skl2onnx can't convert {shown}", why=told(error), hint=hint) from error
    del proto.graph.output[len(wanted) :]
    _tidy(proto.graph, [name for name, _ in shape.inputs()])
    return bytes(proto.SerializeToString())


def _tidy(graph: Any, names: list[str]) -> None:
    """Name the inputs as the columns, of which skl2onnx makes identifiers, and leave out what is not read."""
    for one, name in zip(list(graph.input), names, strict=True):
        readers = [(node, place) for node in graph.node for place, read in enumerate(node.input) if read == one.name]
        for node, place in readers:
            node.input[place] = name
        if readers:
            one.name = name
        else:
            graph.input.remove(one)


def _gap(given: dict[str, Any], wanted: dict[str, Any]) -> str:
    """Return in words, with row and output, where both are furthest apart; '' when they are alike."""
    import numpy as np

    from ci_kit.export.proof import gap
    from ci_kit.models.frames import same

    for name in ("probabilities", "variable"):
        if name in wanted and (found := gap(given[name], wanted[name], name, TOLERANCE)):
            return found
    if "label" not in wanted:
        return ""
    labels, own = given["label"].reshape(-1), wanted["label"].reshape(-1)
    differ = ~same(labels, own)
    if "probabilities" in wanted and wanted["probabilities"].shape[1] > 1:
        first, second = np.sort(wanted["probabilities"], axis=1)[:, :-3:-1].T
        differ &= first - second > 4 * TOLERANCE  # a tie may be broken either way
    row = int(differ.argmax())
    return f"row {row}, label: {labels[row]!s:.60} instead of {own[row]!s:.60}" if differ.any() else ""
