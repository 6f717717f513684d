"""Notices as e-mail.

Rule: a password is sent over an encrypted connection, or to this machine, and not at all
otherwise. A notice that is delivered twice has the same Message-ID, so that mailboxes show it once.
"""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any, Final

from loadgrpc.observers.notice import Notice
from loadgrpc.observers.observer import Observer, ObserverSetting, Undeliverable
from loadgrpc.text import one_line

SMTP_S: Final = 10.0
"""How long the server may take for each of its answers."""
PLAIN_SMTP_PORT: Final = 25
SUBMISSION_PORT: Final = 587
TLS_SMTP_PORT: Final = 465
PERMANENT: Final = 500
"""From this code on a server would answer the same again."""
MAX_SUBJECT: Final = 150


class Email(Observer):
    """See the module."""

    SETTINGS = (
        ObserverSetting(name="sender", kind="address", required=True, help="From whom."),
        ObserverSetting(
            name="recipient",
            kind="addresses",
            required=True,
            help="To whom; several with commas between them.",
        ),
        ObserverSetting(
            name="host", kind="host", default="localhost", connects=True, help="The SMTP server."
        ),
        ObserverSetting(
            name="port",
            kind="port",
            connects=True,
            help="Its port: 25, with a user 587, and 465 where TLS is on from the start.",
        ),
        ObserverSetting(
            name="tls",
            kind="tls",
            default="auto",
            connects=True,
            help="Encryption: start (STARTTLS), on (from the start), off, or auto: start if the"
            " server has it.",
        ),
        ObserverSetting(name="user", connects=True, help="Who logs in; without it nobody does."),
        ObserverSetting(name="password", secret=True, help="Of the user."),
        ObserverSetting(name="subject", help="Of the mail, instead of how the run went."),
    )

    def notify(self, notice: Notice) -> None:
        """See Observer."""
        settings = self.settings
        message = mail_of(notice, settings["sender"], settings["recipient"], settings["subject"])
        where = f"{settings['host']}:{self._port}"
        with _told(where), self._server() as server:
            refused = server.send_message(message)
        if refused:
            raise Undeliverable(f"{where} does not take mail for {', '.join(sorted(refused))}")

    @property
    def _port(self) -> int:
        if self.settings["tls"] == "on":
            return self.port("port", TLS_SMTP_PORT)
        return self.port("port", SUBMISSION_PORT if self.settings["user"] else PLAIN_SMTP_PORT)

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        """The server, encrypted and logged in as far as it should be."""
        settings, host = self.settings, self.settings["host"]
        context = ssl.create_default_context()
        kind: Any = smtplib.SMTP_SSL if settings["tls"] == "on" else smtplib.SMTP
        more = {"context": context} if settings["tls"] == "on" else {}
        server = kind(host, self._port, timeout=SMTP_S, **more)
        try:
            server.ehlo_or_helo_if_needed()
            encrypted = settings["tls"] == "on"
            offered = settings["tls"] == "auto" and server.has_extn("starttls")
            if settings["tls"] == "start" or offered:
                server.starttls(context=context)
                server.ehlo()
                encrypted = True
            if settings["user"]:
                if not (encrypted or settings["tls"] == "off" or is_this_machine(host)):
                    raise Undeliverable(
                        f"{host} has no encryption: a password is sent without it only with tls=off"
                    )
                server.login(settings["user"], settings["password"])
            yield server
            with suppress(smtplib.SMTPException):  # it has the mail
                server.quit()
        finally:
            server.close()


@contextmanager
def _told(where: str) -> Iterator[None]:
    """What goes wrong with a server, as a sentence that has its codes and nothing else of it."""
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        code = max(code for code, _ in error.recipients.values())
        raise _error(where, code, "does not take mail for any recipient") from None
    except smtplib.SMTPAuthenticationError as error:
        raise _error(where, error.smtp_code, "refuses user and password") from None
    except smtplib.SMTPResponseException as error:
        raise _error(where, error.smtp_code, "does not take the mail") from None
    except smtplib.SMTPNotSupportedError as error:
        raise Undeliverable(f"{where} cannot do it: {error}") from None
    except smtplib.SMTPException as error:
        raise ConnectionError(f"{where} ended the connection: {type(error).__name__}") from None
    except ssl.SSLError as error:
        reason = getattr(error, "verify_message", "") or error.reason or "no encryption"
        raise ConnectionError(f"cannot trust {where}: {reason}") from None
    except TimeoutError:
        raise TimeoutError(f"{where} did not answer within {SMTP_S:.0f} s") from None
    except OSError as error:
        raise ConnectionError(f"cannot reach {where}: {error.strerror or error}") from None


def _error(where: str, code: int, what: str) -> Exception:
    kind = Undeliverable if code >= PERMANENT else ConnectionError
    return kind(f"{where} {what} (code {code})")


def is_this_machine(host: str) -> bool:
    """Whether what is sent there stays on this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def mail_of(notice: Notice, sender: str, recipients: str, subject: str) -> EmailMessage:
    """A notice as a mail."""
    message = EmailMessage()
    message["Subject"] = one_line(subject)[:MAX_SUBJECT] or _subject(notice)
    message["From"] = sender
    message["To"] = ", ".join(each.strip() for each in recipients.split(","))
    message["Date"] = format_datetime(notice.time)
    identity = notice.notice_id.replace("/", ".")
    message["Message-ID"] = f"<{identity}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content("\n".join(_body(notice)) + "\n")
    return message


def _subject(notice: Notice) -> str:
    how = {
        "before-start": "is about to start",
        "start": "began",
        "agent-lost": f"lost agent {notice.agent_id}",
    }.get(notice.event)
    if how is None:
        how = "passed" if notice.exit_code == 0 else f"{notice.state}, exit {notice.exit_code}"
    return f"[loadgrpc] {one_line(notice.label)[: MAX_SUBJECT - 50]}: {how}"


def _body(notice: Notice) -> Iterator[str]:
    yield notice.text
    yield ""
    yield f"Run:      {notice.run_id}"
    yield f"Test:     {notice.label}"
    yield f"State:    {notice.state}"
    yield f"Time:     {notice.time:%Y-%m-%d %H:%M:%S} UTC"
    if notice.verdict:
        yield f"Verdict:  exit {notice.exit_code}: {notice.verdict}"
    if notice.look:
        yield f"More:     {notice.look}"
