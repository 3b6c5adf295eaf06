"""Documents have their documented shape, or the reason names the place inside them."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingestion import geojson
from ingestion.contract import contracts
from ingestion.shapes import NotJson, is_json, parse, shape, shapes

SQUARE = [[[0, 0], [1, 0], [1, 1], [0, 0]]]
PLAN = "8f14e45f-ceea-467f-a1a9-6f0c1b2d3e4f"

GOOD = {
    "rating_rules": [
        {},
        {
            "data": {"price_per": 1073741824, "mode": "graduated", "decimals": 2, "rounding": "up",
                     "tiers": [{"up_to": 5.5, "block_size": 1, "unit_price": 2}, {"up_to": None, "unit_price": 1}]},
            "voice": {"connect_fee": 0.05, "first_increment": 60, "increment": 1,
                      "time_bands": [{"days": "1-5", "from": "18:00", "to": "24:00", "unit_price": 0}]},
            "roaming": {"sms": {"tiers": [{"unit_price": 0.1}]}},
        },
    ],
    "bundle_components": [[{"plan_id": PLAN, "quantity": 2, "price_share": 0.3},
                           {"plan_id": PLAN, "quantity": 1, "price_share": 0.7}]],
    "configuration": [{}, {"protocols": ["ssh"], "snmp_version": "2c", "acl_count": 3, "site": {"rack": 4}}],
    "kinds_of_usage": [[], ["data", "voice"]],
    "texts": [[], ["billing"]],
    "county_codes": [["17031"]],
    "study_area_codes": [["341015"]],
    "boundary": [{"type": "Polygon", "coordinates": SQUARE}, {"type": "MultiPolygon", "coordinates": [SQUARE]}],
    "area": [
        {"type": "Point", "coordinates": [-87.6, 41.9, 180]},
        {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": SQUARE}, "properties": {}},
        {"type": "GeometryCollection", "geometries": [{"type": "LineString", "coordinates": [[0, 0], [1, 1]]}]},
        {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": None}]},
    ],
}  # fmt: skip

BAD = [
    ("rating_rules", [], "expected object, found []"),
    ("rating_rules", {"video": {}}, "expected no other names than data, voice, sms, incoming, roaming, found video"),
    ("rating_rules", {"data": {"tiers": [{"up_to": 1, "unit_price": -1}]}},
     "at data.tiers[0].unit_price: expected at least 0, found -1"),
    ("rating_rules", {"data": {"tiers": [{"up_to": 2}]}},
     "at data.tiers[0]: expected the names unit_price, found up_to"),
    ("rating_rules", {"data": {"tiers": [{"up_to": None, "unit_price": 1}, {"up_to": 3, "unit_price": 1}]}},
     "at data.tiers: expected up_to to grow from item to item, and only the last to lack it (item 1)"),
    ("rating_rules", {"sms": {"mode": "stepped"}}, 'at sms.mode: expected one of graduated, volume, found "stepped"'),
    ("rating_rules", {"voice": {"increment": "60"}}, 'at voice.increment: expected number, found "60"'),
    ("rating_rules", {"voice": {"increment": True}}, "at voice.increment: expected number, found true"),
    ("rating_rules",
     {"voice": {"time_bands": [{"days": "8", "from": "18:00", "to": "24:00", "unit_price": 1}]}},
     'at voice.time_bands[0].days: expected the form ^[1-7](-[1-7])?(,[1-7](-[1-7])?)*$, found "8"'),
    ("bundle_components", [{"plan_id": PLAN, "quantity": 1, "price_share": 0.9}],
     "expected price_share to sum to 1, found 0.9"),
    ("bundle_components", [], "expected at least 1 items, found 0"),
    ("configuration", {"acl_count": 1.5}, 'at acl_count: expected integer, found 1.5'),
    ("configuration", {"snmp_version": "4"}, 'at snmp_version: expected one of 1, 2c, 3, found "4"'),
    ("kinds_of_usage", ["data", "data"], "expected every item once"),
    ("texts", ["x", 1], 'at [1]: expected string, found 1'),
    ("texts", [""], "at [0]: expected a text, found an empty one"),
    ("county_codes", ["1703"], 'at [0]: expected the form ^[0-9]{5}$, found "1703"'),
    ("study_area_codes", "341015", 'expected array, found "341015"'),
    ("boundary", {"type": "Point", "coordinates": [0, 0]},
     "expected a GeoJSON Polygon or MultiPolygon, found the type 'Point'"),
    ("boundary", {"type": "Polygon", "coordinates": [[[0, 0], [1, 0], [1, 1], [0, 1]]]},
     "at coordinates[0]: expected a ring whose last position is its first"),
    ("boundary", {"type": "Polygon", "coordinates": [[[0, 91], [1, 0], [1, 1], [0, 91]]]},
     "at coordinates[0][0]: expected a latitude from -90 to 90, found 91"),
    ("boundary", {"type": "Polygon", "coordinates": [[[0, 0], [0, 0]]]},
     "at coordinates[0]: expected at least 4 positions, found 2"),
    ("area", {"type": "FeatureCollection", "features": [{"type": "Feature", "geometry": {"type": "Point"}}]},
     "at features[0].geometry.coordinates: expected a position [longitude, latitude]"),
    ("area", 7, "expected a GeoJSON"),
]  # fmt: skip


def test_every_shape_has_examples_and_every_documented_column_a_shape():
    assert set(GOOD) == set(shapes()) == {name for name, _, _ in BAD}
    used = {column.shape for contract in contracts().values() for column in contract.columns if column.type == "json"}
    assert used - {None} == set(shapes())


@pytest.mark.parametrize(("name", "document"), [(name, value) for name, values in GOOD.items() for value in values])
def test_good_documents(name, document):
    assert shape(name).problem(json.dumps(document)) is None


@pytest.mark.parametrize(("name", "document", "message"), BAD)
def test_the_reason_names_the_place(name, document, message):
    assert message in shape(name).problem(json.dumps(document))


@pytest.mark.parametrize(
    "text", ['{"a": 1, "a": 2}', "NaN", '"\\u0000"', '"\\ud800"', "1e200000", "1e-20000", "[" * 5000, "{a: 1}", "", "١"]
)
def test_what_jsonb_would_not_keep_is_no_json(text):
    assert not is_json(text)
    with pytest.raises(NotJson):
        parse(text)


documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
near_geojson = st.fixed_dictionaries(
    {"type": st.sampled_from(geojson.TYPES)},
    optional=dict.fromkeys(("coordinates", "geometry", "geometries", "features"), documents),
)


@given(documents | near_geojson | st.fixed_dictionaries({"data": documents}))
def test_no_document_makes_a_shape_fail(document):
    text = json.dumps(document)
    for name in shapes():
        if is_json(text):
            assert shape(name).problem(text) is None or isinstance(shape(name).problem(text), str)
