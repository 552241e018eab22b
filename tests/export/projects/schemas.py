"""What the rows of the projects look like."""

import pandera.polars as pa


class Trips(pa.DataFrameModel):  # type: ignore[misc]
    """Trips with their distance in kilometres; some numbers and texts are missing."""

    trip: int = pa.Field(unique=True)
    distance: float = pa.Field(nullable=True, ge=0, le=500)
    people: int = pa.Field(nullable=True, ge=1, le=9)
    city: str = pa.Field(nullable=True, isin=["Oslo", "Rome", "Bern", "Łódź"])
    note: str = pa.Field(nullable=True, str_length={"max_value": 80})
    member: bool
    kind: str = pa.Field(isin=["work", "home", "holiday"])
    code: int = pa.Field(ge=0, le=2)
    late: int = pa.Field(ge=0, le=1)


class Digits(pa.DataFrameModel):  # type: ignore[misc]
    """64 pixels and the digit that they show."""

    row: int = pa.Field(unique=True)
    pixels: int = pa.Field(alias=r"^p\d\d$", regex=True, ge=0, le=16)
    digit: int = pa.Field(ge=0, le=9)
