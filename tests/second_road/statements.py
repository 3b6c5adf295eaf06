"""The unified statement, account by account.

Not here: dbt's SQL; bills, charges and payments themselves (money); figures by month (billing).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.second_road.money import start_of

if TYPE_CHECKING:
    from tests.second_road.billing import Billing

ZERO = Decimal(0)
KINDS = ("recurring", "usage", "overage", "one_time", "equipment", "fee", "discount", "credit", "tax")


class Statements:
    """One row per account and billing period: `rows()`."""

    def __init__(self, billing: Billing) -> None:
        self.billing = billing
        self.paid_by_account: dict[tuple, list[dict]] = defaultdict(list)

    def closed(self, provider_id: str, until: date) -> dict:
        """What a line says of itself that closed with a day, or is still open on AS_OF's."""
        whole, zone = self.billing.freshness(provider_id), self.billing.world.zone_of_provider(provider_id)
        through = whole["data_through_at"]
        return {
            "as_of_at": min(self.billing.as_of, start_of(until + timedelta(days=1), zone)),
            "data_through_at": min(through, start_of(until, zone)) if through else None,
            "is_stale": until >= self.billing.today(provider_id) and whole["is_stale"],
        }

    def rows(self) -> dict[tuple, dict]:
        for payment in self.billing.settled():
            self.paid_by_account[payment["customer_id"], payment["provider_id"], payment["currency"]].append(payment)
        accounts: dict[tuple, dict[tuple, list[dict]]] = defaultdict(lambda: defaultdict(list))
        for bill in self.billing.issued:
            if bill["issued_on"] <= self.billing.today(bill["provider_id"]):
                account = (bill["customer_id"], bill["provider_id"], bill["currency"])
                accounts[account][bill["billing_period_start"], bill["billing_period_end"]].append(bill)
        return {key: row for account, periods in accounts.items() for key, row in self._account(account, periods)}

    def _account(self, account: tuple, periods: dict[tuple, list[dict]]) -> list[tuple[tuple, dict]]:
        customer_id, provider_id, currency = account
        today, rows = self.billing.today(provider_id), []
        ordered = sorted(periods.items(), key=lambda item: (max(b["issued_on"] for b in item[1]), item[0]))
        order = ("issued_on", "billing_period_start", "billing_period_end", "bill_id")
        first = min((b for bills in periods.values() for b in bills), key=lambda b: tuple(b[name] for name in order))
        balance = first["previous_balance_amount"]
        settled = self.paid_by_account[account]
        written_off = [
            (max(b["written_off_on"], b["issued_on"] + timedelta(days=1)), b["total_amount"])
            for bills in periods.values() for b in bills if b["written_off_on"]
        ]  # fmt: skip
        for number, (period, bills) in enumerate(ordered):
            issued = max(b["issued_on"] for b in bills)
            until = max(b["issued_on"] for b in ordered[number + 1][1]) if number + 1 < len(ordered) else today
            paid = sum((p["amount"] for p in settled if issued < p["paid_date"] <= until), ZERO)
            lost = sum((amount for lost_on, amount in written_off if issued < lost_on <= until), ZERO)
            total, previous = sum((b["total_amount"] for b in bills), ZERO), balance
            balance = None if balance is None else balance + total - paid - lost
            stated = [b["previous_balance_amount"] for b in bills if b["previous_balance_amount"] is not None]
            closed = self.closed(provider_id, until)
            rows.append(((*account, *period), {
                "customer_id": customer_id,
                "customer_key": self.billing.money.customer(customer_id, closed["as_of_at"])[1],
                "provider_id": provider_id, "currency": currency, "billing_period_start": period[0],
                "billing_period_end": period[1], "issued_on": issued, "due_date": max(b["due_date"] for b in bills),
                "bill_count": len(bills), **self._charges_of({b["bill_id"] for b in bills}), "total_amount": total,
                "previous_balance_amount": previous, "payments_amount": paid, "written_off_amount": lost,
                "stated_previous_balance_amount": sum(stated) if stated else None, "balance_amount": balance,
                "is_balance_unknown": balance is None, "is_first_statement": number == 0,
                "reporting_currency": self.billing.money.reporting_currency,
                "total_amount_reporting": sum((b["total_amount_reporting"] for b in bills), ZERO),
                **closed,
            }))  # fmt: skip
        return rows

    def _charges_of(self, bill_ids: set[str]) -> dict:
        own = [c for bill_id in bill_ids for c in self.billing.charges_of_bill[bill_id]]
        services = sorted({c["service_id"] for c in own if c["service_id"]})
        row: dict = {"service_ids": services, "service_count": len(services)}
        for kind in KINDS:
            row[f"{kind}_amount"] = sum((c["amount"] for c in own if c["charge_type"] == kind), ZERO) if own else None
        return row | {"charges_amount": sum((c["amount"] for c in own), ZERO) if own else None}
