"""Suspected fraud: rules over what a line did, and a model of how unusual it is, which helps a rule that nearly holds.

Not here: the figures of lines (lines). Order of precedence: SIM box, takeover, subscription, roaming, revenue share;
a line has one finding. A rule's strength is the least of its figures over their thresholds.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import polars as pl
from scipy.stats import poisson

from orchestration.analytics.revenue_assurance.found import Findings, Found
from orchestration.analytics.revenue_assurance.inputs import Inputs, Parameters
from orchestration.analytics.revenue_assurance.lines import (
    GB,
    LINE_COLUMNS,
    busiest_spans,
    call_days,
    features,
    is_incoming,
    is_roaming,
    unusual_shares,
)

_WEEK_DAYS = 7


def find_fraud(inputs: Inputs, parameters: Parameters) -> Findings:
    """One finding per line that a rule holds for, or that nearly fits one while the model finds it most unusual."""
    mobile = inputs.newest_services().filter("is_mobile")
    usage = inputs.usage_once(LINE_COLUMNS, mobile.select("service_id"))
    if usage.is_empty():
        return Findings([], {"lines_judged_for_fraud": 0})
    daily = call_days(usage)
    days = max((inputs.as_of_day - inputs.usage_from).days, 1)
    rows = features(usage, daily, inputs.high_risk_countries, days)
    unusual = dict(zip(rows["service_id"], unusual_shares(rows).tolist(), strict=True))
    rules: dict[str, Callable[[], list[tuple[Any, ...]]]] = {
        "sim_box": lambda: sim_boxes(daily, parameters),
        "account_takeover": lambda: takeovers(inputs, usage, parameters),
        "subscription_fraud": lambda: subscriptions(inputs, daily, parameters),
        "roaming_abuse": lambda: roamers(usage, parameters),
        "international_revenue_share": lambda: revenue_shares(usage, inputs.high_risk_countries, parameters),
    }
    owners = {row["service_id"]: row for row in mobile.iter_rows(named=True)}
    cases = [
        (kind, *case) for kind, rule in rules.items() if kind not in parameters.disabled for case in sorted(rule())
    ]
    found: dict[str, Found] = {}
    # What holds by itself comes before what the model has to help.
    for kind, service_id, strength, first, last, words in sorted(cases, key=lambda case: case[2] < 1):
        share = unusual.get(service_id, 0.0)
        helped = strength >= parameters["near_strength"] and share >= parameters["model_least_unusual"]
        if service_id not in found and (strength >= 1 or helped):
            found[service_id] = _found(kind, owners[service_id], strength, first, last, words, share)
    return Findings([found[key] for key in sorted(found)], {"lines_judged_for_fraud": len(rows)})


def _found(
    kind: str, owner: dict[str, Any], strength: float, first: datetime, last: datetime, words: str, share: float
) -> Found:
    helped = "The" if strength >= 1 else "It nearly fits the rule, and the"
    return Found(
        "fraud", kind, (owner["service_id"], f"{first:%Y-%m}"), owner["provider_id"], first, last, share,
        f"{words} {helped} model finds the line more unusual than {share:.2%} of all lines.",
        {"rule_strength": round(strength, 3), "unusual_share": round(share, 6), "has_ended": owner["deactivated_at"]
         is not None},
        owner["customer_id"], owner["service_id"],
    )  # fmt: skip


def _at(day: Any) -> datetime:
    return datetime.fromisoformat(f"{day}T00:00:00+00:00")


def sim_boxes(daily: pl.DataFrame, parameters: Parameters) -> list[tuple[Any, ...]]:
    """Lines that call a new party each time, out and hardly in, from one cell, on several days."""
    least = parameters["sim_box_least_parties_per_day"]
    near = least * parameters["near_strength"]
    hot = daily.filter(
        pl.col("parties") >= near, pl.col("outgoing") >= parameters["sim_box_least_outgoing_share"] * pl.col("calls"),
        pl.col("cell_calls") >= parameters["sim_box_least_cell_share"] * pl.col("calls"),
    )  # fmt: skip
    lines = hot.group_by("service_id").agg(
        pl.len().alias("days"), pl.col("parties").median(), pl.col("day").min().alias("first"),
        pl.col("day").max().alias("last"), pl.col("calls").sum(), pl.col("outgoing").sum(), pl.col("cell_calls").sum(),
    )  # fmt: skip
    return [
        (
            row["service_id"], min(row["parties"] / least, row["days"] / parameters["sim_box_least_days"]),
            _at(row["first"]), _at(row["last"]),
            f"On {row['days']} days it called {row['parties']:.0f} parties a day (median), {row['outgoing']} of"
            f" {row['calls']} calls going out, {row['cell_calls']} of them from the day's one cell.",
        )
        for row in lines.iter_rows(named=True)
    ]  # fmt: skip


def revenue_shares(usage: pl.DataFrame, countries: frozenset[str], parameters: Parameters) -> list[tuple[Any, ...]]:
    """Lines with bursts of long calls to countries of high risk, within a week."""
    abroad = usage.filter(pl.col("kind") == 1, ~is_incoming(), pl.col("counterparty_country").is_in(sorted(countries)))
    daily = abroad.group_by("service_id", "day").agg(
        pl.len().alias("calls"), pl.col("quantity").sum().alias("seconds"),
        pl.col("counterparty_country").unique().sort().str.join(", ").alias("countries"),
    )  # fmt: skip
    spans = busiest_spans(daily, _WEEK_DAYS, ["calls", "seconds"], "seconds")
    names = dict(daily.sort("service_id", "day").group_by("service_id").agg(pl.first("countries")).iter_rows())
    return [
        (
            row["service_id"], min(row["calls"] / parameters["revenue_share_least_calls_per_week"],
                                   row["seconds"] / 60 / parameters["revenue_share_least_minutes_per_week"]),
            _at(row["first_day"]), _at(row["last_day"]),
            f"{row['calls']} calls of {row['seconds'] / 60:.0f} minutes in a week to {names[row['service_id']]}.",
        )
        for row in spans.iter_rows(named=True)
    ]  # fmt: skip


def roamers(usage: pl.DataFrame, parameters: Parameters) -> list[tuple[Any, ...]]:
    """Lines whose data is used abroad more than at home over a month."""
    period = int(parameters["roaming_span_days"])
    data = usage.filter(pl.col("kind") == 0)
    daily = data.filter(is_roaming()).group_by("service_id", "day").agg(pl.col("quantity").sum())
    spans = busiest_spans(daily, period, ["quantity"], "quantity").with_columns((pl.col("quantity") / GB).alias("gb"))
    spans = spans.drop("quantity")
    around = data.join(spans, on="service_id").filter(
        pl.col("day").is_between(pl.col("first_day"), pl.col("last_day"))
    ).group_by("service_id").agg((pl.col("quantity").sum() / GB).alias("all_gb"))  # fmt: skip
    return [
        (
            row["service_id"],
            min(row["gb"] / parameters["roaming_least_gb"],
                row["gb"] / max(row["all_gb"], 1e-9) / parameters["roaming_least_share"],
                row["days_count"] / parameters["roaming_least_days"]),
            _at(row["first_day"]), _at(row["last_day"]),
            f"{row['gb']:.1f} of its {row['all_gb']:.1f} GB were used in other networks, on {row['days_count']} days of"
            f" {period}.",
        )
        for row in spans.join(around, on="service_id").iter_rows(named=True)
    ]  # fmt: skip


def subscriptions(inputs: Inputs, daily: pl.DataFrame, parameters: Parameters) -> list[tuple[Any, ...]]:
    """Young lines that are used hard while nothing of what their customer owes was ever paid."""
    young_days = int(parameters["subscription_young_days"])
    due = inputs.bills.filter(
        pl.col("due_date") + pl.duration(days=int(parameters["payment_grace_days"])) < pl.lit(inputs.as_of_day),
        pl.col("total_cents") > 0,
    )  # fmt: skip
    paid = due.filter(pl.col("bill_status") == "paid")["customer_id"].unique()
    settled = inputs.payments.filter(pl.col("payment_status") == "settled")["customer_id"].unique()
    owing = due.filter(~pl.col("customer_id").is_in(paid.implode()), ~pl.col("customer_id").is_in(settled.implode()))
    owed = owing.group_by("customer_id").agg(pl.len().alias("bills"), pl.col("total_cents").sum())
    lines = inputs.newest_services().filter(
        pl.col("activated_day") >= pl.lit(inputs.usage_from - timedelta(days=young_days))
    ).join(owed, on="customer_id").select("service_id", "activated_day", "bills", "total_cents")  # fmt: skip
    own = daily.join(lines, on="service_id").filter(
        pl.col("day") < pl.col("activated_day") + pl.duration(days=young_days)
    )
    spans = busiest_spans(own, 2 * _WEEK_DAYS, ["seconds", "calls"], "seconds").join(lines, on="service_id")
    least = parameters["subscription_least_minutes_per_day"]
    return [
        (
            row["service_id"], row["seconds"] / 60 / (2 * _WEEK_DAYS) / least, _at(row["first_day"]),
            _at(row["last_day"]),
            f"{(row['first_day'] - row['activated_day']).days} days after its activation it spoke"
            f" {row['seconds'] / 60:.0f} minutes in two weeks; {row['bills']} bills of"
            f" {row['total_cents'] / 100:,.2f} are due, none was paid.",
        )
        for row in spans.iter_rows(named=True)
    ]  # fmt: skip


def takeovers(inputs: Inputs, usage: pl.DataFrame, parameters: Parameters) -> list[tuple[Any, ...]]:
    """Lines that got another SIM or device, and soon after were ported away or called as never before."""
    hours, most = parameters["takeover_hours"], parameters["takeover_most_probability"]
    begin = _at(inputs.usage_from)
    orders = inputs.orders.filter(pl.col("completed_at") >= begin)
    swaps = orders.filter(pl.col("order_type").is_in(["sim_swap", "device_change"])).drop_nulls()
    ports = dict(
        orders.filter(pl.col("order_type") == "port_out").drop_nulls().select("service_id", "completed_at").iter_rows()
    )
    calls = usage.filter(pl.col("kind") == 1).join(swaps.select("service_id").unique(), on="service_id", how="semi")
    times = dict(calls.group_by("service_id").agg(pl.col("usage_timestamp").sort()).iter_rows())
    found: dict[str, tuple[Any, ...]] = {}
    for service_id, kind, at in swaps.sort("service_id", "completed_at").iter_rows():
        words, what = "", kind.replace("_", " ")
        left = ports.get(service_id)
        if left is not None and timedelta(0) <= left - at <= timedelta(hours=hours):
            strength = 1.0
            words = f"It was ported away {(left - at).total_seconds() / 3600:.0f} hours after a {what}."
        else:
            known = times.get(service_id, [])
            after = [one for one in known if at <= one < at + timedelta(days=_WEEK_DAYS)]
            earlier = [one for one in known if one < at]
            left, days_before = None, (at - begin).total_seconds() / 86_400
            if not after or days_before < 2 * _WEEK_DAYS:
                continue
            expected = (len(earlier) + 1) / days_before * _WEEK_DAYS
            chance = float(poisson.sf(len(after) - 1, expected))
            strength = 1.0 if chance < most else 0.0
            left = max(after)
            words = (f"After a {what} it made {len(after)} calls in a week, where {expected:.1f} were to be expected"
                     f" (chance {chance:.1e}).")  # fmt: skip
        if strength >= 1:
            found.setdefault(service_id, (service_id, strength, at, left, words))
    return list(found.values())
