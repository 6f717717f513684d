"""E-mail: what is sent, over what, and what servers may say to it."""

import email
import email.policy
import socket
import ssl
from dataclasses import replace

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult

from loadgrpc.observers import Undeliverable, mail

SENDER, RECIPIENT = "load@example.org", "ann@example.org"


class Inbox:
    """What a server got, and how it answers."""

    def __init__(self):
        self.mails = []
        self.answer = "250 OK"
        self.rcpt = "250 OK"
        self.logins = []
        self.encrypted = []

    async def handle_RCPT(  # noqa: N802 - as aiosmtpd calls it
        self, server, session, envelope, address, options
    ):
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(  # noqa: N802
        self, server, session, envelope
    ):
        if self.answer.startswith("250"):
            self.mails.append(envelope)
            self.encrypted.append(session.ssl is not None)
        return self.answer

    def authenticate(self, server, session, envelope, mechanism, data):
        self.logins.append((data.login, data.password))
        return AuthResult(success=data.password == b"hunter2", handled=False)


@pytest.fixture
def serving():
    """`serving(…)`: an SMTP server; options are those of its protocol."""
    running = []

    def start(**options):
        inbox = Inbox()

        class Here(Controller):
            def factory(self):
                return SMTP(self.handler, authenticator=inbox.authenticate, **options)

            def _trigger_server(self):
                self.port = self.server.sockets[0].getsockname()[1]
                super()._trigger_server()

        controller = Here(inbox, hostname="127.0.0.1", port=0, ready_timeout=60)
        controller.start()
        running.append(controller)
        inbox.port = str(controller.port)
        return inbox

    yield start
    for controller in running:
        controller.stop()


@pytest.fixture
def observer(make):
    """`observer(inbox, **settings)`: one that sends there."""

    def made(inbox, **settings):
        given = {"host": "127.0.0.1", "port": inbox.port, "sender": SENDER, "recipient": RECIPIENT}
        return make("email", **{**given, **settings})

    return made


def content(envelope):
    """A mail that came, read."""
    return email.message_from_bytes(envelope.content, policy=email.policy.default)


def test_a_notice_is_a_mail(serving, observer, notice):
    """To all recipients, in plain text, with a subject that says how it went."""
    inbox = serving()
    observer(inbox, recipient=f"{RECIPIENT}, bob@example.org").notify(
        replace(notice, title="nächtlich", label="nächtlich: a.B.c")
    )
    (envelope,) = inbox.mails
    assert envelope.rcpt_tos == [RECIPIENT, "bob@example.org"]
    message = content(envelope)
    assert message["Subject"] == "[loadgrpc] nächtlich: a.B.c: passed"
    assert (message["From"], message["Date"]) == (SENDER, "Thu, 25 Feb 2021 15:02:10 +0000")
    assert message["Auto-Submitted"] == "auto-generated"
    body = message.get_content()
    assert body.startswith(f"{notice.text}\r\n")
    assert "Verdict:  exit 0: passed" in body
    assert "More:     loadgrpc show r-1 -b h:7979" in body


def test_the_same_notice_is_the_same_mail(serving, observer, notice):
    """A mailbox can drop the one that comes after a restart of the broker."""
    inbox = serving()
    observer(inbox).notify(notice)
    observer(inbox).notify(notice)
    assert [content(each)["Message-ID"] for each in inbox.mails] == ["<r-1.4@example.org>"] * 2


@pytest.mark.parametrize(
    ("change", "subject"),
    [
        ({"event": "start", "exit_code": None}, "began"),
        ({"event": "agent-lost", "exit_code": None, "agent_id": "a1"}, "lost agent a1"),
        ({"exit_code": 1}, "FINISHED, exit 1"),
    ],
)
def test_the_subject_says_what_happened(notice, change, subject):
    """One glance at a list of mails is enough; a subject that was given stays."""
    message = mail.mail_of(replace(notice, **change), SENDER, RECIPIENT, "")
    assert message["Subject"] == f"[loadgrpc] nightly: a.B.c: {subject}"
    own = mail.mail_of(replace(notice, **change), SENDER, RECIPIENT, "Loads Results")
    assert own["Subject"] == "Loads Results"


def test_a_label_cannot_be_a_header(notice):
    """Line breaks in what others say stay text."""
    bad = replace(notice, label="x\r\nBcc: all@example.org", text="y\r\n.\r\nQUIT")
    message = mail.mail_of(bad, SENDER, RECIPIENT, "")
    assert message["Bcc"] is None
    assert "Bcc: all@example.org" in message["Subject"]


def test_starttls_is_used_where_it_is(serving, observer, notice, certificate, monkeypatch):
    """And a server that cannot be trusted gets nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    inbox = serving(tls_context=context)
    with pytest.raises(ConnectionError, match="cannot trust"):
        observer(inbox).notify(notice)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    observer(inbox, user="ann", password="hunter2").notify(notice)
    assert inbox.encrypted == [True]
    assert inbox.logins == [(b"ann", b"hunter2")]
    with pytest.raises(Undeliverable, match=r"refuses user and password \(code 535\)"):
        observer(inbox, user="ann", password="wrong").notify(notice)


def test_no_password_without_encryption(serving, observer, notice, monkeypatch):
    """Unless somebody says so, or the server is on this machine."""
    inbox = serving(auth_require_tls=False)
    observer(inbox, user="ann", password="hunter2").notify(notice)
    assert inbox.encrypted == [False]
    monkeypatch.setattr(mail, "is_this_machine", lambda host: False)
    with pytest.raises(Undeliverable, match="has no encryption"):
        observer(inbox, user="ann", password="hunter2").notify(notice)
    observer(inbox, user="ann", password="hunter2", tls="off").notify(notice)
    assert len(inbox.logins) == 2
    with pytest.raises(Undeliverable, match="cannot do it: STARTTLS"):
        observer(inbox, tls="start").notify(notice)


@pytest.mark.parametrize(
    ("field", "answer", "kind", "words"),
    [
        ("answer", "451 later", ConnectionError, r"does not take the mail \(code 451\)"),
        ("answer", "554 spam, secret", Undeliverable, r"does not take the mail \(code 554\)"),
        ("rcpt", "450 greylisted", ConnectionError, r"for any recipient \(code 450\)"),
        ("rcpt", "550 unknown", Undeliverable, r"for any recipient \(code 550\)"),
    ],
)
def test_what_a_server_answers(serving, observer, notice, field, answer, kind, words):
    """Codes from 500 on are final; the text of the server is not shown."""
    inbox = serving()
    setattr(inbox, field, answer)
    with pytest.raises(kind, match=words) as caught:
        observer(inbox).notify(notice)
    assert answer.partition(" ")[2] not in str(caught.value)


def test_a_server_that_is_not_there(make, notice):
    """It is tried again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    sending = make("email", host="127.0.0.1", port=port, sender=SENDER, recipient=RECIPIENT)
    with pytest.raises(ConnectionError, match=f"cannot reach 127.0.0.1:{port}: Connection refused"):
        sending.notify(notice)
