"""Orders behind everything that happened to services: activations, changes, ports, suspensions, terminations, swaps.

Not here: the services' own rows.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from ingestion.sample.clock import DAY, NEVER, Clock, Ints, chosen, stamps, uuids
from ingestion.sample.customers import People
from ingestion.sample.life import Life
from ingestion.sample.tariffs import Tariffs, plan_array
from ingestion.sample.usage import Fraud

CARRIERS = ("Northern Mobile", "Coastline Cable", "BlueSky Wireless", "Delta Fiber")
REJECTIONS = ("address not serviceable", "credit check failed", "number not portable")


def _orders(
    rng: np.random.Generator, clock: Clock, people: People, kind: str, service: Ints, asked: Ints, done: Ints,
    plans: tuple[pl.Series | None, pl.Series | None] = (None, None), carrier: bool = False,
) -> pl.DataFrame:  # fmt: skip
    """Submitted and, once done, completed; a few are rejected after a day."""
    count = len(service)
    none = pl.Series([None] * count, dtype=pl.String)
    base = pl.DataFrame(
        {
            "order_id": uuids(rng, count), "customer_id": people.customer_ids.gather(people.customer[service]),
            "service_id": people.service_ids.gather(service),
            "order_type": pl.Series([kind] * count, dtype=pl.String),
            "from_plan_id": none if plans[0] is None else plans[0],
            "to_plan_id": none if plans[1] is None else plans[1],
            "other_carrier": chosen(rng, CARRIERS, count) if carrier else none,
            "order_status": pl.Series(["submitted"] * count, dtype=pl.String), "requested_at": stamps(asked),
            "completed_at": none, "rejection_reason": none, "updated_at": stamps(asked),
        }
    )  # fmt: skip
    finished = base.with_columns(
        pl.lit("completed").alias("order_status"), stamps(done).alias("completed_at"), stamps(done).alias("updated_at")
    ).filter(pl.Series(done < clock.as_of_seconds))
    # An order that failed was made again: its rejected forerunner.
    failed = np.flatnonzero(rng.random(count) < 0.03)
    twin = base[failed].with_columns(
        uuids(rng, len(failed)).alias("order_id"), stamps(asked[failed] - DAY).alias("requested_at"),
        stamps(asked[failed] - DAY // 2).alias("updated_at"), pl.lit("rejected").alias("order_status"),
        chosen(rng, REJECTIONS, len(failed)).alias("rejection_reason"),
    )  # fmt: skip
    return pl.concat([base, finished, twin])


def build_orders(
    clock: Clock, people: People, life: Life, tariffs: Tariffs, frauds: list[Fraud], cases: list[Fraud]
) -> pl.DataFrame:
    """Orders behind everything that happened to services within the history, and SIM swaps."""
    rng = clock.random("orders")
    begin = int(clock.month_bounds()[0]) * DAY
    parts = []
    new = np.flatnonzero(people.created >= begin)
    to = tariffs.plan_ids.gather(people.first_plan[new])
    parts.append(_orders(rng, clock, people, "activation", new, people.created[new], people.activated[new], (None, to)))
    ported = new[people.is_ported_in[new]]
    parts.append(
        _orders(rng, clock, people, "port_in", ported, people.created[ported], people.activated[ported], carrier=True)
    )
    changes = life.changes
    pair = (tariffs.plan_ids.gather(changes[:, 3]), tariffs.plan_ids.gather(changes[:, 4]))
    asked = changes[:, 2] - rng.integers(1, 30, len(changes)) * 3600
    parts.append(_orders(rng, clock, people, "plan_change", changes[:, 0], asked, changes[:, 2], pair))
    for kind, own in (
        ("port_out", life.reason == "port_out"), ("suspension", life.reason == "non_payment"),
        ("termination", (life.reason != "port_out") & (life.reason != "")),
    ):  # fmt: skip
        service = np.flatnonzero(own & (life.ended < NEVER))
        ahead = rng.integers(10, 90, len(service)) * 3600 + (9 * DAY if kind == "suspension" else 0)
        done = life.ended[service] - (9 * DAY if kind == "suspension" else 0)
        parts.append(
            _orders(rng, clock, people, kind, service, life.ended[service] - ahead, done, carrier=kind == "port_out")
        )
    parts += _swaps(rng, clock, people, life, frauds)
    taken = [case for case in cases if case.kind == "account_takeover"]
    victims = np.array([case.service for case in taken], dtype=np.int64)
    moments = np.array([case.start for case in taken], dtype=np.int64)
    parts.append(_orders(clock.random("takeovers"), clock, people, "sim_swap", victims, moments, moments + 1800))
    return pl.concat(parts).sort("updated_at", "order_id")


def _swaps(
    rng: np.random.Generator, clock: Clock, people: People, life: Life, frauds: list[Fraud]
) -> list[pl.DataFrame]:
    """Swaps of SIMs and devices, most of them wanted, some by a thief."""
    begin = int(clock.month_bounds()[0]) * DAY
    is_mobile = plan_array("kind")[people.first_plan] == "mobile"
    settled = np.flatnonzero(is_mobile & (life.ended >= NEVER) & (people.activated < begin + 30 * DAY))
    swaps = settled[rng.random(len(settled)) < 0.05]
    at = begin + 31 * DAY + (rng.random(len(swaps)) * max(clock.as_of_seconds - begin - 40 * DAY, DAY)).astype(np.int64)
    stolen = [fraud for fraud in frauds if fraud.kind == "sim_swap"]
    victims = np.array([fraud.service for fraud in stolen], dtype=np.int64)
    moments = np.array([fraud.start - 7200 for fraud in stolen], dtype=np.int64)
    wanted = (("sim_swap", swaps[::2], at[::2]), ("device_change", swaps[1::2], at[1::2]))
    return [
        _orders(rng, clock, people, kind, service, moment, moment + 1800)
        for kind, service, moment in (*wanted, ("sim_swap", victims, moments))
    ]
