"""The forecaster against seasonal naive and AutoETS, on the end of every series of a file, or of its own sets.

Not here: the series (forecast_series). `python -m benchmarks.forecasting FILE --season-length 12 --horizon 12` measures
a CSV or Parquet file with the columns unique_id, ds, y, and writes nothing.
"""

from __future__ import annotations

import argparse
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks import forecast_series, report
from orchestration.analytics.forecasting import forecast

LEAST_SERIES, LEAST_POINTS = 300, 60
ETS_BAR, COVERAGE_BAR = 1.01, (77.0, 84.0)
TIMED_SERIES, TIMED_POINTS, TIMED_BAR_SECONDS = 1_000, 120, 600
HEAD = [
    "series", "points", "season", "horizon", "MASE", "of seasonal naive", "of AutoETS", "over AutoETS (bar 1.01)",
    "80 % covers (bar 77 to 84)", "95 % covers", "seconds", "AutoETS seconds", "bar",
]  # fmt: skip


@dataclass(frozen=True)
class Measure:
    """What came of a set of series; MASE is scaled by the mean seasonal difference of each series' past."""

    series: int
    points: str
    season_length: int
    horizon: int
    mase: float
    naive_mase: float
    ets_mase: float
    covered_80: float
    covered_95: float
    seconds: float
    ets_seconds: float
    is_barred: bool

    def failures(self) -> list[str]:
        """What the bar asks for and is not so; nothing of a set that is too small for it."""
        said = []
        if self.is_barred and not self.mase < self.naive_mase:
            said.append(f"MASE {self.mase:.4f} is not below seasonal naive's {self.naive_mase:.4f}")
        if self.is_barred and not self.mase <= ETS_BAR * self.ets_mase:
            said.append(f"MASE {self.mase:.4f} is over {ETS_BAR} of AutoETS's {self.ets_mase:.4f}")
        if self.is_barred and not COVERAGE_BAR[0] <= self.covered_80 <= COVERAGE_BAR[1]:
            said.append(f"80 % intervals cover {self.covered_80:.1f} %")
        return said


def measure(series: pd.DataFrame, season_length: int, horizon: int) -> Measure:
    """Forecasts the last `horizon` points of every series that has more than a horizon and a season besides."""
    counts = series.groupby("unique_id")["y"].transform("size")
    series = series[counts > horizon + season_length + 1].sort_values(["unique_id", "ds"], ignore_index=True)
    place = series.groupby("unique_id").cumcount(ascending=False)
    past, future = series[place >= horizon], series[place < horizon]
    begun = time.perf_counter()
    found = forecast(past, horizon=horizon, season_length=season_length)
    seconds = time.perf_counter() - begun
    actual = future["y"].to_numpy().reshape(-1, horizon)
    own = {name: found[name].to_numpy().reshape(-1, horizon) for name in ("point", "lo-80", "hi-80", "lo-95", "hi-95")}
    pasts = [part["y"].to_numpy() for _, part in past.groupby("unique_id", sort=True)]
    scale = np.array([np.nanmean(np.abs(y[season_length:] - y[:-season_length])) for y in pasts])
    naive = np.array([np.resize(y[-season_length:], horizon) for y in pasts])
    begun = time.perf_counter()
    ets = np.array([_auto_ets(y, season_length, horizon) for y in pasts])
    ets_seconds = time.perf_counter() - begun
    covered = [
        100 * float(np.nanmean((actual >= own[f"lo-{level}"]) & (actual <= own[f"hi-{level}"]))) for level in (80, 95)
    ]
    lengths = sorted(len(y) for y in pasts)
    return Measure(
        len(pasts), f"{lengths[0]} to {lengths[-1]}", season_length, horizon, _mase(actual, own["point"], scale),
        _mase(actual, naive, scale), _mase(actual, ets, scale), *covered, seconds, ets_seconds,
        len(pasts) >= LEAST_SERIES and lengths[0] + horizon >= LEAST_POINTS,
    )  # fmt: skip


def _mase(actual: np.ndarray, said: np.ndarray, scale: np.ndarray) -> float:
    own = np.nanmean(np.abs(actual - said), axis=1)[scale > 0] / scale[scale > 0]
    return float(np.nanmean(own))


def _auto_ets(y: np.ndarray, season_length: int, horizon: int) -> np.ndarray:
    from statsforecast.models import AutoETS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = AutoETS(season_length=season_length).forecast(y=pd.Series(y).interpolate().to_numpy(), h=horizon)
        # It fails on some short series, and has no forecast then.
        except Exception:
            return np.full(horizon, np.nan)
    return np.asarray(found["mean"], dtype=float)


def as_line(found: Measure) -> list[str]:
    """The measure as a row of the page."""
    bar = "; ".join(found.failures()) or "met" if found.is_barred else "only reported"
    return [
        f"{found.series:,}", found.points, str(found.season_length), str(found.horizon), f"{found.mase:.4f}",
        f"{found.naive_mase:.4f}", f"{found.ets_mase:.4f}", f"{found.mase / found.ets_mase:.3f}",
        f"{found.covered_80:.1f} %", f"{found.covered_95:.1f} %", f"{found.seconds:.0f}", f"{found.ets_seconds:.0f}",
        bar,
    ]  # fmt: skip


def run() -> None:
    """The generated sets, and the time of a thousand series."""
    sets = [
        (forecast_series.monthly(300, 132), 12, 12),
        (forecast_series.monthly(300, 72, seed=forecast_series.MONTHLY_SEED + 1), 12, 12),
        (forecast_series.hourly(12, 4), 24, 24),
    ]
    found = [measure(*one) for one in sets]
    begun = time.perf_counter()
    timed = forecast_series.monthly(TIMED_SERIES, TIMED_POINTS, seed=forecast_series.MONTHLY_SEED + 2)
    forecast(timed, horizon=12, season_length=12)
    seconds = time.perf_counter() - begun
    failures = [line for one in found for line in one.failures()]
    if seconds > TIMED_BAR_SECONDS:
        failures.append(f"{TIMED_SERIES} series took {seconds:.0f} s, over {TIMED_BAR_SECONDS}")
    said = (
        "The last points of every series, forecast from those before; errors over the mean seasonal difference of the"
        " past (MASE). Monthly and hourly series drawn from seeds that nothing was tuned on.\n\n"
        f"{report.table(HEAD, [as_line(one) for one in found])}\n\n"
        f"{TIMED_SERIES:,} monthly series of {TIMED_POINTS} points: {seconds:.0f} s (bar {TIMED_BAR_SECONDS})."
    )
    report.write_part("forecasting", "Forecasts against seasonal naive and AutoETS", said)
    if failures:
        raise RuntimeError("; ".join(failures))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forecasting")
    parser.add_argument("file", type=Path, help="CSV or Parquet with unique_id, ds, y")
    parser.add_argument("--season-length", type=int, default=12)
    parser.add_argument("--horizon", type=int, default=12)
    chosen = parser.parse_args()
    is_parquet = chosen.file.suffix == ".parquet"
    series = pd.read_parquet(chosen.file) if is_parquet else pd.read_csv(chosen.file)
    if not pd.api.types.is_numeric_dtype(series["ds"]):
        series["ds"] = pd.to_datetime(series["ds"])
    print(report.table(HEAD, [as_line(measure(series, chosen.season_length, chosen.horizon))]))


if __name__ == "__main__":
    main()
