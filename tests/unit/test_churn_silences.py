"""Figures under other lengths of silence, against a count by hand."""

import numpy as np
import pandas as pd
import pytest

from orchestration.analytics.churn_scores.silences import silence_figures


def frame(segments: str, probability: list[float]) -> pd.DataFrame:
    return pd.DataFrame({"segment": list(segments), "label": np.nan, "probability": probability}, index=range(10, 16))


def test_each_length_is_judged_and_who_cannot_be_silent_is_left_out():
    tested = frame("ppppff", [0.1, 0.8, 0.4, 0.3, 0.5, 0.6])
    index = range(10, 16)
    labels = {
        30: pd.Series([0, 1, 1, np.nan, 0, 1], index=index),
        60: pd.Series([0, 1, 0, 0, 0, 1], index=index),
    }
    found = silence_figures(tested, labels, 60).set_index(["segment", "metric"])
    assert set(found.index.get_level_values("segment")) == {"p"}
    shorter = found.loc[("p", "leaver_share_silent_30d")]
    assert (shorter["metric_value"], shorter["baseline_value"]) == (pytest.approx(2 / 3), 0.25)
    assert (shorter["cases_count"], shorter["events_count"]) == (3, 2)
    assert found.loc[("p", "auc_silent_30d"), "metric_value"] == 1
    assert found.loc[("p", "auc_silent_60d"), "metric_value"] == 1
    assert found.loc[("p", "brier_silent_30d"), "metric_value"] == pytest.approx((0.01 + 0.04 + 0.36) / 3)


def test_without_a_model_the_shares_are_said():
    tested = frame("pppppp", [np.nan] * 6)
    labels = {days: pd.Series([0, 1, 0, 0, 0, days == 30], index=range(10, 16), dtype=float) for days in (30, 60)}
    found = silence_figures(tested, labels, 60)
    assert list(found["metric"]) == ["leaver_share_silent_30d", "leaver_share_silent_60d"]
    assert list(found["metric_value"]) == [pytest.approx(2 / 6), pytest.approx(1 / 6)]
