"""The forecaster: odd series, grids, what the past may know, and intervals that cover what they say."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.forecasting import forecast
from orchestration.analytics.forecasting.backtests import back_test, origins_of
from orchestration.analytics.forecasting.choosing import choose
from orchestration.analytics.forecasting.grids import filled
from orchestration.analytics.forecasting.intervals import widths

QUICK = ("seasonal_naive", "drift", "line", "theta", "ces")
ENDS = ["lo-95", "lo-80", "point", "hi-80", "hi-95"]


def frame_of(series, start="2020-01-01", freq="MS"):
    parts = [
        pd.DataFrame({"unique_id": name, "ds": pd.date_range(start, periods=len(y), freq=freq), "y": y})
        for name, y in series.items()
    ]
    return pd.concat(parts, ignore_index=True)


def quick(series, horizon=12, season_length=12, **more):
    return forecast(series, horizon=horizon, season_length=season_length, methods=QUICK, **more)


@pytest.fixture(scope="module")
def odd():
    """Series of every odd kind, and what is forecast of them."""
    rng = np.random.default_rng(3)
    at = np.arange(60)
    wave = 10 * np.sin(2 * np.pi * at / 12)
    series = {
        "constant": np.full(48, 3.0), "zeros": np.zeros(40), "negative": -5 + rng.normal(0, 1, 50),
        "crossing": rng.normal(0, 1, 60), "three": [1.0, 2.0, 4.0], "two": [1.0, 3.0], "one": [7.0],
        "ten": rng.normal(10, 1, 10), "two_seasons": rng.normal(10, 1, 25), "sparse": rng.poisson(0.2, 60) * 1.0,
        "gaps": np.where(rng.random(60) < 0.2, np.nan, 40 + at + wave), "nothing": [np.nan] * 5,
        "ends_early": np.r_[rng.normal(30, 1, 40), np.nan, np.nan], "huge": 1e12 * (1 + at / 100) + 1e10 * wave,
        "tiny": 1e-9 * (20 + wave), "steps": np.r_[np.full(30, 5.0), np.full(30, 50.0)], "smooth": 50 + at + wave,
    }  # fmt: skip
    return series, quick(frame_of(series))


def test_every_series_has_its_rows_and_ordered_ends(odd):
    series, found = odd
    assert found.groupby("unique_id").size().to_dict() == dict.fromkeys(series, 12)
    told = found[~found["unique_id"].isin(["nothing", "one"])]
    assert np.isfinite(told[ENDS].to_numpy()).all()
    assert (np.diff(found[ENDS].dropna().to_numpy(), axis=1) >= 0).all()
    assert found.loc[found["unique_id"] == "nothing", ENDS].isna().all(axis=None)
    one = found[found["unique_id"] == "one"]
    assert (one["point"] == 7).all()
    assert one["lo-80"].isna().all()


def test_what_is_too_short_says_so(odd):
    said = odd[1].groupby("unique_id")["fallback"].first()
    assert said["one"] == "1 points of at least 6: the last value goes on"
    assert said["three"].startswith("3 points of at least 6")
    assert said["ten"] == "10 points, not over two seasons of 12: without a season"
    assert said["nothing"] == "no value was ever observed"
    assert said[["smooth", "gaps", "constant", "steps", "ends_early"]].isna().all()
    methods = odd[1].groupby("unique_id")["method"].first()
    assert (methods["three"], methods["nothing"]) == ("naive", "none")


def test_special_series(odd):
    found = odd[1].set_index(["unique_id", odd[1].groupby("unique_id").cumcount() + 1])
    assert np.allclose(found.loc["constant", ENDS], 3.0)
    assert np.allclose(found.loc["zeros", ENDS], 0.0)
    assert (found.loc["sparse", "lo-95"] >= 0).all()
    assert (found.loc["negative", "point"] < 0).all()
    at = np.arange(60, 72)
    true = 50 + at + 10 * np.sin(2 * np.pi * at / 12)
    assert np.abs(found.loc["smooth", "point"] - true).max() < 1.5
    assert found.loc["smooth", "backtest_skill"].iloc[0] > 0.8
    assert np.abs(found.loc["gaps", "point"] - (true - 10)).max() < 4
    assert (found.loc["steps", "point"] > 25).all()
    assert found.loc[("ends_early", 1), "ds"] == pd.Timestamp("2023-07-01")


def test_order_and_the_way_a_gap_is_given_make_no_difference():
    rng = np.random.default_rng(5)
    series = frame_of({"a": rng.normal(20, 2, 50), "b": rng.normal(9, 1, 44)})
    gone = (series["unique_id"] == "a") & series["ds"].dt.month.eq(5)
    as_null = series.assign(y=series["y"].mask(gone))
    first = quick(as_null)
    pd.testing.assert_frame_equal(first, quick(as_null.sample(frac=1, random_state=1)))
    pd.testing.assert_frame_equal(first, quick(series[~gone]))


@pytest.mark.parametrize(
    ("ds", "season_length", "ahead"),
    [
        (list(pd.date_range("2024-01-31", periods=30, freq="ME")), 12, ["2026-07-31", "2026-08-31"]),
        ([day + pd.Timedelta(days=14) for day in pd.date_range("2024-01-01", periods=20, freq="MS")], 12,
         ["2025-09-15", "2025-10-15"]),
        (list(pd.date_range("2024-01-01", periods=20, freq="QS")), 4, ["2029-01-01", "2029-04-01"]),
        (list(pd.date_range("2026-01-01", periods=50, freq="h")), 24, ["2026-01-03 02:00", "2026-01-03 03:00"]),
        (list(pd.date_range("2024-02-01", periods=28, freq="D", tz="America/Chicago")) , 7,
         ["2024-02-29T00:00-06:00", "2024-03-01T00:00-06:00"]),
        (list(pd.date_range("2024-03-09", periods=24, freq="h", tz="America/Chicago")), 24,
         ["2024-03-10T00:00-06:00", "2024-03-10T01:00-06:00"]),
        (list(range(10, 40, 2)), 1, [40, 42]),
        ([date(2026, 2, 1) + timedelta(days=day) for day in range(28)], 7, [date(2026, 3, 1), date(2026, 3, 2)]),
    ],
)  # fmt: skip
def test_grids_go_on(ds, season_length, ahead):
    series = pd.DataFrame({"unique_id": "x", "ds": ds, "y": np.arange(len(ds), dtype=float)})
    found = forecast(series, horizon=2, season_length=season_length, methods=())["ds"].tolist()
    expected = [pd.Timestamp(point) if isinstance(point, str) else point for point in ahead]
    assert found == expected
    assert isinstance(found[0], type(ds[0]))


@pytest.mark.parametrize(
    ("ds", "y", "said"),
    [
        ([1, 2, 2], [1, 2, 3], "more than one row at 2"),
        ([1, 2, 3], [1, np.inf, 3], "y is infinite at x, 2"),
        ([1, 3, 4, 6.5], [1, 2, 3, 4], "numbers with fractions"),
        ([1, 3, 6], [1, 2, 3], "1 of 3 ds lie between the steps"),
        ([1, None, 3], [1, 2, 3], "no unique_id or no ds"),
    ],
)
def test_a_frame_that_is_not_series_is_refused(ds, y, said):
    with pytest.raises(ValueError, match=said):
        quick(pd.DataFrame({"unique_id": "x", "ds": ds, "y": y}))


@pytest.mark.parametrize("wrong", [{"horizon": 0}, {"season_length": 0}, {"levels": (80, 80)}, {"levels": (100,)}])
def test_wrong_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        forecast(frame_of({"x": [1.0, 2.0]}), **{"horizon": 1, "season_length": 1, "levels": (80,), **wrong})
    with pytest.raises(ValueError, match="lacks"):
        quick(pd.DataFrame({"unique_id": ["x"], "ds": [1]}))


def test_nothing_in_nothing_out():
    found = quick(frame_of({"x": [1.0]}).iloc[:0], levels=(50,))
    assert found.empty
    assert list(found.columns[:5]) == ["unique_id", "ds", "point", "lo-50", "hi-50"]


def test_a_back_test_knows_nothing_of_what_came_later():
    rng = np.random.default_rng(8)
    y = 50 + np.cumsum(rng.normal(0, 1, 60))
    there = np.ones(60, dtype=bool)
    origins = origins_of(60, 6, 12)
    assert len(origins) > 5
    first = back_test(y, there, 6, 12, QUICK)
    cut = origins[3]
    changed = np.where(np.arange(60) < cut, y, 1000.0)
    second = back_test(changed, there, 6, 12, QUICK)
    for place, origin in enumerate(origins[:4]):
        known = slice(0, min(6, 60 - origin))
        said = y[origin : origin + 6] - first.errors[0, place, known]
        assert np.allclose(said, changed[origin : origin + 6] - second.errors[0, place, known])
    ces, other = first.names.index("ces"), second.names.index("ces") if "ces" in second.names else None
    if other is not None:
        assert np.allclose(y[cut : cut + 6] - first.errors[ces, 3], changed[cut : cut + 6] - second.errors[other, 3])


def test_an_origin_s_methods_are_chosen_without_its_own_errors():
    test = back_test(np.random.default_rng(1).normal(10, 1, 60), np.ones(60, dtype=bool), 6, 12, QUICK)
    before = choose(test).errors
    # At the second origin one method is made perfect: its honest error there stays a mixture as the others say.
    spoiled = test.errors.copy()
    spoiled[1, 1] = 0.0
    after = choose(type(test)(test.names, spoiled, test.final, test.span)).errors
    weights = choose(type(test)(test.names, np.delete(spoiled, 1, axis=1), test.final, test.span)).weights
    expected = sum(weights.get(name, 0.0) * spoiled[place, 1] for place, name in enumerate(test.names))
    assert np.allclose(after[1], expected)
    assert not np.allclose(after[1], 0.0) or not np.allclose(before[1], 0.0)


@given(
    seed=st.integers(0, 10**6), spread=st.floats(0.0, 1.5), freedom=st.sampled_from([3, 8, 100]), grows=st.booleans()
)
@settings(max_examples=12, deadline=None)
def test_intervals_cover_what_they_say(seed, spread, freedom, grows):
    """Independent errors of many series of any scale, tails and growth with the horizon.

    With 1 500 series the share covered scatters by 0.0045 and 0.0022: the bounds are five times that from what is met.
    """
    rng, many = np.random.default_rng(seed), 1500
    scale = np.exp(rng.normal(0, spread, many))[:, None, None] * (np.sqrt(np.arange(1, 7)) if grows else np.ones(6))
    errors = scale * rng.standard_t(freedom, (many, 10, 6))
    came = scale[:, 0] * rng.standard_t(freedom, (many, 6))
    found = widths(list(errors), [60.0] * many, [1.0] * many, [120] * many, (80, 95), 6)
    half = np.stack([one.half for one in found])
    assert {one.method for one in found} == {"conformal"}
    assert 0.775 <= (np.abs(came) <= half[:, 0]).mean() <= 0.826
    assert 0.938 <= (np.abs(came) <= half[:, 1]).mean() <= 0.963


def test_gaps_are_filled_on_top_of_the_season():
    at = np.arange(48)
    whole = 100 + at + 20 * (at % 4 == 0)
    holed = whole.astype(float)
    holed[[9, 20, 21, 22]] = np.nan
    assert np.abs(filled(holed, 4) - whole).max() < 3
    assert np.array_equal(filled(np.array([1.0, np.nan, 3.0]), 1), [1.0, 2.0, 3.0])


def test_hourly_series_find_their_week():
    at = np.arange(24 * 7 * 5)
    rng = np.random.default_rng(2)
    y = 50 + 30 * np.sin(2 * np.pi * at / 24) * np.where(at // 24 % 7 >= 5, 0.2, 1.0) + rng.normal(0, 1, len(at))
    past = frame_of({"cell": y[:-168]}, freq="h")
    methods = ("long_seasonal_naive", "long_seasonal_mean")
    found = forecast(past, horizon=168, season_length=24, methods=methods)
    naive = np.abs(np.resize(y[-192:-168], 168) - y[-168:]).mean()
    assert np.abs(found["point"].to_numpy() - y[-168:]).mean() < 0.3 * naive
    assert found["method"].iloc[0].startswith("long_seasonal_mean")
