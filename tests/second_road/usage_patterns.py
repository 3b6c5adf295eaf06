"""usage_patterns from the usage records, service by service in plain Python.

Not here: dbt's SQL. This follows the columns' descriptions and the rows of reference.usage_segments.
"""

import csv
from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

from tests.second_road.customers import Versions, version_key
from tests.second_road.features import GB
from tests.second_road.world import UNKNOWN, World, cadence

SEGMENTS = Path(__file__).parents[2] / "dbt_project" / "seeds" / "usage_segments.csv"
SHARES = ("roaming_share", "night_share", "business_hours_share", "weekend_share")
DAY = timedelta(days=1)


def _segment(row: dict[str, object]) -> str:
    """The first segment whose conditions are all met."""
    for rule in sorted(csv.DictReader(SEGMENTS.open()), key=lambda rule: int(rule["priority"])):
        limits = [(name, Decimal(limit)) for name, limit in rule.items() if limit and name[:4] in ("min_", "max_")]
        measured = {f"min_{name}": row[name] for name in SHARES} | {
            "max_weekly_gb": row["avg_weekly_gb"],
            "min_weekly_gb": row["avg_weekly_gb"],
            "min_weekly_voice_minutes": row["avg_weekly_voice_minutes"],
        }
        if all(
            measured[name] is not None and (measured[name] <= limit if name[:3] == "max" else measured[name] >= limit)
            for name, limit in limits
        ):
            return rule["segment"]
    raise AssertionError("no segment without conditions")


def _slope(values: list[Decimal]) -> Decimal | None:
    """Of the least-squares line."""
    middle = Decimal(len(values) - 1) / 2
    squares = sum((x - middle) ** 2 for x in range(len(values)))
    average = sum(values) / len(values)
    return sum((x - middle) * (y - average) for x, y in enumerate(values)) / squares if squares else None


def _profile(hours: list[int]) -> dict[str, object]:
    """Shares of the hours of the week; null without data."""
    names = ("hour_of_week_shares", "peak_hour_of_week", *SHARES[1:])
    total = Decimal(sum(hours))
    if not total:
        return dict.fromkeys(names)
    return {
        "hour_of_week_shares": [hour / total for hour in hours],
        "peak_hour_of_week": max(range(168), key=lambda i: (hours[i], -i)),
        "night_share": sum(hours[i] for i in range(168) if i % 24 < 6) / total,
        "business_hours_share": sum(hours[i] for i in range(120) if 9 <= i % 24 < 17) / total,
        "weekend_share": sum(hours[120:]) / total,
    }


def _measures(records: list[tuple], from_date: date, weeks: int) -> dict[str, object]:
    """What a service's records (local time, bytes, roaming, voice seconds) of the weeks come to."""
    gb, hours, roaming, voice = [Decimal(0)] * weeks, [0] * 168, 0, 0
    for at, size, is_roaming, seconds in records:
        if from_date <= at.date() < from_date + 7 * weeks * DAY:
            gb[(at.date() - from_date).days // 7] += size / GB
            hours[at.weekday() * 24 + at.hour] += size
            roaming += size if is_roaming else 0
            voice += seconds
    return {
        "avg_weekly_gb": sum(gb) / weeks,
        "weekly_gb_slope": _slope(gb),
        "avg_weekly_voice_minutes": Decimal(voice) / 60 / weeks,
        "roaming_share": Decimal(roaming) / sum(hours) if sum(hours) else None,
        **_profile(hours),
    }


def usage_patterns(world: World) -> dict[tuple, dict[str, object]]:
    versions, found = Versions(world), {}
    records: dict[str, list[tuple]] = defaultdict(list)
    through, first = {}, {}
    for row in world.feeds["usage_records"].newest_events():
        at, service_id = row["usage_timestamp"], row["service_id"]
        provider_id, local = world.provider_of_service(service_id, at), at.astimezone(world.zone_of_service(service_id))
        records[service_id].append((local, row["data_usage_bytes"], row["is_roaming"], row["voice_seconds"]))
        first[provider_id] = min(local.date(), first.get(provider_id, local.date()))
        if at <= world.as_of:
            through[provider_id] = max(at, through.get(provider_id, at))
    for service_id, all_versions in world.service_versions.items():
        held = world.at(all_versions, world.as_of)
        dated = [v for v in all_versions if not v["is_deleted"]][-1:]
        if not held or not dated[0]["activated_at"] or dated[0]["activated_at"] > world.as_of:
            continue
        if dated[0]["deactivated_at"] and dated[0]["deactivated_at"] <= world.as_of:
            continue
        provider_id, zone = versions.provider(held), world.zone_of_service(held["service_id"])
        newest = through.get(provider_id)
        end = min(world.as_of, newest or world.as_of).astimezone(zone).date()
        to_date = end - end.weekday() * DAY
        begun = dated[0]["activated_at"].astimezone(zone).date()
        since = max(to_date - 91 * DAY, begun, first.get(provider_id, begun))
        weeks = max((to_date - since).days // 7, 0)
        is_stale = newest is None or world.as_of - newest > cadence("usage_records")
        names = ("avg_weekly_gb", "weekly_gb_slope", "avg_weekly_voice_minutes", *SHARES, "hour_of_week_shares",
                 "peak_hour_of_week", "segment")  # fmt: skip
        row = dict.fromkeys(names)
        if weeks and not is_stale:
            row |= _measures(records[service_id], to_date - 7 * weeks * DAY, weeks)
            row["segment"] = _segment(row)
        found[(service_id,)] = row | {
            "service_id": service_id, "service_key": version_key(service_id, all_versions, held),
            "customer_id": held["customer_id"], "provider_id": provider_id, "zone_id": world.zone_id_of_service(held),
            "as_of_at": world.as_of, "data_through_at": newest, "is_stale": is_stale,
            "from_date": to_date - 7 * weeks * DAY, "to_date": to_date, "week_count": weeks,
        }  # fmt: skip
    assert UNKNOWN not in found
    return found
