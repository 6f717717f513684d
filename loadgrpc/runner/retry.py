"""Retries inside a test, as clients make them: `@retry(on=ConnectionError, max_retries=3)`.

Rule: what is tried again is a call, of a method or of any function below a test. The hits of its
second attempt have attempt 2, and so on; the summary counts those from 2 as retries. A wait ends
when the run is stopped: the iteration is interrupted then, and what was raised is raised again, so
that the test can tidy up. Without a retry under way nothing of this costs a request anything.
"""

from __future__ import annotations

import functools
import inspect
import random
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeVar, overload
from unittest import SkipTest

MAX_RETRIES: Final = 1_000
MAX_WAIT_S: Final = 86_400.0
LOOK_S: Final = 0.1
"""How soon the wait of an asynchronous test notices that the run is stopped."""

F = TypeVar("F", bound=Callable[..., Any])


class RetryingUser(Protocol):
    """What retries need of the virtual user that makes them."""

    retrying: int
    """Calls that are in their second attempt or a later one."""

    def pause(self, seconds: float, /) -> bool:
        """Waits; whether the run is being stopped, which has interrupted the iteration."""


USER: ContextVar[RetryingUser | None] = ContextVar("user", default=None)
"""Whoever runs here; nobody, outside of a load run."""
ATTEMPT: ContextVar[int] = ContextVar("attempt", default=0)
"""The attempt that is under way here; 0: the first."""


class MaxRetriesExceeded(Exception):
    """The last attempt failed, too; its cause is what that raised."""


@dataclass(frozen=True)
class Waits:
    """How long to wait before each retry, in seconds."""

    first_s: float
    most_s: float
    doubles: bool = True
    jitter: bool = True
    """Full: anything between 0 and the wait."""

    def wait_s(self, retry: int, draw: Callable[[float, float], float] = random.uniform) -> float:
        """Before a retry, from 1; without jitter 1, 2, 4, 8 times the first."""
        # Past 2**63 the wait is at its most, whatever it began with.
        times = 2 ** min(retry - 1, 63) if self.doubles else 1
        wait_s = min(self.most_s, self.first_s * times)
        return draw(0.0, wait_s) if self.jitter else wait_s


@dataclass(frozen=True)
class Policy:
    """What is tried again, how often, and when."""

    on: tuple[type[Exception], ...]
    max_retries: int
    backoff: Waits
    reraise: bool

    def given_up(self, call: Callable[..., Any], error: Exception) -> Exception:
        """What is raised when no retry is left."""
        if self.reraise:
            return error
        name = getattr(call, "__qualname__", repr(call))
        many = f"{self.max_retries} retr{'y' if self.max_retries == 1 else 'ies'}"
        return MaxRetriesExceeded(f"{name} failed after {many}: {type(error).__name__}: {error}")


@overload
def retry(call: F, /) -> F: ...


@overload
def retry(
    *,
    on: type[Exception] | tuple[type[Exception], ...] = Exception,
    max_retries: int = 3,
    backoff: float = 1.0,
    max_backoff: float = 600.0,
    jitter: bool = True,
    countdown: float | None = None,
    reraise: bool = True,
) -> Callable[[F], F]: ...


