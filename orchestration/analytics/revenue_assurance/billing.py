"""All checks of charges, records and payments, in the order in which one takes what the next one would find too.

Order of precedence: a charge that stands twice, then one outside the service's life, then a service that is never
billed, then line by line: recurring, discounts, use, repeated charges. Not here: any check itself.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from orchestration.analytics.rating import Tariff
from orchestration.analytics.revenue_assurance.charges import (
    duplicate_findings,
    out_of_life_findings,
    placed_charges,
    split_duplicates,
    split_out_of_life,
)
from orchestration.analytics.revenue_assurance.comparing import CELL, LINE, compare
from orchestration.analytics.revenue_assurance.differences import (
    discount_differences,
    recurring_differences,
    use_differences,
)
from orchestration.analytics.revenue_assurance.found import Findings, Found, midnight, money
from orchestration.analytics.revenue_assurance.inputs import Inputs, Parameters
from orchestration.analytics.revenue_assurance.payments import payment_mismatches
from orchestration.analytics.revenue_assurance.periods import account_periods, segments_of, tariff_list, with_recurring
from orchestration.analytics.revenue_assurance.records import gap_findings, repeated_findings
from orchestration.analytics.revenue_assurance.repeating import missed_repeated
from orchestration.analytics.revenue_assurance.use import expected_use

_OF_BILL = ["bill_id", "issued_on", "currency", "customer_id", "provider_id"]
_EXTRA = ["charge_id", "days", "period_days", "tariff", "charge_period_end", "billing_period_end"]
# A detail that begins so many days into a period began with it: a small provider has days without a record.
_FIRST_RECORD_DAYS = 3


def find_billing(inputs: Inputs, parameters: Parameters) -> Findings:
    """Every billing finding of the periods from inputs.judged_from on.

    Periods whose bills are younger than bill_grace_days are not judged; use is judged in periods that lie in the usage
    detail and ended usage_grace_days ago. What was not judged is said.
    """
    until = inputs.as_of_day
    grace = pl.duration(days=int(parameters["bill_grace_days"]))
    periods = account_periods(inputs, until).filter(pl.col("issued_on") + grace <= pl.lit(until))
    tariffs = tariff_list(inputs)
    segments = with_recurring(segments_of(inputs, periods), tariffs)
    placed = placed_charges(inputs, periods)
    once, twice = split_duplicates(placed)
    inside, outside = split_out_of_life(inputs, once)
    never, segments = _never_billed(inputs, segments)
    found = [*duplicate_findings(twice, len(once)), *out_of_life_findings(outside, len(once)), *never]
    found += _recurring_and_discounts(inputs, segments, inside, tariffs)
    judged_use = _with_usage(inputs, segments, parameters)
    found += _use(inputs, judged_use, inside, tariffs)
    found += missed_repeated(inside, segments, parameters)
    found += payment_mismatches(inputs, parameters)
    found += repeated_findings(inputs, judged_use, tariffs)
    found += gap_findings(inputs, inside, parameters)
    kept = [one for one in found if one.finding_kind not in parameters.disabled]
    return Findings(kept, {
        "billed_periods_judged": periods.select("provider_id", "billing_period_start").n_unique(),
        "service_periods_judged": len(segments),
        "service_periods_with_usage_judged": len(judged_use),
        "service_periods_without_usage_detail": len(segments) - len(judged_use),
        "charges_judged": len(once),
        "charges_of_no_judged_period": inputs.charges.filter(pl.col("charge_type") != "tax",
                                                             pl.col("service_id").is_not_null()).height - len(placed),
    })  # fmt: skip


def _never_billed(inputs: Inputs, segments: pl.DataFrame) -> tuple[list[Found], pl.DataFrame]:
    """Services in force over a whole judged period that never had a recurring charge; and all other segments."""
    paid = segments.filter(pl.col("recurring_cents") > 0, pl.col("days") == pl.col("period_days"))
    never = paid.filter(~pl.col("service_id").is_in(inputs.billed_services.implode()))["service_id"].unique()
    theirs = segments.filter(pl.col("service_id").is_in(never.implode()))
    active = segments["service_id"].n_unique()
    found = []
    for (service_id,), rows in theirs.sort(CELL).group_by(["service_id"], maintain_order=True):
        stake = int((rows["recurring_cents"] + rows["discount_cents"]).sum())
        first, currency = rows["billing_period_start"][0], rows["currency"][0]
        found.append(
            Found(
                "billing", "service_never_billed", (str(service_id),), rows["provider_id"][0], midnight(first),
                midnight(rows["billing_period_end"][-1]), 1 - len(never) / max(active, 1),
                f"The service is in force since {rows['activated_day'][0]} and was never billed; {money(stake)}"
                f" {currency} of recurring charges since {first}.",
                {"plan_ids": sorted(rows["plan_id"].unique()), "periods": len(rows)}, rows["customer_id"][0],
                str(service_id), None, first, currency, stake,
            )
        )  # fmt: skip
    return found, segments.filter(~pl.col("service_id").is_in(never.implode()))


def _recurring_and_discounts(
    inputs: Inputs, segments: pl.DataFrame, charges: pl.DataFrame, tariffs: list[Tariff]
) -> list[Found]:
    known = segments.select(CELL).unique()
    billed = _billed(charges).join(known, on=CELL, how="semi")
    fixed = compare(_expected(segments, "recurring"), billed.filter(pl.col("charge_type") == "recurring"))
    found = recurring_differences(fixed, tariffs)
    moved = [frame.select(*CELL, "plan_id").unique() for frame in (fixed.missing, fixed.extra)]
    other_plan = (
        moved[0].join(moved[1], on=CELL, suffix="_billed").filter(pl.col("plan_id") != pl.col("plan_id_billed"))
    )
    cut = compare(_expected(segments, "discount"), billed.filter(pl.col("charge_type") == "discount"))
    ends = dict(inputs.newest_services().select("service_id", "discount_end").iter_rows())
    return found + discount_differences(cut, ends, set(other_plan.select(CELL).iter_rows()))


def _expected(segments: pl.DataFrame, charge_type: str) -> pl.DataFrame:
    amount = pl.col(f"{charge_type}_cents").alias("amount_cents")
    lines = segments.with_columns(amount, pl.lit(charge_type).alias("charge_type"),
                                  pl.lit(None, pl.String).alias("charge_id"),
                                  pl.lit(None, pl.Date).alias("charge_period_end"))  # fmt: skip
    return lines.filter(pl.col("amount_cents") != 0).select(*LINE, *_OF_BILL, *_EXTRA)


def _billed(charges: pl.DataFrame) -> pl.DataFrame:
    nothing = [pl.lit(None, pl.Int64).alias(name) for name in ("days", "period_days", "tariff")]
    lines = charges.filter(pl.col("amount_cents") != 0).with_columns(
        *nothing, pl.col("bill_issued_on").alias("issued_on")
    )
    return lines.select(*LINE, *_OF_BILL, *_EXTRA)


def _with_usage(inputs: Inputs, segments: pl.DataFrame, parameters: Parameters) -> pl.DataFrame:
    """Segments of periods whose usage is all there: inside the detail, and long enough ago."""
    late = inputs.as_of_day - timedelta(days=int(parameters["usage_grace_days"]))
    known = pl.DataFrame(
        [(provider, day) for provider, day in sorted(inputs.first_usage_day.items())],
        schema={"provider_id": pl.String, "first_usage": pl.Date}, orient="row",
    )  # fmt: skip
    begun = pl.max_horizontal("first_usage", pl.lit(inputs.usage_from)) <= pl.col("billing_period_start") + pl.duration(
        days=_FIRST_RECORD_DAYS
    )
    return segments.join(known, on="provider_id").filter(begun, pl.col("billing_period_end") <= pl.lit(late))


def _use(inputs: Inputs, segments: pl.DataFrame, charges: pl.DataFrame, tariffs: list[Tariff]) -> list[Found]:
    expected = expected_use(segments, inputs.usage, tariffs)
    about = segments.unique(CELL, keep="first", maintain_order=True).select(
        *CELL, *_OF_BILL, "days", "period_days", "tariff", "billing_period_end"
    )
    expected = expected.join(about, on=CELL).with_columns(
        pl.lit(None, pl.String).alias("charge_id"), pl.lit(None, pl.Date).alias("charge_period_end")
    )
    billed = _billed(charges).filter(pl.col("charge_type").is_in(["usage", "overage"]))
    billed = billed.join(segments.select(CELL).unique(), on=CELL, how="semi")
    return use_differences(compare(expected.select(*LINE, *_OF_BILL, *_EXTRA), billed))
