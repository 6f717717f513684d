"""Pauses between attempts: they grow, are bounded, and begin anew."""

from loadgrpc.protocol.backoff import Backoff


def test_pauses_double_to_a_bound_and_begin_anew():
    """Each is between half and one and a half of its step."""
    backoff = Backoff(1.0, 3.0)

    assert backoff.fresh
    pauses = [backoff.next_s() for _ in range(4)]
    assert not backoff.fresh
    backoff.reset()
    assert backoff.fresh
    pauses.append(backoff.next_s())

    for pause, step in zip(pauses, (1.0, 2.0, 3.0, 3.0, 1.0), strict=True):
        assert 0.5 * step <= pause <= 1.5 * step
