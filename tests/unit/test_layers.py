"""Data flows one way through the layers; every model keeps the house rules. Over dbt's manifest, no exceptions."""

import pytest

from orchestration.dbt_runner import parse_project

# A layer, and where it may read from.
MAY_READ = {
    "staging": {"raw"},
    "intermediate": {"staging", "intermediate", "core", "reference", "raw.feeds"},
    "core": {"staging", "intermediate", "core", "reference"},
    "dashboards": {"core", "analytics", "reference", "quality", "dashboards", "intermediate"},
    "regulatory": {"core", "analytics", "reference", "quality", "regulatory"},
}


@pytest.fixture(scope="module")
def manifest(tmp_path_factory):
    return parse_project(tmp_path_factory.mktemp("dbt"), "warehouse").manifest()


def nodes(manifest, kind):
    return [node for node in manifest["nodes"].values() if node["resource_type"] == kind]


def test_data_flows_one_way(manifest):
    wrong = []
    everything = {**manifest["nodes"], **manifest["sources"]}
    for model in nodes(manifest, "model"):
        for parent in (everything[name] for name in model["depends_on"]["nodes"]):
            allowed = MAY_READ[model["schema"]]
            if not {parent["schema"], f"{parent['schema']}.{parent['name']}"} & allowed:
                wrong.append(f"{model['schema']}.{model['name']} reads {parent['schema']}.{parent['name']}")
    assert wrong == []
    assert len(nodes(manifest, "model")) > 40


def test_contract_key_and_descriptions(manifest):
    keyed = {
        test["attached_node"] for test in nodes(manifest, "test") if test["test_metadata"]["name"] == "primary_key"
    }
    for model in nodes(manifest, "model"):
        if model["schema"] not in ("core", "dashboards", "regulatory"):
            continue
        name = model["name"]
        assert model["description"].startswith("One row per"), name
        if model["config"]["materialized"] == "view":
            continue
        assert model["config"]["contract"]["enforced"], name
        assert model["unique_id"] in keyed, name
        assert all(column["description"] for column in model["columns"].values()), name


def test_severity_is_error(manifest):
    assert {test["config"]["severity"].lower() for test in nodes(manifest, "test")} == {"error"}


def test_one_name_means_one_type(manifest):
    """The same column has the same type everywhere."""
    types: dict[str, set[str]] = {}
    for model in nodes(manifest, "model"):
        for column in model["columns"].values():
            if column.get("data_type"):
                types.setdefault(column["name"], set()).add(column["data_type"])
    assert {name: found for name, found in types.items() if len(found) > 1} == {}


def test_every_mart_has_its_readers(manifest):
    """Each mart stands in an exposure; each exposure has an owner, a description and a mart, and repeats none."""
    exposures = list(manifest["exposures"].values())
    used = {name for exposure in exposures for name in exposure["depends_on"]["nodes"]}
    marts = {model["unique_id"] for model in nodes(manifest, "model") if model["schema"] == "dashboards"}
    assert marts - used == set()
    for exposure in exposures:
        parents = exposure["depends_on"]["nodes"]
        assert exposure["owner"]["name"], exposure["name"]
        assert exposure["description"], exposure["name"]
        assert marts & set(parents), exposure["name"]
        assert len(parents) == len(set(parents)), exposure["name"]


def test_every_metric_says_what_it_is(manifest):
    metrics = list(manifest["metrics"].values())
    assert {"arpu", "churn_rate", "availability", "data_usage_gb", "revenue"} <= {metric["name"] for metric in metrics}
    assert all(metric["description"] and metric["label"] for metric in metrics)


def test_departures_are_no_feature(manifest):
    """What comes after an as-of date teaches the churn models, and is in none of their features."""
    everything = {node["unique_id"]: node for node in nodes(manifest, "model")}
    features = [
        name for name, node in everything.items() if node["name"].removeprefix("int_").startswith("feature")
    ]  # fmt: skip
    seen, waiting = set[str](), list(features)
    while waiting:
        for parent in everything.get(waiting.pop(), {}).get("depends_on", {}).get("nodes", []):
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    assert len(features) > 10
    assert not {name for name in seen if "departure" in name or "churn" in name}
