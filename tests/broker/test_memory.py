"""Memory that is not needed any more is given back, when there is much of it."""

from loadgrpc.broker import memory
from loadgrpc.broker.memory import MUCH_BYTES, Memory


def test_much_is_given_back_and_little_is_kept():
    """It is asked for when the process has grown by much since it last was, and only then."""
    used, trims = [100 << 20], []

    def trim():
        trims.append(used[0])
        used[0] -= MUCH_BYTES

    watched = Memory(lambda: used[0], trim)
    watched.look()
    used[0] += MUCH_BYTES - 1
    watched.look()
    assert trims == []
    used[0] += 1
    watched.look()
    assert trims == [(100 << 20) + MUCH_BYTES]
    watched.look()
    assert len(trims) == 1


def test_what_a_process_has_is_known_here():
    """Some megabytes; and glibc has what gives them back, where there is glibc."""
    assert memory._used() > 1 << 20
    trim = memory._malloc_trim()
    assert trim is None or trim(0) in (0, 1)
