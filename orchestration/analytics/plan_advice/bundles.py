"""Services of a customer that a bundle could replace together, and which of these bundles are worth it.

Not here: prices (rating), single plans (choice).
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

import numpy as np
import numpy.typing as npt

from orchestration.analytics.plan_advice.candidates import is_offered, may_fill, technologies
from orchestration.analytics.plan_advice.choice import bootstrap_interval
from orchestration.analytics.plan_advice.subjects import Parameters, Plan, Service

Ints = npt.NDArray[np.int64]
# A customer with very many lines has more combinations than anybody looks at.
_MOST_WAYS = 2000
_NAMESPACE = uuid.UUID("6b1f6d5e-53c0-5f0e-9f0b-4f0f0c1d2a3e")


@dataclass(frozen=True)
class Group:
    """A bundle plan and the services (by index, ascending) that it would replace."""

    plan_id: str
    members: tuple[int, ...]

    def group_id(self, services: Sequence[Service]) -> str:
        """The same for the same plan and services."""
        ids = [self.plan_id, *(services[member].service_id for member in self.members)]
        return str(uuid.uuid5(_NAMESPACE, " ".join(ids)))


@dataclass(frozen=True)
class BundleChoice:
    """A group worth having. `total` is its yearly saving less fees, summed over `tested` periods, in millionths."""

    group: Group
    total: int
    tested: int
    lower: float
    upper: float
    confidence: float


def find_groups(services: Sequence[Service], plans: Mapping[str, Plan], parameters: Parameters) -> list[Group]:
    """Every bundle on sale whose components all stand for another service of one customer, in one place."""
    by_customer: dict[tuple[str, str], list[int]] = defaultdict(list)
    for index, service in enumerate(services):
        if plans[service.plan_id].plan_type != "bundle":
            by_customer[service.customer_id, service.provider_id].append(index)
    found: set[Group] = set()
    bundles = [plan for plan in plans.values() if plan.plan_type == "bundle" and plan.tariff.components]
    for (_, provider_id), members in sorted(by_customer.items()):
        for bundle in bundles if len(members) > 1 else ():
            if bundle.provider_id == provider_id:
                found |= set(_groups(bundle, members, services, plans, parameters))
    return sorted(found, key=lambda group: (group.plan_id, group.members))


def _groups(
    bundle: Plan, members: Sequence[int], services: Sequence[Service], plans: Mapping[str, Plan], parameters: Parameters
) -> list[Group]:
    slots = []
    for plan_id, quantity, _ in bundle.tariff.components:
        if plan_id not in plans or quantity.denominator != 1:
            return []
        fits = [
            member
            for member in members
            if may_fill(services[member], plans[services[member].plan_id], plans[plan_id], plans, parameters)
            and is_offered(services[member], plans[services[member].plan_id], bundle, plans)
        ]
        slots += [fits] * int(quantity)
    ways = (tuple(sorted(way)) for way in islice(product(*slots), _MOST_WAYS) if len(set(way)) == len(way) > 1)
    return [Group(bundle.plan_id, way) for way in ways if _is_one_place([services[member] for member in way], plans)]


def _is_one_place(services: Sequence[Service], plans: Mapping[str, Plan]) -> bool:
    """Whether those that a technology must reach are at one address, as far as it is known."""
    wired = [service for service in services if technologies(plans[service.plan_id], plans)]
    return len({service.address.place for service in wired} - {None}) <= 1


def choose_bundles(
    groups: Sequence[Group],
    saved: Ints,
    is_tested: npt.NDArray[np.bool_],
    best_alone: Sequence[int],
    minimum_yearly_saving: int,
    draws: int,
    seed: int,
    minimum_tested: int = 1,
) -> list[BundleChoice]:
    """The groups worth having, the best first; no service stands in two.

    Args:
        groups: what could be replaced.
        saved: groups x periods, the yearly saving less fees as if every period were like it, in millionths.
        is_tested: groups x periods, which count.
        best_alone: of each service the yearly saving that it is advised to take by itself, in millionths (0: stay).
        minimum_yearly_saving: in millionths.
        draws: of the bootstrap.
        seed: of the draws.
        minimum_tested: periods that must count.
    """
    tested = is_tested.sum(axis=1)
    counted = np.where(is_tested, saved, 0)
    totals = counted.sum(axis=1)
    lower, upper = bootstrap_interval(counted, is_tested, draws, seed)
    found, taken = [], set[int]()
    means = [total / count if count else 0.0 for total, count in zip(totals.tolist(), tested.tolist(), strict=True)]
    ranks = [(-mean, group.plan_id, group.members) for mean, group in zip(means, groups, strict=True)]
    for place in sorted(range(len(groups)), key=ranks.__getitem__):
        group, count = groups[place], int(tested[place])
        needed = max(minimum_yearly_saving, sum(best_alone[member] for member in group.members))
        if count >= max(minimum_tested, 1) and totals[place] > needed * count and not taken & set(group.members):
            taken |= set(group.members)
            share = float((counted[place][is_tested[place]] > 0).mean())
            found.append(
                BundleChoice(group, int(totals[place]), count, float(lower[place]), float(upper[place]), share)
            )
    return found
