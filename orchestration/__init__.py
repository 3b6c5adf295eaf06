"""Names and runs every step: Dagster definitions, the warehouse's server and settings, the commands.

Not here: how a file is loaded (ingestion) or what a table means (dbt_project).
"""
