"""Support tickets and service quality assessments.

Not here: what customers do because of them.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl

from ingestion.sample.clock import Clock, uuids
from ingestion.sample.customers import Base, Service
from ingestion.sample.world import PLANS

TICKETS_PER_SERVICE_MONTH = 0.07
ASSESSMENTS_PER_SERVICE_MONTH = 0.12
CATEGORIES = ("billing", "technical", "outage", "sales", "porting", "cancellation", "other")


def _instants(clock: Clock, rng: np.random.Generator, service: Service, per_month: float) -> list[datetime]:
    """Random instants in the service's life within the span."""
    begun = max(service.activated_at, datetime.combine(clock.first_day, datetime.min.time(), tzinfo=UTC))
    ended = service.deactivated_at or clock.as_of
    seconds = max((ended - begun).total_seconds() - 60, 0)
    count = int(rng.poisson(seconds / 86400 / 30.4 * per_month))
    return sorted(begun + timedelta(seconds=int(s)) for s in rng.uniform(0, seconds, count))


def build_tickets(clock: Clock, base: Base) -> pl.DataFrame:
    """Every version of every ticket: as opened, and as resolved."""
    rng = clock.random("tickets")
    rows: list[dict[str, str | None]] = []
    for service in base.services:
        for at in _instants(clock, rng, service, TICKETS_PER_SERVICE_MONTH):
            opened = at.strftime("%Y-%m-%dT%H:%M:%SZ")
            row: dict[str, str | None] = {
                "ticket_id": uuids(rng, 1)[0], "customer_id": base.customer_ids[service.customer],
                "service_id": service.service_id if rng.random() < 0.7 else None,
                "category": str(rng.choice(CATEGORIES, p=(0.3, 0.3, 0.12, 0.1, 0.05, 0.05, 0.08))),
                "priority": str(rng.choice(("low", "medium", "high", "urgent"), p=(0.3, 0.45, 0.2, 0.05))),
                "ticket_status": "open", "created_at": opened, "first_response_at": None, "resolved_at": None,
                "reopened_count": "0", "customer_satisfaction_rating": None, "updated_at": opened,
            }  # fmt: skip
            rows.append(row)
            resolved = at + timedelta(hours=float(rng.lognormal(2.7, 1.0)))
            if resolved < clock.as_of:
                resolved_at = resolved.strftime("%Y-%m-%dT%H:%M:%SZ")
                answered = at + (resolved - at) * float(rng.uniform(0.05, 0.6))
                rated = str(int(np.clip(rng.normal(3.8, 1.0), 1, 5))) if rng.random() < 0.4 else None
                state = str(rng.choice(("resolved", "closed")))
                rows.append({**row, "ticket_status": state, "resolved_at": resolved_at,
                             "first_response_at": answered.strftime("%Y-%m-%dT%H:%M:%SZ"), "updated_at": resolved_at,
                             "customer_satisfaction_rating": rated,
                             "reopened_count": str(int(rng.random() < 0.06))})  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)


def build_quality(clock: Clock, base: Base) -> pl.DataFrame:
    """Assessments: measured speeds around what the plan promises, and sometimes a rating."""
    rng = clock.random("quality")
    rows: list[dict[str, str | None]] = []
    for service in base.services:
        for at in _instants(clock, rng, service, ASSESSMENTS_PER_SERVICE_MONTH):
            plan = PLANS[service.provider][service.plan_at(at)]
            share = float(np.clip(rng.beta(6, 2), 0.03, 1.05)) if rng.random() < 0.93 else float(rng.uniform(0.01, 0.3))
            has_speed = plan.down_mbps > 0
            rows.append(
                {
                    "assessment_id": uuids(rng, 1)[0], "service_id": service.service_id,
                    "assessment_date": (at - timedelta(hours=7)).date().isoformat(),
                    "speed_test_download_mbps": f"{plan.down_mbps * share:.2f}" if has_speed else None,
                    "speed_test_upload_mbps": f"{plan.up_mbps * share:.2f}" if has_speed else None,
                    "latency_ms": f"{rng.gamma(4, 6):.1f}", "packet_loss_percentage": f"{rng.gamma(1, 0.1):.3f}",
                    "customer_rating": str(int(np.clip(rng.normal(2.2 + 2.2 * share, 0.8), 1, 5)))
                    if rng.random() < 0.6 else None,
                }
            )  # fmt: skip
    return pl.DataFrame(rows, infer_schema_length=None)
