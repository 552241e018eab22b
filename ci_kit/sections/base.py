"""What the sections share: their strictness, and the forms that values have."""

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

Share = Annotated[float, Field(ge=0, lt=1)]


def _listed(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _kebab(name: str) -> str:
    return name.replace("_", "-")


OneOrMore = Annotated[tuple[str, ...], BeforeValidator(_listed, json_schema_input_type=str | tuple[str, ...])]
Place = Literal["comment", "check", "status"]
Places = Annotated[tuple[Place, ...], BeforeValidator(_listed, json_schema_input_type=Place | tuple[Place, ...])]
_REFERENCE = r"^[^:\x00]+\.py:[A-Za-z_][A-Za-z0-9_]*$"
_NAME = r"^[a-z0-9][a-z0-9_-]{0,40}$"
_DURATION = r"^[1-9][0-9]{0,5}(s|m|h|d|w)$"
_PAUSE = r"^(0s|[1-9][0-9]{0,5}(s|m|h|d|w))$"
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_CURRENCY = r"^[A-Z]{3}$"
_WORKFLOW = r"^[A-Za-z0-9][\w.-]{0,80}\.ya?ml$"
# The grammar of GTO's tags.
_MODEL = r"^[a-z]([a-z0-9-]{0,38}[a-z0-9])$"
_VERSION = r"^v(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})\.(0|[1-9][0-9]{0,5})$"
_DISTRIBUTION = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,80}[A-Za-z0-9])?$"
_HOST = r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,62}@)?[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$"
_CLUSTER = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_QUANTITY = r"^[1-9][0-9]{0,8}(m|Ki|Mi|Gi|Ti|k|M|G|T)?$"
_IMAGE = r"^[a-z0-9][a-z0-9._:/-]{0,200}@sha256:[0-9a-f]{64}$"
_URL = r"^https?://[A-Za-z0-9.:\[\]_-]{1,250}(/[A-Za-z0-9._~/-]{0,250})?$"
_ADDRESS = (
    r"^[A-Za-z0-9.-]{1,250}:([1-9][0-9]{0,3}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])$"
)
# What a mistake is told instead of the pattern.
LOOKS: dict[str, str] = {
    _REFERENCE: "`path/to/file.py:Name`",
    _NAME: "`train-2` (at most 41 of a-z, 0-9, - and _)",
    _DURATION: "`90s`, `36h`, `7d` or `4w`; there are no months: use `30d`",
    _PAUSE: "`36h` or `7d`, or `0s` for at once",
    _CURRENCY: "`EUR`",
    _WORKFLOW: "`model.yml`, a file of .github/workflows",
    _MODEL: "`digits` (2 to 40 of a-z, 0-9 and -, a letter first)",
    _VERSION: "`v1.2.0`",
    _DISTRIBUTION: "the name of a package, such as `scikit-learn`",
    _ADDRESS: "`127.0.0.1:8080`",
    _URL: "`http://127.0.0.1:8265`, without a user or a password",
    _HOST: "`deploy@model.example.org`",
    _CLUSTER: "`production` (at most 63 of a-z, 0-9 and -)",
    _QUANTITY: "`500m` or `2Gi`",
    _IMAGE: "`registry/name@sha256:` and 64 digits: an image by its digest",
}
Reference = Annotated[str, Field(pattern=_REFERENCE)]
DataName = Annotated[str, Field(pattern=_NAME)]
Duration = Annotated[str, Field(pattern=_DURATION)]
Pause = Annotated[str, Field(pattern=_PAUSE)]
Currency = Annotated[str, Field(pattern=_CURRENCY)]
Workflow = Annotated[str, Field(pattern=_WORKFLOW)]
ModelName = Annotated[str, Field(pattern=_MODEL)]
Version = Annotated[str, Field(pattern=_VERSION)]
Distribution = Annotated[str, Field(pattern=_DISTRIBUTION)]
Host = Annotated[str, Field(pattern=_HOST)]
ClusterName = Annotated[str, Field(pattern=_CLUSTER)]
Quantity = Annotated[str, Field(pattern=_QUANTITY)]
Image = Annotated[str, Field(pattern=_IMAGE)]
Address = Annotated[str, Field(pattern=_ADDRESS)]
Url = Annotated[str, Field(pattern=_URL)]


def duration(text: str) -> timedelta:
    """Return the time that a Duration such as `36h` means, at most a century; its form has been verified."""
    # 999999w from now is no date that Python knows.
    return min(timedelta(**{_UNITS[text[-1]]: int(text[:-1])}), timedelta(days=36_525))


class Section(BaseModel):
    """What every section shares: frozen, strict about unknown keys, kebab-case outside."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=_kebab, validate_by_name=True, validate_by_alias=True
    )
