"""Which services were in force in which billing period of their account, on which plan, and what recurs for that.

Not here: usage (use), what was billed (billing). Amounts come from the rating engine, once per different case.
"""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import polars as pl

from orchestration.analytics.rating import Discount, Tariff, discount_amount, recurring_amount
from orchestration.analytics.revenue_assurance.inputs import LAST_DAY, Inputs

ACCOUNT = ["customer_id", "provider_id"]


def account_periods(inputs: Inputs, until: date) -> pl.DataFrame:
    """One row per account (customer and provider) and billing period: the bill's, or the provider's where it has none.

    An account without a bill for a period that others of its provider with its bill day were billed for gets a row
    without a bill. Columns: customer_id, provider_id, billing_period_start, billing_period_end, bill_id, issued_on,
    currency.

    Args:
        inputs: whose bills are taken.
        until: periods that end after this day are left out.
    """
    names = ["billing_period_start", "billing_period_end", "bill_id", "issued_on", "currency"]
    own = inputs.bills.filter(
        pl.col("billing_period_start") >= inputs.judged_from, pl.col("billing_period_end") <= until
    ).select(*ACCOUNT, *names)
    usual = (
        own.group_by("provider_id", "billing_period_start", "billing_period_end", "currency")
        .agg(pl.len(), pl.col("issued_on").max())
        .sort("provider_id", "billing_period_start", "len", "billing_period_end")
        .unique(["provider_id", "billing_period_start"], keep="last", maintain_order=True)
        .with_columns(pl.col("billing_period_start").dt.day().alias("bill_day"))
    )
    most = usual.group_by("provider_id", "bill_day").agg(pl.col("len").sum()).sort("provider_id", "len", "bill_day")
    usual_day = most.unique("provider_id", keep="last", maintain_order=True).select("provider_id", "bill_day")
    days = own.group_by(ACCOUNT).agg(pl.col("billing_period_start").dt.day().unique().alias("days"))
    accounts = inputs.services.select(ACCOUNT).unique().sort(ACCOUNT)
    accounts = accounts.join(days, on=ACCOUNT, how="left").join(usual_day, on="provider_id", how="left")
    steady = accounts.filter(pl.col("days").is_null() | (pl.col("days").list.len() == 1))
    steady = steady.with_columns(pl.coalesce(pl.col("days").list.first(), "bill_day").alias("bill_day"))
    unbilled = (
        steady.join(usual.drop("len"), on=["provider_id", "bill_day"])
        .join(own, on=[*ACCOUNT, "billing_period_start"], how="anti")
        .with_columns(pl.lit(None, pl.String).alias("bill_id"))
    )
    return pl.concat([own, unbilled.select(own.columns)]).sort(*ACCOUNT, "billing_period_start")


def segments_of(inputs: Inputs, periods: pl.DataFrame) -> pl.DataFrame:
    """One row per service, period and plan in force in it: [first_day, end_day), newest discount, the tariff's index.

    As the rating engine has it: versions in a row on one plan are one segment, with the prices of its last day.

    Args:
        inputs: services and tariffs.
        periods: of account_periods.
    """
    columns = ["service_id", "customer_id", "provider_id", "plan_id", "from_day", "activated_day", "deactivated_day",
               "discount_type", "discount_value", "discount_end"]  # fmt: skip
    until = pl.col("from_day").shift(-1).over("service_id", order_by="from_day").fill_null(LAST_DAY).alias("until_day")
    versions = inputs.services.filter(pl.col("activated_day").is_not_null()).select(columns).with_columns(until)
    joined = versions.join(periods, on=ACCOUNT).with_columns(
        pl.max_horizontal("billing_period_start", "activated_day", "from_day").alias("first_day"),
        pl.min_horizontal(
            "billing_period_end", pl.col("deactivated_day").fill_null(LAST_DAY), "until_day"
        ).alias("end_day"),
    )  # fmt: skip
    key = ["service_id", "billing_period_start"]
    parts = joined.filter(pl.col("first_day") < pl.col("end_day")).sort(*key, "first_day")
    is_new = (pl.col("plan_id") != pl.col("plan_id").shift(1)).fill_null(True).over(key)
    parts = parts.with_columns(is_new.cast(pl.Int32).cum_sum().over(key).alias("part"))
    merged = parts.group_by([*key, "part"], maintain_order=True).agg(
        pl.first("customer_id", "provider_id", "plan_id", "billing_period_end", "bill_id", "issued_on", "currency",
                 "activated_day", "deactivated_day"),
        pl.min("first_day"), pl.max("end_day"), pl.last("discount_type", "discount_value", "discount_end"),
    )  # fmt: skip
    return _with_tariff(inputs, merged.drop("part"))


