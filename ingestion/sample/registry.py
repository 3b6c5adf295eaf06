"""The rows of accounts, services and devices, with every version of each.

Not here: orders; who the customers are and what they decide.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ingestion.sample.clock import DAY, NEVER, Clock, Ints, chosen, dates, decimals, dollars, flags, stamps
from ingestion.sample.customers import KINDS, People
from ingestion.sample.geography import ZONES, Geography
from ingestion.sample.inventory import Network
from ingestion.sample.life import Life
from ingestion.sample.tariffs import PLANS, Tariffs, plan_array

FIRST_NAMES = ("Ada", "Ben", "Carla", "Diego", "Elena", "Frank", "Grace", "Hugo", "Iris", "Jamal", "Kira", "Liam",
               "Maya", "Noah", "Olga", "Pedro", "Quinn", "Rosa", "Sam", "Tara")  # fmt: skip
LAST_NAMES = ("Abbott", "Brooks", "Chavez", "Dawson", "Ellis", "Flores", "Grant", "Hayes", "Ingram", "Jordan", "Knox",
              "Lopez", "Mercer", "Nolan", "O'Brien", "Parker", "Quinn", "Reyes", "Sutton", "Tran")  # fmt: skip
STREETS = ("Oak Street", "Main Street", "Cedar Avenue", "2nd Avenue", "Hillcrest Road", "Mill Lane, Apt. 4")
TRADES = ("Bakery", "Dental Care", "Auto Parts", "Logistics, Inc.", "Law Office", "Garden Center")
DEVICE_MODELS = {"handset": ("Aster", "Lumen", "Pico"), "iot": ("Metrix",), "modem": ("Gatehouse", "Relay"),
                 "satellite_terminal": ("Skydish",), "router": ("Relay",)}  # fmt: skip


def _drawn(rng: np.random.Generator, low: int, high: int, count: int) -> pl.Series:
    """Random whole numbers as text."""
    return pl.Series(rng.integers(low, high, count)).cast(pl.String)


def _zone_texts(name: str, zone: Ints) -> pl.Series:
    return pl.Series([getattr(z, name) for z in ZONES]).gather(zone)


def build_customers(clock: Clock, geography: Geography, people: People, life: Life) -> pl.DataFrame:
    """The account as made, perhaps after a move, and closed with the last of its services."""
    rng = clock.random("accounts")
    count, kind, zone = len(people.customer_ids), people.customer_kind, people.customer_zone
    is_person = pl.Series(kind == 0)
    first, last = chosen(rng, FIRST_NAMES, count), chosen(rng, LAST_NAMES, count)
    company = (last + " " + chosen(rng, TRADES, count)).set(pl.Series(kind == 2), None)
    company = company.fill_null("City of " + _zone_texts("name", zone)).set(is_person, None)
    town = np.array([(z.latitude, z.longitude) for z in ZONES])[zone]
    number = _drawn(rng, 1, 999, count)
    mail = (first + "." + last.str.replace("'", "", literal=True) + number + "@example.com").str.to_lowercase()
    birth = rng.integers(-10950, 12775, count)
    unhappy = (life.tickets.sum(axis=(1, 2))).astype(float)
    sum_of = np.zeros(count)
    np.add.at(sum_of, people.customer, unhappy)
    frame = pl.DataFrame(
        {
            "customer_id": people.customer_ids, "customer_type": pl.Series(np.array(KINDS)[kind], dtype=pl.String),
            "first_name": first.set(~is_person, None), "last_name": last.set(~is_person, None), "company_name": company,
            "email": mail,
            "phone": "+1 " + _zone_texts("area_code", zone) + " 555-01" + _drawn(rng, 10, 100, count),
            "date_of_birth": dates(birth).set(~is_person, None),
            "street_address": _drawn(rng, 1, 9999, count) + " " + chosen(rng, STREETS, count),
            "city": _zone_texts("name", zone), "state": _zone_texts("state", zone),
            "postal_code": _zone_texts("postal", zone), "latitude": decimals(town[:, 0] + rng.normal(0, 0.1, count), 6),
            "longitude": decimals(town[:, 1] + rng.normal(0, 0.1, count), 6),
            "service_zone_id": geography.zone_ids.gather(zone), "account_status": ["active"] * count,
            "acquisition_date": dates(people.customer_created // DAY),
            "acquisition_channel": chosen(rng, ("web", "shop", "partner", "call"), count, (0.35, 0.35, 0.2, 0.1)),
            "acquisition_cost": decimals(rng.uniform(20, 300, count), 2),
            "lifetime_value": decimals(rng.lognormal(7, 0.6, count), 2), "currency": ["USD"] * count,
            "churn_risk_score": decimals(np.minimum(rng.gamma(2, 1.2, count) + sum_of / 6, 10), 1),
            "auto_pay": flags(people.customer_auto_pay), "marketing_consent": flags(rng.random(count) < 0.6),
            "cpni_consent": flags(rng.random(count) < 0.4), "legal_hold": flags(rng.random(count) < 0.002),
            "preferences": ['{"language": "en", "contact": ["email", "sms"]}'] * count,
            "created_at": stamps(people.customer_created), "updated_at": stamps(people.customer_created),
        },
        schema_overrides={"account_status": pl.String, "currency": pl.String, "preferences": pl.String},
    )  # fmt: skip
    return pl.concat([frame, *_account_changes(clock, rng, people, life, frame)])


def _account_changes(
    clock: Clock, rng: np.random.Generator, people: People, life: Life, frame: pl.DataFrame
) -> list[pl.DataFrame]:
    """Versions after a move to another street, and at the end of the last service."""
    count = len(frame)
    closed = np.zeros(count, dtype=np.int64)
    # A service that has not begun keeps the account open too.
    np.maximum.at(closed, people.customer, np.where(people.activated < NEVER, life.ended, NEVER))
    until = np.minimum(closed, clock.as_of_seconds) - 3600
    moved_at = (
        people.customer_created + 3600 + (rng.random(count) * (until - people.customer_created - 7200)).astype(np.int64)
    )
    moves = (rng.random(count) < 0.08) & (until > people.customer_created + 30 * DAY)
    street = _drawn(rng, 1, 9999, count) + " " + chosen(rng, STREETS, count)
    moved = frame.with_columns(street.alias("street_address"), stamps(moved_at).alias("updated_at"))
    after = frame.with_columns(street.zip_with(pl.Series(moves), frame["street_address"]).alias("street_address"))
    ended = after.with_columns(pl.lit("closed").alias("account_status"), stamps(closed).alias("updated_at"))
    return [moved.filter(pl.Series(moves)), ended.filter(pl.Series(closed < NEVER))]


def build_services(
    clock: Clock,
    geography: Geography,
    network: Network,
    people: People,
    life: Life,
    tariffs: Tariffs,
    device_ids: pl.Series,
) -> pl.DataFrame:
    """Every version of a service: as activated (or still pending), after each change of plan, as ended."""
    rng = clock.random("service rows")
    size, plan, zone = len(people), people.first_plan, people.zone
    is_pending = people.activated >= NEVER
    has_place = people.place >= 0
    place = np.maximum(people.place, 0)
    no_place = pl.Series(~has_place)
    # Some addresses are known by tract only, few by their location alone.
    way = rng.random(size)
    block = geography.place_block.gather(place).set(no_place, None)
    location = pl.Series(geography.place_location[place]).cast(pl.String).set(no_place, None)
    amount = np.where(people.discount_percentage > 0, people.discount_percentage * 100, people.discount_cents)
    has_discount = amount > 0
    kind = pl.Series(np.where(people.discount_percentage > 0, "percentage", "amount"), dtype=pl.String)
    lines = np.array([p.lines or 1 for p in PLANS])[plan]
    is_iot = plan_array("is_iot")[plan]
    connections = np.where(is_iot, rng.integers(1, 40, size), 1)
    frame = pl.DataFrame(
        {
            "service_id": people.service_ids, "customer_id": people.customer_ids.gather(people.customer),
            "plan_id": tariffs.plan_ids.gather(plan),
            "service_number": "+1" + _zone_texts("area_code", zone) + "555" + _drawn(rng, 1000, 9999, size),
            "service_status": pl.Series(np.where(is_pending, "pending", "active"), dtype=pl.String),
            "activated_at": stamps(people.activated), "block_geoid": block.set(pl.Series(way > 0.95), None),
            "tract_geoid": block.str.slice(0, 11).set(pl.Series(way > 0.985), None),
            "service_postal_code": _zone_texts("postal", zone), "service_state": _zone_texts("state", zone),
            "service_latitude": decimals(np.where(has_place, geography.place_latitude[place], np.nan), 6),
            "service_longitude": decimals(np.where(has_place, geography.place_longitude[place], np.nan), 6),
            "bdc_location_id": location, "serving_element_id": network.element_ids.gather(people.element),
            "device_id": device_ids, "sold_by": chosen(rng, ("direct", "reseller", "mvno"), size, (0.88, 0.08, 0.04)),
            "contract_start": dates(np.where(people.contract_end < NEVER, people.activated_day, NEVER)),
            "contract_end": dates(people.contract_end), "connections": pl.Series(connections).cast(pl.String),
            "voice_grade_equivalents": pl.Series(lines).cast(pl.String).set(pl.Series(lines < 4), None),
            "discount_type": kind.set(pl.Series(~has_discount), None),
            "discount_value": dollars(amount).set(pl.Series(~has_discount), None),
            "discount_end": dates(people.discount_end), "created_at": stamps(people.created),
            "updated_at": stamps(np.where(is_pending, people.created, people.activated)),
        }
    )  # fmt: skip
    return _service_versions(people, life, tariffs, frame)


def _service_versions(people: People, life: Life, tariffs: Tariffs, frame: pl.DataFrame) -> pl.DataFrame:
    nothing = pl.Series([None] * len(frame), dtype=pl.String)
    frame = frame.with_columns(nothing.alias("deactivated_at"), nothing.alias("deactivation_reason"))
    changes = life.changes
    changed = frame[changes[:, 0]].with_columns(
        tariffs.plan_ids.gather(changes[:, 4]).alias("plan_id"), stamps(changes[:, 2]).alias("updated_at")
    )
    final = people.first_plan.copy()
    final[changes[:, 0]] = changes[:, 4]
    last = frame.with_columns(tariffs.plan_ids.gather(final).alias("plan_id"))
    # Who does not pay is suspended for some days first.
    unpaid = (life.reason == "non_payment") & (life.ended < NEVER)
    begun = np.maximum(life.ended - 9 * DAY, people.activated + DAY)
    newest = people.activated.copy()
    newest[changes[:, 0]] = changes[:, 2]
    unpaid &= (begun > newest + 3600) & (begun < life.ended - 3600)
    suspended = last.with_columns(pl.lit("suspended").alias("service_status"), stamps(begun).alias("updated_at"))
    ended = last.with_columns(
        pl.lit("terminated").alias("service_status"), stamps(life.ended).alias("deactivated_at"),
        stamps(life.ended).alias("updated_at"), pl.Series(life.reason, dtype=pl.String).alias("deactivation_reason"),
    )  # fmt: skip
    return pl.concat([frame, changed, suspended.filter(pl.Series(unpaid)), ended.filter(pl.Series(life.ended < NEVER))])


def check_digit(digits: str) -> str:
    """The Luhn digit that makes a number of these digits valid."""
    odd, even = digits[-1::-2], digits[-2::-2]
    total = sum(sum(divmod(2 * int(digit), 10)) for digit in odd) + sum(int(digit) for digit in even)
    return str(-total % 10)


def _imeis(rng: np.random.Generator, count: int) -> pl.Series:
    """Random IMEIs with their check digit."""
    bodies = [f"35{n:012d}" for n in rng.integers(0, 10**12, count)]
    return pl.Series([body + check_digit(body) for body in bodies], dtype=pl.String)


def _device_kinds(people: People) -> np.ndarray:
    names = [
        "iot" if p.is_iot else "handset" if p.kind == "mobile" else "satellite_terminal" if p.technology == 60 else
        "modem" if "data" in p.includes else "router"
        for p in PLANS
    ]  # fmt: skip
    return np.array(names)[people.first_plan]


def build_devices(clock: Clock, people: People, life: Life, device_ids: pl.Series) -> pl.DataFrame:
    """One device per service, from its activation to its return; some in stock, few lost or stolen."""
    rng = clock.random("devices")
    size = len(people)
    kinds = _device_kinds(people)
    has_radio = pl.Series(np.isin(kinds, ("handset", "iot")))
    models = [str(rng.choice(DEVICE_MODELS[kind])) for kind in kinds]
    serial = "S" + _drawn(rng, 10**9, 10**10, size)
    mac = pl.Series(["02:" + ":".join(f"{b:02x}" for b in row) for row in rng.integers(0, 256, (size, 5))])
    frame = pl.DataFrame(
        {
            "device_id": device_ids, "customer_id": people.customer_ids.gather(people.customer),
            "device_type": pl.Series(kinds, dtype=pl.String), "manufacturer": models,
            "model": pl.Series(models) + " " + _drawn(rng, 3, 16, size),
            "imei": _imeis(rng, size).set(~has_radio, None), "mac_address": mac.set(has_radio, None),
            "serial_number": serial, "status": ["assigned"] * size, "assigned_at": stamps(people.activated),
            "updated_at": stamps(people.activated),
        },
        schema_overrides={"status": pl.String},
    )  # fmt: skip
    waits = pl.Series(people.activated >= NEVER)
    nobody = pl.Series([None] * size, dtype=pl.String)
    stock = frame.with_columns(
        pl.lit("in_stock").alias("status"), nobody.alias("customer_id"), stamps(people.created).alias("updated_at")
    )
    draw = rng.random(size)
    gone = np.where(draw < 0.01, "lost", np.where(draw < 0.016, "stolen", "returned"))
    at = life.ended + rng.integers(1, 20, size) * DAY
    back = frame.with_columns(pl.Series(gone, dtype=pl.String).alias("status"), stamps(at).alias("updated_at"))
    returns = pl.Series((life.ended < NEVER) & (at < clock.as_of_seconds) & (draw < 0.8))
    return pl.concat([stock.filter(waits), frame.filter(~waits), back.filter(returns)])
