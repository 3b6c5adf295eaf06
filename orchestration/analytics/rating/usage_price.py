"""What the use of one kind costs: increments, allowance, tiers and blocks, time bands, connect fees, one rounding.

Not here: whose use it is and in which period, recurring charges (service_period), many services at once (fast).
Amounts are fractions until they are rounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from orchestration.analytics.rating.tariff import DAY_SECONDS, Kind, Rule, TimeBand

# 1970-01-01 was a Thursday, ISO weekday 4.
_EPOCH_WEEKDAY = 4


@dataclass(frozen=True, order=True)
class Use:
    """One record: wall-clock seconds since 1970 at its start in the provider's time, and bytes, seconds or messages."""

    start: int
    quantity: int
    is_incoming: bool = False
    is_roaming: bool = False


@dataclass(frozen=True)
class KindPrice:
    """What one kind comes to over a part of a period: rounded amounts and the units that they are for.

    `unsold_units` are beyond the allowance where nothing is sold beyond: the plan does not serve them.
    """

    amount: Decimal = Decimal(0)
    units: Fraction = Fraction(0)
    connect_fees: Decimal = Decimal(0)
    records: int = 0
    unsold_units: Fraction = Fraction(0)


def rounded(amount: Fraction, decimals: int, rounding: str = "half_even") -> Decimal:
    """An amount of at least 0 rounded once to decimals, half to even or up."""
    scaled = amount * 10**decimals
    whole = -(-scaled.numerator // scaled.denominator) if rounding == "up" else round(scaled)
    return Decimal(whole).scaleb(-decimals)


def rounded_up(quantity: int, rule: Rule) -> Fraction:
    """A record's units up to the first increment, then up to whole further ones; nothing stays nothing."""
    if quantity <= rule.first_increment:
        return rule.first_increment if quantity > 0 else Fraction(0)
    beyond = quantity - rule.first_increment
    return rule.first_increment + _whole(beyond, rule.increment)


def _whole(units: Fraction, size: Fraction | None) -> Fraction:
    return units if size is None else Fraction(-(-units // size)) * size


def tiers_price(units: Fraction, rule: Rule) -> Fraction:
    """The price of units beyond the allowance by the rule's tiers."""
    if units <= 0:
        return Fraction(0)
    if rule.is_volume:
        tier = next(tier for tier in rule.tiers if tier.up_to is None or units <= tier.up_to)
        return _whole(units, tier.block_size) * tier.unit_price / rule.price_per
    total = below = Fraction(0)
    for tier in rule.tiers:
        reach = units if tier.up_to is None else min(units, tier.up_to)
        total += _whole(reach - below, tier.block_size) * tier.unit_price / rule.price_per
        below = reach
    return total


def band_at(at: Fraction, bands: Sequence[TimeBand]) -> TimeBand | None:
    """The first band that an instant lies in."""
    day, clock = divmod(at, DAY_SECONDS)
    weekday = (day + _EPOCH_WEEKDAY - 1) % 7 + 1
    fits = (band for band in bands if weekday in band.days and band.from_second <= clock < band.to_second)
    return next(fits, None)


def pieces(start: Fraction, end: Fraction, bands: Sequence[TimeBand]) -> Iterator[tuple[TimeBand | None, Fraction]]:
    """A call cut at midnight and at the borders of bands: each piece's band and seconds."""
    borders = sorted({0, DAY_SECONDS} | {second for band in bands for second in (band.from_second, band.to_second)})
    while start < end:
        day, clock = divmod(start, DAY_SECONDS)
        border = Fraction(day * DAY_SECONDS + next(border for border in borders if border > clock))
        until = border if border < end else end
        yield band_at(start, bands), until - start
        start = until


def _banded_price(uses: Iterable[Use], allowance: Fraction, rule: Rule) -> tuple[Fraction, Fraction]:
    """(price, units beyond the allowance) of records; the allowance covers the first of them in the order of time."""
    left, beyond, outside, total = allowance, Fraction(0), Fraction(0), Fraction(0)
    for use in sorted(uses):
        units = rounded_up(use.quantity, rule)
        covered = units if units < left else left
        left -= covered
        beyond += units - covered
        if rule.splits_calls:
            found = list(pieces(use.start + covered, use.start + units, rule.time_bands))
        else:
            found = [(band_at(Fraction(use.start), rule.time_bands), units - covered)]
        for band, part in found:
            if band is None:
                outside += part
            else:
                total += part * band.unit_price / rule.price_per
    return total + tiers_price(outside, rule), beyond


def rule_price(uses: Sequence[Use], allowance: Fraction, rule: Rule, decimals: int) -> KindPrice:
    """What records come to under a rule, of which an allowance (in units) is free; connect fees are outside of it."""
    if rule.time_bands:
        price, units = _banded_price(uses, allowance, rule)
    else:
        units = max(sum((rounded_up(use.quantity, rule) for use in uses), Fraction(0)) - allowance, Fraction(0))
        price = tiers_price(units, rule)
    places = decimals if rule.decimals is None else rule.decimals
    fees = rounded(rule.connect_fee * len(uses), places, rule.rounding)
    return KindPrice(rounded(price, places, rule.rounding), units, fees, len(uses))


def kind_prices(uses: Sequence[Use], kind: Kind, share: Fraction, decimals: int) -> dict[str, KindPrice]:
    """The prices of one kind over a part of a period, by way (own, roaming, incoming).

    Args:
        uses: the records of that kind in the part.
        kind: what the plan sells of it.
        share: days in force of the days of the period; it prorates the allowance.
        decimals: the currency's.
    """
    by_way: dict[str, list[Use]] = {}
    for use in uses:
        by_way.setdefault(kind.way_of(use.is_incoming, use.is_roaming), []).append(use)
    found = {
        way: rule_price(by_way[way], Fraction(0), rule, decimals) for way, rule in kind.special.items() if way in by_way
    }
    own = by_way.get("own", [])
    if not own:
        return found
    if kind.rule is None:
        used = Fraction(sum(use.quantity for use in own))
        unsold = Fraction(0) if kind.allowance is None else max(used - kind.allowance * share, Fraction(0))
        return {"own": KindPrice(unsold_units=unsold, records=len(own)), **found}
    if kind.allowance is None:
        places = decimals if kind.rule.decimals is None else kind.rule.decimals
        fees = rounded(kind.rule.connect_fee * len(own), places, kind.rule.rounding)
        return {"own": KindPrice(connect_fees=fees, records=len(own)), **found}
    return {"own": rule_price(own, kind.allowance * share, kind.rule, decimals), **found}
