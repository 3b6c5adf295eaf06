"""What the mathematics of maintenance cannot work with.

Not here: anything else.
"""


class MaintenanceDataError(ValueError):
    """Given data that nothing can be learned from; says what was found, and what to give."""
