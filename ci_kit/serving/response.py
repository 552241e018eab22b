"""The response: an answer per row."""

from typing import Any, Literal

from pydantic import BaseModel, create_model

from ci_kit.serving.contract import Contract


def answer_model(contract: Contract) -> type[BaseModel]:
    """Return the model of a response: `predictions`, each a `prediction` and, where there are any, `probabilities`."""
    label: Any = float if contract.task == "regression" else _label(contract)
    fields: dict[str, Any] = {"prediction": (label, ...)}
    if contract.classes:
        fields["probabilities"] = (dict[Literal[tuple(map(str, contract.classes))], float], ...)  # type: ignore[misc]
    row = create_model("Prediction", **fields)
    return create_model("Answer", predictions=(list[row], ...))


def _label(contract: Contract) -> Any:
    return Literal[contract.classes] if contract.classes else int | str | bool
