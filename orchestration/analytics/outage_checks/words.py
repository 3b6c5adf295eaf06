"""Findings about outages in words with their figures, and how much they matter.

Not here: what is found (checking).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd

ACTIONS = {
    "missing_outage": "Find out what happened and enter the outage; check whether it had to be reported.",
    "unexplained_outage": "Check the element and the times of the outage record; correct or withdraw it.",
    "unlikely_customers": "Count the affected customers again; reports to the regulator stand on this figure.",
}
_LEVELS = ("critical", "high", "medium")


def severity(customers: int, serves_911: bool, parameters: Mapping[str, float]) -> str:
    """By the customers concerned (seed outage_finding_parameters); high at least where 911 calls depend on it."""
    for level in _LEVELS:
        if customers >= parameters[f"{level}_customers"] or (level == "high" and serves_911):
            return level
    return "low"


def _named(element: Mapping[str, Any]) -> str:
    return f"{element['element_type']} {element['element_name'] or element['element_id']}"


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:,.0f} minutes"


def missing(
    element: Mapping[str, Any], day: date, seconds: float, covered: float, customers: int, *, inferred: bool
) -> str:
    """Downtime without a record."""
    how = "everything behind it was down for" if inferred else "was measured down for"
    record = f"its outage records cover {_minutes(covered)}" if covered >= 60 else "no outage record covers it"
    return (
        f"{_named(element)} {how} {_minutes(seconds)} from {day} on, which nothing above it explains, and {record};"
        f" {customers:,} customers are behind it."
    )


def unexplained(
    element: Mapping[str, Any],
    start: pd.Timestamp,
    seconds: float,
    was_down: float,
    measured: float,
    customers: int | None,
) -> str:
    """A record of an element that was up."""
    counted = "" if customers is None else f" for {customers:,} customers"
    return (
        f"An outage of {_named(element)} of {_minutes(seconds)} from {start:%Y-%m-%d %H:%M} UTC is recorded{counted},"
        f" but {measured:.0%} of these days were measured and show {_minutes(was_down)} down."
    )


def unlikely(element: Mapping[str, Any], start: pd.Timestamp, said: int, low: int, high: int) -> str:
    """A count of customers that the topology contradicts."""
    expected = f"{low:,}" if low == high else f"{low:,} to {high:,}"
    return (
        f"The outage of {_named(element)} from {start:%Y-%m-%d %H:%M} UTC counts {said:,} affected customers; by the"
        f" topology and the services in force then {expected} were behind it."
    )
