"""What security monitoring finds in landed files against what was planted; nothing was tuned on these seeds."""

from datetime import date

import pytest

from benchmarks.security_monitoring import RECALL_BAR, judge_operator, land_network, page_of
from benchmarks.security_pictures import draw
from tests.unit.security_hours import RULEBOOK

# More attacks, on neighbours too, are planted from 5 000 customers on.
OPERATORS = [(201, 60, 6), (202, 60, 6), (203, 60, 6), (204, 5000, 5)]


@pytest.mark.parametrize(("seed", "customers", "months"), OPERATORS)
def test_planted_attacks_and_settings_are_found_and_nothing_else(tmp_path, seed, customers, months):
    folder = land_network(tmp_path, seed, customers, months, date(2026, 9, 30))
    found = judge_operator(folder, seed, RULEBOOK)
    figures = found.figures
    assert figures.attacks >= (6 if customers < 5000 else 12)
    assert figures.recall >= RECALL_BAR
    # A flood over a link that is full anyway shows in its connections only.
    assert figures.told >= figures.found - 1
    assert figures.false_alarms <= 1
    assert figures.element_weeks > 300
    planted, told, others = found.settings
    assert (told, others) == (planted, 0)
    assert planted >= 15
    planted, told, others = found.changes
    assert (told, others) == (planted, 0)
    assert planted >= 2
    # An attack on neighbours is one incident, whose elements are those that it hit.
    hit = found.attacks[found.attacks["is_found"]].groupby("attack")["element_id"].agg(set)
    groups = [set(ids) for ids in found.incidents["element_ids"]]
    several = [members for members in hit if len(members) > 1]
    assert all(members in groups for members in several)
    assert len(several) >= (1 if customers >= 5000 else 0)
    if customers >= 5000:
        page = page_of([found], [folder], RULEBOOK)
        assert f"recall {figures.recall:.3f} of {figures.attacks} attacks" in page
        assert "| traffic_flood | 5 times and more |" in page
        drawn = draw(folder, found.incidents, found.scores, RULEBOOK.kinds, RULEBOOK.parameters, tmp_path)
        assert [path.read_bytes()[:8] for path in drawn] == 3 * [b"\x89PNG\r\n\x1a\n"]
