"""Whether a newly trained model may take the place of the last.

Not here: which rows both are judged on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

from orchestration.analytics.churn.evaluation import area_under_curve, base_rate_brier, brier_score, floats, log_loss


@dataclass(frozen=True)
class Promotion:
    """The decision, its reason in words with the figures, and the figures; those of the last model None without one."""

    is_promoted: bool
    reason: str
    candidate_log_loss: float
    last_log_loss: float | None
    candidate_auc: float
    last_auc: float | None


def promotion(
    label: npt.ArrayLike, candidate: npt.ArrayLike, last: npt.ArrayLike, *, name: str = "the last model"
) -> Promotion:
    """A model that is worse than the last one on the same rows, by log loss, is not promoted.

    Log loss is a proper score, and where 2 % leave it tells more than the Brier score, to which all models are near 0.

    Args:
        label: 0 or 1 per row, of months that neither model was trained on.
        candidate: probabilities of the new model.
        last: probabilities of the one in use.
        name: of the one in use, for the reason.
    """
    new, old = log_loss(label, candidate), log_loss(label, last)
    auc_new, auc_old = area_under_curve(label, candidate), area_under_curve(label, last)
    is_better = new <= old
    reason = (
        f"{'promoted' if is_better else 'not promoted'}: on the same {len(floats(label))} rows, of which"
        f" {int(floats(label).sum())} left, its log loss is {new:.5f} and {name}'s {old:.5f}"
        f" (AUC {auc_new:.4f} and {auc_old:.4f})"
    )
    return Promotion(is_better, reason, new, old, auc_new, auc_old)


def first_promotion(label: npt.ArrayLike, candidate: npt.ArrayLike) -> Promotion:
    """The first model is promoted if it tells more than the base rate, by the Brier score of months not trained on."""
    brier, base = brier_score(label, candidate), base_rate_brier(label)
    is_better = brier < base
    reason = (
        f"{'promoted' if is_better else 'not promoted'}: no model before it; on {len(floats(label))} rows, of which"
        f" {int(floats(label).sum())} left, its Brier score is {brier:.5f} and the base rate's {base:.5f}"
    )
    auc = area_under_curve(label, candidate)
    return Promotion(is_better, reason, log_loss(label, candidate), None, auc, None)
