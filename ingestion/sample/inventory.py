"""The network's equipment and links: what stands where and serves whom.

Not here: how it is configured (configurations), what happens to it over time, and what it measures.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from ingestion.sample.clock import DAY, Clock, Ints, dates, ordinal, uuids
from ingestion.sample.configurations import first_configuration
from ingestion.sample.geography import ZONES, Geography, founded

# Per provider: head ends with the parts that serve customers, and the plan kinds and technologies that they carry.
ACCESS = {
    0: (("cell_site", "sector"),),
    1: (("cmts", "service_group"),),
    2: (("olt", "pon_port"), ("cell_site", "sector"), ("dslam", "dslam"), ("satellite_gateway", "satellite_gateway")),
}
PARTS_PER_HEAD = 3
VENDORS = ("Nordlink", "Halcyon", "Telebit")
# Types whose capacity in Mbps lies in a range of hundreds.
CAPACITY = {"sector": (3, 9), "pon_port": (24, 26), "service_group": (15, 40), "dslam": (4, 8), "cell_site": (10, 30)}


@dataclass(frozen=True)
class Network:
    """Elements as arrays in the order of the rows; `serves` per (zone, kind of part) are the indices of the leaves."""

    element_ids: pl.Series
    kinds: list[str]
    zone: Ints
    parent: Ints
    capacity: np.ndarray
    installed: Ints
    firmware_age: np.ndarray
    serves_911: np.ndarray
    serves: dict[tuple[int, str], Ints]
    misconfigured: list[dict[str, object]]
    elements: pl.DataFrame
    topology: pl.DataFrame

    @property
    def time_zone(self) -> Ints:
        return np.array([zone.zone_index for zone in ZONES], dtype=np.int64)[self.zone]


def _plan_of_elements(customers: int) -> tuple[list[str], list[int], list[int], list[str]]:
    """Kinds, zones, parents and names of all elements; more customers need more sites."""
    kinds: list[str] = []
    zones: list[int] = []
    parents: list[int] = []
    names: list[str] = []

    def add(kind: str, zone: int, parent: int, name: str) -> int:
        kinds.append(kind)
        zones.append(zone)
        parents.append(parent)
        names.append(name)
        return len(kinds) - 1

    for index, zone in enumerate(ZONES):
        prefix = f"{zone.name[:3].upper()}{index}"
        core = add("core" if zone.kind == "urban" else "switch", index, -1, f"{prefix}-C")
        router = add("router", index, core, f"{prefix}-R1")
        add("router", index, core, f"{prefix}-R2")
        heads = min(3 + customers // 6000, 10) if zone.share >= 0.3 else 2
        for head, part in ACCESS[zone.provider]:
            for site in range(1 if head == part else heads):
                top = add(head, index, router, f"{prefix}-{head[:2].upper()}{site + 1}")
                for number in range(0 if head == part else PARTS_PER_HEAD):
                    add(part, index, top, f"{names[top]}-{number + 1}")
    return kinds, zones, parents, names


def _row(rng: np.random.Generator, kind: str, zone_index: int) -> dict[str, str | None]:
    zone, vendor = ZONES[zone_index], VENDORS[int(rng.integers(3))]
    low, high = CAPACITY.get(kind, (80, 200))
    down = int(rng.integers(low, high)) * 100
    is_cell, is_radio = kind == "cell_site", kind == "sector"
    return {
        "radio_technology": str(rng.choice(["lte", "nr"])) if is_radio else None,
        "frequency_band": str(rng.choice(["n41", "n71", "B66", "B12"])) if is_radio else None,
        "vendor": vendor, "model": f"{vendor[:2].upper()}-{int(rng.integers(100, 140))}",
        "serial_number": f"{vendor[:1]}{int(rng.integers(10**8, 10**9))}",
        "mac_address": "02:" + ":".join(f"{b:02x}" for b in rng.integers(0, 256, 5)),
        "software_version": f"{int(rng.integers(4, 9))}.{int(rng.integers(0, 20))}", "operational_status": "active",
        "latitude": f"{zone.latitude + rng.normal(0, 0.12):.6f}",
        "longitude": f"{zone.longitude + rng.normal(0, 0.12):.6f}",
        "coverage_radius_km": f"{rng.uniform(1.5, 12):.1f}" if is_cell or is_radio else None,
        "capacity_mbps": str(down),
        "capacity_uplink_mbps": str(down if kind == "pon_port" else down // (5 if is_radio else 4)),
        "power_rating_kw": f"{rng.uniform(0.5, 8):.2f}", "backup_power_hours": str(int(rng.choice([0, 4, 8, 8, 24]))),
        "serves_911": str(kind in ("core", "switch") or bool(is_cell and rng.random() < 0.6)).lower(),
    }  # fmt: skip


def _topology(clock: Clock, ids: pl.Series, kinds: list[str], zones: list[int], parents: list[int]) -> pl.DataFrame:
    """A link from each element to its parent, a ring over each provider's cores, second ways for some."""
    rng = clock.random("topology")
    links = [(child, parent) for child, parent in enumerate(parents) if parent >= 0]
    for provider in range(3):
        cores = [i for i, p in enumerate(parents) if p < 0 and ZONES[zones[i]].provider == provider]
        links += list(zip(cores, cores[1:] + cores[:1], strict=True))
    routers = [i for i, kind in enumerate(kinds) if kind == "router"]
    links += [
        (i, second)
        for i, kind in enumerate(kinds)
        if kind in ("olt", "cmts", "cell_site") and rng.random() < 0.4
        for second in routers
        if zones[second] == zones[i] and second != parents[i]
    ]
    ways = {"cell_site": "microwave", "dslam": "copper", "satellite_gateway": "satellite"}
    rows = []
    for source, target in links:
        kind = ways.get(kinds[source], "fiber") if rng.random() < 0.5 else "fiber"
        rows.append(
            {
                "source_element_id": ids[source], "target_element_id": ids[target], "link_type": kind,
                "capacity_mbps": str(int(rng.choice([1000, 10000, 40000]))),
                "latency_ms": f"{rng.gamma(2, 1.2) + (520 if kind == 'satellite' else 0):.2f}",
                "reliability_percentage": f"{100 - rng.gamma(1, 0.03):.3f}",
                "link_status": "degraded" if rng.random() < 0.02 else "active", "updated_at": founded(clock),
            }
        )  # fmt: skip
    return pl.DataFrame(rows).with_columns(uuids(rng, len(rows)).alias("link_id"))


