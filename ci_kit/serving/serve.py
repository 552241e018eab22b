"""The service of a bento, made of its contract; `bento_service.py` at the bento's top calls `build`."""

import importlib
import json
from pathlib import Path
from typing import Any

import bentoml
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from ci_kit.serving.asgi import ROUTE
from ci_kit.serving.contract import Contract
from ci_kit.serving.door import Door
from ci_kit.serving.model import Model
from ci_kit.serving.openapi import openapi
from ci_kit.serving.request import request_model
from ci_kit.serving.response import answer_model

TIMEOUT = 60.0  # seconds for one request


def build(folder: Path) -> bentoml.Service[Any]:
    """Return the service for the model in `folder`: the generated one, or the user's own, behind the same door."""
    contract = Contract.load(folder)
    own = _own(contract) if contract.own else Model
    if isinstance(own, bentoml.Service):
        own.add_asgi_middleware(Door, folder=str(folder))
        return own
    made = bentoml.service(  # metrics say what an access log would, at a tenth of its cost
        type(own.__name__, (own,), {"folder": folder, "predict": _predict(contract), "__module__": __name__}),
        name=contract.name,
        traffic={"timeout": TIMEOUT},
        logging={"access": {"enabled": False}},
    )
    made.add_asgi_middleware(Door, folder=str(folder), docs=json.dumps(openapi(contract)).encode())
    return made


def _own(contract: Contract) -> Any:
    module, _, name = contract.own.partition(":")
    return getattr(importlib.import_module(module), name)


def _predict(contract: Contract) -> Any:
    base: type[BaseModel] = request_model(contract, bentoml.IODescriptor)

    class Input(base):  # type: ignore[misc, valid-type]
        """The documented request; it is read by the service itself, whose refusals name columns and no values."""

        @classmethod
        async def from_http_request(cls, request: Request, _: Any) -> Any:
            return cls.model_construct(rows=request)

    @bentoml.api(  # type: ignore[untyped-decorator]
        route=ROUTE, input_spec=Input, output_spec=answer_model(contract)
    )
    async def predict(self: Any, rows: Any) -> Response:
        """Answer rows."""
        response: Response = await self.respond(rows)
        return response

    return predict
