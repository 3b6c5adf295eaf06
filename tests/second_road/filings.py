"""Subscription files of Form 477 from the landed files, connection by connection, in plain Python.

Not here: dbt's SQL, the packaging. This follows docs/compliance.md.
"""

import math
from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from tests.second_road.world import World, start_of

FIXED_TYPES = ("broadband", "cable", "satellite", "bundle")
VOICE_TYPES = {"switched": 0, "voip_facilities": 1, "voip_over_the_top": 1}
COLLAPSED = {11: 10, 12: 10, 20: 10, 30: 10, 41: 40, 42: 40, 43: 40, 90: 0}
STATES = {"AL": "01", "CO": "08", "GA": "13"}
NEAREST_METRES = 500


def filing_dates(as_of: datetime, time_zone: str, count: int = 2) -> list[date]:
    """The last June 30s and December 31s that were over."""
    day, found = as_of.astimezone(ZoneInfo(time_zone)).date(), []
    while len(found) < count:
        day -= timedelta(days=1)
        if (day.month, day.day) in ((6, 30), (12, 31)):
            found.append(day)
    return found


def _metres(one: tuple[Decimal, Decimal], other: tuple[Decimal, Decimal]) -> float:
    """Great-circle distance of two (longitude, latitude)."""
    (x, y), (u, v) = ([math.radians(float(value)) for value in place] for place in (one, other))
    inside = math.sin((v - y) / 2) ** 2 + math.cos(y) * math.cos(v) * math.sin((u - x) / 2) ** 2
    return 2 * 6371008.8 * math.asin(math.sqrt(inside))


class Filings:
    """The files of one as-of date: rows by (file, provider), and what was left out by reason."""

    def __init__(self, world: World, day: date) -> None:
        self.world, self.day = world, day
        self.plans = world.feeds["service_plans"].versions()
        self.customers = world.feeds["customers"].versions()
        self.devices = {row["device_id"]: row for row in world.feeds["devices"].newest()}
        self.tract_of_location: dict[int, str] = {}
        for row in world.feeds["serviceable_locations"].newest():
            tract, known = row["block_geoid"][:11], self.tract_of_location.get(row["location_id"])
            self.tract_of_location[row["location_id"]] = min(tract, known or tract)
        self.blocks = [
            (row["block_geoid"], (row["longitude"], row["latitude"]))
            for row in world.feeds["census_blocks"].newest_events()
            if row["longitude"] is not None and row["latitude"] is not None
        ]
        self.rows: dict[tuple[str, str], dict[tuple, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0]))
        self.left_out: dict[tuple[str, str, str], int] = defaultdict(int)
        for service_id, versions in world.service_versions.items():
            self._service(service_id, versions)

    def _service(self, service_id: str, versions: list[dict]) -> None:
        kept = [version for version in versions if not version["is_deleted"]]
        if not kept:
            return
        closing = start_of(self.day + timedelta(days=1), self.world.zone_of_service(service_id)) - timedelta(
            microseconds=1
        )
        version, begun, ended = self.world.at(versions, closing), kept[-1]["activated_at"], kept[-1]["deactivated_at"]
        if version is None or begun is None or begun > closing or (ended is not None and ended <= closing):
            return
        sold = self._plan(version["plan_id"], closing)
        if sold is None:
            return
        parts: dict[str, int] = defaultdict(int)
        for part in sold["bundle_components"] or [{"plan_id": sold["plan_id"]}]:
            parts[part["plan_id"]] += part.get("quantity") or 1
        for plan_id, quantity in parts.items():
            plan = self._plan(plan_id, closing)
            if plan is not None:
                self._part(version, plan, quantity * (version["connections"] or 1), not sold["is_business"], closing)

    def _plan(self, plan_id: str, at: datetime) -> dict | None:
        return self.world.at(self.plans[plan_id], at) if plan_id in self.plans else None

    def _count(self, file: str, version: dict, key: tuple, total: int, part: bool, reason: str | None) -> None:
        provider = self.world.plan_provider[version["plan_id"]]
        if reason:
            self.left_out[file, provider, reason] += total
            return
        row = self.rows[file, provider][key]
        row[0] += total
        row[1] += total * part

    def _part(self, version: dict, plan: dict, connections: int, is_consumer: bool, at: datetime) -> None:
        suspended = "suspended" if version["service_status"] == "suspended" else None
        if plan["plan_type"] == "mobile":
            self._mobile(version, plan, connections, is_consumer, suspended, at)
            return
        tract = self._tract(version)
        if plan["plan_type"] in FIXED_TYPES and "data" in plan["includes"]:
            down, up, code = plan["speed_mbps_down"], plan["speed_mbps_up"], plan["technology_code"]
            speeds = [speed for speed in (down, up) if speed is not None]
            reason = suspended
            if not reason and code is not None and 80 <= code <= 88:
                reason = "mobile_technology"
            if not reason and speeds and max(speeds) <= Decimal("0.2"):
                reason = "too_slow"
            key = (tract, COLLAPSED.get(code, code), down, up)
            self._count("fbs", version, key, connections, is_consumer, reason or (None if tract else "no_tract"))
        if "voice" in plan["includes"]:
            kind = VOICE_TYPES.get(plan["voice_service"])
            lines = version["voice_grade_equivalents"] or (plan["voice_lines"] or 1) * connections
            reason = "voice_service_unknown" if kind is None else suspended
            if not reason and version["sold_by"] == "wholesale":
                reason = "wholesale"
            self._count("fvs", version, (tract, kind), lines, is_consumer, reason or (None if tract else "no_tract"))

    def _mobile(
        self, version: dict, plan: dict, lines: int, is_consumer: bool, suspended: str | None, at: datetime
    ) -> None:
        state = STATES.get((version["service_state"] or "").strip().upper())
        if state is None and version["block_geoid"]:
            state = version["block_geoid"][:2]
        if state is None and (customer := self.world.at(self.customers[version["customer_id"]], at)):
            state = STATES.get((customer["state"] or "").strip().upper())
        nowhere = None if state else "no_state"
        if "voice" in plan["includes"]:
            is_direct = version["sold_by"] == "direct"
            self._count("mvs", version, (state,), lines, is_direct, suspended or nowhere)
        device = self.devices.get(version["device_id"])
        is_iot = device is not None and device["device_type"] == "iot"
        is_restricted = (plan["additional_features"] or {}).get("content") == "restricted"
        if "data" in plan["includes"]:
            reason = "iot_or_restricted" if is_iot or is_restricted else suspended or nowhere
            self._count(
                "mbs", version, (state, plan["speed_mbps_down"], plan["speed_mbps_up"]), lines, is_consumer, reason
            )
        elif "voice" not in plan["includes"]:
            self._count("mbs", version, (), lines, is_consumer, "iot_or_restricted")

    def _tract(self, version: dict) -> str | None:
        if version["block_geoid"]:
            return version["block_geoid"][:11]
        if version["tract_geoid"]:
            return version["tract_geoid"][:11]
        if version["bdc_location_id"] in self.tract_of_location:
            return self.tract_of_location[version["bdc_location_id"]]
        if version["service_longitude"] is None or version["service_latitude"] is None:
            return None
        here = (version["service_longitude"], version["service_latitude"])
        near = min(((_metres(place, here), block) for block, place in self.blocks), default=(math.inf, ""))
        return near[1][:11] if near[0] <= NEAREST_METRES else None
