"""How elements are configured, what is wrong with some, and changes of it over time.

Not here: the inventory's other columns, traffic.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ingestion.sample.clock import DAY, NEVER, Clock, stamp

if TYPE_CHECKING:
    from ingestion.sample.inventory import Network

HOUR = 3600
CONFIGURATION_FAULTS: tuple[dict[str, object], ...] = (
    {"default_credentials": True},
    {"management_exposed": True},
    {"protocols": ["telnet", "http"]},
    {"snmp_version": "1"},
    {"snmp_version": "2c"},
    {"tls_min_version": "1.0"},
    {"encryption_enabled": False},
    {"ntp_synchronised": False},
)
# Small operators have few changes, large ones one for so many elements.
FEWEST_CHANGES, MANY_CUSTOMERS, ELEMENTS_PER_CHANGE = 3, 5000, 6
KINDS = ("weakened", "restored", "harmless")


@dataclass(frozen=True)
class Change:
    """Settings of an element that change at a UTC second, and back at `until` (NEVER: they stay)."""

    element: int
    kind: str
    at: int
    until: int
    settings: dict[str, object]


def first_configuration(rng: np.random.Generator, firmware: str) -> tuple[str, list[str]]:
    """A configuration, wrong in one or two ways for one element in eight, and the names of what is wrong."""
    own: dict[str, object] = {
        "protocols": ["ssh", "snmp", "https"], "snmp_version": "3", "tls_min_version": "1.2",
        "ciphers": ["TLS_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"], "default_credentials": False,
        "management_exposed": False, "encryption_enabled": True, "firmware_version": firmware,
        "acl_count": int(rng.integers(2, 30)), "ntp_synchronised": True,
    }  # fmt: skip
    wrong: list[str] = []
    if rng.random() < 0.125:
        for index in rng.choice(len(CONFIGURATION_FAULTS), int(rng.integers(1, 3)), replace=False):
            own |= CONFIGURATION_FAULTS[index]
            wrong += CONFIGURATION_FAULTS[index]
    return json.dumps(own), sorted(wrong)


def plan_changes(clock: Clock, network: Network, customers: int) -> list[Change]:
    """Changes of elements that were configured well: one weakened in the last day, one mended, one upgraded, …"""
    rng = clock.random("configuration changes")
    wrong = {str(one["element_id"]) for one in network.misconfigured}
    well = [i for i, element_id in enumerate(network.element_ids) if element_id not in wrong]
    count = len(network.kinds) // ELEMENTS_PER_CHANGE if customers >= MANY_CUSTOMERS else FEWEST_CHANGES
    begin, end = int(clock.month_bounds()[clock.detail_month]) * DAY + 28 * DAY, clock.as_of_seconds
    found = []
    for number, element in enumerate(rng.choice(well, count, replace=False)):
        kind = KINDS[number % 3]
        # The first of each kind is recent.
        at = end - int(rng.integers(2, 20)) * HOUR
        if number >= len(KINDS):
            at = begin + int(rng.integers(0, max(end - begin - 20 * DAY, DAY)))
        elif kind != "weakened":
            at -= 9 * DAY
        until = at + int(rng.integers(1, 9)) * DAY if kind == "restored" else NEVER
        settings = _settings(rng, network, int(element), kind)
        found.append(Change(int(element), kind, at, until, settings))
    return sorted(found, key=lambda change: (change.at, change.element))


def _settings(rng: np.random.Generator, network: Network, element: int, kind: str) -> dict[str, object]:
    """What changes: something weak, fewer access lists, or newer firmware."""
    before = json.loads(network.elements["configuration"][element])
    if kind == "harmless":
        major, minor = str(before["firmware_version"]).split(".")
        return {"firmware_version": f"{major}.{int(minor) + 1}", "acl_count": before["acl_count"] + 1}
    index = int(rng.integers(len(CONFIGURATION_FAULTS) + 1))
    if index == len(CONFIGURATION_FAULTS):
        return {"acl_count": int(before["acl_count"]) // 2}
    return CONFIGURATION_FAULTS[index]


def with_changes(versions: pl.DataFrame, network: Network, changes: list[Change]) -> pl.DataFrame:
    """The versions of elements with those that the changes make, and with what changed in those that follow."""
    found = versions
    for change in changes:
        moments = [(change.at, change.settings)]
        if change.until < NEVER:
            before = json.loads(network.elements["configuration"][change.element])
            moments.append((change.until, {name: before[name] for name in change.settings}))
        for at, settings in moments:
            found = _changed(found, str(network.element_ids[change.element]), str(stamp(at)), settings)
    return found


def _changed(versions: pl.DataFrame, element_id: str, at: str, settings: dict[str, object]) -> pl.DataFrame:
    """One more version of an element from `at` on; versions after it keep the settings."""
    is_own = pl.col("element_id") == element_id
    earlier = versions.filter(is_own, pl.col("updated_at") < at).sort("updated_at").tail(1)
    new = earlier.with_columns(pl.lit(at).alias("updated_at"))
    later = is_own & (pl.col("updated_at") >= at)
    merged = pl.col("configuration").map_elements(
        lambda text: json.dumps({**json.loads(text), **settings}), return_dtype=pl.String
    )
    columns = [pl.when(later).then(merged).otherwise("configuration").alias("configuration")]
    if "firmware_version" in settings:
        firmware = pl.lit(str(settings["firmware_version"]))
        columns.append(pl.when(later).then(firmware).otherwise("software_version").alias("software_version"))
    both = pl.concat([versions, new]).unique(["element_id", "updated_at"], keep="first", maintain_order=True)
    return both.with_columns(columns)
