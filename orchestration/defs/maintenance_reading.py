"""What predictive maintenance reads: features, failures, models, due work, traffic by hour, who is at stake, seeds.

Not here: Dagster (maintenance), writing (maintenance_filling), the mathematics (orchestration.analytics.maintenance).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd
import psycopg

from orchestration.analytics.churn_scores.bundles import Bundle, Last
from orchestration.analytics.maintenance.failures import HORIZONS, element_failures, failure_labels
from orchestration.analytics.maintenance.rules import rule_scores, type_rates
from orchestration.analytics.maintenance.training import LabelledElements, model_features
from orchestration.defs.frames import read_frame
from orchestration.defs.outage_reading import read_numbers, read_outage_inputs

MODEL_NAME = "maintenance"
DAYS_A_MONTH = 30.4375
_ROWS = "select * from core.feature_element where {condition} order by as_of_date, element_id"
_MODEL = """
    select model_version, trained_to_date, content from analytics.trained_models
    where model_name = %(name)s and is_promoted and as_of_date <= %(day)s
    order by as_of_date desc, computed_at desc limit 1"""
_LABELLED_TO = """
    select max((settings ->> 'labelled_to_date')::date) from analytics.trained_models
    where model_name = %(name)s and as_of_date <= %(day)s"""
_DUE = """
    select element_id::text, min(scheduled_at) filter (where scheduled_at < %(as_of)s) as oldest_overdue_at,
        min(scheduled_at) filter (where scheduled_at >= %(as_of)s) as next_maintenance_at,
        (array_agg(maintenance_type order by scheduled_at, maintenance_id) filter (where scheduled_at >= %(as_of)s))[1]
            as next_maintenance_type
    from core.fct_maintenance
    where outcome = 'pending' or (outcome = 'failed' and completed_at is null) group by 1 order by 1"""
_STAKE = """
    select entity_id::text as element_id, customers_cut_off_count as customers_at_stake_count,
        services_cut_off_count as services_at_stake_count,
        elements_911_cut_off_count as elements_911_at_stake_count, is_single_point_of_failure
    from analytics.topology_risk where entity_type = 'element' order by 1"""
# Means of numeric are exact whatever the order of reading.
_BY_HOUR = """
    select {key}::text as key, extract(hour from fact.{at} at time zone place.time_zone)::integer as local_hour,
        avg(fact.{measure}) as traffic, count(*) as hours
    from core.{fact} as fact
    {place}
    where fact.{at} >= %(as_of)s::timestamptz - make_interval(days => %(days)s) and fact.{at} < %(as_of)s
        and fact.{measure} is not null
    group by 1, 2 order by 1, 2"""
_OF_ELEMENT = "inner join core.dim_network_element as place on place.element_key = fact.element_key"
_OF_ZONE = "inner join core.dim_service_zone as place on place.zone_id = fact.zone_id"


@dataclass(frozen=True)
class MaintenanceSeeds:
    """What people may edit."""

    parameters: dict[str, float]
    outage_parameters: dict[str, float]
    base_rates: dict[str, float]
    rules: pd.DataFrame
    levels: list[dict[str, Any]]
    words: dict[str, dict[str, Any]]


def read_maintenance_seeds(connection: psycopg.Connection) -> MaintenanceSeeds:
    """The seeds of predictive maintenance, and the thresholds that say what a failure is."""

    def rows(table: str) -> list[dict[str, Any]]:
        frame = read_frame(connection, f"select * from reference.{table} order by 1")
        return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]

    return MaintenanceSeeds(
        read_numbers(connection, "maintenance_parameters"),
        read_numbers(connection, "outage_finding_parameters"),
        {str(row["element_type"]): float(row["failures_per_month"]) for row in rows("maintenance_base_rates")},
        read_frame(connection, "select * from reference.maintenance_rules order by factor"),
        rows("maintenance_levels"),
        {str(row["feature"]): row for row in rows("maintenance_factors")},
    )


@dataclass(frozen=True)
class MaintenanceReader:
    """Reads what is known of elements at AS_OF."""

    connection: psycopg.Connection
    as_of: datetime
    day: date
    time_zone: str
    seeds: MaintenanceSeeds

    def rows(self, condition: str, values: Mapping[str, object] | None = None) -> pd.DataFrame:
        """Feature rows."""
        rows = read_frame(self.connection, _ROWS.format(condition=condition), dict(values or {}))
        for name in ("element_id", "provider_id", "zone_id", "element_key"):
            rows[name] = rows[name].astype(str)
        return rows

    @property
    def trained_from(self) -> date:
        months = int(self.seeds.parameters["training_months"])
        return (pd.Timestamp(self.day) - pd.DateOffset(months=months)).date()

    def recorded_failures(self) -> int:
        """Unplanned outages of elements within the training months: about how many failures are known."""
        found = self.connection.execute(
            "select count(*) from core.fct_outage where element_id is not null and not is_planned"
            " and outage_start >= %(from)s and outage_start < %(as_of)s",
            {"from": self.trained_from, "as_of": self.as_of},
        ).fetchone()
        return int(found[0]) if found else 0

    def labelled_to_now(self) -> date | None:
        """The newest Monday whose outcome is known."""
        found = self.connection.execute(
            "select max(as_of_date) from core.feature_element where not is_latest"
            " and as_of_at + make_interval(hours => %(hours)s) <= %(as_of)s",
            {"hours": 24 * max(HORIZONS), "as_of": self.as_of},
        ).fetchone()
        return found[0] if found else None

    def labelled_to(self) -> date | None:
        """The newest Monday that any model has seen the outcome of, promoted or not."""
        found = self.connection.execute(_LABELLED_TO, {"name": MODEL_NAME, "day": self.day}).fetchone()
        return found[0] if found else None

    def held(self) -> Last | None:
        """What elements are scored with: the newest models that took over."""
        found = self.connection.execute(_MODEL, {"name": MODEL_NAME, "day": self.day}).fetchone()
        return Last(found[0], found[1], Bundle.from_bytes(bytes(found[2]))) if found else None

    def by_rules(self, rows: pd.DataFrame, *, is_past: bool = False) -> pd.DataFrame:
        """What the rules say of the rows, with the rates of kinds that the last year showed.

        Of past rows with the seed's rates only: a model of the last year is tried on what that showed.
        """
        began = self.connection.execute("select min(outage_start) from core.fct_outage").fetchone()
        since = began[0] if began and began[0] else self.as_of
        watched = min(max((self.as_of - since).total_seconds() / 86_400, 0), 365) / DAYS_A_MONTH
        seen = self.rows("is_latest" if not is_past else "false")[["element_type", "failures_365d"]]
        kinds = pd.concat([seen, rows[["element_type"]].drop_duplicates()])
        rates = type_rates(kinds, self.seeds.base_rates, self.seeds.parameters["prior_element_months"], watched)
        return rule_scores(rows, rates, self.seeds.rules, HORIZONS)

    def labelled(self) -> LabelledElements:
        """Everything that can be learned from."""
        rows = self.rows("not is_latest and as_of_date >= %(from)s", {"from": self.trained_from})
        inputs = read_outage_inputs(
            self.connection, self.as_of, self.time_zone, self.seeds.outage_parameters, self.trained_from
        )
        failures = element_failures(inputs)
        return LabelledElements(
            rows[["as_of_date", "as_of_at", "element_id", "provider_id"]], model_features(rows),
            failure_labels(rows, failures, self.as_of), self.by_rules(rows, is_past=True), failures,
        )  # fmt: skip

    def due(self) -> pd.DataFrame:
        """Per element what of its maintenance is overdue since when, and what comes next; by element_id."""
        due = read_frame(self.connection, _DUE, {"as_of": self.as_of}).set_index("element_id")
        for name in ("oldest_overdue_at", "next_maintenance_at"):
            due[name] = pd.to_datetime(due[name], utc=True)
        return due

    def at_stake(self) -> pd.DataFrame:
        """Per element whom its failure cuts off (analytics.topology_risk); by element_id."""
        return read_frame(self.connection, _STAKE).set_index("element_id")

    def profiles(self) -> dict[str, dict[str, list[float | None]]]:
        """Mean traffic by local hour: of elements by their samples, of zones by samples of their elements, else by use.

        Returns:
            "element", "zone": per id 24 means; only where enough hours are known.
        """
        values: dict[str, object] = {"as_of": self.as_of, "days": int(self.seeds.parameters["window_history_days"])}
        sampled = {
            "at": "performance_hour_at",
            "measure": "avg_throughput_mbps",
            "fact": "fct_network_performance_hourly",
        }
        used = {"at": "usage_hour_at", "measure": "data_usage_bytes", "fact": "fct_usage_hourly"}
        element = self._by_hour(_BY_HOUR.format(key="fact.element_id", place=_OF_ELEMENT, **sampled), values)
        by_use = self._by_hour(_BY_HOUR.format(key="fact.zone_id", place=_OF_ZONE, **used), values)
        by_sample = self._by_hour(_BY_HOUR.format(key="fact.zone_id", place=_OF_ZONE, **sampled), values)
        return {"element": element, "zone": by_use | by_sample}

    def _by_hour(self, query: str, values: dict[str, object]) -> dict[str, list[float | None]]:
        found: dict[str, list[float | None]] = {}
        hours: dict[str, int] = {}
        for key, hour, traffic, count in self.connection.execute(query.encode(), values):
            found.setdefault(key, [None] * 24)[hour] = float(traffic)
            hours[key] = hours.get(key, 0) + count
        least = self.seeds.parameters["window_least_hours"]
        return {key: profile for key, profile in found.items() if hours[key] >= least}

    def time_zones(self) -> dict[str, str]:
        """Of each element."""
        return dict(
            self.connection.execute(
                "select element_id::text, time_zone from core.dim_network_element"
                " where valid_from < %(as_of)s and %(as_of)s <= valid_to",
                {"as_of": self.as_of},
            ).fetchall()
        )

    def scored_to(self, before: date) -> date | None:
        """The newest date that has scores, before a day."""
        found = self.connection.execute(
            "select max(as_of_date) from analytics.maintenance_risk where as_of_date < %s", [before]
        ).fetchone()
        return found[0] if found else None
