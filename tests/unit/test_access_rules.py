"""The rules of roles.yml are read and judged before any database sees them."""

import copy

import pytest
import yaml

from orchestration.access.rules import RULES_FILE, RulesError, parse_rules, read_rules


@pytest.fixture
def content() -> dict:
    return copy.deepcopy(yaml.safe_load(RULES_FILE.read_text(encoding="utf-8")))


def test_every_role_that_was_asked_for_is_there():
    names = set(read_rules().roles)
    assert {
        "admin", "data_engineer", "analyst", "analyst_by_provider", "analyst_by_zone", "network_engineer",
        "field_technician", "support", "billing", "marketing", "security_analyst", "compliance", "auditor",
        "dashboard_reader", "customer_app",
    } <= names  # fmt: skip
    assert read_rules().owner.name == "warehouse_owner"


def test_only_data_engineers_read_landed_files():
    assert [role.name for role in read_rules().roles.values() if "landing" in role.reads] == ["data_engineer"]


def test_clear_names_are_for_few():
    clear = {"customer_names", "service_numbers", "device_numbers"}
    found = {role.name for role in read_rules().roles.values() if clear & role.reads.keys()}
    assert {name.partition("_by_")[0] for name in found} == {"admin", "support", "billing", "marketing", "customer_app"}


def test_a_sister_reads_the_same_tables_through_its_scope():
    rules = read_rules()
    for name, role in rules.roles.items():
        for scope in role.scopes:
            sister = rules.roles[f"{name}_by_{scope}"]
            assert sister.reads == dict.fromkeys([*role.reads, "scopes"], f"by_{scope}")
            assert sister.withheld == role.withheld


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["roles"]["analyst"]["reads"]["all"].append("usages"), "class of analyst 'usages' is not known"),
        (lambda c: c["roles"]["analyst"]["reads"].update(some=["usage"]), "filter of analyst 'some' is not known"),
        (lambda c: c["roles"]["analyst"].update(scopes=["city"]), "scope of analyst 'city' is not known.*zone"),
        (lambda c: c["roles"]["marketing"]["reads"]["all"].append("usage"), "usage through two filters"),
        (lambda c: c["classes"]["care"].append("core.fct_bill"), "core.fct_bill stands in two classes"),
        (lambda c: c["open"].append("nobody"), "open class 'nobody' is not known"),
        (lambda c: c["audited"].update({"core.fct_payment": "secret"}), "sensitivity of core.fct_payment 'secret'"),
    ],
)  # fmt: skip
def test_what_cannot_be_applied_is_said(content, change, said):
    change(content)
    with pytest.raises(RulesError, match=said):
        parse_rules(content)