def build_network(clock: Clock, geography: Geography, customers: int) -> Network:
    """Everything that stands; some elements are newer than the history's begin, some near their end of support."""
    rng = clock.random("elements")
    kinds, zones, parents, names = _plan_of_elements(customers)
    count = len(kinds)
    ids = uuids(rng, count)
    installed = ordinal(clock.history_first) - rng.integers(100, 2200, count)
    support = installed + rng.integers(7, 12, count) * 365
    firmware_age = rng.uniform(0, 4, count)
    rows, wrong = [], []
    for i in range(count):
        row = _row(rng, kinds[i], zones[i])
        configuration, faults = first_configuration(rng, str(row["software_version"]))
        if faults:
            wrong.append({"element_id": ids[i], "settings": faults})
        provider = geography.provider_ids[ZONES[zones[i]].provider]
        rows.append(
            {
                "element_id": ids[i], "provider_id": provider, "zone_id": geography.zone_ids[zones[i]],
                "element_name": names[i], "element_type": kinds[i],
                "parent_element_id": ids[parents[i]] if parents[i] >= 0 else None, **row,
                "configuration": configuration, "updated_at": founded(clock),
            }
        )  # fmt: skip
    elements = pl.DataFrame(rows, infer_schema_length=None).with_columns(
        dates(installed).alias("installed_on"), dates(support).alias("end_of_support_on")
    )
    zone = np.array(zones, dtype=np.int64)
    serves = {
        (z, kind): np.array([i for i in range(count) if zones[i] == z and kinds[i] == kind], dtype=np.int64)
        for z in range(len(ZONES))
        for kind in sorted({part for access in ACCESS.values() for _, part in access})
    }
    return Network(
        ids, kinds, zone, np.array(parents, dtype=np.int64),
        elements["capacity_mbps"].cast(pl.Float64).to_numpy(), installed * DAY, firmware_age,
        (elements["serves_911"] == "true").to_numpy(), serves, wrong, elements,
        _topology(clock, ids, kinds, zones, parents),
    )  # fmt: skip
