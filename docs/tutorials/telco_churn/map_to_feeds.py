"""Turns the telco churn table into landing files: providers, service_plans, customers, customer_services, bills.

    python docs/tutorials/telco_churn/map_to_feeds.py LANDING --last-day 2026-09-30

Every id is derived from the customer's own, so that the script gives the same files each time.
"""

import argparse
import csv
import uuid
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

TABLE = Path(__file__).with_name("Telco-Customer-Churn.csv")
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_DNS, "telco-churn.example.com")
# The operator's local offset on the days that the script writes (Los Angeles, where the table's customers live).
ZONE, OFFSET = "America/Los_Angeles", timezone(timedelta(hours=-7))
CONTRACT_MONTHS = {"Month-to-month": 0, "One year": 12, "Two year": 24}
PLAN_TYPES = {"DSL": "broadband", "Fiber optic": "broadband", "No": "voice"}


def identifier(*parts: str) -> str:
    return str(uuid.uuid5(NAMESPACE, "/".join(parts)))


def months_before(day: date, months: int) -> date:
    """The first day of the month so many months before."""
    index = day.year * 12 + day.month - 1 - months
    return date(index // 12, index % 12 + 1, 1)


def noon(day: date) -> str:
    return datetime(day.year, day.month, day.day, 12, tzinfo=OFFSET).isoformat()


def provider(month: date) -> dict[str, str]:
    return {
        "provider_id": identifier("provider"), "provider_name": "Telco", "provider_type": "converged",
        "time_zone": ZONE, "updated_at": noon(months_before(month, 120)),
    }  # fmt: skip


def plan_name(row: dict[str, str]) -> str:
    access = "Phone only" if row["InternetService"] == "No" else row["InternetService"]
    return f"{access}, {row['Contract']}"


def plan(row: dict[str, str], month: date) -> dict[str, str]:
    includes = ['"data"'] * (row["InternetService"] != "No") + ['"voice"']
    return {
        "plan_id": identifier("plan", plan_name(row)), "provider_id": identifier("provider"),
        "plan_name": plan_name(row), "plan_type": PLAN_TYPES[row["InternetService"]],
        "includes": f"[{', '.join(includes)}]", "base_price": row["MonthlyCharges"], "currency": "USD",
        "contract_months": str(CONTRACT_MONTHS[row["Contract"]]), "is_business": "false",
        "available_from": months_before(month, 120).isoformat(), "updated_at": noon(months_before(month, 120)),
    }  # fmt: skip


def customer(row: dict[str, str], month: date, left_on: date) -> dict[str, str]:
    begun = months_before(month, int(row["tenure"]))
    gone = row["Churn"] == "Yes"
    return {
        "customer_id": identifier("customer", row["customerID"]), "customer_type": "individual",
        "account_status": "closed" if gone else "active", "acquisition_date": begun.isoformat(),
        "lifetime_value": row["TotalCharges"].strip(), "currency": "USD",
        "auto_pay": str("automatic" in row["PaymentMethod"]).lower(), "created_at": noon(begun),
        "updated_at": noon(left_on if gone else begun),
    }  # fmt: skip


def service(row: dict[str, str], month: date, left_on: date) -> dict[str, str]:
    begun = months_before(month, int(row["tenure"]))
    gone = row["Churn"] == "Yes"
    return {
        "service_id": identifier("service", row["customerID"]),
        "customer_id": identifier("customer", row["customerID"]),
        "plan_id": identifier("plan", plan_name(row)), "service_status": "terminated" if gone else "active",
        "activated_at": noon(begun), "deactivated_at": noon(left_on) if gone else "",
        "deactivation_reason": "voluntary" if gone else "", "service_state": "CA", "sold_by": "direct",
        "created_at": noon(begun), "updated_at": noon(left_on if gone else begun),
    }  # fmt: skip


def bill(row: dict[str, str], month: date) -> dict[str, str]:
    return {
        "bill_id": identifier("bill", row["customerID"]), "provider_id": identifier("provider"),
        "customer_id": identifier("customer", row["customerID"]), "billing_period_start": month.isoformat(),
        "billing_period_end": months_before(month, -1).isoformat(), "issued_on": month.isoformat(),
        "due_date": (month + timedelta(days=20)).isoformat(), "currency": "USD",
        "subtotal_amount": row["MonthlyCharges"], "discount_amount": "0.00", "tax_amount": "0.00",
        "total_amount": row["MonthlyCharges"], "bill_status": "issued", "updated_at": noon(month),
    }  # fmt: skip


def write(landing: Path, feed: str, rows: list[dict[str, str]]) -> None:
    path = landing / feed / "telco_churn.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("landing", type=Path)
    parser.add_argument("--last-day", type=date.fromisoformat, required=True, help="the last day of the bills' month")
    options = parser.parse_args()
    month = options.last_day.replace(day=1)
    left_on = options.last_day - timedelta(days=1)
    with TABLE.open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    plans = {plan_name(row): plan(row, month) for row in table}
    write(options.landing, "providers", [provider(month)])
    write(options.landing, "service_plans", list(plans.values()))
    write(options.landing, "customers", [customer(row, month, left_on) for row in table])
    write(options.landing, "customer_services", [service(row, month, left_on) for row in table])
    write(options.landing, "bills", [bill(row, month) for row in table])
    print(f"{len(table)} customers in {options.landing}; AS_OF={options.last_day + timedelta(days=1)}T00:00-07:00")


if __name__ == "__main__":
    main()
