"""Month by month: how much each service is used, what upsets its customer, who changes plan, pays late, and leaves.

Not here: single records, bills, tickets as rows; this decides how many there are and why. Everything that drives a
customer away can be seen in the feeds; a hidden temper and chance are added, so leaving can be learned in part only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ingestion.sample.clock import NEVER, Bools, Clock, Floats, Ints
from ingestion.sample.customers import People, local_instant
from ingestion.sample.faults import Faults
from ingestion.sample.tariffs import GB, PLANS, Tariffs, allowance, plan_array, successors

CATEGORIES = ("billing", "technical", "outage", "sales", "porting", "cancellation", "other")
BASE_LOGIT = -5.3
WEIGHTS = {
    "fault": 1.3, "price": 1.3, "overage_shock": 1.6, "late_bills": 1.3, "contract_end": 1.6, "new_customer": 0.7,
    "complaints": 1.1,
}  # fmt: skip
TENURE_WEIGHT, TEMPER = -0.012, 0.5
# Of those who are about to leave, a part uses less before it goes, down to this share.
FADING, FADED = 0.4, 0.6
INVOLUNTARY = 0.0012
MOBILE_GROWTH, FIXED_GROWTH = 1.016, 1.008
SEASON = (0.98, 0.96, 0.99, 0.98, 0.99, 1.0, 1.02, 1.02, 0.99, 1.0, 1.02, 1.05)
# Of the unhappy, the share that a month's campaign picks.
CAMPAIGN_SHARE, CAMPAIGN_EFFECT = 0.17, -0.9
UNPAID = 9999


@dataclass(frozen=True)
class Life:
    """Arrays over services x months; `plan` is -1 where not in force, else the plan as the month ends."""

    plan: Ints
    data: Ints
    voice: Ints
    messages: Ints
    # Also by category.
    tickets: NDArray[np.int8]
    # Customers x months: days after the due date on which the month's bill is paid, UNPAID if never.
    late_days: Ints
    ended: Ints
    ended_day: Ints
    reason: np.ndarray
    why: np.ndarray
    # Plan changes: service, local day, UTC seconds, from, to.
    changes: Ints
    # Campaign contacts: month, service, is control, has accepted.
    contacts: Ints


@dataclass
class _State:
    """What the loop over the months carries along."""

    plan: Ints
    ended_day: Ints
    intent: Bools
    overdue: Floats
    shocks: Floats
    fault: Floats
    complaints: Floats
    treated: Floats
    late_streak: Ints
    reason: np.ndarray
    why: np.ndarray
    temper: Floats
    mood: Floats
    changes: list[Ints] = field(default_factory=list)
    contacts: list[Ints] = field(default_factory=list)


def _begin(rng: np.random.Generator, people: People) -> _State:
    size = len(people)
    zeros = np.zeros(size)
    return _State(
        people.first_plan.copy(), np.full(size, NEVER, dtype=np.int64), zeros > 1, zeros.copy(), zeros.copy(),
        zeros.copy(), zeros.copy(), zeros.copy(), np.zeros(size, dtype=np.int64), np.full(size, "", dtype="U12"),
        np.full(size, "", dtype="U16"), rng.normal(0, TEMPER, size), zeros.copy(),
    )  # fmt: skip


class Simulation:
    """Runs the months in turn; one object per sample."""

    def __init__(self, clock: Clock, people: People, tariffs: Tariffs, faults: Faults) -> None:
        self.clock, self.people, self.tariffs = clock, people, tariffs
        self.exposure = faults.exposure[people.element]
        self.bounds = clock.month_bounds()
        self.months = len(self.bounds) - 1
        self.state = _begin(clock.random("tempers"), people)
        self.allowances = {kind: allowance(kind) for kind in ("data", "voice", "sms")}
        self.growth = np.where(plan_array("kind") == "mobile", MOBILE_GROWTH, FIXED_GROWTH)
        self.next_plan = np.array(
            [max(successors(i), key=lambda j: PLANS[j].price, default=-1) for i in range(len(PLANS))]
        )
        shape = (len(people), self.months)
        self.plan = np.full(shape, -1, dtype=np.int64)
        self.use = {kind: np.zeros(shape, dtype=np.int64) for kind in ("data", "voice", "sms")}
        self.tickets = np.zeros((*shape, len(CATEGORIES)), dtype=np.int8)
        self.late_days = np.zeros((len(people.customer_ids), self.months), dtype=np.int64)

    def run(self) -> Life:
        for month in range(self.months):
            self._month(self.clock.random(f"life {month}"), month)
        state, people = self.state, self.people
        has_ended = state.ended_day < NEVER
        second = self.clock.random("ends").integers(8 * 3600, 20 * 3600, len(people))
        ended = np.full(len(people), NEVER, dtype=np.int64)
        ended[has_ended] = local_instant(state.ended_day[has_ended], second[has_ended], people.time_zone[has_ended])
        ended = np.where(has_ended, np.maximum(ended, people.activated + 600), NEVER)
        empty = np.zeros((0, 5), dtype=np.int64)
        return Life(
            self.plan, self.use["data"], self.use["voice"], self.use["sms"], self.tickets, self.late_days, ended,
            state.ended_day, state.reason, state.why, np.concatenate([empty, *state.changes]),
            np.concatenate([empty[:, :4], *state.contacts]),
        )  # fmt: skip

    def _month(self, rng: np.random.Generator, month: int) -> None:
        state, people = self.state, self.people
        first, following = int(self.bounds[month]), int(self.bounds[month + 1])
        active = (people.activated_day < following) & (state.ended_day >= first)
        days = np.minimum(following, state.ended_day) - np.maximum(people.activated_day, first)
        share = np.where(active, days / (following - first), 0).clip(0, 1)
        self._decide(rng, month, active & (state.ended_day >= following) & (people.activated_day < first))
        self._change_plans(rng, month, active & (state.ended_day >= following) & (people.activated_day < first))
        self.plan[:, month] = np.where(active, state.plan, -1)
        overage = self._consume(rng, month, share)
        self._pay(rng, month, overage, active)
        self._complain(rng, month, active)
        self._campaign(month, active & (state.ended_day >= following) & ~state.intent)

    def _causes(self, month: int) -> dict[str, Floats]:
        """What weighs on each service as the month begins, between 0 and about 1."""
        state, people = self.state, self.people
        first = int(self.bounds[month])
        prices = self.tariffs.prices
        before = prices[state.plan, max(month - 3, 0)]
        near = (np.abs(people.contract_end - first - 15) < 40).astype(float)
        ended_discount = (people.discount_end < first + 15) & (people.discount_end > first - 60)
        return {
            "fault": np.minimum(state.fault, 2) / 1.2,
            "price": (prices[state.plan, month] > before) + 0.8 * ended_discount,
            "overage_shock": np.minimum(state.shocks, 2) / 1.3,
            "late_bills": np.minimum(state.overdue, 2) / 1.2,
            "contract_end": near,
            "new_customer": ((first - people.activated_day) < 150).astype(float),
            "complaints": np.minimum(state.complaints, 3) / 1.8,
        }

    def _decide(self, rng: np.random.Generator, month: int, settled: Bools) -> None:
        """Those who made up their mind last month leave this month; others make it up."""
        state, people = self.state, self.people
        first, length = int(self.bounds[month]), int(self.bounds[month + 1] - self.bounds[month])
        last = self.clock.last_ordinal
        day = first + rng.integers(0, length, len(people))
        unpaid = settled & (state.late_streak >= 3) & (rng.random(len(people)) < 0.35)
        gone = settled & (state.intent | unpaid | (rng.random(len(people)) < INVOLUNTARY)) & (day < last)
        other = rng.choice(["moved", "deceased", "fraud", "other"], len(people), p=[0.6, 0.2, 0.1, 0.1])
        chance = gone & ~state.intent
        state.reason = np.where(chance, np.where(unpaid, "non_payment", other), state.reason)
        state.why = np.where(chance, np.where(unpaid, "non_payment", other), state.why)
        state.ended_day = np.where(gone, day, state.ended_day)
        causes = self._causes(month)
        tenure = np.minimum((first - people.activated_day) / 30.4, 60)
        logit = BASE_LOGIT + state.temper + TENURE_WEIGHT * tenure + CAMPAIGN_EFFECT * state.treated
        pulls = np.stack([WEIGHTS[name] * value for name, value in causes.items()])
        logit = logit + pulls.sum(axis=0) + 0.5 * plan_array("is_prepaid")[state.plan]
        leaves = settled & ~gone & (rng.random(len(people)) < 1 / (1 + np.exp(-logit)))
        main = np.array(list(causes))[pulls.argmax(axis=0)]
        why = np.where(pulls.max(axis=0) > 0.4, main, "none")
        ports = rng.random(len(people)) < np.where(why == "none", 0.25, 0.45)
        state.reason = np.where(leaves, np.where(ports, "port_out", "voluntary"), state.reason)
        state.why = np.where(leaves, why, state.why)
        state.intent = (state.intent & ~gone) | leaves
        state.treated = state.treated * 0.6

    def _change_plans(self, rng: np.random.Generator, month: int, settled: Bools) -> None:
        """Repeated overage makes customers take a bigger plan; a few change for reasons of their own."""
        state = self.state
        target = self.next_plan[state.plan]
        wish = np.where(state.shocks > 0.9, 0.10, 0.003)
        can = settled & ~state.intent & (target >= 0) & (rng.random(len(target)) < wish)
        can &= PRICES[np.maximum(target, 0)] > PRICES[state.plan]
        first, length = int(self.bounds[month]), int(self.bounds[month + 1] - self.bounds[month])
        services = np.flatnonzero(can)
        day = first + rng.integers(0, min(length, self.clock.last_ordinal - first + 1), len(services))
        at = local_instant(day, rng.integers(8 * 3600, 20 * 3600, len(services)), self.people.time_zone[services])
        known = at < self.clock.as_of_seconds
        services, day, at = services[known], day[known], at[known]
        state.changes.append(np.stack([services, day, at, state.plan[services], target[services]], axis=1))
        state.plan[services] = target[services]
        state.shocks[services] = 0

    def _consume(self, rng: np.random.Generator, month: int, share: Floats) -> Floats:
        """Sets the month's usage; returns the overage in dollars, roughly (billing has it to the cent)."""
        state, people = self.state, self.people
        plan, size = state.plan, len(people)
        state.mood = 0.6 * state.mood + rng.normal(0, 0.2, size)
        fades = state.intent & (rng.random(size) < FADING)
        season = SEASON[self.clock.months()[month].month - 1]
        level = people.level * np.exp(state.mood) * share * season * np.where(fades, FADED, 1.0)
        data = plan_array("typical_gb")[plan] * GB * level * self.growth[plan] ** (month - self.months + 1)
        calls = plan_array("typical_minutes")[plan] * 60 * level * rng.lognormal(0, 0.2, size)
        texts = plan_array("typical_messages")[plan] * level
        # Where nothing is sold beyond the allowance, usage ends with it.
        is_capped = IS_CAPPED[plan]
        data = np.where(is_capped, np.minimum(data, self.allowances["data"][plan] * share), data)
        for kind, amount in (("data", data), ("voice", calls), ("sms", texts)):
            self.use[kind][:, month] = amount.astype(np.int64)
        over = np.maximum(data - self.allowances["data"][plan] * share, 0) / GB * DOLLARS_PER_GB[plan]
        minutes = np.maximum(calls - self.allowances["voice"][plan] * share, 0) / 60
        result: Floats = over + minutes * DOLLARS_PER_MINUTE[plan]
        state.shocks = 0.5 * state.shocks + (result > np.maximum(5, 0.18 * PRICES[plan] / 100))
        return result

    def _pay(self, rng: np.random.Generator, month: int, overage: Floats, active: Bools) -> None:
        """Punctual, late or never: a trait of the customer, worse after a dear month."""
        state, people = self.state, self.people
        dear = np.zeros(len(people.customer_ids))
        np.maximum.at(dear, people.customer[active], (overage[active] > 20) * 0.10)
        chance = people.customer_lateness * np.where(people.customer_auto_pay, 0.35, 1.3) + dear
        draw = rng.random(len(chance))
        late = np.where(rng.random(len(chance)) < 0.08, UNPAID, 1 + rng.gamma(1.4, 11, len(chance)).astype(np.int64))
        self.late_days[:, month] = np.where(draw < chance, late, -rng.integers(1, 18, len(chance)))
        is_late = (self.late_days[:, month] > 0)[people.customer] & ~plan_array("is_prepaid")[state.plan]
        state.overdue = 0.5 * state.overdue + is_late
        state.late_streak = np.where(is_late, state.late_streak + 1, 0)

    def _complain(self, rng: np.random.Generator, month: int, active: Bools) -> None:
        """Tickets by category, more of them where something went wrong."""
        state, people = self.state, self.people
        outage = np.minimum(self.exposure[:, month], 3)
        fresh = (self.bounds[month] - people.activated_day) < 60
        shock, one = state.shocks > 0.9, np.ones(len(people))
        rates = np.stack(
            [
                0.012 * one + 0.35 * shock + 0.12 * (state.overdue > 0.9), 0.015 * one + 0.10 * outage + 0.05 * fresh,
                0.002 * one + 0.30 * outage, 0.007 * one + 0.02 * fresh,
                0.002 * one + 0.08 * (state.intent & (state.reason == "port_out")),
                0.001 * one + 0.10 * (state.intent & (state.reason == "voluntary")), 0.006 * one,
            ],
            axis=1,
        )  # fmt: skip
        drawn = rng.poisson(rates * np.exp(0.5 * state.temper)[:, None]) * active[:, None]
        self.tickets[:, month] = drawn.clip(0, 5)
        state.complaints = 0.5 * state.complaints + drawn[:, :3].sum(axis=1)
        state.fault = 0.5 * state.fault + outage

    def _campaign(self, month: int, open_to: Bools) -> None:
        """A retention campaign to those who look unhappy; a fifth is held out at random."""
        state, rng = self.state, self.clock.random(f"campaign {month}")
        unhappy = state.shocks + state.fault + state.complaints + state.overdue + rng.random(len(open_to)) * 0.6
        chosen = np.flatnonzero(open_to & (unhappy > 0.9) & (rng.random(len(open_to)) < CAMPAIGN_SHARE))
        control = rng.random(len(chosen)) < 0.2
        accepted = ~control & (rng.random(len(chosen)) < 0.3)
        state.treated[chosen[~control]] = 0.5
        state.treated[chosen[accepted]] = 1.0
        columns = [np.full(len(chosen), month), chosen, control, accepted]
        state.contacts.append(np.stack([column.astype(np.int64) for column in columns], axis=1))


PRICES = plan_array("price")
IS_CAPPED = np.array([p.data_gb is not None and p.per_gb is None and "data" not in p.rules for p in PLANS])
DOLLARS_PER_GB = np.array([{"Business Mobile 50": 7.5, "IoT Meter": 15.0}.get(p.name, 0.2 if "data" in p.rules else
                           float(p.per_gb or 0)) for p in PLANS])  # fmt: skip
DOLLARS_PER_MINUTE = np.array([0.04 if "voice" in p.rules else float(p.per_minute or 0) for p in PLANS])
