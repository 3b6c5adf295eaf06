"""Degrees to a plane on which areas are true, and circles on the Earth as polygons.

Not here: what is covered by whom (coverage).
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import shapely
from shapely.geometry.base import BaseGeometry

Floats: TypeAlias = npt.NDArray[np.float64]

# WGS 84.
SEMI_MAJOR_AXIS_KM = 6378.137
FLATTENING = 1 / 298.257223563
ECCENTRICITY = math.sqrt(FLATTENING * (2 - FLATTENING))
# Mean radius R1 of the ellipsoid, for distances.
MEAN_RADIUS_KM = 6371.0088
CIRCLE_POINTS = 128
# A straight line in degrees is bent on the plane unless it runs along a parallel or a meridian.
LONGEST_STRAIGHT_DEGREES = 0.05


def project(longitude: Floats, latitude: Floats) -> tuple[Floats, Floats]:
    """Cylindrical equal-area projection of the ellipsoid on the equator, in km.

    J. P. Snyder, Map Projections: A Working Manual, US Geological Survey Professional Paper 1395 (1987): q by (3-12),
    x and y by (10-14) and (10-15) with standard parallel 0.
    """
    sine = np.sin(np.radians(latitude))
    e = ECCENTRICITY
    q = (1 - e**2) * (sine / (1 - (e * sine) ** 2) - np.log((1 - e * sine) / (1 + e * sine)) / (2 * e))
    return SEMI_MAJOR_AXIS_KM * np.radians(longitude), SEMI_MAJOR_AXIS_KM * q / 2


def on_plane(shape: BaseGeometry) -> BaseGeometry:
    """A shape in degrees, on the plane of `project`; lines that cross themselves are made valid."""

    def each(positions: Floats) -> Floats:
        return np.column_stack(project(positions[:, 0], positions[:, 1]))

    fine = shapely.segmentize(shapely.force_2d(shape), LONGEST_STRAIGHT_DEGREES)
    return shapely.make_valid(shapely.transform(fine, each))


def area_km2(shape: BaseGeometry) -> float:
    """Area of a shape in degrees."""
    return float(on_plane(shape).area)


def distance_km(longitude: float, latitude: float, longitudes: Floats, latitudes: Floats) -> Floats:
    """Great-circle distances from a place to places (haversine formula) on a sphere of the mean radius."""
    own, others = math.radians(latitude), np.radians(latitudes)
    chord = np.sin((others - own) / 2) ** 2
    chord += math.cos(own) * np.cos(others) * np.sin(np.radians(longitudes - longitude) / 2) ** 2
    distances: Floats = 2 * MEAN_RADIUS_KM * np.arcsin(np.sqrt(np.minimum(chord, 1)))
    return distances


def circle(longitude: float, latitude: float, radius_km: float) -> BaseGeometry:
    """The circle around a place as a polygon in degrees whose area is that of the circle, not of a polygon in it."""
    # A regular polygon of n corners at distance r has the area n/2 sin(2 pi/n) r^2.
    step = 2 * math.pi / CIRCLE_POINTS
    reach = radius_km * math.sqrt(step / math.sin(step)) / MEAN_RADIUS_KM
    bearing = np.arange(CIRCLE_POINTS) * step
    start = math.radians(latitude)
    ends = np.arcsin(math.sin(start) * math.cos(reach) + math.cos(start) * math.sin(reach) * np.cos(bearing))
    turned = np.arctan2(
        np.sin(bearing) * math.sin(reach) * math.cos(start), math.cos(reach) - math.sin(start) * np.sin(ends)
    )
    return shapely.Polygon(np.column_stack((longitude + np.degrees(turned), np.degrees(ends))))
