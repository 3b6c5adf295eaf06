"""A churn model as bytes, and back: plain JSON, compressed, that needs no library of its day to be read.

Not here: where the bytes are kept.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict
from typing import Any

import numpy as np

from orchestration.analytics.churn.columns import Column
from orchestration.analytics.churn.encoding import CategoryCode, Encoder, NumberCode
from orchestration.analytics.churn.errors import ChurnDataError
from orchestration.analytics.churn.fitting import Member, Mix
from orchestration.analytics.churn.linear import Linear
from orchestration.analytics.churn.model import ChurnModel
from orchestration.analytics.churn.trees import Forest

FORM = "churn model 1"


def write_model(model: ChurnModel) -> bytes:
    """Compressed JSON with sorted names; numbers in the shortest form that gives them back exactly."""
    content = {
        "form": FORM,
        "columns": [asdict(column) for column in model.columns],
        "dropped": dict(model.dropped),
        "whole": _member(model.whole),
        "folds": [_member(member) for member in model.folds],
        "mix": {"intercept": model.mix.intercept, "weights": model.mix.weights.tolist()},
        "centre": model.centre.tolist(),
        "settings": dict(model.settings),
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return zlib.compress(text.encode(), 9)


def read_model(content: bytes) -> ChurnModel:
    """The model in the bytes.

    Raises:
        ChurnDataError: they hold none of this form.
    """
    try:
        kept = json.loads(zlib.decompress(content))
        form = kept["form"]
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise ChurnDataError(f"{len(content)} bytes that are no churn model ({error}): train it anew") from error
    if form != FORM:
        raise ChurnDataError(f"a model in the form {form!r}, read is {FORM!r}: train it anew")
    columns = tuple(Column(**column) for column in kept["columns"])
    return ChurnModel(
        columns=columns,
        dropped=kept["dropped"],
        whole=_read_member(kept["whole"], columns),
        folds=tuple(_read_member(member, columns) for member in kept["folds"]),
        mix=Mix(kept["mix"]["intercept"], np.array(kept["mix"]["weights"])),
        centre=np.array(kept["centre"]),
        settings=kept["settings"],
    )


def _member(member: Member) -> dict[str, Any]:
    return {
        "codes": [asdict(code) for code in member.encoder.codes],
        "intercept": member.linear.intercept,
        "weights": member.linear.weights.tolist(),
        "forests": [_forest(forest) for forest in member.forests],
    }


def _read_member(kept: dict[str, Any], columns: tuple[Column, ...]) -> Member:
    codes = tuple(_code(code) for code in kept["codes"])
    return Member(
        encoder=Encoder(columns, codes),
        linear=Linear(kept["intercept"], np.array(kept["weights"])),
        forests=tuple(_read_forest(forest) for forest in kept["forests"]),
    )


def _code(kept: dict[str, Any]) -> NumberCode | CategoryCode:
    lists: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    return CategoryCode(**lists) if "rates" in lists else NumberCode(**lists)


def _forest(forest: Forest) -> dict[str, Any]:
    values = {name: getattr(forest, name).tolist() for name in Forest.ARRAYS}
    return {"base": forest.base, **values}


def _read_forest(kept: dict[str, Any]) -> Forest:
    return Forest(base=kept["base"], **{name: np.array(kept[name], dtype=kind) for name, kind in Forest.ARRAYS.items()})
