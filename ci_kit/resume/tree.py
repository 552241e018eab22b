"""State of any depth as JSON and tensors, and back: no pickle, so that reading a checkpoint runs nothing."""

from typing import Any

import numpy as np
import torch

TENSOR, ARRAY, TUPLE, ITEMS = "$tensor", "$array", "$tuple", "$items"
_MARKS = (TENSOR, ARRAY, TUPLE, ITEMS)


def taken_apart(value: Any, tensors: dict[str, torch.Tensor], name: str) -> Any:
    """Return what JSON can hold, with tensors and arrays put aside under their names.

    Raises TypeError, with the name, for what is neither a number, a text, a tensor or an array, nor made of them.
    """
    if value is None or isinstance(value, (bool, str, int, float)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, torch.Tensor) and type(value) in (torch.Tensor, torch.nn.Parameter):
        tensors[name] = value.detach()
        return {TENSOR: name}
    if isinstance(value, np.ndarray):
        tensors[name] = torch.from_numpy(value.copy())
        return {ARRAY: name}
    if isinstance(value, (list, tuple)):
        found = [taken_apart(one, tensors, f"{name}.{index}") for index, one in enumerate(value)]
        return {TUPLE: found} if isinstance(value, tuple) else found
    if isinstance(value, dict):
        parts = {key: taken_apart(one, tensors, f"{name}.{key}") for key, one in value.items()}
        if all(isinstance(key, str) for key in parts) and not parts.keys() & set(_MARKS):
            return parts
        return {ITEMS: [[taken_apart(key, tensors, f"{name}.key"), one] for key, one in parts.items()]}
    raise TypeError(f"{name} is a {type(value).__name__}, which a checkpoint can't hold")


def put_together(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    """Return what was taken apart; raise KeyError for a tensor that is not there."""
    if isinstance(value, list):
        return [put_together(one, tensors) for one in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1 and (mark := next(iter(value))) in _MARKS:
        content = value[mark]
        if mark == TENSOR:
            return tensors[content]
        if mark == ARRAY:
            return tensors[content].numpy()
        if mark == TUPLE:
            return tuple(put_together(one, tensors) for one in content)
        return {put_together(key, tensors): put_together(one, tensors) for key, one in content}
    return {key: put_together(one, tensors) for key, one in value.items()}
