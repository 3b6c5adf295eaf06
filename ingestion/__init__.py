"""Landed files to raw tables: contracts, reading, rules, encoding, loading, the ledger.

Not here: Dagster, dbt, anything that looks at what the rows mean together.
"""
