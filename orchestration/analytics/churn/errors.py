"""What is wrong with data that churn cannot be learned from or told for.

Not here: anything else.
"""


class ChurnDataError(ValueError):
    """Says what was found, what was expected and what to do."""
