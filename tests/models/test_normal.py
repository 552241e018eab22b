"""One form for each model: what it computes decides its bytes, nothing else."""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from ci_kit.models.normal import normalised
from tests.models.made import build, linear, save, value

WEIGHTS = np.array([[1.0, 2.0], [3.0, 4.0]])


def noisy(source: str) -> onnx.ModelProto:
    """Return a model that says in each place that it has for it where it was exported."""
    model = linear(WEIGHTS, softmax=True)
    model.producer_name, model.producer_version, model.domain, model.model_version = source, source, source, len(source)
    model.graph.name = source
    model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 3))
    if len(source) % 2:
        kept = sorted(model.opset_import, key=lambda one: str(one.domain), reverse=True)
        del model.opset_import[:]
        model.opset_import.extend(kept)
    values = [*model.graph.input, *model.graph.output, *model.graph.node, *model.graph.initializer, model, model.graph]
    for one in values:
        one.doc_string = source
        one.metadata_props.add(key="stack", value=source)
    for node in model.graph.node:
        for attribute in node.attribute:
            attribute.doc_string = source
    return model


def test_what_an_exporter_says_of_itself_is_not_in_the_bytes(tmp_path: Path) -> None:
    one = normalised(save(noisy("/home/one"), tmp_path / "one.onnx"), "one.onnx")
    two = normalised(save(noisy("/srv/second"), tmp_path / "two.onnx"), "two.onnx")
    assert one == two
    assert b"/home" not in one
    assert b"/srv" not in two


def test_other_weights_are_another_model(tmp_path: Path) -> None:
    one = normalised(save(linear(WEIGHTS), tmp_path / "one.onnx"), "one.onnx")
    assert one != normalised(save(linear(WEIGHTS + 1e-6), tmp_path / "two.onnx"), "two.onnx")


def test_it_answers_as_before(tmp_path: Path) -> None:
    path = save(noisy("/home/one"), tmp_path / "one.onnx")
    x = np.array([[1.0, -1.0]], dtype=np.float32)
    (before,) = onnxruntime.InferenceSession(str(path)).run(None, {"x": x})
    (after,) = onnxruntime.InferenceSession(normalised(path, "one.onnx")).run(None, {"x": x})
    assert (before == after).all()


def test_weights_beside_the_file_are_brought_into_it(tmp_path: Path) -> None:
    weights = np.arange(400, dtype=np.float32).reshape(20, 20)
    inside = normalised(save(linear(weights), tmp_path / "inside.onnx"), "inside.onnx")
    onnx.save(
        linear(weights), tmp_path / "x.onnx", save_as_external_data=True, location="weights.bin", size_threshold=0
    )
    assert normalised(tmp_path / "x.onnx", "x.onnx") == inside


def test_text_is_lowered_by_a_locale_that_slim_images_have(tmp_path: Path) -> None:
    def model(**more: str) -> onnx.ModelProto:
        node = helper.make_node("StringNormalizer", ["x"], ["y"], case_change_action="LOWER", **more)
        return build([node], [value("x", TensorProto.STRING, "n")], [value("y", TensorProto.STRING, "n")])

    made = normalised(save(model(), tmp_path / "one.onnx"), "one.onnx")
    (given,) = onnxruntime.InferenceSession(made).run(None, {"x": np.array(["ÄB"], dtype=object)})
    assert given.tolist() == ["äb"]
    assert made == normalised(save(model(locale="C.UTF-8"), tmp_path / "two.onnx"), "two.onnx")
    own = onnx.load_from_string(normalised(save(model(locale="de_DE"), tmp_path / "own.onnx"), "own.onnx"))
    assert [one.s for one in own.graph.node[0].attribute if one.name == "locale"] == [b"de_DE"]


def test_what_subgraphs_say_is_left_out_too(tmp_path: Path) -> None:
    def model(source: str) -> onnx.ModelProto:
        branches = []
        for number in (1.0, 2.0):
            constant = helper.make_node("Constant", [], ["z"], value=numpy_helper.from_array(np.float32(number)))
            constant.doc_string = source
            out = value("z", TensorProto.FLOAT)
            branches.append(helper.make_graph([constant], source, [], [out], doc_string=source))
        node = helper.make_node("If", ["x"], ["y"], then_branch=branches[0], else_branch=branches[1])
        return build([node], [value("x", TensorProto.BOOL)], [value("y", TensorProto.FLOAT)])

    one = normalised(save(model("/home/one"), tmp_path / "one.onnx"), "one.onnx")
    two = normalised(save(model("/srv/second"), tmp_path / "two.onnx"), "two.onnx")
    assert b"doc" not in one
    assert one == two
