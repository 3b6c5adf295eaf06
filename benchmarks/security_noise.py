"""False alarms on made-up hours whose noise has a memory, as real traffic's has and the sample operator's has not.

Not here: attacks; the sample operator.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.signal import lfilter

from benchmarks import report
from orchestration.analytics.security_monitoring.baseline import score_hours
from orchestration.analytics.security_monitoring.incidents import find_incidents
from orchestration.analytics.security_monitoring.parameters import Measure, Parameters

ELEMENTS, WEEKS, SEED = 20, 30, 11
DEVIATION = 0.15
MEMORIES = (0.0, 0.5, 0.8, 0.95)


def make_noisy_hours(memory: float) -> pd.DataFrame:
    """Hours of elements without an attack; each hour keeps `memory` of how far the one before was off."""
    rng = np.random.default_rng(SEED)
    at = pd.date_range("2026-01-05", periods=WEEKS * 168, freq="h", tz="UTC")
    rhythm = 0.55 - 0.45 * np.cos(2 * np.pi * (at.hour.to_numpy() - 4) / 24)
    frames = []
    for number in range(ELEMENTS):
        shocks = rng.normal(0, DEVIATION * np.sqrt(1 - memory**2), len(at))
        mbps = 500 * rhythm * np.exp(lfilter([1], [1, -memory], shocks))
        apart = np.exp(rng.normal(0, 0.06, (2, len(at))))
        frames.append(
            pd.DataFrame(
                {
                    "element_id": f"{number:02d}", "provider_id": "p", "time_zone": "UTC", "hour_at": at,
                    "throughput_mbps": mbps, "uplink_throughput_mbps": mbps / 5 * apart[0],
                    "connections_count": np.floor(2 * mbps * apart[1]), "availability_percentage": 100.0,
                }
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def false_alarms(parameters: Parameters, measures: tuple[Measure, ...]) -> str:
    """The table of the page."""
    rows = []
    for memory in MEMORIES:
        scores = score_hours(make_noisy_hours(memory), parameters, measures)
        weeks = len(scores.drop_duplicates(["element_id", "hour_at"])) / 168
        alarms = len(find_incidents(scores, parameters, measures, {}))
        rows.append([f"{memory:g}", f"{weeks:,.0f}", str(alarms), f"{alarms / weeks:.5f}"])
    return report.table(["memory of an hour", "element-weeks", "false alarms", "per element and week"], rows)
