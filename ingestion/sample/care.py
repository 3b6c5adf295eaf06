"""Support tickets, service quality assessments and campaign contacts as rows.

Not here: how many there are and why.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ingestion.sample.clock import DAY, Clock, Ints, chosen, dates, decimals, flags, stamps, to_local, uuids
from ingestion.sample.customers import People
from ingestion.sample.faults import Faults
from ingestion.sample.life import CATEGORIES, Life
from ingestion.sample.tariffs import PLANS

ASSESSMENTS_PER_SERVICE_MONTH = 0.11
OFFERS = {"WINBACK10": 60.0, "LOYAL20": 120.0, "UPGRADE": 25.0}


def _instants(clock: Clock, rng: np.random.Generator, people: People, life: Life, service: Ints, month: Ints) -> Ints:
    """A daytime instant in each (service, month), within the service's life; before AS_OF."""
    bounds = clock.month_bounds()
    first = np.maximum(bounds[month] * DAY, people.activated[service])
    last = np.minimum(np.minimum(bounds[month + 1] * DAY, life.ended[service]), clock.as_of_seconds) - 60
    found: Ints = first + (rng.random(len(service)) * np.maximum(last - first, 1)).astype(np.int64)
    return found


def build_tickets(clock: Clock, people: People, life: Life) -> pl.DataFrame:
    """Every version of every ticket: as opened, as answered, as resolved."""
    rng = clock.random("tickets")
    service, month, category = np.nonzero(life.tickets)
    times = life.tickets[service, month, category].astype(np.int64)
    service, month, category = (np.repeat(values, times) for values in (service, month, category))
    count = len(service)
    opened = _instants(clock, rng, people, life, service, month)
    lasts = (rng.lognormal(2.6, 1.1, count) * 3600).astype(np.int64)
    answered, resolved = opened + (lasts * rng.uniform(0.03, 0.5, count)).astype(np.int64), opened + lasts
    again = rng.random(count) < 0.06
    happy = np.clip(rng.normal(4.1, 0.9, count) - 0.5 * (lasts > 2 * DAY) - 0.6 * again, 1, 5).astype(np.int64)
    rated = rng.random(count) < 0.4
    base = pl.DataFrame(
        {
            "ticket_id": uuids(rng, count), "customer_id": people.customer_ids.gather(people.customer[service]),
            "service_id": people.service_ids.gather(service).set(pl.Series(rng.random(count) < 0.25), None),
            "category": pl.Series(np.array(CATEGORIES)[category], dtype=pl.String),
            "priority": chosen(rng, ("low", "medium", "high", "urgent"), count, (0.3, 0.45, 0.2, 0.05)),
            "created_at": stamps(opened),
        }
    )  # fmt: skip
    parts = []
    for at, states, shares in ((opened, ("open",), ()), (answered, ("in_progress", "waiting"), (0.7, 0.3)),
                               (resolved, ("resolved", "closed"), (0.5, 0.5))):  # fmt: skip
        known = at < clock.as_of_seconds
        done = at is resolved
        none = np.full(count, 2**40)
        row = base.with_columns(
            chosen(rng, states, count, shares).alias("ticket_status"), stamps(at).alias("updated_at"),
            stamps(none if at is opened else answered).alias("first_response_at"),
            stamps(resolved if done else none).alias("resolved_at"),
            pl.Series("reopened_count", np.where(again & done, 1, 0)).cast(pl.String),
            pl.Series("customer_satisfaction_rating", happy).cast(pl.String).set(pl.Series(~rated | (not done)), None),
        )  # fmt: skip
        parts.append(row.filter(pl.Series(known)))
    return pl.concat(parts).sort("created_at", "updated_at", "ticket_id")


