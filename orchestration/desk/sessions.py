"""Sessions: a random cookie, one open database connection of the person, and an end.

Not here: who is let in (signing_in); requests (guarding). Nothing of a session is on disk, and no password anywhere.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import psycopg

IDLE_SECONDS = 15 * 60.0
LONGEST_SECONDS = 8 * 3600.0
MOST_SESSIONS_OF_ONE, MOST_SESSIONS = 3, 40
_CLOSE_WAIT_SECONDS = 20.0


class SessionEndedError(RuntimeError):
    """The session is over: its connection is gone, or the person may not file any more."""


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def token_of(secret: bytes, purpose: str) -> str:
    """What a form carries: it fits one purpose of one secret."""
    return hmac.new(secret, purpose.encode(), hashlib.sha256).hexdigest()


@dataclass
class Session:
    """A signed-in person.

    Attributes:
        login: the PostgreSQL role.
        number: what the audit trail calls the session; no secret.
        secret: key of the session's form tokens.
    """

    login: str
    connection: psycopg.Connection = field(repr=False)
    started: float
    used: float
    number: str = field(default_factory=lambda: secrets.token_hex(8))
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32), repr=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    def token(self, path: str) -> str:
        """The token of the form that is sent to a path."""
        return token_of(self.secret, path)

    @contextlib.contextmanager
    def use(self) -> Iterator[psycopg.Connection]:
        """The person's connection, for one request at a time; asks first whether he may still file.

        Raises:
            SessionEndedError: he may not, or the connection is gone.
        """
        with self._lock:
            try:
                may_file = self.connection.execute("select regulatory.may_file()").fetchone()
            except psycopg.Error:
                raise SessionEndedError(f"{self.login}: the connection is gone, or filings are closed to him") from None
            if may_file != (True,):
                raise SessionEndedError(f"{self.login} may not file any more")
            yield self.connection

    def close(self) -> None:
        """Closes the connection, after the request that uses it."""
        is_free = self._lock.acquire(timeout=_CLOSE_WAIT_SECONDS)
        try:
            self.connection.close()
        finally:
            if is_free:
                self._lock.release()


class Sessions:
    """All sessions, by the hash of their cookie; every method may be called from any thread.

    Args:
        clock: seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._all: dict[str, Session] = {}
        self._lock = threading.Lock()

    def _is_over(self, session: Session, now: float) -> bool:
        return now - session.used > IDLE_SECONDS or now - session.started > LONGEST_SECONDS

    def begin(self, login: str, connection: psycopg.Connection) -> tuple[str, Session]:
        """A new session with a new cookie. The oldest of the same person, or of all, end if there are too many."""
        now, cookie = self._clock(), secrets.token_urlsafe(32)
        session = Session(login, connection, now, now)
        with self._lock:
            mine = [key for key, one in self._all.items() if one.login == login]
            extra = mine[: max(0, len(mine) - MOST_SESSIONS_OF_ONE + 1)]
            left = [key for key in self._all if key not in extra]
            extra += left[: max(0, len(left) - MOST_SESSIONS + 1)]
            ended = [self._all.pop(key) for key in extra]
            self._all[_digest(cookie)] = session
        for one in ended:
            one.close()
        return cookie, session

    def find(self, cookie: str) -> Session | None:
        """The session of a cookie; None where there is none, or its time is over."""
        now = self._clock()
        with self._lock:
            session = self._all.get(_digest(cookie))
            if session is not None and not self._is_over(session, now):
                session.used = now
                return session
        self.sweep()
        return None

    def end(self, cookie: str) -> None:
        """Ends a session; nothing where there is none."""
        with self._lock:
            session = self._all.pop(_digest(cookie), None)
        if session is not None:
            session.close()

    def sweep(self) -> None:
        """Ends all sessions whose time is over."""
        now = self._clock()
        with self._lock:
            keys = [key for key, one in self._all.items() if self._is_over(one, now)]
            ended = [self._all.pop(key) for key in keys]
        for one in ended:
            one.close()

    def end_all(self) -> None:
        """Ends every session."""
        with self._lock:
            ended, self._all = list(self._all.values()), {}
        for one in ended:
            one.close()

    def __len__(self) -> int:
        return len(self._all)
