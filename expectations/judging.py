"""Great-expectations at work: a suite's SQL against its batch and its measurements.

Not here: what is expected, what is kept of it, and the pages that show it (data_docs).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from expectations.batch import Batch, batch_query
from expectations.suites import Expectation

os.environ["GX_ANALYTICS_ENABLED"] = "false"

# Great-expectations gives its batch a name of its own, or none where the query joins; this way it is always `batch`.
_OVER_BATCH = (
    "with batch as (select touched.* from {{batch}} as touched cross join (select 1) as one)"
    " select * from ({query}) as broken"
)
_OUT_OF_RANGE = "select subject from batch where check_name = '{name}' and not value between at_least and at_most"


class ExpectationError(RuntimeError):
    """An expectation could not be evaluated."""


def could_not(feed: str, what: str, kind: str) -> ExpectationError:
    """The error that says which expectation could not be evaluated, and what to do."""
    return ExpectationError(
        f"feed {feed}: {what} could not be evaluated ({kind}); run the SQL of expectations/feeds/{feed}.yml by hand"
    )


@cache
def _row_expectation() -> type[Any]:
    """An expectation that counts the rows of a query, and fetches none: no value leaves the database."""
    import great_expectations.expectations as gxe

    class ExpectNoRows(gxe.UnexpectedRowsExpectation):  # type: ignore[misc]
        """Expect the query to select no row."""

        metric_dependencies = ("unexpected_rows_query.row_count",)

        def _validate(self, metrics: Mapping[str, int], **_: Any) -> dict[str, Any]:
            count = metrics["unexpected_rows_query.row_count"]
            return {"success": count == 0, "result": {"observed_value": count}}

    return ExpectNoRows


def _datasource(url: str) -> Any:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    return context.data_sources.add_postgres(
        "warehouse", connection_string=url.replace("postgresql://", "postgresql+psycopg://", 1)
    )


def _validate(source: Any, name: str, query: str, expectations: Sequence[tuple[Expectation, str]]) -> Any:
    """The result of one great-expectations suite over one query."""
    import great_expectations as gx

    batch = source.add_query_asset(name, query=query).add_batch_definition_whole_table("whole").get_batch()
    row_expectation = _row_expectation()
    suite = gx.ExpectationSuite(
        name=name,
        expectations=[
            row_expectation(
                unexpected_rows_query=_OVER_BATCH.format(query=sql.replace("{", "{{").replace("}", "}}")),
                description=f"{expectation.name}: {expectation.meaning}",
                severity=expectation.severity,
                meta={"check": expectation.name},
            )
            for expectation, sql in expectations
        ],
    )
    return batch.validate(suite)


def _count(feed: str, result: Any) -> tuple[str, int]:
    """A check's name and how many rows failed. Of an error only its kind is told: the database's words hold values."""
    name = str(result.expectation_config.meta["check"])
    observed = result.result.get("observed_value")
    if observed is None:
        said = re.search(r"psycopg\.errors\.(\w+)", str(result.exception_info))
        raise could_not(feed, name, said[1] if said else "unknown error")
    return name, int(observed)


def judge(url: str, run_id: str, batch: Batch, expectations: Sequence[Expectation]) -> tuple[dict[str, int], list[Any]]:
    """Judges the batch's rows and the run's measurements of the feed.

    Returns:
        How many rows or measurements failed, by check; and great-expectations' own results for the page.

    Raises:
        ExpectationError: an expectation could not be evaluated.
    """
    source = _datasource(url)
    rows = [(expectation, expectation.broken) for expectation in expectations if not expectation.is_measured]
    measured = [
        (expectation, _OUT_OF_RANGE.format(name=expectation.name))
        for expectation in expectations
        if expectation.is_measured
    ]
    try:
        results = [_validate(source, batch.feed, batch_query(batch), rows)]
        if measured:
            query = f"select * from quality.measurements where run_id = '{run_id}' and feed = '{batch.feed}'"
            results.append(_validate(source, f"{batch.feed} measured", query, measured))
    finally:
        source.get_execution_engine().close()
    counts = dict(_count(batch.feed, result) for found in results for result in found.results)
    return counts, results