def build_quality(clock: Clock, people: People, life: Life, faults: Faults) -> pl.DataFrame:
    """Assessments: speeds around what the plan promises, slower where the element failed that month."""
    rng = clock.random("quality")
    service, month = np.nonzero((life.plan >= 0) & (rng.random(life.plan.shape) < ASSESSMENTS_PER_SERVICE_MONTH))
    count, plan = len(service), life.plan[service, month]
    at = _instants(clock, rng, people, life, service, month)
    speeds = np.array([p.speed or (0, 0) for p in PLANS], dtype=float)[plan]
    troubled = (faults.exposure[people.element[service], month] > 0) & (rng.random(count) < 0.5)
    share = np.where(troubled | (rng.random(count) < 0.04), rng.uniform(0.02, 0.5, count), rng.beta(7, 2, count) * 1.06)
    is_satellite = np.array([p.technology == 60 for p in PLANS])[plan]
    latency = rng.gamma(4, 5, count) + np.where(is_satellite, 560, 0) + np.where(troubled, 25, 0)
    loss = rng.gamma(1, 0.1, count) + np.where(troubled, rng.gamma(1, 1.2, count), 0)
    rating = np.clip(rng.normal(1.9 + 2.4 * share, 0.8), 1, 5).astype(np.int64)
    return pl.DataFrame(
        {
            "assessment_id": uuids(rng, count), "service_id": people.service_ids.gather(service),
            "assessment_date": dates(to_local(at, people.time_zone[service]) // DAY),
            "speed_test_download_mbps": decimals(np.where(speeds[:, 0] > 0, speeds[:, 0] * share, np.nan), 2),
            "speed_test_upload_mbps": decimals(np.where(speeds[:, 0] > 0, speeds[:, 1] * share, np.nan), 2),
            "latency_ms": decimals(latency, 1),
            "packet_loss_percentage": decimals(loss, 3),
            "customer_rating": pl.Series(rating).cast(pl.String).set(pl.Series(rng.random(count) > 0.6), None),
        }
    ).sort("assessment_date", "assessment_id")  # fmt: skip


def build_campaigns(clock: Clock, people: People, life: Life) -> pl.DataFrame:
    """Contacts of the retention campaigns and their held-out members."""
    rng = clock.random("campaigns")
    month, service, control, accepted = life.contacts.T
    count, months = len(month), clock.months()
    bounds = clock.month_bounds()
    day = np.minimum(bounds[month] + rng.integers(0, 5, count), clock.last_ordinal - 1)
    at = np.minimum(day * DAY + rng.integers(15, 23, count) * 3600, clock.as_of_seconds - 7200)
    names = [f"Stay with us {months[m]:%Y-%m}" for m in month]
    answer = np.where(
        control == 1,
        "none",
        np.where(accepted == 1, "accepted", rng.choice(["none", "declined", "complained"], count, p=[0.6, 0.37, 0.03])),
    )
    offer = rng.choice(list(OFFERS), count)
    cost = np.array([OFFERS[name] for name in offer])
    return pl.DataFrame(
        {
            "contact_id": uuids(rng, count), "campaign_id": [f"RET-{months[m]:%Y%m}" for m in month],
            "campaign_name": names, "customer_id": people.customer_ids.gather(people.customer[service]),
            "service_id": people.service_ids.gather(service), "contacted_at": stamps(at),
            "channel": chosen(rng, ("call", "sms", "email", "app"), count, (0.3, 0.2, 0.35, 0.15)),
            "offer_code": pl.Series(offer, dtype=pl.String), "offer_cost": decimals(cost, 2),
            "currency": pl.Series(["USD"] * count, dtype=pl.String),
            "is_control": pl.Series(control == 1).cast(pl.String),
            "cpni_used": chosen(rng, ('["usage", "plan"]', "[]"), count, (0.4, 0.6)),
            "to_third_party": flags(np.zeros(count, dtype=bool)), "outcome": pl.Series(answer, dtype=pl.String),
            "updated_at": stamps(at + np.where(control == 1, 0, 3600)),
        },
        schema_overrides={"campaign_id": pl.String, "campaign_name": pl.String},
    ).sort("contacted_at", "contact_id")  # fmt: skip
