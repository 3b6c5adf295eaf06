"""All feeds of a landing folder and what belongs to whom: providers, zones, versions, in plain Python.

Not here: dbt's SQL; figures. This follows the definitions in docs/analysts.md.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from tests.second_road.files import Feed, feed_names, read_contract, read_feed

UNKNOWN = "00000000-0000-0000-0000-000000000000"
FOREVER = datetime.max.replace(tzinfo=UTC)
EVENT_FEEDS = ("usage_records", "network_performance", "service_quality", "bills", "support_tickets")


@cache
def cadence(feed: str) -> timedelta:
    contract = read_contract(feed)
    return sum((timedelta(days=int(contract[name].split()[0])) for name in ("expected_every", "grace")), timedelta())


@dataclass
class World:
    """All feeds of a landing folder, and the look-ups that several measures need."""

    feeds: dict[str, Feed]
    as_of: datetime
    reporting_time_zone: str

    def __post_init__(self) -> None:
        self.providers = {row["provider_id"]: row for row in self.feeds["providers"].newest()}
        self.zones = {row["zone_id"]: row for row in self.feeds["service_zones"].newest()}
        self.customers = {row["customer_id"]: row for row in self.feeds["customers"].newest()}
        self.services = {row["service_id"]: row for row in self.feeds["customer_services"].newest()}
        self.elements = {row["element_id"]: row for row in self.feeds["network_elements"].newest()}
        self.plan_provider = {row["plan_id"]: row["provider_id"] for row in self.feeds["service_plans"].newest()}
        self.service_versions = self.feeds["customer_services"].versions()
        self.element_versions = self.feeds["network_elements"].versions()
        self.zone_of_block: dict[tuple[str, str], str] = {}
        for block in self.feeds["census_blocks"].newest_events():
            if zone := self.zones.get(block["zone_id"]):
                place = (block["block_geoid"], zone["provider_id"])
                self.zone_of_block[place] = min(self.zone_of_block.get(place, zone["zone_id"]), zone["zone_id"])

    def zone_of_provider(self, provider_id: str) -> ZoneInfo:
        row = self.providers.get(provider_id)
        if row is None:
            return ZoneInfo(self.reporting_time_zone)
        return ZoneInfo(row["time_zone"] or "America/Chicago")

    def at(self, versions: list[dict], instant: datetime) -> dict | None:
        """The version that holds at an instant; the first holds since ever."""
        held = versions[0]
        for version in versions[1:]:
            if version["updated_at"] <= instant:
                held = version
        return None if held["is_deleted"] else held

    def provider_of_service(self, service_id: str, instant: datetime) -> str:
        versions = self.service_versions.get(service_id)
        version = self.at(versions, instant) if versions else None
        return self.plan_provider.get(version["plan_id"], UNKNOWN) if version else UNKNOWN

    def zone_id_of_service(self, service: dict | None) -> str:
        """Of a service's version: its block's zone at its provider, else its customer's zone of that provider."""
        if service is None:
            return UNKNOWN
        provider_id = self.plan_provider.get(service["plan_id"], UNKNOWN)
        if zone_id := self.zone_of_block.get((service["block_geoid"], provider_id)):
            return zone_id
        customer = self.customers.get(service["customer_id"])
        zone = self.zones.get(customer["service_zone_id"]) if customer else None
        return zone["zone_id"] if zone and zone["provider_id"] == provider_id else UNKNOWN

    def zone_of_service(self, service_id: str) -> ZoneInfo:
        """The zone of a service's local days: that of its newest version, also after its end."""
        versions = [v for v in self.service_versions.get(service_id, []) if not v["is_deleted"]]
        if not versions:
            return ZoneInfo(self.reporting_time_zone)
        zone = self.zones.get(self.zone_id_of_service(versions[-1]))
        if zone and zone["time_zone"]:
            return ZoneInfo(zone["time_zone"])
        return self.zone_of_provider(self.plan_provider.get(versions[-1]["plan_id"], UNKNOWN))

    def zone_of_element(self, element_id: str) -> ZoneInfo:
        element = self.elements.get(element_id)
        if element is None:
            return ZoneInfo(self.reporting_time_zone)
        zone = self.zones.get(element["zone_id"])
        if zone:
            return ZoneInfo(zone["time_zone"]) if zone["time_zone"] else self.zone_of_provider(zone["provider_id"])
        return self.zone_of_provider(element["provider_id"])


