"""Every check of filings with a file or package that breaks it, and files that break none."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from orchestration.regulatory.content import Content, Filing, Provider
from orchestration.regulatory.file_checks import Known, check_file
from orchestration.regulatory.findings import compliance_status, numbered
from orchestration.regulatory.gathering_emergency import outage_findings
from orchestration.regulatory.layouts import layouts, read_seed, rows_to_bytes
from orchestration.regulatory.package_checks import (
    Surroundings,
    check_accounts,
    check_filing,
    check_shape,
    check_voice_states,
)
from orchestration.regulatory.reconciling import Account

DAY = date(2026, 6, 30)
LAYOUTS = layouts(DAY)
KNOWN = Known({"01": {"01001020100", "01001020200"}}, 0.2)
FBS = ["01001020100", 50, 500, Decimal("500.5"), 3, 2]
FVS = ["01001020100", 1, 4, 1]
MBS = ["01", Decimal("0.768"), 1, 10, 4]
MVS = ["01", 10, 4]
FBD = ["010010201001000", "Magnolia", 50, True, 1000, 20, False]
BDC = [130317, "Xfinity", 1037392925, 50, 100, 100, True, "B"]
RIGHT = {"fbs": FBS, "fvs": FVS, "mbs": MBS, "mvs": MVS, "fbd": FBD, "bdc": BDC}
PROVIDER = Provider("p", "Magnolia", "0012345678", 130902, "827062", "Magnolia", False)
FILING = Filing("fcc_form477", PROVIDER, DAY, DAY, date(2026, 9, 1), True, ("bdc_2022",))
AROUND = Surroundings(date(2025, 12, 31), date(2026, 8, 1), {}, (), {"bdc_2022": date(2026, 2, 1)})


def changed(row: list, place: int, value: object) -> list:
    return [*row[:place], value, *row[place + 1 :]]


def found(layout: str, *rows: list, known: Known = KNOWN) -> list[tuple]:
    content = rows_to_bytes(LAYOUTS[layout], rows)
    return [(one.check, one.row, one.column) for one in check_file(LAYOUTS[layout], content, known)]


@pytest.mark.parametrize("layout", RIGHT)
def test_a_right_row_has_no_finding(layout):
    assert found(layout, RIGHT[layout]) == []


def test_the_true_row_of_the_bdc_reads_as_it_is_filed():
    assert rows_to_bytes(LAYOUTS["bdc"], [BDC], with_header=False) == b"130317,Xfinity,1037392925,50,100,100,1,B\r\n"


# Layout, place of the column, value, the check that says so. The wrong row is the second.
WRONG = [
    ("fbs", 0, "1001020100", "tract_form", "tract"),
    ("fbs", 0, "", "tract_form", "tract"),
    ("fbs", 0, "01001999999", "tract_unknown", "tract"),
    ("fbs", 1, 41, "technology_unknown", "technology_code"),
    ("fbs", 1, 80, "technology_unknown", "technology_code"),
    ("fbs", 1, None, "technology_unknown", "technology_code"),
    ("fbs", 2, None, "speed_invalid", "advertised_download_speed"),
    ("fbs", 2, 0, "speed_invalid", "advertised_download_speed"),
    ("fbs", 2, -5, "speed_invalid", "advertised_download_speed"),
    ("fbs", 3, Decimal("0.1234"), "speed_invalid", "advertised_upload_speed"),
    ("fbs", 4, 0, "zero_total", "total_connections"),
    ("fbs", 4, "x", "count_invalid", "total_connections"),
    ("fbs", 5, 4, "part_over_total", "consumer_connections"),
    ("fbs", 5, -1, "count_invalid", "consumer_connections"),
    ("fvs", 1, 2, "flag_invalid", "service_type"),
    ("mbs", 0, "99", "state_form", "state"),
    ("mvs", 0, "1", "state_form", "state"),
    ("fbd", 0, "01001020100100", "block_form", "block"),
    ("fbd", 1, "", "text_missing", "dba_name"),
    ("fbd", 2, 71, "technology_unknown", "technology_code"),
    ("fbd", 4, "fast", "speed_invalid", "max_download_speed"),
    ("bdc", 0, "1303", "provider_number_invalid", "provider_id"),
    ("bdc", 2, 999999999, "location_invalid", "location_id"),
    ("bdc", 3, 12, "technology_unknown", "technology"),
    ("bdc", 4, Decimal("100.5"), "speed_not_whole", "max_advertised_download_speed"),
    ("bdc", 4, 24, "speed_below_tiers", "max_advertised_download_speed"),
    ("bdc", 5, 2, "speed_below_tiers", "max_advertised_download_speed"),
    ("bdc", 5, 0, "speed_invalid", "max_advertised_upload_speed"),
    ("bdc", 7, "Y", "residential_code_invalid", "business_residential_code"),
    ("outages", 3, "long", "number_invalid", "minutes"),
]


@pytest.mark.parametrize(("layout", "place", "value", "check", "column"), WRONG)
def test_a_wrong_value_is_found_in_its_row_and_column(layout, place, value, check, column):
    right = RIGHT.get(layout) or ["o", *[None] * 15]
    other = changed(right, 0, "01001020200") if layout in ("fbs", "fvs") else None
    rows = [row for row in (other, changed(right, place, value)) if row]
    assert (check, len(rows), column) in found(layout, *rows)


def test_neither_direction_over_200_kbps():
    slow = changed(changed(FBS, 2, Decimal("0.2")), 3, Decimal("0.1"))
    assert found("fbs", slow) == [("too_slow", 1, "advertised_download_speed")]
    assert found("fbs", changed(slow, 3, Decimal("0.201"))) == []


def test_the_same_key_twice():
    assert found("fbs", FBS, changed(FBS, 4, 9)) == [("duplicate_key", 2, None)]
    assert found("fbs", FBS, changed(FBS, 2, 400)) == []


def test_a_second_terrestrial_wireless_technology_at_a_location():
    wireless = [changed(BDC, 3, code) for code in (70, 71, 50)]
    assert found("bdc", *wireless) == [("two_wireless_technologies", 2, "technology")]


def test_a_state_without_a_list_is_one_warning():
    rows = [changed(FBS, 0, tract) for tract in ("13001020100", "13001020200")]
    assert found("fbs", *rows) == [("tract_list_missing", 1, "tract")]


def test_the_form_of_the_file():
    layout = LAYOUTS["fbs"]
    line = b"01001020100,50,500,500,3,2"
    for content, check in (
        (line + b"\n", "line_end_wrong"),
        (line, "line_end_wrong"),
        (line + b",1\r\n", "columns_wrong"),
        (b"\xff" + line + b"\r\n", "encoding_wrong"),
    ):
        assert [one.check for one in check_file(layout, content, KNOWN)] == [check]
    with_header = rows_to_bytes(layout, [FBS], with_header=True)
    assert check_file(layout, with_header, KNOWN) == check_file(layout, with_header, KNOWN, with_header=True) == []
    assert [one.check for one in check_file(layout, line + b"\r\n", KNOWN, with_header=True)] == ["header_wrong"]
    without = rows_to_bytes(LAYOUTS["bdc"], [BDC], with_header=False)
    assert [one.check for one in check_file(LAYOUTS["bdc"], without, KNOWN)] == ["header_wrong"]


def test_a_message_is_in_the_fccs_manner():
    rows = [FBD, FBD, changed(FBD, 0, "010")]
    found_there = check_file(LAYOUTS["fbd"], rows_to_bytes(LAYOUTS["fbd"], rows), KNOWN)
    assert found_there[-1].message == "Row 3: invalid block code 010: expected the 15 digits of a 2020 census block"


def content_of(accounts=(), filing=FILING, **tables) -> Content:
    files = {name: rows_to_bytes(LAYOUTS[name], rows) for name, rows in tables.items()}
    return Content(filing, LAYOUTS, files, (), accounts)


def checks(findings) -> list[str]:
    return [one.check for one in findings]


def with_provider(report: str = "fcc_form477", **values) -> Filing:
    return Filing(report, Provider(**{**vars(PROVIDER), **values}), DAY, DAY, date(2026, 9, 1), True)


def test_who_files_and_when():
    assert checks(check_filing(FILING, AROUND)) == []
    assert checks(check_filing(with_provider(frn=None), AROUND)) == ["frn_missing"]
    assert checks(check_filing(with_provider(frn="12345"), AROUND)) == ["frn_invalid"]
    assert checks(check_filing(with_provider(form499_id=None), AROUND)) == ["form499_missing"]
    blocks = with_provider("census_block", bdc_provider_id=None)
    assert checks(check_filing(blocks, AROUND)) == ["bdc_provider_missing", "not_fileable"]
    odd = Filing("fcc_form477", PROVIDER, DAY, date(2026, 7, 15), date(2026, 7, 20), False)
    assert checks(check_filing(odd, AROUND)) == ["not_regular_date", "due_date_past"]
    for read_on, expected in (
        (None, ["rules_unread"]),
        (date(2025, 12, 30), ["rules_unread"]),
        (date(2025, 12, 31), []),
    ):
        around = Surroundings(date(2025, 12, 31), date(2026, 8, 1), rules_read_on={"bdc_2022": read_on})
        assert checks(check_filing(FILING, around)) == expected


def test_everything_in_service_is_somewhere():
    right = Account("fbs.csv", "fixed broadband", 1000, 3, {"suspended": 993, "no_tract": 4})
    assert checks(check_accounts(content_of([right], fbs=[FBS]))) == ["no_tract_few"]
    for account, expected in (
        (Account("fbs.csv", "fixed broadband", 1000, 3, {"suspended": 996}), ["residual"]),
        (Account("fbs.csv", "fixed broadband", 3, 4, {}), ["residual"]),
        (Account("fbs.csv", "fixed broadband", 1000, 994, {"no_tract": 6}), ["no_tract"]),
        (Account("mvs.csv", "mobile voice", 10, 9, {"no_state": 1}), ["no_state"]),
    ):
        assert checks(check_accounts(content_of([account], fbs=[FBS]))) == expected
    assert checks(check_accounts(content_of())) == checks(check_accounts(content_of(fbs=[]))) == ["no_data"]


def test_what_looks_odd():
    tracts = [changed(changed(changed(FBS, 0, f"0100102{n:04d}"), 4, 10), 5, 8) for n in range(5)]
    assert checks(check_shape(content_of(fbs=tracts), AROUND)) == ["same_share"]
    assert checks(check_shape(content_of(fbs=tracts[:4]), AROUND)) == []
    assert checks(check_shape(content_of(fbs=[*tracts[:4], changed(tracts[4], 5, 7)]), AROUND)) == []
    assert checks(check_shape(content_of(fbs=[changed(FBS, 4, 2)]), AROUND)) == ["small_tracts"]
    for before, expected in ((100, []), (120, []), (130, ["total_moved"]), (80, ["total_moved"]), (0, [])):
        around = Surroundings(date(2025, 12, 31), DAY, {"mvs.csv": before})
        assert checks(check_shape(content_of(mvs=[["01", 100, 4]]), around)) == expected
    around = Surroundings(date(2025, 12, 31), DAY, speeds_changed=[("Cable 100", "100/10 to 120/10 Mbps")])
    assert checks(check_shape(content_of(), around)) == ["plan_speed_changed"]


def test_voice_by_state_adds_up_to_its_tracts():
    figures = {("01", "voip", "other_subscriptions"): 4, ("01", "voip", "other_subscriptions_with_internet"): 4,
               ("01", "voip", "other_subscriptions_by_fiber"): 4}  # fmt: skip
    assert checks(check_voice_states(content_of(fvs=[FVS]), figures)) == []
    assert checks(check_voice_states(content_of(fvs=[changed(FVS, 2, 5)]), figures)) == ["state_total"]
    figures["01", "voip", "other_subscriptions_by_fiber"] = 3
    assert checks(check_voice_states(content_of(fvs=[FVS]), figures)) == ["state_split"]


def test_every_check_of_the_catalogue_is_tried():
    """Each name stands in a test of this file as what is expected."""
    text = Path(__file__).read_text(encoding="utf-8")
    assert [row["check_name"] for row in read_seed("filing_checks") if f'"{row["check_name"]}"' not in text] == []


def test_outages_whose_figures_or_clocks_are_off():
    clocks = ("notification", "initial_report", "final_report", "facility_notice", "facility_followup")
    fine = {"outage_id": "o", "is_user_minutes_apart": False, "user_minutes": 1, "computed_user_minutes": 1}
    fine |= {f"{clock}_verdict": "met" for clock in clocks}
    off = [fine, fine | {"is_user_minutes_apart": True}, fine | {"final_report_verdict": "missed"}]
    assert [(one.check, one.row, one.column) for one in outage_findings(off)] == [
        ("user_minutes_apart", 2, "user_minutes"), ("deadline_missed", 3, "final_report_verdict"),
    ]  # fmt: skip


def test_status_and_numbers():
    wrong = rows_to_bytes(LAYOUTS["fbs"], [changed(FBS, 4, 0)])
    errors = check_file(LAYOUTS["fbs"], wrong, Known({"01": set()}))[:2]
    findings = [*check_shape(content_of(fbs=[changed(FBS, 4, 2)]), AROUND), *errors]
    assert compliance_status([]) == "ready"
    assert compliance_status(findings[:1]) == "ready_with_warnings"
    assert compliance_status(findings) == "incomplete"
    assert [(one["finding_number"], one["level"]) for one in numbered(findings)] == [
        (1, "error"), (2, "error"), (3, "warning"),
    ]  # fmt: skip
