"""Use of billing periods, as plan advice re-rates it: sums where no rule looks at single records, else the records.

Not here: who is advised and by which price list (plan_inputs), the rating (orchestration.analytics.rating).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from functools import cached_property
from io import BytesIO

import numpy as np
import numpy.typing as npt
import polars as pl
import psycopg

from orchestration.analytics.plan_advice.everybody import Subjects
from orchestration.analytics.plan_advice.pricing import Records, tested_periods
from orchestration.analytics.rating import INCOMING, ROAMING

_LONG_AGO = date(1, 1, 1)
_USAGE_DAYS = "select provider_id::text, min(usage_date), max(usage_date) from core.fct_usage_daily group by 1"
_TIME_ZONE = "select provider_id::text, time_zone from core.dim_provider"
_CELLS = """
    drop table if exists tested_use;
    create temporary table tested_use (
        cell integer, service_id uuid, first_day date, end_day date, time_zone text, by_record boolean[]
    ) on commit drop"""
# Kinds in the order of the rating's KINDS.
_USE = f"""
    with event as materialized (
        select service_id, usage_timestamp, (usage_timestamp at time zone time_zone)::date as day,
            case usage_type when 'data' then 0 when 'voice' then 1 else 2 end as kind,
            coalesce(direction = 'in', false)::integer * {INCOMING} + is_roaming::integer * {ROAMING} as flags,
            case usage_type when 'data' then data_usage_bytes when 'voice' then voice_seconds else sms_count end
                as quantity
        from core.fct_usage_event
        where usage_timestamp >= %(from)s::date - 1 and usage_timestamp < %(to)s::date + 2
    ),

    use as (
        select tested.cell, event.kind, event.flags, event.quantity, event.usage_timestamp, tested.time_zone,
            tested.by_record[event.kind + 1] as by_record
        from event
        inner join tested_use as tested
            on tested.service_id = event.service_id and tested.first_day <= event.day and event.day < tested.end_day
    )

    select cell, kind, flags, quantity, extract(epoch from usage_timestamp at time zone time_zone)::bigint as start,
        1 as records
    from use where by_record
    union all
    select cell, kind, flags, sum(quantity)::bigint, 0, count(*) from use where not by_record
    group by 1, 2, 3"""
_NAMES = ("cell", "kind", "flags", "quantity", "start", "records")
# (service, first day, end day, time zone, by record for each kind)
Cell = tuple[str, date, date, str, tuple[bool, ...]]


class UseReader:
    """Reads the use of tested periods; a period that one instant asked for is there for the next, which has five more.

    It holds every period it read, in whole numbers, so let it go with the last instant.
    """

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection
        self._cells: dict[Cell, int] = {}
        self._use = pl.DataFrame(schema=dict.fromkeys(_NAMES, pl.Int64))

    @cached_property
    def _zones(self) -> dict[str, str]:
        zones: dict[str, str | None] = dict(self._connection.execute(_TIME_ZONE).fetchall())
        return {provider_id: zone or "UTC" for provider_id, zone in zones.items()}

    @cached_property
    def _seen(self) -> dict[str, list[date]]:
        return {provider_id: days for provider_id, *days in self._connection.execute(_USAGE_DAYS)}

    def records(self, subjects: Subjects) -> tuple[Records, npt.NDArray[np.bool_]]:
        """(use in the tested periods, services x periods that count: in force and with usage data all through)."""
        wanted = self._wanted(subjects)
        is_tested = np.zeros((len(subjects.services), subjects.parameters.tested_periods), dtype=np.bool_)
        for index, place in wanted:
            is_tested[index, place] = True
        self._read([cell for cell in wanted.values() if cell not in self._cells])
        places = pl.DataFrame(
            [(index, place, self._cells[cell]) for (index, place), cell in wanted.items()],
            schema=dict.fromkeys(("service", "period", "cell"), pl.Int64), orient="row",
        )  # fmt: skip
        names = ("service", "period", "kind", "flags", "quantity", "start", "records")
        order = ("service", "period", "kind", "flags", "start", "quantity")
        use = places.join(self._use, on="cell").select(names).sort(order)
        return Records(*(column.to_numpy() for column in use.iter_columns())), is_tested

    def _wanted(self, subjects: Subjects) -> dict[tuple[int, int], Cell]:
        """What counts, by index of the service and of the tested period."""
        needs = [tuple(row) for row in subjects.record_needs().tolist()]
        found: dict[tuple[int, int], Cell] = {}
        for index, service in enumerate(subjects.services):
            first_seen, last_seen = self._seen.get(service.provider_id, (date.max, _LONG_AGO))
            zone = self._zones.get(service.provider_id, "UTC")
            for place, period in enumerate(tested_periods(service, subjects.parameters.tested_periods)):
                begins, ends = period.first_day, period.end_day
                if max(first_seen, service.activated_day) <= begins and ends <= last_seen + timedelta(days=1):
                    found[index, place] = (service.service_id, begins, ends, zone, needs[index])
        return found

    def _read(self, cells: list[Cell]) -> None:
        if not cells:
            return
        days = {"from": min(cell[1] for cell in cells), "to": max(cell[2] for cell in cells)}
        with self._connection.transaction():
            self._connection.execute(_CELLS)
            with self._connection.cursor() as cursor, cursor.copy("copy tested_use from stdin") as copy:
                for cell in cells:
                    self._cells[cell] = len(self._cells)
                    copy.write_row([self._cells[cell], *cell[:-1], list(cell[-1])])
            self._connection.execute("analyze tested_use")
            self._use = pl.concat([self._use, self._copied(days)])

    def _copied(self, days: Mapping[str, date]) -> pl.DataFrame:
        """The rows of `_USE`, all whole numbers; COPY is ten times as fast as fetching them."""
        asked = f"copy ({_USE}) to stdout (format csv)".encode()
        with self._connection.cursor() as cursor, cursor.copy(asked, days) as copy:
            text = b"".join(bytes(part) for part in copy)
        return pl.read_csv(
            BytesIO(text), has_header=False, new_columns=_NAMES, schema_overrides=[pl.Int64] * len(_NAMES)
        )
