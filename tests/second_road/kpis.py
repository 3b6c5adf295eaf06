"""kpi_monthly from the landed files: every closed month's row with its figures of network, care and bills.

Not here: dbt's SQL; lines, accounts and lifetimes (kpi_lines). This follows docs/kpis.md.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from zoneinfo import ZoneInfo

from tests.second_road import coverage, geography
from tests.second_road.availability import availability_of, key_at, micros, start_of
from tests.second_road.billing import Billing
from tests.second_road.customers import assessments, campaign_contacts, support_tickets
from tests.second_road.kpi_lines import SETTINGS, ZERO, Key, Lines, grouped, keys_of, ratio
from tests.second_road.money import DAY, INSTANT, month_of, next_month
from tests.second_road.money import start_of as local_start
from tests.second_road.network import mean, network_performance_hourly, outages, percentile
from tests.second_road.world import UNKNOWN, World, cadence, provider_events

FEEDS = ("network_performance", "service_quality", "bills", "support_tickets")
OF_CARE = ("first_contact_resolution_percentage", "avg_ticket_rating")
OF_QUALITY = ("avg_assessment_rating", "speed_against_plan_percentage")
OF_COVERAGE = ("covered_area_percentage", "households_covered_percentage")
HOUR = Decimal(3600)


class Kpis:
    """The mart's rows by key: `rows()`."""

    def __init__(self, world: World, covered_since: date = date.min) -> None:
        """Coverage of months from `covered_since` on only: every month end takes seconds."""
        self.world, self.billing, self.covered_since = world, Billing(world), covered_since
        self.lines = Lines(self.billing)
        self.through: dict[str, dict[str, datetime]] = {
            provider_id: {feed: max(at for at, _ in rows) for feed, rows in feeds.items() if rows and feed in FEEDS}
            for provider_id, feeds in provider_events(world).items()
        }

    def month_end(self, provider_id: str, month: date) -> datetime:
        return local_start(next_month(month), self.world.zone_of_provider(provider_id))

    def last_day(self, provider_id: str) -> date:
        return self.world.as_of.astimezone(self.world.zone_of_provider(provider_id)).date() - DAY

    def reaches(self, provider_id: str, month: date, feed: str) -> bool:
        through = self.through.get(provider_id, {}).get(feed)
        return through is not None and through + cadence(feed) >= self.month_end(provider_id, month)

    def rows(self) -> dict[Key, dict]:
        whole = {"network_performance": self.network(), "bills": self.bills(), None: self.outages()}
        by_line = {None: [self.lines.figures(), self.lines.accounts(), self.campaigns()],
                   "support_tickets": [self.tickets()], "service_quality": [self.quality()]}  # fmt: skip
        keys = {key for tables in by_line.values() for table in tables for key in table}
        keys |= {(*key, "all", "all") for table in whole.values() for key in table}  # type: ignore[misc]
        found = {}
        for key in keys:
            provider_id, month, *group = key
            if next_month(month) - DAY > self.last_day(provider_id):
                continue
            row: dict = {}
            for feed, tables in by_line.items():
                for table in tables:
                    row |= table.get(key, {}) if feed is None or self.reaches(provider_id, month, feed) else {}
            for feed, one in whole.items():
                if group == ["all", "all"] and (feed is None or self.reaches(provider_id, month, feed)):
                    row |= one.get((provider_id, month), {})
            if group == ["all", "all"] and month >= self.covered_since:
                row |= dict(zip(OF_COVERAGE, self.covered(provider_id, month), strict=True))
            found[key] = self.finished(key, row)
        return found

    def finished(self, key: Key, row: dict) -> dict:
        """What joins figures of several sources, and what every row says."""
        provider_id, month, line, customer_class = key
        own, added = row.pop("own_amount", None), row.get("added_lines")
        if own is not None:
            row["earned_amount_reporting"] = (row.get("earned_amount_reporting") or ZERO) + own
        campaign, other = row.pop("campaign", None), row.pop("acquisition", None)
        cost = None if campaign is None and other is None else (campaign or ZERO) + (other or ZERO)
        through = self.through.get(provider_id, {})
        closes = self.month_end(provider_id, month)
        age = (self.last_day(provider_id) - (next_month(month) - DAY)).days
        return row | {
            "provider_id": provider_id, "month_start_date": month, "line_of_business": line,
            "customer_class": customer_class, "is_rollup": "all" in (line, customer_class),
            "is_final": age >= SETTINGS["reconnection_days"], "as_of_at": self.world.as_of,
            "data_through_at": min(through.values(), default=None),
            "is_stale": any(at + cadence(feed) < closes for feed, at in through.items()),
            "reporting_currency": "USD",
            "campaign_cost_per_added_line_reporting": ratio(campaign, added),
            "customer_acquisition_cost_reporting": ratio(cost, added),
            "mtbf_hours": ratio(ratio(row.pop("seconds_available", None), HOUR), row.pop("failures", None)),
        }  # fmt: skip

    # --- campaigns, tickets, assessments

    def placed(self, service_id: str | None, month: date, customer_class: str) -> tuple[str | None, str]:
        """Line of business and class of a service's month; without one no line, and the customer's class."""
        line = self.lines.by_service_month.get((service_id, month))
        return (line["line_of_business"], line["customer_class"]) if line else (None, customer_class)

    def campaigns(self) -> dict[Key, dict]:
        entries = []
        for contact in campaign_contacts(self.world).values():
            if contact["is_control"] or contact["contacted_at"] > self.world.as_of:
                continue
            month, day = month_of(contact["contacted_date"]), contact["contacted_date"]
            known = self.lines.class_at(contact["customer_id"], contact["contacted_at"])
            cost = ZERO
            if contact["outcome"] == "accepted" and contact["offer_cost"]:
                cost = contact["offer_cost"] * self.billing.money.rate(contact["currency"], day)
            where = self.placed(contact["service_id"], month, known)
            entries.append((keys_of(contact["provider_id"], month, *where), cost))
        return {key: {"campaign": sum(costs, ZERO)} for key, costs in grouped(entries).items()}

    def tickets(self) -> dict[Key, dict]:
        entries = []
        for ticket in support_tickets(self.world).values():
            if ticket["resolved_at"] is None or ticket["resolved_at"] > self.world.as_of:
                continue
            zone = self.world.zone_of_provider(ticket["provider_id"])
            month = month_of(ticket["resolved_at"].astimezone(zone).date())
            known = self.lines.class_at(ticket["customer_id"], ticket["created_at"])
            where = self.placed(ticket["service_id"], month_of(ticket["created_date"]), known)
            entries.append((keys_of(ticket["provider_id"], month, *where), ticket))
        return {
            key: dict(zip(OF_CARE, (
                ratio(sum(t["is_first_contact_resolution"] for t in found), len(found), 100),
                mean([t["customer_satisfaction_rating"] for t in found if t["customer_satisfaction_rating"]]),
            ), strict=True))
            for key, found in grouped(entries).items()
        }  # fmt: skip

    def quality(self) -> dict[Key, dict]:
        entries = []
        for row in assessments(self.world).values():
            month = month_of(row["assessment_date"])
            where = self.placed(row["service_id"], month, "unknown")
            entries.append((keys_of(row["provider_id"], month, *where), row))
        return {
            key: dict(zip(OF_QUALITY, (
                mean([q["customer_rating"] for q in found if q["customer_rating"] is not None]),
                mean([q["download_speed_percentage"] for q in found if q["download_speed_percentage"] is not None]),
            ), strict=True))
            for key, found in grouped(entries).items()
        }  # fmt: skip

    # --- bills

    def bills(self) -> dict[tuple, dict]:
        by_provider, days, found = defaultdict(list), int(SETTINGS["sales_outstanding_days"]), {}
        for bill in self.billing.issued:
            by_provider[bill["provider_id"]].append(bill)
        for provider_id, bills in by_provider.items():
            first = min(b["issued_on"] for b in bills)
            for month, end in self.closed_months(provider_id, first):
                own = [b for b in bills if month <= b["issued_on"] <= end]
                recent = [b for b in bills if 0 <= (end - b["issued_on"]).days < days]
                if not own and not recent:
                    continue
                owed = [
                    b for b in bills
                    if b["issued_on"] <= end < min(b["paid_on"] or date.max, b["written_off_on"] or date.max)
                ]  # fmt: skip
                total = sum((b["total_amount_reporting"] for b in owed), ZERO)
                late = sum((b["total_amount_reporting"] for b in owed if b["due_date"] < end), ZERO)
                billed = sum((b["total_amount_reporting"] for b in recent), ZERO)
                is_whole = (end - first).days >= days - 1
                found[provider_id, month] = {
                    "receivables_amount_reporting": total,
                    "days_sales_outstanding": ratio(total * days, billed) if is_whole else None,
                    "overdue_percentage": ratio(late, total, 100),
                    "payment_rate_percentage": ratio(
                        sum(b["paid_on"] is not None and b["paid_on"] <= end for b in own), len(own), 100
                    ),
                }
        return found

    def closed_months(self, provider_id: str, first: date) -> Iterable[tuple[date, date]]:
        month = month_of(first)
        while next_month(month) - DAY <= self.last_day(provider_id):
            yield month, next_month(month) - DAY
            month = next_month(month)

    # --- network

    def outages(self) -> dict[tuple, dict]:
        by_provider, found = defaultdict(list), {}
        for row in outages(self.world).values():
            if row["outage_start"] <= self.world.as_of:
                by_provider[row["provider_id"]].append(row)
        for provider_id, rows in by_provider.items():
            zone = self.world.zone_of_provider(provider_id)
            first = min(r["outage_start"] for r in rows).astimezone(zone).date()
            unplanned = [r for r in rows if not r["is_planned"]]
            for month, _ in self.closed_months(provider_id, first):
                begin, end = micros(local_start(month, zone)), micros(self.month_end(provider_id, month))
                repaired = [r["outage_seconds"] for r in unplanned
                            if r["actual_restoration"] and begin <= micros(r["actual_restoration"]) < end]  # fmt: skip
                found[provider_id, month] = {
                    "mttr_hours": ratio(mean(repaired), HOUR),
                    "failures": sum(
                        r["element_id"] is not None and begin <= micros(r["outage_start"]) < end for r in unplanned
                    ),
                    "customer_minutes_lost": sum((self.minutes(r, begin, end) for r in unplanned), ZERO),
                }
        return found

    def minutes(self, outage: dict, begin: int, end: int) -> Decimal:
        is_over = outage["outage_status"] in ("restored", "closed")
        until = outage["actual_restoration"] or (None if is_over else self.world.as_of)
        if until is None or outage["affected_customers"] is None:
            return ZERO
        lasted = min(micros(until), end) - max(micros(outage["outage_start"]), begin)
        return outage["affected_customers"] * Decimal(max(lasted, 0)) / 60_000_000

    def network(self) -> dict[tuple, dict]:
        found: dict[tuple, dict] = defaultdict(dict)
        seconds = defaultdict(lambda: [0, 0])
        for (element_id, day), row in availability_of(self.world).items():
            key = (self.element_provider(element_id, day), month_of(day))
            expected = row["seconds_measured"] - row["seconds_planned_down"]
            seconds[key][0] += expected - row["seconds_down"]
            seconds[key][1] += expected
        for key, (available, expected) in seconds.items():
            found[key] |= {"seconds_available": available, "availability_percentage": ratio(available, expected, 100)}
        hours, latencies = network_performance_hourly(self.world), defaultdict(list)
        for (_, hour), row in hours.items():
            zone = self.world.zone_of_provider(row["provider_id"])
            if row["avg_latency_ms"] is not None:
                latencies[row["provider_id"], month_of(hour.astimezone(zone).date())].append(row["avg_latency_ms"])
        for key, values in latencies.items():
            found[key] |= {f"latency_p{p}_ms": percentile(values, p / 100) for p in (50, 95, 99)}
        for key, days in self.element_days(hours).items():
            for index, name in enumerate(
                ("avg_packet_loss_percentage", "avg_signal_strength_dbm", "busy_hour_utilization_percentage")
            ):
                found[key][name] = mean([day[index] for day in days if day[index] is not None])
        return found

    def element_provider(self, element_id: str, day: date) -> str:
        if element_id not in self.world.element_versions:
            return UNKNOWN
        held = key_at(self.world, element_id, start_of(self.world, element_id, day + DAY) - 1)
        return held["provider_id"] if held and held["provider_id"] in self.world.providers else UNKNOWN

    def element_days(self, hours: dict) -> dict[tuple, list[tuple]]:
        """Per provider and month: each element-day's mean loss and signal, and its busy hour's utilisation."""
        samples, found = defaultdict(list), defaultdict(list)
        for row in self.world.feeds["network_performance"].newest_events():
            zone = self.world.zone_of_element(row["element_id"])
            samples[row["element_id"], row["measurement_timestamp"].astimezone(zone).date()].append(row)
        for (element_id, day), rows in samples.items():
            short = [r for r in rows if r["interval_seconds"] < 82_800]
            deciding = [r for r in rows if r["interval_seconds"] >= 82_800] or short
            loaded = [r for r in short if r["throughput_mbps"] is not None]
            busy = None
            if loaded:
                most = max(loaded, key=lambda r: (r["throughput_mbps"], -micros(r["measurement_timestamp"])))
                hour = most["measurement_timestamp"].replace(minute=0, second=0, microsecond=0)
                busy = hours[element_id, hour]["avg_bandwidth_utilization_percentage"]
            loss, signal = (mean([r[c] for r in deciding if r[c] is not None])
                            for c in ("packet_loss_percentage", "signal_strength_dbm"))  # fmt: skip
            found[self.element_provider(element_id, day), month_of(day)].append((loss, signal, busy))
        return found

    # --- coverage

    def covered(self, provider_id: str, month: date) -> tuple[float | None, Decimal | None]:
        """Shares of area (by strips) and households of the provider's zones as the month ended."""
        area, reached, homes, homes_reached = 0.0, 0.0, 0, 0
        day = next_month(month) - DAY
        for zone_id, zone in self.world.zones.items():
            if geography.provider_id_of(self.world, zone["provider_id"]) != provider_id:
                continue
            time_zone = ZoneInfo(zone["time_zone"]) if zone["time_zone"] else self.world.zone_of_provider(provider_id)
            at = min(local_start(next_month(month), time_zone) - INSTANT, self.world.as_of)
            row = coverage.coverage_at(self.world, zone_id, day, at)[provider_id]
            if row["is_known"]:
                box = geography.box_of(zone["boundary"])
                middle = ((box[0] + box[2]) / 2, (box[1] + box[3]) / 2)
                area += coverage.rectangle_cover(box, {"everywhere": [(middle, 5000.0)]})["everywhere"][0]
                reached += coverage.rectangle_cover(box, row["circles"])[provider_id][0]
            if row["households_covered_count"] is not None:
                homes, homes_reached = homes + row["households_count"], homes_reached + row["households_covered_count"]
        share = ratio(homes_reached, homes, 100)
        return (100 * reached / area if area else None,
                share.quantize(Decimal("0.000001"), ROUND_HALF_UP) if share is not None else None)  # fmt: skip
