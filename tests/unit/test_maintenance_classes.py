"""The trainer of several classes on made tables: honest figures, no leak, blanks, few rows, groups, wrong input."""

import numpy as np
import pandas as pd
import pytest

from orchestration.analytics.maintenance import MaintenanceDataError, class_members, train_and_evaluate_classes
from orchestration.analytics.maintenance.class_tables import read_table


@pytest.fixture(autouse=True, scope="module")
def small_forests():
    """Smaller ones than in earnest, for time's sake."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(class_members, "FOREST_TREES", 40)
        patch.setattr(class_members, "BOOSTED_SEEDS", 1)
        yield


def faults(rows: int = 300, seed: int = 5) -> tuple[pd.DataFrame, pd.Series]:
    """A table as of fault reports: places with tempers of their own, kinds, counts, words, blanks, an id."""
    rng = np.random.default_rng(seed)
    place = rng.integers(0, 30, rows)
    temper = rng.normal(0, 1.2, 30)[place]
    kind = rng.choice(["power", "card", "fibre"], rows, p=[0.5, 0.3, 0.2])
    volume = rng.poisson(3, rows).astype(float)
    strength = temper + np.where(kind == "card", 1.2, 0.0) + 0.4 * volume + rng.normal(0, 0.6, rows)
    label = np.digitize(strength, np.quantile(strength, [0.6, 0.9]))
    volume[rng.random(rows) < 0.1] = np.nan
    words = np.where(label == 2, "alarm 7; alarm 9", "alarm 9")
    words = np.where(rng.random(rows) < 0.5, "alarm 1; alarm 3", words)
    features = pd.DataFrame(
        {
            "id": rng.permutation(10 * rows)[:rows], "location": [f"location {one + 100}" for one in place],
            "kind": np.where(rng.random(rows) < 0.1, None, kind), "volume": volume, "alarms": words,
            "constant": 1, "empty": None, "comment": [f"text {number} of its own" for number in range(rows)],
        }
    )  # fmt: skip
    return features, pd.Series(label)


@pytest.fixture(scope="module")
def evaluated():
    features, label = faults()
    label = label.astype("Int64")
    label.iloc[[3, 40]] = pd.NA
    return train_and_evaluate_classes(features.set_index(features["id"] + 5), label), label


def test_a_table_with_something_to_learn(evaluated):
    found, label = evaluated
    known = label.notna().to_numpy()
    told = found.predictions.to_numpy()
    assert found.classes == (0, 1, 2)
    assert list(found.predictions.columns) == [0, 1, 2]
    assert np.allclose(told[known].sum(axis=1), 1)
    assert np.isnan(told[~known]).all()
    truth = label[known].to_numpy(dtype=int)
    assert found.log_loss == pytest.approx(-np.log(told[known][np.arange(known.sum()), truth]).mean())
    assert found.accuracy == pytest.approx((told[known].argmax(axis=1) == truth).mean())
    assert found.brier == pytest.approx(((told[known] - np.eye(3)[truth]) ** 2).sum(axis=1).mean())
    assert found.log_loss < 0.75 * found.class_shares_log_loss
    assert found.rows_count == known.sum()


def test_probabilities_are_calibrated(evaluated):
    found, label = evaluated
    known = label.notna().to_numpy()
    told, truth = found.predictions.to_numpy()[known], np.eye(3)[label[known].to_numpy(dtype=int)]
    assert np.abs(told.mean(axis=0) - truth.mean(axis=0)).max() < 0.03


def test_columns_that_teach_nothing_are_left_out(evaluated):
    dropped = evaluated[0].dropped
    assert {name for name in dropped if ":" not in name} == {"id", "constant", "empty", "comment"}


def test_chance_is_not_learned():
    """With a label of chance and categories of few rows each, a rate that saw its own row would tell it."""
    rng = np.random.default_rng(3)
    features = pd.DataFrame({"place": rng.integers(0, 60, 240).astype(str), "size": rng.normal(0, 1, 240)})
    features["place"] = "place " + features["place"]
    found = train_and_evaluate_classes(features, pd.Series(rng.choice(["a", "b", "c"], 240, p=[0.6, 0.3, 0.1])))
    assert abs(found.log_loss - found.class_shares_log_loss) < 0.03
    assert found.log_loss <= found.class_shares_log_loss or not any(found.weights.values())


def test_rows_of_a_group_are_not_on_both_sides():
    """Each customer has a class and a number of its own: without groups that is all there is to know."""
    rng = np.random.default_rng(2)
    owner = np.repeat(np.arange(16), 12)
    label = pd.Series(np.array(["x", "y"])[rng.permutation(16) % 2][owner])
    features = pd.DataFrame({"number": rng.normal(0, 1, 16)[owner] * 100, "noise": rng.normal(0, 1, 192)})
    apart = train_and_evaluate_classes(features, label)
    together = train_and_evaluate_classes(features, label, groups=owner)
    assert apart.log_loss < 0.7 * apart.class_shares_log_loss
    assert together.log_loss > 0.9 * together.class_shares_log_loss
    assert together.scheme == "5 folds by groups"


def test_few_rows_and_a_class_of_one():
    features = pd.DataFrame({"a": [1, 2, 3, 4, 5, 6, 7, 8, None, 10, 11, 12], "b": list("xyxyxyxyxyxz")})
    label = ["low", "high"] * 5 + ["low", "rare"]
    found = train_and_evaluate_classes(features, label)
    assert found.classes == ("high", "low", "rare")
    assert np.allclose(found.predictions.sum(axis=1), 1)
    assert (found.predictions > 0).all(axis=None)
    assert found.log_loss <= found.class_shares_log_loss + 1e-9


@pytest.mark.parametrize(
    ("features", "label", "groups", "said"),
    [
        (pd.DataFrame({"a": [1, 2, 3]}), [1, 1, None], None, "1 class in 2 rows with a label, 1: two are needed"),
        (pd.DataFrame({"a": [1, 2, 3]}), [1, 2], None, "2 labels for 3 rows of features"),
        (pd.DataFrame({"a": range(40)}), np.arange(40) / 7, None, "the label has 40 values in 40 rows"),
        (pd.DataFrame({"a": range(4)}), [0, 1, 0, 1], ["one"] * 4, "4 rows in 1 groups cannot be parted"),
        (pd.DataFrame({"a": [1, 1, 1, 1]}), [0, 1, 0, 1], None, "nothing to learn from in 4 rows"),
        ([[1], [2]], [0, 1], None, "features are a list: give a pandas DataFrame"),
    ],
)
def test_what_cannot_be_learned_from(features, label, groups, said):
    with pytest.raises(MaintenanceDataError, match=said):
        train_and_evaluate_classes(features, label, groups=groups)


def test_numbers_at_the_ends_of_names_and_lists_of_words():
    features, _ = faults(200)
    table, _ = read_table(features, None)
    assert np.array_equal(
        table.numbers["location (number)"], features["location"].str.removeprefix("location ").astype(float)
    )
    assert np.array_equal(table.numbers["alarms: alarm 7"], features["alarms"].str.contains("alarm 7").astype(float))
    assert "alarms" not in table.codes
