"""From what was read to the tables of churn: scores of customers and services, results of campaigns.

Not here: Dagster (churn), queries (churn_reading), models (churn_training), the mathematics (orchestration.analytics).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime

import pandas as pd
import psycopg

from orchestration.analytics.churn import drift, remaining_months
from orchestration.analytics.churn_scores.bundles import Last
from orchestration.analytics.churn_scores.retention import columns as retention_columns
from orchestration.analytics.churn_scores.retention import members_of, retention_rows
from orchestration.analytics.churn_scores.scoring import DIGITS, add_value, add_work, score_rows
from orchestration.defs.churn_reading import (
    HORIZONS,
    IN_LINES,
    LATEST,
    PAST,
    Reader,
    read_contacts,
    read_seeds,
    read_value,
)
from orchestration.defs.churn_training import no_model_reasons, principal_labels, trained_from
from orchestration.defs.frames import plain_values
from orchestration.defs.replacing import replace_rows

RETENTION_VERSION = "1"
NO_MODEL = "no model has taken over; analytics.trained_models says why"
DAYS_A_MONTH = 30.4375
_SCORED = (
    "segment", "churn_probability", "non_payment_probability", "risk_factors", "confidence_score",
    "rule_score", "rule_level", "is_high_risk", "is_rule_fallback",
    "fallback_reason", "model_version",
)  # fmt: skip
_BELONGING = ("customer_id", "as_of_date", "provider_id", "zone_id")
CUSTOMER_COLUMNS = (
    *_BELONGING, *_SCORED, *(f"churn_probability_{days}d" for days in HORIZONS), "churn_risk_level",
    "intervention_recommendations", "expected_lifetime_value_impact",
    "monthly_margin_amount_reporting", "expected_remaining_months", "value_basis", "is_in_retention_queue",
    "retention_queue_rank", "last_contacted_at", "crm_churn_risk_score",
)  # fmt: skip
SERVICE_COLUMNS = ("service_id", *_BELONGING, *_SCORED)
Told = tuple[dict[str, int], dict[str, str], list[str]]


def fill_scores(reader: Reader, day: date, currency: str) -> Told:
    """The scores of customers at AS_OF; returns counts, why segments go by rules, and what has drifted."""
    rows, scores, reasons, drifted = _scores(reader, day)
    if rows.empty:
        return {"rows": 0, "rows_changed": 0, "rows_removed": 0}, reasons, drifted
    money = read_value(reader.connection, reader.as_of, day, currency).set_index("customer_id").loc[rows["customer_id"]]
    money.index = rows.index
    months = _remaining_months(reader, rows, scores["segment"])
    scores = add_value(scores, money.assign(expected_remaining_months=months))
    contacted = pd.to_datetime(money["last_contacted_at"], utc=True)
    pause = pd.Timedelta(days=reader.seeds.parameters["contact_pause_days"])
    is_recent = contacted >= pd.Timestamp(reader.as_of) - pause
    scores.index = pd.Index(rows["customer_id"].astype(str))
    scores = add_work(scores, is_recent.set_axis(scores.index), reader.seeds.catalogue, reader.seeds.parameters)
    scores.index = rows.index
    beside = money[["last_contacted_at", "crm_churn_risk_score"]]
    whole = pd.concat([rows[list(_BELONGING)], scores, beside], axis=1)
    return _write(reader, "analytics.churn_scores", CUSTOMER_COLUMNS, whole), reasons, drifted


def fill_service_scores(reader: Reader, day: date) -> Told:
    """The same of services."""
    rows, scores, reasons, drifted = _scores(reader, day)
    if rows.empty:
        return {"rows": 0, "rows_changed": 0, "rows_removed": 0}, reasons, drifted
    whole = pd.concat([rows[["service_id", *_BELONGING]], scores], axis=1)
    return _write(reader, "analytics.churn_scores_service", SERVICE_COLUMNS, whole), reasons, drifted


def _scores(reader: Reader, day: date) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, str], list[str]]:
    """The rows at AS_OF, their scores, why segments have no model, and the features that have drifted."""
    rows = reader.rows(LATEST, {"from": day})
    if rows.empty:
        return rows, pd.DataFrame(), {}, []
    bundles, segment = reader.bundles(day), reader.segments(rows)
    missing = sorted(set(segment) - set(bundles))
    few = _too_little_known(reader, day, missing) if missing else {}
    reasons = {name: few.get(name, NO_MODEL) for name in missing}
    features = reader.features(rows)
    scores = score_rows(features, segment, reader.rules(rows), bundles, reasons, reader.seeds.words, reader.horizons,
                        int(reader.seeds.parameters["factors_shown"]))  # fmt: skip
    return rows, scores, reasons, _drifted(features, scores, bundles, reader.seeds.parameters)


def _too_little_known(reader: Reader, day: date, segments: Collection[str]) -> dict[str, str]:
    """Why these segments have no model: what could be learned from is too little."""
    lines = reader.seeds.lines_of(segments)
    light = reader.rows(f"{PAST} and {IN_LINES}", {"from": trained_from(reader, day), "lines": lines}, is_light=True)
    return no_model_reasons(reader, light, principal_labels(reader, light)) if len(light) else {}


def _drifted(
    features: pd.DataFrame, scores: pd.DataFrame, bundles: Mapping[str, Last], parameters: Mapping[str, float]
) -> list[str]:
    """Features, and the score, that are spread otherwise than when the segment's model was trained."""
    found = []
    for name, held in sorted(bundles.items()):
        own, bundle = scores["segment"] == name, held.bundle
        if not own.any():
            continue
        names = [one for one in bundle.chief.feature_names if one in features.columns]
        before = bundle.chief.predict_probability(bundle.reference).round(DIGITS)
        sides = [
            bundle.reference[names].assign(churn_probability=before),
            features.loc[own, names].assign(churn_probability=scores.loc[own, "churn_probability"]),
        ]
        moved = drift(*sides, watch=parameters["drift_watch"], alarm=parameters["drift_alarm"])
        found += [
            f"{name}.{row.feature} ({row.population_stability_index:.2f})"
            for row in moved.itertuples()
            if row.level == "drifted"
        ]
    return found


