"""What usage costs: increments, allowances, tiers, time bands and rounding, exact to the cent, by the landing contract.

Not here: which usage belongs to which period, recurring charges, bills. Amounts are fractions until they are rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, ROUND_UP, Decimal
from fractions import Fraction
from functools import cache

import numpy as np

from ingestion.sample.clock import DAY, Ints
from ingestion.sample.tariffs import GB, PLANS, Plan

ROUNDINGS = {"up": ROUND_UP, "half_even": ROUND_HALF_EVEN}
# 1970-01-01 was a Thursday, ISO weekday 4.
EPOCH_WEEKDAY = 3


@dataclass(frozen=True)
class Tier:
    """Up to `up_to`, counted from the allowance, at `price` per `price_per`; in whole blocks where it has any."""

    up_to: int | None
    block: int | None
    price: Fraction


@dataclass(frozen=True)
class Band:
    """Days (ISO weekdays) and seconds of the day with a price of their own."""

    days: range
    begin: int
    end: int
    price: Fraction


@dataclass(frozen=True)
class Rules:
    """How one kind of usage of a plan is rated; units are bytes, seconds or messages."""

    price_per: int
    tiers: tuple[Tier, ...]
    mode: str = "graduated"
    bands: tuple[Band, ...] = ()
    connect_fee: Fraction = Fraction(0)
    first_increment: int = 1
    increment: int = 1
    decimals: int = 2
    rounding: str = "half_even"


def _seconds(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60


def _band(band: dict[str, object]) -> Band:
    first, _, last = str(band["days"]).partition("-")
    days = range(int(first), int(last or first) + 1)
    return Band(days, _seconds(str(band["from"])), _seconds(str(band["to"])), Fraction(str(band["unit_price"])))


@cache
def rules_of(plan: int, kind: str) -> Rules | None:
    """The rules of a kind, from rating_rules or from the plain columns; None where nothing is sold beyond."""
    own: Plan = PLANS[plan]
    if kind not in own.includes:
        return None
    if kind in own.rules:
        given = own.rules[kind]
        tiers = tuple(
            Tier(tier["up_to"], tier.get("block_size"), Fraction(str(tier["unit_price"]))) for tier in given["tiers"]
        )
        return Rules(
            given.get("price_per", 1), tiers, given.get("mode", "graduated"),
            tuple(_band(band) for band in given.get("time_bands", ())), Fraction(str(given.get("connect_fee", 0))),
            given.get("first_increment", 1), given.get("increment", 1), given.get("decimals", 2),
            given.get("rounding", "half_even"),
        )  # fmt: skip
    price, per = {"data": (own.per_gb, GB), "voice": (own.per_minute, 60), "sms": (own.per_message, 1)}[kind]
    return Rules(per, (Tier(None, None, Fraction(price)),)) if price is not None else None


def whole_allowance(plan: int, kind: str) -> Fraction | None:
    """Units that a whole period includes; None where unlimited."""
    own = PLANS[plan]
    given, unit = {"data": (own.data_gb, GB), "voice": (own.minutes, 60), "sms": (own.messages, 1)}[kind]
    return None if given is None else Fraction(str(given)) * unit


def rounded_up(quantities: Ints, first: int, step: int) -> Ints:
    """Each record up to its first increment, then to whole further ones; nothing stays nothing."""
    beyond = np.maximum(quantities - first, 0)
    rounded: Ints = np.where(quantities > 0, first + -(-beyond // step) * step, 0)
    return rounded


def _blocks(units: Fraction, block: int | None) -> Fraction:
    return units if block is None else Fraction(-(-units // block) * block)


def tier_price(units: Fraction, rules: Rules) -> Fraction:
    """The price of units beyond the allowance."""
    if units <= 0:
        return Fraction(0)
    if rules.mode == "volume":
        tier = next(tier for tier in rules.tiers if tier.up_to is None or units <= tier.up_to)
        return _blocks(units, tier.block) * tier.price / rules.price_per
    total, below = Fraction(0), Fraction(0)
    for tier in rules.tiers:
        reach = units if tier.up_to is None else min(units, Fraction(tier.up_to))
        total += _blocks(max(reach - below, Fraction(0)), tier.block) * tier.price / rules.price_per
        below = max(below, reach)
    return total


def split_by_bands(start: int, seconds: int, bands: tuple[Band, ...]) -> dict[int | None, int]:
    """Seconds of a call by the index of their band (None: outside); `start` is provider-local seconds since 1970."""
    found: dict[int | None, int] = {}
    at, end = start, start + seconds
    borders = sorted({0, DAY, *(band.begin for band in bands), *(band.end for band in bands)})
    while at < end:
        day, clock = divmod(at, DAY)
        weekday = (day + EPOCH_WEEKDAY) % 7 + 1
        until = min(day * DAY + next(border for border in borders if border > clock), end)
        inside = (i for i, band in enumerate(bands) if weekday in band.days and band.begin <= clock < band.end)
        index = next(inside, None)
        found[index] = found.get(index, 0) + until - at
        at = until
    return found


def calls_price(calls: list[tuple[int, int]], allowance: Fraction, rules: Rules) -> Fraction:
    """Calls (start, seconds rounded up) in the order of time; the allowance covers the first of them."""
    left, outside, total = allowance, Fraction(0), Fraction(0)
    for start, seconds in calls:
        covered = min(left, Fraction(seconds))
        left -= covered
        if covered == seconds:
            continue
        for index, part in split_by_bands(start + int(covered), seconds - int(covered), rules.bands).items():
            if index is None:
                outside += part
            else:
                total += part * rules.bands[index].price / rules.price_per
    return total + tier_price(outside, rules)


def cents(amount: Fraction, decimals: int = 2, rounding: str = "half_even") -> int:
    """An amount of dollars rounded once, as whole cents."""
    scale = 10**decimals
    scaled = amount * scale
    whole = -(-scaled.numerator // scaled.denominator) if rounding == "up" else round(scaled)
    return int((Decimal(whole) / scale * 100).to_integral_value(ROUNDINGS[rounding]))


def share_cents(price: Ints, parts: Ints, whole: Ints) -> Ints:
    """Price x parts / whole, rounded half to even, for arrays of whole cents."""
    twice, double = 2 * price * parts + whole, 2 * whole
    rounded = twice // double
    is_odd_tie = (twice % double == 0) & (rounded % 2 == 1)
    result: Ints = rounded - is_odd_tie
    return result


def usage_cents(
    plan: int, kind: str, units: int, records: int, days: int, whole: int, calls: list[tuple[int, int]] | None = None
) -> tuple[int, int]:
    """(charge beyond the allowance, connect fees) of one kind over a part of a period.

    Args:
        plan: index of the plan.
        kind: data, voice or sms.
        units: consumption, each record rounded up.
        records: how many records there were.
        days: days in force on this plan in the period.
        whole: days of the period.
        calls: for plans with time bands, every call.
    """
    rules, included = rules_of(plan, kind), whole_allowance(plan, kind)
    if rules is None:
        return 0, 0
    fees = cents(rules.connect_fee * records, rules.decimals, rules.rounding)
    if included is None:
        return 0, fees
    allowance = included * days / whole
    if rules.bands and calls is not None:
        amount = calls_price(calls, allowance, rules)
    else:
        amount = tier_price(units - allowance, rules)
    return cents(amount, rules.decimals, rules.rounding), fees
