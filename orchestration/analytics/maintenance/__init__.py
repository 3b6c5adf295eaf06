"""What fails next, why, and when to go there: mathematics of predictive maintenance, and a trainer for several classes.

Not here: Dagster, databases, outage records against measurements (orchestration.analytics.outages).
"""

from orchestration.analytics.maintenance.classes import ClassEvaluation, train_and_evaluate_classes
from orchestration.analytics.maintenance.errors import MaintenanceDataError

__all__ = ["ClassEvaluation", "MaintenanceDataError", "train_and_evaluate_classes"]
