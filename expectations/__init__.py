"""What is expected of data at the borders, as great-expectations suites, and the runner that judges it.

Not here: Dagster; what a row must look like by itself (the contracts); what stands on a failed check.
"""
