"""The second road: every figure recomputed from the landed files by code that shares nothing with the pipeline.

Not here: anything of ingestion, orchestration or dbt_project but the contracts, read as data.
"""