def _remaining_months(reader: Reader, rows: pd.DataFrame, segment: pd.Series) -> pd.Series:
    """How long each customer is expected to stay, from how long all customers since the features began have stayed."""
    seen = reader.last_seen()
    both = pd.concat([seen.assign(segment=reader.segments(seen)), rows.assign(segment=segment)])
    of_customer = both.drop_duplicates("customer_id", keep="last").set_index("customer_id")["segment"]
    first = pd.Timestamp(seen["first_as_of_at"].min())
    stays = reader.stays()
    stays = stays[stays["customer_id"].isin(of_customer.index)]
    ended = stays["departed_at"].fillna(pd.Timestamp(reader.as_of))
    lifetimes = pd.DataFrame(
        {
            "tenure_months": _months(ended - stays["began_at"]),
            "is_ended": stays["departed_at"].notna(),
            "entry_months": _months(first - stays["began_at"]).clip(lower=0),
            "segment": stays["customer_id"].map(of_customer),
        }
    )
    lifetimes = lifetimes[lifetimes["tenure_months"] > lifetimes["entry_months"]]
    if lifetimes.empty:
        # The first features are those of AS_OF: nobody has been watched for any time yet.
        return pd.Series(float("nan"), index=rows.index)
    began = stays.drop_duplicates("customer_id", keep="last").set_index("customer_id")["began_at"]
    held = rows["customer_id"].map(began).fillna(pd.Timestamp(reader.as_of))
    customers = pd.DataFrame({"tenure_months": _months(pd.Timestamp(reader.as_of) - held), "segment": segment})
    months = int(reader.seeds.parameters["lifetime_horizon_months"])
    return remaining_months(lifetimes, customers, horizon_months=months)["expected_remaining_months"]


def _months(length: pd.Series) -> pd.Series:
    return length.dt.total_seconds() / 86400 / DAYS_A_MONTH


def fill_retention(connection: psycopg.Connection, as_of: datetime, day: date, currency: str) -> dict[str, int]:
    """The results of every campaign by AS_OF."""
    members = members_of(read_contacts(connection, as_of, currency))
    seeds = read_seeds(connection)
    parts = [pd.DataFrame(columns=[f"left_{days}d" for days in HORIZONS], dtype=float)]
    for entity in ("service", "customer"):
        reader = Reader(connection, entity, as_of, seeds)
        is_own = members["service_id"].notna() == (entity == "service")
        if is_own.any():
            own = (
                members[is_own]
                .rename(columns={"contacted_at": "as_of_at"})
                .assign(usage_from_at=None, usage_to_at=None)
            )
            parts.append(reader.labels(own)[list(parts[0].columns)])
    labels = pd.concat(parts).reindex(members.index)
    rows = [[*row, day, RETENTION_VERSION] for row in retention_rows(members, labels, HORIZONS)]
    names = (*retention_columns(HORIZONS), "as_of_date", "model_version")
    changed, removed = replace_rows(connection, "analytics.retention_results", names, rows)
    return {"rows": len(rows), "rows_changed": changed, "rows_removed": removed}


def _write(reader: Reader, table: str, columns: Sequence[str], whole: pd.DataFrame) -> dict[str, int]:
    """Rows of this as-of date take the place of those that the table has for it."""
    (as_of_date,) = set(whole["as_of_date"])
    rows = plain_values(whole, columns)
    changed, removed = replace_rows(reader.connection, table, columns, rows, within={"as_of_date": as_of_date})
    return {"rows": len(rows), "rows_changed": changed, "rows_removed": removed}
