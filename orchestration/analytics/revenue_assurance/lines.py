"""What a line did, in the figures that fraud shows in: by day, over some days, and all in all for the model.

Not here: rules and the model (fraud).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
from sklearn.ensemble import IsolationForest

from orchestration.analytics.rating import INCOMING, ROAMING

GB = 2**30
FEATURES = ("calls_per_day", "busiest_day_calls", "parties_share", "outgoing_share", "abroad_minutes",
            "minutes_per_day", "gb_per_day", "roaming_gb", "roaming_share")  # fmt: skip
LINE_COLUMNS = ("service_id", "day", "kind", "flags", "quantity", "element_id", "usage_timestamp", "counterparty_hash",
                "counterparty_country")  # fmt: skip
_TREES, _SEED = 200, 0


def call_days(usage: pl.DataFrame) -> pl.DataFrame:
    """One row per service and day with calls: calls, outgoing, parties called, seconds, the busiest cell's calls.

    Sums are whole numbers, so that they do not depend on the order of reading.
    """
    key = ["service_id", "day"]
    calls = usage.filter(pl.col("kind") == 1)
    outgoing = calls.filter(~is_incoming()).group_by(key).agg(
        pl.len().alias("outgoing"), pl.col("counterparty_hash").n_unique().alias("parties")
    )  # fmt: skip
    cells = calls.drop_nulls("element_id").group_by(*key, "element_id").len("cell_calls")
    days = calls.group_by(key).agg(pl.len().alias("calls"), pl.col("quantity").sum().alias("seconds"))
    for found in (outgoing, cells.group_by(key).agg(pl.col("cell_calls").max())):
        days = days.join(found, on=key, how="left")
    return days.with_columns(pl.col("outgoing", "parties", "cell_calls").fill_null(0)).sort(key)


def is_incoming() -> pl.Expr:
    return (pl.col("flags") & INCOMING) > 0


def is_roaming() -> pl.Expr:
    return (pl.col("flags") & ROAMING) > 0


def busiest_spans(daily: pl.DataFrame, days: int, sums: list[str], most: str) -> pl.DataFrame:
    """Of each service the span of so many days with the greatest sum of `most`: first_day, last_day and the sums.

    Args:
        daily: service_id, day and the columns to sum, one row per day.
        days: the span's length.
        sums: columns to sum.
        most: the one of them that decides.
    """
    if daily.is_empty():
        return daily.select("service_id", pl.col("day").alias("first_day"), pl.col("day").alias("last_day"), *sums,
                            pl.lit(0, pl.UInt32).alias("days_count"))  # fmt: skip
    spans = (
        daily.sort("service_id", "day")
        .rolling(index_column="day", period=f"{days}d", group_by="service_id")
        .agg(pl.col(sums).sum(), pl.len().alias("days_count"), pl.col("day").min().alias("first_day"))
    )
    best = spans.sort("service_id", most, "day", descending=[False, True, False])
    return best.unique("service_id", keep="first", maintain_order=True).rename({"day": "last_day"})


def features(usage: pl.DataFrame, daily: pl.DataFrame, countries: frozenset[str], days: int) -> pl.DataFrame:
    """One row per service with FEATURES over all its records.

    Args:
        usage: records, each once.
        daily: of call_days.
        countries: those of high risk.
        days: the days that the records span.
    """
    data = pl.when(pl.col("kind") == 0).then("quantity").otherwise(0)
    is_abroad = (pl.col("kind") == 1) & ~is_incoming() & pl.col("counterparty_country").is_in(sorted(countries))
    measured = usage.select(
        "service_id", data.alias("data"), pl.when(is_roaming()).then(data).otherwise(0).alias("roaming"),
        pl.when(is_abroad.fill_null(False)).then("quantity").otherwise(0).alias("abroad"),
    )  # fmt: skip
    sums = measured.group_by("service_id").agg(pl.all().sum()).select(
        "service_id", (pl.col("data") / GB / days).alias("gb_per_day"), (pl.col("roaming") / GB).alias("roaming_gb"),
        (pl.col("abroad") / 60).alias("abroad_minutes"),
        (pl.col("roaming") / pl.col("data").clip(1)).alias("roaming_share"),
    )  # fmt: skip
    calls = daily.group_by("service_id").agg(
        (pl.col("calls").sum() / days).alias("calls_per_day"),
        pl.col("calls").max().alias("busiest_day_calls"),
        (pl.col("parties").sum() / pl.col("outgoing").sum().clip(1)).alias("parties_share"),
        (pl.col("outgoing").sum() / pl.col("calls").sum()).alias("outgoing_share"),
        (pl.col("seconds").sum() / 60 / days).alias("minutes_per_day"),
    )
    found = sums.join(calls, on="service_id", how="left").fill_null(0)
    return found.select("service_id", *FEATURES).sort("service_id")


def unusual_shares(rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    """Per row of features the share of all rows that an isolation forest finds less unusual (Liu et al., 2008)."""
    values = np.log1p(rows.select(FEATURES).to_numpy())
    forest = IsolationForest(n_estimators=_TREES, random_state=_SEED).fit(values)
    score = np.round(-forest.score_samples(values), 12)
    ordered = np.sort(score)
    result: npt.NDArray[np.float64] = np.searchsorted(ordered, score, side="left") / len(score)
    return result
