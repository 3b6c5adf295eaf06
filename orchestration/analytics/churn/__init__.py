"""Who will leave: trained on who left, calibrated, explained and judged by later months.

Not here: Dagster, databases, what makes a leaver.
"""

from orchestration.analytics.churn.errors import ChurnDataError
from orchestration.analytics.churn.model import ChurnModel
from orchestration.analytics.churn.training import ChurnEvaluation, train_and_evaluate

__all__ = ["ChurnDataError", "ChurnEvaluation", "ChurnModel", "train_and_evaluate"]
