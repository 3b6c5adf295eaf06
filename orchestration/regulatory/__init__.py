"""Filings: rows to bytes, packages, their states.

Not here: Dagster; the web pages (orchestration.desk); the rows behind a filing (dbt's models of schema regulatory).
"""
