"""Forecasts of any regular series with honest intervals: `forecast`.

Not here: what is made of them (orchestration.analytics.capacity).
"""

from orchestration.analytics.forecasting.forecaster import METHOD_VERSION, forecast

__all__ = ["METHOD_VERSION", "forecast"]
