"""Churn on public and made-up tables: how good the trainer is without a word of configuration, beside plain methods.

Not here: the operator's own churn (churn_operator).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from benchmarks import report
from benchmarks.warehouse import ROOT
from orchestration.analytics.churn import (
    ChurnModel,
    area_under_curve,
    brier_score,
    expected_calibration_error,
    top_decile_lift,
    train_and_evaluate,
)

TELCO = ROOT / "docs/tutorials/telco_churn/Telco-Customer-Churn.csv"
SEEDS = (1, 2, 3)
AUC_BAR, BRIER_BAR, CALIBRATION_BAR = 0.849, 0.1335, 0.010
FOLDS = 10


@dataclass(frozen=True)
class Figures:
    """Of one method, one table, one seed or the mean of several."""

    auc: float
    brier: float
    calibration: float
    lift: float
    seconds: float


def figures(label: np.ndarray, told: np.ndarray, seconds: float) -> Figures:
    return Figures(
        area_under_curve(label, told),
        brier_score(label, told),
        expected_calibration_error(label, told),
        top_decile_lift(label, told),
        seconds,
    )


def _columns(features: pd.DataFrame) -> tuple[pd.DataFrame, list[str], list[str]]:
    """What somebody who knows the table hands to a plain method: numbers as numbers, identifiers gone."""
    frame = features.drop(columns=[name for name in ("customerID", "customer_id") if name in features])
    if "TotalCharges" in frame:
        frame = frame.assign(TotalCharges=pd.to_numeric(frame["TotalCharges"], errors="coerce").fillna(0.0))
    numbers = [name for name in frame if pd.api.types.is_numeric_dtype(frame[name])]
    texts = [name for name in frame if name not in numbers]
    return frame.assign(**{name: frame[name].fillna("none") for name in texts}), numbers, texts


def plain(kind: str, features: pd.DataFrame, label: np.ndarray, seed: int) -> Figures:
    """Out-of-fold figures of scikit-learn's logistic regression or gradient boosting as they come."""
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

    frame, numbers, texts = _columns(features)
    if kind == "logistic regression":
        scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
        levels = OneHotEncoder(handle_unknown="ignore")
        method = make_pipeline(
            make_column_transformer((scaled, numbers), (levels, texts)), LogisticRegression(max_iter=2000)
        )
    else:
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
        method = make_pipeline(
            make_column_transformer(("passthrough", numbers), (codes, texts)),
            HistGradientBoostingClassifier(random_state=0),
        )
    begun, told = time.perf_counter(), np.zeros(len(label))
    for train, test in StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(frame, label):
        method.fit(frame.iloc[train], label[train])
        told[test] = method.predict_proba(frame.iloc[test])[:, 1]
    return figures(label, told, time.perf_counter() - begun)


def ours(features: pd.DataFrame, label: pd.Series, seed: int) -> Figures:
    begun = time.perf_counter()
    found = train_and_evaluate(features, label, seed=seed)
    return Figures(
        found.auc,
        found.brier,
        found.expected_calibration_error,
        found.top_decile_lift,
        time.perf_counter() - begun,
    )


