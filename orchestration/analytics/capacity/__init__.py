"""Capacity planning: demand ahead, the equipment that will be there, and what the difference asks for.

Not here: forecasting as such (orchestration.analytics.forecasting), reading and writing tables.
"""
