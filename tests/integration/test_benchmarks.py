"""The benchmark runs: small versions of its parts, and the page it writes. The kill part in small is in test_kill."""

from benchmarks import loader, report, sample, usage_files, warehouse


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
