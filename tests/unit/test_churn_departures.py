"""Who left, stayed, or cannot be judged: by hand, and against a second road that looks at each day of each service."""

from datetime import UTC, datetime, timedelta
from itertools import product

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.churn_scores.departures import customer_stays, label_rows, service_stays

ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)
SILENT_DAYS, BACK_DAYS = 60, 30
HORIZONS = (30, 60, 90)
KNOWN_TO = 400


def at(day: float | None) -> datetime | None:
    return None if day is None else ORIGIN + timedelta(days=day)


def services_frame(services: list[dict]) -> pd.DataFrame:
    rows = [{"service_id": s["id"], "customer_id": s["customer"], "activated_at": at(s["from"])} for s in services]
    return pd.DataFrame(rows, columns=["service_id", "customer_id", "activated_at"])


def departures_frame(services: list[dict]) -> pd.DataFrame:
    rows = []
    for service in services:
        for begin, back in service.get("silences", []):
            rows.append((service["id"], "silent", SILENT_DAYS, at(begin), at(back)))
            rows.append((service["id"], "silent", 30, at(begin), at(back)))
        if service.get("end") is not None:
            rows.append((service["id"], service["kind"], 0, at(service["end"]), None))
    names = ["service_id", "departure_kind", "silent_days", "departed_at", "returned_at"]
    return pd.DataFrame(rows, columns=names)


def labels(services: list[dict], as_of: list[float], entity: str = "service_id", usage=(None, None)) -> pd.DataFrame:
    """Labels of every service or customer at every as-of day."""
    stays = service_stays(services_frame(services), departures_frame(services), SILENT_DAYS)
    if entity == "customer_id":
        stays = customer_stays(stays, BACK_DAYS)
    ids = sorted({s["id" if entity == "service_id" else "customer"] for s in services})
    rows = pd.DataFrame([{entity: one, "day": day, "as_of_at": at(day)} for one in ids for day in as_of])
    rows["usage_from_at"], rows["usage_to_at"] = at(usage[0]), at(usage[1])
    found = label_rows(rows, stays, entity, HORIZONS, pd.Timestamp(at(KNOWN_TO)), SILENT_DAYS)
    return pd.concat([rows[[entity, "day"]], found], axis=1).set_index([entity, "day"])


def value(found: pd.DataFrame, key: tuple, name: str) -> float | None:
    number = found.loc[key, name]
    return None if np.isnan(number) else float(number)


def test_ends_by_kind():
    services = [
        {"id": "left", "customer": "a", "from": 0, "end": 120, "kind": "left"},
        {"id": "unpaid", "customer": "b", "from": 0, "end": 120, "kind": "non_payment"},
        {"id": "moved", "customer": "c", "from": 0, "end": 120, "kind": "other"},
        {"id": "stays", "customer": "d", "from": 0},
    ]
    found = labels(services, [100])
    assert [value(found, (s, 100), "left_30d") for s in ("left", "unpaid", "moved", "stays")] == [1, None, None, 0]
    said = [value(found, (s, 100), "non_payment_30d") for s in ("left", "unpaid", "moved", "stays")]
    assert said == [None, 1, None, 0]


def test_a_horizon_ends_before_its_last_instant_and_begins_with_its_first():
    services = [{"id": "s", "customer": "a", "from": 0, "end": 130, "kind": "left"}]
    found = labels(services, [100, 100.5, 130])
    assert [value(found, ("s", day), "left_30d") for day in (100, 100.5, 130)] == [0, 1, 1]
    assert value(found, ("s", 100), "left_60d") == 1


def test_a_horizon_that_is_not_over_says_nothing_even_of_who_has_left():
    services = [{"id": "s", "customer": "a", "from": 0, "end": KNOWN_TO - 5, "kind": "left"}]
    found = labels(services, [KNOWN_TO - 30, KNOWN_TO - 29])
    assert [value(found, ("s", KNOWN_TO - age), "left_30d") for age in (30, 29)] == [1, None]
    assert value(found, ("s", KNOWN_TO - 30), "left_60d") is None


def test_a_silence_counts_from_its_first_day_until_it_is_known_or_over():
    services = [{"id": "s", "customer": "a", "from": 0, "silences": [(120, 200)]}]
    found = labels(services, [85, 100, 150, 179, 180, 199, 201], usage=(0, KNOWN_TO))
    said = [value(found, ("s", day), "left_30d") for day in (85, 100, 150, 179, 180, 199, 201)]
    # 150 and 179: it had begun and could not be known; 180 and 199: known; 201: back again.
    assert said == [0, 1, 1, 1, None, None, 0]


def test_silence_is_no_ignorance():
    services = [{"id": "s", "customer": "a", "from": 0}]
    found = labels(services, [99, 100, 210, 211], usage=(100, 300))
    assert [value(found, ("s", day), "left_30d") for day in (99, 100, 210, 211)] == [None, 0, 0, None]


