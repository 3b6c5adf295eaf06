"""Bills and their charges: recurring by days in force, usage by the rating, discounts by days, fees, tax last.

Not here: what usage costs (rating), mistakes (errors), how bills are paid. Amounts are whole cents.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingestion.sample.clock import DAY, NEVER, TIME_ZONES, Bools, Ints, to_local, to_utc
from ingestion.sample.customers import People
from ingestion.sample.geography import PROVIDERS
from ingestion.sample.life import Life
from ingestion.sample.rating import rounded_up, rules_of, share_cents, usage_cents, whole_allowance
from ingestion.sample.tariffs import PLANS, Tariffs, plan_array
from ingestion.sample.usage import KINDS, MonthUsage

TAX_PER_MILLE = 82
ACTIVATION_FEE, EQUIPMENT, INSTALMENT, RECOVERY_FEE = 3500, 1200, 2500, 149
INSTALMENT_MONTHS = 24


@dataclass(frozen=True)
class Segments:
    """Parts of a month on one plan: [first, last) local days of a service."""

    service: Ints
    plan: Ints
    first: Ints
    last: Ints


def segments_of(life: Life, people: People, month: int, bounds: Ints) -> Segments:
    """Every service in force in a month, in two parts where its plan changes: the day of change is the new plan's."""
    begin, end = int(bounds[month]), int(bounds[month + 1])
    service = np.flatnonzero(life.plan[:, month] >= 0)
    first = np.maximum(people.activated_day[service], begin)
    last = np.minimum(life.ended_day[service], end)
    plan = life.plan[service, month]
    changes = life.changes[(life.changes[:, 1] >= begin) & (life.changes[:, 1] < end)]
    changed_on = np.full(len(people), NEVER, dtype=np.int64)
    before = np.full(len(people), -1, dtype=np.int64)
    changed_on[changes[:, 0]], before[changes[:, 0]] = changes[:, 1], changes[:, 3]
    split = np.minimum(changed_on[service], NEVER)
    has_two = split < NEVER
    parts = (
        np.concatenate([service[has_two], service]),
        np.concatenate([before[service[has_two]], plan]),
        np.concatenate([first[has_two], np.where(has_two, split, first)]),
        np.concatenate([split[has_two], last]),
    )
    kept = parts[3] > parts[2]
    return Segments(*(part[kept] for part in parts))


def _charge(
    kind: str, service: Ints, plan: Ints, amount: Ints, first: Ints, last: Ints, text: str,
    quantity: np.ndarray | None = None,
) -> pl.DataFrame:  # fmt: skip
    """Charges that are not zero."""
    frame = pl.DataFrame(
        {
            "service": service, "plan": plan, "amount": amount, "first": first, "last": last,
            "quantity": np.ones(len(service)) if quantity is None else quantity,
        }
    ).with_columns(pl.lit(kind).alias("charge_type"), pl.lit(text).alias("description"))  # fmt: skip
    return frame.filter(pl.col("amount") != 0)


def _recurring(segments: Segments, people: People, prices: Ints, whole: int) -> list[pl.DataFrame]:
    """Base prices by days in force, and discounts by days until their last."""
    service, days = segments.service, segments.last - segments.first
    price, length = prices[segments.plan], np.full(len(service), whole, dtype=np.int64)
    amount = share_cents(price, days, length)
    until = np.minimum(segments.last, people.discount_end[service] + 1)
    cut_days = np.maximum(until - segments.first, 0)
    percentage = people.discount_percentage[service]
    by_share = share_cents(price * percentage, cut_days, length * 100)
    by_amount = np.minimum(share_cents(people.discount_cents[service], cut_days, length), amount)
    cut = np.where(percentage > 0, by_share, by_amount)
    return [
        _charge("recurring", service, segments.plan, amount, segments.first, segments.last, "Plan", days / whole),
        _charge(
            "discount", service, segments.plan, -cut, segments.first, np.maximum(until, segments.first), "Discount"
        ),
    ]


