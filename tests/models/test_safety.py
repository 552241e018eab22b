import gzip
import os
import pickle
import zipfile
import zlib
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from ci_kit.errors import UserError
from ci_kit.models.safety import external, look
from tests.models.made import FLOAT, build, linear, save, value


class Canary:
    """Unpickling this makes a file: proof that something was executed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.path), "w")


def zipped(path: Path, content: bytes) -> bytes:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", content)
    return path.read_bytes()


@pytest.mark.parametrize("name", ["model.onnx", "model.pkl", "model.joblib", "model.pt"])
@pytest.mark.parametrize("protocol", range(6))
def test_every_pickle_is_refused_by_content_and_never_run(tmp_path: Path, name: str, protocol: int) -> None:
    raw = pickle.dumps(Canary(tmp_path / "ran"), protocol=protocol)
    for number, content in enumerate(
        (raw, gzip.compress(raw), zlib.compress(raw), zipped(tmp_path / "z", raw), raw + linear_bytes())
    ):
        path = tmp_path / f"{number}{name}"
        path.write_bytes(content)
        with pytest.raises(UserError) as error:
            look(path, name)
        assert str(error.value).startswith(f"{name} is ")
        assert "\n" not in str(error.value)
    assert not (tmp_path / "ran").exists()


def linear_bytes() -> bytes:
    return bytes(linear(np.eye(2)).SerializeToString())


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"\x89HDF\r\n\x1a\n....", "is an HDF5 file"),
        (b"version https://git-lfs.github.com/spec/v1\n", "is a pointer of Git LFS"),
        (b"hello", "is not an ONNX model"),
        (b"\x08\x08", "is not an ONNX model (it has no graph)"),
        (b"\xff" * 64, "is not an ONNX model"),
    ],
)
def test_what_is_no_model_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"^model\.onnx is") as error:
        look(path, "model.onnx")
    assert says in str(error.value)


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no model at model\.onnx"):
        look(tmp_path / "model.onnx", "model.onnx")


def test_a_plain_model_passes(tmp_path: Path) -> None:
    _, proto = look(save(linear(np.eye(2)), tmp_path / "m.onnx"), "m.onnx")
    assert not external(proto)


def outside(location: str) -> onnx.ModelProto:
    model = linear(np.eye(2))
    tensor = model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = onnx.TensorProto.EXTERNAL
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", location
    return model


@pytest.mark.parametrize(
    "location", ["../w.bin", "/etc/hostname", "", "sub/../../w.bin", "link.bin", "dir/w.bin", "hard.bin"]
)
def test_weights_outside_the_folder_or_behind_a_link_are_refused(tmp_path: Path, location: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "w.bin").write_bytes(bytes(16))
    (folder / "link.bin").symlink_to("../w.bin")
    (folder / "dir").symlink_to("..")
    os.link(tmp_path / "w.bin", folder / "hard.bin")
    with pytest.raises(UserError, match="keeps weights in"):
        look(save(outside(location), folder / "m.onnx"), "m.onnx")


def test_a_link_inside_the_folder_is_refused_too(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(16))
    (tmp_path / "link.bin").symlink_to("w.bin")
    with pytest.raises(UserError, match="symbolic link"):
        look(save(outside("link.bin"), tmp_path / "m.onnx"), "m.onnx")


def test_weights_in_a_plain_file_beside_the_model_pass(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(np.eye(2, dtype=np.float32).tobytes())
    _, proto = look(save(outside("w.bin"), tmp_path / "m.onnx"), "m.onnx")
    assert external(proto)


def test_external_weights_hidden_in_a_branch_are_found(tmp_path: Path) -> None:
    inner = outside("../w.bin").graph
    branch = helper.make_node("If", ["c"], ["y"], then_branch=inner, else_branch=inner)
    model = build([branch], [value("c", onnx.TensorProto.BOOL)], [value("y", FLOAT, None, 2)])
    with pytest.raises(UserError, match="outside the model's folder"):
        look(save(model, tmp_path / "m.onnx"), "m.onnx")


def test_a_custom_operator_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("Run", ["x"], ["y"], domain="com.evil")
    model = build([node], [value("x", FLOAT, "n", 2)], [value("y", FLOAT, "n", 2)], domains=("com.evil",))
    with pytest.raises(UserError, match=r"com\.evil::Run"):
        look(save(model, tmp_path / "m.onnx"), "m.onnx")
