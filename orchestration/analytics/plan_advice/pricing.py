"""What services cost on plans: use of the tested periods in cells, and the recurring charges of the coming year.

Not here: single prices (rating), which plan is chosen (choice).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from orchestration.analytics.plan_advice.choice import PERIODS_A_YEAR, Costs
from orchestration.analytics.plan_advice.rows import fee_of
from orchestration.analytics.plan_advice.subjects import Plan, Service
from orchestration.analytics.rating import (
    MILLIONTHS,
    Discount,
    Part,
    Period,
    Tariff,
    UsageTable,
    full_periods,
    period_of,
    rate,
    usage_costs,
)

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Records:
    """Use of many services: index of the service, index of the tested period, and UsageTable's columns."""

    service: Ints
    period: Ints
    kind: Ints
    flags: Ints
    quantity: Ints
    start: Ints
    records: Ints

    def table(self, owners: Sequence[int], owner_of: Ints, periods: int) -> UsageTable:
        """Cells of owners: `owner_of` gives each service's place among them (-1: left out).

        Args:
            owners: as many as there are rows of cells.
            owner_of: by service index.
            periods: tested periods of each.
        """
        owner = owner_of[self.service]
        kept = owner >= 0
        cell = owner[kept] * periods + self.period[kept]
        kind, flags, quantity = self.kind[kept], self.flags[kept], self.quantity[kept]
        return UsageTable(cell, kind, flags, quantity, self.start[kept], self.records[kept], len(owners) * periods)


def tested_periods(service: Service, count: int) -> list[Period]:
    """The service's newest full billing periods, the oldest first; not all need to count."""
    return full_periods(service.as_of_day, count, service.bill_day)


def market_costs(
    services: Sequence[Service], plans: Sequence[Plan], may: npt.NDArray[np.bool_], table: UsageTable,
    is_tested: npt.NDArray[np.bool_],
) -> Costs:  # fmt: skip
    """Costs of services on plans; plans that a service neither has nor may take are rated too, and not looked at.

    Args:
        services: the rows.
        plans: the columns, every service's own among them.
        may: services x plans, what may be taken.
        table: the use, a row of cells per service.
        is_tested: services x periods.
    """
    shape = is_tested.shape
    found = [usage_costs(table, plan.tariff) for plan in plans]
    place = {plan.plan_id: index for index, plan in enumerate(plans)}
    present = np.array([place[service.plan_id] for service in services], dtype=np.intp)
    recurring = np.array(
        [[coming_year(service, plan.tariff) for plan in plans] for service in services], dtype=np.int64
    )
    fee = [fee_of(service, plans[own]) * MILLIONTHS for service, own in zip(services, present, strict=True)]
    return Costs(
        np.stack([one.amount.reshape(shape) for one in found], axis=2),
        np.stack([one.is_served.reshape(shape) for one in found], axis=2),
        np.array(recurring, dtype=np.int64), is_tested, may, present, np.array(fee, dtype=np.int64),
    )  # fmt: skip


def coming_year(service: Service, tariff: Tariff) -> int:
    """Recurring charges of the twelve periods from the next one on, less the service's discount, in millionths."""
    begins = period_of(service.as_of_day, service.bill_day)
    first = begins if begins.first_day == service.as_of_day else period_of(begins.end_day, service.bill_day)
    prices = tariff.base_price, tariff.currency
    return _coming_year(*prices, _lasting(service.discount, first), first, service.bill_day)


def _lasting(discount: Discount | None, first: Period) -> Discount | None:
    """The discount as the coming year sees it, so that those that end before or after it are one."""
    if discount is None or discount.last_day is None or discount.last_day < first.first_day:
        return None if discount is None or discount.last_day else discount
    is_longer = (discount.last_day - first.first_day).days > 366
    return replace(discount, last_day=None) if is_longer else discount


@lru_cache(maxsize=100_000)
def _coming_year(price: Fraction, currency: str, discount: Discount | None, first: Period, bill_day: int) -> int:
    total, period = Fraction(0), first
    for _ in range(PERIODS_A_YEAR):
        part = Part(Tariff("", "", currency, price, {}), period.first_day, period.end_day, discount)
        total += sum((Fraction(line.amount) for line in rate([part], [], period)), Fraction(0))
        period = period_of(period.end_day, bill_day)
    return int(total * MILLIONTHS)


def bundle_savings(
    members: Sequence[Sequence[int]], bundles: Sequence[Plan], services: Sequence[Service], yearly_now: Ints,
    records: Records, is_tested: npt.NDArray[np.bool_], fees: Sequence[int],
) -> tuple[Ints, npt.NDArray[np.bool_]]:  # fmt: skip
    """(yearly saving less fees as if every period were like it, which periods count), groups x periods.

    Args:
        members: service indices of each group; discounts do not go along into a bundle.
        bundles: each group's plan.
        services: all.
        yearly_now: services x periods, what a year like the period costs now, in millionths.
        records: their use.
        is_tested: services x periods.
        fees: of each service for leaving its plan, in millionths.
    """
    periods = is_tested.shape[1]
    saved, counts = np.zeros((len(members), periods), dtype=np.int64), np.zeros((len(members), periods), dtype=np.bool_)
    for plan_id in sorted({plan.plan_id for plan in bundles}):
        places = [place for place, plan in enumerate(bundles) if plan.plan_id == plan_id]
        tariff = bundles[places[0]].tariff
        for layer in _disjoint(places, members):
            owner_of = np.full(len(services), -1, dtype=np.int64)
            for row, place in enumerate(layer):
                owner_of[list(members[place])] = row
            costs = usage_costs(records.table(layer, owner_of, periods), tariff)
            amount, serves = (column.reshape(len(layer), periods) for column in (costs.amount, costs.is_served))
            for row, place in enumerate(layer):
                own = list(members[place])
                year = PERIODS_A_YEAR * amount[row] + _bundle_year(services[own[0]], tariff)
                saved[place] = yearly_now[own].sum(axis=0) - year - sum(fees[member] for member in own)
                counts[place] = is_tested[own].all(axis=0) & (serves[row] | ~is_tested[own].all(axis=0)).all()
    return saved, counts


def _bundle_year(service: Service, tariff: Tariff) -> int:
    return coming_year(replace(service, discount=None), tariff)


def _disjoint(places: Iterable[int], members: Sequence[Sequence[int]]) -> list[list[int]]:
    """Layers of groups that share no service, so that each record has one owner in a layer."""
    layers: list[tuple[list[int], set[int]]] = []
    for place in places:
        for layer, taken in layers:
            if not taken & set(members[place]):
                layer.append(place)
                taken |= set(members[place])
                break
        else:
            layers.append(([place], set(members[place])))
    return [layer for layer, _ in layers]
