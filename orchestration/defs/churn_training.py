"""Models of churn trained where due, and written with their evaluations.

Not here: Dagster (churn), queries (churn_reading), scores (churn_filling), the mathematics (orchestration.analytics).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial

import pandas as pd
import psycopg

from orchestration.access.audit import begin_run
from orchestration.analytics.churn import calibration_table, gain_table, plot_calibration, plot_gain
from orchestration.analytics.churn_scores.bundles import sha256
from orchestration.analytics.churn_scores.scoring import RULES_VERSION
from orchestration.analytics.churn_scores.silences import silence_figures
from orchestration.analytics.churn_scores.training import (
    Trained,
    evaluate,
    leavers_by_segment,
    train,
)
from orchestration.apart import in_own_process, side_by_side
from orchestration.defs.churn_reading import PAST, Reader, instants_of, read_seeds
from orchestration.defs.frames import Chart, plain_values
from orchestration.defs.plans import plan_fits
from orchestration.defs.replacing import replace_rows

MODEL_COLUMNS = (
    "model_name", "model_version", "as_of_date", "trained_from_date", "trained_to_date", "training_rows_count",
    "features", "settings", "content", "content_sha256", "is_promoted", "promotion_reason",
)  # fmt: skip
FIGURE_COLUMNS = (
    "segment", "period", "metric", "metric_value", "baseline_name", "baseline_value", "lower_95", "upper_95",
    "cases_count", "events_count",
)  # fmt: skip


ENTITIES = ("customer", "service")
# Of each instant what a better plan would save each service in a year.
Savings = Mapping[datetime, Mapping[str, Decimal]]
# Fewer feature rows are trained on before a process has begun.
_ROWS_FOR_PROCESSES = 20_000


@dataclass(frozen=True)
class Fitted:
    """What became of an entity's models: in words, charts by name, and the models that did not take over."""

    entity: str
    said: str
    charts: Mapping[str, Chart] = field(default_factory=dict)
    refused: Sequence[str] = ()


@dataclass(frozen=True)
class Work:
    """Models that are due: `labels` of the rows by the days of silence that count as leaving, and their instants."""

    entity: str
    as_of: datetime
    day: date
    labelled_to: date
    labels: Mapping[int, pd.Series]
    instants: frozenset[datetime]

    @property
    def rows_count(self) -> int:
        return max(len(own) for own in self.labels.values())


def no_model_reasons(reader: Reader, rows: pd.DataFrame, label: pd.Series) -> dict[str, str]:
    """Per segment why it has no model: too few leavers, or too few months to try one on."""
    parameters = reader.seeds.parameters
    minimum, months = int(parameters["minimum_leavers"]), int(parameters["test_months"])
    counts = leavers_by_segment(label, reader.segments(rows))
    few = {segment: f"{count} leavers are known, a model needs {minimum}"
           for segment, count in counts.items() if count < minimum}  # fmt: skip
    dates = rows.loc[label.notna(), "as_of_date"].nunique()
    if dates > months:
        return few
    said = f"leavers are known of {dates} as-of dates, a model that is tried on the last {months} needs more"
    return dict.fromkeys(counts, said) | few


def principal_labels(reader: Reader, rows: pd.DataFrame, silent_days: int | None = None) -> pd.Series:
    """Who of the rows left within the principal horizon."""
    horizon = int(reader.seeds.parameters["principal_horizon_days"])
    return reader.labels(rows, [horizon], silent_days)[f"left_{horizon}d"]


def trained_from(reader: Reader, day: date) -> date:
    months = int(reader.seeds.parameters["training_months"])
    return (pd.Timestamp(day) - pd.DateOffset(months=months)).date()


def fit_apart(url: str, run_id: str, as_of: datetime, day: date) -> list[Fitted]:
    """`fill_all_models`, in a process of its own where there is much to read."""
    with psycopg.connect(url) as connection:
        seeds = read_seeds(connection)
        held = [_nothing_new(Reader(connection, entity, as_of, seeds), day) for entity in ENTITIES]
        if all(held):
            return [one for one in held if one]
        (rows_count,) = connection.execute("select count(*) from core.feature_service").fetchone() or (0,)
    asked = (url, run_id, as_of, day)
    return _fill_all(*asked) if rows_count < _ROWS_FOR_PROCESSES else in_own_process(_fill_all)(*asked)


def _fill_all(url: str, run_id: str, as_of: datetime, day: date) -> list[Fitted]:
    with psycopg.connect(url) as connection:
        begin_run(connection, run_id)
        return fill_all_models(connection, url, run_id, as_of, day)


def fill_all_models(connection: psycopg.Connection, url: str, run_id: str, as_of: datetime, day: date) -> list[Fitted]:
    """The models of every entity: where there is much to read, one beside the other in processes of their own.

    Args:
        connection: to the warehouse; not used by the processes, which open theirs.
        url: the warehouse.
        run_id: the run that is named in the audit log.
        as_of: what is known.
        day: its last local day.
    """
    seeds = read_seeds(connection)
    found = [find_work(Reader(connection, entity, as_of, seeds), day) for entity in ENTITIES]
    # Once for all: customers and services are re-rated at the same instants.
    due = [one for one in found if isinstance(one, Work)]
    savings = plan_fits(connection, set().union(*(one.instants for one in due)))
    if len(due) < len(ENTITIES) or sum(one.rows_count for one in due) < _ROWS_FOR_PROCESSES:
        return [fill_models(connection, one, savings) for one in found]
    # Not joblib's processes: those wait for more work for minutes, and this one could not end before they do.
    return side_by_side([partial(_fill_models_by, url, run_id, one, savings) for one in found])


