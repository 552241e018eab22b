"""Generate 90 weeks of hourly electricity demand: days, weeks, weather, growth, and holidays that are not known."""

from pathlib import Path

import numpy as np
import polars as pl

HOURS, TRAINED = 90 * 7 * 24, 72 * 7 * 24
WEEK, DAY = 7 * 24, 24


def main() -> None:
    random = np.random.default_rng(11)
    hour = np.arange(HOURS)
    at = np.datetime64("2024-01-01T00:00", "ms") + hour.astype("timedelta64[h]")
    season, day = np.cos(2 * np.pi * hour / (365 * DAY)), hour % DAY
    weather = -9 * season + 4 * np.sin(2 * np.pi * (day - 9) / DAY) + np.cumsum(random.normal(0, 0.3, HOURS)) * 0.1
    temperature = (11 + weather + random.normal(0, 1, HOURS)).round(1)
    weekend = (hour // DAY) % 7 >= 5
    rhythm = 6 * np.sin(2 * np.pi * (day - 7) / DAY) + 3 * np.sin(4 * np.pi * (day - 4) / DAY)
    holiday = random.random(HOURS // DAY).repeat(DAY) < 0.02
    demand = 50 + rhythm * (1 - 0.4 * weekend) - 7 * weekend - 9 * holiday + 0.5 * np.maximum(0, 15 - temperature)
    demand = (demand + 0.0001 * hour + random.normal(0, 1.2, HOURS)).round(2)
    frame = pl.DataFrame({"at": at, "temperature": temperature, "demand": demand}).with_columns(
        hour=pl.col("at").dt.hour().cast(pl.Int64),
        weekday=pl.col("at").dt.weekday().cast(pl.Int64),
        day_before=pl.col("demand").shift(DAY),
        week_before=pl.col("demand").shift(WEEK),
    )
    Path("data").mkdir(exist_ok=True)
    # In the order of time: the model is judged by weeks that come after all that it has seen.
    frame[WEEK:TRAINED].write_csv("data/train.csv", datetime_format="%Y-%m-%d %H:%M")
    frame[TRAINED:].write_csv("data/evaluation.csv", datetime_format="%Y-%m-%d %H:%M")


if __name__ == "__main__":
    main()
