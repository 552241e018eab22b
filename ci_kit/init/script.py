"""A training script, read and never run: what it imports, fits, saves, reads and drops."""

import ast
import shlex
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

MOST = 500_000  # bytes: a longer file was not written by hand
_SAVES = {"dump", "save", "save_model", "export", "export_sklearn", "export_torch", "to_onnx", "write_bytes"}
_TRAINS = {"fit", "fit_transform", "backward", "train"}
_DROPS = {"drop", "pop"}
_ONNX = {"export_sklearn", "export_torch", "convert_sklearn", "to_onnx", "convert_xgboost", "convert_lightgbm"}
FRAMEWORKS = ("sklearn", "torch", "xgboost", "lightgbm", "keras", "tensorflow")
_REGRESSORS = ("Regressor", "Regression", "Ridge", "Lasso", "ElasticNet", "SVR", "MSELoss", "L1Loss")
_CLASSIFIERS = ("Classifier", "LogisticRegression", "SVC", "NB", "CrossEntropyLoss", "BCEWithLogitsLoss")


@dataclass(kw_only=True)
class Script:
    """What static reading finds in a script; `path` is relative to the folder that is looked at.

    `model` and `frame` are the names of variables in `model.fit(frame, …)`, `texts` all string constants, `dropped`
    those that a column is dropped, popped or taken by, `lists` the literal lists of texts, `arguments` the command-line
    arguments that must be given.
    """

    path: str
    score: int = 0
    frameworks: set[str] = field(default_factory=set)
    tasks: set[str] = field(default_factory=set)
    model: str = "model"
    frame: str = "X"
    writes_onnx: bool = False
    relative: bool = False
    texts: list[str] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    targets: list[str] = field(default_factory=list)
    lists: list[tuple[str, ...]] = field(default_factory=list)
    arguments: list[str] = field(default_factory=list)

    @property
    def command(self) -> str:
        """The shell command that runs it from the folder that was looked at."""
        if self.relative:
            return f"python -m {self.path.removesuffix('.py').replace('/', '.')}"
        return f"python {shlex.quote(self.path)}"

    @property
    def onnx(self) -> str:
        """The ONNX file that it names, '' where it names none."""
        named = [text for text in self.texts if text.endswith(".onnx") and "\n" not in text]
        return named[-1].removeprefix("./") if named else ""


def read(path: Path, name: str) -> Script | None:
    """Return what a script says, None for one that does not train or is no Python of today."""
    try:
        if path.stat().st_size > MOST:
            return None
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about escapes in the user's strings
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    script = Script(path=name)
    trains = False
    for node in ast.walk(tree):
        trains |= _see(script, node)
    stem = path.stem.lower()
    script.score += 4 * ("train" in stem) + ("fit" in stem or "model" in stem) - name.count("/")
    script.writes_onnx |= bool(script.onnx)
    return script if trains else None


def _see(script: Script, node: ast.AST) -> bool:
    """Note what one node says, and return whether it trains."""
    if isinstance(node, ast.Import):
        script.frameworks |= {alias.name.split(".")[0] for alias in node.names} & {*FRAMEWORKS}
    elif isinstance(node, ast.ImportFrom):
        script.relative |= node.level > 0
        script.frameworks |= {(node.module or "").split(".")[0]} & {*FRAMEWORKS}
    elif isinstance(node, ast.Constant) and isinstance(node.value, str) and len(node.value) < 300:
        script.texts.append(node.value)
    elif isinstance(node, ast.List | ast.Tuple):
        texts = tuple(_strings(node))
        if len(texts) > 1 and len(texts) == len(node.elts):
            script.lists.append(texts)
    elif isinstance(node, ast.Assign):
        _assigned(script, node)
    elif isinstance(node, ast.Call):
        return _called(script, node)
    return False


def _assigned(script: Script, node: ast.Assign) -> None:
    """Note `y = frame["price"]`, `TARGET = "price"` and `model = Ridge().fit(…)`."""
    names = [one.id for target in node.targets for one in ast.walk(target) if isinstance(one, ast.Name)]
    value = node.value
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute) and value.func.attr == "fit" and names:
        script.model = names[0]
    for name in names:
        lower = name.lower()
        if lower in ("y", "target", "label", "labels", "truth") or lower.startswith(("y_", "target_", "label_")):
            script.targets += [one for one in _strings(value) if one]


def _called(script: Script, node: ast.Call) -> bool:
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    if name.endswith(_CLASSIFIERS):
        script.tasks.add("classification")
    elif name.endswith(_REGRESSORS):
        script.tasks.add("regression")
    script.score += 2 * (name in _SAVES)
    script.writes_onnx |= name in _ONNX
    if name in _DROPS:
        script.dropped += [text for part in (*node.args, *node.keywords) for text in _strings(part)]
    if name == "add_argument":
        script.arguments += _required(node)
    if name == "fit" and isinstance(node.func, ast.Attribute) and len(node.args) > 1:
        script.model = getattr(node.func.value, "id", script.model)
        script.frame = getattr(node.args[0], "id", script.frame)
    return name in _TRAINS


def _required(node: ast.Call) -> list[str]:
    first = next((one for one in _strings(node.args[0])), "") if node.args else ""
    must = any(one.arg == "required" and getattr(one.value, "value", False) is True for one in node.keywords)
    optional = any(one.arg == "nargs" and getattr(one.value, "value", "") in ("?", "*") for one in node.keywords)
    return [first] if first and (must or (not first.startswith("-") and not optional)) else []


def _strings(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str):
            yield one.value
