"""operations_dashboard and the facts' row counts from the rows that count, in plain Python and exact numbers.

Not here: dbt's SQL; this follows the definitions in docs/analysts.md.
"""

from bisect import bisect_left, bisect_right
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal

from tests.second_road.availability import availability_of
from tests.second_road.world import EVENT_FEEDS, World, cadence, newest_bills, provider_events, start_of

CADENCES = {feed: cadence(feed) for feed in EVENT_FEEDS}


def _time_of(event: tuple[datetime, dict]) -> datetime:
    return event[0]


def _days_before(day: date, months: int) -> date:
    """The same day of an earlier month, or its last day."""
    month = day.year * 12 + day.month - 1 - months
    for last in range(day.day, 0, -1):
        try:
            return date(month // 12, month % 12 + 1, last)
        except ValueError:
            continue
    raise AssertionError(day)


def _round(value: Decimal | None, digits: int) -> Decimal | None:
    return None if value is None else value.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def is_installed(element: dict, day: date) -> bool:
    return element["installed_on"] is None or element["installed_on"] <= day


def _mean(values: list[Decimal]) -> Decimal | None:
    return sum(values, Decimal(0)) / len(values) if values else None


class ProviderFigures:
    """The dashboard's row of one provider at an instant."""

    def __init__(self, world: World, provider_id: str, as_of: datetime) -> None:
        self.world, self.provider_id, self.as_of = world, provider_id, as_of
        self.zone = world.zone_of_provider(provider_id)
        self.today = (as_of - timedelta(microseconds=1)).astimezone(self.zone).date()
        self.last_day = as_of.astimezone(self.zone).date() - timedelta(days=1)
        self.events = provider_events(world)[provider_id]
        came = {feed: bisect_right(rows, as_of, key=_time_of) for feed, rows in self.events.items()}
        self.through = {feed: self.events[feed][count - 1][0] for feed, count in came.items() if count}
        self.stale = sorted(feed for feed, at in self.through.items() if as_of - at > CADENCES[feed])

    def between(self, feed: str, start: datetime, end: datetime) -> list[dict]:
        """The rows of the events in [start, end)."""
        rows = self.events[feed]
        first, last = bisect_left(rows, start, key=_time_of), bisect_left(rows, end, key=_time_of)
        return [row for _, row in rows[first:last]]

    def of_the_month(self, feed: str) -> list[dict]:
        """The rows of the events of the last weeks, somewhat more than any window holds."""
        return self.between(feed, self.as_of - timedelta(days=33), self.as_of + timedelta(days=2))

    def fresh(self, feed: str) -> bool:
        return feed in self.through and feed not in self.stale

    def recent(self, day: date) -> bool:
        return self.last_day - timedelta(days=29) <= day <= self.last_day

    def row(self) -> dict[str, object]:
        figures: dict[str, object] = {
            "provider_id": self.provider_id,
            "provider_name": self.world.providers[self.provider_id]["provider_name"],
            "as_of_at": self.as_of,
            "data_through_at": min(self.through.values(), default=None),
            "is_stale": bool(self.stale),
            "stale_feeds": self.stale,
        }
        for part in (self.network, self.quality, self.customers, self.usage, self.billing, self.support):
            figures |= part()
        return figures | self.health(figures)

    def network(self) -> dict[str, object]:
        states = {}
        for element_id, versions in self.world.element_versions.items():
            held = self.world.at(versions, self.as_of)
            if held and held["provider_id"] == self.provider_id and is_installed(held, self.today):
                states[element_id] = held["operational_status"]
        counted = [e for e, state in states.items() if state not in ("planned", "retired")]
        active = sum(states[e] == "active" for e in counted)
        share = _round(Decimal(100 * active) / len(counted), 1) if counted else None
        return {
            "total_network_elements": len(counted) if states else None,
            "active_elements": active if states else None,
            "network_uptime_percentage": share,
            "availability_percentage": self.availability(set(counted)),
        }

    def availability(self, elements: set[str]) -> Decimal | None:
        """Seconds available over seconds known and not down by plan."""
        if not self.fresh("network_performance"):
            return None
        found, month = availability_of(self.world), [self.last_day - timedelta(days=n) for n in range(30)]
        days = [found[element_id, day] for element_id in elements for day in month if (element_id, day) in found]
        expected = sum(row["seconds_measured"] - row["seconds_planned_down"] for row in days)
        down = sum(row["seconds_down"] for row in days)
        return _round(Decimal(100 * (expected - down)) / expected, 3) if expected else None

    def quality(self) -> dict[str, object]:
        rows = [r for r in self.of_the_month("service_quality") if self.recent(r["assessment_date"])]
        speeds = [r["speed_test_download_mbps"] for r in rows if r["speed_test_download_mbps"] is not None]
        ratings = [r["customer_rating"] for r in rows if r["customer_rating"] is not None]
        fresh = self.fresh("service_quality")
        return {
            "avg_download_speed_mbps": _mean(speeds) if fresh else None,
            "avg_customer_satisfaction": _mean(ratings) if fresh else None,
            "slow_speed_reports": sum(speed < 10 for speed in speeds) if fresh else None,
        }

    def customers(self) -> dict[str, object]:
        members = set()
        for versions in self.world.service_versions.values():
            held = self.world.at(versions, self.as_of)
            provider_id = self.world.plan_provider.get(held["plan_id"]) if held else None
            if held and held["created_at"] <= self.as_of and provider_id == self.provider_id:
                members.add(held["customer_id"])
        versions = self.world.feeds["customers"].versions()
        held = [self.world.at(versions[m], self.as_of) for m in members if m in versions]
        new = [
            c
            for c in held
            if c["created_at"] <= self.as_of and self.recent(c["created_at"].astimezone(self.zone).date())
        ]
        known = bool(members)
        return {
            "total_customers": len(members) if known else None,
            "active_customers": sum(c["account_status"] == "active" for c in held) if known else None,
            "new_customers_30d": len(new) if known else None,
        }

    def usage(self) -> dict[str, object]:
        if not self.fresh("usage_records"):
            return dict.fromkeys(("total_data_tb_24h", "total_voice_hours_24h", "avg_signal_strength_24h"))
        end = min(self.as_of, self.through["usage_records"]).replace(minute=0, second=0, microsecond=0)
        rows = self.between("usage_records", end - timedelta(hours=24), end)
        return {
            "total_data_tb_24h": Decimal(sum(r["data_usage_bytes"] for r in rows)) / 2**40,
            "total_voice_hours_24h": Decimal(sum(r["voice_seconds"] for r in rows)) / 3600,
            "avg_signal_strength_24h": _mean(
                [r["signal_strength_dbm"] for r in rows if r["signal_strength_dbm"] is not None]
            ),
        }

    def billing(self) -> dict[str, object]:
        self.bills = [
            r
            for r in self.of_the_month("bills")
            if r["bill_status"] != "draft" and _days_before(self.today, 1) < r["issued_on"] <= self.today
        ]
        paid = [b for b in self.bills if b["paid_on"] and b["paid_on"] <= self.today]
        self.paid_share = Decimal(len(paid)) / len(self.bills) if self.bills and self.fresh("bills") else None
        unpaid = [b for b in self.bills if not b["paid_on"] or b["paid_on"] > self.today]
        fresh = self.fresh("bills")
        return {
            "monthly_revenue": sum((b["total_amount"] for b in self.bills), Decimal(0)) if fresh else None,
            "overdue_bills": sum(b["due_date"] < self.today for b in unpaid) if fresh else None,
            "payment_rate_percentage": _round(100 * self.paid_share, 1) if self.paid_share is not None else None,
        }

    def support(self) -> dict[str, object]:
        rows = {r["ticket_id"]: r for _, r in self.events["support_tickets"]}.values()
        tickets = [r for r in rows if r["created_at"] <= self.as_of]
        recent = [t for t in tickets if self.recent(t["created_at"].astimezone(self.zone).date())]
        hours = [
            Decimal(int((t["resolved_at"] - t["created_at"]) / timedelta(microseconds=1))) / 3_600_000_000
            for t in recent
            if t["resolved_at"] and t["resolved_at"] <= self.as_of
        ]
        fresh = self.fresh("support_tickets")
        return {
            "total_support_tickets": len(recent) if fresh else None,
            "open_tickets": sum(not t["resolved_at"] or t["resolved_at"] > self.as_of for t in tickets)
            if fresh
            else None,
            "avg_resolution_hours": _mean(hours) if fresh else None,
        }

    def health(self, figures: dict) -> dict[str, object]:
        """The source's weights and steps."""
        uptime, rating = figures["network_uptime_percentage"], figures["avg_customer_satisfaction"]
        speed, hours = figures["avg_download_speed_mbps"], figures["avg_resolution_hours"]
        score = (
            (uptime or Decimal(0)) / 100 * 20 + (rating or Decimal(0)) / 5 * 25 + (self.paid_share or Decimal(0)) * 15
        )
        score += 20 if speed is not None and speed >= 50 else 15 if speed is not None and speed >= 25 else 10
        score += 20 if hours is not None and hours <= 24 else 15 if hours is not None and hours <= 48 else 10
        inputs = ("network_uptime_percentage", "avg_customer_satisfaction", "avg_download_speed_mbps",
                  "payment_rate_percentage", "avg_resolution_hours")  # fmt: skip
        return {
            "overall_operations_health_score": _round(score, 1),
            "missing_inputs": [name for name in inputs if figures[name] is None],
        }


def operations_dashboard(world: World) -> dict[str, dict[str, object]]:
    """The dashboard's rows by provider."""
    return {p: ProviderFigures(world, p, world.as_of).row() for p in world.providers}


def operations_daily(world: World) -> dict[tuple[str, date], dict[str, object]]:
    """The rows of every provider's local days that ended by AS_OF, since its first event, by provider and day."""
    found = {}
    for provider_id in world.providers:
        zone = world.zone_of_provider(provider_id)
        began = min(rows[0][0] for rows in provider_events(world)[provider_id].values() if rows)
        # What happens as a day ends has come by its end.
        day = (began - timedelta(microseconds=1)).astimezone(zone).date()
        while (end := start_of(day + timedelta(days=1), zone)) <= world.as_of:
            found[provider_id, day] = {"summary_date": day, **ProviderFigures(world, provider_id, end).row()}
            day += timedelta(days=1)
    return found


def fact_rows(world: World) -> dict[str, int]:
    """How many rows each fact must have."""
    usage = world.feeds["usage_records"].newest_events()
    daily = {
        (
            r["service_id"],
            r["element_id"],
            r["usage_timestamp"].astimezone(world.zone_of_service(r["service_id"])).date(),
        )
        for r in usage
    }
    performance = {
        (r["element_id"], r["measurement_timestamp"].astimezone(world.zone_of_element(r["element_id"])).date())
        for r in world.feeds["network_performance"].newest_events()
    }
    return {
        "fct_usage_event": len(usage),
        "fct_usage_daily": len(daily),
        "fct_network_performance_daily": len(performance),
        "fct_service_quality": len(world.feeds["service_quality"].newest_events()),
        "fct_bill": len(newest_bills(world)),
        "fct_support_ticket": len(world.feeds["support_tickets"].newest()),
        "dim_provider": len(world.providers) + 1,
        "dim_customer_pii": len(world.customers),
        "dim_service_pii": len(world.services),
    }