def retry(
    call: Any = None,
    /,
    *,
    on: type[Exception] | tuple[type[Exception], ...] = Exception,
    max_retries: int = 3,
    backoff: float = 1.0,
    max_backoff: float = 600.0,
    jitter: bool = True,
    countdown: float | None = None,
    reraise: bool = True,
) -> Any:
    """Calls a function again when it raises; asynchronous ones, too.

    Args:
        call: What is decorated, with `@retry` alone.
        on: The exceptions that are worth a retry; an AssertionError may be one of them. Whatever
            ends a user, or skips a test, never is.
        max_retries: How often the function is called again, 0 to 1,000.
        backoff: Seconds before the first retry, doubled before each further one.
        max_backoff: Seconds that a wait has at most.
        jitter: Whether a wait is drawn from between 0 and that, so that users do not retry in
            step.
        countdown: Seconds before every retry, instead of `backoff` and `jitter`.
        reraise: Whether what the last attempt raised is raised in the end; if not,
            MaxRetriesExceeded is, with that as its cause.

    Raises:
        ValueError: an argument is out of range, or `on` is no Exception.
        TypeError: what is decorated is a generator, or no function.
    """
    kinds = on if isinstance(on, tuple) else (on,)
    if not kinds or not all(
        isinstance(each, type) and issubclass(each, Exception) for each in kinds
    ):
        raise ValueError("on: expected an Exception, or several in a tuple")
    if not 0 <= max_retries <= MAX_RETRIES:
        raise ValueError(f"max_retries: expected 0 to {MAX_RETRIES:,}, not {max_retries}")
    times = {"backoff": backoff, "max_backoff": max_backoff, "countdown": countdown or 0.0}
    for name, seconds in times.items():
        if not 0 <= seconds <= MAX_WAIT_S:
            raise ValueError(f"{name}: expected 0 to {MAX_WAIT_S:,.0f} seconds, not {seconds}")
    if countdown is None:
        waits = Waits(backoff, max_backoff, jitter=jitter)
    else:
        waits = Waits(countdown, MAX_WAIT_S, doubles=False, jitter=False)
    policy = Policy(kinds, max_retries, waits, reraise)
    return _retried(policy, call) if call is not None else functools.partial(_retried, policy)


def _retried(policy: Policy, call: Any) -> Any:
    if inspect.isgeneratorfunction(call) or inspect.isasyncgenfunction(call):
        raise TypeError(f"{call.__qualname__} is a generator, which cannot be called again")
    if not callable(call) or isinstance(call, type):
        raise TypeError("@retry is for functions and methods")
    return (_async if inspect.iscoroutinefunction(call) else _plain)(policy, call)


def _plain(policy: Policy, call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def again(*args: Any, **kwargs: Any) -> Any:
        try:
            return call(*args, **kwargs)
        except policy.on as error:
            _check(error)
            failed = error
        for number in range(1, policy.max_retries + 1):
            user = USER.get()
            wait_s = policy.backoff.wait_s(number)
            if user is None:
                time.sleep(wait_s)
            elif user.pause(wait_s):
                raise failed
            try:
                with _attempt(user, number + 1):
                    return call(*args, **kwargs)
            except policy.on as error:
                _check(error)
                failed = error
        raise _last(policy, call, failed)

    return again


def _async(policy: Policy, call: Callable[..., Awaitable[Any]]) -> Callable[..., Any]:
    @functools.wraps(call)
    async def again(*args: Any, **kwargs: Any) -> Any:
        try:
            return await call(*args, **kwargs)
        except policy.on as error:
            _check(error)
            failed = error
        for number in range(1, policy.max_retries + 1):
            user = USER.get()
            if await _waited(policy.backoff.wait_s(number), user):
                raise failed
            try:
                with _attempt(user, number + 1):
                    return await call(*args, **kwargs)
            except policy.on as error:
                _check(error)
                failed = error
        raise _last(policy, call, failed)

    return again


async def _waited(seconds: float, user: RetryingUser | None) -> bool:
    """Waits, and lets other tasks run; whether the run is being stopped."""
    import asyncio  # noqa: PLC0415 - only asynchronous tests come here, who have loaded it

    due_s = time.monotonic() + seconds
    while True:
        if user is not None and user.pause(0.0):
            return True
        left_s = due_s - time.monotonic()
        if left_s <= 0:
            return False
        await asyncio.sleep(left_s if user is None else min(left_s, LOOK_S))


def _check(error: Exception) -> None:
    """Lets through what is no failure: a test that is skipped."""
    if isinstance(error, SkipTest):
        raise error


def _last(policy: Policy, call: Callable[..., Any], error: Exception) -> Exception:
    """What is raised in the end, with its cause."""
    raised = policy.given_up(call, error)
    if raised is not error:
        raised.__cause__ = error
    return raised


@contextmanager
def _attempt(user: RetryingUser | None, number: int) -> Iterator[None]:
    """Hits that end in here are of this attempt."""
    token = ATTEMPT.set(number)
    if user is not None:
        user.retrying += 1
    try:
        yield
    finally:
        ATTEMPT.reset(token)
        if user is not None:
            user.retrying -= 1
