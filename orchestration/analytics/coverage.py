"""How much of a service zone the elements in service cover: area, places, and where providers overlap.

Not here: the projection (equal_area), and which elements were in service when.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

from orchestration.analytics.equal_area import Floats, circle, distance_km, on_plane

MODEL_VERSION = "1"
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Footprint:
    """What one element covers: an area in degrees, or a circle where only its radius is known."""

    provider_id: str
    longitude: float | None = None
    latitude: float | None = None
    radius_km: float | None = None
    area: str | None = None

    def covers(self, places: Places) -> Bools:
        """Which places it covers; a circle by distance, so that its corners do not matter."""
        shape = shape_of(self)
        if shape is None:
            return np.zeros(len(places.longitude), dtype=bool)
        if self.area is None and not (self.longitude is None or self.latitude is None or self.radius_km is None):
            return distance_km(self.longitude, self.latitude, places.longitude, places.latitude) <= self.radius_km
        inside: Bools = shapely.intersects_xy(shape, places.longitude, places.latitude)
        return inside


@dataclass(frozen=True)
class Places:
    """Points in degrees."""

    longitude: Floats
    latitude: Floats


@dataclass(frozen=True)
class ZoneCover:
    """One provider's cover of one zone; None where the zone has no boundary or the provider no known footprint."""

    provider_id: str
    elements_covering_count: int | None
    zone_area_km2: float | None
    covered_area_km2: float | None
    overlap_area_km2: float | None
    overlapping_provider_count: int | None


def geojson_shape(text: str) -> BaseGeometry | None:
    """The geometry of a GeoJSON text of any kind; of a Feature or a collection of them, all of theirs together."""
    value = json.loads(text)
    if value["type"] == "FeatureCollection":
        parts = [geojson_shape(json.dumps(feature)) for feature in value["features"]]
        return shapely.union_all([part for part in parts if part is not None])
    if value["type"] == "Feature":
        return geojson_shape(json.dumps(value["geometry"])) if value["geometry"] else None
    return shapely.make_valid(shapely.from_geojson(text))


@lru_cache(maxsize=20_000)
def shape_of(footprint: Footprint) -> BaseGeometry | None:
    """The covered shape in degrees; None where nothing says what the element covers."""
    if footprint.area is not None:
        shape = geojson_shape(footprint.area)
        return None if shape is None or shape.area == 0 else shape
    if footprint.longitude is None or footprint.latitude is None or not footprint.radius_km:
        return None
    return circle(footprint.longitude, footprint.latitude, footprint.radius_km)


@lru_cache(maxsize=20_000)
def plane_shape_of(footprint: Footprint) -> BaseGeometry | None:
    """The same on the equal-area plane."""
    shape = shape_of(footprint)
    return None if shape is None else on_plane(shape)


def cover_by_provider(footprints: Sequence[Footprint]) -> dict[str, BaseGeometry]:
    """Per provider the union of what its elements cover, on the equal-area plane."""
    shapes: dict[str, list[BaseGeometry]] = {}
    for footprint in footprints:
        shape = plane_shape_of(footprint)
        if shape is not None:
            shapes.setdefault(footprint.provider_id, []).append(shape)
    return {provider_id: shapely.union_all(own) for provider_id, own in shapes.items()}


def zone_cover(
    boundary: str | None, provider_id: str, footprints: Sequence[Footprint], cover: Mapping[str, BaseGeometry]
) -> list[ZoneCover]:
    """The zone's own provider, known footprints or not, and every other one that covers any of it.

    Args:
        boundary: the zone's, as GeoJSON.
        provider_id: the zone's.
        footprints: of all elements in service, of all providers.
        cover: `cover_by_provider` of them.
    """
    ground = None if boundary is None else geojson_shape(boundary)
    if ground is None:
        return [ZoneCover(provider_id, None, None, None, None, None)]
    plane = on_plane(ground)
    shapely.prepare(plane)
    inside = {name: shapely.intersection(plane, shape) for name, shape in cover.items()}
    present = {name for name, shape in inside.items() if shape.area > 0}
    found = []
    for name in sorted(present | {provider_id}):
        if name not in inside:
            found.append(ZoneCover(name, None, float(plane.area), None, None, None))
            continue
        shared = [shapely.intersection(inside[name], inside[other]) for other in sorted(present - {name})]
        found.append(
            ZoneCover(
                provider_id=name,
                elements_covering_count=_covering(plane, footprints, name),
                zone_area_km2=float(plane.area),
                covered_area_km2=float(inside[name].area),
                overlap_area_km2=float(shapely.union_all(shared).area) if shared else 0.0,
                overlapping_provider_count=sum(shape.area > 0 for shape in shared),
            )
        )
    return found


def _covering(plane: BaseGeometry, footprints: Sequence[Footprint], provider_id: str) -> int:
    shapes = [plane_shape_of(footprint) for footprint in footprints if footprint.provider_id == provider_id]
    return int(np.count_nonzero(shapely.intersects(plane, [shape for shape in shapes if shape is not None])))


def covered_places(footprints: Sequence[Footprint], places: Places) -> Bools:
    """Which places any of the footprints covers."""
    covered = np.zeros(len(places.longitude), dtype=bool)
    for footprint in footprints:
        open_ones = np.flatnonzero(~covered)
        rest = Places(places.longitude[open_ones], places.latitude[open_ones])
        covered[open_ones] = footprint.covers(rest)
    return covered