def test_a_customer_leaves_with_the_last_service():
    services = [
        {"id": "s", "customer": "a", "from": 0, "end": 110, "kind": "left"},
        {"id": "t", "customer": "a", "from": 50, "end": 125, "kind": "other"},
        {"id": "u", "customer": "b", "from": 0, "end": 110, "kind": "other"},
        {"id": "v", "customer": "b", "from": 50, "end": 125, "kind": "left"},
        {"id": "w", "customer": "c", "from": 0, "end": 110, "kind": "left"},
        {"id": "x", "customer": "c", "from": 139, "end": None, "kind": None},
        {"id": "y", "customer": "d", "from": 0, "end": 110, "kind": "left"},
        {"id": "z", "customer": "d", "from": 141, "end": None, "kind": None},
    ]
    found = labels(services, [100], "customer_id")
    assert [value(found, (c, 100), "left_30d") for c in "abcd"] == [None, 1, 0, 1]


def brute(services: list[dict], ids: list[str], as_of: int, horizon: int) -> float | None:
    """Walks on from the latest end of what had begun, as long as something goes on or follows soon enough."""
    if as_of + horizon > KNOWN_TO:
        return None

    def in_use_of(service: dict) -> list[tuple[int, int | None, str | None]]:
        """When it was in use: from, to, why it stopped."""
        spans, begin = [], service["from"]
        for start, back in service.get("silences", []):
            if begin is not None:
                spans.append((begin, start, "silent"))
                begin = back
        if begin is not None:
            spans.append((begin, service.get("end"), service.get("kind") if service.get("end") is not None else None))
        return spans

    never = float("inf")
    found = [(s[0], never if s[1] is None else s[1], s[2]) for service in services if service["id"] in ids
             for s in in_use_of(service)]  # fmt: skip
    spans = sorted(found, key=lambda span: span[0])
    tolerance = BACK_DAYS if len(ids) > 1 else 0
    begun = [span for span in spans if span[0] < as_of]
    if not begun:
        return None
    _, end, why = max(begun, key=lambda span: span[1])
    while more := [span for span in spans if span[0] <= end + tolerance and span[1] > end]:
        _, end, why = max(more, key=lambda span: span[1])
    if end < as_of and not (why == "silent" and as_of < end + SILENT_DAYS):
        return None
    if end >= as_of + horizon:
        return 0.0
    return 1.0 if why in ("left", "silent") else None


@st.composite
def a_service(draw, number: int) -> dict:
    begin = draw(st.integers(0, 250))
    service: dict = {"id": f"s{number}", "customer": "c", "from": begin, "silences": []}
    day = begin
    for _ in range(draw(st.integers(0, 2))):
        start = day + draw(st.integers(1, 40))
        back = draw(st.one_of(st.none(), st.integers(start + SILENT_DAYS, start + SILENT_DAYS + 60)))
        service["silences"].append((start, back))
        if back is None:
            return service
        day = back
    if draw(st.booleans()):
        service["end"] = day + draw(st.integers(1, 80))
        service["kind"] = draw(st.sampled_from(["left", "non_payment", "other"]))
    return service


@st.composite
def some_services(draw) -> list[dict]:
    found = [draw(a_service(number)) for number in range(draw(st.integers(1, 3)))]
    ends = [day for s in found for day in (s.get("end"), *(d for pair in s["silences"] for d in pair)) if day]
    # Two services of a customer that end in the same instant for different reasons are nobody's last one.
    return found if len(ends) == len(set(ends)) else found[:1]


@st.composite
def some_customers(draw) -> list[dict]:
    """Services of several customers: a case each, since a call costs the same for one as for many."""
    found = []
    for number, services in enumerate(draw(st.lists(some_services(), min_size=1, max_size=15))):
        found += [s | {"id": f"{s['id']}-{number}", "customer": f"c{number}"} for s in services]
    return found


@settings(max_examples=15, deadline=None)
@given(some_customers(), st.lists(st.integers(1, 380), min_size=1, max_size=4, unique=True))
def test_every_label_is_that_of_the_second_road(services, days):
    by_service = labels(services, days, "service_id", usage=(0, 10_000))
    by_customer = labels(services, days, "customer_id", usage=(0, 10_000))
    for day, horizon in product(days, HORIZONS):
        name = f"left_{horizon}d"
        for service in services:
            expected = brute(services, [service["id"]], day, horizon)
            assert value(by_service, (service["id"], day), name) == expected, (service, day, horizon)
        for customer in {s["customer"] for s in services}:
            expected = brute(services, [s["id"] for s in services if s["customer"] == customer] + [""], day, horizon)
            assert value(by_customer, (customer, day), name) == expected, (customer, services, day, horizon)
    # A longer horizon never takes a leaving back.
    for _, row in by_customer.iterrows():
        known = [row[f"left_{h}d"] for h in HORIZONS if not np.isnan(row[f"left_{h}d"])]
        assert known == sorted(known)
