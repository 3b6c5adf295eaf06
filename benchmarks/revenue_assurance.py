"""Revenue assurance: recall and precision by kind at 20 000 customers, seconds and memory at 100 000.

Not here: how findings are compared with the truth (revenue_truth), reading the files (revenue_frames).
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from dataclasses import asdict
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.measured_load import peak_mib
from benchmarks.revenue_frames import months_before, read_inputs, seed_parameters
from benchmarks.revenue_pictures import draw_sim_box
from benchmarks.revenue_truth import ANSWERS, BILLING_KINDS, Score, overall, read_planted, score
from benchmarks.warehouse import BENCH_FOLDER, ROOT
from ingestion.sample import write_sample
from orchestration.analytics.revenue_assurance import Findings, Inputs, find_billing, find_fraud, find_usage

CUSTOMERS, MONTHS, SEEDS, UNTIL = 20_000, 6, (12, 13, 14), date(2026, 9, 30)
MOST_CUSTOMERS, MOST_MONTHS = 100_000, 15
RECALL_BAR, PRECISION_BAR, SECONDS_BAR, MEMORY_BAR_MIB = 0.9, 0.8, 600, 4096
STEPS = {"billing": find_billing, "usage validation": find_usage, "fraud": find_fraud}


def measure(inputs: Inputs) -> tuple[Findings, dict[str, float]]:
    """(everything found, seconds by step); the frames are read already."""
    parameters, seconds, result = seed_parameters(), {}, Findings()
    for name, find in STEPS.items():
        begun = time.perf_counter()
        result += find(inputs, parameters)
        seconds[name] = time.perf_counter() - begun
    return result, seconds


def judge(folder: Path, is_whole: bool) -> dict[str, Any]:
    """Reads a sample's files and judges them: all of them, or the last months as a daily run does."""
    months = int(seed_parameters()["judged_months"])
    begun = time.perf_counter()
    inputs = read_inputs(folder, None if is_whole else months_before(UNTIL + timedelta(days=1), months))
    reading = time.perf_counter() - begun
    result, seconds = measure(inputs)
    if not is_whole:
        draw_sim_box(inputs, result)
    late = inputs.as_of_day - timedelta(days=seed_parameters()["usage_grace_days"])
    planted, young = read_planted(folder, inputs.judged_from, late)
    return {
        "seconds": {"reading the files": reading, **seconds}, "peak_mib": peak_mib(), "usage": len(inputs.usage),
        "charges": len(inputs.charges), "service_periods": result.said["service_periods_judged"],
        "findings": len(result.found), "billing": asdict(overall(result.found, planted, young)),
        "kinds": {kind: asdict(one) for kind, one in score(result.found, planted, young).items()},
    }  # fmt: skip


def _judged(customers: int, months: int, seed: int, is_whole: bool) -> dict[str, Any]:
    """Writes a sample, judges it in a process of its own, removes it."""
    folder = BENCH_FOLDER / f"revenue-{customers}-{seed}"
    write_sample(folder, customers=customers, months=months, seed=seed, until=UNTIL)
    command = [sys.executable, "-m", "benchmarks.revenue_assurance", str(folder), str(int(is_whole))]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    shutil.rmtree(folder)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _share(right: float, of: float) -> str:
    return f"{right / of:.1%}" if of else ""


def quality_table(runs: list[dict[str, Any]]) -> str:
    """Recall and precision by planted kind, all seeds together, and of billing errors by seed."""
    lines = []
    for kind in ANSWERS:
        one = Score(*(sum(int(run["kinds"][kind][name]) for run in runs)
                      for name in ("planted", "found", "findings", "right")))  # fmt: skip
        about = "billing" if kind in BILLING_KINDS else "usage, fraud"
        answers = ", ".join(sorted(ANSWERS[kind]))
        lines.append([about, kind, answers, str(one.planted), _share(one.found, one.planted),
                      _share(one.right, one.findings)])  # fmt: skip
    for seed, run in zip(SEEDS, runs, strict=False):
        own = run["billing"]
        recall, precision = _share(own["found"], own["planted"]), _share(own["right"], own["findings"])
        lines.append(
            ["billing", f"all, seed {seed}", f"{own['findings']} findings", str(own["planted"]), recall, precision]
        )
    return report.table(["about", "planted", "found as", "cases", "recall", "precision of these findings"], lines)


def speed_table(run: dict[str, Any]) -> str:
    """Seconds by step and peak memory."""
    lines = [[f"{name}, seconds", f"{seconds:.1f}", ""] for name, seconds in run["seconds"].items()]
    judging = sum(run["seconds"][name] for name in STEPS)
    lines += [
        ["all three, seconds", f"{judging:.1f}", f"{SECONDS_BAR}, with the rest of the watching"],
        ["peak memory with the frames, MiB", f"{run['peak_mib']:,.0f}", f"{MEMORY_BAR_MIB:,}"],
    ]
    return report.table(["step", "found", "bar"], lines)


def run() -> None:
    """At 20 000 customers by seed, then at 100 000; the bars for billing errors are checked.

    Raises:
        RuntimeError: billing errors are found too rarely or too wrongly.
    """
    runs = [_judged(CUSTOMERS, MONTHS, seed, True) for seed in SEEDS]
    for seed, one in zip(SEEDS, runs, strict=True):
        own = one["billing"]
        recall, precision = own["found"] / own["planted"], own["right"] / own["findings"]
        if recall < RECALL_BAR or precision < PRECISION_BAR:
            raise RuntimeError(f"seed {seed}: recall {recall:.3f}, precision {precision:.3f}; expected"
                               f" {RECALL_BAR} and {PRECISION_BAR}")  # fmt: skip
    most = _judged(MOST_CUSTOMERS, MOST_MONTHS, 1, False)
    report.write_part("revenue_assurance", "Revenue assurance", page(runs, most))


def page(runs: list[dict[str, Any]], most: dict[str, Any] | None) -> str:
    """What the runs by seed measured, and the one at the largest size where there is one; else the largest seed's."""
    months = int(seed_parameters()["judged_months"])
    said = (
        f"{CUSTOMERS:,} customers, {MONTHS} months of bills and usage detail, {len(SEEDS)} seeds that nothing was tuned"
        " on."
    )
    measured = most or max(runs, key=lambda one: float(one["usage"]))
    size = f"At {MOST_CUSTOMERS:,} customers the last {months} months, as a daily run judges them"
    if most is None:
        size = f"Time and memory of one of these, all {MONTHS} months at once"
    speed = (
        f"{size}: {measured['usage']:,} usage records, {measured['charges']:,} charges, {measured['service_periods']:,}"
        f" periods of services, {measured['findings']:,} findings."
    )
    return f"{said}\n\n{quality_table(runs)}\n\n{speed}\n\n{speed_table(measured)}"


if __name__ == "__main__":
    print(json.dumps(judge(Path(sys.argv[1]), sys.argv[2] == "1")))
