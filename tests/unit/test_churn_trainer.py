"""The trainer on any table: what it makes of columns and labels, that it looks nowhere it must not, what it refuses."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from orchestration.analytics.churn import ChurnDataError, ChurnModel, fitting, train_and_evaluate, training
from orchestration.analytics.churn.columns import judge_columns, read_columns
from orchestration.analytics.churn.labels import deal, read_label

TELCO = Path(__file__).parents[2] / "docs/tutorials/telco_churn/Telco-Customer-Churn.csv"


@pytest.fixture(scope="module")
def telco():
    return pd.read_csv(TELCO).sample(800, random_state=3)


def noise(rows=300):
    """Nothing in it tells who leaves, much of it invites learning by heart."""
    random = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "account_no": [f"A{number:06d}" for number in range(rows)],
            "city": random.choice([f"city {number}" for number in range(rows // 4)], rows),
            "amount": random.normal(size=rows),
        }
    ), random.integers(0, 2, rows)


@pytest.fixture(autouse=True)
def few_folds(monkeypatch):
    """Ten folds show no more here than three, for a multiple of the time."""
    monkeypatch.setattr(training, "FOLDS", 3)
    monkeypatch.setattr(fitting, "INNER_FOLDS", 3)
    monkeypatch.setattr(training, "GROUP_FOLDS_OVER_TIME", 3)


def test_out_of_fold_on_a_part_of_the_telco_file(telco):
    features, label = telco.drop(columns="Churn"), telco["Churn"]
    found = train_and_evaluate(features, label, seed=1)
    assert found.predictions.index.equals(features.index)
    assert found.predictions.between(0, 1).all()
    assert (found.rows_count, found.events_count, found.event, found.scheme) == (
        800, int((label == "Yes").sum()), "yes", "3 folds",
    )  # fmt: skip
    truth = (label == "Yes").to_numpy()
    # Second roads to the four figures.
    told = found.predictions.to_numpy()
    pairs = told[truth][:, None] - told[~truth][None, :]
    assert found.auc == pytest.approx((np.sign(pairs) / 2 + 0.5).mean())
    assert found.brier == pytest.approx(np.square(told - truth).mean())
    ranked = sorted(zip(told, truth, strict=True), key=lambda pair: pair[0])
    tenths = [ranked[at : at + 80] for at in range(0, 800, 80)]
    gaps = [abs(sum(p for p, _ in tenth) - sum(t for _, t in tenth)) for tenth in tenths]
    assert found.expected_calibration_error == pytest.approx(sum(gaps) / 800)
    assert found.top_decile_lift == pytest.approx(sum(t for _, t in tenths[-1]) / 80 / truth.mean())
    assert found.auc > 0.8


def test_noise_is_not_learned():
    features, label = noise()
    assert abs(train_and_evaluate(features, label).auc - 0.5) < 0.1


def test_groups_stay_in_one_fold_and_their_answers_are_not_known():
    random = np.random.default_rng(2)
    group = np.repeat(np.arange(100), 4)
    # A house number that names the group; its answer is the group's.
    features = pd.DataFrame({"house": [f"h{one}" for one in group], "noise": random.normal(size=400)})
    label = np.repeat(random.integers(0, 2, 100), 4)
    assert train_and_evaluate(features, label, groups=group).auc < 0.65
    fold = deal(label.astype(float), group.astype(object), 5, 0)
    assert all(len(set(fold[group == one])) == 1 for one in range(100))
    leavers = [label[fold == at].sum() for at in range(5)]
    assert max(leavers) - min(leavers) <= 4


def test_time_keeps_a_gap_and_tests_what_comes_after():
    random = np.random.default_rng(3)
    months = pd.date_range("2025-01-01", periods=10, freq="MS")
    time = pd.Series(np.repeat(months, 60))
    features = pd.DataFrame({"x": random.normal(size=600)})
    label = (features["x"] + random.normal(size=600) > 0).astype(int)
    found = train_and_evaluate(features, label, time=time)
    assert found.predictions.notna().to_numpy().tolist() == (time >= "2025-08-01").tolist()
    assert found.scheme.startswith("trained up to 2025-07-01")
    with_groups = train_and_evaluate(
        features, label, time=np.repeat(np.arange(10), 60), groups=np.tile(np.arange(60), 10)
    )
    assert with_groups.scheme == "trained up to 5, tested from 7 on, other groups"
    assert with_groups.rows_count == 180


@pytest.mark.parametrize(
    ("label", "event", "values"),
    [
        (["Yes", "No", None, "yes "], "yes", [1, 0, np.nan, 1]),
        ([True, False, pd.NA], "1", [1, 0, np.nan]),
        ([1.0, 0.0, np.nan], "1", [1, 0, np.nan]),
        ([1, -1, -1], "1", [1, 0, 0]),
        (["Churned", "Stayed"], "churned", [1, 0]),
        (["Attrited Customer", "Existing Customer"], "attrited customer", [1, 0]),
        (["False.", "True."], "true", [0, 1]),
        (["alt", "neu", "neu"], "alt", [1, 0, 0]),
        ([2, 1, 1, 1], "2", [1, 0, 0, 0]),
    ],
)
def test_labels_of_many_forms(label, event, values):
    found = read_label(label, len(label))
    assert found.event == event
    np.testing.assert_array_equal(found.values, values)


def test_what_is_wrong_is_said():
    features = pd.DataFrame({"x": np.arange(20) % 7})
    with pytest.raises(ChurnDataError, match=r"20 rows with a known label 0 left and 20 stayed"):
        train_and_evaluate(features, np.zeros(20))
    with pytest.raises(ChurnDataError, match=r"20 rows with a known label 20 left"):
        train_and_evaluate(features, ["Yes"] * 20)
    with pytest.raises(ChurnDataError, match=r"3 labels for 20 rows"):
        train_and_evaluate(features, [0, 1, 0])
    with pytest.raises(ChurnDataError, match=r"found are 3: a, b, c"):
        train_and_evaluate(features, list("abc") + ["a"] * 17)
    with pytest.raises(ChurnDataError, match=r"x: one value only"):
        train_and_evaluate(pd.DataFrame({"x": [1] * 20}), [0, 1] * 10)
    with pytest.raises(ChurnDataError, match=r"two columns are named x"):
        train_and_evaluate(pd.DataFrame([[1, 2]] * 20, columns=["x", "x"]), [0, 1] * 10)
    with pytest.raises(ChurnDataError, match=r"19 groups for 20 rows"):
        train_and_evaluate(features, [0, 1] * 10, groups=range(19))
    with pytest.raises(ChurnDataError, match=r"time has 2 values"):
        train_and_evaluate(features, [0, 1] * 10, time=[1, 2] * 10)
    with pytest.raises(ChurnDataError, match=r"no row lies 30 days before"):
        train_and_evaluate(features, [0, 1] * 10, time=pd.date_range("2025-01-01", periods=20))


def test_very_few_rows_still_get_an_answer():
    features = pd.DataFrame({"x": [1, 2, 3, 4, 5, 6, 7, 8], "y": list("abababab")})
    found = train_and_evaluate(features, [0, 0, 0, 0, 1, 0, 1, 1])
    assert found.scheme == "3 folds"
    assert found.predictions.notna().all()


def test_columns_of_every_kind():
    rows = 200
    dates = pd.date_range("2020-01-01", periods=rows)
    frame = pd.DataFrame(
        {
            "TotalCharges": [" " if at % 9 == 0 else f"{at * 1.5}" for at in range(rows)],
            "price": [f"${at % 40 + 1},000.50" for at in range(rows)],
            "since": [f"{day:%m/%d/%Y}" for day in dates],
            "stamp": dates,
            "flag": [True, False] * 100,
            "maybe": [True, False, None, True] * 50,
            "plan": pd.Categorical(["a", "b", None, "c"] * 50),
            "row": range(1000, 1000 + rows),
            "customerID": [f"{at}-XY" for at in range(rows)],
            "plan_id": [7, 8, 9, 11] * 50,
            "nothing": [None] * rows,
            "blank": [""] * rows,
            "same": ["x"] * rows,
            "huge": [np.inf if at == 5 else float(at % 13) for at in range(rows)],
        }
    )
    used, dropped = judge_columns(frame)
    assert {column.name: column.kind for column in used} == {
        "TotalCharges": "number", "price": "number", "since": "date", "stamp": "date", "flag": "number",
        "maybe": "number", "plan": "category", "plan_id": "category", "huge": "number",
    }  # fmt: skip
    assert dropped == {
        "row": "names the row", "customerID": "names the row", "nothing": "no value", "blank": "no value",
        "same": "one value only",
    }  # fmt: skip
    read = read_columns(used, frame)
    assert np.isnan(read["TotalCharges"][0])
    assert read["TotalCharges"][1] == 1.5
    assert read["price"][0] == 1000.5
    np.testing.assert_array_equal(read["since"], read["stamp"])
    assert np.isnan(read["huge"][5])
    assert read["plan"].tolist()[:4] == ["a", "b", None, "c"]
    label = [at % 3 == 0 for at in range(rows)]
    assert ChurnModel.fit(frame, label).predict_probability(frame).notna().all()


def test_decimals_of_a_database_are_numbers():
    from decimal import Decimal

    frame = pd.DataFrame({"gb": [Decimal("1.5"), None, Decimal("2")] * 10, "x": range(30)})
    used, _ = judge_columns(frame)
    assert used[0].kind == "number"
    assert read_columns(used, frame)["gb"][:3].tolist()[0] == 1.5
