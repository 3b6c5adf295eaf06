"""Advice for all services at once: markets of services that choose among the same plans, then bundles.

Not here: the parts (candidates, pricing, choice, quality, bundles, advice), reading and writing tables.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property

import numpy as np
import numpy.typing as npt

from orchestration.analytics.plan_advice.advice import (
    Market,
    advise,
    bundle_rows,
    saving_alone,
    to_millionths,
)
from orchestration.analytics.plan_advice.bundles import Group, choose_bundles, find_groups
from orchestration.analytics.plan_advice.candidates import candidates
from orchestration.analytics.plan_advice.choice import PERIODS_A_YEAR, choose
from orchestration.analytics.plan_advice.hindsight import Hindsight, look_back
from orchestration.analytics.plan_advice.pricing import Records, bundle_savings, market_costs
from orchestration.analytics.plan_advice.quality import Line
from orchestration.analytics.plan_advice.rows import Advice, fee_of, mean_amount
from orchestration.analytics.plan_advice.subjects import Parameters, Plan, Service
from orchestration.analytics.rating import needs_records
from orchestration.analytics.rating.tariff import KINDS

Bools = npt.NDArray[np.bool_]
MOST_AT_ONCE = 10_000


@dataclass(frozen=True)
class Subjects:
    """Services in force (one row each, in a fixed order), every plan by its id, and why others cannot be rated."""

    services: Sequence[Service]
    plans: Mapping[str, Plan]
    parameters: Parameters
    not_rated: Sequence[str] = ()

    @cached_property
    def choices(self) -> list[Sequence[Plan]]:
        """Of each service the plans that it may take."""
        return [candidates(service, self.plans, self.parameters) for service in self.services]

    @cached_property
    def groups(self) -> list[Group]:
        """What bundles could replace."""
        return find_groups(self.services, self.plans, self.parameters)

    def record_needs(self) -> Bools:
        """Services x kinds: whether a plan that is looked at asks for single records."""
        asked = {
            plan.plan_id: np.array([needs_records(plan.tariff, kind) for kind in KINDS]) for plan in self.plans.values()
        }
        found = np.zeros((len(self.services), len(KINDS)), dtype=np.bool_)
        for index, (service, choices) in enumerate(zip(self.services, self.choices, strict=True)):
            for plan_id in (service.plan_id, *(plan.plan_id for plan in choices)):
                found[index] |= asked[plan_id]
        for group in self.groups:
            found[list(group.members)] |= asked[group.plan_id]
        return found


@dataclass
class _Known:
    """What the markets found out that bundles ask for, by service: amounts in millionths."""

    yearly: npt.NDArray[np.int64]
    alone: list[int]
    hindsight: Hindsight = field(default_factory=Hindsight)


@dataclass(frozen=True)
class Advised:
    """Every row of advice, and how advice on older months turned out."""

    rows: list[Advice]
    hindsight: Hindsight


def advise_all(subjects: Subjects, records: Records, is_tested: Bools, lines: Mapping[str, Line]) -> Advised:
    """Advice for every service.

    Args:
        subjects: services, plans and parameters.
        records: use in the tested periods.
        is_tested: services x periods, which count.
        lines: speed tests and busiest hours by service.
    """
    count, periods = is_tested.shape
    known = _Known(np.zeros((count, periods), dtype=np.int64), [0] * count)
    found: list[Advice] = []
    for members in _markets(subjects):
        # By parts, so that memory does not grow with the market.
        for begin in range(0, len(members), MOST_AT_ONCE):
            part = members[begin : begin + MOST_AT_ONCE]
            found += _market_advice(subjects, part, records, is_tested, lines, known)
    found += _bundle_advice(subjects, records, is_tested, known)
    return Advised(found, known.hindsight)


def _markets(subjects: Subjects) -> list[list[int]]:
    found: dict[tuple[str, str, bool], list[int]] = defaultdict(list)
    for index, service in enumerate(subjects.services):
        present = subjects.plans[service.plan_id]
        found[service.provider_id, present.plan_type, service.is_business].append(index)
    return [found[key] for key in sorted(found)]


def _market_advice(
    subjects: Subjects, members: Sequence[int], records: Records, is_tested: Bools, lines: Mapping[str, Line],
    known: _Known,
) -> list[Advice]:  # fmt: skip
    services = [subjects.services[member] for member in members]
    wanted = {plan.plan_id for member in members for plan in subjects.choices[member]}
    wanted |= {service.plan_id for service in services}
    # Of equally cheap plans the first by name is advised.
    plans = sorted((subjects.plans[plan_id] for plan_id in wanted), key=lambda plan: (plan.name, plan.plan_id))
    place = {plan.plan_id: index for index, plan in enumerate(plans)}
    may = np.zeros((len(members), len(plans)), dtype=np.bool_)
    for row, member in enumerate(members):
        may[row, [place[plan.plan_id] for plan in subjects.choices[member]]] = True
    owner_of = np.full(len(subjects.services), -1, dtype=np.int64)
    owner_of[list(members)] = np.arange(len(members))
    tested = is_tested[list(members)]
    costs = market_costs(services, plans, may, records.table(members, owner_of, tested.shape[1]), tested)
    wanted_saving = to_millionths(subjects.parameters.minimum_yearly_saving)
    given = subjects.parameters
    choice = choose(costs, wanted_saving, given.bootstrap_draws, given.bootstrap_seed, given.minimum_tested_periods)
    known.hindsight += look_back(costs, wanted_saving, given.minimum_tested_periods)
    rows = np.arange(len(members))
    own = costs.usage[rows, :, costs.present] * PERIODS_A_YEAR + costs.recurring[rows, costs.present][:, None]
    known.yearly[list(members)] = own
    for member, saved in zip(members, saving_alone(choice), strict=True):
        known.alone[member] = saved
    return advise(Market(services, plans, costs, choice, lines), subjects.plans, subjects.parameters)


def _bundle_advice(subjects: Subjects, records: Records, is_tested: Bools, known: _Known) -> list[Advice]:
    groups, services, plans = subjects.groups, subjects.services, subjects.plans
    if not groups:
        return []
    fees = [to_millionths(fee_of(service, plans[service.plan_id])) for service in services]
    saved, counts = bundle_savings(
        [group.members for group in groups], [plans[group.plan_id] for group in groups], services, known.yearly,
        records, is_tested, fees,
    )  # fmt: skip
    parameters = subjects.parameters
    chosen = choose_bundles(
        groups, saved, counts, known.alone, to_millionths(parameters.minimum_yearly_saving),
        parameters.bootstrap_draws, parameters.bootstrap_seed, parameters.minimum_tested_periods,
    )  # fmt: skip
    found: list[Advice] = []
    for one in chosen:
        tested = np.flatnonzero(counts[groups.index(one.group)])
        yearly: list[Fraction] = [
            mean_amount(int(known.yearly[member][tested].sum()), one.tested) for member in one.group.members
        ]
        found += bundle_rows(one, services, yearly, plans)
    return found
