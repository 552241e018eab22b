"""A torch network as an ONNX file."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ci_kit.errors import UserError
from ci_kit.export.needs import needed, quiet, told
from ci_kit.files import atomic_write

WRAP = "Wrap it in a module whose forward returns the one tensor to serve"


def export_torch(
    model: Any, sample: Any, path: str | Path, *, inputs: str | tuple[str, ...] | None = None, output: str = "output"
) -> None:
    """Write a `torch.nn.Module` as an ONNX file that answers any number of rows.

    `sample` is what `forward` takes: one n×k tensor, whose columns are the table's, or a tuple of n×1 tensors, each of
    which is the column that its input is named after. n may be 1; `inputs` names them, else the parameters of `forward`
    do. The answer is one tensor, n or n×k: for a classifier, probabilities or logits. A network of images is fed from
    a table, too, when `forward` begins with their shape: `x = x.reshape(-1, 1, 8, 8)`.

    The model is exported as it answers in eval mode, and left in the mode in which it was. What is written holds no
    trace of when and where; the same weights give the same bytes. Nothing is written, and UserError raised, when ONNX
    Runtime does not answer the sample, its first row alone, and two rows more, as the model does (by 1e-4, absolute
    and relative; 1e-2 for half precision), or when the weights need more than 1.5 GB.
    """
    needed("torch", "onnxscript", "numpy", "onnx", "onnxruntime")
    import torch

    from ci_kit.export import proof

    model, shown = getattr(model, "_orig_mod", model), Path(path).name  # torch.compile wraps the module
    tensors = tuple(sample) if isinstance(sample, tuple | list) else (sample,)
    names = (inputs,) if isinstance(inputs, str) else inputs
    _check(model, tensors, names, shown)
    tensors = tuple(one.detach().contiguous() for one in tensors)  # else strides become a part of the graph
    with _evaluating(model), torch.no_grad():
        cases = [(rows, _answer(model, rows)) for rows in _batches(tensors)]
        content = proof.written(lambda file: _convert(model, tensors, file, names, output, shown), shown)
    session = proof.opened(content, shown)
    for rows, wanted in cases:
        fed = {one.name: _array(tensor) for one, tensor in zip(session.get_inputs(), rows, strict=True)}
        tolerance = 1e-2 if wanted.dtype == torch.float16 else 1e-4
        if why := proof.gap(proof.asked(session, fed, shown)[0], _array(wanted), output, tolerance):
            raise proof.unlike(shown, why)
    atomic_write(Path(path), content)


def _check(model: Any, tensors: tuple[Any, ...], names: tuple[str, ...] | None, shown: str) -> None:
    """Raise UserError for what can't be exported, or not be served from a table."""
    import torch

    from ci_kit.models.normal import EMBEDDED

    if not isinstance(model, torch.nn.Module):
        hint = "Build the network, and load its weights into it"
        raise UserError(f"a {type(model).__name__} can't be exported", why="it is no torch.nn.Module", hint=hint)
    weights = [*model.parameters(), *model.buffers()]
    size = sum(one.numel() * one.element_size() for one in weights)
    if size > EMBEDDED:
        why = f"its weights have {size:,} bytes, and at most {EMBEDDED:,} fit into one file"
        raise UserError(f"{shown} can't be written", why=why, hint="Export it in half precision: model.half()")
    for one in tensors:
        if not isinstance(one, torch.Tensor):
            raise UserError(f"the sample holds a {type(one).__name__}", why="`forward` takes tensors")
        if one.ndim != 2 or len(one) != len(tensors[0]) or not len(one) or (len(tensors) > 1 and one.shape[1] != 1):
            why = f"it has the shape {tuple(one.shape)}; a table gives n×k, or n×1 to each of several inputs"
            raise UserError("the sample is no table", why=why, hint="Let `forward` begin with x.reshape(-1, …)")
    places = {str(one.device) for one in (*weights, *tensors)} - {"cpu"}
    if places:
        raise UserError(f"the model or its sample lies on {min(places)}", hint="Type: model.cpu(), sample.cpu()")
    if names is not None and len(names) != len(tensors):
        raise UserError(f"`inputs` has {len(names)} names", why=f"the sample has {len(tensors)} tensors")


@contextlib.contextmanager
def _evaluating(model: Any) -> Iterator[None]:
    """Put the model into eval mode, and each of its parts back into its own, which some keep for good."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, mode in modes:
            part.training = mode


def _batches(tensors: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    """Return the sample, its first row alone, and two rows more: what holds for one size may be frozen to it."""
    import torch

    more = tuple(torch.cat([one, one[:1], one[:1]]) for one in tensors)
    return [tensors, tuple(one[:1] for one in tensors), more]


def _answer(model: Any, rows: tuple[Any, ...]) -> Any:
    """Return the model's own answer; raise UserError unless it is one tensor with a row of numbers per row."""
    import torch

    try:
        answer = model(*rows)
    except Exception as error:
        raise UserError(f"the model fails on a sample of {len(rows[0])} rows", why=told(error)) from error
    if not isinstance(answer, torch.Tensor):
        raise UserError(f"the model answers a {type(answer).__name__}", why="one output is served", hint=WRAP)
    if answer.ndim not in (1, 2) or len(answer) != len(rows[0]):
        why = "it must give a number, or a row of numbers, for each"
        raise UserError(f"the model answers {tuple(answer.shape)} to {len(rows[0])} rows", why=why)
    return answer


def _convert(
    model: Any, tensors: tuple[Any, ...], file: Path, names: tuple[str, ...] | None, output: str, shown: str
) -> None:
    import torch

    try:
        with quiet():
            torch.onnx.export(
                model,
                tensors,
                file,
                input_names=names,
                output_names=[output],
                dynamic_shapes=tuple({0: "batch"} for _ in tensors),
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except Exception as error:
        hint = "Use torch's own operations in `forward`, and no fixed batch size"
        raise UserError(f"torch can't export {shown}", why=told(error), hint=hint) from error


def _array(tensor: Any) -> Any:
    try:
        return tensor.numpy()
    except TypeError as error:
        raise UserError(f"NumPy has no {tensor.dtype}", hint="Export the model as model.float()") from error