def read_world(landing: Path, as_of: datetime, reporting_time_zone: str) -> World:
    return World({name: read_feed(landing, name) for name in feed_names()}, as_of, reporting_time_zone)


def start_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def _day_end(day: date, zone: ZoneInfo) -> datetime:
    return start_of(day + timedelta(days=1), zone) - timedelta(microseconds=1)


def quality_provider(world: World, row: dict) -> str:
    """An assessment's provider: of the version that held as its local day ended."""
    zone = world.zone_of_service(row["service_id"])
    return world.provider_of_service(row["service_id"], _day_end(row["assessment_date"], zone))


def primary_provider(world: World, customer_id: str, at: datetime) -> str:
    """The customer's primary provider: in force then, else of the latest time before, else of the first after."""
    spans = [
        (s["activated_at"], s["deactivated_at"] or FOREVER, world.plan_provider.get(s["plan_id"], UNKNOWN))
        for s in world.services.values()
        if s["customer_id"] == customer_id
        and s["activated_at"]
        and s["activated_at"] < (s["deactivated_at"] or FOREVER)
    ]
    starts = sorted({bound for start, end, _ in spans for bound in (start, end)})
    intervals = []
    for begin, end in pairwise(starts):
        in_force: dict[str, list[datetime]] = defaultdict(list)
        for start, stop, provider in spans:
            if start <= begin and stop >= end:
                in_force[provider].append(start)
        if in_force:
            best = min(in_force, key=lambda p: (-len(in_force[p]), min(in_force[p]), p))
            intervals.append((begin, end, best))
    held = [i for i in intervals if i[0] <= at < i[1]]
    before, after = [i for i in intervals if i[1] <= at], [i for i in intervals if i[0] > at]
    chosen = held or before[-1:] or after[:1]
    return chosen[0][2] if chosen else UNKNOWN


def ticket_provider(world: World, ticket: dict) -> str:
    versions = world.service_versions.get(ticket["service_id"])
    if versions and world.at(versions, ticket["created_at"]):
        return world.provider_of_service(ticket["service_id"], ticket["created_at"])
    return primary_provider(world, ticket["customer_id"], ticket["created_at"])


def newest_bills(world: World) -> list[dict]:
    """The newest issue of each bill."""
    bills: dict[str, dict] = {}
    for row in world.feeds["bills"].newest():
        if row["bill_id"] not in bills or row["bill_version"] > bills[row["bill_id"]]["bill_version"]:
            bills[row["bill_id"]] = row
    return list(bills.values())


def provider_events(world: World) -> dict[str, dict[str, list[tuple[datetime, dict]]]]:
    """Every event of every event feed, by provider, in order: (time, row). A ticket's: its opening and last update."""
    if hasattr(world, "events"):
        return world.events
    found: dict[str, dict[str, list]] = defaultdict(lambda: {feed: [] for feed in EVENT_FEEDS})

    def add(feed: str, provider_id: str, at: datetime, row: dict) -> None:
        found[provider_id][feed].append((at, row))

    for row in world.feeds["usage_records"].newest_events():
        at = row["usage_timestamp"]
        add("usage_records", world.provider_of_service(row["service_id"], at), at, row)
    for row in world.feeds["network_performance"].newest_events():
        element = world.elements.get(row["element_id"])
        if element:
            add("network_performance", element["provider_id"], row["measurement_timestamp"], row)
    for row in world.feeds["service_quality"].newest_events():
        provider_id = quality_provider(world, row)
        add("service_quality", provider_id, start_of(row["assessment_date"], world.zone_of_provider(provider_id)), row)
    for row in newest_bills(world):
        add("bills", row["provider_id"], start_of(row["issued_on"], world.zone_of_provider(row["provider_id"])), row)
    for row in world.feeds["support_tickets"].newest():
        for at in (row["created_at"], row["updated_at"]):
            add("support_tickets", ticket_provider(world, row), at, row)
    for feeds in found.values():
        for rows in feeds.values():
            rows.sort(key=lambda event: event[0])
    world.events = found
    return found
