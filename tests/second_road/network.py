"""The network's facts and dashboards from the rows that count: element-hours, outages, maintenance, operations centre.

Not here: availability (a module of its own); dbt's SQL.
"""

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from tests.second_road.availability import availability_of, key_at, micros, start_of
from tests.second_road.operations import ProviderFigures
from tests.second_road.world import UNKNOWN, World, newest_bills, provider_events

MEANS = {
    "avg_signal_strength_dbm": "signal_strength_dbm",
    "avg_bandwidth_utilization_percentage": "bandwidth_utilization_percentage",
    "avg_uplink_utilization_percentage": "uplink_utilization_percentage",
    "avg_throughput_mbps": "throughput_mbps",
    "avg_uplink_throughput_mbps": "uplink_throughput_mbps",
    "avg_prb_downlink_percentage": "prb_downlink_percentage",
    "avg_prb_uplink_percentage": "prb_uplink_percentage",
    "avg_active_users": "active_users",
    "avg_latency_ms": "latency_ms",
    "avg_jitter_ms": "jitter_ms",
    "avg_packet_loss_percentage": "packet_loss_percentage",
    "avg_error_rate_percentage": "error_rate_percentage",
    "avg_cpu_percentage": "cpu_percentage",
}
EXTREMES = {
    "max_latency_ms": (max, "latency_ms"),
    "min_packet_loss_percentage": (min, "packet_loss_percentage"),
    "max_connections_count": (max, "connections_count"),
    "max_temperature_celsius": (max, "temperature_celsius"),
}


def mean(values: list) -> Decimal | None:
    return sum(values, Decimal(0)) / len(values) if values else None


def belonging(world: World, element_id: str | None, at: int) -> dict[str, str]:
    """Provider and zone of the element's version that held at an instant."""
    held = key_at(world, element_id, at) if element_id in world.element_versions else None
    return {
        "provider_id": held["provider_id"] if held and held["provider_id"] in world.providers else UNKNOWN,
        "zone_id": held["zone_id"] if held and held["zone_id"] in world.zones else UNKNOWN,
    }


def network_performance_hourly(world: World) -> dict[tuple, dict]:
    hours = defaultdict(list)
    for row in world.feeds["network_performance"].newest_events():
        if row["interval_seconds"] < 82_800:
            hour = row["measurement_timestamp"].replace(minute=0, second=0, microsecond=0)
            hours[row["element_id"], hour].append(row)
    found = {}
    for (element_id, hour), rows in hours.items():
        present = {c: [r[c] for r in rows if r[c] is not None] for c in rows[0]}
        found[element_id, hour] = {
            **belonging(world, element_id, micros(hour + timedelta(hours=1)) - 1),
            "sample_count": len(rows),
            "sampled_seconds": sum(present["interval_seconds"]),
            **{name: mean(present[column]) for name, column in MEANS.items()},
            **{name: pick(present[column], default=None) for name, (pick, column) in EXTREMES.items()},
        }
    return found


def percentile(values: list[Decimal], share: float) -> float | None:
    if not values:
        return None
    ordered = sorted(map(float, values))
    place = share * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def performance_view(hours: dict[tuple, dict]) -> dict[tuple, dict]:
    found = {}
    for (element_id, hour), row in hours.items():
        latencies = [
            latency
            for back in range(24)
            if (latency := hours.get((element_id, hour - timedelta(hours=back)), {}).get("avg_latency_ms")) is not None
        ]
        found[element_id, hour] = {
            "provider_id": row["provider_id"],
            "zone_id": row["zone_id"],
            "avg_signal": row["avg_signal_strength_dbm"],
            "avg_bandwidth_utilization": row["avg_bandwidth_utilization_percentage"],
            "max_latency": row["max_latency_ms"],
            "min_packet_loss": row["min_packet_loss_percentage"],
            **{n: row[n] for n in ("sample_count", "avg_latency_ms", "avg_packet_loss_percentage", "avg_throughput_mbps")},
            "latency_hours_24h": len(latencies),
            **{f"latency_p{p}_ms_24h": percentile(latencies, p / 100) for p in (50, 95, 99)},
        }
    return found


def span_seconds(start: datetime | None, end: datetime | None) -> Decimal | None:
    return Decimal(micros(end) - micros(start)) / 1_000_000 if start and end else None


def outages(world: World) -> dict[str, dict]:
    found = {}
    for row in world.feeds["outages"].newest():
        place = belonging(world, row["element_id"], micros(row["outage_start"]))
        lasted = span_seconds(row["outage_start"], row["actual_restoration"])
        customers = row["affected_customers"]
        found[row["outage_id"]] = {
            **{c: v for c, v in row.items() if c not in ("is_deleted", "outage_id")},
            "provider_id": row["provider_id"] if row["provider_id"] in world.providers else UNKNOWN,
            "zone_id": row["zone_id"] if row["zone_id"] in world.zones else place["zone_id"],
            "is_planned": row["outage_type"] == "planned",
            "outage_seconds": lasted,
            "discovery_seconds": span_seconds(row["outage_start"], row["discovered_at"]),
            "affected_customer_minutes": None if None in (lasted, customers) else customers * lasted / 60,
        }
    return found


