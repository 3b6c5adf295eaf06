"""Who will leave: trained on who left, calibrated, explained and judged by later months.

Not here: Dagster, databases, what makes a leaver.
"""

from orchestration.analytics.churn.charts import plot_calibration, plot_gain
from orchestration.analytics.churn.drift import drift, population_stability
from orchestration.analytics.churn.errors import ChurnDataError
from orchestration.analytics.churn.evaluation import (
    Interval,
    area_under_curve,
    auc_difference,
    base_rate_brier,
    brier_score,
    calibration_table,
    expected_calibration_error,
    gain_table,
    log_loss,
    top_decile_lift,
)
from orchestration.analytics.churn.horizons import probabilities_by_horizon
from orchestration.analytics.churn.lifetime import expected_loss, remaining_months
from orchestration.analytics.churn.model import ChurnModel, Told
from orchestration.analytics.churn.over_time import OverTime, evaluate_by_period, evaluate_over_time
from orchestration.analytics.churn.profit import ExpectedProfit, ProfitParameters, expected_maximum_profit
from orchestration.analytics.churn.promotion import Promotion, first_promotion, promotion
from orchestration.analytics.churn.retention import RetentionResult, newcombe_interval, retention_result
from orchestration.analytics.churn.segments import SegmentResult, ready_rows, train_segments
from orchestration.analytics.churn.training import ChurnEvaluation, train_and_evaluate

__all__ = [
    "ChurnDataError",
    "ChurnEvaluation",
    "ChurnModel",
    "ExpectedProfit",
    "Interval",
    "OverTime",
    "ProfitParameters",
    "Promotion",
    "RetentionResult",
    "SegmentResult",
    "Told",
    "area_under_curve",
    "auc_difference",
    "base_rate_brier",
    "brier_score",
    "calibration_table",
    "drift",
    "evaluate_by_period",
    "evaluate_over_time",
    "expected_calibration_error",
    "expected_loss",
    "expected_maximum_profit",
    "first_promotion",
    "gain_table",
    "log_loss",
    "newcombe_interval",
    "plot_calibration",
    "plot_gain",
    "population_stability",
    "probabilities_by_horizon",
    "promotion",
    "ready_rows",
    "remaining_months",
    "retention_result",
    "top_decile_lift",
    "train_and_evaluate",
    "train_segments",
]
