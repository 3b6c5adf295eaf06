"""What the features know of the past of customers and services, from the rows that count.

Not here: dbt's SQL; the features' rows (feature_rows.py); elements (feature_elements.py).
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from tests.second_road.customers import Versions, assessments
from tests.second_road.money import seed
from tests.second_road.world import UNKNOWN, World, newest_bills

DAY = timedelta(days=1)
GB = Decimal(2**30)


def mean(values: Iterable[Decimal | None]) -> Decimal | None:
    known = [value for value in values if value is not None]
    return sum(known, Decimal(0)) / len(known) if known else None


def months_before(day: date, months: int) -> date:
    """The same day so many months earlier, or the last one of a shorter month."""
    month = day.year * 12 + day.month - 1 - months
    while True:
        try:
            return date(month // 12, month % 12 + 1, day.day)
        except ValueError:
            day -= DAY


def ratio(part: Decimal | int | None, whole: Decimal | int | None) -> Decimal | None:
    return Decimal(part) / whole if part is not None and whole else None


def before(versions: list[dict], at: datetime) -> dict | None:
    """The version just before an instant; the first holds since ever."""
    held = versions[0]
    for version in versions[1:]:
        if version["updated_at"] < at:
            held = version
    return None if held["is_deleted"] else held


def as_of_dates(world: World, days: list[date], is_due: Callable[[date], bool]) -> dict[date, datetime]:
    """The as-of dates after the first of the days, each with its instant; AS_OF stands for its own day's date."""
    zone = ZoneInfo(world.reporting_time_zone)
    found, day = {}, min(days) + DAY
    while (at := datetime.combine(day, time(), zone).astimezone(UTC)) <= world.as_of:
        if is_due(day):
            found[day] = at
        day += DAY
    found[world.as_of.astimezone(zone).date()] = world.as_of
    return found


def shocks(bills: list[tuple[date, str, Decimal]]) -> set[str]:
    """Bills over one and a half times the mean of the up to three before."""
    bills = sorted(bills)
    found = set()
    for i, (_, bill_id, amount) in enumerate(bills):
        earlier = [b[2] for b in bills[max(0, i - 3) : i]]
        if earlier and amount > Decimal("1.5") * sum(earlier) / len(earlier):
            found.add(bill_id)
    return found


def rows_by(rows: Iterable[dict], name: str) -> dict[str, list[dict]]:
    found = defaultdict(list)
    for row in rows:
        found[row[name]].append(row)
    return found


