"""Billing periods from a bill day, and the share of a period that a span of days is.

Not here: what is charged for them.
"""

from __future__ import annotations

import calendar
import functools
from datetime import date
from fractions import Fraction

from orchestration.analytics.rating.service_period import Period


def _bill_date(year: int, month: int, bill_day: int) -> date:
    """The bill day of a month, its last day where the month is shorter; months outside 1 to 12 count on."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    return date(year, month, min(bill_day, calendar.monthrange(year, month)[1]))


# Thousands of services ask for the same few periods.
@functools.lru_cache(maxsize=2**14)
def period_of(day: date, bill_day: int) -> Period:
    """The period that a day lies in, of periods that begin on a bill day (1 to 31) each month.

    Raises:
        ValueError: no such bill day.
    """
    if not 1 <= bill_day <= 31:
        raise ValueError(f"expected a bill day from 1 to 31, found {bill_day}")
    begins = _bill_date(day.year, day.month, bill_day)
    offset = 0 if begins <= day else -1
    return Period(
        _bill_date(day.year, day.month + offset, bill_day), _bill_date(day.year, day.month + offset + 1, bill_day)
    )


def full_periods(before: date, count: int, bill_day: int = 1) -> list[Period]:
    """The newest periods that had ended when the day `before` began, the oldest first."""
    found = [period_of(before, bill_day)]
    while len(found) <= count:
        found.append(period_of(date.fromordinal(found[-1].first_day.toordinal() - 1), bill_day))
    return found[:0:-1]


def share_of(first_day: date, end_day: date, bill_day: int) -> Fraction:
    """How many periods the days [first_day, end_day) are, each period's days by its own length."""
    total, day = Fraction(0), first_day
    while day < end_day:
        period = period_of(day, bill_day)
        until = min(end_day, period.end_day)
        total += Fraction((until - day).days, period.days)
        day = until
    return total
