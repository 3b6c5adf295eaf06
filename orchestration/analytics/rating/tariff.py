"""A plan's prices as exact numbers: what it sells, what is included, what the rest costs.

Not here: consumption and what it comes to (usage_price, service_period), the catalogue's table.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any

GB_BYTES = 2**30
MINUTE_SECONDS = 60
KINDS = ("data", "voice", "sms")
SPECIAL_WAYS = ("roaming", "incoming")
ROUNDINGS = ("half_even", "up")
WEEKDAYS = range(1, 8)
DAY_SECONDS = 86400
# ISO 4217 currencies without a smaller unit; the landing contract keeps two decimals of all others.
WHOLE_CURRENCIES = frozenset(
    ("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF",
     "XPF")
)  # fmt: skip


class TariffError(ValueError):
    """A plan that cannot be rated as it stands."""


@dataclass(frozen=True)
class Tier:
    """Units up to `up_to` (None: without end), counted from the allowance; sold in whole blocks where it has any."""

    up_to: Fraction | None
    unit_price: Fraction
    block_size: Fraction | None = None


@dataclass(frozen=True)
class TimeBand:
    """ISO weekdays and seconds of the day, [from, to), that have a price of their own."""

    days: frozenset[int]
    from_second: int
    to_second: int
    unit_price: Fraction


@dataclass(frozen=True)
class Rule:
    """How the use of one kind is priced. Units are bytes, seconds or messages; a price is for `price_per` of them.

    `decimals` None means the currency's. A time band's price holds inside it, the tiers' price outside all bands. What
    is used over time (`splits_calls`: voice) is cut at their borders, all else has the price of its start.
    """

    tiers: tuple[Tier, ...]
    price_per: Fraction = Fraction(1)
    is_volume: bool = False
    time_bands: tuple[TimeBand, ...] = ()
    connect_fee: Fraction = Fraction(0)
    first_increment: Fraction = Fraction(1)
    increment: Fraction = Fraction(1)
    decimals: int | None = None
    rounding: str = "half_even"
    splits_calls: bool = False

    @property
    def needs_records(self) -> bool:
        """Whether the sum of what was used is too little to know the price."""
        return bool(self.time_bands) or self.first_increment != 1 or self.increment != 1


@dataclass(frozen=True)
class Kind:
    """What a plan sells of one kind.

    `allowance` in units for a whole period (None: unlimited), `rule` for what is beyond (None: none is sold), `special`
    the rules of what is roaming or incoming, which no allowance covers.
    """

    allowance: Fraction | None
    rule: Rule | None
    special: Mapping[str, Rule] = field(default_factory=dict)

    def way_of(self, is_incoming: bool, is_roaming: bool) -> str:
        """Which rule a record falls under: roaming, incoming or own."""
        if is_roaming and "roaming" in self.special:
            return "roaming"
        return "incoming" if is_incoming and "incoming" in self.special else "own"


@dataclass(frozen=True)
class Tariff:
    """A plan as it is rated; `kinds` holds only what it sells."""

    plan_id: str
    plan_name: str
    currency: str
    base_price: Fraction
    kinds: Mapping[str, Kind]
    components: tuple[tuple[str, Fraction, Fraction], ...] = ()

    @property
    def currency_decimals(self) -> int:
        return 0 if self.currency in WHOLE_CURRENCIES else 2


def tariff_from(row: Mapping[str, object]) -> Tariff:
    """A row of the catalogue (columns of core.dim_service_plan) as a tariff.

    Args:
        row: numbers as Decimal, int or text; JSON columns as text or as parsed with Decimal. Floats are refused: they
            are not the number that was sent.

    Raises:
        TariffError: names the plan, the column and what is wrong there.
    """
    name = f"plan {row['plan_name']} ({row['plan_id']})"
    includes = _json(row["includes"], name, "includes") or []
    rules = _json(row.get("rating_rules"), name, "rating_rules") or {}
    included = {
        "data": _scaled(row.get("data_allowance_gb"), GB_BYTES, name),
        "voice": _scaled(row.get("voice_allowance_minutes"), MINUTE_SECONDS, name),
        "sms": _scaled(row.get("sms_allowance"), 1, name),
    }
    beyond = {
        "data": _plain_rule(row.get("overage_price_per_gb"), GB_BYTES, name),
        "voice": _plain_rule(row.get("overage_price_per_minute"), MINUTE_SECONDS, name),
        "sms": _plain_rule(row.get("overage_price_per_sms"), 1, name),
    }
    kinds = {
        kind: Kind(
            included[kind],
            _rule(rules[kind], kind, f"{name}, rating_rules.{kind}") if kind in rules else beyond[kind],
            {
                way: _rule(rules[way][kind], kind, f"{name}, rating_rules.{way}.{kind}")
                for way in SPECIAL_WAYS
                if kind in rules.get(way, {})
            },
        )
        for kind in KINDS
        if kind in includes
    }
    components = tuple(
        (str(one["plan_id"]), _exact(one["quantity"], name), _exact(one["price_share"], name))
        for one in _json(row.get("bundle_components"), name, "bundle_components") or []
    )
    base_price = _exact(row["base_price"], f"{name}, base_price")
    return Tariff(str(row["plan_id"]), str(row["plan_name"]), str(row["currency"]), base_price, kinds, components)


def _json(value: object, name: str, column: str) -> Any:
    if isinstance(value, str):
        try:
            return json.loads(value, parse_float=Decimal)
        except json.JSONDecodeError as error:
            raise TariffError(f"{name}, {column}: expected JSON, found {value[:80]!r} ({error})") from None
    return value


def _exact(value: object, place: str) -> Fraction:
    if isinstance(value, bool) or not isinstance(value, int | str | Decimal | Fraction):
        raise TariffError(f"{place}: expected an exact number, found {value!r}; read numbers as Decimal or text")
    try:
        return Fraction(value)
    except ValueError:
        raise TariffError(f"{place}: expected a number, found {value!r}") from None


def _scaled(value: object, units: int, place: str) -> Fraction | None:
    return None if value is None else _exact(value, place) * units


def _plain_rule(price: object, units: int, place: str) -> Rule | None:
    return None if price is None else Rule((Tier(None, _exact(price, place)),), Fraction(units))


def _rule(given: Mapping[str, Any], kind: str, place: str) -> Rule:
    """A rule of rating_rules. Without tiers nothing is asked outside the time bands."""
    tiers = given.get("tiers") or [{"unit_price": 0}]
    increment = _exact(given.get("increment", 1), place)
    decimals = given.get("decimals")
    rule = Rule(
        tuple(
            Tier(
                _scaled(tier.get("up_to"), 1, place),
                _exact(tier["unit_price"], place),
                _scaled(tier.get("block_size"), 1, place),
            )
            for tier in tiers
        ),
        _exact(given.get("price_per", 1), place),
        given.get("mode", "graduated") == "volume",
        tuple(_band(band, place) for band in given.get("time_bands", ())),
        _exact(given.get("connect_fee", 0), place),
        _exact(given["first_increment"], place) if "first_increment" in given else increment,
        increment,
        None if decimals is None else int(str(decimals)),
        str(given.get("rounding", "half_even")),
        kind == "voice",
    )
    if rule.rounding not in ROUNDINGS:
        raise TariffError(f"{place}.rounding: expected one of {', '.join(ROUNDINGS)}, found {rule.rounding!r}")
    if rule.tiers[-1].up_to is not None:
        raise TariffError(
            f"{place}.tiers: the last one ends at {rule.tiers[-1].up_to} and what is beyond has no price;"
            " give the last tier up_to null"
        )
    return rule


def _band(band: Mapping[str, object], place: str) -> TimeBand:
    days: set[int] = set()
    for part in str(band["days"]).split(","):
        first, _, last = part.partition("-")
        days |= set(range(int(first), int(last or first) + 1))
    if not days or not days <= set(WEEKDAYS):
        raise TariffError(f"{place}.time_bands: expected days from 1 to 7, found {band['days']!r}")
    bounds = _second(str(band["from"])), _second(str(band["to"]))
    if bounds[0] >= bounds[1]:
        raise TariffError(
            f"{place}.time_bands: expected from before to, found {band['from']} to {band['to']};"
            " write a band over midnight as two"
        )
    return TimeBand(frozenset(days), *bounds, _exact(band["unit_price"], place))


def _second(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 3600 + int(minutes) * 60
