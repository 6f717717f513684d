"""Who may call a broker, decided once for each call, as it begins; and calls that have to end.

Rule: a call has a certificate, or a token, or both; a token then says who calls, except that the
certificate of an agent goes with nothing else. What is open when its token or certificate ends, or
is revoked, is cut off within seconds. A broker without TLS has none of this, and asks nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from loadgrpc.broker.audit import Audit
from loadgrpc.broker.callers import CALLER
from loadgrpc.broker.tokens import Tokens
from loadgrpc.broker.work import Guard
from loadgrpc.certs import CertsError
from loadgrpc.certs.holder import holder_of
from loadgrpc.certs.revoked import Revoked
from loadgrpc.clock import Clock
from loadgrpc.errors import Forbidden, NotAllowed
from loadgrpc.model import Caller, Role
from loadgrpc.protocol.rights import NOBODY, RIGHTS, Right
from loadgrpc.protocol.secure_channel import HEADER, SCHEME
from loadgrpc.protocol.transport import Context

LOOK_S: Final = 1.0
"""How often open calls are looked through for those that have to end."""


@dataclass(eq=False)
class _Call:
    """A call that is open."""

    caller: Caller
    task: asyncio.Task[Any]
    why: str = ""
    """Why it has to end. Empty: it has not."""


class Access:
    """See the module."""

    def __init__(
        self,
        tokens: Tokens,
        clock: Clock,
        audit: Audit,
        *,
        revoked: Revoked | None = None,
        open_reflection: bool = False,
    ) -> None:
        self.tokens = tokens
        self._revoked = revoked
        """Which certificates are void before their end. None: none are."""
        self._audit = audit
        self._clock = clock
        self._open_reflection = open_reflection
        self._calls: set[_Call] = set()

    @contextmanager
    def admission(self, method: str, context: Context) -> Iterator[None]:
        """See `protocol.door.Admission`."""
        right = RIGHTS.get(method, NOBODY)
        if right.public and self._open_reflection:
            yield
            return
        try:
            caller = self._let_in(method, right, context)
        except (NotAllowed, Forbidden) as error:
            self._audit.refused(context, method, error)
            raise
        CALLER.set(caller)
        self._audit.came(context)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - gRPC has one for each call
        call = _Call(caller, task)
        self._calls.add(call)
        try:
            yield
        except asyncio.CancelledError:
            if not call.why:
                raise
            task.uncancel()
            raise NotAllowed(call.why) from None
        finally:
            self._calls.discard(call)

    def _let_in(self, method: str, right: Right, context: Context) -> Caller:
        caller = self._known(context)
        if not right.includes(caller.role):
            needed = f"it needs the role {right}" if str(right) else "nobody may"
            raise Forbidden(f"{caller} may not call {method.rpartition('/')[2]}: {needed}")
        return caller

    def cut_off(self) -> None:
        """Ends the calls whose token or certificate has ended, all but the one that says so."""
        current = asyncio.current_task()
        for call in self._calls:
            if call.task is not current and not call.why and (why := self._void(call.caller)):
                call.why = why
                call.task.cancel()

    async def watch(self) -> None:
        """Does so again and again, until it is cancelled."""
        guard = Guard()
        while True:
            await asyncio.sleep(LOOK_S)
            with guard("ending calls that are not allowed any more"):
                if self._revoked is not None:
                    await asyncio.to_thread(self._revoked.look)
                self.cut_off()

    def _void(self, caller: Caller) -> str:
        """Why somebody is not known any more; empty: it is."""
        if caller.token:
            return self.tokens.void(caller.name)
        if self._revoked is not None and caller.certificate in self._revoked:
            return f"the certificate of {caller} was revoked"
        if caller.expire_time_ns is not None and caller.expire_time_ns <= self._clock.wall_ns():
            return f"the certificate of {caller} has expired: `loadgrpc certs renew` renews it"
        return ""

    def _known(self, context: Context) -> Caller:
        """Who calls.

        Raises:
            NotAllowed: that is not known.
        """
        certified, secret = _of_certificate(context), _secret(context)
        if secret:
            if certified is not None and certified.role is Role.AGENT:
                raise NotAllowed(f"{certified} is an agent, and cannot have a token, too")
            return self.tokens.caller(secret)
        if certified is None:
            raise NotAllowed(
                "there is neither a certificate nor a token: give a token by LOADGRPC_TOKEN or"
                " --token-file, or as metadata, authorization: Bearer TOKEN"
            )
        if why := self._void(certified):
            raise NotAllowed(why)
        return certified


def _secret(context: Context) -> str:
    """The token of a call; empty: it has none."""
    for name, value in context.invocation_metadata() or ():
        if name == HEADER and isinstance(value, str):
            scheme, _, secret = value.partition(" ")
            if scheme.lower() != SCHEME.strip().lower():
                raise NotAllowed(f"expected {HEADER}: {SCHEME}TOKEN")
            return secret.strip()
    return ""


def _of_certificate(context: Context) -> Caller | None:
    """The one whose certificate a connection has; None: it has none."""
    found = context.auth_context().get("x509_pem_cert")
    if not found:
        return None
    try:
        holder = holder_of(bytes(found[0]))
    except CertsError as error:
        raise NotAllowed(str(error)) from error
    if holder.role is None:
        raise NotAllowed(
            "the certificate does not say who has it: it needs one URI among its alternative names,"
            " such as spiffe://DOMAIN/loadgrpc/client/run/NAME"
        )
    return Caller(
        name=holder.name,
        role=holder.role,
        expire_time_ns=holder.expire_time_ns,
        certificate=holder.mark,
    )
