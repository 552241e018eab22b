"""One form for each ONNX model: without what an exporter says of itself, so that equal weights have one digest."""

from pathlib import Path
from typing import Any

from ci_kit.errors import UserError
from ci_kit.models.safety import graphs, look, tensors

EMBEDDED = 1_500_000_000
"""Bytes of weights up to which they are kept in the model's own file; protobuf ends at 2 GiB."""


def normalised(path: Path, shown: str) -> bytes:
    """Return the model's bytes without what differs by where and when it was exported, its weights in them.

    Left out are metadata (torch writes the absolute paths of its source into it) and descriptions, of the model, its
    functions, graphs, nodes and values. Raises UserError as `look` does, and for weights of more than EMBEDDED bytes.
    """
    import onnx

    _, proto = look(path, shown)
    # `look` has made sure that they are plain files of this folder.
    onnx.load_external_data_for_model(proto, str(path.parent))
    size = proto.ByteSize()
    if size > EMBEDDED:
        hint = "Package a smaller model, such as one of half precision"
        raise UserError(f"{shown} has {size:,} bytes", why=f"at most {EMBEDDED:,} fit into one file", hint=hint)
    for tensor in tensors(proto):
        _embed(tensor)
    _bare(proto)
    for graph in graphs(proto):
        _bare(graph)
        values = [*getattr(graph, "input", ()), *getattr(graph, "output", ()), *graph.value_info]
        for one in (*graph.node, *(value for value in values if not isinstance(value, str))):
            _bare(one)
        for node in graph.node:
            for attribute in node.attribute:
                attribute.ClearField("doc_string")
    return bytes(proto.SerializeToString(deterministic=True))


def _bare(message: Any) -> None:
    message.ClearField("doc_string")
    message.ClearField("metadata_props")


def _embed(tensor: Any) -> None:
    tensor.ClearField("data_location")
    tensor.ClearField("external_data")
    tensor.ClearField("doc_string")
    tensor.ClearField("metadata_props")
