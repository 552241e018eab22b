"""What a bento serves with: the request model, the ONNX session, the golden self-test, the prediction log.

A copy of this package lies in every bento that ci-kit builds, so it imports nothing of ci-kit but itself: only what
serves the model anyway (bentoml, numpy, onnxruntime, pydantic). A service of your own subclasses `Model`.
"""

__all__ = ["Model"]


def __getattr__(name: str) -> object:
    if name == "Model":
        from ci_kit.serving.model import Model

        return Model
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
