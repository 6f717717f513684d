"""What user processes print, published: soon, after nothing else, and all of it by the end."""

import asyncio

from loadgrpc.model import OutputStream
from loadgrpc.protocol.printed import PrintedLine
from loadgrpc.runner.link.printing import Printing
from loadgrpc.testing import ManualClock

OUT = OutputStream.STDOUT


class Other:
    """A publisher that takes events when its test lets it."""

    def __init__(self):
        self.busy = False
        self.open = asyncio.Event()
        self.open.set()
        self.published = []
        self.came = asyncio.Event()

    async def publish(self, events):
        """Waits, and takes them."""
        await self.open.wait()
        self.published += [event.output for event in events]
        self.came.set()

    @property
    def texts(self):
        """The lines that came."""
        return [output.text for output in self.published if output.HasField("text")]

    @property
    def left_out(self):
        """How many lines were left out, as far as is known."""
        return sum(output.left_out for output in self.published)


def with_printing(use):
    """Runs a coroutine function with a Printing and the publisher that it has."""

    async def main():
        other = Other()
        printing = Printing(other.publish, lambda: other.busy, ManualClock())
        running = asyncio.create_task(printing.run())
        try:
            async with asyncio.timeout(10):
                await use(printing, other)
        finally:
            running.cancel()

    asyncio.run(main())


def said(*texts):
    """Lines."""
    return [PrintedLine(text) for text in texts]


def test_lines_are_published_soon():
    """What is printed is published without anybody asking for it."""

    async def use(printing, other):
        printing.heard(1, OUT, said("a"))
        await other.came.wait()
        assert other.texts == ["a"]

    with_printing(use)


def test_lines_come_last_while_others_wait():
    """While the publisher is busy lines are left out, and it is said how many there were."""

    async def use(printing, other):
        other.busy = True
        printing.heard(1, OUT, said("a", "b"))
        await other.came.wait()
        assert (other.texts, other.left_out) == ([], 2)
        other.busy = False
        printing.heard(1, OUT, said("c"))
        await printing.finish()
        assert (other.texts, other.left_out) == (["c"], 2)

    with_printing(use)


def test_the_end_comes_after_all_that_was_taken():
    """finish() returns when what was taken before is published; later lines are no events."""

    async def use(printing, other):
        other.open.clear()
        printing.heard(1, OUT, said("a"))
        await asyncio.sleep(0)  # the task has it, and waits for the publisher
        await asyncio.sleep(0)
        printing.heard(1, OUT, said("b"))
        ending = asyncio.create_task(printing.finish())
        await asyncio.sleep(0)
        assert not ending.done()
        other.open.set()
        await ending
        printing.heard(1, OUT, said("c"))
        await printing.finish()
        assert other.texts == ["a", "b"]

    with_printing(use)
