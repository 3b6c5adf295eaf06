"""Settings that changed from one version of an element to the next, and whether they were put back.

Not here: rules that a setting breaks as it stands (configurations).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import pandas as pd

from orchestration.analytics.security_monitoring.configurations import (
    BROKEN,
    KEPT,
    Rule,
    parsed,
    setting_at,
    settings_of,
    verdict,
    version_of,
)
from orchestration.analytics.security_monitoring.records import records

WEAKENED, CHANGED = "configuration_weakened", "configuration_changed"
CHANGE_COLUMNS = ("element_id", "provider_id", "zone_id", "element_name", "json_path", "finding_kind", "severity",
                  "changed_at", "before", "after", "rule_ids", "is_restored", "description",
                  "recommended_action")  # fmt: skip


@dataclass(frozen=True)
class WatchedSetting:
    """One row of the seed security_watched_settings: a setting whose change is told.

    weaker_when: decreased (a number that falls), older (a version that goes back), never (only by a broken rule).
    is_told_otherwise: whether a change that weakens nothing is told.
    """

    json_path: str
    weaker_when: str
    is_told_otherwise: bool
    severity: str
    recommended_action: str

    def __post_init__(self) -> None:
        if self.weaker_when not in ("decreased", "older", "never"):
            raise ValueError(
                f"the watched setting {self.json_path} is weaker when {self.weaker_when}; expected decreased, older or"
                " never"
            )

    def is_weaker(self, before: object, after: object) -> bool:
        if self.weaker_when == "decreased":
            return _number(after) is not None and _number(before) is not None and _less(after, before)
        if self.weaker_when == "older":
            own, other = version_of(after), version_of(before)
            return own is not None and other is not None and own < other
        return False


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def _less(one: object, other: object) -> bool:
    return (_number(one) or 0.0) < (_number(other) or 0.0)


def find_changes(
    versions: pd.DataFrame, rules: Sequence[Rule], watched: Sequence[WatchedSetting], as_of_date: date
) -> pd.DataFrame:
    """One row (CHANGE_COLUMNS) per element, setting and change that weakened or altered it.

    Weakened: a rule that was kept is broken since, or the setting is weaker by itself. Other changes are told
    where the setting says so, but not those that only end a violation. A weakened setting is restored once its newest
    value breaks no such rule and is no weaker than the one before; what was first entered is no change.

    Args:
        versions: all versions, element_id, provider_id, zone_id, element_name, element_type, vendor, software_version,
            end_of_support_on, configuration, valid_from (with time zone), by element and time.
        rules: the seed's.
        watched: settings whose changes are told.
        as_of_date: for rules that ask for a day.
    """
    rows = []
    for _, own in versions.groupby("element_id", sort=True):
        history = records(own)
        last = history[-1]
        for earlier, later in pairwise(history):
            before, after = parsed(earlier["configuration"]), parsed(later["configuration"])
            if before is None or after is None or before == after:
                continue
            for setting in watched:
                change = _change(setting, earlier, later, last, rules, as_of_date)
                if change is not None:
                    rows.append(change)
    return pd.DataFrame(rows, columns=list(CHANGE_COLUMNS))


def _change(
    setting: WatchedSetting,
    earlier: Mapping[str, object],
    later: Mapping[str, object],
    last: Mapping[str, object],
    rules: Sequence[Rule],
    as_of_date: date,
) -> list[object] | None:
    """The row of one setting between two versions; None where nothing is to be told."""
    path = setting.json_path
    before, after = (_plain(setting_at(parsed(one["configuration"]), path)) for one in (earlier, later))
    if before == after:
        return None
    own = [rule for rule in rules if rule.json_path == path
           and rule.concerns(str(later["element_type"]), str(later["vendor"]))]  # fmt: skip
    broken_before, broken, broken_now = (
        {rule.rule_id for rule in own if verdict(rule, settings_of(one), as_of_date)[0] == BROKEN}
        for one in (earlier, later, last)
    )
    new = sorted(broken - broken_before)
    is_weaker = bool(new) or setting.is_weaker(before, after)
    if not is_weaker and (not setting.is_told_otherwise or (broken_before and not broken)):
        return None
    now = _plain(setting_at(parsed(last["configuration"]), path))
    is_restored = is_weaker and not (set(new) & broken_now) and not setting.is_weaker(before, now)
    # Rules of a setting that nothing says any more are not known to be kept.
    if is_restored and new and not _all_kept(new, own, last, as_of_date):
        is_restored = False
    severity = max(
        [setting.severity, *(rule.severity for rule in own if rule.rule_id in new)],
        key=("low", "medium", "high", "critical").index,
    )
    kind = WEAKENED if is_weaker else CHANGED
    actions = [rule.recommended_action for rule in own if rule.rule_id in new] or [setting.recommended_action]
    description = f"{path} went from {_said(before)} to {_said(after)}"
    return [
        later["element_id"], later["provider_id"], later["zone_id"], later["element_name"], path, kind,
        severity if is_weaker else "low", later["valid_from"], before, after, new, is_restored, description, actions[0],
    ]  # fmt: skip


def _all_kept(rule_ids: Sequence[str], rules: Sequence[Rule], last: Mapping[str, object], as_of_date: date) -> bool:
    settings = settings_of(last)
    return all(verdict(rule, settings, as_of_date)[0] == KEPT for rule in rules if rule.rule_id in rule_ids)


def _plain(value: object) -> object:
    """A value as JSON has it; None where there is none."""
    return value if isinstance(value, str | bool | int | float | list | dict) else None


def _said(value: object) -> str:
    if value is None:
        return "nothing"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
