"""A look at a model file before anything loads it: by content, whatever its name says."""

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ci_kit.errors import UserError

EXPORT = "Export the model to ONNX"
# What a file of another kind begins with. Pickle's opcode PROTO is 0x80 and the protocol, 2 to 5.
MAGIC: tuple[tuple[bytes, str], ...] = (
    *((bytes((0x80, protocol)), "a pickle") for protocol in range(2, 6)),
    (b"PK\x03\x04", "a zip archive, as torch.save, Keras and numpy write"),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
    (b"\x1f\x8b", "compressed with gzip, as joblib writes"),
    *((bytes((0x78, level)), "compressed with zlib, as joblib writes") for level in (0x01, 0x5E, 0x9C, 0xDA)),
    (b"BZh", "compressed with bzip2, as joblib writes"),
    (b"\xfd7zXZ\x00", "compressed with xz, as joblib writes"),
    (b"\x04\x22\x4d\x18", "compressed with lz4, as joblib writes"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the model: run `git lfs pull`"),
)
# The domains that ONNX Runtime itself implements; any other needs a library of custom operators.
DOMAINS = frozenset({"", "ai.onnx", "ai.onnx.ml", "com.microsoft"})


def look(path: Path, shown: str) -> tuple[bytes, Any]:
    """Return the file's bytes and its parsed ONNX model; raise UserError for all that is not plain, safe ONNX.

    Refused are a missing or empty file, pickle, joblib, zip, HDF5 and other compressed files by their first bytes,
    weights outside the model's folder or behind a link, and operators that only a custom library could run.
    """
    if not path.is_file():
        raise UserError(
            f"no model at {shown}", hint="Train first, run `dvc pull`, or set `evaluate.model`", code="model/missing"
        )
    content = path.read_bytes()
    if not content:
        raise UserError(f"{shown} is empty", why="0 bytes", hint=f"{EXPORT} again")
    for magic, kind in MAGIC:
        if content.startswith(magic):
            why = "loading one can run any code" if "pickle" in kind or "joblib" in kind or "torch" in kind else ""
            raise UserError(f"{shown} is {kind}", why=why, hint=EXPORT)
    proto = _parse(content, shown)
    for tensor in tensors(proto):
        _contained(tensor, path, shown)
    own = {function.domain for function in proto.functions}
    for node in nodes(proto):
        if node.domain not in DOMAINS | own:
            raise UserError(f"{shown} needs the custom operator {node.domain}::{node.op_type}"[:200], hint=EXPORT)
    return content, proto


def external(proto: Any) -> bool:
    """Say whether some of the weights lie in another file."""
    return any(tensor.data_location == tensor.EXTERNAL for tensor in tensors(proto))


def _parse(content: bytes, shown: str) -> Any:
    import onnx
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]

    try:
        proto = onnx.load_model_from_string(content)
    except (DecodeError, ValueError) as error:
        raise UserError(f"{shown} is not an ONNX model", why="it can't be parsed", hint=EXPORT) from error
    if not proto.graph.node and not proto.graph.output:
        raise UserError(f"{shown} is not an ONNX model", why="it has no graph", hint=EXPORT)
    return proto


def _contained(tensor: Any, path: Path, shown: str) -> None:
    """Refuse weights outside the model's folder, by name, through a link, or as a second name of another file."""
    if tensor.data_location != tensor.EXTERNAL:
        return
    location = next((entry.value for entry in tensor.external_data if entry.key == "location"), "")
    what = f"{shown} keeps weights in {location!r}"[:200]
    hint = "Export with external_data=False"
    folder = path.parent.resolve()
    file = path.parent / location
    if not location or Path(location).is_absolute() or not file.resolve().is_relative_to(folder):
        raise UserError(what, why="outside the model's folder", hint=hint)
    if any(part.is_symlink() for part in (file, *file.parents) if part.is_relative_to(path.parent)):
        raise UserError(what, why="a symbolic link", hint=hint)
    try:
        status = file.lstat()
    except OSError as error:
        raise UserError(what, why="that file is missing", hint=hint) from error
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:
        raise UserError(what, why="not a plain file with one name", hint=hint)


def graphs(proto: Any) -> Iterator[Any]:
    """Yield the main graph, those of control flow, and the functions of a model."""
    waiting = [proto.graph, *proto.functions]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                waiting += [attribute.g] if attribute.HasField("g") else []
                waiting += attribute.graphs


def nodes(proto: Any) -> Iterator[Any]:
    """Yield all nodes of a model."""
    for graph in graphs(proto):
        yield from graph.node


def tensors(proto: Any) -> Iterator[Any]:
    """Yield all constant tensors of a model."""
    for graph in graphs(proto):
        yield from getattr(graph, "initializer", ())
        for sparse in getattr(graph, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in graph.node:
            for attribute in node.attribute:
                yield from ([attribute.t] if attribute.HasField("t") else [])
                yield from attribute.tensors
