"""Usage records: each month's consumption of each service cut into sessions, calls and messages with daily rhythm.

Not here: how much a service uses, and what it costs. One month at a time, so that memory does not grow with the span.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ingestion.sample.clock import DAY, NEVER, Bools, Clock, Floats, Ints, decimals, flags, stamps, to_utc, uuids
from ingestion.sample.customers import People
from ingestion.sample.geography import ZONES
from ingestion.sample.inventory import Network
from ingestion.sample.life import Life
from ingestion.sample.tariffs import PLANS, plan_array

# Records a day in force, before a service's own liveliness; a session stands for several small ones.
RECORDS_PER_DAY = {"data": 0.42, "voice": 0.24, "sms": 0.08}
MOST_RECORDS = 8_000_000
# Weight of each local hour, private and business; weekends of businesses are quiet.
HOURS_PRIVATE = np.array([3, 2, 1, 1, 1, 2, 3, 5, 6, 6, 6, 7, 8, 7, 7, 7, 8, 9, 11, 13, 14, 12, 8, 4], dtype=float)
HOURS_BUSINESS = np.array(
    [1, 1, 1, 1, 1, 2, 4, 8, 12, 13, 13, 12, 10, 12, 13, 12, 11, 8, 4, 3, 2, 2, 1, 1], dtype=float
)
LONGEST_CALL_SECONDS = 4 * 3600
KINDS = ("data", "voice", "sms")
COUNTRIES = ("US", "MX", "CA", "GB", "IN", "CU")
COUNTRY_SHARES = (0.965, 0.015, 0.008, 0.004, 0.006, 0.002)


@dataclass(frozen=True)
class MonthUsage:
    """A month's records: arrays for the billing, and the feed's rows in the order of time."""

    service: Ints
    kind: Ints
    quantity: Ints
    local: Ints
    frame: pl.DataFrame


@dataclass(frozen=True)
class Fraud:
    """A planted fraud: the service, its kind, and the UTC seconds between which it shows."""

    service: int
    kind: str
    start: int
    end: int


@dataclass
class Mediation:
    """Running numbers of the mediation sources, gapless over all months."""

    next_number: dict[int, int] = field(default_factory=dict)

    def number(self, provider: Ints) -> Ints:
        numbers = np.zeros(len(provider), dtype=np.int64)
        for source in np.unique(provider):
            own = provider == source
            start = self.next_number.get(int(source), 0)
            numbers[own] = start + np.arange(int(own.sum()))
            self.next_number[int(source)] = start + int(own.sum())
        return numbers


class UsageMaker:
    """Makes the records of one month after the other."""

    def __init__(
        self, clock: Clock, people: People, life: Life, network: Network, devices: pl.Series, frauds: list[Fraud]
    ) -> None:
        self.clock, self.people, self.life, self.network = clock, people, life, network
        self.devices, self.frauds, self.mediation = devices, frauds, Mediation()
        self.bounds = clock.month_bounds()
        service_months = float((life.plan[:, clock.detail_month :] >= 0).sum())
        expected = service_months * 30.4 * 0.6
        self.granularity = min(1.0, MOST_RECORDS / max(expected, 1))
        self.provider = plan_array("provider")[people.first_plan]
        self.liveliness = clock.random("liveliness").gamma(4, 0.25, len(people)).clip(0.25, 3)

    def months(self) -> Iterator[tuple[int, MonthUsage]]:
        for month in range(self.clock.detail_month, len(self.bounds) - 1):
            yield month, self.month(month)

    def month(self, month: int) -> MonthUsage:
        rng = self.clock.random(f"usage {month}")
        parts = [self._kind(rng, month, index) for index in range(len(KINDS))]
        parts.append(self._frauds(rng, month))
        service, kind, quantity, local = (np.concatenate(column) for column in zip(*parts, strict=True))
        at = to_utc(local, self.people.time_zone[service])
        day = local // DAY
        inside = (at >= self.people.activated[service]) & (at < self.life.ended[service])
        inside &= (day < self.life.ended_day[service]) & (at < self.clock.as_of_seconds)
        order = np.flatnonzero(inside)[np.lexsort((service[inside], at[inside]))]
        service, kind, quantity, local, at = (a[order] for a in (service, kind, quantity, local, at))
        return MonthUsage(service, kind, quantity, local, self._frame(rng, service, kind, quantity, at))

    def _kind(self, rng: np.random.Generator, month: int, kind: int) -> tuple[Ints, Ints, Ints, Ints]:
        """(service, kind, quantity, local second) of one kind's records; quantities sum to the month's consumption."""
        total = (self.life.data, self.life.voice, self.life.messages)[kind][:, month]
        plan = self.life.plan[:, month]
        rate = RECORDS_PER_DAY[KINDS[kind]] * self.granularity
        first = np.maximum(self.bounds[month], self.people.activated_day)
        last = np.minimum(np.minimum(self.bounds[month + 1], self.life.ended_day), self.clock.last_ordinal + 1)
        days = np.maximum(last - first, 0)
        counts = rng.poisson(days * rate * self.liveliness)
        counts = np.where((plan >= 0) & (total > 0) & (days > 0), np.maximum(counts, 1), 0)
        service = np.repeat(np.arange(len(counts)), counts)
        # Heavy tails: few sessions carry most of the bytes.
        weight = rng.lognormal(0, 1.25 if kind == 0 else 0.9, len(service))
        whole = np.zeros(len(counts))
        np.add.at(whole, service, weight)
        quantity = (total[service] * weight / whole[service]).astype(np.int64)
        if KINDS[kind] == "voice":
            quantity = np.minimum(quantity, LONGEST_CALL_SECONDS)
        seconds = self._seconds(
            rng, plan_array("is_business")[np.maximum(plan, 0)][service], first[service], days[service]
        )
        return service, np.full(len(service), kind, dtype=np.int64), np.maximum(quantity, kind > 0), seconds

    def _seconds(self, rng: np.random.Generator, is_business: Bools, first: Ints, days: Ints) -> Ints:
        """Local wall-clock seconds; most of a business's weekend use moves to workdays, mornings at home sleep in."""
        day = first + (rng.random(len(first)) * days).astype(np.int64)
        weekday = (day + 3) % 7
        quiet = is_business & (weekday >= 5) & (rng.random(len(day)) < 0.8)
        workday = day - weekday + rng.integers(0, 5, len(day))
        day = np.where(quiet & (workday >= first), workday, day)
        private = rng.choice(24, len(day), p=HOURS_PRIVATE / HOURS_PRIVATE.sum())
        noon = (weekday >= 5) & (private < 9) & (rng.random(len(day)) < 0.5)
        private = np.where(noon, private + 8, private)
        business = rng.choice(24, len(day), p=HOURS_BUSINESS / HOURS_BUSINESS.sum())
        hour = np.where(is_business, business, private)
        result: Ints = day * DAY + hour * 3600 + rng.integers(0, 3600, len(day))
        return result

    def _frauds(self, rng: np.random.Generator, month: int) -> tuple[Ints, Ints, Ints, Ints]:
        """Records of planted frauds: long calls abroad, or a SIM box's endless outgoing ones."""
        service, quantity, local = [], [], []
        for fraud in self.frauds:
            for day in range(max(int(self.bounds[month]), fraud.start // DAY), int(self.bounds[month + 1])):
                if day * DAY > fraud.end:
                    break
                count = int(rng.poisson({"sim_box": 25, "international": 6}.get(fraud.kind, 4) * self.granularity))
                typical = {"sim_box": 80, "international": 2200}.get(fraud.kind, 600)
                service += [fraud.service] * count
                quantity += (rng.gamma(4, typical / 4, count).astype(np.int64) + 1).tolist()
                local += (day * DAY + rng.integers(0, DAY, count)).tolist()
        ints = [np.array(values, dtype=np.int64) for values in (service, quantity, local)]
        return ints[0], np.ones(len(service), dtype=np.int64), ints[1], ints[2]

    def _is_fraud(self, service: Ints, at: Ints, kind: str) -> Bools:
        found = np.zeros(len(service), dtype=bool)
        for fraud in self.frauds:
            if fraud.kind == kind:
                found |= (service == fraud.service) & (at >= fraud.start) & (at <= fraud.end)
        return found

    def _elements(self, rng: np.random.Generator, service: Ints, is_mobile: Bools) -> Ints:
        """The home cell mostly, another one of the zone for a fifth of mobile usage."""
        element = self.people.element[service].copy()
        moves = is_mobile & (rng.random(len(service)) < 0.2)
        for z in range(len(ZONES)):
            cells = self.network.serves[z, "sector"]
            own = moves & (self.people.zone[service] == z)
            if len(cells):
                element[own] = rng.choice(cells, int(own.sum()))
        return element

    def _frame(self, rng: np.random.Generator, service: Ints, kind: Ints, quantity: Ints, at: Ints) -> pl.DataFrame:
        """Ids, references and text forms."""
        count = len(service)
        is_mobile = np.array([p.kind == "mobile" for p in PLANS])[self.people.first_plan[service]]
        is_data, is_sms = kind == 0, kind == 2
        box, abroad = (self._is_fraud(service, at, name) & (kind == 1) for name in ("sim_box", "international"))
        direction = np.where((rng.random(count) < np.where(is_data, 0.2, 0.55)) | box | abroad, "out", "in")
        country = rng.choice(COUNTRIES, count, p=COUNTRY_SHARES)
        country = np.where(abroad, "CU", np.where(box, "US", country))
        # A line calls few others, a SIM box a new one each time.
        contact = np.where(box, rng.integers(0, 2**40, count), service * 977 + rng.geometric(0.12, count))
        contacts = (contact.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(16)).astype(np.uint64)
        signal = np.where(is_mobile, rng.normal(-92, 9, count).clip(-125, -55), np.nan)
        roams = is_mobile & (rng.random(count) < 0.012)
        element = self.network.element_ids.gather(self._elements(rng, service, is_mobile))
        session = np.where(is_data, rng.lognormal(6.5, 1.2, count), np.nan)
        number = self.mediation.number(self.provider[service])
        is_call = pl.Series(~is_data)
        return pl.DataFrame(
            {
                "usage_id": uuids(rng, count), "service_id": self.people.service_ids.gather(service),
                "element_id": element.set(pl.Series(roams), None),
                "device_id": self.devices.gather(service), "usage_timestamp": stamps(at),
                "usage_type": pl.Series(np.array(KINDS)[kind], dtype=pl.String),
                "direction": pl.Series(direction, dtype=pl.String),
                "data_usage_bytes": texts(np.where(is_data, quantity, 0)),
                "voice_seconds": texts(np.where(kind == 1, quantity, 0)),
                "sms_count": texts(np.where(is_sms, quantity, 0)),
                "session_seconds": decimals(np.floor(session), 0).str.strip_suffix(".0"),
                "signal_strength_dbm": decimals(signal, 1), "is_roaming": flags(roams),
                "counterparty_hash": hashed(contacts).set(~is_call, None),
                "counterparty_country": pl.Series(country, dtype=pl.String).set(~is_call, None),
                "mediation_source": pl.Series(self.provider[service]).cast(pl.String).str.replace("^", "mediation-"),
                "source_sequence": texts(number),
            }
        )  # fmt: skip


def texts(values: Ints | Floats) -> pl.Series:
    return pl.Series(values).cast(pl.String)


def hashed(values: np.ndarray) -> pl.Series:
    """Twelve hexadecimal digits each."""
    raw = values.astype(">u8").view(np.uint8).reshape(-1, 8)[:, 2:]
    text = np.frombuffer(raw.tobytes().hex().encode(), dtype="S12").astype("U12")
    return pl.Series(text, dtype=pl.String)


def plant_frauds(clock: Clock, people: People, life: Life) -> list[Fraud]:
    """One mobile line in two hundred or so is abused for some days of the detail span."""
    rng = clock.random("frauds")
    is_mobile = np.array([p.kind == "mobile" and "voice" in p.includes for p in PLANS])[people.first_plan]
    begin = int(clock.month_bounds()[clock.detail_month]) * DAY
    lives = is_mobile & (people.activated < clock.as_of_seconds - 40 * DAY) & (life.ended >= NEVER)
    choices = np.flatnonzero(lives)
    count = min(max(len(choices) // 200, 3), len(choices))
    frauds = []
    for index, service in enumerate(rng.choice(choices, count, replace=False)):
        kind = ("sim_box", "international", "sim_swap")[index % 3]
        start = max(begin, int(people.activated[service]) + DAY)
        start += int(rng.integers(0, max(clock.as_of_seconds - 25 * DAY - start, 1)))
        frauds.append(Fraud(int(service), kind, start, start + int(rng.integers(3, 14)) * DAY))
    return frauds
