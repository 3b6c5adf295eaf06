"""Subscriptions and billing by month, from the money's rows.

Not here: dbt's SQL; bills, charges and payments themselves (money); the unified statement (statements).
"""

from collections import defaultdict
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal

from tests.second_road.money import DAY, INSTANT, Money, Rows, month_of, next_month, seed, spread, start_of
from tests.second_road.statements import Statements
from tests.second_road.world import FOREVER, UNKNOWN, World, cadence

ZERO, CENT = Decimal(0), Decimal("0.01")
AGES = ((0, "not_due"), (30, "overdue_1_to_30_days"), (60, "overdue_31_to_60_days"), (90, "overdue_61_to_90_days"))


def _share(part: Decimal, whole: Decimal) -> Decimal | None:
    return (100 * part / whole).quantize(Decimal("0.001"), ROUND_HALF_UP) if whole else None


def line_of_business(plan: dict | None, rules: list[dict]) -> str:
    """The line of business of a plan's version, by the first rule that fits."""
    if plan is None:
        return "unknown"
    facts = {"is_prepaid": bool(plan["is_prepaid"]), "includes_data": "data" in plan["includes"],
             "includes_voice": "voice" in plan["includes"]}  # fmt: skip
    for rule in rules:
        fits = all(rule[name] in ("", str(fact).lower()) for name, fact in facts.items())
        if rule["plan_type"] == plan["plan_type"] and fits:
            return rule["line_of_business"]
    return "unknown"