def made_up(rows: int, rate: float, seed: int, kind: str) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """A table of customers, who left, and the true probability: additive, with interactions, or with many towns."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "customer_id": [f"C{number:07d}" for number in random.permutation(rows)],
            "tenure": random.integers(0, 72, rows),
            "charge": random.gamma(4, 15, rows).round(2),
            "usage": random.lognormal(1, 1, rows).round(3),
            "calls": random.poisson(1.2, rows),
            "age": random.normal(45, 15, rows).round(),
            "contract": random.choice(["monthly", "yearly", "two years"], rows, p=[0.55, 0.25, 0.2]),
            "payment": random.choice(["card", "check", "transfer", "debit"], rows),
            "town": random.choice([f"town {number}" for number in range(250)], rows),
            "noise": random.normal(size=rows),
        }
    )
    score = -0.03 * frame["tenure"] + 0.7 * (frame["contract"] == "monthly") + 0.5 * (frame["payment"] == "check")
    score += 0.4 * np.sin(frame["age"] / 8)
    if kind == "interactions":
        score += 1.5 * ((frame["calls"] >= 3) & (frame["contract"] != "monthly"))
        score += 1.2 * ((frame["charge"] > 70) & (frame["usage"] < 2)) - 0.8 * (frame["tenure"] < 6) * frame["calls"]
    if kind == "towns":
        score += frame["town"].map(dict(zip(sorted(frame["town"].unique()), random.normal(0, 0.8, 250), strict=False)))
    score = score.to_numpy(dtype=float)
    low, high = -20.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.mean(1 / (1 + np.exp(-(score + middle)))) < rate else (low, middle)
    chance = 1 / (1 + np.exp(-(score + low)))
    frame.loc[random.random(rows) < 0.05, "usage"] = np.nan
    return frame, (random.random(rows) < chance).astype(int), chance


MADE_UP = (
    ("additive", 3000, 0.25),
    ("interactions", 5000, 0.15),
    ("towns", 10_000, 0.10),
    ("interactions", 20_000, 0.015),
)


def interval_coverage(seeds: tuple[int, ...] = (1, 2, 3)) -> float:
    """How often the 80 % interval holds the true probability of 4 000 made-up customers, after 4 000 others."""
    held = []
    for seed in seeds:
        frame, label, chance = made_up(8000, 0.2, seed, "additive")
        model = ChurnModel.fit(frame.iloc[:4000], label[:4000], seed=seed)
        ends = model.interval(frame.iloc[4000:])
        held.append(np.mean((ends["lower"] <= chance[4000:]) & (chance[4000:] <= ends["upper"])))
    return float(np.mean(held))


def _mean(parts: list[Figures]) -> Figures:
    names = ("auc", "brier", "calibration", "lift", "seconds")
    return Figures(*(float(np.mean([getattr(part, name) for part in parts])) for name in names))


def _row(name: str, found: Figures) -> list[str]:
    return [
        name, f"{found.auc:.4f}", f"{found.brier:.4f}", f"{found.calibration:.4f}", f"{found.lift:.2f}",
        f"{found.seconds:.0f}",
    ]  # fmt: skip


HEAD = ["method", "AUC", "Brier", "calibration error", "top-decile lift", "seconds"]
PLAIN = ("logistic regression", "gradient boosting")


def run(say: Callable[[str], None] = print) -> None:
    """Measures, writes the page, and fails where a bar is missed."""
    table = pd.read_csv(TELCO)
    features, label = table.drop(columns="Churn"), table["Churn"]
    truth = (label == "Yes").to_numpy(dtype=int)
    found = [ours(features, label, seed) for seed in SEEDS]
    say(f"telco: {found}")
    mean = _mean(found)
    others = {kind: _mean([plain(kind, features, truth, seed) for seed in SEEDS]) for kind in PLAIN}
    say(f"telco, plain: {others}")
    rows = [_row("**this warehouse's**", mean), *(_row(f"plain {kind}", figure) for kind, figure in others.items())]
    by_seed = "; ".join(f"{one.auc:.5f} {one.brier:.5f} {one.calibration:.4f}" for one in found)
    parts = [
        f"IBM telco file, {len(table):,} rows, {FOLDS}-fold out-of-fold, mean of fold seeds {SEEDS}, no resampling."
        f" Bars: AUC at least {AUC_BAR}, Brier at most {BRIER_BAR}, calibration error (10 bins of equal mass) at most"
        f" {CALIBRATION_BAR:.3f}, nothing below plain logistic regression. By seed (AUC, Brier, calibration):"
        f" {by_seed}.",
        report.table(HEAD, rows),
        f"Made-up tables, {FOLDS} folds, one seed each; the last row of a kind is what the true probability scores:",
    ]
    made = []
    for kind, size, rate in MADE_UP:
        frame, left, chance = made_up(size, rate, 11, kind)
        name = f"{kind}, {size:,} rows, {rate:.1%} leave"
        own = ours(frame, pd.Series(left), 11)
        made.append(_row(f"{name}: this warehouse's", own))
        made += [_row(f"{name}: plain {method}", plain(method, frame, left, 11)) for method in PLAIN]
        made.append(_row(f"{name}: true probability", figures(left, chance, 0.0)))
        say(f"{name}: {own}")
    parts.append(report.table(HEAD, made))
    parts.append(
        f"The 80 % interval of a probability (grouped jackknife of five folds) holds the true one in"
        f" {interval_coverage():.1%} of made-up customers (three seeds)."
    )
    report.write_part("churn", "Churn on other tables", "\n\n".join(parts))
    missed = [
        name
        for name, is_missed in {
            "AUC": mean.auc < AUC_BAR,
            "Brier": mean.brier > BRIER_BAR,
            "calibration": mean.calibration > CALIBRATION_BAR,
            "AUC of logistic regression": mean.auc < others[PLAIN[0]].auc,
            "Brier of logistic regression": mean.brier > others[PLAIN[0]].brier,
            "calibration of logistic regression": mean.calibration > others[PLAIN[0]].calibration,
        }.items()
        if is_missed
    ]
    if missed:
        raise SystemExit(f"bars missed: {', '.join(missed)}")
