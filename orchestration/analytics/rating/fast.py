"""What whole periods of many services cost under a plan: the rules of usage_price in scaled integers, cell by cell.

Not here: recurring charges and parts of periods (service_period), sums of records (usage_table). Where int64 could
overflow or an increment is not whole, a cell is computed by usage_price; a property test holds all others against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from orchestration.analytics.rating.bands import WEEK_SECONDS, banded_sums
from orchestration.analytics.rating.tariff import KINDS, Kind, Rule, Tariff
from orchestration.analytics.rating.usage_price import Use, rounded, rule_price, tiers_price
from orchestration.analytics.rating.usage_table import Ints, UsageTable, scale_of, ways_of

# Amounts are whole millionths of the currency: no rule rounds to more than six decimals.
MILLIONTHS = 10**6
_DECIMALS = 6
_LIMIT = 2**62


@dataclass(frozen=True)
class Costs:
    """Per cell: charges for use in millionths of the currency, and whether the plan sells all that was used."""

    amount: Ints
    is_served: npt.NDArray[np.bool_]


def usage_costs(table: UsageTable, tariff: Tariff) -> Costs:
    """The sum of a plan's charges for use, each rounded once, for whole periods in every cell.

    Raises:
        OverflowError: an amount that no bill has.
    """
    amount = np.zeros(table.cells, dtype=np.int64)
    is_served = np.ones(table.cells, dtype=np.bool_)
    for name in KINDS:
        kind = tariff.kinds.get(name)
        if kind is None:
            is_served &= table.units(name, (0, 1, 2, 3)) == 0
            continue
        for way, flags in ways_of(kind).items():
            rule = kind.rule if way == "own" else kind.special[way]
            allowance = kind.allowance if way == "own" else Fraction(0)
            if rule is None:
                if allowance is not None:
                    is_served &= table.units(name, flags) <= allowance.numerator // allowance.denominator
                continue
            places = tariff.currency_decimals if rule.decimals is None else rule.decimals
            minor = np.zeros(table.cells, dtype=np.int64)
            if rule.connect_fee:
                minor += _connect_fees(table.counts(name, flags), rule, places)
            if allowance is not None:
                minor += _beyond(table, name, flags, _Scaled.of(rule, allowance, places))
            to_millionths = 10 ** (_DECIMALS - places)
            if int(minor.max(initial=0)) * to_millionths >= _LIMIT:
                raise OverflowError(
                    f"plan {tariff.plan_name}, {name}: {minor.max() / 10**places} {tariff.currency} for one service and"
                    f" period; expected under {_LIMIT // MILLIONTHS}; look for a wrong price or quantity"
                )
            amount += minor * to_millionths
    return Costs(amount, is_served)


def needs_records(tariff: Tariff, name: str) -> bool:
    """Whether a plan asks for the single records of a kind, or their sums will do."""
    kind = tariff.kinds.get(name)
    return kind is not None and any(rule.needs_records for rule in _priced(kind))


def _priced(kind: Kind) -> list[Rule]:
    own = [] if kind.rule is None or kind.allowance is None else [kind.rule]
    return [*own, *kind.special.values()]


@dataclass(frozen=True)
class _Scaled:
    """A rule in whole numbers: `scale` parts of a unit in one, prices of a part in 1/denominator minor units."""

    rule: Rule
    allowance: Fraction
    places: int
    scale: int
    per_unit: int
    tier_prices: tuple[int, ...]
    band_prices: tuple[int, ...]

    @classmethod
    def of(cls, rule: Rule, allowance: Fraction, places: int) -> _Scaled:
        bounds = [bound for tier in rule.tiers for bound in (tier.up_to, tier.block_size)]
        asked = [*(tier.unit_price for tier in rule.tiers), *(band.unit_price for band in rule.time_bands)]
        prices = [price * 10**places / rule.price_per for price in asked]
        per_unit = scale_of(prices)
        whole = tuple(int(price * per_unit) for price in prices)
        count = len(rule.tiers)
        return cls(rule, allowance, places, scale_of([allowance, *bounds]), per_unit, whole[:count], whole[count:])

    @property
    def denominator(self) -> int:
        """Amounts come as numerators of this many parts of a minor unit."""
        return self.per_unit * self.scale

    @property
    def has_whole_increments(self) -> bool:
        return self.rule.first_increment.denominator == self.rule.increment.denominator == 1

    def fits(self, peak_units: int) -> bool:
        """Whether int64 holds every number on the way, with at most so many units in a cell."""
        largest = max(*self.tier_prices, *self.band_prices, 1)
        # A last block reaches beyond the units that fill it.
        blocks = sum((tier.block_size or Fraction(0) for tier in self.rule.tiers), Fraction(0))
        units = (peak_units + int(blocks) + 1) * self.scale
        week = WEEK_SECONDS * self.scale if self.rule.time_bands else 0
        parts = (units + week) * (largest if self.rule.time_bands else 1)
        sums = (units // self.denominator + 1) * largest * len(self.tier_prices)
        return max(parts, self.denominator * largest * len(self.tier_prices), sums) < _LIMIT


def _connect_fees(counts: Ints, rule: Rule, places: int) -> Ints:
    fee = rule.connect_fee * 10**places
    if int(counts.max(initial=0)) * fee.numerator >= _LIMIT:
        return np.array([_minor(rule.connect_fee * int(count), rule, places) for count in counts], dtype=np.int64)
    whole, rest = np.divmod(counts * fee.numerator, fee.denominator)
    return _rounded(whole, rest, fee.denominator, rule.rounding)


def _minor(amount: Fraction, rule: Rule, places: int) -> int:
    return int(rounded(amount, places, rule.rounding).scaleb(places))


def _rounded(whole: Ints, rest: Ints, denominator: int, rounding: str) -> Ints:
    """Whole + rest / denominator, 0 <= rest < denominator, to whole numbers."""
    if rounding == "up":
        return whole + (rest > 0)
    # The distance to the next one, so that doubling cannot overflow.
    other = denominator - rest
    nearest: Ints = whole + ((rest > other) | ((rest == other) & (whole % 2 == 1)))
    return nearest


def _beyond(table: UsageTable, name: str, flags: tuple[int, ...], scaled: _Scaled) -> Ints:
    """Minor units that what is beyond the allowance costs."""
    rule = scaled.rule
    if not scaled.has_whole_increments:
        return _exactly(table, name, flags, scaled)
    units = table.units(name, flags, int(rule.first_increment), int(rule.increment))
    if not scaled.fits(int(units.max(initial=0))):
        return _exactly(table, name, flags, scaled)
    if rule.time_bands:
        calls = table.calls(name, flags)
        inside, outside = banded_sums(calls, table.cells, scaled.allowance, rule, scaled.band_prices, scaled.scale)
    else:
        inside, outside = 0 * units, np.maximum(units * scaled.scale - int(scaled.allowance * scaled.scale), 0)
    denominator = scaled.denominator
    whole, rest = np.divmod(inside, denominator)
    for parts, price in _by_tier(outside, scaled):
        more, left = np.divmod(parts, denominator)
        whole += more * price
        rest += left * price
    carried, rest = np.divmod(rest, denominator)
    return _rounded(whole + carried, rest, denominator, rule.rounding)


def _by_tier(units: Ints, scaled: _Scaled) -> list[tuple[Ints, int]]:
    """Parts of a unit that each tier prices, whole blocks where it has any."""
    found, below, is_open = [], np.zeros_like(units), np.ones(len(units), dtype=np.bool_)
    for tier, price in zip(scaled.rule.tiers, scaled.tier_prices, strict=True):
        up_to = None if tier.up_to is None else int(tier.up_to * scaled.scale)
        if scaled.rule.is_volume:
            here = is_open if up_to is None else is_open & (units <= up_to)
            parts = np.where(here, units, 0)
            is_open = is_open & ~here
        else:
            reach = units if up_to is None else np.minimum(units, up_to)
            parts, below = reach - below, reach
        if tier.block_size is not None:
            block = int(tier.block_size * scaled.scale)
            parts = -(-parts // block) * block
        found.append((parts, price))
    return found


def _exactly(table: UsageTable, name: str, flags: tuple[int, ...], scaled: _Scaled) -> Ints:
    """The same by fractions, one cell after the other."""
    rule, places = scaled.rule, scaled.places
    found = np.zeros(table.cells, dtype=np.int64)
    if not rule.needs_records:
        for cell, units in enumerate(table.units(name, flags).tolist()):
            found[cell] = _minor(tiers_price(units - scaled.allowance, rule), rule, places)
        return found
    calls = table.calls(name, flags)
    ends = [*calls.begins.tolist(), len(calls.cell)][1:]
    for begin, end in zip(calls.begins.tolist(), ends, strict=True):
        pairs = zip(calls.start[begin:end].tolist(), calls.quantity[begin:end].tolist(), strict=True)
        price = rule_price([Use(start, quantity) for start, quantity in pairs], scaled.allowance, rule, places)
        found[calls.cell[begin]] = int(price.amount.scaleb(places))
    return found
