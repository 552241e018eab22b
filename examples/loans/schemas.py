"""What a loan looks like."""

import pandera.polars as pa
import polars as pl


class Loans(pa.DataFrameModel):
    """One loan, its borrower when it was granted, and whether it was paid back."""

    loan: int = pa.Field(unique=True)
    granted: pl.Date = pa.Field(coerce=True)  # a CSV file has text
    age: int = pa.Field(ge=18, le=110)
    income: float = pa.Field(ge=0, nullable=True)
    amount: float = pa.Field(gt=0, le=100_000)
    job: str = pa.Field(isin=["employed", "self-employed", "retired", "student"], nullable=True)
    purpose: str = pa.Field(isin=["car", "education", "home", "other"])
    region: str = pa.Field(isin=["north", "east", "south", "west"])
    repaid: int = pa.Field(isin=[0, 1])

    class Config:
        strict = True
