"""What each day of a feed looks like, in `quality.daily_profiles`, and whether a day looks like those before it.

Not here: single rows. Days are profiled whole when they are touched, so a late trickle changes its day, not a baseline.
"""

from __future__ import annotations

import hashlib
from datetime import date, datetime

from expectations.batch import Batch, batch_query, day_of
from expectations.results import Connection
from expectations.suites import MEASURES, VOLUME, Measure, Suite, threshold


def _aggregates(measure: Measure) -> tuple[str, str, str]:
    """SQL of the number of rows, the value and its standard error."""
    if measure.kind == "count":
        return f"count(*) filter (where {measure.where})", f"count(*) filter (where {measure.where})", "0"
    met = f"filter (where {measure.where})"
    rows, of = f"count({measure.of}) {met}", f"({measure.of})"
    if measure.kind == "share":
        return rows, f"avg({of}::int) {met}", "0"
    error = f"coalesce(stddev_samp({of}) {met} / sqrt({rows}), 0)"
    if measure.kind == "mean":
        return rows, f"avg({of}) {met}", error
    # An outer percentile scatters about twice as much as the mean.
    return rows, f"percentile_cont({measure.at}) within group (order by {of}) {met}", f"2 * {error}"


def _profile(connection: Connection, suite: Suite, days: tuple[date, ...], is_judged: bool) -> None:
    if not days:
        return
    columns = [_aggregates(measure) for measure in suite.measures.values()]
    selected = ", ".join(
        f"{rows} as rows_{i}, {value} as value_{i}, {error} as error_{i}"
        for i, (rows, value, error) in enumerate(columns)
    )
    values = ", ".join(
        f"('{name}', rows_{i}, value_{i}::float8, error_{i}::float8)" for i, name in enumerate(suite.measures)
    )
    connection.execute(
        f"with batch as ({batch_query(Batch(suite.feed, days))}), daily as ("
        f" select {day_of(suite.contract)} as day, {selected} from batch where is_deleted is not true group by 1)"
        " insert into quality.daily_profiles (feed, measure, day, rows, value, standard_error, is_judged)"
        f" select '{suite.feed}', measure, day, rows, value, standard_error, {is_judged} from daily"
        f" cross join lateral (values {values}) as figure (measure, rows, value, standard_error)"
        " where rows > 0 and day is not null".encode()
    )


def update_profiles(connection: Connection, suite: Suite, batch: Batch) -> None:
    """Profiles the batch's days anew; all days of the feed where its measures were defined otherwise until now."""
    definition = hashlib.sha256(repr(sorted(suite.measures.items())).encode()).hexdigest()
    state = connection.execute("select definition from quality.profile_states where feed = %s", [suite.feed]).fetchone()
    if state != (definition,):
        connection.execute("delete from quality.daily_profiles where feed = %s", [suite.feed])
        touched = connection.execute("select distinct day from raw.touched_days where feed = %s", [suite.feed])
        earlier = tuple(sorted({day for (day,) in touched} - set(batch.days)))
        _profile(connection, suite, earlier, is_judged=True)
        connection.execute(
            "insert into quality.profile_states (feed, definition) values (%s, %s)"
            " on conflict (feed) do update set definition = excluded.definition",
            [suite.feed, definition],
        )
    connection.execute(
        "delete from quality.daily_profiles where feed = %s and day = any(%s)", [suite.feed, list(batch.days)]
    )
    _profile(connection, suite, batch.days, is_judged=False)


# A day that is still growing is left for a later run: it is over, and a later day has begun or the grace has passed.
_OVER_THROUGH = """
    select greatest(
        least(max(day), (%(as_of)s at time zone 'UTC')::date) - 1,
        ((%(as_of)s - %(grace)s) at time zone 'UTC')::date - 1)
    from quality.daily_profiles where feed = %(feed)s
"""
_DUE_DAYS = (
    "select distinct day from quality.daily_profiles where feed = %(feed)s and not is_judged and day <= %(through)s"
)
# Days without a row since the last judged day are judged for their emptiness.
_EMPTY_DAYS = """
    select series.day::date from generate_series(
        coalesce((select judged_through + 1 from quality.profile_states where feed = %(feed)s),
            (select min(day) from quality.daily_profiles where feed = %(feed)s)),
        %(through)s::date, interval '1 day') as series (day)
    where not exists (select 1 from quality.daily_profiles p where p.feed = %(feed)s and p.day = series.day::date)
"""

