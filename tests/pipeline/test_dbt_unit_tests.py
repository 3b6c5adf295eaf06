"""dbt's own unit tests of the models with arithmetic in them."""

from orchestration.dbt_runner import invoke, parse_project


def test_all_pass(built_warehouse):
    database = built_warehouse.url.rpartition("/")[2]
    project = parse_project(built_warehouse.settings.warehouse_folder / "dbt", database)
    variables: dict[str, object] = {"as_of": built_warehouse.settings.as_of.isoformat(), "windows": {}}
    results, said = {}, []
    for event in invoke(project, built_warehouse.url, ["test", "--select", "test_type:unit"], variables):
        if event["info"]["name"] == "NodeFinished":
            results[event["data"]["node_info"]["node_name"]] = event["data"]["run_result"]["status"]
        if event["info"]["name"] in ("RunResultError", "RunResultFailure"):
            said.append(event["info"]["msg"])
    assert not said, "\n".join(said)
    assert set(results.values()) == {"pass"}
    assert len(results) >= 5