class Billing:
    """Every table of the area by its key: `tables()`."""

    def __init__(self, world: World, reporting_currency: str = "USD", rates: Rows | None = None) -> None:
        self.world, self.as_of, self.money = world, world.as_of, Money(world, reporting_currency, rates)
        self.through: dict[str, dict] = {}
        self.charges_of_bill: dict[str, list[dict]] = defaultdict(list)
        for charge in self.money.charges.values():
            self.charges_of_bill[charge["bill_id"]].append(charge)
        self.issued = [b for b in self.money.bills.values() if b["bill_status"] != "draft"]
        self.counts_in_service = {r["service_status"]: r["is_in_service"] == "true" for r in seed("in_service_states")}
        self.classes = {r["customer_type"]: r["customer_class"] for r in seed("customer_classes")}
        self.margins = {r["plan_type"]: Decimal(r["margin_share"]) for r in seed("margin_shares")}
        self.rules = sorted(seed("lines_of_business"), key=lambda r: int(r["rank"]))

    def tables(self) -> dict[str, dict[tuple, dict]]:
        return {
            "core.fct_bill": {(k,): row for k, row in self.money.bills.items()},
            "core.fct_bill_charge": self.money.charges,
            "core.fct_payment": self.money.payments,
            "core.fct_subscription_monthly": self.subscriptions(),
            "dashboards.customer_bill_summary": Statements(self).rows(),
            "dashboards.billing_monthly": self.billing_monthly(),
        }

    def today(self, provider_id: str) -> date:
        return (self.as_of - INSTANT).astimezone(self.world.zone_of_provider(provider_id)).date()

    def freshness(self, provider_id: str) -> dict:
        if provider_id not in self.through:
            self.through[provider_id] = self._freshness(provider_id)
        return self.through[provider_id]

    def _freshness(self, provider_id: str) -> dict:
        zone = self.world.zone_of_provider(provider_id)
        days = [start_of(b["issued_on"], zone) for b in self.money.bills.values() if b["provider_id"] == provider_id]
        through = max((at for at in days if at <= self.as_of), default=None)
        is_stale = self.as_of - through > cadence("bills") if through else None
        return {"as_of_at": self.as_of, "data_through_at": through, "is_stale": is_stale}

    # --- subscriptions

    def money_by_month(self) -> dict[tuple[str, date], list[dict]]:
        found: dict[tuple[str, date], list[dict]] = defaultdict(list)
        for charge in self.money.revenue():
            if charge["service_id"] is None:
                continue
            days = (charge["earned_to_date"] - charge["earned_from_date"]).days
            for offset, amount in enumerate(spread(charge["amount"], days)):
                month = month_of(charge["earned_from_date"] + timedelta(days=offset))
                found[charge["service_id"], month].append({**charge, "what": "earned", "amount": amount})
            found[charge["service_id"], month_of(charge["issued_on"])].append({**charge, "what": "billed"})
        return found

    def subscriptions(self) -> dict[tuple, dict]:
        money = self.money_by_month()
        months = set(money)
        begin = month_of(min(b["billing_period_start"] for b in self.money.bills.values()))
        for service in self.world.services.values():
            start, end = service["activated_at"], service["deactivated_at"] or FOREVER
            if not start or start >= end or start >= self.as_of:
                continue
            zone = self.world.zone_of_service(service["service_id"])
            last = min((self.as_of - INSTANT).astimezone(zone).date(), end.astimezone(zone).date()) if end < FOREVER \
                else (self.as_of - INSTANT).astimezone(zone).date()  # fmt: skip
            month = max(begin, month_of(start.astimezone(zone).date()))
            while month <= last:
                months.add((service["service_id"], month))
                month = next_month(month)
        self.billed_to = {
            p: max(b["billing_period_end"] for b in self.issued if b["provider_id"] == p)
            for p in {b["provider_id"] for b in self.issued}
        }
        self.charged_to = defaultdict(lambda: date.min)
        for charge in self.money.revenue():
            if charge["charge_type"] == "recurring":
                service_id = charge["service_id"]
                self.charged_to[service_id] = max(self.charged_to[service_id], charge["earned_to_date"])
        return {key: self._subscription(*key, money.get(key, [])) for key in months}

    def _subscription(self, service_id: str, month: date, money: list[dict]) -> dict:
        zone, current = self.world.zone_of_service(service_id), self.world.services.get(service_id)
        opens = min(start_of(month, zone), self.as_of)
        closes = min(start_of(next_month(month), zone), self.as_of)
        service, service_key = self.money.service(service_id, closes - INSTANT)
        opening, _ = self.money.service(service_id, opens - INSTANT)
        start, end = (current["activated_at"], current["deactivated_at"] or FOREVER) if current else (None, FOREVER)
        lives = bool(start and start < end)
        customer_id = service["customer_id"] if service else min((m["customer_id"] for m in money), default=UNKNOWN)
        customer, customer_key = self.money.customer(customer_id, closes - INSTANT)
        plan, plan_key = self.money.plan(service and service["plan_id"], closes - INSTANT)
        billed_by = min((m["provider_id"] for m in money), default=UNKNOWN)
        provider = self.world.plan_provider.get(service["plan_id"]) if service else billed_by
        row = {
            "service_id": service_id, "service_key": service_key, "month_start_date": month,
            "customer_id": customer_id, "customer_key": customer_key,
            "provider_id": provider or UNKNOWN,
            "zone_id": self.world.zone_id_of_service(service), "plan_id": service["plan_id"] if service else UNKNOWN,
            "plan_key": plan_key, "line_of_business": line_of_business(plan, self.rules),
            "customer_class": self.classes[customer["customer_type"]] if customer else "unknown",
            "connections": (1 if service["connections"] is None else service["connections"]) if service else None,
            "is_in_force_at_start": lives and start < opens <= end, "is_added": lives and opens <= start < closes,
            "is_ended": lives and opens <= end < closes, "is_in_force_at_end": lives and start < closes <= end,
        }  # fmt: skip
        row["is_in_service_at_start"] = row["is_in_force_at_start"] and self._counts(opening)
        row["is_in_service_at_end"] = row["is_in_force_at_end"] and self._counts(service)
        reason = service and self.world.services.get(service_id, service)["deactivation_reason"]
        row["deactivation_reason"] = (reason or "unknown") if row["is_ended"] else None
        estimate = self._estimate(month, zone, current, service, plan)
        return row | self._amounts(money, estimate, self.margins.get(plan["plan_type"], 1) if plan else 1)

    def _counts(self, version: dict | None) -> bool:
        return self.counts_in_service.get(version["service_status"], True) if version else True

    def _estimate(self, month: date, zone, current, service, plan) -> dict | None:
        """The plan's price, less the discount, for the days in force after what was billed."""
        provider_id = self.world.plan_provider.get(service["plan_id"]) if service else None
        if not (current and service and plan and provider_id in self.billed_to and current["activated_at"]):
            return None
        days = []
        day = max(month, self.billed_to[provider_id], self.charged_to[service["service_id"]],
                  current["activated_at"].astimezone(zone).date())  # fmt: skip
        ended = current["deactivated_at"].astimezone(zone).date() if current["deactivated_at"] else date.max
        while day < min(next_month(month), ended) and day <= (self.as_of - INSTANT).astimezone(zone).date():
            days.append(day)
            day += DAY
        if not days:
            return None
        whole = (next_month(month) - month).days
        cut_days = sum(service["discount_end"] is None or d <= service["discount_end"] for d in days)
        price = (plan["base_price"] * len(days) / whole).quantize(CENT, ROUND_HALF_UP)
        cut = ZERO
        if service["discount_type"] == "percentage":
            cut = plan["base_price"] * service["discount_value"] / 100 * cut_days / whole
        elif service["discount_type"] == "amount":
            cut = min(service["discount_value"] * cut_days / whole, price)
        amount = price - cut.quantize(CENT, ROUND_HALF_UP)
        rate = self.money.rate(plan["currency"], days[-1] + DAY)
        return {"days": len(days), "amount": amount, "currency": plan["currency"], "reporting": amount * rate}

    def _amounts(self, money: list[dict], estimate: dict | None, margin_share: Decimal | int) -> dict:
        currencies = {m["currency"] for m in money}
        both = currencies | ({estimate["currency"]} if estimate else set())
        row: dict = {
            "currency": min(both) if len(both) == 1 else None, "reporting_currency": self.money.reporting_currency,
            "estimated_days": estimate["days"] if estimate else 0, "is_estimated": estimate is not None,
            "estimated_amount_reporting": estimate["reporting"] if estimate else None,
        }  # fmt: skip
        for what in ("earned", "billed"):
            own = [m for m in money if m["what"] == what]
            plain = [m for m in own if not m["is_equipment"] and not m["is_pass_through"]]
            for name, part in ((f"{what}_amount", own), (f"{what}_service_amount", plain)):
                one = sum((m["amount"] for m in part), ZERO) if money else None
                rep = sum((m["amount"] * m["reporting_rate"] for m in part), ZERO) if money else None
                known = len(currencies) == 1
                if what == "earned":
                    known = len(both) == 1
                    one = one if estimate is None else (one or ZERO) + estimate["amount"]
                    rep = rep if estimate is None else (rep or ZERO) + estimate["reporting"]
                row[name], row[f"{name}_reporting"] = one if known else None, rep
        earned = row["earned_amount_reporting"]
        row["margin_amount_reporting"] = None if earned is None else earned * margin_share
        return row

    # --- by month

    def settled(self) -> list[dict]:
        payments = self.money.payments.values()
        return [p for p in payments if p["payment_status"] == "settled" and p["payment_date"] <= self.as_of]

    def billing_monthly(self) -> dict[tuple, dict]:
        found: dict[tuple, list[Decimal]] = defaultdict(list)
        for charge in self.money.revenue():
            provider_id, amount = charge["provider_id"], charge["amount_reporting"]
            if charge["issued_on"] <= self.today(provider_id):
                month = month_of(charge["issued_on"])
                found[provider_id, month, "charge_type", charge["charge_type"]].append(amount)
                found[provider_id, month, "plan", charge["plan_id"] or UNKNOWN].append(amount)
        for payment in self.settled():
            month, auto = month_of(payment["paid_date"]), "auto_pay" if payment["is_auto_pay"] else "not_auto_pay"
            for breakdown, item in (("payment_method", payment["payment_method"]), ("auto_pay", auto)):
                found[payment["provider_id"], month, breakdown, item].append(payment["amount_reporting"])
        self._receivables(found)
        sums: dict[tuple, Decimal] = defaultdict(Decimal)
        for key, amounts in found.items():
            sums[key[:3]] += sum(amounts)
        plans = {row["plan_id"]: row["plan_name"] for row in self.world.feeds["service_plans"].newest()}
        plans[UNKNOWN] = "unknown"
        return {
            key: {
                **dict(zip(("provider_id", "month_start_date", "breakdown", "item"), key, strict=True)),
                "item_name": plans.get(key[3], key[3]), "plan_id": key[3] if key[2] == "plan" else None,
                "reporting_currency": self.money.reporting_currency, "amount_reporting": sum(amounts),
                "item_count": len(amounts), "share_percentage": _share(sum(amounts), sums[key[:3]]),
                **self.freshness(key[0]),
            }
            for key, amounts in found.items()
        }  # fmt: skip

    def _receivables(self, found: dict[tuple, list[Decimal]]) -> None:
        for bill in self.issued:
            today, month = self.today(bill["provider_id"]), month_of(bill["issued_on"])
            while month <= today:
                end = min(next_month(month) - DAY, today)
                gone = min(bill["paid_on"] or date.max, bill["written_off_on"] or date.max)
                if bill["issued_on"] <= end < gone:
                    late = (end - bill["due_date"]).days
                    age = next((name for limit, name in AGES if late <= limit), "overdue_over_90_days")
                    found[bill["provider_id"], month, "receivables_age", age].append(bill["total_amount_reporting"])
                month = next_month(month)
