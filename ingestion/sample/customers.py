"""Who the customers are, where they live, which services they take when, and how lively and how punctual they are.

Not here: what they do from month to month, and when they leave.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingestion.sample.clock import DAY, NEVER, TIME_ZONES, Bools, Clock, Floats, Ints, to_local, to_utc, uuids
from ingestion.sample.geography import PROVIDERS, ZONES, Geography
from ingestion.sample.inventory import Network
from ingestion.sample.tariffs import PLANS, offers

GROWTH_PER_MONTH = 0.020
KINDS = ("individual", "business", "government")
KIND_SHARES = (0.885, 0.095, 0.02)
LINES = {0: ((1, 0.55), (2, 0.25), (3, 0.12), (4, 0.08)), 1: ((1, 0.85), (2, 0.15)), 2: ((1, 0.72), (2, 0.28))}
SECOND_PROVIDER = 0.10
# The kind of equipment that carries a plan.
LEAVES = {40: "service_group", 50: "pon_port", 10: "dslam", 60: "satellite_gateway"}


@dataclass(frozen=True)
class People:
    """Accounts (customer_…) and services (the rest) as arrays; times are UTC seconds, days local ordinals."""

    customer_ids: pl.Series
    customer_kind: Ints
    customer_zone: Ints
    customer_created: Ints
    customer_auto_pay: Bools
    customer_lateness: Floats
    service_ids: pl.Series
    customer: Ints
    zone: Ints
    element: Ints
    place: Ints
    first_plan: Ints
    created: Ints
    activated: Ints
    activated_day: Ints
    time_zone: Ints
    level: Floats
    is_ported_in: Bools
    discount_percentage: Ints
    discount_cents: Ints
    discount_end: Ints
    contract_end: Ints

    def __len__(self) -> int:
        return len(self.customer)


def leaf_kind(plan: int) -> str:
    """The kind of element at which services on a plan hang."""
    own = PLANS[plan]
    if own.kind == "mobile":
        return "sector"
    if own.technology is not None:
        return LEAVES[own.technology]
    return "service_group" if own.provider == 1 else "pon_port"


def _created(clock: Clock, rng: np.random.Generator, count: int) -> Ints:
    """When accounts were made: as many within the history as make the base grow against those who leave."""
    begin = int(clock.month_bounds()[0]) * DAY
    months = len(clock.months())
    within = max(1 - 1 / (1 + GROWTH_PER_MONTH * months), 0.12)
    before = rng.random(count) > within
    earlier = begin - (rng.exponential(900, count).clip(2, 3600) * DAY).astype(np.int64)
    later = begin + DAY + (rng.random(count) * (clock.as_of_seconds - begin - 2 * DAY)).astype(np.int64)
    return np.where(before, earlier, later)


def _lines(rng: np.random.Generator, home: Ints) -> tuple[Ints, Ints]:
    """(customer, provider) of every service."""
    counts = np.ones(len(home), dtype=np.int64)
    for provider, shares in LINES.items():
        own = home == provider
        counts[own] = rng.choice([n for n, _ in shares], int(own.sum()), p=[p for _, p in shares])
    customer = np.repeat(np.arange(len(home)), counts)
    second = np.flatnonzero(rng.random(len(home)) < SECOND_PROVIDER)
    return (
        np.concatenate([customer, second]),
        np.concatenate([home[customer], (home[second] + 1) % len(PROVIDERS)]),
    )


def _plans(rng: np.random.Generator, provider: Ints, is_business: Bools) -> Ints:
    plan = np.zeros(len(provider), dtype=np.int64)
    for owner in range(len(PROVIDERS)):
        for business in (False, True):
            own = (provider == owner) & (is_business == business)
            choices = offers(owner, business)
            shares = np.array([PLANS[i].share for i in choices])
            plan[own] = rng.choice(choices, int(own.sum()), p=shares / shares.sum())
    return plan


def _zones(rng: np.random.Generator, provider: Ints, home_zone: Ints) -> Ints:
    """The account's zone where the provider has it, a zone of the provider elsewhere."""
    zone = home_zone.copy()
    owner_of = np.array([z.provider for z in ZONES])
    for owner in range(len(PROVIDERS)):
        strange = (provider == owner) & ((home_zone < 0) | (owner_of[home_zone] != owner))
        own = [i for i, z in enumerate(ZONES) if z.provider == owner]
        shares = np.array([ZONES[i].share for i in own])
        zone[strange] = rng.choice(own, int(strange.sum()), p=shares / shares.sum())
    return zone


