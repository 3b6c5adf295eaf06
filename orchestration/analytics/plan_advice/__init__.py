"""Plan advice: which plan each service should have, by re-rating its own last billing months on every plan.

Not here: prices (orchestration.analytics.rating), reading and writing tables (orchestration.defs.plans).
"""