def maintenance(world: World) -> dict[str, dict]:
    return {
        row["maintenance_id"]: {
            **{c: v for c, v in row.items() if c not in ("is_deleted", "maintenance_id")},
            **belonging(world, row["element_id"], micros(row["started_at"] or row["scheduled_at"])),
            "is_planned": row["maintenance_type"] != "corrective",
            "delay_seconds": span_seconds(row["scheduled_at"], row["started_at"]),
            "maintenance_seconds": span_seconds(row["started_at"], row["completed_at"]),
        }
        for row in world.feeds["maintenance_events"].newest()
    }


def availability(world: World) -> dict[tuple, dict]:
    return {
        (element_id, day): row
        | {"day_start_at": datetime.combine(day, time(), tzinfo=world.zone_of_element(element_id)).astimezone(UTC)}
        | belonging(world, element_id, start_of(world, element_id, day + timedelta(days=1)) - 1)
        for (element_id, day), row in availability_of(world).items()
    }


def cell_quality(world: World) -> dict[tuple, dict]:
    days, reports = defaultdict(list), defaultdict(list)
    for row in world.feeds["usage_records"].newest_events():
        if row["element_id"] is not None and row["signal_strength_dbm"] is not None:
            day = row["usage_timestamp"].astimezone(world.zone_of_service(row["service_id"])).date()
            days[row["element_id"], day].append(row)
    for row in world.feeds["network_performance"].newest_events():
        day = row["measurement_timestamp"].astimezone(world.zone_of_element(row["element_id"])).date()
        reports[row["element_id"], day].append(row)
    names = ("avg_signal_strength_dbm", "avg_throughput_mbps", "avg_latency_ms", "avg_packet_loss_percentage")
    found = {}
    for (element_id, day), rows in days.items():
        if len({r["service_id"] for r in rows}) < 3:
            continue
        samples = reports[element_id, day]
        samples = [s for s in samples if s["interval_seconds"] >= 82_800] or samples
        signal = mean([r["signal_strength_dbm"] for r in rows])
        found[element_id, day] = {
            **belonging(world, element_id, start_of(world, element_id, day + timedelta(days=1)) - 1),
            "services_measured": len({r["service_id"] for r in rows}),
            "signal_sample_count": len(rows),
            "avg_customer_signal_strength_dbm": signal.quantize(Decimal("0.000001"), ROUND_HALF_UP),
            **{n: mean([s[MEANS[n]] for s in samples if s[MEANS[n]] is not None]) for n in names},
        }
    return found


