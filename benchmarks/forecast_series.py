"""Series to try the forecaster on, drawn from a fixed seed: monthly counts and traffic, hourly traffic of cells.

Not here: forecasting them, what comes of it. The forecaster was not tuned on these seeds.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

MONTHLY_SEED, HOURLY_SEED = 20260101, 20260102


def monthly(count: int, months: int, seed: int = MONTHLY_SEED) -> pd.DataFrame:
    """Trend (none, straight, growing by a share, bending), a season of its own form, level shifts, walks and noise."""
    rng = np.random.default_rng(seed)
    at = np.arange(months)
    values = []
    for _ in range(count):
        level = rng.lognormal(5, 1.2)
        growth, bend = rng.normal(0.003, 0.006), rng.uniform(months / 3, months * 1.5)
        kind = rng.integers(4)
        trend = [np.zeros(months), growth * at, np.expm1(growth * at), growth * np.minimum(at, bend)][kind]
        season = rng.gamma(1.5, 0.06) * np.sin(2 * np.pi * (at / 12 + rng.random())) + (
            rng.gamma(1.5, 0.03) * rng.normal(0, 1, 12)[at % 12]
        )
        shifts = sum(
            rng.normal(0, 0.15) * (at >= rng.integers(6, months))
            for _ in range(rng.choice([0, 1, 2], p=[0.6, 0.3, 0.1]))
        )
        walk = np.cumsum(rng.normal(0, rng.gamma(1.5, 0.006), months))
        noise = rng.normal(0, rng.gamma(2, 0.015), months) * (1 + 3 * (rng.random(months) < 0.01))
        base = 1 + trend + shifts + walk
        values.append(level * (base * (1 + season) if rng.random() < 0.5 else base + season) + level * noise)
    return _frame(values, pd.date_range("2016-01-01", periods=months, freq="MS"))


def hourly(count: int, weeks: int, seed: int = HOURLY_SEED) -> pd.DataFrame:
    """Busy hours by day and weekend, a slowly moving level, noise with memory, hours without service."""
    rng = np.random.default_rng(seed)
    hours = weeks * 168
    at = np.arange(hours)
    hour, day = at % 24, at // 24
    values = []
    for _ in range(count):
        peak, wide, second = rng.uniform(9, 21), rng.uniform(2.5, 5), rng.uniform(7, 14)
        shape = rng.uniform(0.05, 0.3) + _bump(hour, peak, wide) + rng.uniform(0, 0.7) * _bump(hour, second, 2.5)
        weekend = np.where(day % 7 >= 5, rng.uniform(0.4, 1.3), 1.0)
        level = np.exp(np.cumsum(rng.normal(0, 0.015, hours // 24 + 1)))[day]
        shocks = rng.normal(0, rng.uniform(0.05, 0.25), hours)
        memory = np.zeros(hours)
        for place in range(1, hours):
            memory[place] = 0.6 * memory[place - 1] + shocks[place]
        traffic = rng.lognormal(3, 1) * shape * weekend * level * np.exp(memory)
        if rng.random() < 0.2:
            begin = int(rng.integers(0, hours - 24))
            traffic[begin : begin + int(rng.integers(2, 24))] = 0.0
        values.append(traffic)
    return _frame(values, pd.date_range("2026-03-02", periods=hours, freq="h"))


def _bump(hour: np.ndarray, peak: float, wide: float) -> np.ndarray:
    return np.exp(-0.5 * ((hour - peak + 12) % 24 - 12) ** 2 / wide**2)


def _frame(values: list[np.ndarray], ds: pd.DatetimeIndex) -> pd.DataFrame:
    frames = [pd.DataFrame({"unique_id": f"{place:05d}", "ds": ds, "y": y}) for place, y in enumerate(values)]
    return pd.concat(frames, ignore_index=True)