def _extras(
    segments: Segments, people: People, life: Life, month: int, bounds: Ints, hardware: Bools
) -> list[pl.DataFrame]:
    """Activation, equipment, handset instalments, recovery fees and fees for leaving early; each once per service."""
    newest = pl.Series(segments.service).is_last_distinct().to_numpy()
    service, plan = segments.service[newest], segments.plan[newest]
    first, last = segments.first[newest], segments.last[newest]
    fixed, prepaid, iot = (plan_array(name)[plan].astype(bool) for name in ("is_fixed", "is_prepaid", "is_iot"))
    one = np.ones(len(service), dtype=np.int64)
    is_new = (people.activated_day[service] >= bounds[month]) & (people.activated_day[service] < bounds[month + 1])
    has_data = np.array(["data" in p.includes for p in PLANS])[plan]
    age = (bounds[month] - people.activated_day[service]) / 30.4
    rents = fixed & has_data & hardware[service]
    pays_off = ~fixed & ~prepaid & ~iot & hardware[service] & (age < INSTALMENT_MONTHS)
    has_voice = np.array([p.voice_service is not None or "voice" in p.includes for p in PLANS])[plan]
    fee = np.array([p.termination_fee or 0 for p in PLANS])[plan]
    early = (life.ended_day[service] < bounds[month + 1]) & (life.ended_day[service] < people.contract_end[service])
    early &= np.isin(life.reason[service], ("voluntary", "port_out"))
    return [
        _charge("one_time", service, plan, is_new * ~prepaid * ~iot * ACTIVATION_FEE, first, first + 1, "Activation"),
        _charge("equipment", service, plan, rents * EQUIPMENT * one, first, last, "Modem rental"),
        _charge("equipment", service, plan, pays_off * INSTALMENT * one, first, last, "Device instalment"),
        _charge("fee", service, plan, has_voice * ~prepaid * RECOVERY_FEE, first, last, "911 and recovery fee"),
        _charge("one_time", service, plan, early * fee, np.maximum(last - 1, first), last, "Early termination fee"),
    ]


