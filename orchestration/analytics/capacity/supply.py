"""What equipment carries in each month: the elements in service then, the planned from their installation on.

Not here: demand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

MEASURES = ("busy_hour_mbps_down", "busy_hour_mbps_up")
OUT_OF_SERVICE = ("planned", "retired")


@dataclass(frozen=True)
class ElementVersion:
    """What was, or will be, known of an element over a span of local days; `valid_to` is exclusive.

    The capacities are in Mbps, None where the inventory does not say.
    """

    element_id: str
    provider_id: str
    zone_id: str
    name: str
    element_type: str
    parent_id: str | None
    status: str
    capacity_mbps_down: float | None
    capacity_mbps_up: float | None
    installed_on: date | None
    valid_from: date
    valid_to: date

    def capacity(self, measure: str) -> float | None:
        """Of one direction, in Mbps."""
        return self.capacity_mbps_down if measure == MEASURES[0] else self.capacity_mbps_up


@dataclass(frozen=True)
class Coming:
    """Equipment that is planned and enters service in a month of the horizon: what it adds, in the measure's unit."""

    element_id: str
    name: str
    installed_on: date
    added: float


@dataclass(frozen=True)
class Supply:
    """Capacity by month of one entity and measure, what the inventory of it rests on, and what is coming.

    `capacities` are None where nothing says them; they contain what is coming from the month on in whose beginning it
    is there.
    """

    capacities: tuple[float | None, ...]
    source: str
    coming: tuple[Coming, ...] = ()


def in_service(version: ElementVersion, day: date) -> bool:
    """Whether the element carries traffic on a day; a planned one from its date of installation on."""
    if version.status == "retired":
        return False
    if version.installed_on is None:
        return version.status != "planned"
    return version.installed_on <= day


def held_on(versions: Sequence[ElementVersion], day: date) -> list[ElementVersion]:
    """The version of each element that held on a day, as far as is known."""
    return [version for version in versions if version.valid_from <= day < version.valid_to]


def leaves(versions: Sequence[ElementVersion], access_types: Collection[str], day: date) -> list[ElementVersion]:
    """The last elements before the customers on a day: in service, of an access type, and no other such one's parent.

    Args:
        versions: of every element the one that held on that day.
        access_types: kinds of elements that customers hang on.
        day: the local day.
    """
    own = [version for version in versions if version.element_type in access_types and in_service(version, day)]
    parents = {version.parent_id for version in own}
    return [version for version in own if version.element_id not in parents]


def ever_leaves(versions: Sequence[ElementVersion], access_types: Collection[str]) -> set[str]:
    """Ids of the elements of an access type that never were the parent of another such one in service."""
    own = [version for version in versions if version.element_type in access_types]
    parents = {version.parent_id for version in own if version.status not in OUT_OF_SERVICE}
    return {version.element_id for version in own} - parents


def leaves_by_month(
    versions: Sequence[ElementVersion], access_types: Collection[str], as_of: date, months: Sequence[date]
) -> tuple[list[ElementVersion], list[list[ElementVersion]], list[ElementVersion]]:
    """The leaves in service on the last day before the horizon, on the first day of each month of it, and the planned.

    A month's capacity is what is there on its first day: what is installed in the middle of a month counts from the
    next on.

    Args:
        versions: all known versions of all elements.
        access_types: kinds of elements that customers hang on.
        as_of: the last local day that is known.
        months: first days of the horizon's months, ascending.
    """
    now = leaves(held_on(versions, as_of), access_types, as_of)
    there = {version.element_id for version in now}
    ahead = [leaves(held_on(versions, month), access_types, month) for month in months]
    coming = {
        version.element_id: version
        for month in ahead
        for version in month
        if version.element_id not in there and version.installed_on is not None
    }
    return now, ahead, sorted(coming.values(), key=lambda version: (str(version.installed_on), version.element_id))