def _places(rng: np.random.Generator, geography: Geography, plan: Ints, zone: Ints) -> Ints:
    """A location in the zone where the plan's technology is built; -1 for mobile lines."""
    place = np.full(len(plan), -1, dtype=np.int64)
    technologies = {40: 1, 50: 1, 10: 2, 60: 4}
    wanted = np.array(
        [0 if p.kind == "mobile" else technologies.get(p.technology or 0, 1) for p in PLANS], dtype=np.int64
    )[plan]
    for z in np.unique(zone):
        for bit in (1, 2, 4):
            own = (zone == z) & (wanted == bit)
            choices = np.flatnonzero((geography.place_zone == z) & (geography.place_technologies & bit > 0))
            if own.any():
                place[own] = rng.choice(choices, int(own.sum()))
    return place


def _elements(rng: np.random.Generator, network: Network, plan: Ints, zone: Ints) -> Ints:
    """Some cells and ports are far more crowded than others."""
    element = np.zeros(len(plan), dtype=np.int64)
    kinds = np.array([leaf_kind(i) for i in range(len(PLANS))])[plan]
    for (z, kind), leaves in network.serves.items():
        own = (zone == z) & (kinds == kind)
        if own.any():
            weights = rng.gamma(2.5, 1, len(leaves))
            element[own] = rng.choice(leaves, int(own.sum()), p=weights / weights.sum())
    return element


def _discounts(rng: np.random.Generator, count: int, plan: Ints, begun: Ints) -> tuple[Ints, Ints, Ints]:
    """(percentage, cents a period, last day); 0 where there is none. A discount ends after months, on any day."""
    draw = rng.random(count)
    percentage = np.where(draw < 0.12, rng.choice([10, 15, 20, 25], count), 0)
    price = np.array([p.price for p in PLANS])[plan]
    amount = np.where((draw >= 0.12) & (draw < 0.17) & (price > 2000), rng.choice([500, 1000], count), 0)
    end = begun + rng.integers(150, 800, count)
    return percentage, amount, np.where((percentage > 0) | (amount > 0), end, NEVER)


def build_people(clock: Clock, geography: Geography, network: Network, count: int) -> People:
    """`count` accounts with their services as first taken."""
    rng = clock.random("customers")
    kind = rng.choice(3, count, p=KIND_SHARES)
    home = rng.choice(len(PROVIDERS), count, p=[p.share for p in PROVIDERS])
    home_zone = _zones(rng, home, np.full(count, -1, dtype=np.int64))
    created_at = _created(clock, rng, count)
    customer, provider = _lines(rng, home)
    size = len(customer)
    plan = _plans(rng, provider, (kind > 0)[customer])
    zone = _zones(rng, provider, home_zone[customer])
    # A second line often comes later than the account.
    later = (rng.random(size) < 0.3) * rng.exponential(300, size) * DAY
    created = np.minimum(created_at[customer] + later.astype(np.int64), clock.as_of_seconds - 7200)
    is_fixed = np.array([p.is_fixed for p in PLANS])[plan]
    activated = created + np.where(is_fixed, rng.integers(20, 240, size), rng.integers(1, 30, size)) * 3600
    activated = np.where(activated < clock.as_of_seconds - 3600, activated, NEVER)
    zone_tz = np.array([z.zone_index for z in ZONES])
    provider_tz = np.array([TIME_ZONES.index(p.time_zone) for p in PROVIDERS])
    # As the warehouse sees it: the block's zone, else the account's where it is this provider's, else the provider's.
    time_zone = np.where(is_fixed | (zone == home_zone[customer]), zone_tz[zone], provider_tz[provider])
    day = to_local(activated, time_zone) // DAY
    day = np.where(activated < NEVER, day, NEVER)
    terms = np.array([p.contract_months for p in PLANS])[plan]
    renewed = np.where(terms > 0, terms * 30.4375, NEVER).astype(np.int64)
    percentage, cents, discount_end = _discounts(rng, size, plan, np.where(activated < NEVER, day, 0))
    return People(
        uuids(rng, count), kind, home_zone, created_at, rng.random(count) < 0.55,
        rng.beta(0.55, 7, count), uuids(rng, size), customer, zone, _elements(rng, network, plan, zone),
        _places(rng, geography, plan, zone), plan, created, activated, day, time_zone, rng.lognormal(0, 0.5, size),
        rng.random(size) < 0.28, percentage, cents, np.where(activated < NEVER, discount_end, NEVER),
        np.where((renewed < NEVER) & (activated < NEVER), day + renewed, NEVER),
    )  # fmt: skip


def local_instant(day: Ints, second: Ints, time_zone: Ints) -> Ints:
    """UTC seconds of a local day and second of it, an hour later where the clock skips it."""
    at = to_utc(day * DAY + second, time_zone)
    return np.where(at < NEVER, at, to_utc(day * DAY + second + 3600, time_zone))
