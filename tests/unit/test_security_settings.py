"""Rules over configurations, changes of them, and findings: each against what a person would say."""

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.analytics.security_monitoring import findings as made
from orchestration.analytics.security_monitoring.changes import WatchedSetting, find_changes
from orchestration.analytics.security_monitoring.configurations import (
    Rule,
    judge_configurations,
    parsed,
    setting_at,
    version_of,
)
from orchestration.analytics.security_monitoring.findings import Stakes
from tests.unit.security_hours import BEGIN, GOOD, HOUR, RULEBOOK, element

DAY = date(2026, 9, 30)
AS_OF = datetime(2026, 10, 1, 5, tzinfo=UTC)


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