class Past:
    """Everything that happened, by whom it happened to."""

    def __init__(self, world: World) -> None:
        self.world, self.versions = world, Versions(world)
        self._use()
        self.bills = [b for b in newest_bills(world) if b["bill_status"] != "draft"]
        self.quality = rows_by(assessments(world).values(), "service_id")
        self.tickets = rows_by(world.feeds["support_tickets"].newest(), "customer_id")
        self.orders = rows_by(world.feeds["service_orders"].newest(), "service_id")
        payments = world.feeds["payments"].newest()
        self.failed = rows_by((p for p in payments if p["payment_status"] == "failed"), "customer_id")
        self.outages = [o for o in world.feeds["outages"].newest() if o["outage_type"] != "planned"]
        self.lines = sorted(seed("lines_of_business"), key=lambda rule: int(rule["rank"]))
        self.customer_bills = rows_by(self.bills, "customer_id")
        self._price()
        feeds = world.feeds
        self.tickets_from = min(r["created_at"] for r in feeds["support_tickets"].newest())
        self.orders_from = min(r["requested_at"] for r in feeds["service_orders"].newest())
        self.assessed_from = min(r["assessment_date"] for r in feeds["service_quality"].newest_events())
        self.billed_from = min(r["issued_on"] for r in newest_bills(world))
        self.paid_from = min(r["payment_date"] for r in payments)
        self.outages_from = min(r["outage_start"] for r in feeds["outages"].newest())

    def _use(self) -> None:
        """Bytes, seconds, messages and roaming bytes per service and local day; the days that each provider covers."""
        self.days: dict[str, dict[date, list[int]]] = defaultdict(lambda: defaultdict(lambda: [0, 0, 0, 0]))
        covered: dict[str, set[date]] = defaultdict(set)
        for row in self.world.feeds["usage_records"].newest_events():
            day = row["usage_timestamp"].astimezone(self.world.zone_of_service(row["service_id"])).date()
            used = self.days[row["service_id"]][day]
            for i, name in enumerate(("data_usage_bytes", "voice_seconds", "sms_count")):
                used[i] += row[name]
            used[3] += row["data_usage_bytes"] if row["is_roaming"] else 0
        for service_id, days in self.days.items():
            for day in days:
                end = datetime.combine(day + DAY, time(), self.world.zone_of_service(service_id))
                held = self.versions.service(service_id, end.astimezone(UTC) - timedelta(microseconds=1))[0]
                covered[self.versions.provider(held) if held else UNKNOWN].add(day)
        self.covered = {provider: sorted(days) for provider, days in covered.items()}

    def _price(self) -> None:
        """What each service cost on each bill, and which bills were shocks."""
        issues = {(b["bill_id"], b["bill_version"]): b for b in self.bills}
        self.cost: dict[str, dict[str, list]] = defaultdict(dict)
        for row in self.world.feeds["bill_charges"].newest_events():
            bill = issues.get((row["bill_id"], row["bill_version"]))
            if bill and row["charge_type"] != "tax" and row["service_id"]:
                lines = self.cost[row["service_id"]]
                line = lines.setdefault(row["bill_id"], [bill["issued_on"], Decimal(0), Decimal(0)])
                line[1] += row["amount"]
                line[2] += row["amount"] if row["charge_type"] == "overage" else 0
        self.service_shocks = {
            service_id: shocks([(line[0], bill_id, line[1]) for bill_id, line in lines.items()])
            for service_id, lines in self.cost.items()
        }
        accounts = defaultdict(list)
        for b in self.bills:
            own = accounts[b["customer_id"], b["provider_id"], b["currency"]]
            own.append((b["issued_on"], b["bill_id"], b["total_amount"]))
        self.bill_shocks = set[str]().union(*map(shocks, accounts.values()))

    def usage(self, service_id: str, provider_id: str, activated: date, last: date) -> dict[str, int] | None:
        """What was used in the two windows, and how many days of them were observed; None before any usage came."""
        days = self.covered.get(provider_id, [])
        if not days or days[0] > last:
            return None
        first, newest = days[0], days[bisect_right(days, last) - 1]
        month = (min(last, newest) - max(last - 29 * DAY, activated, first)).days + 1
        earlier = (min(last - 30 * DAY, newest) - max(last - 89 * DAY, activated, first)).days + 1
        used = {d: v for d, v in self.days.get(service_id, {}).items() if max(activated, last - 89 * DAY) <= d <= last}
        recent = [v for d, v in used.items() if d > last - 30 * DAY]
        return {
            "observed_30": max(month, 0),
            "observed_90": max(earlier, 0),
            "bytes_30": sum(v[0] for v in recent),
            "bytes_90": sum(v[0] for v in used.values()) - sum(v[0] for v in recent),
            "voice": sum(v[1] for v in recent),
            "sms": sum(v[2] for v in recent),
            "roaming": sum(v[3] for v in recent),
            "zero": max(max(month, 0) - sum(sum(v[:3]) > 0 for v in recent), 0),
            "zero_90": max(max(earlier, 0) - sum(sum(v[:3]) > 0 for d, v in used.items() if d <= last - 30 * DAY), 0),
        }

    def met(self, service: dict, provider_id: str, at: datetime) -> list[timedelta]:
        """How long each unplanned outage that met the service in the last 90 days lasted within them."""
        elements = self.world.element_versions.get(service["serving_element_id"])
        element = before(elements, at) if elements else None
        reach = {service["serving_element_id"], element and element["parent_element_id"],
                 self.world.zone_id_of_service(service), provider_id} - {None, UNKNOWN}  # fmt: skip
        since, found = at - 90 * DAY, []
        for row in self.outages:
            end = min(row["actual_restoration"] or at, at)
            is_met = (row["element_id"] or row["zone_id"] or row["provider_id"]) in reach and row["outage_start"] < at
            if is_met and (not row["actual_restoration"] or row["actual_restoration"] > since):
                found.append(end - max(row["outage_start"], since))
        return found

    def billing(self, customer_id: str, day: date) -> dict[str, object]:
        bills = [b for b in self.customer_bills.get(customer_id, []) if b["issued_on"] < day]
        year = [b for b in bills if b["issued_on"] >= day - 365 * DAY]
        unpaid = [b for b in bills if not b["paid_on"] or b["paid_on"] >= day]
        recent = [b["total_amount"] for b in bills if b["issued_on"] >= day - 90 * DAY]
        late = [days for b in year if (days := (min(b["paid_on"] or day, day) - b["due_date"]).days) > 0]
        known = self.billed_from < day
        year_ago = months_before(day, 12)
        past_due = [b for b in unpaid if b["due_date"] < day and b["billing_period_start"] >= year_ago]
        return {
            "overdue_bills_12m": len(past_due) if known else None,
            "bills_90d": len(recent) if known else None,
            "billed_amount_90d_reporting": sum(recent) if recent else None,
            "bill_shocks_365d": sum(b["bill_id"] in self.bill_shocks for b in year) if known else None,
            "open_bills": len(unpaid) if known else None,
            "overdue_days": max([0, *((day - b["due_date"]).days for b in unpaid)]) if known else None,
            "late_bills_365d": len(late) if known else None,
            "overdue_days_365d": sum(late) if known else None,
        }

    def care(self, customer_id: str, at: datetime, service_id: str | None = None) -> dict[str, object]:
        tickets = [
            t
            for t in self.tickets.get(customer_id, [])
            if t["created_at"] < at and (service_id is None or t["service_id"] == service_id)
        ]
        solved = [t for t in tickets if t["resolved_at"] and at - 365 * DAY <= t["resolved_at"] < at]
        known = self.tickets_from < at
        zone = ZoneInfo(self.world.reporting_time_zone)
        since = datetime.combine(months_before(at.astimezone(zone).date(), 6), time(), zone)
        return {
            "tickets_6m": sum(t["created_at"] >= since for t in tickets) if known else None,
            "tickets_90d": sum(t["created_at"] >= at - 90 * DAY for t in tickets) if known else None,
            "open_tickets": sum(not t["resolved_at"] or t["resolved_at"] >= at for t in tickets) if known else None,
            "avg_ticket_satisfaction_365d": mean(t["customer_satisfaction_rating"] for t in solved),
        }

    def failed_payments(self, customer_id: str, at: datetime) -> int | None:
        failed = [p for p in self.failed.get(customer_id, []) if at - 180 * DAY <= p["payment_date"] < at]
        return len(failed) if self.paid_from < at else None


