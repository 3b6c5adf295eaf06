"""Pictures of three incidents that were found, for docs/security_monitoring.md; the bench of the part draws them.

Not here: finding them.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd
import vl_convert

from benchmarks.landed_network import read_network
from benchmarks.warehouse import ROOT
from orchestration.analytics.security_monitoring.charts import plot_incident
from orchestration.analytics.security_monitoring.findings import incident_findings
from orchestration.analytics.security_monitoring.parameters import IncidentKind, Parameters
from orchestration.analytics.security_monitoring.records import records

PICTURES = ROOT / "docs" / "pictures"


def draw(
    folder: Path,
    incidents: pd.DataFrame,
    scores: pd.DataFrame,
    kinds: tuple[IncidentKind, ...],
    parameters: Parameters,
    pictures: Path,
) -> list[Path]:
    """One picture per kind: of the incident in the middle by how far it was off."""
    elements = read_network(folder / "landing").versions.drop_duplicates("element_id", keep="last")
    as_of = datetime.fromisoformat((folder / "as_of").read_text(encoding="utf-8"))
    zones = dict(zip(elements["element_id"], elements["time_zone"], strict=True))
    written = []
    for kind in kinds:
        own = incidents[incidents["finding_kind"].eq(kind.finding_kind)].sort_values(["peak_score", "element_id"])
        chosen = own.iloc[[len(own) // 2]]
        (finding,) = records(incident_findings(chosen, elements, {}, kinds, parameters, as_of, {}))
        path = pictures / f"security_{kind.finding_kind}.png"
        path.write_bytes(vl_convert.vegalite_to_png(plot_incident(scores, finding, zones).to_dict(), scale=1.2))
        written.append(path)
    return written
