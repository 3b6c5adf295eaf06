"""The model of the sample operator's customers against the rule score: 20 000 customers, five seeds, later months.

Not here: the trainer on public data (churn), the mathematics.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import pandas as pd
import psycopg

from benchmarks import report
from benchmarks.churn_truth import compare, lines
from benchmarks.partial_build import build_models, load_sample
from benchmarks.warehouse import BENCH_FOLDER, bench_server, database
from ingestion.sample import write_sample
from orchestration.analytics.churn import OverTime, area_under_curve
from orchestration.analytics.churn_scores.training import Labelled, evaluate
from orchestration.defs.churn_reading import Reader, read_seeds
from orchestration.defs.plans import plan_recommendations
from orchestration.warehouse.settings import read_settings

SEEDS = (1, 2, 3, 4, 5)
# The work was tuned on samples of seeds 1 and 2.
TRUTH_SEEDS = (3, 4, 5)
CUSTOMERS, MONTHS, UNTIL = 20_000, 15, date(2026, 9, 30)
DIFFERENCE_BAR, LOWER_BAR = 0.10, 0.05
# A run begins no seed after this, so that it stays under half an hour; the next run goes on where it ended.
BUDGET_SECONDS = 1000
FOLDER = BENCH_FOLDER / "churn_operator"
# What features and labels of customers stand on: no performance samples, no topology, no maintenance.
FEEDS = (
    "providers", "service_zones", "census_blocks", "service_plans", "customers", "customer_services", "devices",
    "network_elements", "usage_records", "service_quality", "bills", "bill_charges", "payments", "support_tickets",
    "outages", "service_orders", "campaign_contacts", "serviceable_locations",
)  # fmt: skip
# The re-rated plan fit is one of the features.
MODELS = (
    "+feature_customer", "+fct_service_departure",
    *sorted(f"+{key.path[-1]}" for key in plan_recommendations.dependency_keys if key.path[0] == "core"),
)  # fmt: skip


def _leavers_of(seed: int) -> Path:
    return FOLDER / f"seed_{seed}_leavers.csv"


def _build(url: str, folder: Path, seed: int, say: Callable[[str], None]) -> datetime:
    """Writes a sample and builds the models that customers' features and labels stand on; returns AS_OF.

    What truth says of leavers is copied beside the seed's figures.
    """
    write_sample(folder / "sample", customers=CUSTOMERS, months=MONTHS, seed=seed, until=UNTIL)
    shutil.copy(folder / "sample" / "truth" / "leavers.csv", _leavers_of(seed))
    as_of = load_sample(url, folder / "sample", FEEDS)
    say(f"seed {seed}: loaded")
    build_models(url, folder / "dbt", as_of, MODELS)
    return as_of


def read_labelled(url: str, as_of: datetime) -> tuple[Labelled, dict[str, float]]:
    """The customers' labelled rows and the parameters, as the churn assets read them."""
    with psycopg.connect(url) as connection:
        seeds = read_seeds(connection)
        reader = Reader(connection, "customer", as_of, seeds)
        months = int(seeds.parameters["training_months"])
        since = (pd.Timestamp(as_of) - pd.DateOffset(months=months)).date()
        return reader.labelled(since), seeds.parameters


def _frame(seed: int, say: Callable[[str], None]) -> tuple[Labelled, dict[str, float]]:
    """The labelled rows of a seed: kept from an earlier run, or made."""
    kept = FOLDER / f"seed_{seed}.pickle"
    if not kept.exists():
        folder = FOLDER / f"building_{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with bench_server() as server, database(server, f"churn_{seed}") as url:
            found = read_labelled(url, _build(url, folder, seed, say))
        pd.to_pickle(found, kept)
        shutil.rmtree(folder)
    rows, parameters = pd.read_pickle(kept)  # noqa: S301
    return rows, parameters


def figures(tested: OverTime) -> dict[str, float]:
    """What the page shows of a seed."""
    whole = tested.evaluations.query("segment == 'all' and period == 'all'").set_index("metric")
    value, base = whole["metric_value"], whole["baseline_value"]
    gap = whole.loc["auc_difference_to_rule_score"]
    return {
        "cases": int(whole.loc["auc", "cases_count"]), "leavers": int(whole.loc["auc", "events_count"]),
        "auc": value["auc"], "rule_auc": base["auc"], "difference": gap["metric_value"], "lower": gap["lower_95"],
        "upper": gap["upper_95"], "brier": value["brier"], "base_brier": base["brier"],
        "calibration": value["expected_calibration_error"], "lift": value["top_decile_lift"],
        "profit": value["expected_maximum_profit_per_customer"],
        "rule_profit": base["expected_maximum_profit_per_customer"],
    }  # fmt: skip


