"""What an agent reports, as lists: once on a stream, and again on a new one while it matters."""

from loadgrpc.agent.reports import Reports
from loadgrpc.protocol.fleet import ExitNoted, HeldBack
from loadgrpc.v1 import fleet_pb2

PART = ("r", "s")


class Desk:
    """Reports, and how often there was news."""

    def __init__(self):
        self.news = 0
        self.reports = Reports(self._count)

    def _count(self):
        self.news += 1

    def sent(self):
        """What is sent now, in short."""
        found = []
        for request in self.reports.unsent():
            kind = request.WhichOneof("message")
            what = getattr(request, kind)
            found.append(
                {
                    "ready": lambda what=what: ("ready", what.cycle),
                    "held_back": lambda what=what: ("held", what.waiting, what.total),
                    "runner_exit": lambda what=what: ("exit", what.runner_id, what.last),
                }[kind]()
            )
        return found


def _exit(runner_id, *, last=False):
    return fleet_pb2.RunnerExit(run_id="r", scenario="s", runner_id=runner_id, last=last)


def test_an_end_is_sent_once_on_a_stream_until_it_is_noted():
    """And what is noted is forgotten, also when it was not sent yet."""
    desk = Desk()
    for runner_id in "abc":
        desk.reports.ended(_exit(runner_id))
    assert desk.sent() == [("exit", each, False) for each in "abc"]
    assert desk.sent() == []
    assert desk.reports.noted(ExitNoted("r", "s", "b")).message.runner_id == "b"
    assert desk.reports.noted(ExitNoted("r", "s", "b")) is None
    desk.reports.connected()
    assert desk.sent() == [("exit", "a", False), ("exit", "c", False)]
    desk.reports.connected()
    for runner_id in "ac":
        assert desk.reports.has(PART)
        desk.reports.noted(ExitNoted("r", "s", runner_id))
    assert (desk.sent(), bool(desk.reports), desk.reports.has(PART)) == ([], False, False)


def test_that_a_part_is_ready_is_sent_until_its_cycle_begins():
    """On each stream once."""
    desk = Desk()
    desk.reports.ready(PART, 1)
    assert (desk.news, desk.sent(), desk.sent()) == (1, [("ready", 1)], [])
    desk.reports.connected()
    assert desk.sent() == [("ready", 1)]
    desk.reports.begun(PART)
    desk.reports.connected()
    assert desk.sent() == []


def test_how_many_wait_costs_few_messages():
    """That users begin to wait, or wait no more, is sent at once; mere counts with heartbeats."""
    desk = Desk()
    desk.reports.held_back(PART, HeldBack(most=5))
    assert (desk.news, desk.sent()) == (0, [])
    desk.reports.held_back(PART, HeldBack(waiting=9, total=9, most=5))
    assert (desk.news, desk.sent()) == (1, [("held", 9, 9)])
    for waiting in (8, 7, 6):
        desk.reports.held_back(PART, HeldBack(waiting=waiting, total=9, most=5))
    assert (desk.news, desk.sent()) == (1, [])
    desk.reports.beat()
    assert desk.sent() == [("held", 6, 9)]
    desk.reports.held_back(PART, HeldBack(total=9, most=5))
    assert (desk.news, desk.sent()) == (2, [("held", 0, 9)])


def test_what_a_part_says_comes_before_its_end():
    """The broker judges it by what it knows then; a new stream says it again, until it is over."""
    desk = Desk()
    desk.reports.held_back(PART, HeldBack(waiting=2, total=2, most=5))
    desk.sent()
    desk.reports.held_back(PART, HeldBack(waiting=1, total=3, most=5))
    desk.reports.ended(_exit("", last=True))
    assert desk.sent() == [("held", 1, 3), ("exit", "", True)]
    desk.reports.connected()
    assert desk.sent() == [("held", 1, 3), ("exit", "", True)]
    desk.reports.noted(ExitNoted("r", "s", ""))
    desk.reports.over(PART)
    desk.reports.connected()
    assert desk.sent() == []
