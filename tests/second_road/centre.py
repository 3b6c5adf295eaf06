"""noc_dashboard from the rows that count: the operations centre's row of each provider.

Not here: dbt's SQL; this follows the definitions in the descriptions of dashboards.noc_dashboard.
"""

from datetime import UTC, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal

from tests.second_road.network import mean, network_performance_hourly, span_seconds
from tests.second_road.operations import ProviderFigures, is_installed
from tests.second_road.world import World, newest_bills


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
        own = [
            h["operational_status"] for h in held
            if h and h["provider_id"] == self.provider_id and is_installed(h, self.today)
        ]  # fmt: skip
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
        rows = [
            r
            for (_, at), r in network_performance_hourly(self.world).items()
            if at == hour and r["provider_id"] == self.provider_id
        ]
        return {
            **{name: mean([r[column] for r in rows if r[column] is not None]) for name, column in names.items()},
            "max_latency_ms": max((r["max_latency_ms"] for r in rows if r["max_latency_ms"] is not None), default=None),
        }

    def week(self) -> dict[str, object]:
        names = ("avg_customer_download_speed", "avg_service_quality_rating", "speed_complaint_count")
        if not self.fresh("service_quality"):
            return dict.fromkeys(names)
        first, plans = self.last_day - timedelta(days=6), self.world.feeds["service_plans"].versions()
        rows = [r for r in self.of_the_month("service_quality") if first <= r["assessment_date"] <= self.last_day]
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
        for versions in self.world.service_versions.values():
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
        return {"active_services": in_force if known else None}

    def usage_hour(self) -> dict[str, object]:
        if not self.fresh("usage_records"):
            return {"data_usage_tb_last_hour": None, "avg_customer_signal_strength": None}
        end = self.end("usage_records")
        rows = self.between("usage_records", end - timedelta(hours=1), end)
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


def noc_dashboard(world: World) -> dict[str, dict]:
    return {p: CentreFigures(world, p, world.as_of).row() for p in world.providers}
