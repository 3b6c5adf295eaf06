"""What predictive maintenance and the checks of outages find of what is true: 20 000 customers' network, several seeds.

Not here: the mathematics, the trainer of several classes.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import psycopg

from benchmarks import report
from benchmarks.partial_build import build_models, load_sample
from benchmarks.warehouse import BENCH_FOLDER, ROOT, bench_server, database
from ingestion.sample import write_sample
from orchestration.analytics.churn import area_under_curve, base_rate_brier, brier_score
from orchestration.analytics.maintenance.crew import lead_times
from orchestration.analytics.maintenance.failures import failure_labels
from orchestration.analytics.maintenance.training import LabelledElements, evaluate_failures, tested_lists
from orchestration.analytics.outage_checks import check_outages
from orchestration.defs.maintenance_reading import MaintenanceReader, read_maintenance_seeds
from orchestration.defs.outage_reading import read_outage_inputs
from orchestration.warehouse.settings import read_settings

SEEDS = (1, 2, 3)
CUSTOMERS, MONTHS, HISTORY_MONTHS, UNTIL = 20_000, 3, 48, date(2026, 9, 30)
# A year is held back, so that there are enough failures to judge by.
TEST_WEEKS = 52
# A run begins no seed after this; the next run goes on where it ended.
BUDGET_SECONDS = 900
FOLDER = BENCH_FOLDER / "maintenance"
PICTURE = ROOT / "docs" / "pictures" / "maintenance_foretold.png"
# What the network's features and outages stand on.
FEEDS = (
    "providers", "service_zones", "census_blocks", "service_plans", "customers", "customer_services", "devices",
    "network_elements", "network_topology", "network_performance", "outages", "maintenance_events",
)  # fmt: skip
MODELS = ("+feature_element", "+fct_maintenance", "+dim_network_link", "+dim_service")
MISTAKES = {"missing": "missing_outage", "phantom": "unexplained_outage", "miscounted": "unlikely_customers"}


@dataclass(frozen=True)
class Known:
    """What is judged: labelled elements, findings over the whole history, and the truth."""

    labelled: LabelledElements
    parameters: dict[str, float]
    findings: pd.DataFrame
    failures: pd.DataFrame
    mistakes: pd.DataFrame
    as_of: datetime


def build(url: str, folder: Path, seed: int, customers: int = CUSTOMERS) -> datetime:
    """Writes a sample and builds the models that elements' features and outages stand on; returns AS_OF."""
    write_sample(folder / "sample", customers=customers, months=MONTHS, seed=seed, until=UNTIL,
                 history_months=HISTORY_MONTHS, feeds=FEEDS)  # fmt: skip
    as_of = load_sample(url, folder / "sample", FEEDS)
    build_models(url, folder / "dbt", as_of, MODELS)
    return as_of


def read_known(url: str, as_of: datetime, truth: Path) -> Known:
    """Everything as the assets read it, and the truth beside it."""
    time_zone = read_settings({"WAREHOUSE_URL": url}).reporting_time_zone
    with psycopg.connect(url) as connection:
        seeds = read_maintenance_seeds(connection)
        reader = MaintenanceReader(connection, as_of, as_of.astimezone(ZoneInfo(time_zone)).date(), time_zone, seeds)
        found = check_outages(
            read_outage_inputs(connection, as_of, time_zone, seeds.outage_parameters, reader.trained_from)
        )
        labelled = reader.labelled()
    tables = {name: pd.read_csv(truth / f"{name}.csv") for name in ("failures", "outage_mistakes")}
    for frame in tables.values():
        for name in ("begins_at", "ends_at", "degraded_from"):
            if name in frame:
                frame[name] = pd.to_datetime(frame[name], utc=True)
    parameters = {**seeds.parameters, "test_weeks": float(TEST_WEEKS)}
    return Known(labelled, parameters, found, tables["failures"], tables["outage_mistakes"], as_of)


def _known(seed: int, say: Callable[[str], None]) -> Known:
    """Of a seed: kept from an earlier run, or made."""
    kept = FOLDER / f"seed_{seed}.pickle"
    if not kept.exists():
        folder = FOLDER / f"building_{seed}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        with bench_server() as server, database(server, f"maintenance_{seed}") as url:
            as_of = build(url, folder, seed)
            say(f"seed {seed}: built")
            pd.to_pickle(read_known(url, as_of, folder / "sample" / "truth"), kept)
        shutil.rmtree(folder)
    read: Known = pd.read_pickle(kept)  # noqa: S301
    return read