def measure(seed: int, say: Callable[[str], None] = print) -> dict[str, object]:
    """A seed's figures, whole and by segment; kept beside its rows."""
    kept = FOLDER / f"seed_{seed}.json"
    if kept.exists():
        read: dict[str, object] = json.loads(kept.read_text())
        return read
    rows, parameters = _frame(seed, say)
    begun = time.perf_counter()
    tested = evaluate(rows, parameters, int(parameters["principal_horizon_days"]))
    segments = {}
    for name, own in tested.tested.groupby("segment"):
        known = own[own["probability"].notna()]
        has_both = len(known) > 0 and known["label"].nunique() == 2
        segments[str(name)] = {
            "cases": len(own), "leavers": int(own["label"].sum()), "reason": tested.segments[str(name)].reason,
            "auc": area_under_curve(known["label"], known["probability"]) if has_both else None,
            "rule_auc": area_under_curve(own["label"], own["rule_score"]) if own["label"].nunique() == 2 else None,
        }  # fmt: skip
    leavers = _leavers_of(seed)
    # Features are of the first local instant of their date.
    as_of_at = pd.to_datetime(rows.as_of_date).dt.tz_localize(read_settings({}).reporting_time_zone)
    beside = tested.tested.assign(as_of_at=as_of_at, services_in_force=rows.features["services_in_force"])
    truth = compare(beside, pd.read_csv(leavers)) if leavers.exists() else None
    found = {**figures(tested), "truth": truth, "seconds": time.perf_counter() - begun, "segments": segments,
             "first_test_date": str(tested.first_test_date.date())}  # fmt: skip
    kept.write_text(json.dumps(found, indent=2) + "\n")
    say(f"seed {seed}: {found}")
    return found


def _lines(found: dict[int, dict[str, object]]) -> str:
    head = ["seed", "cases", "leavers", "AUC of the model", "AUC of the rule score",
            f"difference (bar {DIFFERENCE_BAR:.2f}), 95 % interval (lower end over {LOWER_BAR:.2f})",
            "Brier (base rate)", "calibration error", "top-decile lift", "EMPC (rules)"]  # fmt: skip
    rows = [
        [
            str(seed), f"{one['cases']:,}", f"{one['leavers']:,}", f"{one['auc']:.4f}", f"{one['rule_auc']:.4f}",
            f"{one['difference']:.4f} ({one['lower']:.4f} to {one['upper']:.4f})",
            f"{one['brier']:.5f} ({one['base_brier']:.5f})", f"{one['calibration']:.5f}", f"{one['lift']:.2f}",
            f"{one['profit']:.3f} ({one['rule_profit']:.3f})",
        ]
        for seed, one in sorted(found.items())
    ]  # fmt: skip
    return report.table(head, rows)


def _segment_lines(found: dict[int, dict[str, object]]) -> str:
    rows = []
    for seed, one in sorted(found.items()):
        segments = one["segments"]
        assert isinstance(segments, dict)
        for name, own in sorted(segments.items()):
            auc, rule = (f"{own[key]:.4f}" if own[key] is not None else "rules" for key in ("auc", "rule_auc"))
            rows.append([str(seed), name, f"{own['cases']:,}", f"{own['leavers']:,}", auc, rule, own["reason"]])
    return report.table(["seed", "segment", "cases", "leavers", "AUC", "AUC of the rule score", "trained on"], rows)


def run() -> None:
    """Measures what no earlier run did, as long as there is time, and writes the page's section."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    begun, found = time.perf_counter(), dict[int, dict[str, object]]()
    for seed in SEEDS:
        is_kept = (FOLDER / f"seed_{seed}.json").exists()
        if is_kept or time.perf_counter() - begun < BUDGET_SECONDS:
            found[seed] = measure(seed)
    write(found)


def write(found: dict[int, dict[str, object]]) -> None:
    """The page's section; it says which seeds are missing."""
    missing = [seed for seed in SEEDS if seed not in found]
    more = f" Not measured yet: seeds {', '.join(map(str, missing))}; run the part again." if missing else ""
    said = (
        f"{CUSTOMERS:,} customers of the sample operator, {MONTHS} months of usage, 48 of bills. A model per segment,"
        " trained on the months before, tried on the last three months whose outcome is known, horizon 30 days;"
        f" the bootstrap draws customers.{more}"
    )
    body = f"{said}\n\n{_lines(found)}\n\n{_segment_lines(found)}"
    truth = {seed: one["truth"] for seed, one in found.items() if seed in TRUTH_SEEDS and one["truth"]}
    if truth:
        body += f"\n\n{lines(truth)}"
    report.write_part("churn_operator", "Churn of the sample operator against the rules", body)
