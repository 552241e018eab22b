"""A served folder made by hand, with a column of each kind; and what nobody may send to it."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from onnx import TensorProto, helper

from ci_kit import serving
from ci_kit.package.stage import SERVICE
from ci_kit.serving.contract import FILE as CONTRACT
from ci_kit.serving.contract import Column, Contract
from ci_kit.serving.engine import MODEL, Engine
from ci_kit.serving.golden import FILE as GOLDEN
from ci_kit.serving.golden import Golden
from tests.models.made import FLOAT, INT, TEXT, build, save, value

ROW: dict[str, Any] = {
    "count": 3,
    "size": 1.5,
    "weight": None,
    "colour": "red",
    "label": "abc",
    "ok": True,
    "code 1": 2,
}
COLUMNS = (
    Column(name="count", kind="whole", low=0, high=16),
    Column(name="size", kind="number", low=0.0, above=True),
    Column(name="weight", kind="number", nullable=True, high=100.0, out=(13.0,)),
    Column(name="colour", kind="text", among=("red", "green", "blue")),
    Column(name="label", kind="text", short=1, long=10, patterns=(r"[a-z]+$",)),
    Column(name="ok", kind="flag"),
    Column(name="code 1", kind="whole", among=(1, 2, 3), out=(3,)),
)
KEY = Column(name="id", kind="whole")


def contract(**more: Any) -> Contract:
    """Return the contract of the model that `write` writes."""
    known: dict[str, Any] = {"name": "things", "task": "regression", "columns": COLUMNS, "keys": (KEY,), "output": "y"}
    return Contract(**(known | {"reading": "numbers", "rows": 5, "bytes": 4096, "digest": "d" * 64} | more))


def write(folder: Path, made: Contract | None = None) -> Path:
    """Write `model.onnx` (count + size + weight, where there is one), its contract and golden rows."""
    folder.mkdir(parents=True, exist_ok=True)
    made = made or contract()
    kinds = {"number": FLOAT, "whole": INT, "text": TEXT, "flag": TensorProto.BOOL}
    inputs = [value(column.name, kinds[column.kind], "n", 1) for column in made.columns]
    nodes = [
        helper.make_node("Cast", ["count"], ["c"], to=FLOAT),
        helper.make_node("IsNaN", ["weight"], ["gone"]),
        helper.make_node("Where", ["gone", "zero", "weight"], ["w"]),
        helper.make_node("Sum", ["c", "size", "w"], ["y"]),
    ]
    model = build(nodes, inputs, [value("y", FLOAT, "n", 1)], {"zero": np.zeros(1, dtype=np.float32)})
    save(model, folder / MODEL)
    (folder / CONTRACT).write_text(made.dump())
    rows = [ROW, ROW | {"weight": 2.0}, ROW | {"count": 0, "size": 0.25}]
    (folder / GOLDEN).write_text(Golden(rows=tuple(rows), answers=tuple(Engine(folder).answers(rows))).dump())
    return folder


def _row(**changed: Any) -> bytes:
    return json.dumps({"rows": [ROW | {name.replace("_", " "): one for name, one in changed.items()}]}).encode()


def _without(name: str) -> bytes:
    return json.dumps({"rows": [{key: one for key, one in ROW.items() if key != name}]}).encode()


NAN, INF, HUGE = float("nan"), float("inf"), 10**400
# name → (body, what the refusal must name)
HOSTILE: dict[str, tuple[bytes, str]] = {
    **{f"without {name}": (_without(name), name) for name in ROW},
    **{f"{name} is null": (_row(**{name.replace(" ", "_"): None}), name) for name in ROW if name != "weight"},
    **{f"{name} is a list": (_row(**{name.replace(" ", "_"): [1]}), name) for name in ROW},
    **{f"{name} is an object": (_row(**{name.replace(" ", "_"): {"a": 1}}), name) for name in ROW},
    **{f"{name} is NaN": (_row(**{name.replace(" ", "_"): NAN}), name) for name in ROW},
    **{f"{name} is infinite": (_row(**{name.replace(" ", "_"): -INF}), name) for name in ROW},
    **{f"{name} is 10**400": (_row(**{name.replace(" ", "_"): HUGE}), name) for name in ROW},
    "a whole number as text": (_row(count="3"), "count"),
    "a whole number as a flag": (_row(count=True), "count"),
    "a whole number with a fraction": (_row(count=3.5), "count"),
    "a whole number below": (_row(count=-1), "count"),
    "a whole number above": (_row(count=17), "count"),
    "a whole number of 65 bits": (_row(count=2**64), "count"),
    "a number as text": (_row(size="1.5"), "size"),
    "a number as a flag": (_row(size=False), "size"),
    "a number at an open bound": (_row(size=0), "size"),
    "a number that float32 can't hold": (_row(size=1e39), "size"),
    "1e400": (_row(size=1).replace(b'"size": 1,', b'"size": 1e400,'), "size"),
    "the word NaN": (_row(size="NaN"), "size"),
    "a number above its bound": (_row(weight=100.5), "weight"),
    "a number that is barred": (_row(weight=13), "weight"),
    "a text that is no category": (_row(colour="pink"), "colour"),
    "a category in capitals": (_row(colour="RED"), "colour"),
    "a number for a text": (_row(colour=1), "colour"),
    "an empty text": (_row(label=""), "label"),
    "a text that is too long": (_row(label="a" * 11), "label"),
    "a text of another form": (_row(label="ABC"), "label"),
    "a text with a null character": (_row(label="a\0"), "label"),
    "half a character": (_row(label="x").replace(b'"x"', b'"\\ud800"'), "JSON"),
    "a flag as a number": (_row(ok=1), "ok"),
    "a flag as text": (_row(ok="true"), "ok"),
    "a whole number that is no category": (_row(code_1=4), "code 1"),
    "a category that is barred": (_row(code_1=3), "code 1"),
    "a category as a fraction": (_row(code_1=2.5), "code 1"),
    "a category as a flag": (_row(code_1=True), "code 1"),
    "a column too many": (_row(colours="red"), "colours"),
    "a column with an empty name": (_row(**{"": 1}), "rows[0]"),
    "a column named like a mechanism": (_row(__class__="x"), "class"),
    "a key as text": (_row(id="7"), "id"),
    "no rows": (b'{"rows": []}', "rows"),
    "too many rows": (json.dumps({"rows": [ROW] * 6}).encode(), "rows"),
    "rows that are an object": (json.dumps({"rows": ROW}).encode(), "rows"),
    "rows that are null": (b'{"rows": null}', "rows"),
    "a row that is a list": (b'{"rows": [[1, 2]]}', "rows[0]"),
    "a row that is null": (b'{"rows": [null]}', "rows[0]"),
    "one bad row among good ones": (json.dumps({"rows": [ROW, ROW | {"count": 99}]}).encode(), "rows[1]"),
    "no `rows`": (b"{}", "rows"),
    "a field too many": (json.dumps({"rows": [ROW], "debug": True}).encode(), "debug"),
    "a bare row": (json.dumps(ROW).encode(), "rows"),
    "a list": (json.dumps([ROW]).encode(), "body"),
    "a text": (b'"rows"', "body"),
    "a number": (b"1", "body"),
    "null": (b"null", "body"),
    "nothing": (b"", "JSON"),
    "half of it": (json.dumps({"rows": [ROW]}).encode()[:-20], "JSON"),
    "two documents": (json.dumps({"rows": [ROW]}).encode() * 2, "JSON"),
    "no JSON": (b"rows=1&count=2", "JSON"),
    "XML": (b"<rows/>", "JSON"),
    "single quotes": (str({"rows": [ROW]}).encode(), "JSON"),
    "a comma at the end": (json.dumps({"rows": [ROW]}).encode()[:-1] + b",}", "JSON"),
    "a comment": (b"// x\n" + json.dumps({"rows": [ROW]}).encode(), "JSON"),
    "UTF-16": (json.dumps({"rows": [ROW]}).encode("utf-16"), "JSON"),
    "bytes that are no UTF-8": (_row(label="x").replace(b'"x"', b'"\xff"'), "JSON"),
    "a thousand brackets": (b"[" * 1000, "JSON"),
    "a pickle": (b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.", "JSON"),
    "a body that is too large": (b'{"rows": [' + b" " * 5000 + b"]}", "body"),
}


def bento(folder: Path, made: Contract | None = None, *, own: str = "") -> Path:
    """Write a bento that `bentoml serve` takes, without BentoML; `own` is the text of the user's `own_service.py`."""
    source = folder / "src"
    write(source / "served", made)
    (source / "bento_service.py").write_text(SERVICE)
    shutil.copytree(
        Path(serving.__file__).parent, source / "ci_kit" / "serving", ignore=shutil.ignore_patterns("__pycache__")
    )
    (source / "ci_kit" / "__init__.py").touch()
    if own:
        (source / "own_service.py").write_text(own)
    known: dict[str, Any] = {
        "service": "bento_service:service",
        "name": "things",
        "version": "1",
        "bentoml_version": "1.4.40",
    }
    known |= {"creation_time": "2026-01-01T00:00:00+00:00", "entry_service": "things", "spec": 1}
    known |= {"services": [{"name": "things", "service": "", "models": [], "dependencies": [], "config": {}}]}
    (folder / "bento.yaml").write_text(yaml.safe_dump(known))
    (folder / "README.md").touch()
    return folder
