"""What a row of digits looks like."""

import pandera.polars as pa


class Digits(pa.DataFrameModel):
    """64 pixels of 0 (white) to 16 (black), the digit that they show, and where the row stood in the original file."""

    position: int = pa.Field(ge=0, unique=True)
    pixels: int = pa.Field(alias=r"^p\d\d$", regex=True, ge=0, le=16)
    digit: int = pa.Field(ge=0, le=9)

    class Config:
        strict = True


class Scans(Digits):
    """A scan that the service has answered, and what it took it for."""

    answer: int = pa.Field(ge=0, le=9)
