"""Usage that should not be: more frauds, impossible records, records twice, ranges of records that were lost.

Not here: ordinary usage and the first three kinds of fraud (usage). All random numbers are of streams of their own; the
records of the cases come from mediation sources of their own, so that the others keep their running numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ingestion.sample.clock import DAY, NEVER, Bools, Clock, Ints, decimals, flags, stamps, to_local, uuids
from ingestion.sample.customers import People
from ingestion.sample.geography import ZONES
from ingestion.sample.inventory import Network
from ingestion.sample.life import Life
from ingestion.sample.tariffs import PLANS
from ingestion.sample.usage import KINDS, Fraud, MonthUsage, hashed, texts

LINES_PER_CASE = 600
REPEATED_SHARE = 2e-5
# Of sources and months, and the most records of a range.
LOST_SHARE, MOST_LOST = 0.15, 40
GB, MB = 2**30, 2**20
COUNTRIES_ABROAD = ("CU", "LV", "SO")
CASE_KINDS = ("subscription_fraud", "roaming_abuse", "account_takeover", "overlapping_sessions", "distant_cells",
              "impossible_usage")  # fmt: skip


@dataclass(frozen=True)
class Record:
    """One record of a case; `at` in UTC seconds, `session` in seconds."""

    service: int
    kind: int
    quantity: int
    at: int
    element: int
    country: str = "US"
    contact: int = 0
    session: int | None = None
    is_roaming: bool = False


def plant_cases(clock: Clock, people: People, life: Life, taken: list[Fraud]) -> list[Fraud]:
    """As many of each kind as there are six hundreds of mobile lines; no line has two."""
    rng = clock.random("irregular usage")
    talks = np.array([p.kind == "mobile" and {"voice", "data"} <= set(p.includes) for p in PLANS])[people.first_plan]
    begin, end = int(clock.month_bounds()[clock.detail_month]) * DAY, clock.as_of_seconds
    used = np.zeros(len(people), dtype=bool)
    used[[fraud.service for fraud in taken]] = True
    lives = life.ended >= NEVER
    alone = np.bincount(people.customer, minlength=len(people.customer_ids))[people.customer] == 1
    settled = talks & lives & (people.activated < end - 40 * DAY)
    fits = {
        "subscription_fraud": talks & lives & alone & (people.activated > begin) & (people.activated < end - 65 * DAY),
        "account_takeover": talks & (life.reason == "port_out") & (life.ended > begin + 5 * DAY) & ~lives,
        "impossible_usage": talks & np.where(lives, settled, (life.ended > begin) & (life.ended < end - 30 * DAY)),
    }
    cases: list[Fraud] = []
    for kind in CASE_KINDS:
        choices = np.flatnonzero(fits.get(kind, settled) & ~used)
        for service in rng.choice(choices, min(int(talks.sum()) // LINES_PER_CASE, len(choices)), replace=False):
            used[service] = True
            activated, ended = int(people.activated[service]), int(life.ended[service])
            start = max(begin, activated + DAY)
            start += int(rng.integers(0, max(end - 30 * DAY - start, 1)))
            if kind == "subscription_fraud":
                start = activated + 2 * DAY
            if kind == "account_takeover":
                start = ended - int(rng.integers(12, 60)) * 3600
            if kind == "impossible_usage" and ended < NEVER:
                start = ended + int(rng.integers(2, 20)) * DAY
            cases.append(Fraud(int(service), kind, start, start + int(rng.integers(10, 20)) * DAY))
    return cases


@dataclass
class Irregular:
    """Adds the records of cases to a month's usage, repeats some records, and loses some ranges."""

    clock: Clock
    people: People
    life: Life
    network: Network
    devices: pl.Series
    provider: Ints
    cases: list[Fraud]
    # By month, so that a month made twice is known once: rows for the truth.
    errors: dict[int, pl.DataFrame] = field(default_factory=dict)

    def __post_init__(self) -> None:
        rng = self.clock.random("records of cases")
        found = [record for case in self.cases for record in self._records(rng, case)]
        self.records = sorted(
            (one for one in found if one.at < self.clock.as_of_seconds), key=lambda one: (one.at, one.service)
        )
        service = np.array([one.service for one in self.records], dtype=np.int64)
        at = np.array([one.at for one in self.records], dtype=np.int64)
        self.local = to_local(at, self.people.time_zone[service])
        self.number = np.zeros(len(service), dtype=np.int64)
        for source in range(3):
            own = self.provider[service] == source
            self.number[own] = np.arange(int(own.sum()))
        self.ids = uuids(rng, len(service))

    def _records(self, rng: np.random.Generator, case: Fraud) -> list[Record]:
        service, home = case.service, int(self.people.element[case.service])
        days = (case.end - case.start) // DAY
        if case.kind == "subscription_fraud":
            return [
                Record(service, 1, int(rng.gamma(4, 300)) + 60, case.start + day * DAY + int(rng.integers(DAY)), home,
                       str(rng.choice(COUNTRIES_ABROAD)) if rng.random() < 0.5 else "US", int(rng.integers(2**40)))
                for day in range(days) for _ in range(8)
            ]  # fmt: skip
        if case.kind == "roaming_abuse":
            return [
                Record(service, 0, int(rng.gamma(4, GB / 2)), case.start + day * DAY + int(rng.integers(DAY)), home,
                       session=int(rng.integers(1800, 7200)), is_roaming=True)
                for day in range(days) for _ in range(3)
            ]  # fmt: skip
        if case.kind == "overlapping_sessions":
            return [
                Record(service, 0, int(rng.gamma(4, 10 * MB)), case.start + day * DAY + int(rng.integers(1800)), home,
                       session=int(rng.integers(6000, 9000)))
                for day in range(2) for _ in range(5)
            ]  # fmt: skip
        if case.kind == "distant_cells":
            far = self._far_cell(service)
            return [
                Record(service, 1, int(rng.integers(60, 240)), case.start + turn * DAY // 2 + second, cell,
                       contact=service)
                for turn in range(3) for second, cell in ((0, home), (600, far))
            ]  # fmt: skip
        return self._impossible(rng, case, home) if case.kind == "impossible_usage" else []

    def _impossible(self, rng: np.random.Generator, case: Fraud, home: int) -> list[Record]:
        """After the service's end; else more seconds of speech than the call lasted."""
        if int(self.life.ended[case.service]) < NEVER:
            return [Record(case.service, 1, int(rng.integers(60, 900)), case.start + turn * 7200, home,
                           contact=case.service) for turn in range(2)]  # fmt: skip
        speech = int(rng.integers(300, 3000))
        return [Record(case.service, 1, speech, case.start, home, contact=case.service, session=speech // 3)]

    def _far_cell(self, service: int) -> int:
        """A cell of the provider's zone that is farthest from the service's."""
        here, owner = ZONES[int(self.people.zone[service])], int(self.provider[service])
        others = [z for z, zone in enumerate(ZONES) if zone.provider == owner and len(self.network.serves[z, "sector"])]
        far = max(
            others, key=lambda z: abs(ZONES[z].latitude - here.latitude) + abs(ZONES[z].longitude - here.longitude)
        )
        return int(self.network.serves[far, "sector"][0])

    def month(self, month: int, usage: MonthUsage) -> MonthUsage:
        """The month's usage with everything irregular; the bills stand on the same records."""
        usage, lost = self._without_lost(month, usage)
        usage, repeated = self._with_repeated(month, usage)
        self.errors[month] = pl.concat([lost, repeated], how="diagonal")
        bounds = self.clock.month_bounds()
        day = self.local // DAY
        own = np.flatnonzero((day >= bounds[month]) & (day < bounds[month + 1]))
        return _together(usage, self._of_cases(own)) if len(own) else usage

    def _without_lost(self, month: int, usage: MonthUsage) -> tuple[MonthUsage, pl.DataFrame]:
        rng = self.clock.random(f"lost usage {month}")
        source = usage.frame["mediation_source"]
        gone, rows = np.zeros(len(source), dtype=bool), []
        for name in sorted(source.unique()):
            own = np.flatnonzero((source == name).to_numpy())
            chance, length = rng.random(), int(rng.integers(2, max(min(MOST_LOST, len(own) // 100), 3)))
            begin = int(rng.integers(1, max(len(own) - length - 1, 2)))
            lost = own[begin : begin + length]
            if chance < LOST_SHARE and len(own) > length + 2:
                gone[lost] = True
                numbers = usage.frame["source_sequence"].gather(lost).cast(pl.Int64)
                rows.append(("sequence_gap", name, numbers.min(), numbers.max(), len(lost)))
        names = ("kind", "mediation_source", "first_sequence", "last_sequence", "records_count")
        truth = pl.DataFrame(rows, schema=dict(zip(names, (pl.String, pl.String, *[pl.Int64] * 3), strict=True)),
                             orient="row")  # fmt: skip
        return _chosen(usage, ~gone), truth

    def _with_repeated(self, month: int, usage: MonthUsage) -> tuple[MonthUsage, pl.DataFrame]:
        rng = self.clock.random(f"repeated usage {month}")
        twice = _chosen(usage, rng.random(len(usage.service)) < REPEATED_SHARE)
        frame = twice.frame.with_columns(uuids(rng, len(twice.frame)).alias("usage_id"))
        truth = frame.select(
            pl.lit("duplicate_usage_record").alias("kind"), "service_id", "usage_id", "mediation_source",
            pl.col("source_sequence").cast(pl.Int64).alias("first_sequence"),
            pl.col("source_sequence").cast(pl.Int64).alias("last_sequence"), pl.lit(1, pl.Int64).alias("records_count"),
        )  # fmt: skip
        again = MonthUsage(twice.service, twice.kind, twice.quantity, twice.local, frame)
        return _together(usage, again), truth

    def _of_cases(self, own: Ints) -> MonthUsage:
        found = [self.records[int(index)] for index in own]
        service, kind, quantity, at, element = (
            np.array([getattr(one, name) for one in found], dtype=np.int64)
            for name in ("service", "kind", "quantity", "at", "element")
        )
        is_data, roams = kind == 0, np.array([one.is_roaming for one in found])
        speech = np.where(kind == 1, quantity, 0)
        session = np.array([np.nan if one.session is None else one.session for one in found], dtype=np.float64)
        contact = np.array([one.contact for one in found], dtype=np.uint64)
        is_call = pl.Series(~is_data)
        frame = pl.DataFrame(
            {
                "usage_id": self.ids.gather(own), "service_id": self.people.service_ids.gather(service),
                "element_id": self.network.element_ids.gather(element).set(pl.Series(roams), None),
                "device_id": self.devices.gather(service), "usage_timestamp": stamps(at),
                "usage_type": pl.Series(np.array(KINDS)[kind], dtype=pl.String),
                "direction": pl.Series(["out"] * len(own), dtype=pl.String),
                "data_usage_bytes": texts(np.where(is_data, quantity, 0)), "voice_seconds": texts(speech),
                "sms_count": texts(np.where(kind == 2, quantity, 0)),
                "session_seconds": decimals(session, 0).str.strip_suffix(".0"),
                "signal_strength_dbm": pl.Series(["-90.0"] * len(own), dtype=pl.String), "is_roaming": flags(roams),
                "counterparty_hash": hashed(contact).set(~is_call, None),
                "counterparty_country": pl.Series([one.country for one in found]).set(~is_call, None),
                "mediation_source": texts(self.provider[service]).str.replace("^", "mediation-").str.replace("$", "b"),
                "source_sequence": texts(self.number[own]),
            }
        )  # fmt: skip
        return MonthUsage(service, kind, quantity, self.local[own], frame)


def _chosen(usage: MonthUsage, own: Bools) -> MonthUsage:
    rows = usage.frame.filter(pl.Series(own))
    return MonthUsage(usage.service[own], usage.kind[own], usage.quantity[own], usage.local[own], rows)


def _together(first: MonthUsage, second: MonthUsage) -> MonthUsage:
    service, kind, quantity, local = (
        np.concatenate([getattr(first, name), getattr(second, name)])
        for name in ("service", "kind", "quantity", "local")
    )
    return MonthUsage(service, kind, quantity, local, pl.concat([first.frame, second.frame]))
