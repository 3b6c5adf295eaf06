"""MetricFlow over a built warehouse: a metric by dimensions, as a reader of the semantic models would ask.

Not here: tests. dbt-metricflow, the command line, is not installed: some package indexes do not carry what it needs.
"""

import psycopg
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.postgres import PostgresSQLSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from orchestration.dbt_runner import ParsedProject


class PostgresDialect:
    """What MetricFlow must know of a database to write its SQL. It runs none: its tables turn numeric into floats."""

    sql_engine_type = SqlEngine.POSTGRES
    sql_plan_renderer = PostgresSQLSqlPlanRenderer()


class Metrics:
    """The metrics of a parsed project over its warehouse."""

    def __init__(self, project: ParsedProject, url: str) -> None:
        manifest = project.semantic_manifest()
        parsed = parse_manifest_from_dbt_generated_manifest(manifest)
        self.url, self.names = url, sorted(metric.name for metric in parsed.metrics)
        self.engine = MetricFlowEngine(SemanticManifestLookup(parsed), PostgresDialect())  # type: ignore[arg-type]

    def ask(self, metrics: list[str], by: list[str], *where: str) -> dict[tuple, dict[str, object]]:
        """Per group the metrics' values, by MetricFlow's own SQL."""
        request = MetricFlowQueryRequest.create(metric_names=metrics, group_by_names=by, where_constraints=list(where))
        statement = self.engine.explain(request).sql_statement
        assert not statement.bind_parameter_set.param_items
        with psycopg.connect(self.url) as connection:
            cursor = connection.execute(statement.sql.encode())
            names = [column.name for column in cursor.description or ()]
            rows = [dict(zip(names, row, strict=True)) for row in cursor]
        found = {tuple(row[name] for name in by): {name: row[name] for name in metrics} for row in rows}
        assert len(found) == len(rows)
        return found
