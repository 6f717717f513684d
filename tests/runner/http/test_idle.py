"""Idle connections are kept as urllib3's own queue would keep them."""

from queue import Empty, Full, LifoQueue

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests.adapters import HTTPAdapter
from urllib3.connectionpool import HTTPConnectionPool

from loadgrpc.runner.http.idle import IdleConnections
from loadgrpc.runner.http.wire import measured_pool

steps = st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=12)
"""None takes something out; a number is put in."""


def story(queue, steps):
    """What a queue says to steps that do not wait."""
    told = []
    for step in steps:
        try:
            told.append(queue.get(block=False) if step is None else queue.put(step, block=False))
        except (Empty, Full) as error:
            told.append(type(error))
        told.append((queue.qsize(), queue.empty(), queue.full(), list(queue.queue)))
    return told


@given(st.integers(0, 3), steps)
def test_it_does_what_a_lifo_queue_does(maxsize, steps):
    """Order, bounds and complaints are the same, as long as nobody waits."""
    assert story(IdleConnections(maxsize), steps) == story(LifoQueue(maxsize), steps)


def test_a_full_one_says_so_at_once():
    """urllib3 fills a pool with `put` as it is, which would wait: for it there is room."""
    idle = IdleConnections(1)
    idle.put(None)
    with pytest.raises(Full):
        idle.put(None)
    assert idle.get() is None
    with pytest.raises(Empty):
        idle.get()


@pytest.mark.parametrize(("block", "kind"), [(False, IdleConnections), (True, LifoQueue)])
def test_a_pool_that_blocks_waits(block, kind):
    """Where users are to wait for a connection, they do, in the real queue."""
    adapter = HTTPAdapter(pool_block=block, pool_maxsize=3)
    manager = adapter.poolmanager
    manager.pool_classes_by_scheme = {"http": measured_pool(HTTPConnectionPool)}
    pool = manager.connection_from_url("http://127.0.0.1:1/")
    assert type(pool.pool) is kind
    assert (pool.block, pool.pool.qsize()) == (block, 3)
    adapter.close()


def test_a_pools_own_queue_stays():
    """Who has chosen another queue for a pool gets it."""

    class Queue(LifoQueue):
        pass

    own = type("OwnPool", (HTTPConnectionPool,), {"QueueCls": Queue})
    with measured_pool(own)("127.0.0.1", 1) as pool:
        assert type(pool.pool) is Queue
