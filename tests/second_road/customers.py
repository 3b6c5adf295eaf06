"""Orders, campaign contacts, tickets, assessments and provisioning from the rows that count, in plain Python.

Not here: dbt's SQL; features (features.py). This follows DECISIONS.md and the columns' descriptions.
"""

import hashlib
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import UUID

from tests.second_road.world import UNKNOWN, World, cadence, primary_provider

WEEK = timedelta(days=7)


def decimal_hours(length: timedelta) -> Decimal:
    return Decimal(length // timedelta(microseconds=1)) / 3_600_000_000


def version_key(id_: str, versions: list[dict], held: dict | None) -> str:
    """The key of the version that held; that of the unknown member if none did."""
    if held is None:
        id_, since = UNKNOWN, "-Infinity"
    elif held is versions[0]:
        since = "-Infinity"
    else:
        micros = (held["updated_at"] - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
        since = f"{micros // 1_000_000}.{micros % 1_000_000:06d}"
    return str(UUID(hashlib.md5(f"{id_}|{since}".encode()).hexdigest()))


class Versions:
    """All versions of customers, services, plans: who held, under which key."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.customers = world.feeds["customers"].versions()
        self.plans = world.feeds["service_plans"].versions()

    def held(self, versions: dict[str, list[dict]], id_: str | None, at: datetime) -> tuple[dict | None, str]:
        known = versions.get(id_) if id_ else None
        row = self.world.at(known, at) if known else None
        return row, version_key(id_ or UNKNOWN, known or [], row)

    def service(self, id_: str | None, at: datetime) -> tuple[dict | None, str]:
        return self.held(self.world.service_versions, id_, at)

    def provider(self, service: dict) -> str:
        provider_id = self.world.plan_provider.get(service["plan_id"], UNKNOWN)
        return provider_id if provider_id in self.world.providers else UNKNOWN

    def owned(self, row: dict, at: datetime, plans: tuple[str | None, ...] = ()) -> dict[str, object]:
        """Keys, provider and zone of a row that names a customer and perhaps a service."""
        service, service_key = self.service(row["service_id"], at)
        known = [plan["provider_id"] for plan in (self.held(self.plans, p, at)[0] for p in plans) if plan]
        if service:
            provider_id = self.provider(service)
        else:
            provider_id = known[0] if known else primary_provider(self.world, row["customer_id"], at)
        return {
            "customer_id": row["customer_id"],
            "customer_key": self.held(self.customers, row["customer_id"], at)[1],
            "service_id": row["service_id"],
            "service_key": service_key,
            "provider_id": provider_id,
            "zone_id": self.world.zone_id_of_service(service),
        }

    def day(self, provider_id: object, at: datetime | None) -> date | None:
        return at.astimezone(self.world.zone_of_provider(str(provider_id))).date() if at else None


def service_orders(world: World) -> dict[tuple, dict[str, object]]:
    versions, found = Versions(world), {}
    for row in world.feeds["service_orders"].newest():
        at, done = row["requested_at"], row["completed_at"]
        own = versions.owned(row, at, (row["to_plan_id"], row["from_plan_id"]))
        copied = ("order_id", "order_type", "order_status", "from_plan_id", "to_plan_id", "other_carrier",
                  "requested_at", "completed_at", "rejection_reason", "updated_at")  # fmt: skip
        found[(row["order_id"],)] = own | {name: row[name] for name in copied} | {
            "from_plan_key": versions.held(versions.plans, row["from_plan_id"], at)[1],
            "to_plan_key": versions.held(versions.plans, row["to_plan_id"], at)[1],
            "requested_date": versions.day(own["provider_id"], at),
            "completed_date": versions.day(own["provider_id"], done),
            "completion_hours": decimal_hours(done - at) if done else None,
        }  # fmt: skip
    return found


def campaign_contacts(world: World) -> dict[tuple, dict[str, object]]:
    versions, found = Versions(world), {}
    for row in world.feeds["campaign_contacts"].newest():
        own = versions.owned(row, row["contacted_at"])
        rest = {name: value for name, value in row.items() if name != "is_deleted"}
        day = versions.day(own["provider_id"], row["contacted_at"])
        found[(row["contact_id"],)] = rest | own | {"contacted_date": day}
    return found


def support_tickets(world: World) -> dict[tuple, dict[str, object]]:
    versions, found = Versions(world), {}
    rows = world.feeds["support_tickets"].newest()
    asked = defaultdict(list)
    for row in rows:
        asked[row["customer_id"], row["category"]].append((row["created_at"], row["ticket_id"]))
    for row in rows:
        at, answered, done = row["created_at"], row["first_response_at"], row["resolved_at"]
        own = versions.owned(row, at)
        again = row["reopened_count"] or 0
        same = asked[row["customer_id"], row["category"]]
        repeated = done and any((at, row["ticket_id"]) < other and other[0] <= done + WEEK for other in same)
        rest = {name: value for name, value in row.items() if name != "is_deleted"}
        found[(row["ticket_id"],)] = rest | own | {
            "created_date": versions.day(own["provider_id"], at),
            "first_response_hours": decimal_hours(answered - at) if answered else None,
            "resolution_hours": decimal_hours(done - at) if done else None,
            "reopened_count": again,
            "is_first_contact_resolution": again == 0 and not repeated if done else None,
        }  # fmt: skip
    return found


def share_of(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    return 100 * part / whole if part is not None and whole else None


def assessments(world: World) -> dict[tuple, dict[str, object]]:
    versions, found = Versions(world), {}
    for row in world.feeds["service_quality"].newest_events():
        zone = world.zone_of_service(row["service_id"])
        midnight = datetime.combine(row["assessment_date"] + timedelta(days=1), datetime.min.time(), zone)
        at = midnight.astimezone(UTC) - timedelta(microseconds=1)
        service, service_key = versions.service(row["service_id"], at)
        plan, plan_key = versions.held(versions.plans, service["plan_id"] if service else None, at)
        down, up = row["speed_test_download_mbps"], row["speed_test_upload_mbps"]
        promised, promised_up = (plan["speed_mbps_down"], plan["speed_mbps_up"]) if plan else (None, None)
        rest = {name: value for name, value in row.items() if name != "is_deleted"}
        found[(row["assessment_id"],)] = rest | {
            "service_key": service_key,
            "provider_id": versions.provider(service) if service else UNKNOWN,
            "zone_id": world.zone_id_of_service(service),
            "customer_id": service["customer_id"] if service else UNKNOWN,
            "plan_id": service["plan_id"] if service else UNKNOWN,
            "plan_key": plan_key,
            "advertised_download_mbps": promised,
            "advertised_upload_mbps": promised_up,
            "download_speed_percentage": share_of(down, promised),
            "upload_speed_percentage": share_of(up, promised_up),
            "is_below_half_speed": 2 * down < promised if down is not None and promised else None,
        }  # fmt: skip
    return found


def _provisioned(orders: list[dict], month: date) -> dict[str, object]:
    """One provider's month."""
    placed = [o for o in orders if o["requested_date"].replace(day=1) == month]
    done = [o for o in orders if o["completed_date"] and o["completed_date"].replace(day=1) == month]
    kinds = Counter(o["order_type"] for o in done)
    hours = sorted(o["completion_hours"] for o in done if o["order_type"] in ("activation", "port_in"))
    carriers = {
        kind: dict(Counter(o["other_carrier"] or "unknown" for o in done if o["order_type"] == kind))
        for kind in ("port_in", "port_out")
    }
    rejected = [o for o in placed if o["order_status"] == "rejected"]
    return {
        "orders_placed": len(placed),
        "orders_rejected": len(rejected),
        "orders_cancelled": sum(o["order_status"] == "cancelled" for o in placed),
        "activations": kinds["activation"],
        "plan_changes": kinds["plan_change"],
        "terminations": kinds["termination"],
        "port_ins": kinds["port_in"],
        "port_outs": kinds["port_out"],
        "avg_order_to_service_hours": sum(hours, Decimal(0)) / len(hours) if hours else None,
        "median_order_to_service_hours": hours[(len(hours) - 1) // 2] if hours else None,
        "port_ins_by_carrier": carriers["port_in"],
        "port_outs_by_carrier": carriers["port_out"],
        "rejections_by_reason": dict(Counter(o["rejection_reason"] or "unknown" for o in rejected)),
    }


def provisioning_monthly(world: World) -> dict[tuple, dict[str, object]]:
    by_provider = defaultdict(list)
    for row in service_orders(world).values():
        if row["requested_at"] <= world.as_of:
            late = row["completed_at"] and row["completed_at"] > world.as_of
            by_provider[row["provider_id"]].append(row | ({"completed_date": None} if late else {}))
    found = {}
    for provider_id, orders in by_provider.items():
        zone = world.zone_of_provider(provider_id)
        events = [o[n] for o in orders for n in ("requested_at", "completed_at", "updated_at") if o[n]]
        through = max(at for at in events if at <= world.as_of)
        month = min(o["requested_at"] for o in orders).astimezone(zone).date().replace(day=1)
        while month <= through.astimezone(zone).date():
            found[provider_id, month] = {
                "provider_id": provider_id,
                "month_start_date": month,
                "as_of_at": world.as_of,
                "data_through_at": through,
                "is_stale": world.as_of - through > cadence("service_orders"),
                **_provisioned(orders, month),
            }
            month = (month + timedelta(days=32)).replace(day=1)
    return found
