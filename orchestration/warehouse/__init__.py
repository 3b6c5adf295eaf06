"""The warehouse's settings, server and connection.

Not here: Dagster, tables, rows.
"""
