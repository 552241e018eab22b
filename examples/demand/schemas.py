"""What an hour of demand looks like."""

import pandera.polars as pa
import polars as pl


class Demand(pa.DataFrameModel):
    """Demand in MW, what was known of it a day ahead, and the weather."""

    at: pl.Datetime = pa.Field(coerce=True, unique=True)  # a CSV file has text
    temperature: float = pa.Field(ge=-40, le=50)
    demand: float = pa.Field(ge=0, le=200)
    hour: int = pa.Field(ge=0, le=23)
    weekday: int = pa.Field(ge=1, le=7)
    day_before: float = pa.Field(ge=0, le=200)
    week_before: float = pa.Field(ge=0, le=200)

    class Config:
        strict = True
