"""Bills, charges and payments with what they belong to, from the rows that count; amounts day by day.

Not here: dbt's SQL; subscriptions, statements, marts (billing). Seeds are read as data.
"""

import csv
import hashlib
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.second_road.world import UNKNOWN, World, newest_bills

SEEDS = Path(__file__).parents[2] / "dbt_project" / "seeds"
INSTANT = timedelta(microseconds=1)
Rows = list[dict[str, str]]
DAY = timedelta(days=1)


def seed(name: str) -> Rows:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def start_of(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)


def month_of(day: date) -> date:
    return day.replace(day=1)


def next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def key_of(entity_id: str, since: datetime | None) -> str:
    """The key of a version; the first one holds since ever."""
    seconds = "-Infinity" if since is None else f"{int(since.timestamp())}.{since.microsecond:06d}"
    return str(UUID(hashlib.md5(f"{entity_id}|{seconds}".encode(), usedforsecurity=False).hexdigest()))


UNKNOWN_KEY = key_of(UNKNOWN, None)


def spread(amount: Decimal, days: int) -> list[Decimal]:
    """An amount over days: each its whole cents, the cents that are left to the days with the largest remainder."""
    cents = int(abs(amount) * 100)
    shares = [[cents // days, cents % days, -day] for day in range(days)]
    for share in sorted(shares, key=lambda s: (-s[1], -s[2]))[: cents - sum(s[0] for s in shares)]:
        share[0] += 1
    return [Decimal(share[0] if amount >= 0 else -share[0]) / 100 for share in shares]


class Money:
    """The three facts, each by its key."""

    def __init__(self, world: World, reporting_currency: str = "USD", rates: Rows | None = None) -> None:
        self.world, self.reporting_currency = world, reporting_currency
        self.plans = world.feeds["service_plans"].versions()
        self.customers = world.feeds["customers"].versions()
        self.kinds = {row["charge_type"]: row for row in seed("charge_types")}
        self.rates = seed("exchange_rates") if rates is None else rates
        self.bills = {row["bill_id"]: self._bill(row) for row in newest_bills(world)}
        self.charges = {
            (row["bill_id"], row["charge_id"]): self._charge(row)
            for row in world.feeds["bill_charges"].newest_events()
            if row["bill_id"] in self.bills and self.bills[row["bill_id"]]["bill_version"] == row["bill_version"]
        }
        self.payments = {(row["payment_id"],): self._payment(row) for row in world.feeds["payments"].newest()}

    def version(self, versions: list[dict] | None, id_column: str, at: datetime) -> tuple[dict | None, str]:
        """The version that holds, and its key; of the unknown member where none does."""
        held = self.world.at(versions, at) if versions else None
        if held is None or versions is None:
            return None, UNKNOWN_KEY
        return held, key_of(held[id_column], None if held is versions[0] else held["updated_at"])

    def customer(self, customer_id: str, at: datetime) -> tuple[dict | None, str]:
        return self.version(self.customers.get(customer_id), "customer_id", at)

    def service(self, service_id: str | None, at: datetime) -> tuple[dict | None, str]:
        return self.version(self.world.service_versions.get(service_id), "service_id", at)

    def plan(self, plan_id: str | None, at: datetime) -> tuple[dict | None, str]:
        return self.version(self.plans.get(plan_id), "plan_id", at)

    def rate(self, currency: str, day: date) -> Decimal | None:
        if currency == self.reporting_currency:
            return Decimal(1)
        found = {
            date.fromisoformat(row["rate_date"]): Decimal(row["rate"])
            for row in self.rates
            if (row["from_currency"], row["to_currency"]) == (currency, self.reporting_currency)
            and timedelta(0) <= day - date.fromisoformat(row["rate_date"]) <= timedelta(days=31)
        }
        return found[max(found)] if found else None

    def _bill(self, row: dict) -> dict:
        provider_id = row["provider_id"] if row["provider_id"] in self.world.providers else UNKNOWN
        zone = self.world.zone_of_provider(provider_id)
        rate = self.rate(row["currency"], row["billing_period_end"])
        names = ("bill_id", "bill_version", "customer_id", "billing_period_start", "billing_period_end", "issued_on",
                 "due_date", "currency", "subtotal_amount", "discount_amount", "tax_amount", "total_amount",
                 "previous_balance_amount", "amount_due", "bill_status", "paid_on")  # fmt: skip
        revenue = row["total_amount"] - row["tax_amount"]
        is_lost = row["bill_status"] == "written_off"
        return {name: row[name] for name in names} | {
            "provider_id": provider_id,
            "customer_key": self.customer(row["customer_id"], start_of(row["issued_on"], zone))[1],
            "billed_month_start_date": month_of(row["issued_on"]),
            "revenue_amount": revenue,
            "reporting_currency": self.reporting_currency,
            "reporting_rate": rate,
            "total_amount_reporting": row["total_amount"] * rate,
            "tax_amount_reporting": row["tax_amount"] * rate,
            "revenue_amount_reporting": revenue * rate,
            "written_off_on": row["updated_at"].astimezone(zone).date() if is_lost else None,
        }

    def _charge(self, row: dict) -> dict:
        bill, kind = self.bills[row["bill_id"]], self.kinds[row["charge_type"]]
        first = row["charge_period_start"] or bill["billing_period_start"]
        last = max((row["charge_period_end"] or bill["billing_period_end"]) - DAY, first)
        earned = {"days": (first, last), "first_day": (first, first), "last_day": (last, last)}[kind["earned_on"]]
        at = start_of(earned[1] + DAY, self.world.zone_of_provider(bill["provider_id"])) - INSTANT
        service, service_key = self.service(row["service_id"], at)
        plan_id = row["plan_id"] or (service["plan_id"] if service else None)
        shared = ("bill_id", "bill_version", "provider_id", "customer_id", "customer_key", "billing_period_start",
                  "billing_period_end", "issued_on", "bill_status", "currency", "reporting_currency",
                  "reporting_rate")  # fmt: skip
        own = ("charge_id", "service_id", "charge_type", "charge_period_start", "charge_period_end", "description",
               "quantity", "unit_price", "amount")  # fmt: skip
        return {name: bill[name] for name in shared} | {name: row[name] for name in own} | {
            "service_key": service_key,
            "zone_id": self.world.zone_id_of_service(service),
            "plan_id": plan_id,
            "plan_key": self.plan(plan_id, at)[1],
            **{name: kind[name] == "true" for name in ("is_tax", "is_equipment", "is_pass_through")},
            "earned_from_date": earned[0],
            "earned_to_date": earned[1] + DAY,
            "amount_reporting": row["amount"] * bill["reporting_rate"],
        }  # fmt: skip

    def _payment(self, row: dict) -> dict:
        bill = self.bills.get(row["bill_id"])
        provider_id = bill["provider_id"] if bill else UNKNOWN
        paid_date = row["payment_date"].astimezone(self.world.zone_of_provider(provider_id)).date()
        rate = self.rate(row["currency"], paid_date)
        names = ("payment_id", "bill_id", "customer_id", "payment_date", "currency", "amount", "payment_method",
                 "is_auto_pay", "payment_status", "updated_at")  # fmt: skip
        return {name: row[name] for name in names} | {
            "has_bill": bill is not None,
            "provider_id": provider_id,
            "customer_key": self.customer(row["customer_id"], row["payment_date"])[1],
            "paid_date": paid_date,
            "reporting_currency": self.reporting_currency,
            "reporting_rate": rate,
            "amount_reporting": row["amount"] * rate,
        }

    def revenue(self) -> list[dict]:
        """Charges of issued bills without tax."""
        return [c for c in self.charges.values() if not c["is_tax"] and c["bill_status"] != "draft"]
