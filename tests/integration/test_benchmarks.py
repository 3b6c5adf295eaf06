"""The benchmark runs: small versions of its parts, and the page it writes. The kill part in small is in test_kill."""

import pandas as pd
import pytest

from benchmarks import churn_truth, loader, report, sample, usage_files, warehouse


def test_the_loader_part_in_small(tmp_path, monkeypatch):
    monkeypatch.setattr(warehouse, "BENCH_FOLDER", tmp_path)
    monkeypatch.setattr(loader, "BENCH_FOLDER", tmp_path)
    rows = 100_000
    result = loader.measure(rows, 1, large=False)
    for load in (*result.first, *result.second):
        assert load.rows_in_file == rows
        assert load.rows_in_file == load.rows_loaded + load.rows_quarantined + load.rows_duplicate
        assert 0.005 * rows < load.rows_quarantined < 0.015 * rows
        assert 0.002 * rows < load.rows_duplicate < 0.008 * rows
        assert load.peak_mib < loader.PEAK_BAR_MIB
    page = tmp_path / "benchmarks.md"
    report.write_part("kill", "Other part", "stays", page)
    for _ in range(2):
        report.write_part("loader", "Loading", loader.as_table(result), page)
    text = page.read_text()
    assert text.count("first delivery") == 1
    assert "stays" in text


def test_the_generated_rows_are_the_same_each_time():
    one, other = usage_files.UsageMaker(1).chunk(1000), usage_files.UsageMaker(1).chunk(1000)
    assert one.equals(other)
    assert not one.equals(usage_files.UsageMaker(2).chunk(1000))


def test_the_sample_part_in_small(tmp_path):
    found = sample.measure(tmp_path / "sample", 30, 2)
    assert found.rows["usage_records"] > 100
    assert 0 < found.peak_mib < sample.PEAK_BAR_MIB
    assert found.disk_mib > 0.1
    assert not (tmp_path / "sample").exists()
    assert f"| {found.rows['usage_records']:,} |" in sample.as_table(found, 30)


def test_churn_by_cause_of_truth():
    """Twenty customers with two services each or one; of the three leavers one is not in truth, one stayer is."""
    at = pd.Timestamp("2026-06-01", tz="America/Chicago")
    names = [f"customer {number}" for number in range(20)]
    tested = pd.DataFrame({
        "group": names, "as_of_at": at, "label": [1.0] * 3 + [0.0] * 17, "services_in_force": [1] * 4 + [2] * 16,
        "probability": [0.9, 0.8, 0.1] + [0.2] * 17, "rule_score": 0.5,
    })  # fmt: skip
    ends = [("customer 0", "2026-06-10T00:00:00Z", "port_out", "fault"),
            ("customer 0", "2026-06-12T00:00:00Z", "moved", "moved"),
            ("customer 1", "2026-07-01T04:00:00Z", "voluntary", "price"),
            ("customer 2", "2026-07-01T06:00:00Z", "voluntary", "price"),
            ("customer 3", "2026-06-02T00:00:00Z", "voluntary", "none"),
            ("customer 4", "2026-06-02T00:00:00Z", "voluntary", "none")]  # fmt: skip
    columns = ["customer_id", "deactivated_at", "deactivation_reason", "cause"]
    found = churn_truth.compare(tested, pd.DataFrame(ends, columns=columns))
    assert (found["labelled"], found["found"], found["stayers"], found["missed"]) == (3, 2, 1, 1)
    assert {name: one["leavers"] for name, one in found["causes"].items()} == {
        "all": 3, "fault": 1, "price": 1, churn_truth.UNKNOWN: 1,
    }  # fmt: skip
    assert found["causes"]["fault"]["model_top"] == 1
    assert found["causes"][churn_truth.UNKNOWN]["model_auc"] == 0
    assert found["causes"]["all"]["model_top"] == pytest.approx(2 / 3)
    assert found["causes"]["all"]["rule_top"] == pytest.approx(0.1)
    assert found["causes"]["all"]["rule_auc"] == pytest.approx(0.5)
    both = churn_truth.pooled({3: found, 4: found})
    assert both["all"] == pytest.approx(found["causes"]["all"] | {"leavers": 6})
    assert "of 6 customers labelled as leavers truth has 4; of 2 rows" in churn_truth.lines({3: found, 4: found})
