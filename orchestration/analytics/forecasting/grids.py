"""From a frame to series on a regular grid, gaps named and filled, and the grid's points ahead.

Not here: forecasting.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.analytics.forecasting.candidates import Floats

Bools = npt.NDArray[np.bool_]
# The ds of so many places from a first one on.
Back = Callable[[int, int], pd.DatetimeIndex]
COLUMNS = ("unique_id", "ds", "y")
# A step that a single point cannot tell is taken from the season.
_STEP_OF_SEASON = {12: "month", 4: "quarter", 7: "day", 52: "week", 24: "hour"}
_DAYS, _MONTHS = {"day": 1, "week": 7}, {"month": 1, "quarter": 3}


@dataclass(frozen=True)
class Series:
    """One series from its first to its last point.

    Attributes:
        unique_id: whose.
        values: with gaps filled; empty where nothing was ever observed.
        observed: which of them were given.
        trailing: points at the end that were given without a value; values end before them.
        ahead: the ds of the next so many points.
    """

    unique_id: object
    values: Floats
    observed: Bools
    trailing: int
    ahead: Callable[[int], list[object]]


def read_series(frame: pd.DataFrame, season_length: int) -> list[Series]:
    """The series of a frame in the order of their ids.

    Args:
        frame: unique_id, ds (dates, timestamps, or whole numbers), y (null = not observed), in any order.
        season_length: points in a season.

    Raises:
        ValueError: a column is missing, a ds is missing or stands twice in a series, y is infinite, or the ds of the
            frame do not lie on one grid.
    """
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise ValueError(
            f"series lacks the columns {missing}; expected are {list(COLUMNS)}, found {list(frame.columns)}"
        )
    own = frame.loc[:, list(COLUMNS)].copy()
    own["y"] = pd.to_numeric(own["y"]).astype(float)
    if np.isinf(own["y"]).any():
        first = own.loc[np.isinf(own["y"])].iloc[0]
        raise ValueError(f"y is infinite at {first['unique_id']}, {first['ds']}; give null where nothing was observed")
    if own["ds"].isna().any() or own["unique_id"].isna().any():
        raise ValueError("a row of series has no unique_id or no ds; every row needs both")
    if own.empty:
        return []
    places, grid = _grid(own["ds"], own["unique_id"], season_length)
    own["place"] = places
    own = own.sort_values(["unique_id", "place"], kind="stable")
    twice = own.duplicated(["unique_id", "place"])
    if twice.any():
        first = own.loc[twice].iloc[0]
        raise ValueError(
            f"{first['unique_id']} has more than one row at {first['ds']}; one per unique_id and ds is expected"
        )
    return [
        _series(name, part["place"].to_numpy(), part["y"].to_numpy(), season_length, grid)
        for name, part in own.groupby("unique_id", sort=True)
    ]


def _series(
    name: object, places: npt.NDArray[np.int64], y: Floats, season_length: int, grid: Callable[[int, int], list[object]]
) -> Series:
    first, last = int(places[0]), int(places[-1])
    values = np.full(last - first + 1, np.nan)
    values[places - first] = y
    known = np.flatnonzero(~np.isnan(values))
    if not len(known):
        return Series(name, np.array([]), np.array([], dtype=bool), len(values), lambda count: grid(last + 1, count))
    trailing = len(values) - 1 - int(known[-1])
    values = values[known[0] : known[-1] + 1]
    observed = ~np.isnan(values)
    return Series(name, filled(values, season_length), observed, trailing, lambda count: grid(last + 1, count))


def filled(values: Floats, season_length: int) -> Floats:
    """Values with gaps filled: a straight line between neighbours, on top of the season where two of it are there."""
    gaps = np.isnan(values)
    if not gaps.any():
        return values
    phase = np.arange(len(values)) % season_length
    season: Floats = np.zeros(len(values))
    if season_length > 1 and len(values) >= 2 * season_length:
        means = pd.Series(values).groupby(phase).mean()
        season = np.asarray((means - means.mean()).fillna(0.0), dtype=np.float64)[phase]
    rest = values - season
    known = np.flatnonzero(~gaps)
    return np.where(gaps, np.interp(np.arange(len(values)), known, rest[known]) + season, values)


def _grid(
    ds: pd.Series, names: pd.Series, season_length: int
) -> tuple[npt.NDArray[np.int64], Callable[[int, int], list[object]]]:
    """Each ds as a whole number of steps, and the way back: (first place, count) to the ds of these places."""
    if pd.api.types.is_bool_dtype(ds) or (pd.api.types.is_numeric_dtype(ds) and (ds % 1 != 0).any()):
        raise ValueError("ds holds numbers with fractions; dates, timestamps or whole numbers are expected")
    if pd.api.types.is_numeric_dtype(ds):
        numbers = ds.astype("int64")
        step = _smallest_step(numbers, names) or 1
        return _steps(numbers, int(numbers.min()), step), lambda first, count: [
            int(numbers.min()) + place * step for place in range(first, first + count)
        ]
    are_dates = not pd.api.types.is_datetime64_any_dtype(ds) and not isinstance(ds.iloc[0], str | pd.Timestamp)
    at = pd.to_datetime(ds)
    zone = at.dt.tz
    if zone is not None:
        wall = at.dt.tz_localize(None)
        # Local days are 23 to 25 hours long; shorter steps are the clock's.
        is_by_day = wall.dt.time.nunique() == 1
        at = wall if is_by_day else at.dt.tz_convert("UTC").dt.tz_localize(None)
    places, back = _time_grid(at, names, season_length)

    def ahead(first: int, count: int) -> list[object]:
        found = back(first, count)
        if zone is not None:
            found = found.tz_localize(zone) if is_by_day else found.tz_localize("UTC").tz_convert(zone)
        return [point.date() for point in found] if are_dates else list(found)

    return places, ahead


def _time_grid(at: pd.Series, names: pd.Series, season_length: int) -> tuple[npt.NDArray[np.int64], Back]:
    numbers = at.astype("datetime64[ns]").astype("int64")
    day = 86_400 * 10**9
    step = _smallest_step(numbers, names)
    kind = _STEP_OF_SEASON.get(season_length, "day")
    if step is None and kind in _MONTHS:
        step = _MONTHS[kind] * 30 * day
    elif step is None:
        step = 3600 * 10**9 if kind == "hour" else _DAYS[kind] * day
    if step >= 28 * day and ((at.dt.day.nunique() == 1 and at.dt.day.iloc[0] <= 28) or (at.dt.is_month_end.all())):
        return _month_grid(at, names)
    origin = int(numbers.min())
    return _steps(numbers, origin, step), lambda first, count: pd.to_datetime(
        [origin + place * step for place in range(first, first + count)]
    )


def _month_grid(at: pd.Series, names: pd.Series) -> tuple[npt.NDArray[np.int64], Back]:
    """Steps of one or more whole months, always on the same day of the month or on its last."""
    months = (at.dt.year * 12 + at.dt.month - 1).astype("int64")
    step = _smallest_step(months, names) or 1
    origin, is_last = int(months.min()), bool(at.dt.is_month_end.all())
    clock, day = at.iloc[0] - at.iloc[0].normalize(), pd.Timedelta(days=at.iloc[0].day - 1)

    def back(first: int, count: int) -> pd.DatetimeIndex:
        ahead = [origin + place * step for place in range(first, first + count)]
        starts = pd.DatetimeIndex([pd.Timestamp(month // 12, month % 12 + 1, 1) for month in ahead])
        return pd.DatetimeIndex((starts + pd.offsets.MonthEnd(0) if is_last else starts + day) + clock)

    return _steps(months, origin, step), back


def _smallest_step(numbers: pd.Series, names: pd.Series) -> int | None:
    """The smallest distance of two neighbours in any series; None where every series is a single point."""
    ordered = pd.DataFrame({"name": names.to_numpy(), "at": numbers.to_numpy()}).sort_values(["name", "at"])
    steps = ordered.groupby("name")["at"].diff()
    steps = steps[steps > 0]
    return None if steps.empty else int(steps.min())


def _steps(numbers: pd.Series, origin: int, step: int) -> npt.NDArray[np.int64]:
    off = (numbers - origin) % step
    if (off != 0).any():
        raise ValueError(
            f"{int((off != 0).sum())} of {len(numbers)} ds lie between the steps of the grid that the smallest distance"
            " of two neighbours makes; one regular step (hour, day, month, …) for all series is expected"
        )
    found: npt.NDArray[np.int64] = ((numbers - origin) // step).to_numpy(dtype=np.int64)
    return found