def tariff_list(inputs: Inputs) -> list[Tariff]:
    """Every version of every plan, in the order of their index."""
    return [version.tariff for plan_id in sorted(inputs.tariffs) for version in inputs.tariffs[plan_id]]


def _with_tariff(inputs: Inputs, segments: pl.DataFrame) -> pl.DataFrame:
    """The index of the tariff that held on a segment's last day; segments of unknown plans are left out."""
    rows, index = [], 0
    for plan_id in sorted(inputs.tariffs):
        for place, version in enumerate(inputs.tariffs[plan_id]):
            rows.append((plan_id, date.min if place == 0 else version.from_day, index))
            index += 1
    held = pl.DataFrame(
        rows, schema={"plan_id": pl.String, "held_from": pl.Date, "tariff": pl.Int64}, orient="row"
    ).sort("held_from")
    dated = segments.with_columns((pl.col("end_day") - pl.duration(days=1)).alias("last_day")).sort("last_day")
    found = dated.join_asof(
        held, left_on="last_day", right_on="held_from", by="plan_id", strategy="backward", check_sortedness=False
    )
    return found.filter(pl.col("tariff").is_not_null()).drop("held_from").sort("service_id", "first_day")


def with_recurring(segments: pl.DataFrame, tariffs: list[Tariff]) -> pl.DataFrame:
    """Adds recurring_cents and discount_cents (at most 0): what the engine charges for the days of each segment.

    Args:
        segments: of segments_of.
        tariffs: of tariff_list.
    """
    cut_end = pl.min_horizontal(
        "end_day", pl.max_horizontal("first_day", pl.col("discount_end").fill_null(LAST_DAY) + pl.duration(days=1))
    )
    cases = segments.with_columns(
        (pl.col("end_day") - pl.col("first_day")).dt.total_days().alias("days"),
        (pl.col("billing_period_end") - pl.col("billing_period_start")).dt.total_days().alias("period_days"),
        (cut_end - pl.col("first_day")).dt.total_days().alias("cut_days"),
    )
    key = ["tariff", "days", "period_days", "cut_days", "discount_type", "discount_value"]
    unique = cases.select(key).unique().sort(key)
    priced = [_priced(tariffs, *row) for row in unique.iter_rows()]
    unique = unique.with_columns(
        pl.Series("recurring_cents", [one[0] for one in priced], dtype=pl.Int64),
        pl.Series("discount_cents", [one[1] for one in priced], dtype=pl.Int64),
    )
    return cases.join(unique, on=key, nulls_equal=True).sort("service_id", "first_day")


def _priced(
    tariffs: list[Tariff], tariff: int, days: int, period_days: int, cut_days: int, kind: str | None, value: str | None
) -> tuple[int, int]:
    own, share = tariffs[tariff], Fraction(days, period_days)
    recurring = int(recurring_amount(own, share) * 100)
    if kind is None or value is None or cut_days <= 0:
        return recurring, 0
    amount = Fraction(value)
    discount = Discount(percentage=amount) if kind == "percentage" else Discount(amount=amount)
    return recurring, -int(discount_amount(own, discount, share, Fraction(cut_days, period_days)) * 100)
