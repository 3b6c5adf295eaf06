"""Pictures of incidents: what was expected, its band, and what was.

Not here: the figures; turning a picture into a file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import altair as alt
import pandas as pd

from orchestration.analytics.security_monitoring.findings import UNITS

# So much before and after an incident is shown.
_AROUND = pd.Timedelta(days=2)


def plot_incidents(
    scores: pd.DataFrame, findings: Sequence[Mapping[str, object]], time_zones: Mapping[str, str]
) -> dict[str, alt.LayerChart]:
    """One picture per incident, by finding_id: the element and the measure that were furthest off.

    Args:
        scores: of score_hours.
        findings: rows of incident_findings.
        time_zones: by element, for the axis.
    """
    return {str(one["finding_id"]): plot_incident(scores, one, time_zones) for one in findings}


def plot_incident(
    scores: pd.DataFrame, finding: Mapping[str, object], time_zones: Mapping[str, str]
) -> alt.LayerChart:  # fmt: skip
    """The hours of an incident and two days around it."""
    evidence, element_id = finding["evidence"], str(finding["element_id"])
    measure = str(evidence["peak_measure"]) if isinstance(evidence, Mapping) else ""
    begin, end = pd.Timestamp(str(finding["first_seen_at"])), pd.Timestamp(str(finding["last_seen_at"]))
    is_own = scores["element_id"].eq(element_id) & scores["measure"].eq(measure)
    own = scores[is_own & (scores["hour_at"] >= begin - _AROUND) & (scores["hour_at"] < end + _AROUND)]
    zone = time_zones[element_id]
    frame = own.assign(
        is_abnormal=(own["hour_at"] >= begin) & (own["hour_at"] < end),
        hour=own["hour_at"].dt.tz_convert(zone).dt.strftime("%Y-%m-%dT%H:%M:%S"),
    )[["hour", "observed", "expected", "lower", "upper", "is_abnormal"]]
    hours = alt.X("hour:T", title=f"local time ({zone})")
    base = alt.Chart(alt.Data(values=frame.round(3).to_dict("records"))).encode(x=hours)
    return (
        alt.layer(
            base.mark_area(opacity=0.25).encode(y=alt.Y("lower:Q", title=UNITS[measure]), y2="upper:Q"),
            base.mark_line(strokeDash=[4, 3]).encode(y="expected:Q"),
            base.mark_line(color="black", strokeWidth=1).encode(y="observed:Q"),
            base.mark_point(color="firebrick", filled=True, size=40)
            .encode(y="observed:Q")
            .transform_filter("datum.is_abnormal"),
        )
        .properties(width=640, height=200, title=str(finding["description"]))
        .resolve_scale(y="shared")
    )