def outage_figures(known: Known) -> dict[str, int]:
    """Per kind of mistake: how many there were (long enough to be judged), found, and how many findings were right."""
    least, mistakes = 30.0, known.mistakes
    minutes = (mistakes["ends_at"] - mistakes["begins_at"]).dt.total_seconds() / 60
    figures = {}
    for kind, finding in MISTAKES.items():
        true = mistakes[(mistakes["kind"] == kind) & ((minutes >= least) | (kind != "missing"))]
        found = known.findings[known.findings["finding_kind"] == finding]
        if kind == "missing":
            pairs = true.reset_index().merge(found, on="element_id", suffixes=("", "_found"))
            pairs = pairs[(pairs["first_seen_at"] <= pairs["begins_at"]) & (pairs["last_seen_at"] > pairs["begins_at"])]
            hit, right = pairs["index"].nunique(), pairs["finding_id"].nunique()
        else:
            hit = right = len(set(true["outage_id"]) & set(found["outage_id"]))
        figures |= {f"{kind}_true": len(true), f"{kind}_hit": hit, f"{kind}_found": len(found), f"{kind}_right": right}
    return figures


def _degraded(rows: pd.DataFrame, failures: pd.DataFrame) -> np.ndarray:
    """Whether each row's element was failing already, and had been for a day: what could be seen at best."""
    found = np.zeros(len(rows), dtype=bool)
    at = pd.to_datetime(rows["as_of_at"], utc=True).reset_index(drop=True)
    places = rows.reset_index(drop=True).groupby("element_id").indices
    for fault in failures[failures["degraded_from"].notna()].itertuples():
        own = places.get(str(fault.element_id), np.empty(0, dtype=np.int64))
        moments = at.iloc[own]
        found[own] |= ((moments > fault.degraded_from + pd.Timedelta(days=1)) & (moments < fault.begins_at)).to_numpy()
    return found


def risk_figures(known: Known) -> tuple[dict[str, float], pd.DataFrame]:
    """Scores of the year held back against the truth, and every tested row with its probability."""
    labelled, true = known.labelled, known.failures.rename(columns={"begins_at": "failed_at"})
    tested, recorded = evaluate_failures(labelled, known.parameters)
    rows = tested_lists(labelled, tested, known.parameters)
    label = failure_labels(rows, true[["element_id", "failed_at"]], known.as_of)["fails_30d"]
    rows = rows.assign(label=label, is_degraded=_degraded(rows, known.failures))
    rows = rows[rows["label"].notna()]
    told, best = rows["failure_probability_30d"], rows["is_degraded"].astype(float)
    listed = rows[rows["is_listed"]]
    capacity = int(known.parameters["crew_visits_per_week"])
    most = rows.groupby(["as_of_date", "provider_id"])["is_degraded"].sum().clip(upper=capacity)
    lists = len(most)
    led = lead_times(rows, true[["element_id", "failed_at"]]).merge(
        true[["element_id", "failed_at", "degraded_from"]], on=["element_id", "failed_at"]
    )
    warned = led[led["degraded_from"].notna()]
    value = recorded[recorded["period"] == "all"].set_index(["horizon_days", "metric"])["metric_value"]
    base = recorded[recorded["period"] == "all"].set_index(["horizon_days", "metric"])["baseline_value"]
    return {
        "elements": rows["element_id"].nunique(), "failures": len(led), "warned": len(warned),
        "auc": area_under_curve(rows["label"], told), "oracle_auc": area_under_curve(rows["label"], best),
        "degraded_auc": area_under_curve(best, told), "auc_7d": value[7, "auc"], "rules_auc_7d": base[7, "auc"],
        "auc_recorded": value[30, "auc"], "rules_auc": base[30, "auc"],
        "brier": brier_score(rows["label"], told), "base_brier": base_rate_brier(rows["label"]),
        "calibration": value[30, "expected_calibration_error"],
        "precision": float(listed["label"].mean()), "chance": float(rows["label"].mean()),
        "best_precision": float(most.sum() / (lists * capacity)),
        "degraded_listed": float((listed["is_degraded"]).sum() / max(rows["is_degraded"].sum(), 1)),
        "listed_share": float(led["lead_days"].notna().mean()),
        "warned_listed_share": float(warned["lead_days"].notna().mean()),
        "lead_days": float(warned["lead_days"].median()), "lead_days_least": float(warned["lead_days"].min()),
    }, rows  # fmt: skip


def measure(seed: int, say: Callable[[str], None] = print) -> dict[str, float]:
    """A seed's figures, kept beside what they are of."""
    kept = FOLDER / f"seed_{seed}.json"
    if kept.exists():
        read: dict[str, float] = json.loads(kept.read_text())
        return read
    known, begun = _known(seed, say), time.perf_counter()
    figures, rows = risk_figures(known)
    if seed == SEEDS[0]:
        draw(rows, known.failures)
    found = {**figures, **outage_figures(known), "seconds": time.perf_counter() - begun}
    kept.write_text(json.dumps(found, indent=2) + "\n")
    say(f"seed {seed}: {found}")
    return found


