"""What a measured tumour looks like."""

import pandera.polars as pa


class Tumours(pa.DataFrameModel):
    """Thirty measurements, none of them negative, and whether the tumour was benign."""

    row: int = pa.Field(ge=0, unique=True)
    measurements: float = pa.Field(alias=r"^(mean|worst)_.*|.*_error$", regex=True, ge=0, le=10_000)
    benign: int = pa.Field(isin=[0, 1])

    class Config:
        strict = True