def _fill_models_by(url: str, run_id: str, work: Work | Fitted, savings: Savings) -> Fitted:
    with psycopg.connect(url) as connection:
        begin_run(connection, run_id)
        return fill_models(connection, work, savings)


def find_work(reader: Reader, day: date) -> Work | Fitted:
    """What to train on, if another month of leavers is known since the last models; else why there is nothing to do."""
    if held := _nothing_new(reader, day):
        return held
    light = reader.rows(PAST, {"from": trained_from(reader, day)}, is_light=True)
    label = principal_labels(reader, light)
    reasons = no_model_reasons(reader, light, label)
    segments = set(reader.segments(light))
    if not segments - set(reasons):
        few = "; ".join(f"{name}: {why}" for name, why in sorted(reasons.items()))
        return Fitted(reader.entity, f"The rules decide. {few or 'No as-of date has passed yet.'}")
    labelled_to = max(light.loc[label.notna(), "as_of_date"])
    labels = {days: principal_labels(reader, light, days) for days in reader.seeds.silences}
    return Work(reader.entity, reader.as_of, day, labelled_to, labels, frozenset(instants_of(light)))


def _nothing_new(reader: Reader, day: date) -> Fitted | None:
    """That of no as-of date it is known who left which models have not seen; None: there are no models, or it is."""
    seen = reader.labelled_to(day)
    if seen is None:
        return None
    newer = reader.rows(PAST, {"from": seen + timedelta(days=1)}, is_light=True)
    if len(newer) and principal_labels(reader, newer).notna().any():
        return None
    return Fitted(reader.entity, f"Models have seen the leavers of {seen}, the newest that are known.")


def fill_models(connection: psycopg.Connection, work: Work | Fitted, savings: Savings) -> Fitted:
    """Trains the entity's models if that is the work; writes them and their evaluations."""
    if isinstance(work, Fitted):
        return work
    reader = Reader(connection, work.entity, work.as_of, read_seeds(connection), savings)
    rows = reader.labelled(trained_from(reader, work.day))
    parameters = reader.seeds.parameters
    principal = int(parameters["principal_horizon_days"])
    tested = evaluate(rows, parameters, principal)
    last = reader.bundles(work.day)
    found = train(rows, parameters, work.day, tested, last)
    versions = {one.segment: _store(reader, one, work.day, work.labelled_to) for one in found if one.bundle}
    silences = silence_figures(tested.tested, work.labels, reader.seeds.silent_days)
    _store_evaluations(reader, pd.concat([tested.evaluations, silences], ignore_index=True), versions, work.day)
    lines = [
        f"- {one.segment}: {versions.get(one.segment, 'rules')}"
        f"{'' if one.is_promoted or not one.bundle else ' (did not take over)'}: {one.reason}"
        for one in found
    ]
    refused = [f"churn_{reader.entity}_{one.segment} {versions[one.segment]}: {one.reason}"
               for one in found if one.bundle and not one.is_promoted]  # fmt: skip
    return Fitted(reader.entity, "\n".join(lines), _charts(tested.tested), refused)


def _charts(tested: pd.DataFrame) -> dict[str, Chart]:
    """Calibration and gain of the tested months, all segments with a model together."""
    own = tested[tested["label"].notna() & tested["probability"].notna() & ~tested["is_rule_fallback"].astype(bool)]
    if own.empty or own["label"].nunique() < 2:
        return {}
    label, probability = own["label"], own["probability"]
    return {
        "calibration": plot_calibration(calibration_table(label, probability), "Calibration, months held back"),
        "gain": plot_gain(gain_table(label, probability), "Gain, months held back"),
    }


def _store(reader: Reader, trained: Trained, day: date, labelled_to: date) -> str:
    """Writes a bundle; returns its version."""
    assert trained.bundle is not None
    content = trained.bundle.to_bytes()
    digest = sha256(content)
    name, version = f"{reader.prefix}{trained.segment}", f"{day}-{digest[:12]}"
    chief = trained.bundle.chief
    settings = {
        "labelled_to_date": str(labelled_to),
        "principal_horizon_days": trained.bundle.principal,
        "high_risk_threshold": trained.bundle.high_risk_threshold,
        "models": {f"left_{days}d": model.settings for days, model in sorted(trained.bundle.models.items())},
        "non_payment": trained.bundle.non_payment.settings if trained.bundle.non_payment else None,
        "dropped": chief.dropped,
    }
    row = [name, version, day, trained.trained_from_date, trained.trained_to_date, trained.rows_count,
           json.dumps(list(chief.feature_names)), json.dumps(settings, sort_keys=True), content, digest,
           trained.is_promoted, trained.reason]  # fmt: skip
    replace_rows(reader.connection, "analytics.trained_models", MODEL_COLUMNS, [row],
                 within={"model_name": name, "model_version": version})  # fmt: skip
    return version


def _store_evaluations(reader: Reader, figures: pd.DataFrame, versions: Mapping[str, str], day: date) -> None:
    """Each segment's figures under its model; those of all segments, and of segments by rules, under the day's."""
    for segment, own in figures.groupby("segment"):
        name = f"{reader.prefix}{segment}"
        version = versions.get(str(segment), f"{day}-all" if segment == "all" else f"{day}-{RULES_VERSION}")
        rows = [[name, version, *values, day] for values in plain_values(own, FIGURE_COLUMNS)]
        replace_rows(reader.connection, "analytics.model_evaluations",
                     ("model_name", "model_version", *FIGURE_COLUMNS, "as_of_date"), rows,
                     within={"model_name": name, "model_version": version})  # fmt: skip
