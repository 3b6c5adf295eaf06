"""Performance samples: a day's sample of every element over the history, hourly ones of some over the usage detail.

Not here: the inventory, and when elements fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from ingestion.sample.attacks import Anomaly, hourly_elements, more_hourly_elements, plant, plant_more
from ingestion.sample.clock import DAY, NEVER, Bools, Clock, Floats, Ints, decimals, stamps, to_local, to_utc
from ingestion.sample.customers import People
from ingestion.sample.faults import Faults
from ingestion.sample.inventory import Network
from ingestion.sample.life import FIXED_GROWTH, MOBILE_GROWTH, Life

HOUR = 3600
LOAD_BY_HOUR = np.array(
    [22, 16, 12, 10, 10, 14, 22, 34, 42, 46, 48, 52, 56, 56, 56, 58, 62, 68, 76, 84, 88, 80, 60, 36], dtype=float
) / 88  # fmt: skip
LOAD_BY_WEEKDAY = np.array([0.97, 0.97, 0.98, 1.0, 1.04, 1.06, 1.05])


@dataclass
class Performance:
    """Makes the samples of one month after the other."""

    clock: Clock
    network: Network
    faults: Faults
    people: People
    life: Life
    anomalies: list[Anomaly] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = self.clock.random("performance")
        self.bounds = self.clock.month_bounds()
        self.base, self.load = self._loads(rng)
        self.hourly = hourly_elements(self.network, self.load)
        customers = len(self.people.customer_ids)
        self.more_hourly = more_hourly_elements(self.clock, self.network, self.hourly, customers)
        planted = plant(self.clock, self.hourly, rng)
        watched = np.concatenate([self.hourly, self.more_hourly])
        self.anomalies = planted + plant_more(self.clock, self.network, watched, customers, planted)

    def _loads(self, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """(noise level, busy-hour load in percent of capacity by month) of each element.

        Load follows the subscribers behind the element and the growth of their traffic, over a share of traffic
        that is not from this sample's customers. Most stand at 30 to 75 percent in the end, some fill up.
        """
        count, months = len(self.network.kinds), len(self.bounds) - 1
        subscribers = np.zeros((count, months))
        for month in range(months):
            active = self.life.plan[:, month] >= 0
            np.add.at(subscribers[:, month], self.people.element[active], 1)
        for element in reversed(range(count)):
            if self.network.parent[element] >= 0:
                subscribers[self.network.parent[element]] += subscribers[element]
        relative = (subscribers + 8) / (subscribers[:, -1:] + 8)
        fills = rng.random(count) < 0.1
        last = np.where(fills, rng.uniform(88, 97, count), rng.uniform(28, 74, count))
        extra = np.where(fills, 1.012, 1.0)
        mobile = np.array([kind in ("sector", "cell_site") for kind in self.network.kinds])
        growth = np.where(mobile, MOBILE_GROWTH, FIXED_GROWTH) * extra
        back = np.arange(months) - (months - 1)
        return rng.uniform(0.5, 1.5, count), last[:, None] * growth[:, None] ** back * (0.5 + 0.5 * relative)

    def months(self) -> Iterator[tuple[int, pl.DataFrame]]:
        for month in range(len(self.bounds) - 1):
            rng = self.clock.random(f"performance {month}")
            parts = [self._samples(rng, month, np.arange(len(self.network.kinds)), DAY)]
            if month >= self.clock.detail_month:
                parts.append(self._samples(rng, month, self.hourly, HOUR))
            if month >= self.clock.detail_month and len(self.more_hourly):
                more = self.clock.random(f"more performance {month}")
                parts.append(self._samples(more, month, self.more_hourly, HOUR))
            yield month, pl.concat(parts)

    def _samples(self, rng: np.random.Generator, month: int, elements: Ints, step: int) -> pl.DataFrame:
        """Samples of a month's local days or hours, each as long as its clock says."""
        first, last = int(self.bounds[month]), min(int(self.bounds[month + 1]), self.clock.last_ordinal + 1)
        starts = np.arange(first * DAY, last * DAY, step)
        element = np.repeat(elements, len(starts))
        local = np.tile(starts, len(elements))
        zone = self.network.time_zone[element]
        at = to_utc(local, zone)
        ends = to_utc(local + DAY, zone) if step == DAY else at + HOUR
        day = local // DAY
        kept = (at < NEVER) & (ends <= self.clock.as_of_seconds)
        kept &= (day >= self.faults.live_from[element]) & (day < self.faults.live_to[element])
        element, at, length, local = element[kept], at[kept], (ends - at)[kept], local[kept]
        hour = to_local(at, zone[kept]) // HOUR % 24
        rhythm = np.where(step == DAY, LOAD_BY_HOUR.mean(), LOAD_BY_HOUR[hour])
        noise = rng.normal(1, 0.03 + 0.04 * self.base[element])
        load = self.load[element, month] * rhythm * LOAD_BY_WEEKDAY[(local // DAY + 3) % 7] * noise
        return self._frame(rng, element, at, length, np.clip(load, 0.3, 99.2))

    def _trouble(self, element: Ints, at: Ints, length: Ints) -> tuple[Ints, Bools]:
        """(seconds down, whether the hardware is failing) of each sample."""
        down, failing = np.zeros(len(element), dtype=np.int64), np.zeros(len(element), dtype=bool)
        if not len(at):
            return down, failing
        low, high = int(at.min()), int((at + length).max())
        for fault, hit in zip(self.faults.faults, self.faults.hit, strict=True):
            if fault.start < high and fault.end > low:
                own = np.isin(element, hit)
                down[own] += np.clip(
                    np.minimum(at + length, fault.end)[own] - np.maximum(at, fault.start)[own], 0, None
                )
            if fault.degraded_from < high and fault.end > low:
                failing |= (element == fault.element) & (at + length > fault.degraded_from) & (at < fault.end)
        return np.minimum(down, length), failing

    def _frame(self, rng: np.random.Generator, element: Ints, at: Ints, length: Ints, load: Floats) -> pl.DataFrame:
        """What an element measures under a load: latency and loss grow with it and with failing hardware."""
        count = len(element)
        down, failing = self._trouble(element, at, length)
        up = 1 - down / np.maximum(length, 1)
        factor, users, is_silent = self._oddities(element, at, length)
        load = np.where(is_silent, 0.4, np.clip(load * factor, 0.3, 99.5)) * up
        capacity = self.network.capacity[element]
        queue = load**2 / 260 + np.where(load > 85, (load - 85) * 1.6, 0)
        sick = np.where(failing, rng.gamma(2, 1, count), 0)
        is_cell = np.isin(np.array(self.network.kinds)[element], ("sector", "cell_site"))
        uplink = np.clip(load * rng.uniform(0.35, 0.75, count), 0.1, 100)
        measured = np.where(rng.random(count) < 0.008, np.nan, length - down)
        busy = np.where(
            length > HOUR,
            np.minimum(capacity * load / LOAD_BY_HOUR.mean() * rng.uniform(0.95, 1.08, count) / 100, capacity),
            np.nan,
        )
        loss = np.minimum(rng.gamma(1, 0.02, count) * (1 + queue / 20) + 0.2 * sick, 100)
        radio = np.where(is_cell, 1.0, np.nan)
        connections = load * (2 + 4 * self.base[element]) * users * rng.uniform(0.85, 1.15, count)
        return pl.DataFrame(
            {
                "element_id": self.network.element_ids.gather(element), "measurement_timestamp": stamps(at),
                "interval_seconds": pl.Series(length).cast(pl.String),
                "availability_seconds": decimals(measured, 0).str.strip_suffix(".0"),
                "signal_strength_dbm": decimals(radio * rng.normal(-88, 3, count) - sick, 1),
                "bandwidth_utilization_percentage": decimals(load, 2),
                "throughput_mbps": decimals(capacity * load / 100, 2),
                "uplink_throughput_mbps": decimals(capacity / 4 * uplink / 100, 2),
                "uplink_utilization_percentage": decimals(uplink, 2),
                "prb_downlink_percentage": decimals(radio * np.clip(load * 1.04, 0, 100), 2),
                "prb_uplink_percentage": decimals(radio * uplink, 2),
                "active_users": decimals(connections * 0.3, 1), "busy_hour_throughput_mbps": decimals(busy, 2),
                "latency_ms": decimals(8 + queue + 6 * sick + rng.gamma(2, 1.5, count), 2),
                "jitter_ms": decimals(rng.gamma(2, 0.8, count) + sick, 2),
                "packet_loss_percentage": decimals(loss, 3),
                "error_rate_percentage": decimals(np.minimum(rng.gamma(1, 0.05, count) + 0.9 * sick, 100), 3),
                "connections_count": pl.Series(connections.astype(np.int64)).cast(pl.String),
                "temperature_celsius": decimals(rng.normal(34, 2.5, count) + load / 12 + 4 * sick, 1),
                "cpu_percentage": decimals(np.clip(load * 0.7 + rng.normal(8, 4, count), 0, 100), 1),
            }
        )  # fmt: skip

    def _oddities(self, element: Ints, at: Ints, length: Ints) -> tuple[Floats, Floats, Bools]:
        """(factor on the load, factor on connections, whether a cell is silent) for hourly samples."""
        load, users, silent = np.ones(len(element)), np.ones(len(element)), np.zeros(len(element), dtype=bool)
        for oddity in self.anomalies:
            own = (element == oddity.element) & (at >= oddity.start) & (at < oddity.end) & (length <= HOUR)
            load[own] *= oddity.load_factor
            users[own] *= oddity.connections_factor
            silent |= own & (oddity.kind == "silent_cell")
        return load, users, silent
