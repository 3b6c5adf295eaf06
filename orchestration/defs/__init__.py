"""Thin Dagster definitions: assets, checks, jobs and schedules.

Not here: mathematics, SQL, file formats; a definition calls what does the work and reports what it did.
"""
