"""The mathematics of the Python assets: pure functions from frames to frames.

Not here: Dagster, databases, files.
"""
