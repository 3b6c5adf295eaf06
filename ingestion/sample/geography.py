"""Providers, their service zones, census blocks with points, and the locations that they can serve.

Not here: equipment, customers.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ingestion.sample.clock import TIME_ZONES, Clock, Ints, dates, decimals, ordinal, stamps, uuids

TRACTS = Path(__file__).parent / "data" / "alabama_tracts.csv"
BLOCKS_PER_TRACT = 4
LOCATIONS_PER_BLOCK = 4
FIRST_LOCATION = 1_040_000_000


@dataclass(frozen=True)
class Provider:
    name: str
    kind: str
    time_zone: str
    state_fips: str
    frn: str
    share: float


@dataclass(frozen=True)
class Zone:
    provider: int
    name: str
    kind: str
    state: str
    county: str | None
    latitude: float
    longitude: float
    area_code: str
    postal: str
    share: float
    # None: the provider's.
    time_zone: str | None = None

    @property
    def zone_index(self) -> int:
        return TIME_ZONES.index(self.time_zone or PROVIDERS[self.provider].time_zone)


PROVIDERS = (
    Provider("Peachtree Wireless", "mobile", "America/New_York", "13", "0018842151", 0.45),
    Provider("Wiregrass Cable", "cable", "America/Chicago", "01", "0028842251", 0.25),
    Provider("Magnolia Connect", "converged", "America/Chicago", "01", "0038842351", 0.30),
)
ZONES = (
    Zone(0, "Columbus", "urban", "GA", None, 32.46, -84.99, "706", "31901", 0.40),
    Zone(0, "Birmingham", "urban", "AL", "073", 33.52, -86.80, "205", "35203", 0.30, "America/Chicago"),
    Zone(0, "Dothan", "suburban", "AL", "069", 31.22, -85.39, "334", "36301", 0.20, "America/Chicago"),
    Zone(0, "Pueblo", "rural", "CO", None, 38.25, -104.61, "719", "81003", 0.10, "America/Denver"),
    Zone(1, "Dothan", "urban", "AL", "069", 31.22, -85.39, "334", "36303", 0.50),
    Zone(1, "Anniston", "suburban", "AL", "015", 33.66, -85.83, "256", "36201", 0.30),
    Zone(1, "Gadsden", "rural", "AL", "055", 34.01, -86.01, "256", "35901", 0.20),
    Zone(2, "Birmingham", "urban", "AL", "073", 33.52, -86.80, "205", "35205", 0.45),
    Zone(2, "Daphne", "suburban", "AL", "003", 30.60, -87.90, "251", "36526", 0.35),
    Zone(2, "Prattville", "rural", "AL", "001", 32.46, -86.46, "334", "36067", 0.20),
)
# FCC technology: download, upload, low latency, share of the locations of its provider that have it.
OFFERS = {1: ((40, 1000, 35, True, 0.97),), 2: ((50, 1000, 1000, True, 0.6), (10, 25, 3, True, 0.55),
                                                (60, 100, 5, False, 1.0))}  # fmt: skip


@dataclass(frozen=True)
class Geography:
    """Ids and feeds. Arrays of places: one entry per (fixed provider, location), to draw addresses from."""

    provider_ids: pl.Series
    zone_ids: pl.Series
    place_zone: Ints
    place_block: pl.Series
    place_location: Ints
    place_latitude: np.ndarray
    place_longitude: np.ndarray
    place_technologies: np.ndarray
    providers: pl.DataFrame
    service_zones: pl.DataFrame
    census_blocks: pl.DataFrame
    serviceable_locations: pl.DataFrame


def founded(clock: Clock) -> str:
    """When everything that stands before the history was entered."""
    return f"{clock.history_first.year - 6}-01-01T00:00:00Z"


def tracts_of(county: str) -> list[str]:
    """The 2020 census tracts of an Alabama county."""
    with TRACTS.open(encoding="utf-8") as stream:
        return [row["tract_geoid"] for row in csv.DictReader(stream) if row["county_fips"] == county]


def _square(latitude: float, longitude: float, half: float) -> str:
    west, east, south, north = longitude - half, longitude + half, latitude - half, latitude + half
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return json.dumps({"type": "Polygon", "coordinates": [[[round(x, 4), round(y, 4)] for x, y in ring]]})


def _providers(clock: Clock, ids: pl.Series) -> pl.DataFrame:
    rows = []
    for index, (provider_id, provider) in enumerate(zip(ids, PROVIDERS, strict=True)):
        home = next(zone for zone in ZONES if zone.provider == index)
        rows.append(
            {
                "provider_id": provider_id, "provider_name": provider.name, "provider_type": provider.kind,
                "frn": provider.frn, "bdc_provider_id": str(130_900 + index), "form499_id": str(827_000 + 31 * index),
                "brand_name": provider.name.split()[0], "holding_company": "Southern Lines Holding",
                "market": home.name, "state_fips": provider.state_fips, "time_zone": provider.time_zone,
                "is_covered_911_provider": "true", "is_ilec": str(index == 2).lower(),
                "study_area_codes": '["250283"]' if index == 2 else None,
                "coverage_area": _square(home.latitude, home.longitude, 0.8), "updated_at": founded(clock),
            }
        )  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def _zones(clock: Clock, provider_ids: pl.Series, zone_ids: pl.Series, customers: int) -> pl.DataFrame:
    """Capacity stands a little above what the customers of this sample need, so that some zones fill."""
    rng = clock.random("zones")
    rows = []
    for zone_id, zone in zip(zone_ids, ZONES, strict=True):
        households = int(rng.integers(4_000, 60_000))
        expected = customers * 1.1 * PROVIDERS[zone.provider].share * zone.share
        rows.append(
            {
                "zone_id": zone_id, "provider_id": provider_ids[zone.provider], "zone_name": zone.name,
                "zone_type": zone.kind, "time_zone": zone.time_zone,
                "customer_density": f"{max(expected * rng.uniform(0.9, 1.4), 1) / 100:.2f}",
                "capacity_subscribers": str(max(int(expected * rng.uniform(0.9, 1.4)), 2)),
                "busy_hour_capacity_mbps": str(households // 2), "population": str(int(households * 2.5)),
                "households": str(households), "boundary": _square(zone.latitude, zone.longitude, 0.35),
                "updated_at": founded(clock),
            }
        )  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def _blocks(clock: Clock, zone_ids: pl.Series) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The feed's rows, and per block its zone of a fixed provider with its point."""
    rng = clock.random("blocks")
    feed, fixed = [], []
    for county in sorted({zone.county for zone in ZONES if zone.county}):
        zones = [(index, zone) for index, zone in enumerate(ZONES) if zone.county == county]
        for tract in tracts_of(county):
            centre = (zones[0][1].latitude + rng.uniform(-0.25, 0.25), zones[0][1].longitude + rng.uniform(-0.3, 0.3))
            for block in range(BLOCKS_PER_TRACT):
                geoid = f"{tract}{1 + block // 2}{block % 2:03d}"
                latitude, longitude = centre[0] + rng.normal(0, 0.006), centre[1] + rng.normal(0, 0.006)
                households = int(rng.integers(8, 90))
                for index, zone in zones:
                    feed.append(
                        {
                            "block_geoid": geoid, "zone_id": zone_ids[index], "latitude": f"{latitude:.6f}",
                            "longitude": f"{longitude:.6f}", "households": str(households),
                            "housing_units": str(int(households * 1.12)), "population": str(int(households * 2.46)),
                        }
                    )  # fmt: skip
                    if zone.provider in OFFERS:
                        fixed.append({"zone": index, "block": geoid, "latitude": latitude, "longitude": longitude})
    return pl.DataFrame(feed), pl.DataFrame(fixed)


