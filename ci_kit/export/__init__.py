"""From a framework's model to the ONNX file that `ci-kit package` takes.

`export_torch` and `export_sklearn` write the file and prove that ONNX Runtime answers as the model does. Other
libraries have converters of their own, which need no help of ours; `ci-kit package` proves their files. `width` is the
number of columns; without a name of ours the same weights would give another file each time.

XGBoost (`pip install onnxmltools`), fitted on a plain array, as the names of columns can't be converted::

    from onnxmltools import convert_xgboost
    from onnxmltools.convert.common.data_types import FloatTensorType
    types = [("features", FloatTensorType([None, width]))]
    made = convert_xgboost(model, "model", types, target_opset=15)
    Path("model.onnx").write_bytes(made.SerializeToString())

LightGBM (`pip install onnxmltools`); without `zipmap=False` probabilities are dictionaries::

    from onnxmltools import convert_lightgbm
    from onnxmltools.convert.common.data_types import FloatTensorType
    types = [("features", FloatTensorType([None, width]))]
    made = convert_lightgbm(model, "model", types, target_opset=15, zipmap=False)
    Path("model.onnx").write_bytes(made.SerializeToString())

Keras 3 with its torch backend; it must have been called once. This recipe is not run by a test here::

    os.environ["KERAS_BACKEND"] = "torch"  # before keras is imported
    model(x[:1])
    model.export("model.onnx", format="onnx")
"""

from ci_kit.export.estimators import export_sklearn
from ci_kit.export.networks import export_torch

__all__ = ["export_sklearn", "export_torch"]