def total(versions: Sequence[ElementVersion], measure: str) -> float | None:
    """The sum of the capacities that are known; None where none is."""
    known = [capacity for version in versions if (capacity := version.capacity(measure)) is not None]
    return sum(known) if known else None


def zone_supplies(
    now: Sequence[ElementVersion],
    ahead: Sequence[Sequence[ElementVersion]],
    coming: Sequence[ElementVersion],
    stated: Mapping[str, float | None],
) -> dict[str, Supply]:
    """A zone's supply by measure: subscribers and both directions of traffic.

    Traffic: the sum over the zone's leaves; a zone without a leaf of known capacity keeps the figure of the inventory.
    Subscribers: the inventory's figure speaks of today's equipment, and goes with the leaves' downlink capacity.

    Args:
        now: the zone's leaves in service at the end of what is known.
        ahead: the same on the first day of each month of the horizon.
        coming: the zone's planned leaves.
        stated: what the inventory says of the zone: capacity_subscribers, density_subscribers (from its density) and
            busy_hour_capacity_mbps.
    """
    found = {}
    for measure in MEASURES:
        sums = [total(month, measure) for month in ahead]
        if any(value is not None for value in sums) or total(now, measure) is not None:
            new = [_coming(version, version.capacity(measure) or 0.0) for version in coming]
            found[measure] = Supply(tuple(value or 0.0 for value in sums), "elements", tuple(new))
        else:
            fixed = stated.get("busy_hour_capacity_mbps") if measure == MEASURES[0] else None
            found[measure] = Supply((fixed,) * len(ahead), "zone" if fixed is not None else "unknown")
    own, density = stated.get("capacity_subscribers"), stated.get("density_subscribers")
    limit = own if own is not None else density
    source = "zone" if own is not None else "density" if density is not None else "unknown"
    present = total(now, MEASURES[0])
    if limit is None or not present:
        found["subscribers"] = Supply((limit,) * len(ahead), source)
        return found
    each = limit / present
    limits = [limit if (value := total(month, MEASURES[0])) is None else value * each for month in ahead]
    new = [_coming(version, (version.capacity(MEASURES[0]) or 0.0) * each) for version in coming]
    found["subscribers"] = Supply(tuple(limits), source, tuple(new))
    return found


def element_supply(
    element: ElementVersion,
    measure: str,
    now: Sequence[ElementVersion],
    coming: Sequence[ElementVersion],
    by_month: Sequence[Mapping[str, ElementVersion]],
) -> Supply:
    """A leaf's supply of one direction: its own capacity, and its share of what is planned beside it.

    A planned leaf of the same kind at the same parent (a new sector of a site, a new port of an OLT) takes load off its
    sisters, in equal shares.

    Args:
        element: in service now.
        measure: of MEASURES.
        now: all leaves in service.
        coming: all planned leaves.
        by_month: per month of the horizon the leaves in service by element_id; without the element its capacity is 0.
    """
    sisters = [other for other in now if _are_sisters(element, other)]
    new = [
        _coming(version, (version.capacity(measure) or 0.0) / max(len(sisters), 1))
        for version in coming
        if _are_sisters(element, version)
    ]
    if element.capacity(measure) is None:
        return Supply((None,) * len(by_month), "unknown")
    capacities = []
    for month in by_month:
        own = month[element.element_id].capacity(measure) if element.element_id in month else 0.0
        relief = sum(one.added for one in new if one.element_id in month)
        capacities.append(None if own is None else own + relief)
    return Supply(tuple(capacities), "elements", tuple(new))


def _are_sisters(one: ElementVersion, other: ElementVersion) -> bool:
    same_place = one.parent_id is not None and one.parent_id == other.parent_id
    return other.element_id == one.element_id or (same_place and one.element_type == other.element_type)


def _coming(version: ElementVersion, added: float) -> Coming:
    assert version.installed_on is not None
    return Coming(version.element_id, version.name, version.installed_on, added)
