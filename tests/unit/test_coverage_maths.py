"""Coverage: areas by other formulas, places by distances, overlaps by hand, and what holds for any circles."""

import json
import math
from datetime import UTC, date, datetime

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.coverage import Footprint, Places, cover_by_provider, covered_places, zone_cover
from orchestration.analytics.coverage_history import (
    COLUMNS,
    Block,
    ElementVersion,
    History,
    ServiceVersion,
    Zone,
    coverage_rows,
)
from orchestration.analytics.equal_area import area_km2, circle, distance_km
from orchestration.analytics.moments import month_moments

AS_OF = datetime(2026, 10, 1, 5, tzinfo=UTC)
A, B = "a", "b"


def rectangle(west: float, south: float, east: float, north: float) -> str:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return json.dumps({"type": "Polygon", "coordinates": [ring]})


def box_area(west, south, east, north):
    """Area of a rectangle of degrees on WGS 84: the integral of M N cos(latitude), by Simpson's rule."""
    a, e2 = 6378.137, 0.00669437999014
    steps = 200
    angles = np.radians(np.linspace(south, north, steps + 1))
    values = a**2 * (1 - e2) * np.cos(angles) / (1 - e2 * np.sin(angles) ** 2) ** 2
    weights = np.array([1, *([4, 2] * (steps // 2))[: steps - 1], 1])
    integral = math.radians(north - south) / steps / 3 * float((weights * values).sum())
    return math.radians(east - west) * integral


@pytest.mark.parametrize("place", [(-87, 33, -86, 34), (-105, 38.25, -104.3, 38.6), (10, -60, 12, -59), (0, -1, 1, 1)])
def test_area_of_a_rectangle_of_degrees(place):
    assert area_km2(shapely.from_geojson(rectangle(*place))) == pytest.approx(box_area(*place), rel=1e-9)


def test_the_whole_earth():
    # Snyder, table 3: WGS 84 has 510 065 621.7 km2.
    assert area_km2(shapely.from_geojson(rectangle(-180, -90, 180, 90))) == pytest.approx(510_065_621.7, rel=1e-7)


def test_a_slanted_line_is_straight_in_degrees():
    triangle = {"type": "Polygon", "coordinates": [[[-87, 33], [-86, 33], [-87, 34], [-87, 33]]]}
    # The integral over the triangle, in strips.
    strips = 2000
    expected = sum(
        box_area(-87, 33 + i / strips, -87 + 1 - (i + 0.5) / strips, 33 + (i + 1) / strips) for i in range(strips)
    )
    assert area_km2(shapely.from_geojson(json.dumps(triangle))) == pytest.approx(expected, rel=2e-5)


def test_distance_and_circle():
    # A degree of a great circle of the mean radius.
    degree = 6371.0088 * math.pi / 180
    found = distance_km(-86, 33, np.array([-86.0, -86.0, -85.0]), np.array([34.0, 33.0, 33.0]))
    assert found[:2] == pytest.approx([degree, 0])
    assert found[2] == pytest.approx(
        2 * 6371.0088 * math.asin(math.cos(math.radians(33)) * math.sin(math.radians(0.5)))
    )
    shape = circle(-86, 33, 10)
    corners = shapely.get_coordinates(shape)
    distances = distance_km(-86, 33, corners[:, 0], corners[:, 1])
    assert distances == pytest.approx(np.full(len(corners), distances[0]))
    # On the ellipsoid a circle of the sphere is a little larger or smaller, by latitude.
    assert area_km2(shape) == pytest.approx(math.pi * 100, rel=6e-3)


ZONE = rectangle(-87, 33, -86, 34)
LEFT = Footprint(A, area=rectangle(-88, 32, -86.5, 35))
MIDDLE = Footprint(B, area=rectangle(-86.75, 33, -86.25, 34))
FAR = Footprint("c", -80, 33, 5)


def test_overlap_of_two_providers():
    footprints = [LEFT, MIDDLE, FAR]
    of_a, of_b = zone_cover(ZONE, A, footprints, cover_by_provider(footprints))
    whole = box_area(-87, 33, -86, 34)
    assert (of_a.provider_id, of_b.provider_id) == (A, B)
    assert of_a.zone_area_km2 == pytest.approx(whole)
    assert of_a.covered_area_km2 == pytest.approx(whole / 2)
    assert of_b.covered_area_km2 == pytest.approx(whole / 2)
    assert of_a.overlap_area_km2 == pytest.approx(whole / 4)
    assert of_b.overlap_area_km2 == pytest.approx(whole / 4)
    assert (of_a.overlapping_provider_count, of_a.elements_covering_count) == (1, 1)


def test_what_is_not_known_is_none_and_what_is_elsewhere_is_0():
    footprints = [FAR, Footprint("wired")]
    (far,) = zone_cover(ZONE, "c", footprints, cover_by_provider(footprints))
    assert (far.covered_area_km2, far.overlap_area_km2, far.elements_covering_count) == (0, 0, 0)
    (wired,) = zone_cover(ZONE, "wired", footprints, cover_by_provider(footprints))
    assert (wired.covered_area_km2, wired.overlap_area_km2, wired.elements_covering_count) == (None, None, None)
    assert wired.zone_area_km2 == pytest.approx(box_area(-87, 33, -86, 34))
    (unbounded,) = zone_cover(None, A, [LEFT], cover_by_provider([LEFT]))
    assert (unbounded.zone_area_km2, unbounded.covered_area_km2) == (None, None)


def test_shapes_of_every_kind():
    feature = {"type": "Feature", "properties": {}, "geometry": json.loads(LEFT.area)}
    collection = {"type": "FeatureCollection", "features": [feature, {**feature, "geometry": json.loads(MIDDLE.area)}]}
    (cover,) = zone_cover(ZONE, A, [f := Footprint(A, area=json.dumps(collection))], cover_by_provider([f]))
    assert cover.covered_area_km2 == pytest.approx(0.75 * box_area(-87, 33, -86, 34))
    # A point covers nothing that could be measured; a bow-tie covers its two triangles.
    assert cover_by_provider([Footprint(A, area='{"type": "Point", "coordinates": [-86.5, 33.5]}')]) == {}
    bow = {"type": "Polygon", "coordinates": [[[-87, 33], [-86, 34], [-86, 33], [-87, 34], [-87, 33]]]}
    assert cover_by_provider([Footprint(A, area=json.dumps(bow))])[A].area == pytest.approx(
        box_area(-87, 33, -86, 34) / 2, rel=1e-3
    )


CIRCLES = st.lists(
    st.builds(Footprint, st.sampled_from([A, B]), st.floats(-87.2, -85.8), st.floats(32.8, 34.2), st.floats(0.5, 40)),
    min_size=1, max_size=6,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(CIRCLES, st.lists(st.tuples(st.floats(-87, -86), st.floats(33, 34)), min_size=1, max_size=20))
def test_what_holds_for_any_circles(footprints, points):
    covers = {c.provider_id: c for c in zone_cover(ZONE, A, footprints, cover_by_provider(footprints))}
    zone_area = covers[A].zone_area_km2
    for cover in covers.values():
        if cover.covered_area_km2 is None:
            continue
        assert 0 <= cover.overlap_area_km2 <= cover.covered_area_km2 * (1 + 1e-9) <= zone_area * (1 + 1e-8)
    known = [c for c in covers.values() if c.covered_area_km2]
    if len(known) == 2:
        # Both see the same overlap, and together they cover no more than the zone.
        assert known[0].overlap_area_km2 == pytest.approx(known[1].overlap_area_km2, abs=1e-6)
        assert sum(c.covered_area_km2 for c in known) - known[0].overlap_area_km2 <= zone_area * (1 + 1e-8)
    # One more element never takes cover away.
    more = [*footprints, Footprint(A, -86.5, 33.5, 20)]
    grown = {c.provider_id: c for c in zone_cover(ZONE, A, more, cover_by_provider(more))}
    assert grown[A].covered_area_km2 >= (covers[A].covered_area_km2 or 0) * (1 - 1e-9)
    places = Places(np.array([p[0] for p in points]), np.array([p[1] for p in points]))
    by_hand = [any(_haversine(f, *point) <= f.radius_km for f in footprints) for point in points]
    assert covered_places(footprints, places).tolist() == by_hand


def _haversine(footprint, longitude, latitude):
    """The spherical law of cosines, by vectors: another formula than the one under test."""

    def vector(lon, lat):
        lon, lat = math.radians(lon), math.radians(lat)
        return (math.cos(lat) * math.cos(lon), math.cos(lat) * math.sin(lon), math.sin(lat))

    one, other = vector(footprint.longitude, footprint.latitude), vector(longitude, latitude)
    cross = math.dist((0, 0, 0), np.cross(one, other))
    return 6371.0088 * math.atan2(cross, sum(x * y for x, y in zip(one, other, strict=True)))


def test_moments_are_month_ends_of_the_zone():
    chicago = month_moments(AS_OF, "America/Chicago", 3)
    assert [m.day for m in chicago] == [date(2026, 7, 31), date(2026, 8, 31), date(2026, 9, 30)]
    # AS_OF is midnight in Chicago: September's end is AS_OF, and only August and July are month ends beside it.
    assert [m.is_as_of for m in chicago] == [False, False, True]
    assert chicago[1].at == datetime(2026, 9, 1, 4, 59, 59, 999999, tzinfo=UTC)
    # In New York the first of October has begun, in winter time an hour's difference more.
    york = month_moments(datetime(2026, 12, 1, 5, 30, tzinfo=UTC), "America/New_York", 2)
    assert [m.day for m in york] == [date(2026, 10, 31), date(2026, 11, 30), date(2026, 12, 1)]
    assert [m.at.hour for m in york] == [3, 4, 5]


def _history():
    def version(frm, to, status="active", installed=date(2020, 1, 1)):
        return ElementVersion("e", A, "z", status, installed, -86.5, 33.5, 10.0, None, frm, to)

    turn = datetime(2026, 9, 15, tzinfo=UTC).timestamp()
    late = ElementVersion("late", A, "z", "active", date(2026, 10, 1), -86.9, 33.1, 10.0, None, -math.inf, math.inf)
    blocks = [
        Block("z", "010730001001000", "01073000100", -86.5, 33.5, 7),
        Block("z", "010730001001001", "01073000100", -86.9, 33.1, 5),
        Block("z", "010730002001000", "01073000200", None, None, None),
    ]
    begun = datetime(2026, 8, 15, tzinfo=UTC).timestamp()
    services = [
        ServiceVersion("z", "c1", "active", begun, None, -86.51, 33.51, -math.inf, math.inf),
        ServiceVersion("z", "c1", "active", begun, None, -86.9, 33.1, -math.inf, math.inf),
        ServiceVersion("z", "c2", "active", begun, turn, -86.5, 33.5, -math.inf, math.inf),
        ServiceVersion("z", "c3", "active", begun, None, None, None, -math.inf, math.inf),
        ServiceVersion("z", "c4", "suspended", begun, None, -86.5, 33.5, -math.inf, math.inf),
    ]
    elements = [version(-math.inf, turn, "planned"), version(turn, math.inf), late]
    return History([Zone("z", A, "America/Chicago", ZONE)], blocks, elements, services)


def test_history_from_versions_and_dates():
    rows = [dict(zip(COLUMNS, row, strict=True)) for row in coverage_rows(_history(), AS_OF)]
    assert len(rows) == 24
    july, august, september = rows[-3:]
    assert july["customers_count"] == 0
    # The element was planned until the middle of September, the late one is installed in October.
    assert (august["elements_in_service_count"], september["elements_in_service_count"]) == (0, 1)
    assert august["covered_area_km2"] is None
    assert september["covered_area_km2"] == pytest.approx(314.16, rel=6e-3)
    assert september["covered_area_percentage"] == pytest.approx(
        100 * september["covered_area_km2"] / september["zone_area_km2"], abs=1e-6
    )
    names = ("tracts", "blocks", "households")
    assert [august[f"{n}_count"] for n in names] == [2, 3, 12]
    assert [august[f"{n}_covered_count"] for n in names] == [None, None, None]
    assert [september[f"{n}_covered_count"] for n in names] == [1, 1, 7]
    # In August c1, c2 and c3 (nowhere); in September c2 has left; the suspended one never counts.
    assert [august[f"customers_{n}count"] for n in ("", "located_", "covered_")] == [3, 2, None]
    assert [september[f"customers_{n}count"] for n in ("", "located_", "covered_")] == [2, 1, 1]