def draw(rows: pd.DataFrame, failures: pd.DataFrame, path: Path = PICTURE) -> None:
    """Three foretold failures: the elements' probabilities week by week, and when the hardware failed."""
    import altair as alt
    import vl_convert

    warned = failures[failures["degraded_from"].notna()].rename(columns={"begins_at": "failed_at"})
    led = lead_times(rows, warned[["element_id", "failed_at"]]).dropna().sort_values(["lead_days", "element_id"])
    chosen = led.iloc[[len(led) // 4, len(led) // 2, -1]]
    parts = []
    for number, fault in enumerate(chosen.itertuples(), start=1):
        own = rows[(rows["element_id"] == fault.element_id)].assign(
            days=lambda frame, at=fault.failed_at: (frame["as_of_at"] - at).dt.total_seconds() / 86_400
        )
        name = f"failure {number}: {fault.lead_days:.0f} days on the list"
        parts.append(own[own["days"].between(-90, 45)].assign(failure=name))
    table = pd.concat(parts)[["failure", "days", "failure_probability_30d", "is_listed"]]
    base = alt.Chart().encode(x=alt.X("days:Q", title="days to the failure"))
    y = alt.Y("failure_probability_30d:Q", title="probability within 30 days", axis=alt.Axis(format="%"))
    line = base.mark_line(color="gray").encode(y=y)
    points = base.mark_point(filled=True, size=60).encode(
        y=y, color=alt.Color("is_listed:N", title="on the crew's list")
    )
    failed = alt.Chart().mark_rule(color="firebrick", strokeDash=[4, 3]).encode(x=alt.datum(0))
    chart = alt.layer(line, points, failed).properties(width=230, height=180)
    picture = chart.facet(facet=alt.Facet("failure:N", title=None), columns=3, data=table)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(vl_convert.vegalite_to_png(picture.to_dict(), scale=1))


def _risk_lines(found: dict[int, dict[str, float]]) -> str:
    head = ["seed", "elements", "failures (with warning)", "AUC 30 days (rules)", "best that can be seen",
            "AUC 7 days (rules)", "failing hardware told apart", "Brier (base rate)", "calibration error",
            "precision of the lists (chance; best)", "failures listed before: all, with warning",
            "median lead time, days"]  # fmt: skip
    rows = [
        [
            str(seed), str(one["elements"]), f"{one['failures']} ({one['warned']})",
            f"{one['auc']:.3f} ({one['rules_auc']:.3f})", f"{one['oracle_auc']:.3f}",
            f"{one['auc_7d']:.3f} ({one['rules_auc_7d']:.3f})", f"{one['degraded_auc']:.4f}",
            f"{one['brier']:.5f} ({one['base_brier']:.5f})", f"{one['calibration']:.4f}",
            f"{one['precision']:.3f} ({one['chance']:.3f}; {one['best_precision']:.3f})",
            f"{one['listed_share']:.0%}, {one['warned_listed_share']:.0%}", f"{one['lead_days']:.1f}",
        ]
        for seed, one in sorted(found.items())
    ]  # fmt: skip
    return report.table(head, rows)


def _outage_lines(found: dict[int, dict[str, float]]) -> str:
    def cell(one: dict[str, float], kind: str) -> str:
        return f"{one[f'{kind}_hit']} of {one[f'{kind}_true']}; {one[f'{kind}_right']} of {one[f'{kind}_found']}"

    head = ["seed", "missing outages found; findings right", "phantom outages found; findings right",
            "miscounted customers found; findings right"]  # fmt: skip
    return report.table(head, [[str(seed), *(cell(one, k) for k in MISTAKES)] for seed, one in sorted(found.items())])


def run(seeds: Sequence[int] = SEEDS) -> None:
    """Measures what no earlier run did, as long as there is time, and writes the page's section."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    begun, found = time.perf_counter(), dict[int, dict[str, float]]()
    for seed in seeds:
        if (FOLDER / f"seed_{seed}.json").exists() or time.perf_counter() - begun < BUDGET_SECONDS:
            found[seed] = measure(seed)
    write(found)


def write(found: dict[int, dict[str, float]]) -> None:
    """The page's section; it says which seeds are missing."""
    missing = [seed for seed in SEEDS if seed not in found]
    more = f" Not measured yet: seeds {', '.join(map(str, missing))}; run the part again." if missing else ""
    said = (
        f"The network of {CUSTOMERS:,} customers, {HISTORY_MONTHS} months of daily samples; models trained on what was"
        f" known a year before the end, tried on the {TEST_WEEKS} Mondays whose outcome is known. Everything is"
        " against the sample's truth but the rules' and the 7 days' figures, which are against what was recorded. Only"
        " hardware that fails with warning can be foretold: the best that can be seen is whoever knows which hardware"
        " is failing and nothing else (the model knows age and kind as well); the best lists hold as many of such"
        f" elements as they can, and nothing else on them fails.{more}"
    )
    body = f"{said}\n\n{_risk_lines(found)}\n\nOutage records against the network, over the whole history:\n\n"
    report.write_part(
        "maintenance", "Predictive maintenance and outages against the truth", body + _outage_lines(found)
    )
