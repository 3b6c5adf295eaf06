"""What an operator may set: the parameters of the baseline and of incidents, the measures, kinds, rules and levels.

Not here: what is done with them; the seeds themselves (dbt_project/seeds/security_*.csv).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

SEVERITIES = ("low", "medium", "high", "critical")


@dataclass(frozen=True)
class Parameters:
    """The seed security_parameters, a field for each parameter; `_percentage` are percent, `_score` robust z-scores."""

    history_weeks: float
    least_history_weeks: float
    judged_days: float
    scale_hours: float
    least_scale_percentage: float
    most_level_shift_percentage: float
    common_shift_elements: float
    most_common_shift_percentage: float
    least_availability_percentage: float
    hour_score: float
    sustained_score: float
    sustained_hours: float
    long_score: float
    long_hours: float
    least_rise_percentage: float
    silent_percentage: float
    silent_hours: float
    gap_hours: float
    closing_hours: float
    change_closing_hours: float
    monitoring_hours: float
    raise_from_elements: float
    raise_from_hours: float
    raise_from_ratio: float
    raise_from_customers: float

    @classmethod
    def of(cls, values: Mapping[str, float]) -> Parameters:
        """From the seed's values by parameter; one too few or too many is a ValueError that names it."""
        expected = {field.name for field in fields(cls)}
        if expected != set(values):
            raise ValueError(
                f"the seed security_parameters lacks {sorted(expected - set(values)) or 'nothing'} and has unknown"
                f" {sorted(set(values) - expected) or 'nothing'}; expected exactly one row each of {sorted(expected)}"
            )
        return cls(**values)


@dataclass(frozen=True)
class Measure:
    """A measure of an hour: differences below `least_difference` never alarm; `least_level` steadies small values."""

    measure: str
    least_level: float
    least_difference: float


@dataclass(frozen=True)
class IncidentKind:
    """A kind of incident: its severity where nothing raises it, and what to do."""

    finding_kind: str
    severity: str
    title: str
    recommended_action: str


@dataclass(frozen=True)
class Level:
    """A status: of scores over `over_score`."""

    security_status: str
    over_score: float


@dataclass(frozen=True)
class Scoring:
    """Points by severity, statuses by score."""

    points: Mapping[str, float]
    levels: tuple[Level, ...]


def raised(severity: str, steps: int) -> str:
    """The severity so many steps higher, critical at most."""
    return SEVERITIES[min(SEVERITIES.index(severity) + steps, len(SEVERITIES) - 1)]
