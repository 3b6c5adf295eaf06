"""How many threads the loops inside scikit-learn and BLAS may take.

Not here: processes of our own.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

# Two threads grow trees of fewer rows hardly faster than one, and eight times as slowly where others use the cores too:
# they wait for each other by spinning.
ROWS_FOR_THREADS = 200_000


def threads_worth(rows: int) -> AbstractContextManager[object]:
    """A block in which so many rows are fitted on one thread, or on as many as the machine has where that pays."""
    if rows >= ROWS_FOR_THREADS:
        return nullcontext()
    from threadpoolctl import threadpool_limits

    limits: AbstractContextManager[object] = threadpool_limits(1)
    return limits
