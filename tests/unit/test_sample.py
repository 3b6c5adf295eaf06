"""The sample operator is the same for the same arguments, and consistent between its feeds."""

import csv
import gzip
import hashlib
import json
from datetime import date
from decimal import Decimal

import polars as pl
import pytest

from ingestion.contract import contract
from ingestion.sample import write_sample

UNTIL = date(2026, 9, 30)


def files(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sample")
    return folder, write_sample(folder, customers=60, months=3, seed=5, until=UNTIL)


def test_the_same_arguments_give_the_same_bytes(sample, tmp_path):
    write_sample(tmp_path, customers=60, months=3, seed=5, until=UNTIL)
    assert files(tmp_path) == files(sample[0])
    write_sample(tmp_path, customers=60, months=3, seed=6, until=UNTIL)
    assert files(tmp_path) != files(sample[0])


def test_the_manifest_names_the_end_of_the_last_day(sample):
    assert sample[1].as_of == "2026-10-01T05:00:00+00:00"


def test_every_format_is_used_and_headers_are_the_contracts(sample):
    suffixes = set()
    for path in (sample[0] / "landing").rglob("*.*"):
        suffixes.add("".join(path.suffixes))
        if path.name.endswith(".csv"):
            header = path.open().readline().strip().split(",")
            assert header == [column.name for column in contract(path.parent.name).columns]
    assert suffixes == {".csv", ".csv.gz", ".jsonl", ".jsonl.gz", ".parquet"}


def table(folder, feed):
    """A feed's rows that fit their contract's first key, from CSV and JSONL files."""
    rows = []
    for path in sorted((folder / "landing" / feed).iterdir()):
        text = gzip.decompress(path.read_bytes()).decode() if path.name.endswith(".gz") else None
        if ".csv" in path.name:
            rows += list(csv.DictReader((text or path.read_text()).splitlines()))
        elif ".jsonl" in path.name:
            rows += [json.loads(line) for line in (text or path.read_text()).splitlines()]
        else:
            rows += pl.read_parquet(path).to_dicts()
    return rows


def test_bills_add_up_to_the_cent(sample):
    bills = [row for row in table(sample[0], "bills") if all(row[n] for n in ("total_amount", "tax_amount"))]
    assert len(bills) > 100
    good = 0
    for row in bills:
        parts = [Decimal(str(row[name])) for name in ("subtotal_amount", "discount_amount", "tax_amount")]
        good += Decimal(str(row["total_amount"])) == parts[0] - parts[1] + parts[2]
    assert good == len(bills)


def test_services_belong_to_customers_and_plans(sample):
    customers = {row["customer_id"] for row in table(sample[0], "customers")}
    plans = {row["plan_id"] for row in table(sample[0], "service_plans")}
    services = table(sample[0], "customer_services")
    assert {row["customer_id"] for row in services} <= customers
    assert {row["plan_id"] for row in services} <= plans
    used = {row["service_id"] for row in table(sample[0], "usage_records") if row["service_id"]}
    assert used <= {row["service_id"] for row in services}


def test_usage_has_an_evening_peak(sample):
    hours = [
        str(row["usage_timestamp"])[11:13]
        for row in table(sample[0], "usage_records")
        if row["usage_timestamp"] and "25:61" not in str(row["usage_timestamp"])
    ]
    night, evening = (sum(hour in span for hour in hours) for span in (("08", "09", "10"), ("00", "01", "02")))
    assert evening > 2 * night
