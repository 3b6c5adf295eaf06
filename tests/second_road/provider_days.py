"""What each provider's days were, from the landed rows.

Not here: usage by service and element (usage), money (money), tickets (customers).
"""

from collections import defaultdict
from datetime import date, timedelta
from statistics import fmean

from tests.second_road.customers import support_tickets
from tests.second_road.money import Money
from tests.second_road.usage import usage_daily
from tests.second_road.world import World

DAY = timedelta(days=1)


def provider_days(world: World) -> dict[tuple, dict[str, float | None]]:
    """By provider and local day, from the first to the last with anything: measures, and the mean of a week."""
    last = (world.as_of - timedelta(microseconds=1)).date()
    found: dict[str, dict[date, dict[str, float]]] = defaultdict(lambda: defaultdict(lambda: defaultdict(float)))
    services: dict[tuple, set[str]] = defaultdict(set)
    for row in usage_daily(world).values():
        if row["usage_date"] <= last:
            day = found[row["provider_id"]][row["usage_date"]]
            day["data_gb"] += row["data_usage_bytes"] / 2**30
            day["voice_minutes"] += row["voice_seconds"] / 60
            services[row["provider_id"], row["usage_date"]].add(row["service_id"])
    for bill in Money(world).bills.values():
        if bill["bill_status"] != "draft" and bill["issued_on"] <= last:
            found[bill["provider_id"]][bill["issued_on"]]["billed_amount"] += float(bill["total_amount_reporting"])
    for ticket in support_tickets(world).values():
        if ticket["created_date"] <= last:
            found[ticket["provider_id"]][ticket["created_date"]]["tickets_opened"] += 1
    rows: dict[tuple, dict[str, float | None]] = {}
    for provider_id, days in found.items():
        first = min(days)
        every = [first + n * DAY for n in range((max(days) - first).days + 1)]
        for number, day in enumerate(every):
            week = [days[d]["data_gb"] for d in every[number - 6 : number + 1]] if number >= 6 else []
            rows[provider_id, day] = {
                **{name: days[day][name] for name in ("data_gb", "voice_minutes", "billed_amount", "tickets_opened")},
                "services_with_usage": len(services[provider_id, day]),
                "data_gb_trend": fmean(week) if week else None,
            }
    return rows
