"""Use of billing periods, as plan advice re-rates it: sums where no rule looks at single records, else the records.

Not here: who is advised and by which price list (plan_inputs), the rating (orchestration.analytics.rating).
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl
import psycopg

from orchestration.analytics.plan_advice.everybody import Subjects
from orchestration.analytics.plan_advice.pricing import Records, tested_periods
from orchestration.analytics.rating import INCOMING, ROAMING
from orchestration.analytics.rating.tariff import KINDS
from orchestration.defs.frames import Schema, copied_frame, local_clock

_LONG_AGO = date(1, 1, 1)
_USAGE_DAYS = (
    "select provider_id::text, min(usage_date), max(usage_date) from intermediate.int_usage__provider_days group by 1"
)
_TIME_ZONE = "select provider_id::text, time_zone from core.dim_provider"
# Kinds in the order of the rating's KINDS; seconds since 1970. Nothing is asked that PostgreSQL would join for.
_EVENTS = f"""
    select service_id, floor(date_part('epoch', usage_timestamp))::bigint,
        case usage_type when 'data' then 0 when 'voice' then 1 else 2 end,
        coalesce(direction = 'in', false)::integer * {INCOMING} + is_roaming::integer * {ROAMING},
        case usage_type when 'data' then data_usage_bytes when 'voice' then voice_seconds else sms_count end
    from intermediate.int_usage__records
    where usage_timestamp >= %(begins)s and usage_timestamp < %(ends)s"""
# Services are told apart by codes: text would take longer than all the rest.
_EVENT: Schema = {"service_id": pl.Categorical, "start": pl.Int64, "kind": pl.Int64, "flags": pl.Int64,
                  "quantity": pl.Int64}  # fmt: skip
# Whether a rule looks at single records, for each kind.
_BY_RECORD = tuple(f"by_record_{kind}" for kind in range(len(KINDS)))
_CELL: Schema = {"cell": pl.Int64, "service_id": pl.Categorical, "begins": pl.Int64, "ends": pl.Int64,
                 "clock": pl.String, **dict.fromkeys(_BY_RECORD, pl.Boolean)}  # fmt: skip
_NAMES = ("cell", "kind", "flags", "quantity", "start", "records")
# (service, where it begins and ends in seconds since 1970, zone of the provider's clock, by record for each kind)
Cell = tuple[str, int, int, str, tuple[bool, ...]]


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
            clock = self._zones.get(service.provider_id, "UTC")
            for place, period in enumerate(tested_periods(service, subjects.parameters.tested_periods)):
                begins, ends = period.first_day, period.end_day
                if max(first_seen, service.activated_day) <= begins and ends <= last_seen + timedelta(days=1):
                    span = _began(begins, service.time_zone), _began(ends, service.time_zone)
                    found[index, place] = (service.service_id, *span, clock, needs[index])
        return found

    def _read(self, cells: list[Cell]) -> None:
        """Adds the use of cells, those of a service apart from each other: what rules look at by record, else sums."""
        if not cells:
            return
        numbers = {cell: number for number, cell in enumerate(cells, len(self._cells))}
        self._cells |= numbers
        rows = [(number, *cell[:-1], *cell[-1]) for cell, number in numbers.items()]
        frame = pl.DataFrame(rows, schema=_CELL, orient="row").sort("begins")
        # A month at a time, so that not all of it is in memory as text.
        begins = datetime.fromtimestamp(min(cell[1] for cell in cells), UTC)
        last = datetime.fromtimestamp(max(cell[2] for cell in cells), UTC)
        parts = [self._use]
        while begins < last:
            ends = min(datetime.combine((begins + timedelta(days=32)).replace(day=1), time.min, UTC), last)
            events = copied_frame(self._connection, _EVENTS, _EVENT, {"begins": begins, "ends": ends})
            parts.append(_use_of(frame, events))
            begins = ends
        is_sum = pl.col("start") == 0
        use = pl.concat(parts)
        sums = use.filter(is_sum).group_by("cell", "kind", "flags", "start").agg(pl.sum("quantity", "records"))
        self._use = pl.concat([use.filter(~is_sum), sums.select(_NAMES)])


def _use_of(cells: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The events of a stretch of time that fall into cells: single ones with local start, sums with start 0."""
    is_single = pl.any_horizontal(pl.col(name) & (pl.col("kind") == kind) for kind, name in enumerate(_BY_RECORD))
    held = events.sort("start").join_asof(
        cells, left_on="start", right_on="begins", by="service_id", strategy="backward", check_sortedness=False
    ).filter(pl.col("start") < pl.col("ends")).with_columns(is_single=is_single)  # fmt: skip
    sums = held.filter(~pl.col("is_single")).group_by("cell", "kind", "flags").agg(pl.sum("quantity"), records=pl.len())
    at = pl.from_epoch("start", time_unit="s").dt.replace_time_zone("UTC")
    singles = [own.with_columns(start=local_clock(at, str(clock)).dt.epoch("s"), records=pl.lit(1, pl.Int64))
               for (clock,), own in held.filter("is_single").group_by("clock")]  # fmt: skip
    whole = sums.with_columns(start=pl.lit(0, pl.Int64), records=pl.col("records").cast(pl.Int64))
    return pl.concat([one.select(_NAMES) for one in (whole, *singles)])


@lru_cache(maxsize=10_000)
def _began(day: date, time_zone: str) -> int:
    """When a day of a calendar began, in seconds since 1970."""
    return int(datetime.combine(day, time.min, ZoneInfo(time_zone)).timestamp())
