"""What every service is advised: to change its plan or stay, to have its line repaired, a faster plan, a bundle.

Not here: prices (rating), the choice of plans (choice, bundles), words (words), tables.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

import numpy as np

from orchestration.analytics.plan_advice import words
from orchestration.analytics.plan_advice.bundles import BundleChoice
from orchestration.analytics.plan_advice.candidates import is_address_confirmed
from orchestration.analytics.plan_advice.choice import PERIODS_A_YEAR, Choice, Costs
from orchestration.analytics.plan_advice.quality import Fault, Line, Saturation, find_fault, find_saturation
from orchestration.analytics.plan_advice.rows import Advice, cents, fee_of, mean_amount, score
from orchestration.analytics.plan_advice.subjects import Parameters, Plan, Service
from orchestration.analytics.rating import MILLIONTHS, split_amount

NOTHING = Decimal("0.00")


@dataclass(frozen=True)
class Market:
    """Services that choose among the same plans, with what these cost them."""

    services: Sequence[Service]
    plans: Sequence[Plan]
    costs: Costs
    choice: Choice
    lines: Mapping[str, Line]


def yearly_costs(costs: Costs) -> np.ndarray:
    """Services x plans: what a year costs, summed over the tested periods, in millionths."""
    years = PERIODS_A_YEAR * costs.usage + costs.recurring[:, None, :]
    years[~costs.is_tested] = 0
    found: np.ndarray = years.sum(axis=1)
    return found


def not_actionable(service: Service, present: Plan, plan: Plan, plans: Mapping[str, Plan], fee: Decimal) -> str | None:
    """What stands in the way of offering a change: contract, consent or address; None: nothing."""
    found = []
    if service.is_under_contract and not fee:
        found.append(f"the contract runs until {service.contract_end} and no fee for leaving it is known")
    if not service.has_marketing_consent:
        found.append("the customer has not agreed to marketing")
    if not is_address_confirmed(service, present, plan, plans):
        found.append("the address is in no list of serviceable locations")
    return "; ".join(found) or None


def advise(market: Market, plans: Mapping[str, Plan], parameters: Parameters) -> list[Advice]:
    """The rows of kind saving, one per service, and of kind quality where a line has a fault or fills its plan.

    Args:
        market: services, their plans and costs.
        plans: every plan by its id.
        parameters: of advice.
    """
    yearly = yearly_costs(market.costs)
    found = []
    for index, service in enumerate(market.services):
        present = plans[service.plan_id]
        line = market.lines.get(service.service_id, Line())
        fault = find_fault(line, parameters)
        saturation = None if fault else find_saturation(line, present.speed_mbps_down, parameters)
        one = _One(market, index, yearly[index], plans, parameters)
        found.append(one.saving(fault, saturation))
        if fault:
            found.append(one.repair(fault))
        elif saturation and one.tested >= parameters.minimum_tested_periods:
            found.append(one.faster(saturation))
    return found


@dataclass(frozen=True)
class _One:
    """One service of a market."""

    market: Market
    index: int
    yearly: np.ndarray
    plans: Mapping[str, Plan]
    parameters: Parameters

    @property
    def service(self) -> Service:
        return self.market.services[self.index]

    @property
    def present(self) -> Plan:
        return self.plans[self.service.plan_id]

    @property
    def tested(self) -> int:
        return int(self.market.choice.tested[self.index])

    def _row(self, kind: str, action: str, reason: str, improvement: str, confidence: Decimal | None) -> Advice:
        """Advice to leave the plan as it is."""
        service, present = self.service, self.present
        return Advice(
            service.service_id, kind, service.customer_id, service.provider_id, service.zone_id, action,
            present.plan_id, present.name, present.plan_id, present.name, reason, NOTHING, None, None,
            NOTHING, NOTHING, present.tariff.currency, improvement, confidence, self.tested, False, None,
        )  # fmt: skip

    def _with_plan(self, row: Advice, place: int, reason: str) -> Advice:
        """The row with another plan and what it comes to."""
        plan, fee = self.market.plans[place], fee_of(self.service, self.present)
        net = mean_amount(self.market.choice.totals[self.index, place], self.tested)
        obstacle = not_actionable(self.service, self.present, plan, self.plans, fee)
        return replace(
            row, recommended_plan_id=plan.plan_id, recommended_plan=plan.name,
            recommendation_reason=reason + words.contract(self.service, fee, plan), expected_savings=cents(net),
            early_termination_fee=fee, monthly_revenue_change=cents(-(net + Fraction(fee)) / PERIODS_A_YEAR),
            is_actionable=obstacle is None, not_actionable_reason=obstacle,
        )  # fmt: skip

    def saving(self, fault: Fault | None, saturation: Saturation | None) -> Advice:
        choice, index, tested = self.market.choice, self.index, self.tested
        share = None if tested < self.parameters.minimum_tested_periods else score(float(choice.confidence[index]))
        best = int(choice.best[index])
        net = cents(mean_amount(choice.totals[index, best], tested)) if best >= 0 else NOTHING
        if choice.plan[index] != best:
            other = self.market.plans[best] if best >= 0 else None
            served = int(choice.eligible[index].sum())
            reason = words.stay(self.present, other, net, served, tested, self.parameters)
            return self._row("saving", "stay", reason, "none: nothing changes", share)
        plan = self.market.plans[best]
        own = int(self.market.costs.present[index])
        costs = tuple(cents(mean_amount(self.yearly[place], tested)) for place in (own, best))
        won = round(float(choice.confidence[index]) * tested)
        reason = words.change(self.present, plan, net, (costs[0], costs[1]), won, tested)
        better = words.improvement(self.present, plan, fault is not None, saturation is not None)
        row = self._with_plan(self._row("saving", "change_plan", "", better, share), best, reason)
        ends = (cents(float(end[index])) for end in (choice.lower, choice.upper))
        return replace(row, expected_savings_lower_95=next(ends), expected_savings_upper_95=next(ends))

    def repair(self, fault: Fault) -> Advice:
        reason, better = words.fault(fault, self.present.speed_mbps_down, self.parameters)
        row = self._row("quality", "repair_line", reason, better, score(Fraction(fault.share_below)))
        return replace(row, is_actionable=True)

    def faster(self, found: Saturation) -> Advice:
        """The cheapest faster plan that serves, whatever it costs; to stay where there is none."""
        choice, speed = self.market.choice, self.present.speed_mbps_down or Decimal(0)
        reason = words.saturated(found, self.present, self.parameters)
        share = score(Fraction(found.days, found.observed_days))
        places = [
            place
            for place in np.flatnonzero(choice.eligible[self.index]).tolist()
            if (self.market.plans[place].speed_mbps_down or 0) > speed
        ]
        if not places:
            return self._row("quality", "stay", f"{reason} No faster plan can be had there.",
                             "none to be expected: no faster plan can be had there", share)  # fmt: skip
        place = max(places, key=lambda one: (int(choice.totals[self.index, one]), -one))
        plan = self.market.plans[place]
        row = self._row("quality", "offer_faster_plan", "", words.speed_change(self.present, plan), share)
        saved = cents(mean_amount(choice.totals[self.index, place], self.tested))
        return self._with_plan(row, place, reason + words.faster(plan, -saved))


def bundle_rows(
    choice: BundleChoice, services: Sequence[Service], yearly: Sequence[Fraction], plans: Mapping[str, Plan]
) -> list[Advice]:
    """A row of kind bundle for every member; amounts are split by what each costs now and sum exactly.

    Args:
        choice: the bundle.
        services: all of them; the group's members are indices.
        yearly: what each member costs a year now, in the order of the group.
        plans: every plan by its id.
    """
    bundle, members = plans[choice.group.plan_id], [services[member] for member in choice.group.members]
    presents = [plans[member.plan_id] for member in members]
    fees = [fee_of(member, present) for member, present in zip(members, presents, strict=True)]
    net = mean_amount(choice.total, choice.tested)
    now, fee = cents(sum(yearly, Fraction(0))), sum(fees, Decimal(0))
    then = cents(sum(yearly, Fraction(0)) - net - Fraction(fee))
    reason = words.bundle(bundle, presents, cents(net), (now, then), choice.tested)
    amounts = [
        split_amount(cents(amount), yearly)
        for amount in (net, choice.lower, choice.upper, -(net + Fraction(fee)) / PERIODS_A_YEAR)
    ]
    obstacles = [
        not_actionable(member, present, bundle, plans, own)
        for member, present, own in zip(members, presents, fees, strict=True)
    ]
    # A bundle is offered to all of them or not at all.
    obstacle = "; ".join(dict.fromkeys(one for one in obstacles if one)) or None
    return [
        Advice(
            member.service_id, "bundle", member.customer_id, member.provider_id, member.zone_id, "take_bundle",
            present.plan_id, present.name, bundle.plan_id, bundle.name, reason + words.contract(member, own, bundle),
            saving, lower, upper, own, revenue, bundle.tariff.currency, "none to be expected: the speed stays",
            score(choice.confidence), choice.tested, obstacle is None, obstacle, choice.group.group_id(services),
        )
        for member, present, own, saving, lower, upper, revenue in zip(members, presents, fees, *amounts, strict=True)
    ]  # fmt: skip


def saving_alone(choice: Choice) -> list[int]:
    """Of each service of a market the yearly saving that it is advised to take by itself, in millionths (0: stay)."""
    rows = np.arange(len(choice.best))
    gained = np.where(choice.plan == choice.best, choice.totals[rows, choice.best] // np.maximum(choice.tested, 1), 0)
    return [int(one) for one in gained]


def to_millionths(amount: Decimal) -> int:
    return int(amount * MILLIONTHS)
