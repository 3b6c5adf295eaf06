"""The coverage of every zone at month ends and at AS_OF, from the versions of elements and services.

Not here: geometry (coverage), the database.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

import numpy as np
from shapely.geometry.base import BaseGeometry

from orchestration.analytics.coverage import (
    Bools,
    Footprint,
    Places,
    ZoneCover,
    cover_by_provider,
    covered_places,
    zone_cover,
)
from orchestration.analytics.equal_area import Floats
from orchestration.analytics.moments import Moment, month_moments

MONTHS = 24
# Square metres: finer differences are the libraries', not the network's.
AREA_DECIMALS = 6
COLUMNS = (
    "zone_id", "provider_id", "coverage_date", "is_as_of", "is_zone_provider", "elements_in_service_count",
    "elements_covering_count", "zone_area_km2", "covered_area_km2", "covered_area_percentage", "overlap_area_km2",
    "overlapping_provider_count", "tracts_count", "tracts_covered_count", "blocks_count", "blocks_covered_count",
    "households_count", "households_covered_count", "customers_count", "customers_located_count",
    "customers_covered_count",
)  # fmt: skip


class Zone(NamedTuple):
    zone_id: str
    provider_id: str
    time_zone: str
    boundary: str | None


class ElementVersion(NamedTuple):
    """A version of an element; `valid_from` and `valid_to` in seconds of the epoch, infinite at the ends."""

    element_id: str
    provider_id: str
    zone_id: str
    operational_status: str
    installed_on: date | None
    longitude: float | None
    latitude: float | None
    coverage_radius_km: float | None
    coverage_area: str | None
    valid_from: float
    valid_to: float

    def is_in_service(self, moment: Moment) -> bool:
        holds = self.valid_from <= moment.at.timestamp() < self.valid_to
        installed = self.installed_on is None or self.installed_on <= moment.day
        return holds and installed and self.operational_status not in ("planned", "retired")

    def footprint(self) -> Footprint:
        return Footprint(self.provider_id, self.longitude, self.latitude, self.coverage_radius_km, self.coverage_area)


class ServiceVersion(NamedTuple):
    """A version of a service with the place of its address; instants in seconds of the epoch."""

    zone_id: str
    customer_id: str
    service_status: str
    activated_at: float | None
    deactivated_at: float | None
    longitude: float | None
    latitude: float | None
    valid_from: float
    valid_to: float


class Block(NamedTuple):
    zone_id: str
    block_geoid: str
    tract_geoid: str
    longitude: float | None
    latitude: float | None
    households: int | None


@dataclass(frozen=True)
class History:
    """All that coverage is computed from."""

    zones: Sequence[Zone]
    blocks: Sequence[Block]
    elements: Sequence[ElementVersion]
    services: Sequence[ServiceVersion]


def coverage_rows(history: History, as_of: datetime) -> list[list[object]]:
    """The rows in the order of COLUMNS."""
    blocks: dict[str, list[Block]] = {}
    for block in history.blocks:
        blocks.setdefault(block.zone_id, []).append(block)
    services: dict[str, list[ServiceVersion]] = {}
    for service in history.services:
        services.setdefault(service.zone_id, []).append(service)
    shapes = ShapeCache()
    rows: list[list[object]] = []
    for zone in history.zones:
        own = ZoneHistory(zone, blocks.get(zone.zone_id, []), services.get(zone.zone_id, []), shapes)
        for moment in month_moments(as_of, zone.time_zone, MONTHS):
            standing = [element for element in history.elements if element.is_in_service(moment)]
            rows += own.rows_at(moment, standing)
    return rows


class ShapeCache:
    """Areas by what stands: from one month to the next hardly anything changes."""

    def __init__(self) -> None:
        self._covers: dict[tuple[Footprint, ...], dict[str, BaseGeometry]] = {}
        self._zones: dict[tuple[str, tuple[Footprint, ...]], list[ZoneCover]] = {}

    def zone_cover(self, zone: Zone, footprints: tuple[Footprint, ...]) -> list[ZoneCover]:
        key = (zone.zone_id, footprints)
        if key not in self._zones:
            if footprints not in self._covers:
                self._covers[footprints] = cover_by_provider(footprints)
            self._zones[key] = zone_cover(zone.boundary, zone.provider_id, footprints, self._covers[footprints])
        return self._zones[key]


class ZoneHistory:
    """One zone with its blocks and services."""

    def __init__(
        self, zone: Zone, blocks: Sequence[Block], services: Sequence[ServiceVersion], shapes: ShapeCache
    ) -> None:
        self.zone, self.blocks, self.services, self.shapes = zone, blocks, services, shapes
        self.block_places = _places(blocks)
        self.service_places = _places(services)
        names = {name: number for number, name in enumerate(dict.fromkeys(s.customer_id for s in services))}
        self.customers = np.array([names[service.customer_id] for service in services], dtype=np.int64)
        self.suspended = np.array([service.service_status == "suspended" for service in services], dtype=bool)
        self._instants: dict[str, Floats] = {}
        self._covered: dict[tuple[Footprint, ...], tuple[Bools, Bools]] = {}

    def are_in_force(self, at: float) -> Bools:
        """Which versions of services are in force by the dates; suspended only if the one that holds then says so."""
        in_force: Bools = ~self.suspended
        for name, absent in (("activated_at", math.inf), ("valid_from", -math.inf)):
            in_force &= self.instants(name, absent) <= at
        for name in ("deactivated_at", "valid_to"):
            in_force &= self.instants(name, math.inf) > at
        return in_force

    def instants(self, name: str, absent: float) -> Floats:
        """A column of the services as seconds of the epoch."""
        if name not in self._instants:
            values = [getattr(service, name) for service in self.services]
            self._instants[name] = np.array([absent if value is None else value for value in values], dtype=float)
        return self._instants[name]

    def rows_at(self, moment: Moment, standing: Sequence[ElementVersion]) -> list[list[object]]:
        footprints = tuple(element.footprint() for element in standing)
        rows: list[list[object]] = []
        for cover in self.shapes.zone_cover(self.zone, footprints):
            in_zone = [e for e in standing if (e.zone_id, e.provider_id) == (self.zone.zone_id, cover.provider_id)]
            rows.append(
                [
                    self.zone.zone_id, cover.provider_id, moment.day, moment.is_as_of,
                    cover.provider_id == self.zone.provider_id, len(in_zone), cover.elements_covering_count,
                    *_areas(cover), cover.overlapping_provider_count,
                    *self._counts(moment, tuple(f for f in footprints if f.provider_id == cover.provider_id),
                                  is_known=cover.covered_area_km2 is not None),
                ]
            )  # fmt: skip
        return rows

    def _counts(self, moment: Moment, footprints: tuple[Footprint, ...], *, is_known: bool) -> list[int | None]:
        """Tracts, blocks and households with those covered; customers with those located and covered."""
        if footprints not in self._covered:
            self._covered[footprints] = (
                covered_places(footprints, self.block_places), covered_places(footprints, self.service_places)
            )  # fmt: skip
        block_is_covered, service_is_covered = self._covered[footprints]
        covered = [block for block, inside in zip(self.blocks, block_is_covered, strict=True) if inside]
        in_force = self.are_in_force(moment.at.timestamp())
        chosen = (in_force, in_force & ~np.isnan(self.service_places.longitude), in_force & service_is_covered)
        block_counts: list[int | None] = [None] * 6
        if self.blocks:
            parts = (self.blocks, covered)
            tracts, count = ([f(part) for part in parts] for f in (_tracts, len))
            block_counts = [*tracts, *count, *(sum(block.households or 0 for block in part) for part in parts)]
        counts = [*block_counts, *(len(np.unique(self.customers[services])) for services in chosen)]
        # What is covered is not known where nothing says what the elements cover.
        return counts if is_known else [None if index in (1, 3, 5, 8) else n for index, n in enumerate(counts)]


def _tracts(blocks: Sequence[Block]) -> int:
    return len({block.tract_geoid for block in blocks})


def _places(rows: Sequence[Block] | Sequence[ServiceVersion]) -> Places:
    """Unknown coordinates are nowhere: NaN is in no shape and at no distance."""
    return Places(
        np.array([math.nan if row.longitude is None else row.longitude for row in rows], dtype=float),
        np.array([math.nan if row.latitude is None else row.latitude for row in rows], dtype=float),
    )


def _areas(cover: ZoneCover) -> list[float | None]:
    """Area of the zone, covered area, its share in percent, and overlap."""
    zone, covered, overlap = cover.zone_area_km2, cover.covered_area_km2, cover.overlap_area_km2
    share = None if covered is None or not zone else 100 * covered / zone
    return [None if value is None else round(value, AREA_DECIMALS) for value in (zone, covered, share, overlap)]
