"""Lines and accounts by month: gains and losses, what took whose place, money, expected lifetimes.

Not here: dbt's SQL; networks, tickets, bills and the mart's rows (kpis). This follows docs/kpis.md.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal

from tests.second_road.billing import Billing
from tests.second_road.money import DAY, INSTANT, month_of, next_month, seed, spread, start_of

Key = tuple[str, date, str, str]
ZERO = Decimal(0)
SETTINGS = {row["parameter"]: Decimal(row["value"]) for row in seed("kpi_parameters")}
BACK_DAYS = int(SETTINGS["reconnection_days"])


def keys_of(provider_id: str, month: date, line: str | None, customer_class: str) -> list[Key]:
    """The row that something counts in, and its roll-ups; without a line of business only those over all."""
    return [(provider_id, month, a, b) for a in ({line, "all"} - {None}) for b in (customer_class, "all")]  # type: ignore[misc]


def grouped(items: Iterable[tuple[list[Key], object]]) -> dict[Key, list]:
    found: dict[Key, list] = defaultdict(list)
    for keys, item in items:
        for key in keys:
            found[key].append(item)
    return found


def ratio(part: Decimal | int | None, whole: Decimal | int | None, times: int = 1) -> Decimal | None:
    return times * Decimal(part) / Decimal(whole) if part is not None and whole else None


def months_between(earlier: date, later: date) -> int:
    return 12 * (later.year - earlier.year) + later.month - earlier.month


class Lines:
    """The lines of a world with what became of them."""

    def __init__(self, billing: Billing) -> None:
        self.billing, self.world = billing, billing.world
        self.rows = billing.subscriptions()
        self.by_service_month = {(r["service_id"], r["month_start_date"]): r for r in self.rows.values()}
        self.replaced, self.replacing = self._replacements()
        self.kinds = {row["deactivation_reason"]: row["churn_kind"] for row in seed("deactivation_reasons")}
        for row in self.rows.values():
            self._tell(row)

    # --- gains and losses

    def _changes(self) -> list[dict]:
        changes = []
        for row in self.rows.values():
            for flag, column in (("is_ended", "deactivated_at"), ("is_added", "activated_at")):
                if row[flag]:
                    service = self.world.services[row["service_id"]]
                    line = row["line_of_business"]
                    family = (row["provider_id"], "mobile" if line.startswith("mobile") else line)
                    zone = self.world.zone_of_service(row["service_id"])
                    day = service[column].astimezone(zone).date()
                    changes.append({
                        "service_id": row["service_id"], "is_ended": flag == "is_ended", "day": day, "family": family,
                        "number": service["service_number"], "customer_id": row["customer_id"],
                        "order": (day, flag != "is_ended", service[column], row["service_id"]),
                    })  # fmt: skip
        return sorted(changes, key=lambda change: change["order"])

    def _replacements(self) -> tuple[set[str], set[str]]:
        """Services that ended and were replaced, and those that replaced them."""
        changes = self._changes()
        ended, added = set(), set()
        last: dict[tuple, dict] = {}
        for change in changes:
            before = last.get((change["family"], change["number"]))
            if before and before["is_ended"] and not change["is_ended"]:
                is_other = before["service_id"] != change["service_id"]
                if is_other and (change["day"] - before["day"]).days <= BACK_DAYS:
                    ended.add(before["service_id"])
                    added.add(change["service_id"])
            if change["number"]:
                last[change["family"], change["number"]] = change
        waiting: dict[tuple, list[dict]] = defaultdict(list)
        for change in changes:
            queue = waiting[change["family"], change["customer_id"]]
            if change["is_ended"] and change["service_id"] not in ended:
                queue.append(change)
            elif not change["is_ended"] and change["service_id"] not in added:
                fits = [w for w in queue if (change["day"] - w["day"]).days <= BACK_DAYS
                        and w["service_id"] != change["service_id"]]  # fmt: skip
                if fits:
                    queue.remove(fits[0])
                    ended.add(fits[0]["service_id"])
                    added.add(change["service_id"])
        return ended, added

    def _tell(self, row: dict) -> None:
        is_back = row["service_id"] in self.replaced
        row["is_gained"] = row["is_added"] and row["service_id"] not in self.replacing
        row["is_lost"], row["is_reconnected"] = row["is_ended"] and not is_back, row["is_ended"] and is_back
        row["churn_kind"] = self.kinds[row["deactivation_reason"]] if row["is_lost"] else None
        row["tenure"] = None
        if row["is_in_force_at_start"] or row["is_added"]:
            began = self.world.services[row["service_id"]]["activated_at"]
            day = began.astimezone(self.world.zone_of_service(row["service_id"])).date()
            row["tenure"] = months_between(day, row["month_start_date"])
        earned = row["earned_service_amount_reporting"]
        row["contribution"] = ZERO if earned is None else earned * self._margin(row)

    def _margin(self, row: dict) -> Decimal:
        closing = min(start_of(next_month(row["month_start_date"]), self.world.zone_of_service(row["service_id"])),
                      self.world.as_of)  # fmt: skip
        plan, _ = self.billing.money.plan(row["plan_id"], closing - INSTANT)
        return Decimal(self.billing.margins.get(plan["plan_type"], 1)) if plan else Decimal(1)

    # --- figures

    def by_key(self) -> dict[Key, list[dict]]:
        return grouped(
            (keys_of(r["provider_id"], r["month_start_date"], r["line_of_business"], r["customer_class"]), r)
            for r in self.rows.values()
        )

    def figures(self) -> dict[Key, dict]:
        found, by_key = {}, self.by_key()
        costs = {row["line_of_business"]: row["cost_per_added_line"] for row in seed("acquisition_costs")}
        for key, rows in by_key.items():
            counts = {
                "opening_lines": sum(r["is_in_service_at_start"] for r in rows),
                "added_lines": sum(r["is_gained"] for r in rows),
                "ended_lines": sum(r["is_lost"] for r in rows),
                "voluntarily_ended_lines": sum(r["churn_kind"] == "voluntary" for r in rows),
                "involuntarily_ended_lines": sum(r["churn_kind"] == "involuntary" for r in rows),
                "reconnected_lines": sum(r["is_reconnected"] for r in rows),
                "closing_lines": sum(r["is_in_service_at_end"] for r in rows),
            }
            earned = [r["earned_service_amount_reporting"] for r in rows]
            service = sum((e for e in earned if e is not None), ZERO) if any(e is not None for e in earned) else None
            whole = [e for e in (r["earned_amount_reporting"] for r in rows) if e is not None]
            guessed = sum((r["estimated_amount_reporting"] or ZERO for r in rows), ZERO)
            gained = [costs[r["line_of_business"]] for r in rows if r["is_gained"]]
            found[key] = {
                **counts,
                "earned_amount_reporting": sum(whole, ZERO) if whole else None,
                "earned_service_amount_reporting": service,
                "estimated_percentage": ratio(guessed, service, 100),
                "arpu_reporting": ratio(service, Decimal(counts["opening_lines"] + counts["closing_lines"]) / 2),
                **self._churn(counts),
                **self._lifetime(key, by_key),
                "acquisition": sum(map(Decimal, gained)) if gained and all(gained) else None,
            }
        return found

    @staticmethod
    def _churn(counts: dict) -> dict:
        mean = Decimal(counts["opening_lines"] + counts["closing_lines"]) / 2
        ended = {
            "gross_churn": counts["ended_lines"], "net_churn": counts["ended_lines"] - counts["added_lines"],
            "voluntary_churn": counts["voluntarily_ended_lines"],
            "involuntary_churn": counts["involuntarily_ended_lines"],
        }  # fmt: skip
        return {f"{name}_percentage": ratio(n, mean, 100) for name, n in ended.items()} | {
            f"{name}_of_opening_percentage": ratio(n, counts["opening_lines"], 100) for name, n in ended.items()
        }

    @staticmethod
    def _lifetime(key: Key, by_key: dict[Key, list[dict]]) -> dict:
        """A life table of the last months, each month of tenure beginning with the prior's lines at the mean hazard."""
        provider_id, month, *group = key
        last, names = (
            int(SETTINGS["lifetime_observed_months"]),
            ("expected_lifetime_months", "lifetime_value_reporting"),
        )
        rows = [r for other, found in by_key.items() if other[0] == provider_id and [*other[2:]] == group
                and 0 <= months_between(other[1], month) < last for r in found]  # fmt: skip
        exposed, lost = defaultdict(int), defaultdict(int)
        for row in rows:
            if row["tenure"] is not None:
                exposed[row["tenure"]] += 1
                lost[row["tenure"]] += row["is_lost"]
        line_months = Decimal(sum(r["is_in_service_at_start"] + r["is_in_service_at_end"] for r in rows)) / 2
        mean = ratio(sum(lost.values()), sum(exposed.values()))
        if mean is None or mean >= 1:
            return {**dict.fromkeys(names), "contribution_per_line_month_reporting": None}
        contribution = ratio(sum((r["contribution"] for r in rows), ZERO), line_months)
        prior, there, months, value = SETTINGS["lifetime_prior_line_months"], Decimal(1), ZERO, ZERO
        interest = 1 + SETTINGS["lifetime_annual_discount_percentage"] / 100
        for tenure in range(int(SETTINGS["lifetime_horizon_months"])):
            months += there
            value += there * interest ** (Decimal(-tenure) / 12)
            there *= 1 - (lost[tenure] + prior * mean) / (exposed[tenure] + prior)
        digits = Decimal("0.000000001")
        return {
            "contribution_per_line_month_reporting": contribution, names[0]: months.quantize(digits),
            names[1]: None if contribution is None else (contribution * value).quantize(digits),
        }  # fmt: skip

    # --- accounts

    def accounts(self) -> dict[Key, dict]:
        """Customers with lines, and what they and their accounts earned, by class."""
        entries = [
            (keys_of(r["provider_id"], r["month_start_date"], None, r["customer_class"]), ("line", r))
            for r in self.rows.values()
        ]
        entries += [(keys_of(p, m, None, c), ("account", part)) for p, m, c, part in self._account_charges()]
        found = {}
        for key, parts in grouped(entries).items():  # type: ignore[arg-type]
            lines = [r for kind, r in parts if kind == "line"]
            opening = {r["customer_id"] for r in lines if r["is_in_service_at_start"]}
            closing = {r["customer_id"] for r in lines if r["is_in_service_at_end"]}
            own = [r for kind, r in parts if kind == "account"]
            service = [r["earned_service_amount_reporting"] for r in lines]
            service += [r["amount"] for r in own if r["is_service"]]
            known = [amount for amount in service if amount is not None]
            mean = Decimal(len(opening) + len(closing)) / 2
            found[key] = {
                "average_accounts": mean,
                "arpa_reporting": ratio(sum(known, ZERO) if known else None, mean),
                "own_amount": sum((r["amount"] for r in own), ZERO) if own else None,
            }
        return found

    def _account_charges(self) -> Iterable[tuple[str, date, str, dict]]:
        for charge in self.billing.money.revenue():
            if charge["service_id"] is None:
                days = (charge["earned_to_date"] - charge["earned_from_date"]).days
                for offset, amount in enumerate(spread(charge["amount"], days)):
                    month = month_of(charge["earned_from_date"] + offset * DAY)
                    is_service = not charge["is_equipment"] and not charge["is_pass_through"]
                    part = {"amount": amount * charge["reporting_rate"], "is_service": is_service}
                    yield charge["provider_id"], month, self._class(charge, month), part

    def _class(self, charge: dict, month: date) -> str:
        zone = self.world.zone_of_provider(charge["provider_id"])
        closing = min(start_of(next_month(month), zone), self.world.as_of)
        return self.class_at(charge["customer_id"], closing - INSTANT)

    def class_at(self, customer_id: str, at: datetime) -> str:
        customer, _ = self.billing.money.customer(customer_id, at)
        return self.billing.classes[customer["customer_type"]] if customer else "unknown"
