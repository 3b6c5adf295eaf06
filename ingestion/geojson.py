"""What is wrong with a GeoJSON object (RFC 7946, WGS 84): the first problem and its place in the document.

Not here: which columns hold one and of which types (their shapes say), nor any geometry beyond the form.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

# How many lists stand around a position, and how many positions the innermost one must have.
_NESTING = {
    "Point": (0, 1),
    "MultiPoint": (1, 0),
    "LineString": (1, 2),
    "MultiLineString": (2, 2),
    "Polygon": (2, 4),
    "MultiPolygon": (3, 4),
}
GEOMETRIES = (*_NESTING, "GeometryCollection")
TYPES = (*GEOMETRIES, "Feature", "FeatureCollection")


def problem_of(value: object, allowed: Collection[str] = TYPES) -> str | None:
    """The first problem, as "at <place>: expected …, found …"; None for a good object of an allowed type."""
    return next(_problems(value, allowed, ""), None)


def _problems(value: object, allowed: Collection[str], place: str) -> Iterator[str]:
    kind = value.get("type") if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(kind, str) or kind not in allowed:
        found = f"the type {str(kind)[:40]!r}" if isinstance(value, dict) else type(value).__name__
        yield f"{_at(place)}expected a GeoJSON {' or '.join(allowed)}, found {found}"
    elif kind in _NESTING:
        depth, count = _NESTING[kind]
        yield from _coordinates(value.get("coordinates"), depth, count, f"{place}.coordinates", "Polygon" in kind)
    elif kind == "Feature":
        if value.get("geometry") is not None:
            yield from _problems(value.get("geometry"), GEOMETRIES, f"{place}.geometry")
    else:
        name, types = ("geometries", GEOMETRIES) if kind == "GeometryCollection" else ("features", ("Feature",))
        members = value.get(name)
        if not isinstance(members, list):
            yield f"{_at(f'{place}.{name}')}expected a list"
            return
        for i, member in enumerate(members):
            yield from _problems(member, types, f"{place}.{name}[{i}]")


def _coordinates(value: object, depth: int, count: int, place: str, is_ring: bool) -> Iterator[str]:
    if depth == 0:
        yield from _position(value, place)
        return
    if not isinstance(value, list):
        yield f"{_at(place)}expected a list"
        return
    if depth == 1 and len(value) < count:
        yield f"{_at(place)}expected at least {count} positions, found {len(value)}"
    for i, member in enumerate(value):
        yield from _coordinates(member, depth - 1, count, f"{place}[{i}]", is_ring)
    if depth == 1 and is_ring and value and value[0] != value[-1]:
        yield f"{_at(place)}expected a ring whose last position is its first"


def _position(value: object, place: str) -> Iterator[str]:
    numbers = value if isinstance(value, list) else []
    if len(numbers) < 2 or any(isinstance(n, bool | str | list | dict) or n is None for n in numbers):
        yield f"{_at(place)}expected a position [longitude, latitude]"
    elif not -180 <= numbers[0] <= 180:
        yield f"{_at(place)}expected a longitude from -180 to 180, found {numbers[0]}"
    elif not -90 <= numbers[1] <= 90:
        yield f"{_at(place)}expected a latitude from -90 to 90, found {numbers[1]}"


def _at(place: str) -> str:
    return f"at {place.removeprefix('.')}: " if place else ""
