"""Made-up hours and inventory of network elements, and the shipped parameters, for tests of security monitoring.

Not here: assertions.
"""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from benchmarks.security_monitoring import read_rulebook

RULEBOOK = read_rulebook()
BEGIN = pd.Timestamp("2026-05-04T00:00:00Z")
HOUR = pd.Timedelta(hours=1)
RHYTHM = np.array([22, 16, 12, 10, 10, 14, 22, 34, 42, 46, 48, 52, 56, 56, 56, 58, 62, 68, 76, 84, 88, 80, 60, 36]) / 88


def make_hours(
    elements: Sequence[str] = ("a",), weeks: float = 12, *, noise: float = 0.08, time_zone: str = "UTC",
    begin: pd.Timestamp = BEGIN, seed: int = 0, provider: str = "p",
) -> pd.DataFrame:  # fmt: skip
    """Hours with a daily rhythm by local time and noise, connections in step with traffic."""
    rng = np.random.default_rng(seed)
    at = pd.date_range(begin, periods=int(weeks * 168), freq="h")
    rhythm = RHYTHM[at.tz_convert(time_zone).hour]
    frames = []
    for number, element in enumerate(elements):
        mbps = 400 * (1 + number / 5) * rhythm * np.exp(rng.normal(0, noise, len(at)))
        frames.append(
            pd.DataFrame(
                {
                    "element_id": element, "provider_id": provider, "time_zone": time_zone, "hour_at": at,
                    "throughput_mbps": mbps,
                    "uplink_throughput_mbps": mbps / 5 * np.exp(rng.normal(0, noise, len(at))),
                    "connections_count": np.floor(mbps * 2 * np.exp(rng.normal(0, noise, len(at)))),
                    "availability_percentage": 100.0,
                }
            )
        )  # fmt: skip
    return pd.concat(frames, ignore_index=True)


def constant_hours(weeks: float = 10, level: float = 100.0) -> pd.DataFrame:
    """Hours of one element that never change."""
    hours = make_hours(weeks=weeks, noise=0)
    return hours.assign(throughput_mbps=level, uplink_throughput_mbps=level, connections_count=level)


def change(hours: pd.DataFrame, element: str, start: pd.Timestamp, length: int, **factors: float) -> pd.DataFrame:
    """The hours with columns of an element multiplied over some hours."""
    own = hours["element_id"].eq(element) & hours["hour_at"].between(start, start + (length - 1) * HOUR)
    assert own.sum() == length
    changed = hours.copy()
    for column, factor in factors.items():
        changed.loc[own, column] *= factor
    return changed


# A configuration that breaks no rule.
GOOD = {
    "protocols": ["ssh", "snmp", "https"], "snmp_version": "3", "tls_min_version": "1.2",
    "ciphers": ["TLS_AES_256_GCM_SHA384"], "default_credentials": False, "management_exposed": False,
    "encryption_enabled": True, "ntp_synchronised": True, "firmware_version": "5.1", "acl_count": 10,
}  # fmt: skip


def element(configuration: object = None, element_id: str = "e", **more: object) -> dict[str, object]:
    """A row of the inventory, with the good configuration unless another is given."""
    return {
        "element_id": element_id, "provider_id": "p", "zone_id": "z", "element_name": "E", "element_type": "router",
        "vendor": "Nordlink", "software_version": "5.1", "end_of_support_on": date(2030, 1, 1),
        "configuration": GOOD if configuration is None else configuration, **more,
    }  # fmt: skip