def levels(use: dict[str, int] | None) -> dict[str, object]:
    """The columns of usage; null where nothing was observed."""
    names = ("usage_gb_30d", "roaming_gb_30d", "voice_minutes_30d", "sms_30d", "zero_usage_days_30d",
             "zero_usage_share_30d", "usage_gb_31_90d", "usage_trend_ratio", "observed_days_30d", "observed_days_90d",
             "zero_usage_share_90d")  # fmt: skip
    found: dict[str, object] = dict.fromkeys(names)
    if use is None:
        return found
    found["observed_days_30d"], found["observed_days_90d"] = use["observed_30"], use["observed_30"] + use["observed_90"]
    found["zero_usage_share_90d"] = ratio(use["zero"] + use["zero_90"], use["observed_30"] + use["observed_90"])
    if use["observed_30"]:
        found |= {
            "usage_gb_30d": use["bytes_30"] / GB,
            "roaming_gb_30d": use["roaming"] / GB,
            "voice_minutes_30d": Decimal(use["voice"]) / 60,
            "sms_30d": use["sms"],
            "zero_usage_days_30d": use["zero"],
            "zero_usage_share_30d": Decimal(use["zero"]) / use["observed_30"],
        }
    if use["observed_90"]:
        found["usage_gb_31_90d"] = use["bytes_90"] / GB
        rate = ratio(use["bytes_30"], use["observed_30"])
        found["usage_trend_ratio"] = ratio(rate, ratio(use["bytes_90"], use["observed_90"]))
    return found
