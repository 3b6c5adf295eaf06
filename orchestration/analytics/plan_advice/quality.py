"""What a line really gets: a fault where it is far under its plan's speed, saturation where its use fills that speed.

Not here: which faster plan is offered (advice), where tests and use are read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from orchestration.analytics.plan_advice.subjects import Parameters

# Lines are often provisioned a little above what is advertised.
_TOLERANCE = 1.1


@dataclass(frozen=True)
class SpeedTest:
    """One measurement: download in Mbps, and what the plan of that day advertised."""

    measured_mbps: Decimal
    advertised_mbps: Decimal

    @property
    def percentage(self) -> Decimal:
        return 100 * self.measured_mbps / self.advertised_mbps


@dataclass(frozen=True)
class Line:
    """Speed tests of the quality window, and the busiest hour's mean Mbps of each day of the saturation window."""

    tests: Sequence[SpeedTest] = ()
    busiest_mbps: Sequence[float] = ()


@dataclass(frozen=True)
class Fault:
    """The line gets too little: mean measured Mbps and percentage of the advertised, tests, and the share under it."""

    measured_mbps: Decimal
    percentage: Decimal
    tests: int
    share_below: Decimal


@dataclass(frozen=True)
class Saturation:
    """The plan is too slow: days whose busiest hour came near its speed, days looked at, the highest hour's Mbps."""

    days: int
    observed_days: int
    peak_mbps: float


def find_fault(line: Line, parameters: Parameters) -> Fault | None:
    """A fault where the mean test is under the threshold and there were tests enough."""
    count = len(line.tests)
    if count < parameters.quality_minimum_tests:
        return None
    percentage = sum((test.percentage for test in line.tests), Decimal(0)) / count
    if percentage >= parameters.quality_fault_percentage:
        return None
    below = sum(test.percentage < parameters.quality_fault_percentage for test in line.tests)
    measured = sum((test.measured_mbps for test in line.tests), Decimal(0)) / count
    return Fault(measured, percentage, count, Decimal(below) / count)


def find_saturation(line: Line, speed_mbps_down: Decimal | None, parameters: Parameters) -> Saturation | None:
    """Saturation where the busiest hour came near the plan's speed on enough of the days; an hour is its mean.

    An hour over the plan's speed is none: its records stand for more than an hour. Such a day tells nothing.
    """
    if not speed_mbps_down or not line.busiest_mbps:
        return None
    near = float(speed_mbps_down * parameters.saturation_percentage / 100)
    told = [mbps for mbps in line.busiest_mbps if mbps <= float(speed_mbps_down) * _TOLERANCE]
    days = sum(mbps >= near for mbps in told)
    if len(told) < parameters.saturation_minimum_days or days == 0:
        return None
    if days * 100 < parameters.saturation_days_percentage * len(told):
        return None
    return Saturation(days, len(told), max(told))