def _locations(clock: Clock, provider_ids: pl.Series, fixed: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Places (one per location, with what is there as bits) and the feed's rows (one per technology)."""
    rng = clock.random("locations")
    places = fixed.select(pl.all().repeat_by(LOCATIONS_PER_BLOCK).explode())
    count = len(places)
    provider = np.array([zone.provider for zone in ZONES])[places["zone"].to_numpy()]
    places = places.with_columns(
        pl.Series("location", FIRST_LOCATION + 7 * np.arange(count, dtype=np.int64)),
        pl.col("latitude") + pl.Series(rng.normal(0, 0.001, count)),
        pl.col("longitude") + pl.Series(rng.normal(0, 0.001, count)),
    )
    code = pl.Series(rng.choice(["R", "X", "B"], count, p=[0.5, 0.42, 0.08]))
    built = ordinal(clock.history_first) - rng.integers(100, 2500, count)
    bits, parts = np.zeros(count, dtype=np.int64), []
    for owner, technologies in OFFERS.items():
        for number, (technology, down, up, low, share) in enumerate(technologies):
            has = (provider == owner) & (rng.random(count) < share)
            bits |= has.astype(np.int64) << number
            own = places.filter(pl.Series(has))
            parts.append(
                own.select(
                    pl.lit(provider_ids[owner]).alias("provider_id"),
                    pl.col("location").cast(pl.String).alias("location_id"),
                    pl.col("block").alias("block_geoid"),
                    pl.lit(str(technology)).alias("technology_code"),
                    pl.lit(str(down)).alias("max_advertised_download_mbps"),
                    pl.lit(str(up)).alias("max_advertised_upload_mbps"),
                    pl.lit(str(low).lower()).alias("low_latency"),
                    code.filter(pl.Series(has)).alias("business_residential_code"),
                    decimals(own["latitude"].to_numpy(), 6).alias("latitude"),
                    decimals(own["longitude"].to_numpy(), 6).alias("longitude"),
                    dates(built[has]).alias("available_from"),
                    stamps(built[has] * 86400 + 43200).alias("updated_at"),
                )
            )
    return places.with_columns(pl.Series("technologies", bits)), pl.concat(parts)


def build_geography(clock: Clock, customers: int) -> Geography:
    """Where the operator is."""
    rng = clock.random("places")
    provider_ids, zone_ids = uuids(rng, len(PROVIDERS)), uuids(rng, len(ZONES))
    census_blocks, fixed = _blocks(clock, zone_ids)
    places, locations = _locations(clock, provider_ids, fixed)
    return Geography(
        provider_ids, zone_ids, places["zone"].cast(pl.Int64).to_numpy(), places["block"],
        places["location"].to_numpy(), places["latitude"].to_numpy(), places["longitude"].to_numpy(),
        places["technologies"].to_numpy(), _providers(clock, provider_ids),
        _zones(clock, provider_ids, zone_ids, customers), census_blocks, locations,
    )  # fmt: skip
