"""What each column of a feature frame is: a number, a category, a date, or nothing to learn from; and its values.

Not here: how a model sees them (encoding).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from orchestration.analytics.churn.errors import ChurnDataError
from orchestration.analytics.churn.labels import Floats

Values: TypeAlias = Floats | npt.NDArray[np.object_]

NUMBER, CATEGORY, DATE = "number", "category", "date"
# Spellings of a missing value in files; "None" and "Unknown" are answers as often, so they stay categories.
_BLANK = frozenset({"", "na", "n/a", "nan", "null", "nil", "?", "-", "<na>", "nat", "#n/a"})
_ID_NAME = re.compile(
    r"((^|[_\W])(id|uuid|guid|key)|(row|phone)[ _]?number|phone|clientnum|msisdn|email|(customer|user|account)id)$",
    re.IGNORECASE,
)
_NUMBER_TEXT = re.compile(r"^[$€£]?\s*[-+]?[\d,]*\.?\d+(e[-+]?\d+)?\s*%?$", re.I)
_DATE_TEXT = re.compile(r"^\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T].*)?$")
_DATE_FORMATS = ("ISO8601", "%m/%d/%Y", "%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%m-%d-%Y", "%Y/%m/%d")
# A text of which more than half of the values are different names the row; so does an integer that counts rows.
_IDENTIFIER_SHARE = 0.5
_PARSED_SHARE = 0.95
_NUMBER_OBJECTS = frozenset({"decimal", "integer", "floating", "mixed-integer-float", "boolean"})


@dataclass(frozen=True)
class Column:
    """How a column is read: `kind` NUMBER, CATEGORY or DATE (days since 1970), `date_format` of dates in text."""

    name: str
    kind: str
    date_format: str | None = None

    def read(self, series: pd.Series) -> Values:
        """Its values: floats with NaN where there is none, or texts with None."""
        if self.kind == CATEGORY:
            return _texts(series).to_numpy(dtype=object)
        if self.kind == DATE:
            return _days(series, self.date_format)
        return _numbers(series)


def judge_columns(
    features: pd.DataFrame, groups: npt.NDArray[np.object_] | None = None
) -> tuple[list[Column], dict[str, str]]:
    """How each column is read, and why each of the others is not used.

    Args:
        features: any frame, one row per case.
        groups: the entity of each row; a category with as many values as there are entities names them.

    Raises:
        ChurnDataError: two columns of one name, no column that anything can be learned from.
    """
    repeated = features.columns[features.columns.duplicated()].tolist()
    if repeated:
        raise ChurnDataError(f"two columns are named {repeated[0]}: give each a name of its own")
    entities = len(features) if groups is None else len(pd.unique(groups))
    used, dropped = [], {}
    for name in features.columns:
        found = _judge(str(name), features[name], entities)
        if isinstance(found, Column):
            used.append(found)
        else:
            dropped[str(name)] = found
    if not used:
        why = "; ".join(f"{name}: {reason}" for name, reason in list(dropped.items())[:5]) or "there is no column"
        raise ChurnDataError(f"nothing to learn from in {len(features)} rows ({why}): give columns that differ by row")
    return used, dropped


def read_columns(columns: Sequence[Column], features: pd.DataFrame) -> dict[str, Values]:
    """The values of the columns by name; others of the frame are passed over.

    Raises:
        ChurnDataError: a column is not in the frame.
    """
    names = {str(name): name for name in features.columns}
    missing = [column.name for column in columns if column.name not in names]
    if missing:
        raise ChurnDataError(
            f"the frame lacks {', '.join(missing[:5])}, of the {len(columns)} columns that the model was trained on:"
            " give them, null where a value is not known"
        )
    return {column.name: column.read(features[names[column.name]]) for column in columns}


def _judge(name: str, series: pd.Series, entities: int) -> Column | str:
    plain = _plain(series)
    texts = _given(plain)
    if texts.empty:
        return "no value"
    distinct = texts.nunique()
    if distinct == 1 and len(texts) == len(series):
        return "one value only"
    column = column_of(name, series)
    if column.kind == NUMBER:
        numbers = _numbers(plain)
        known = numbers[~np.isnan(numbers)]
        if known.size and np.array_equal(known, np.floor(known)):
            if distinct == len(series) and _names_rows(name, known):
                return "names the row"
            if _ID_NAME.search(name) and distinct > 2:
                column = Column(name, CATEGORY)
    if column.kind == CATEGORY and distinct > max(_IDENTIFIER_SHARE * min(len(texts), entities), 10):
        return "names the row"
    return column


def _given(plain: pd.Series) -> pd.Series:
    return plain.dropna() if pd.api.types.is_numeric_dtype(plain) else _texts(plain).dropna()


def column_of(name: str, series: pd.Series) -> Column:
    """How the column is read, whether or not anything can be learned from it."""
    series = _plain(series)
    texts = _given(series)
    if pd.api.types.is_numeric_dtype(series) or pd.api.types.is_timedelta64_dtype(series):
        return Column(name, NUMBER)
    if pd.api.types.is_datetime64_any_dtype(series) or series.dropna().map(lambda value: isinstance(value, date)).all():
        return Column(name, DATE)
    some = pd.Series(texts.unique())
    if pd.to_numeric(some.map(_plain_number), errors="coerce").notna().all():
        return Column(name, NUMBER)
    if some.str.match(_DATE_TEXT).mean() >= _PARSED_SHARE:
        for form in _DATE_FORMATS:
            if pd.to_datetime(some, format=form, errors="coerce", utc=True).notna().mean() >= _PARSED_SHARE:
                return Column(name, DATE, form)
    return Column(name, CATEGORY)


def _plain(series: pd.Series) -> pd.Series:
    """Objects that are all numbers (a database's decimals too) or booleans as numbers; anything else as it is."""
    if pd.api.types.is_bool_dtype(series):
        return series.astype("float64")
    if series.dtype == object and pd.api.types.infer_dtype(series, skipna=True) in _NUMBER_OBJECTS:
        return pd.to_numeric(series.map(float, na_action="ignore"), errors="coerce")
    return series


def _names_rows(name: str, known: Floats) -> bool:
    """Whether whole numbers that are all different are a running number or are called an id."""
    is_running = len(known) > 50 and known.max() - known.min() < 1.5 * len(known)
    return bool(is_running or _ID_NAME.search(name))


def _texts(series: pd.Series) -> pd.Series:
    """Each value as a text without blanks around it; None where there is no value."""
    return series.astype(object).map(_text)


def _text(value: Any) -> str | None:
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, (float, np.floating)):
        number = float(value)
        return None if np.isnan(number) else str(int(number)) if number.is_integer() else repr(number)
    text = str(value).strip()
    return None if text.lower() in _BLANK else text


def _plain_number(text: str) -> str | None:
    if text in ("True", "False"):
        return str(int(text == "True"))
    if not _NUMBER_TEXT.match(text):
        return None
    return text.strip("$€£% ").replace(",", "")


def _numbers(series: pd.Series) -> Floats:
    series = _plain(series)
    if pd.api.types.is_timedelta64_dtype(series):
        values = series.dt.total_seconds().to_numpy(dtype=np.float64) / 86_400
    elif pd.api.types.is_numeric_dtype(series):
        values = series.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        texts = _texts(series).map(_plain_number, na_action="ignore")
        values = pd.to_numeric(texts, errors="coerce").to_numpy(np.float64)
    finite: Floats = np.where(np.isfinite(values), values, np.nan)
    return finite


def _days(series: pd.Series, date_format: str | None) -> Floats:
    if date_format is None:
        moments = pd.to_datetime(series, errors="coerce", utc=True)
    else:
        moments = pd.to_datetime(_texts(series), format=date_format, errors="coerce", utc=True)
    seconds = (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds()
    days: Floats = np.asarray(seconds, dtype=np.float64) / 86_400
    return days
