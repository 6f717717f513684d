"""`self.create_ws` in a process that gevent has patched, as those of a load run are."""

import textwrap

import pytest

pytest.importorskip("wsproto", reason="wsproto is not installed")

from ..conftest import patched_scene  # noqa: TID252 - as the folder above does

BEGIN = """
from loadgrpc.case import TestCase, WebSocketClient
from loadgrpc.runner.recorder import Recorder
from loadgrpc.runner.user import UserReporter
from loadgrpc.runner import event_loops
clock = SystemClock()
recorder = Recorder(clock, "test")
recorder.begin_cycle(1, 1, 0)
class Subject(TestCase):
    def test_it(self):
        pass
def user(number=1):
    case = Subject("test_it")
    case.load_reporter = UserReporter(recorder, clock, number, None)
    return case
def totals():
    from loadgrpc.v1 import runner_pb2
    found = {}
    for each in recorder.take(2**20):
        for event in runner_pb2.EventBatch.FromString(each.payload).events:
            for field, value in event.socket.ListFields():
                if isinstance(value, int):
                    found[field.name] = found.get(field.name, 0) + value
    return found
"""


def scene(code, **names):
    """What code printed, that may use users, and these names."""
    lines = [f"{name} = {value!r}" for name, value in names.items()]
    return patched_scene("\n".join([BEGIN, *lines, textwrap.dedent(code)]))


def test_users_wait_for_each_other_no_longer_than_they_must(ws_server):
    """While one user waits for a message, others go on; while one is flooded, they do, too."""

    def on(server, peer, event):
        from wsproto.events import TextMessage

        if isinstance(event, TextMessage) and event.data == "flood":
            frames = peer.ws.send(TextMessage(data="x" * 100)) * 500
            for _ in range(40):
                peer.sock.sendall(frames)
        return True

    ws_server.on = on
    ticks, seen = scene(
        """
        flooded = user(1).create_ws(url)
        silent = user(2).create_ws(url)
        ticks = 0
        def tick():
            global ticks
            while True:
                gevent.sleep(0.001)
                ticks += 1
        gevent.spawn(silent.receive)
        gevent.spawn(tick)
        flooded.send("flood")
        with gevent.Timeout(20):
            while flooded.owner._tally.messages_received < 20_000:
                gevent.sleep(0.01)
        print(json.dumps([ticks, flooded.owner._tally.messages_received]))
        """,
        url=ws_server.url(),
    )
    assert seen == 20_000
    assert ticks >= 20


def test_many_users_are_counted_together(ws_server):
    """Fifty users are fifty sockets and one event, and all are closed when the users end."""
    found = scene(
        """
        users = [user(number) for number in range(1, 51)]
        def chat(case):
            ws = case.create_ws(url)
            for at in range(5):
                ws.send("x" * at)
                assert len(ws.receive()) == at
            case.close_sockets()
        gevent.joinall([gevent.spawn(chat, case) for case in users], raise_error=True)
        print(json.dumps([totals(), recorder.produced_events - recorder.produced_hits]))
        """,
        url=ws_server.url(),
    )
    assert found == [
        {
            "opened": 50,
            "closed": 50,
            "messages_sent": 250,
            "messages_received": 250,
            "bytes_sent": 500,
            "bytes_received": 500,
        },
        1,
    ]
    assert (ws_server.opened, ws_server.closed, len(ws_server.messages)) == (50, 50, 250)


@pytest.mark.parametrize("kind", ["geventclient", "threadedclient"])
def test_a_class_of_ws4py(ws_server, kind):
    """A class that a test of Loads derives from ws4py works, is counted, and closed."""
    pytest.importorskip("ws4py", reason="ws4py is not installed")
    seen, counted = scene(
        f"""
        from ws4py.client.{kind} import WebSocketClient as Theirs
        seen = []
        class Client(Theirs):
            def __init__(self, url, protocols=None, extensions=None, **kwargs):
                super().__init__(url, protocols, extensions)
                seen.append(sorted(kwargs))
            def opened(self):
                self.send("hello")
            def received_message(self, message):
                seen.append([str(message), message.is_text, isinstance(self, Theirs)])
            def closed(self, code, reason=None):
                seen.append(code)
        case = user()
        ws = case.create_ws(url, klass=Client, protocols=["chat"])
        ws.connect()
        with gevent.Timeout(20):
            while len(seen) < 2:
                gevent.sleep(0.01)
        case.close_sockets()
        print(json.dumps([seen, totals()]))
        """,
        url=ws_server.url(),
    )
    assert seen == [["test_case"], ["hello", True, True], 1000]
    assert (counted["opened"], counted["closed"]) == (1, 1)
    assert (counted["messages_sent"], counted["messages_received"]) == (1, 1)
    assert ws_server.closed == 1


def test_a_user_that_is_cut_off_leaves_no_socket(ws_server):
    """A user that is killed in `receive` is closed like any other."""
    counted = scene(
        """
        case = user()
        def listen():
            try:
                case.create_ws(url).receive()
            finally:
                case.close_sockets()
        listening = gevent.spawn(listen)
        gevent.sleep(0.3)
        listening.kill()
        print(json.dumps(totals()))
        """,
        url=ws_server.url(),
    )
    assert counted == {"opened": 1, "closed": 1}


def test_a_server_that_never_answers_a_close(ws_server):
    """The end of a user waits for a closing handshake no longer than a second for each."""
    ws_server.on = lambda server, peer, event: True
    took_s, counted = scene(
        """
        case = user()
        for _ in range(20):
            case.create_ws(url)
        began = time.monotonic()
        case.close_sockets()
        print(json.dumps([time.monotonic() - began, totals()]))
        """,
        url=ws_server.url(),
    )
    assert took_s < 5
    assert counted == {"opened": 20, "closed": 20}