class Rater:
    """Consumption of a month, by segment and kind, to charges."""

    def __init__(self, people: People, life: Life) -> None:
        self.people, self.life = people, life
        provider_zone = np.array([TIME_ZONES.index(p.time_zone) for p in PROVIDERS])
        self.band_zone = provider_zone[plan_array("provider")[people.first_plan]]
        self.may_cost = np.array(
            [
                [rules_of(p, k) is not None and whole_allowance(p, k) is not None for k in KINDS]
                for p in range(len(PLANS))
            ]
        )

    def charges(self, segments: Segments, month: int, whole: int, usage: MonthUsage | None) -> list[pl.DataFrame]:
        """From the records where there are some, else from the month's totals."""
        frame = pl.DataFrame(
            {"segment": np.arange(len(segments.service)), "service": segments.service, "first": segments.first,
             "last": segments.last, "plan": segments.plan}
        )  # fmt: skip
        totals = self._of_records(frame, usage) if usage else self._of_totals(frame, month)
        usage_rows, fee_rows = [], []
        for segment, kind, units, records, calls in totals.iter_rows():
            plan = int(segments.plan[segment])
            days = int(segments.last[segment] - segments.first[segment])
            pairs = [(call["start"], call["seconds"]) for call in calls] if calls else None
            amount, fees = usage_cents(plan, KINDS[kind], units, records, days, whole, pairs)
            if amount:
                usage_rows.append((segment, kind, amount, float(units)))
            if fees:
                fee_rows.append((segment, kind, fees, float(records)))
        return [self._rows(segments, usage_rows, "usage"), self._rows(segments, fee_rows, "connect")]

    @staticmethod
    def _rows(segments: Segments, rows: list[tuple[int, int, int, float]], what: str) -> pl.DataFrame:
        columns = list(zip(*rows, strict=True)) or [(), (), (), ()]
        segment = np.array(columns[0], dtype=np.int64)
        plan = segments.plan[segment]
        frame = _charge(
            "overage", segments.service[segment], plan, np.array(columns[2], dtype=np.int64),
            segments.first[segment], segments.last[segment], "", np.array(columns[3], dtype=np.float64),
        )  # fmt: skip
        kinds = pl.Series([KINDS[k] for k in columns[1]], dtype=pl.String)
        pays_per_use = pl.Series([PLANS[p].minutes == 0 for p in plan], dtype=pl.Boolean)
        if what == "connect":
            text = pl.lit("Connect fees for ") + kinds
            return frame.with_columns(pl.lit("usage").alias("charge_type"), text.alias("description"))
        text = pl.when(pays_per_use).then(pl.lit("Usage of ")).otherwise(pl.lit("Beyond the allowance of ")) + kinds
        kind = pl.when(pays_per_use).then(pl.lit("usage")).otherwise(pl.lit("overage"))
        return frame.with_columns(kind.alias("charge_type"), text.alias("description"))

    def _of_totals(self, frame: pl.DataFrame, month: int) -> pl.DataFrame:
        """Before the detail begins: the month's totals, spread over the segments by days; no increments, no bands."""
        service = frame["service"].to_numpy()
        days = (frame["last"] - frame["first"]).to_numpy()
        whole = np.zeros(len(self.people))
        np.add.at(whole, service, days)
        parts = []
        for kind, totals in enumerate((self.life.data, self.life.voice, self.life.messages)):
            units = (totals[service, month] * days / whole[service]).astype(np.int64)
            costs = self.may_cost[frame["plan"].to_numpy(), kind] & (units > 0)
            records = np.maximum(units // (170 if kind == 1 else 1), 1)
            part = pl.DataFrame({"segment": frame["segment"], "kind": np.full(len(units), kind), "units": units,
                                 "records": records})  # fmt: skip
            parts.append(part.filter(pl.Series(costs)))
        calls = pl.lit(None, pl.List(pl.Struct({"start": pl.Int64, "seconds": pl.Int64}))).alias("calls")
        return pl.concat(parts).with_columns(calls)

    def _of_records(self, frame: pl.DataFrame, usage: MonthUsage) -> pl.DataFrame:
        """Each record rounded up by the rules of the plan that was in force on its local day, then summed."""
        records = pl.DataFrame(
            {"service": usage.service, "kind": usage.kind, "quantity": usage.quantity, "day": usage.local // DAY,
             "local": usage.local}
        )  # fmt: skip
        joined = records.join(frame, on="service").filter(pl.col("day").is_between("first", pl.col("last") - 1))
        plan, kind = joined["plan"].to_numpy(), joined["kind"].to_numpy()
        joined = joined.filter(pl.Series(self.may_cost[plan, kind]))
        plan, kind, units = (joined[name].to_numpy() for name in ("plan", "kind", "quantity"))
        units, has_bands = units.copy(), np.zeros(len(units), dtype=bool)
        for p, k in {(int(a), int(b)) for a, b in zip(plan, kind, strict=True)}:
            rules, own = rules_of(p, KINDS[k]), (plan == p) & (kind == k)
            if rules is not None:
                units[own] = rounded_up(units[own], rules.first_increment, rules.increment)
                has_bands |= own & bool(rules.bands)
        service = joined["service"].to_numpy()
        instants = to_utc(joined["local"].to_numpy(), self.people.time_zone[service])
        start = to_local(instants, self.band_zone[service])
        call = pl.struct(pl.col("start"), pl.col("units").alias("seconds")).filter(pl.col("banded"))
        return (
            joined.with_columns(pl.Series("units", units), pl.Series("start", start), pl.Series("banded", has_bands))
            .sort("segment", "kind", "start")
            .group_by("segment", "kind", maintain_order=True)
            .agg(pl.col("units").sum(), pl.len().cast(pl.Int64).alias("records"), call.alias("calls"))
        )


def month_charges(
    people: People, life: Life, tariffs: Tariffs, rater: Rater, bounds: Ints, month: int, hardware: Bools,
    usage: MonthUsage | None,
) -> pl.DataFrame:  # fmt: skip
    """Every charge of a month without tax, sorted by customer, provider and service."""
    whole = int(bounds[month + 1] - bounds[month])
    segments = segments_of(life, people, month, bounds)
    parts = [
        *_recurring(segments, people, tariffs.prices[:, month], whole),
        *rater.charges(segments, month, whole, usage),
        *_extras(segments, people, life, month, bounds, hardware),
    ]
    return pl.concat(parts, how="vertical_relaxed")


def tax_cents(base: Ints) -> Ints:
    """Tax on a bill's charges after discounts, rounded half to even; nothing on a bill that is a credit."""
    return share_cents(np.maximum(base, 0), np.full(len(base), TAX_PER_MILLE), np.full(len(base), 1000))
