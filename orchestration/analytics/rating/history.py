"""A service's parts of a period from the versions of service and plan: which plan held on which days, at which price.

Not here: what the parts come to (service_period).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from orchestration.analytics.rating.service_period import Discount, Part, Period
from orchestration.analytics.rating.tariff import Tariff


@dataclass(frozen=True)
class ServiceVersion:
    """A service's plan and discount from a local day on; the first version holds since ever."""

    from_day: date
    plan_id: str
    discount: Discount | None = None


@dataclass(frozen=True)
class TariffVersion:
    """A plan's prices from a local day on; the first version holds since ever."""

    from_day: date
    tariff: Tariff


def parts_of(
    versions: Sequence[ServiceVersion], prices: Mapping[str, Sequence[TariffVersion]], in_force: Period, period: Period
) -> list[Part]:
    """The days of a period in force, by plan; versions in a row on one plan are one part with the newest discount.

    Args:
        versions: of the service, by day.
        prices: versions of every plan, by day. A part has the prices of its last day, as its charge's plan_key has.
        in_force: [activated day, deactivated day).
        period: the billing period.

    Raises:
        KeyError: a plan without prices.
    """
    first, end = max(in_force.first_day, period.first_day), min(in_force.end_day, period.end_day)
    spans: list[tuple[str, date, date, Discount | None]] = []
    for index, version in enumerate(versions):
        begins = first if index == 0 else max(first, version.from_day)
        until = end if index + 1 == len(versions) else min(end, versions[index + 1].from_day)
        if begins >= until:
            continue
        if spans and spans[-1][0] == version.plan_id:
            begins = spans.pop()[1]
        spans.append((version.plan_id, begins, until, version.discount))
    return [
        Part(_held(prices[plan_id], date.fromordinal(until.toordinal() - 1)), begins, until, discount)
        for plan_id, begins, until, discount in spans
    ]


def _held(versions: Sequence[TariffVersion], day: date) -> Tariff:
    later = [version for version in versions[1:] if version.from_day <= day]
    return (later[-1] if later else versions[0]).tariff
