"""Single checks of revenue assurance against plain counting, for any numbers, sessions and days."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise

import pandas as pd
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.rating import tariff_from
from orchestration.analytics.revenue_assurance.comparing import LINE, compare
from orchestration.analytics.revenue_assurance.inputs import ELEMENTS, SERVICES, USAGE, repeated_records
from orchestration.analytics.revenue_assurance.periods import with_recurring
from orchestration.analytics.revenue_assurance.records import gaps
from orchestration.analytics.revenue_assurance.validation import distant, impossible, overlapping
from orchestration.defs.revenue_assurance import judged_again

NOON = datetime(2026, 9, 1, 12, tzinfo=UTC)
START = date(2026, 9, 1)
CODED = {"service_id": SERVICES["service_id"]}


def records(*rows, **same):
    """Usage records: each a mapping over what a plain call has."""
    plain = {"service_id": "s", "element_id": "e", "device_id": "d", "usage_timestamp": NOON, "day": START, "kind": 1,
             "flags": 0, "quantity": 60, "voice_seconds": 60, "session_seconds": None, "start": 0,
             "counterparty_hash": "h", "counterparty_country": "US", "mediation_source": "m"}  # fmt: skip
    full = [
        {"usage_id": f"{place:06d}", "source_sequence": place, **plain, **same, **row} for place, row in enumerate(rows)
    ]
    return pl.DataFrame(full, schema=USAGE)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 60)), max_size=60), st.integers(1, 30))
def test_gaps_are_the_numbers_that_are_missing_between_two(came, most):
    numbers = pl.DataFrame(
        [(source, number, NOON) for source, number in came],
        schema={"mediation_source": USAGE["mediation_source"], "source_sequence": pl.Int64,
                "usage_timestamp": pl.Datetime("us", "UTC")}, orient="row",
    )  # fmt: skip
    found = {
        (row["mediation_source"], n)
        for row in gaps(numbers, most).iter_rows(named=True)
        for n in range(row["first_sequence"], row["last_sequence"] + 1)
    }
    expected = set()
    for source in "ab":
        own = sorted({number for name, number in came if name == source})
        for before, after in pairwise(own):
            if after - before - 1 <= most:
                expected |= {(source, n) for n in range(before + 1, after)}
    assert found == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 300), st.integers(1, 200)), max_size=25),
       st.integers(0, 20), st.integers(2, 4))  # fmt: skip
def test_overlapping_sessions_are_those_with_so_many_at_once(sessions, least, many):
    usage = records(*[
        {"device_id": str(device), "usage_timestamp": NOON + timedelta(seconds=begin), "kind": 0,
         "session_seconds": length} for device, begin, length in sessions
    ])  # fmt: skip
    found = set(overlapping(usage, least, many)["usage_id"])
    lasting = [(n, *one) for n, one in enumerate(sessions) if one[2] > least]
    expected = set()
    for n, device, begin, _ in lasting:
        at_once = sum(
            other == device and first <= begin < first + length - least and (first, m) <= (begin, n)
            for m, other, first, length in lasting
        )
        if at_once >= many:
            expected.add(f"{n:06d}")
    assert found == expected


PRICE = st.decimals(0, 200, places=2)


@settings(deadline=None, max_examples=60)
@given(PRICE, st.integers(0, 29), st.integers(1, 30), st.sampled_from(["percentage", "amount", None]),
       st.decimals(0, 100, places=2), st.integers(-5, 40))  # fmt: skip
def test_shares_of_a_period_are_rounded_once_half_to_even(price, first, days, kind, value, end):
    last = min(first + days, 30)
    plan = tariff_from({"plan_id": "p", "plan_name": "P", "currency": "USD", "base_price": str(price),
                        "includes": "[]", "rating_rules": None})  # fmt: skip
    segments = pl.DataFrame(
        {
            "service_id": ["s"], "tariff": [0], "billing_period_start": [START],
            "billing_period_end": [START + timedelta(days=30)], "first_day": [START + timedelta(days=first)],
            "end_day": [START + timedelta(days=last)], "discount_type": [kind],
            "discount_value": [None if kind is None else str(value)], "discount_end": [START + timedelta(days=end)],
        },
        schema_overrides={"discount_type": pl.String, "discount_value": pl.String},
    )  # fmt: skip
    row = with_recurring(segments, [plan]).row(0, named=True)
    cent = Decimal("0.01")

    def share(amount, part):
        return (amount * part / 30).quantize(cent, ROUND_HALF_EVEN)

    recurring = share(price, last - first)
    cut_days = max(min(last, end + 1) - first, 0)
    cut = {"percentage": share(price * value / 100, cut_days), "amount": min(share(value, cut_days), recurring)}
    assert row["recurring_cents"] == recurring * 100
    assert -row["discount_cents"] == (cut[kind] * 100 if kind else 0)


LINES = st.lists(st.tuples(st.sampled_from("st"), st.sampled_from("pq"), st.integers(1, 3)), max_size=15)


@settings(deadline=None)
@given(LINES, LINES)
def test_lines_are_paired_off_one_by_one(should, does):
    schema = dict(zip(LINE, (pl.String, pl.Date, pl.String, pl.String, pl.Int64), strict=True))
    frames = [
        pl.DataFrame([(s, START, p, "recurring", n) for s, p, n in rows], schema=schema, orient="row")
        for rows in (should, does)
    ]
    compared = compare(*frames)
    found = [Counter((r[0], r[2], r[4]) for r in frame.select(LINE).iter_rows())
             for frame in (compared.missing, compared.extra)]  # fmt: skip
    assert found == [Counter(should) - Counter(does), Counter(does) - Counter(should)]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("st"), st.integers(0, 3), st.sampled_from([None, "h", "i"])), max_size=20))
def test_copies_of_a_record_are_all_but_its_first(rows):
    usage = records(*[
        {"service_id": service, "quantity": quantity, "counterparty_hash": party} for service, quantity, party in rows
    ])  # fmt: skip
    seen, expected = defaultdict(int), set()
    for place, row in enumerate(rows):
        expected |= {f"{place:06d}"} if seen[row] else set()
        seen[row] += 1
    assert set(repeated_records(usage)["usage_id"]) == expected


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"kind": 0, "voice_seconds": 5}, "speech in a data record"),
        ({"session_seconds": 59}, "more speech than the call lasted"),
        ({"quantity": -1}, "a negative quantity"),
        ({"usage_timestamp": NOON - timedelta(days=2)}, "use outside the service's life"),
        ({"usage_timestamp": NOON + timedelta(days=2)}, "use outside the service's life"),
        ({"kind": 0, "voice_seconds": 0, "quantity": 10**12}, "more bytes than the line carries in a week"),
        ({}, None),
        ({"session_seconds": 60}, None),
        ({"kind": 0, "voice_seconds": 0, "quantity": 7 * 10**10}, None),
    ],
)
def test_impossible_records(row, reason):
    lives = pl.DataFrame({"service_id": ["s"], "activated_at": [NOON - timedelta(days=1)],
                          "deactivated_at": [NOON + timedelta(days=1)]}, schema_overrides=CODED)  # fmt: skip
    # A line of 1 Mbps carries 75.6 GB in a week.
    speeds = pl.DataFrame({"service_id": ["s"], "speed_mbps_down": [1.0]}, schema_overrides=CODED)
    found = impossible(records(row), lives, speeds, 1.1)["reason"].to_list()
    assert found == ([] if reason is None else [reason])


@pytest.mark.parametrize(("minutes", "is_found"), [(5, True), (60, False), (11, True), (13, False)])
def test_two_cells_at_once_are_those_that_nobody_travels_between(minutes, is_found):
    """Birmingham to Montgomery, Alabama, are some 138 km as the crow flies."""
    elements = pl.DataFrame({"element_id": ["b", "m"], "latitude": [33.5207, 32.3668],
                             "longitude": [-86.8025, -86.3000]}, schema_overrides=ELEMENTS)  # fmt: skip
    usage = records({"element_id": "b"}, {"element_id": "m", "usage_timestamp": NOON + timedelta(minutes=minutes)})
    found = distant(usage, elements, 100, 690)
    assert len(found) == is_found
    assert found["km"].to_list() == pytest.approx([136.7] * is_found, abs=1)


def test_what_began_before_the_judged_months_stays_as_it_is():
    """Bills by their period, all else by its first day; a payment of no bill has no period."""
    rows = pd.DataFrame(
        {
            "finding_class": ["billing", "billing", "billing", "fraud", "usage_validation"],
            "billing_period_start": [date(2026, 7, 1), date(2026, 6, 1), None, None, date(2026, 6, 1)],
            "first_seen_at": pd.to_datetime(
                ["2026-08-03", "2026-07-03", "2026-07-09", "2026-06-30", "2026-07-02"], utc=True
            ),
        }
    )
    judged = judged_again(rows, date(2026, 7, 1))
    assert judged.to_list() == [True, False, True, False, True]
    assert judged_again(rows.iloc[:0], date(2026, 7, 1)).empty