class CentreFigures(ProviderFigures):
    """The operations centre's row of one provider."""

    def row(self) -> dict[str, object]:
        shared = self.network() | self.support()
        figures: dict[str, object] = {
            "provider_name": self.world.providers[self.provider_id]["provider_name"],
            "as_of_at": self.as_of,
            "data_through_at": min(self.through.values(), default=None),
            "is_stale": bool(self.stale),
            "stale_feeds": self.stale,
            "total_elements": shared["total_network_elements"],
            "active_elements": shared["active_elements"],
            "failed_elements": self.failed(),
            "network_availability_percentage": shared["network_uptime_percentage"],
            "availability_percentage": shared["availability_percentage"],
            "high_risk_customers": None,
            "open_support_tickets": shared["open_tickets"],
        }
        for part in (self.outages, self.last_hour, self.week, self.services, self.usage_hour, self.overdue):
            figures |= part()
        return figures | self.centre_health(figures)

    def failed(self) -> int | None:
        held = [self.world.at(versions, self.as_of) for versions in self.world.element_versions.values()]
        own = [h["operational_status"] for h in held if h and h["provider_id"] == self.provider_id]
        return own.count("failed") if own else None

    def outages(self) -> dict[str, object]:
        names = ("active_outages", "total_customers_impacted", "longest_outage_hours")
        own = [
            o for o in self.world.feeds["outages"].newest()
            if o["provider_id"] == self.provider_id and o["outage_start"] <= self.as_of
        ]  # fmt: skip
        active = []
        for outage in own:
            restored = outage["actual_restoration"]
            over = restored <= self.as_of if restored else outage["outage_status"] in ("restored", "closed")
            active += [] if over else [outage]
        if not own or not active:
            return dict(zip(names, (0, 0, None) if own else (None, None, None), strict=True))
        customers = [o["affected_customers"] for o in active if o["affected_customers"] is not None]
        longest = max(span_seconds(o["outage_start"], self.as_of) for o in active) / 3600
        return dict(zip(names, (len(active), sum(customers) if customers else None, longest), strict=True))

    def end(self, feed: str) -> datetime:
        return min(self.as_of, self.through[feed]).replace(minute=0, second=0, microsecond=0)

    def last_hour(self) -> dict[str, object]:
        names = {
            "avg_signal_strength": "avg_signal_strength_dbm",
            "avg_bandwidth_utilization": "avg_bandwidth_utilization_percentage",
            "avg_error_rate": "avg_error_rate_percentage",
        }
        if not self.fresh("network_performance"):
            return dict.fromkeys((*names, "max_latency_ms"))
        hour = self.end("network_performance") - timedelta(hours=1)
        rows = [r for (_, at), r in self.hours.items() if at == hour and r["provider_id"] == self.provider_id]
        return {
            **{name: mean([r[column] for r in rows if r[column] is not None]) for name, column in names.items()},
            "max_latency_ms": max((r["max_latency_ms"] for r in rows if r["max_latency_ms"] is not None), default=None),
        }

    def week(self) -> dict[str, object]:
        names = ("avg_customer_download_speed", "avg_service_quality_rating", "speed_complaint_count")
        if not self.fresh("service_quality"):
            return dict.fromkeys(names)
        first, plans = self.last_day - timedelta(days=6), self.world.feeds["service_plans"].versions()
        rows = [r for _, r in self.events["service_quality"] if first <= r["assessment_date"] <= self.last_day]
        speeds = [r["speed_test_download_mbps"] for r in rows if r["speed_test_download_mbps"] is not None]
        slow = 0
        for row in rows:
            zone = self.world.zone_of_service(row["service_id"])
            next_day = datetime.combine(row["assessment_date"] + timedelta(days=1), time(), tzinfo=zone)
            ended = next_day.astimezone(UTC) - timedelta(microseconds=1)
            service = self.world.at(self.world.service_versions[row["service_id"]], ended)
            plan = self.world.at(plans[service["plan_id"]], ended)
            promised, found = plan["speed_mbps_down"], row["speed_test_download_mbps"]
            slow += promised is not None and found is not None and 2 * found < promised
        ratings = [r["customer_rating"] for r in rows if r["customer_rating"] is not None]
        return dict(zip(names, (mean(speeds), mean(ratings), slow), strict=True))

    def services(self) -> dict[str, object]:
        known = in_force = 0
        for service_id, versions in self.world.service_versions.items():
            held = self.world.at(versions, self.as_of)
            if not held or self.world.plan_provider.get(held["plan_id"]) != self.provider_id:
                continue
            if held["created_at"] > self.as_of:
                continue
            known += 1
            newest = [v for v in versions if not v["is_deleted"]][-1]
            started, ended = newest["activated_at"], newest["deactivated_at"]
            runs = started and started <= self.as_of and (ended is None or ended > self.as_of)
            in_force += bool(runs and held["service_status"] != "suspended")
            assert service_id
        return {"active_services": in_force if known else None}

    def usage_hour(self) -> dict[str, object]:
        if not self.fresh("usage_records"):
            return {"data_usage_tb_last_hour": None, "avg_customer_signal_strength": None}
        end = self.end("usage_records")
        rows = [r for at, r in self.events["usage_records"] if end - timedelta(hours=1) <= at < end]
        signals = [r["signal_strength_dbm"] for r in rows if r["signal_strength_dbm"] is not None]
        return {
            "data_usage_tb_last_hour": Decimal(sum(r["data_usage_bytes"] for r in rows)) / 2**40,
            "avg_customer_signal_strength": mean(signals),
        }

    def overdue(self) -> dict[str, object]:
        opened = [
            b for b in newest_bills(self.world)
            if b["provider_id"] == self.provider_id and b["bill_status"] != "draft" and b["issued_on"] <= self.today
            and (not b["paid_on"] or b["paid_on"] > self.today)
        ]  # fmt: skip
        customers = {b["customer_id"] for b in opened}
        late = {b["customer_id"] for b in opened if b["due_date"] < self.today}
        share = Decimal(100 * len(late)) / len(customers) if customers and self.fresh("bills") else None
        return {"overdue_billing_rate": share and share.quantize(Decimal("0.1"), ROUND_HALF_UP)}

    def centre_health(self, figures: dict) -> dict[str, object]:
        """The source's weights and steps."""
        rating = figures["avg_service_quality_rating"] or Decimal(0)
        impacted, tickets = figures["total_customers_impacted"], figures["open_support_tickets"] or 0
        score = (figures["network_availability_percentage"] or Decimal(0)) / 100 * 25 + rating / 5 * 40
        score += 20 if not figures["active_outages"] else 15 if impacted is not None and impacted < 100 else 5
        score += 15 if tickets < 50 else 10 if tickets < 100 else 5
        inputs = ["network_availability_percentage", "avg_service_quality_rating", "active_outages"]
        inputs += ["total_customers_impacted"] if figures["active_outages"] else []
        return {
            "overall_system_health_score": score.quantize(Decimal("0.1"), ROUND_HALF_UP),
            "missing_inputs": [name for name in (*inputs, "open_support_tickets") if figures[name] is None],
        }


def noc_dashboard(world: World, hours: dict[tuple, dict]) -> dict[str, dict]:
    events, found = provider_events(world), {}
    for provider_id in world.providers:
        figures = CentreFigures(world, events[provider_id], provider_id)
        figures.hours = hours
        found[provider_id] = figures.row()
    return found