_JUDGE = """
insert into quality.measurements (run_id, feed, check_name, subject, day, unit, value, at_least, at_most)
with day as (select unnest(%(days)s::date[]) as day),
measure as (
    select * from unnest(%(measures)s::text[], %(kinds)s::text[], %(lowest)s::float8[], %(highest)s::float8[],
        %(deviations)s::float8[], %(floors)s::float8[])
        as measure (measure, kind, lowest, highest, deviations, floor_share)
),
judged as (
    select measure.*, day.day, coalesce(p.rows, 0) as rows, coalesce(p.value, 0) as value,
        coalesce(p.standard_error, 0) as standard_error
    from measure cross join day
    left join quality.daily_profiles p
        on p.feed = %(feed)s and p.measure = measure.measure and p.day = day.day
    where measure.kind = 'count' or p.rows >= %(least_rows)s
),
compared as (
    select judged.*, past.amounts
    from judged cross join lateral (
        select array_agg(value) as amounts from (
            select p.value from quality.daily_profiles p
            where p.feed = %(feed)s and p.measure = judged.measure and p.day < judged.day
                and (judged.kind = 'count' or p.rows >= %(least_rows)s)
                and (not %(is_weekly)s or judged.day - p.day <= %(history_days)s and (judged.day - p.day) %% 7 = 0)
            order by p.day desc limit %(history_most)s
        ) as p
    ) as past
    where cardinality(past.amounts) >= %(history_least)s
),
centred as (
    select *, (select percentile_cont(0.5) within group (order by a) from unnest(amounts) as a) as median
    from compared
),
spread as (
    select *,
        1.4826 * (select percentile_cont(0.5) within group (order by abs(a - median)) from unnest(amounts) as a) as mad,
        case kind
            when 'count' then median
            when 'share' then greatest(value * (1 - value), median * (1 - median)) / rows
            else standard_error ^ 2
        end as sampling_variance
    from centred
),
ranged as (
    select *, deviations * sqrt(mad ^ 2 + sampling_variance + (floor_share * median) ^ 2) as reach from spread
)
select %(run_id)s, %(feed)s, case kind when 'count' then %(volume)s else %(figures)s end, measure, day,
    case kind when 'count' then 'rows' when 'share' then 'share' else 'as the measure says' end, value,
    case kind when 'count' then least(lowest * median, median - reach) else median - reach end,
    case kind when 'count' then greatest(highest * median, median + reach) else median + reach end
from ranged
on conflict (run_id, feed, check_name, subject, day) do update
set value = excluded.value, at_least = excluded.at_least, at_most = excluded.at_most
"""


def _limits(suite: Suite) -> dict[str, list[object]]:
    """Per measure: its kind, and the thresholds that hold for it."""
    found: dict[str, list[object]] = {
        name: [] for name in ("measures", "kinds", "lowest", "highest", "deviations", "floors")
    }
    for name, measure in suite.measures.items():
        subjects = (f"{suite.feed}.{name}", suite.feed)
        is_count = measure.kind == "count"
        found["measures"].append(name)
        found["kinds"].append(measure.kind)
        found["lowest"].append(threshold("volume_lowest_ratio", *subjects))
        found["highest"].append(threshold("volume_highest_ratio", *subjects))
        found["deviations"].append(threshold("volume_deviations" if is_count else "measure_deviations", *subjects))
        found["floors"].append(0.0 if is_count else threshold("measure_floor_share", *subjects))
    return found


def measure_days(connection: Connection, suite: Suite, run_id: str, as_of: datetime) -> list[date]:
    """Measures the days that are due against those before them; returns the days that are judged by it."""
    given = {"feed": suite.feed, "as_of": as_of, "grace": suite.contract.grace}
    (through,) = connection.execute(_OVER_THROUGH, given).fetchone() or (None,)
    given["through"] = through
    due = {day for (day,) in connection.execute(_DUE_DAYS, given)}
    if suite.counts:
        due |= {day for (day,) in connection.execute(_EMPTY_DAYS, given)}
    if not due:
        return []
    connection.execute(
        _JUDGE,
        {
            "run_id": run_id, "feed": suite.feed, "days": sorted(due), "volume": VOLUME, "figures": MEASURES,
            "is_weekly": suite.rhythm == "weekly", "least_rows": int(threshold("measure_least_rows", suite.feed)),
            "history_days": int(threshold("history_days")), "history_most": int(threshold("history_most")),
            "history_least": int(threshold("history_least")), **_limits(suite),
        },
    )  # fmt: skip
    return sorted(due)


def close_days(connection: Connection, feed: str, days: list[date]) -> None:
    """Remembers that days were judged; they come back when they are touched again."""
    if days:
        connection.execute(
            "update quality.daily_profiles set is_judged = true where feed = %s and day = any(%s)", [feed, days]
        )
        connection.execute(
            "update quality.profile_states set judged_through = greatest(judged_through, %s) where feed = %s",
            [days[-1], feed],
        )
