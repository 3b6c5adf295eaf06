"""Rules over configurations, changes of them, findings and the score: each against what a person would say."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.findings import LIFE_COLUMNS
from orchestration.analytics.security_monitoring import findings as made
from orchestration.analytics.security_monitoring import status
from orchestration.analytics.security_monitoring.changes import WatchedSetting, find_changes
from orchestration.analytics.security_monitoring.configurations import (
    Rule,
    judge_configurations,
    parsed,
    setting_at,
    version_of,
)
from orchestration.analytics.security_monitoring.findings import Stakes
from orchestration.analytics.security_monitoring.parameters import Level, Parameters, Scoring, raised
from tests.unit.security_hours import BEGIN, HOUR, RULEBOOK

DAY = date(2026, 9, 30)
AS_OF = datetime(2026, 10, 1, 5, tzinfo=UTC)
GOOD = {
    "protocols": ["ssh", "snmp", "https"], "snmp_version": "3", "tls_min_version": "1.2",
    "ciphers": ["TLS_AES_256_GCM_SHA384"], "default_credentials": False, "management_exposed": False,
    "encryption_enabled": True, "ntp_synchronised": True, "firmware_version": "5.1", "acl_count": 10,
}  # fmt: skip
SCORING = Scoring(
    {"low": 5, "medium": 10, "high": 20, "critical": 40},
    (Level("low", 0), Level("medium", 20), Level("high", 40), Level("critical", 70)),
)


def element(configuration=None, element_id="e", **more):
    return {
        "element_id": element_id, "provider_id": "p", "zone_id": "z", "element_name": "E", "element_type": "router",
        "vendor": "Nordlink", "software_version": "5.1", "end_of_support_on": date(2030, 1, 1),
        "configuration": GOOD if configuration is None else configuration, **more,
    }  # fmt: skip


def verdicts(*elements):
    found = judge_configurations(pd.DataFrame(elements), RULEBOOK.rules, DAY)
    return {(one, rule): said for one, rule, said in found[["element_id", "rule_id", "verdict"]].to_numpy()}


def broken(*elements):
    return {rule for (_, rule), said in verdicts(*elements).items() if said == "broken"}


def test_a_good_configuration_breaks_nothing():
    assert set(verdicts(element()).values()) == {"kept"}


@pytest.mark.parametrize(
    ("setting", "rules"),
    [
        ({"protocols": ["ssh", "telnet"]}, {"telnet_enabled"}),
        ({"protocols": ["HTTP", "ftp"]}, {"http_enabled", "ftp_enabled"}),
        ({"protocols": "telnet"}, {"telnet_enabled"}),
        ({"snmp_version": "1"}, {"snmp_v1"}),
        ({"snmp_version": "2c"}, {"snmp_v2c"}),
        ({"tls_min_version": "1.1"}, {"tls_below_1_2"}),
        ({"tls_min_version": "TLSv1"}, {"tls_below_1_2"}),
        ({"tls_min_version": "SSLv3"}, {"ssl_accepted"}),
        ({"tls_min_version": "1.10"}, set()),
        ({"ciphers": ["TLS_RSA_WITH_3DES_EDE_CBC_SHA"]}, {"weak_ciphers"}),
        ({"ciphers": ["TLS_RSA_WITH_RC4_128_MD5", "TLS_AES_128_GCM_SHA256"]}, {"weak_ciphers"}),
        ({"ciphers": ["TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"]}, set()),
        ({"default_credentials": True}, {"default_credentials"}),
        ({"management_exposed": True}, {"management_exposed"}),
        ({"encryption_enabled": False}, {"missing_encryption"}),
        ({"ntp_synchronised": False}, {"clock_unsynchronised"}),
    ],
)
def test_each_rule_of_the_catalogue_is_broken_by_its_setting(setting, rules):
    assert broken(element({**GOOD, **setting})) == rules


def test_the_inventory_s_own_support():
    assert broken(element(software_version="4.1")) == {"firmware_nordlink"}
    assert broken(element(software_version="4.10")) == set()
    assert broken(element(software_version="4.1", vendor="another")) == set()
    assert broken(element(end_of_support_on=DAY)) == set()
    assert broken(element(end_of_support_on=DAY - timedelta(days=1))) == {"end_of_support"}


@pytest.mark.parametrize("configuration", [{}, "{", "[1]", '"text"', "null", None, 7, ["a"], float("nan")])
def test_what_is_absent_or_malformed_is_unknown_and_no_violation(configuration):
    one = element(software_version=None, end_of_support_on=pd.NaT)
    found = verdicts({**one, "configuration": configuration})
    assert set(found.values()) == {"unknown"}


@pytest.mark.parametrize("value", [None, {"a": 1}, [["telnet"]], [None]])
def test_a_setting_of_another_form_is_unknown(value):
    assert verdicts(element({**GOOD, "protocols": value}))["e", "telnet_enabled"] == "unknown"


def test_a_rule_may_say_that_absence_breaks_it():
    rule = next(rule for rule in RULEBOOK.rules if rule.rule_id == "missing_encryption")
    strict = Rule(**{**vars(rule), "if_absent": "broken"})
    known = judge_configurations(pd.DataFrame([element({"x": 1})]), [strict], DAY)
    nothing = judge_configurations(pd.DataFrame([element("{", software_version=None, end_of_support_on=None)]),
                                   [strict], DAY)  # fmt: skip
    assert (list(known["verdict"]), list(nothing["verdict"])) == (["broken"], ["unknown"])


@pytest.mark.parametrize("wrong", [{"operator": "like"}, {"if_absent": "kept"}])
def test_a_rule_that_cannot_be_read_is_an_error(wrong):
    with pytest.raises(ValueError, match="rule telnet_enabled"):
        Rule(**{**vars(next(r for r in RULEBOOK.rules if r.rule_id == "telnet_enabled")), **wrong})


def test_paths_and_versions():
    assert setting_at({"a": {"b": [1]}}, "a.b") == [1]
    assert parsed('{"a": 1}') == {"a": 1}
    assert [version_of(text) for text in ("1.2.10", "TLSv1.3", "v7", "none", None)] == [(1, 2, 10), (1, 3), (7,), None,
                                                                                        None]  # fmt: skip


@settings(deadline=None)
@given(*2 * [st.lists(st.integers(0, 30), min_size=1, max_size=4)])
def test_versions_compare_as_numbers(one, other):
    rule = Rule("r", "v", "x", "older_than", ".".join(map(str, other)), "unknown", (), (), "low", "d", "a")
    (told,) = judge_configurations(pd.DataFrame([element({"x": ".".join(map(str, one))})]), [rule], DAY)["verdict"]
    width = max(len(one), len(other))
    is_older = [*one, *[0] * (width - len(one))] < [*other, *[0] * (width - len(other))]
    assert told == ("broken" if is_older else "kept")


def versions(*configurations):
    """Versions of one element a day apart, the last one on the day before AS_OF."""
    times = [pd.Timestamp(AS_OF) - pd.Timedelta(days=len(configurations) - i) for i in range(len(configurations))]
    return pd.DataFrame(
        [{**element({**GOOD, **own}), "valid_from": at} for own, at in zip(configurations, times, strict=True)]
    )


def changes(*configurations):
    found = find_changes(versions(*configurations), RULEBOOK.rules, RULEBOOK.watched, DAY)
    return [(one["json_path"], one["finding_kind"], one["severity"], one["is_restored"])
            for one in found.to_dict("records")]  # fmt: skip


def test_weakened_restored_and_harmless_changes():
    telnet, open_ = {"protocols": ["ssh", "telnet"]}, {"management_exposed": True}
    assert changes({}) == changes({}, {}) == []
    assert changes({}, telnet) == [("protocols", "configuration_weakened", "high", False)]
    assert changes({}, open_, {}) == [("management_exposed", "configuration_weakened", "high", True)]
    # What was wrong when first entered is a violation, no change; mending it is nothing to be told.
    assert changes(telnet) == changes(telnet, {}) == []
    assert changes({}, {"protocols": ["ssh"]}) == [("protocols", "configuration_changed", "low", False)]
    assert changes({}, {"acl_count": 5}) == [("acl_count", "configuration_weakened", "medium", False)]
    assert changes({}, {"acl_count": 5}, {"acl_count": 11}) == [("acl_count", "configuration_weakened", "medium", True)]
    assert changes({}, {"acl_count": 12, "firmware_version": "5.2"}) == []
    assert changes({}, {"firmware_version": "4.9"}) == [("firmware_version", "configuration_weakened", "medium", False)]
    assert changes({}, {"default_credentials": True}) == [
        ("default_credentials", "configuration_weakened", "critical", False)
    ]
    # Nothing says that it was put back.
    gone = {**GOOD}
    del gone["management_exposed"]
    table = versions({}, open_, {})
    table.at[2, "configuration"] = gone
    assert [one["is_restored"] for one in find_changes(table, RULEBOOK.rules, RULEBOOK.watched, DAY).to_dict("records")
            if one["finding_kind"] == "configuration_weakened"] == [False]  # fmt: skip


def test_a_watched_setting_that_cannot_be_read_is_an_error():
    with pytest.raises(ValueError, match="the watched setting x is weaker when smaller"):
        WatchedSetting("x", "smaller", True, "low", "a")


def test_violations_say_since_when():
    table = versions({"snmp_version": "1"}, {}, {"snmp_version": "1"}, {"snmp_version": "1", "acl_count": 3})
    newest = table.tail(1).assign(end_of_support_on=date(2026, 9, 1), vendor="x")
    table = pd.concat([table.head(3), newest]).assign(end_of_support_on=date(2026, 9, 1))
    judged = judge_configurations(newest, RULEBOOK.rules, DAY)
    stakes = {"e": Stakes(7, 2, None)}
    found = made.violation_findings(judged, table, RULEBOOK.rules, stakes, AS_OF, DAY).set_index("rule_id")
    assert set(found.index) == {"snmp_v1", "end_of_support"}
    assert found.loc["snmp_v1", "first_seen_at"] == table["valid_from"].iloc[2]
    assert found.loc["end_of_support", "first_seen_at"] == table["valid_from"].iloc[0]
    assert found.loc["snmp_v1", "customers_at_stake_count"] == 7
    assert "snmp_version is 1 at E" in found.loc["snmp_v1", "description"]


def incident(elements=("a",), hours=4, ratio=4.0, kind="traffic_flood", begin=BEGIN):
    return pd.DataFrame(
        [[kind, "p", elements[0], sorted(elements), begin, begin + hours * HOUR, hours * len(elements),
          "throughput_mbps", 400.0, 100.0, ratio, 20.0, 1.0]],
        columns=["finding_kind", "provider_id", "element_id", "element_ids", "first_seen_at", "last_seen_at",
                 "hours_count", "peak_measure", "peak_observed", "peak_expected", "peak_ratio", "peak_score",
                 "confidence_score"],
    )  # fmt: skip


def as_finding(found, as_of=BEGIN + 5 * HOUR, newest=None, stakes=None):
    names = pd.DataFrame({"element_id": list("abcd"), "element_name": list("ABCD"), "zone_id": "z"})
    return made.incident_findings(found, names, stakes or {}, RULEBOOK.kinds, RULEBOOK.parameters, as_of, newest or {})


@pytest.mark.parametrize(
    ("given_", "stakes", "severity"),
    [
        ({}, {}, "medium"),
        ({"ratio": 12.0}, {}, "high"),
        ({"hours": 13}, {}, "high"),
        ({"elements": ("a", "b", "c")}, {}, "high"),
        ({}, {"a": Stakes(600, 0, None)}, "high"),
        ({"hours": 20, "ratio": 30.0, "elements": ("a", "b", "c")}, {}, "critical"),
        ({"kind": "silent_cell", "ratio": 0.0}, {"a": Stakes(1, 1, None)}, "high"),
        # A sector's customers are its site's.
        ({"elements": ("a", "b")}, {"a": Stakes(300, 0, None), "b": Stakes(250, 0, "a")}, "medium"),
        ({"elements": ("a", "b")}, {"a": Stakes(300, 0, "s"), "b": Stakes(250, 0, "s")}, "high"),
    ],
)
def test_severity_grows_with_size_length_and_stakes(given_, stakes, severity):
    (found,) = as_finding(incident(**given_), stakes=stakes).to_dict("records")
    assert found["severity"] == severity


def test_an_incident_is_active_for_a_day_or_while_nothing_more_is_heard():
    end = BEGIN + 4 * HOUR
    later = {"a": end + 40 * HOUR}
    assert list(as_finding(incident(), end + 23 * HOUR, later)[made.ACTIVE]) == [True]
    assert list(as_finding(incident(), end + 25 * HOUR, later)[made.ACTIVE]) == [False]
    assert list(as_finding(incident(), end + 90 * HOUR, {"a": end - HOUR})[made.ACTIVE]) == [True]
    (words,) = as_finding(incident(("a", "b")))["description"]
    assert words == "Traffic flood at A and 1 neighbour within 4 hours: 400 Mbps down where 100 were expected"


def test_an_incident_that_grows_and_moves_keeps_its_id():
    first = as_finding(incident(("a",))).drop(columns=made.ACTIVE)
    grown = as_finding(incident(("b", "a"), hours=9, begin=BEGIN - 2 * HOUR))
    other = as_finding(incident(("c",)))
    scan = as_finding(incident(("a",), kind="connection_scan"))
    found = pd.concat([grown, other, scan], ignore_index=True)
    kept = made.adopt_incidents(first, found, 3 * HOUR)
    assert kept["finding_id"].tolist() == [first["finding_id"][0], *found["finding_id"][1:]]
    assert made.adopt_incidents(first.iloc[:0], found, 3 * HOUR) is found


def table_rows(*rows):
    """(class, severity, status, hours before AS_OF) as rows of the table."""
    columns = [*made.FINDING_COLUMNS, *LIFE_COLUMNS]
    found = pd.DataFrame(index=range(len(rows)), columns=columns)
    for number, (class_, severity, state, ago) in enumerate(rows):
        at = pd.Timestamp(AS_OF) - pd.Timedelta(hours=ago)
        found.loc[number, ["finding_id", "finding_class", "severity", "finding_status", "recommended_action"]] = [
            f"f{number}", class_, severity, state, f"do {severity}"
        ]  # fmt: skip
        found.loc[number, ["first_seen_at", "last_seen_at", "affected_elements_count"]] = [at, at, 1]
    return found.astype({"first_seen_at": "datetime64[us, UTC]", "last_seen_at": "datetime64[us, UTC]"})


def test_the_source_s_own_cases_score_as_there():
    """Ten per incident, twenty per violation, at most a hundred; over 70, 40 and 20."""
    for incidents_count in range(5):
        for violations_count in range(6):
            rows = [("incident", "medium", "open", 2)] * incidents_count
            rows += [("violation", "high", "open", 0)] * violations_count
            found = status.assess(table_rows(*rows), AS_OF, 24, SCORING)
            points = 10 * incidents_count + 20 * violations_count
            assert (found.risk_points, found.risk_score) == (points, min(points, 100))
            assert found.security_status == (
                "critical" if points > 70 else "high" if points > 40 else "medium" if points > 20 else "low"
            )
            assert (len(found.incidents), len(found.violations)) == (incidents_count, violations_count)


def test_nothing_found_is_zero_and_low_not_nothing():
    found = status.assess(table_rows(), AS_OF, 24, SCORING)
    assert vars(found) == {"security_status": "low", "risk_score": 0, "risk_points": 0, "incidents": [],
                           "violations": [], "recommended_actions": []}  # fmt: skip


def test_what_counts():
    rows = [("incident", "high", "resolved", 3), ("incident", "low", "muted", 3), ("incident", "critical", "open", 25),
            ("change", "low", "open", 23), ("violation", "medium", "muted", 0), ("violation", "low", "resolved", 0),
            ("violation", "critical", "open", 900)]  # fmt: skip
    found = status.assess(table_rows(*rows), AS_OF, 24, SCORING)
    assert found.risk_points == 20 + 5 + 40
    assert [one["finding_id"] for one in found.incidents] == ["f0", "f3"]
    assert [one["finding_id"] for one in found.violations] == ["f6"]
    assert found.recommended_actions == ["do critical", "do high", "do low"]
    assert status.assess(table_rows(*rows), AS_OF, 48, SCORING).risk_score == 100


@settings(deadline=None)
@given(st.floats(0, 100), st.lists(st.floats(0, 100), min_size=1, max_size=5, unique=True))
def test_the_status_is_always_the_score_s(score, borders):
    levels = tuple(Level(f"over {border}", border) for border in borders)
    told = status.status_of(score, Scoring({}, levels))
    over = [border for border in borders if score > border]
    assert told == f"over {max(over) if over else min(borders)}"


def test_states_of_elements_and_their_words():
    elements = pd.DataFrame([element(element_id=name) for name in "abcd"])
    last = pd.Timestamp(AS_OF) - HOUR
    reporting = pd.DataFrame(
        {"element_id": ["a", "b", "c"], "hours_count": [8 * 168, 3 * 168, 6 * 168],
         "last_sample_at": [last, last, last - pd.Timedelta(days=3)]}
    )  # fmt: skip
    judged = judge_configurations(elements.assign(configuration=[GOOD, GOOD, GOOD, {}]), RULEBOOK.rules, DAY)
    states = status.element_states(elements, reporting, judged, RULEBOOK.parameters, AS_OF)
    assert list(states["monitoring_state"]) == ["monitored", "insufficient_history", "not_reporting", "not_sampled"]
    assert list(states["history_weeks"]) == [8.0, 3.0, 6.0, 0.0]
    unknown = judged["element_id"].eq("d") & judged["verdict"].eq("unknown")
    assert list(states["rules_unknown_count"]) == [0, 0, 0, unknown.sum()]
    assert unknown.sum() > 10
    assert status.monitoring_words(states, RULEBOOK.parameters) == (
        "1 of 4 elements are watched for abnormal traffic; 1 have 3 weeks of hourly samples, and 4 are needed;"
        " of 1 no sample came lately; 1 send no hourly samples"
    )
    assert [status.provider_state(states.iloc[start:]) for start in range(5)] == [
        "monitored", "insufficient_history", "not_reporting", "not_sampled", "not_sampled"
    ]  # fmt: skip


def test_parameters_that_are_too_few_or_too_many_are_named():
    known = vars(RULEBOOK.parameters)
    with pytest.raises(ValueError, match=r"lacks \['gap_hours'\] and has unknown \['gap'\]"):
        Parameters.of({**{name: value for name, value in known.items() if name != "gap_hours"}, "gap": 3})
    assert [raised("low", 0), raised("low", 2), raised("high", 5)] == ["low", "high", "critical"]
