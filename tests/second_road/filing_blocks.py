"""Block list, availability file and outage counts of a filing from the landed files, in plain Python.

Not here: dbt's SQL, the packaging. This follows docs/compliance.md.
"""

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction

from tests.second_road.filings import COLLAPSED
from tests.second_road.world import World, start_of

WIRELESS = {71: 70, 72: 70, 61: 60}


def _offers(world: World, day: date) -> list[dict]:
    return [
        row
        for row in world.feeds["serviceable_locations"].newest()
        if row["available_from"] <= day and (row["available_to"] is None or row["available_to"] >= day)
        if row["provider_id"] in world.providers and not 80 <= row["technology_code"] <= 88
    ]


def _name(world: World, provider_id: str) -> str:
    provider = world.providers[provider_id]
    return provider["brand_name"] or provider["provider_name"]


def block_rows(world: World, day: date) -> set[tuple]:
    """(provider, block, name, technology, consumer, download, upload, business)."""
    grouped: dict[tuple, list[dict]] = defaultdict(list)
    for row in _offers(world, day):
        code = WIRELESS.get(row["technology_code"], row["technology_code"])
        grouped[row["provider_id"], row["block_geoid"], code].append(row)
    found = set()
    for (provider, block, code), offers in grouped.items():
        homes = [row for row in offers if row["business_residential_code"] in "RX"]
        found.add((
            provider, block, _name(world, provider), code, bool(homes),
            max((row["max_advertised_download_mbps"] for row in homes), default=0),
            max((row["max_advertised_upload_mbps"] for row in homes), default=0),
            any(row["business_residential_code"] in "BX" for row in offers),
        ))  # fmt: skip
    return found


def availability_rows(world: World, day: date) -> set[tuple]:
    """(provider, location, technology, name, download, upload, low latency, code)."""
    grouped: dict[tuple, list[dict]] = defaultdict(list)
    for row in _offers(world, day):
        code = COLLAPSED.get(row["technology_code"], row["technology_code"])
        grouped[row["provider_id"], row["location_id"], code].append(row)
    found = set()
    for (provider, location, code), offers in grouped.items():
        codes = {row["business_residential_code"] for row in offers}
        found.add((
            provider, location, code, _name(world, provider),
            max(row["max_advertised_download_mbps"] for row in offers),
            max(row["max_advertised_upload_mbps"] for row in offers),
            any(row["low_latency"] for row in offers), codes.pop() if len(codes) == 1 else "X",
        ))  # fmt: skip
    return found


def outage_measures(world: World, day: date) -> dict[str, tuple]:
    """Provider to (outages, over 1 000 customers, mean hours to restoration, customer-minutes) of the year so far."""
    found = {}
    for provider_id in world.providers:
        zone = world.zone_of_provider(provider_id)
        begin, end = start_of(date(day.year, 1, 1), zone), start_of(day + timedelta(days=1), zone)
        outages = [
            row
            for row in world.feeds["outages"].newest()
            if row["provider_id"] == provider_id and begin <= row["outage_start"] < end
            if row["outage_type"] != "planned"
        ]
        seconds, lost = [], Fraction(0)
        for row in outages:
            if row["actual_restoration"] is None:
                continue
            lasted = row["actual_restoration"] - row["outage_start"]
            microseconds = (lasted.days * 86_400 + lasted.seconds) * 10**6 + lasted.microseconds
            seconds.append(Fraction(microseconds, 10**6))
            lost += Fraction(row["affected_customers"] or 0) * seconds[-1] / 60
        mean = float(sum(seconds) / len(seconds) / 3600) if seconds else None
        large = sum((row["affected_customers"] or 0) > 1000 for row in outages)
        found[provider_id] = (len(outages), large, mean, float(lost))
    return found
