"""From what was read to the tables of predictive maintenance: models with their evaluations, and scores of elements.

Not here: Dagster (maintenance), queries (maintenance_reading), the mathematics (orchestration.analytics.maintenance).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pandas as pd

from orchestration.analytics.churn import calibration_table, gain_table, plot_calibration, plot_gain
from orchestration.analytics.churn_scores.bundles import sha256
from orchestration.analytics.maintenance.crew import crew_ranks
from orchestration.analytics.maintenance.scoring import PROBABILITIES, SCORED, risk_levels, score_elements
from orchestration.analytics.maintenance.training import (
    LabelledElements,
    TrainedElements,
    evaluate_failures,
    known_failures,
    train_failures,
)
from orchestration.analytics.maintenance.windows import next_window, quiet_hours
from orchestration.defs.churn_training import FIGURE_COLUMNS, MODEL_COLUMNS
from orchestration.defs.frames import Chart, plain_values
from orchestration.defs.maintenance_reading import MODEL_NAME, MaintenanceReader
from orchestration.defs.replacing import replace_rows

TABLE = "analytics.maintenance_risk"
DUE = ("oldest_overdue_at", "next_maintenance_at", "next_maintenance_type")
STAKE = ("customers_at_stake_count", "services_at_stake_count", "elements_911_at_stake_count",
         "is_single_point_of_failure")  # fmt: skip
WINDOW = ("suggested_window_start_at", "suggested_window_end_at", "suggested_window_source",
          "suggested_window_traffic_percentage")  # fmt: skip
COLUMNS = (
    "element_id", "as_of_date", "provider_id", "zone_id", "element_type", *SCORED, "risk_level", "recommended_action",
    "crew_rank", "is_in_crew_list", "overdue_maintenance", *DUE, *WINDOW, *STAKE,
)  # fmt: skip


@dataclass(frozen=True)
class FittedMaintenance:
    """What became of the models: in words, charts by name, and why a new one did not take over (None: it did)."""

    said: str
    charts: Mapping[str, Chart] = field(default_factory=dict)
    refused: str | None = None


def no_models(reader: MaintenanceReader, failures: int) -> str | None:
    """Why there can be no models yet; None where there can."""
    least = int(reader.seeds.parameters["minimum_failures"])
    if failures < least:
        return f"{failures} failures of elements are known, models need {least}"
    weeks = (reader.labelled_to_now() or reader.trained_from) - reader.trained_from
    needed = int(reader.seeds.parameters["test_weeks"])
    if reader.labelled_to_now() is None or weeks.days < 7 * 2 * needed:
        return f"outcomes are known for too short a time, models need {2 * needed} weeks"
    return None


def fill_maintenance_models(reader: MaintenanceReader) -> FittedMaintenance:
    """Trains if another month of outcomes is known since; writes the models and their evaluations."""
    reason = no_models(reader, reader.recorded_failures())
    if reason:
        return FittedMaintenance(f"The rules decide: {reason}.")
    labelled_to, seen = reader.labelled_to_now(), reader.labelled_to()
    assert labelled_to is not None
    if seen is not None and (labelled_to.year, labelled_to.month) <= (seen.year, seen.month):
        return FittedMaintenance(f"The models have seen outcomes up to {seen}; a month more is not known yet.")
    labelled = reader.labelled()
    reason = no_models(reader, known_failures(labelled))
    if reason:
        return FittedMaintenance(f"The rules decide: {reason}.")
    return _fit(reader, labelled, labelled_to)


def _fit(reader: MaintenanceReader, labelled: LabelledElements, labelled_to: date) -> FittedMaintenance:
    parameters = reader.seeds.parameters
    tested, figures = evaluate_failures(labelled, parameters)
    trained = train_failures(labelled, parameters, reader.day, tested, reader.held())
    if trained.bundle is None:
        return FittedMaintenance(f"The rules decide: {trained.reason}.")
    version = _store(reader, trained, labelled_to)
    for days, own in figures.groupby("horizon_days"):
        name = f"{MODEL_NAME}_{days}d"
        rows = [[name, version, *values, reader.day] for values in plain_values(own, FIGURE_COLUMNS)]
        replace_rows(reader.connection, "analytics.model_evaluations",
                     ("model_name", "model_version", *FIGURE_COLUMNS, "as_of_date"), rows,
                     within={"model_name": name, "model_version": version})  # fmt: skip
    told = tested.tested[tested.tested["label"].notna() & tested.tested["probability"].notna()]
    charts: dict[str, Chart] = {}
    if told["label"].nunique() == 2:
        label, probability = told["label"], told["probability"]
        charts = {
            "calibration": plot_calibration(calibration_table(label, probability), "Calibration, weeks held back"),
            "gain": plot_gain(gain_table(label, probability), "Failures reached, weeks held back"),
        }
    said = f"{version}{'' if trained.is_promoted else ' (did not take over)'}: {trained.reason}"
    return FittedMaintenance(said, charts, None if trained.is_promoted else said)


def _store(reader: MaintenanceReader, trained: TrainedElements, labelled_to: date) -> str:
    """Writes the models; returns their version."""
    assert trained.bundle is not None
    content = trained.bundle.to_bytes()
    digest = sha256(content)
    version = f"{reader.day}-{digest[:12]}"
    chief = trained.bundle.chief
    settings = {
        "labelled_to_date": str(labelled_to),
        "principal_horizon_days": trained.bundle.principal,
        "base_rate": trained.bundle.high_risk_threshold,
        "models": {f"fails_{days}d": model.settings for days, model in sorted(trained.bundle.models.items())},
        "dropped": chief.dropped,
    }
    row = [MODEL_NAME, version, reader.day, trained.trained_from_date, trained.trained_to_date, trained.rows_count,
           json.dumps(list(chief.feature_names)), json.dumps(settings, sort_keys=True), content, digest,
           trained.is_promoted, trained.reason]  # fmt: skip
    replace_rows(reader.connection, "analytics.trained_models", MODEL_COLUMNS, [row],
                 within={"model_name": MODEL_NAME, "model_version": version})  # fmt: skip
    return version


def fill_maintenance_risk(reader: MaintenanceReader) -> dict[str, int | str]:
    """Scores at AS_OF, and of Mondays since the last scored date; returns counts, and why the rules decide."""
    latest = reader.rows("is_latest")
    if latest.empty:
        return {"rows": 0, "rows_changed": 0, "rows_removed": 0}
    today = latest["as_of_date"].iloc[0]
    scored_to = reader.scored_to(today)
    rows = latest
    if scored_to is not None:
        missed = reader.rows("not is_latest and as_of_date > %(from)s and as_of_date < %(to)s",
                             {"from": scored_to, "to": today})  # fmt: skip
        rows = pd.concat([missed, latest], ignore_index=True) if len(missed) else latest
    held = reader.held()
    reason = (
        no_models(reader, reader.recorded_failures()) or "no model has taken over; analytics.trained_models says why"
    )
    scores = score_elements(rows, reader.by_rules(rows), held, reason, reader.seeds.words,
                            int(reader.seeds.parameters["factors_shown"]))  # fmt: skip
    beside = rows[["element_id", "as_of_date", "provider_id", "zone_id", "element_type", "overdue_maintenance"]]
    whole = _add_work(reader, pd.concat([beside, scores], axis=1), rows["is_latest"].astype(bool))
    counts: dict[str, int | str] = {"rows": len(whole), "rows_changed": 0, "rows_removed": 0}
    for day, own in whole.groupby("as_of_date"):
        values = plain_values(own, COLUMNS)
        changed, removed = replace_rows(reader.connection, TABLE, COLUMNS, values, within={"as_of_date": day})
        counts["rows_changed"] = int(counts["rows_changed"]) + changed
        counts["rows_removed"] = int(counts["rows_removed"]) + removed
    return {**counts, "by_rules": int((whole["score_method"] == "rules").sum()),
            "fallback": "none" if held else reason}  # fmt: skip


def _add_work(reader: MaintenanceReader, rows: pd.DataFrame, is_latest: pd.Series) -> pd.DataFrame:
    """What is known of AS_OF alone (who is at stake, due work, the next window), level and place in the crew's list."""
    whole = rows.join(reader.at_stake(), on="element_id").join(reader.due(), on="element_id")
    whole = pd.concat([whole, _windows(reader, whole)], axis=1)
    for name in (*DUE, *WINDOW, *STAKE):
        whole[name] = whole[name].astype(object).where(is_latest & whole[name].notna(), None)
    whole["overdue_maintenance"] = [None if pd.isna(count) else int(count) for count in whole["overdue_maintenance"]]
    whole["overdue_maintenance"] = (
        whole["overdue_maintenance"].astype(object).where(rows["overdue_maintenance"].notna(), None)
    )
    whole = pd.concat([whole, risk_levels(whole, reader.seeds.levels)], axis=1)
    ranks = crew_ranks(whole)
    capacity = reader.seeds.parameters["crew_visits_per_week"]
    whole[list(PROBABILITIES)] = whole[list(PROBABILITIES)].astype(float)
    return whole.assign(crew_rank=ranks, is_in_crew_list=ranks <= capacity)


def _windows(reader: MaintenanceReader, rows: pd.DataFrame) -> pd.DataFrame:
    """The next hours with little traffic of each element, in its own time zone (WINDOW)."""
    parameters, profiles, zones = reader.seeds.parameters, reader.profiles(), reader.time_zones()
    hours, notice = int(parameters["window_hours"]), parameters["window_notice_hours"]
    found: list[tuple[Any, ...]] = []
    for element_id, zone_id in zip(rows["element_id"], rows["zone_id"], strict=True):
        source, start, share = "default", int(parameters["default_window_start_hour"]), None
        for kind, key in (("element", element_id), ("zone", zone_id)):
            quiet = quiet_hours(profiles[kind][key], hours) if key in profiles[kind] else None
            if quiet is not None:
                source, start = kind, quiet.start_hour
                share = None if quiet.traffic_share is None else round(100 * quiet.traffic_share, 2)
                break
        zone = zones.get(element_id, reader.time_zone)
        found.append((*next_window(start, hours, zone, reader.as_of, notice), source, share))
    return pd.DataFrame(found, columns=list(WINDOW), index=rows.index)
