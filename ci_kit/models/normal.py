"""One form for each ONNX model: without what an exporter says of itself, so that equal weights have one digest."""

from pathlib import Path
from typing import Any

from ci_kit.errors import UserError
from ci_kit.models.safety import graphs, look, tensors

LOCALE = "C.UTF-8"
ORIGIN = ("producer_name", "producer_version", "domain", "model_version")
EMBEDDED = 1_500_000_000
"""Bytes of weights up to which they are kept in the model's own file; protobuf ends at 2 GiB."""


def normalised(path: Path, shown: str) -> bytes:
    """Return the model's bytes without what differs by where and when it was exported, its weights in them.

    Left out are metadata (torch writes the absolute paths of its source into it) and descriptions, of the model, its
    functions, graphs, nodes and values; who exported it; the names of graphs and the order of operator sets, which some
    exporters draw at random. Text is lowered by a locale that every machine has. Raises UserError as `look` does, and
    for weights of more than EMBEDDED bytes.
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
    _bare(proto, *ORIGIN)
    domains = sorted(proto.opset_import, key=lambda one: str(one.domain))
    del proto.opset_import[:]
    proto.opset_import.extend(domains)
    for graph in graphs(proto):
        _settle(graph)
    return bytes(proto.SerializeToString(deterministic=True))


def _settle(graph: Any) -> None:
    """Give a graph, or a function, its one form."""
    import onnx

    _bare(graph)
    if isinstance(graph, onnx.GraphProto):
        graph.name = "model"
    values = [*getattr(graph, "input", ()), *getattr(graph, "output", ()), *graph.value_info]
    for one in (*graph.node, *(value for value in values if not isinstance(value, str))):
        _bare(one)
    for node in graph.node:
        for attribute in node.attribute:
            attribute.ClearField("doc_string")
        if node.op_type == "StringNormalizer" and not any(one.s for one in node.attribute if one.name == "locale"):
            # ONNX's own default is en_US, which no slim image has: there the model could not even be loaded.
            node.attribute.append(onnx.helper.make_attribute("locale", LOCALE))


def _bare(message: Any, *more: str) -> None:
    for field in ("doc_string", "metadata_props", *more):
        message.ClearField(field)


def _embed(tensor: Any) -> None:
    _bare(tensor, "data_location", "external_data")
