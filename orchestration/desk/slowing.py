"""Guessing of passwords made slow: after five wrong ones in a row each further try waits, twice as long each time.

Not here: who is let in (signing_in). Counted per name and per address, in memory.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

FREE_TRIES = 5
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 10.0, 600.0
# Who was quiet for so long begins anew.
FORGET_SECONDS = 3600.0
_MOST_KEYS = 20_000


@dataclass
class _Tries:
    wrong: int
    last: float
    until: float


class Slowdown:
    """Wrong tries by key (a name, an address); every method may be called from any thread.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: dict[str, _Tries] = {}
        self._lock = threading.Lock()

    def enter(self, keys: Collection[str]) -> float:
        """Begins a try. It counts as wrong until `right` or `forgive` says otherwise: many at once are no way around.

        Returns:
            0, or for how many seconds no try may be made; then this was none.
        """
        now = self._clock()
        with self._lock:
            waits = [self._tries[key].until - now for key in keys if key in self._tries]
            if max(waits, default=0.0) > 0:
                return max(waits)
            self._forget(now)
            for key in keys:
                tries = self._tries.setdefault(key, _Tries(0, now, 0.0))
                tries.wrong, tries.last = tries.wrong + 1, now
                if tries.wrong >= FREE_TRIES:
                    # The exponent is bounded before it is one: a million wrong tries are no number of seconds.
                    factor = 2.0 ** min(tries.wrong - FREE_TRIES, 10)
                    tries.until = now + min(FIRST_WAIT_SECONDS * factor, LONGEST_WAIT_SECONDS)
        return 0.0

    def right(self, keys: Collection[str]) -> None:
        """The try was right: its keys begin anew."""
        with self._lock:
            for key in keys:
                self._tries.pop(key, None)

    def forgive(self, keys: Collection[str]) -> None:
        """The try told nothing, since nobody answered: it does not count."""
        with self._lock:
            for key in keys:
                if key in self._tries:
                    self._tries[key].wrong -= 1
                    self._tries[key].until = 0.0

    def _forget(self, now: float) -> None:
        old = [key for key, tries in self._tries.items() if now - tries.last > FORGET_SECONDS]
        oldest = sorted(self._tries, key=lambda key: self._tries[key].last)
        for key in old + oldest[: max(0, len(oldest) - _MOST_KEYS)]:
            self._tries.pop(key, None)
