"""A run makes exactly the requests it should, by the count of a server that is not ours."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.system

ES = "example.TestWebSite.test_es"
DELAY = "example.TestWebSite.test_delay"


def check(ran, server, hits: int) -> None:
    """The server, the summary and the document agree on the number of hits."""
    assert ran.code == 0, ran.stdout + ran.stderr
    assert server.requests() == hits
    document = ran.document
    assert int(document["hits"]["count"]) == hits
    assert int(document["hits"]["failed"]) == 0
    assert int(document["iterations"]["success"]) == hits
    assert int(document["accounting"]["lost"]) == 0
    assert int(document["accounting"]["duplicates"]) == 0
    assert f"{hits}" in ran.stderr
    assert "exit 0: passed" in ran.stderr


def test_local_run_makes_exactly_the_requests_of_its_cycles(loadgrpc, counting_server):
    """10, 20 and 30 users with 20 iterations each make 1200 requests, by everybody's count."""
    ran = loadgrpc("run", ES, "-u", "10:20:30", "-i", "20", "-H", counting_server.url, "--json")

    check(ran, counting_server, 1200)


def test_every_one_of_many_hits_is_counted(loadgrpc, nginx):
    """100,000 requests at full speed: none is lost on the way, and none counted twice."""
    ran = loadgrpc("run", ES, "-u", "20", "-i", "5000", "-H", nginx.url, "--json")

    check(ran, nginx, 100_000)


@pytest.mark.long
def test_five_agents_make_five_times_the_load(loadgrpc, cluster, counting_server):
    """Every agent gets the whole load: five agents make 6000 requests."""
    begun = cluster(5)
    load = ("-u", "10:20:30", "-i", "20", "-H", counting_server.url, "--json")

    ran = loadgrpc("run", ES, *load, "-b", begun.address, "-a", "5")

    check(ran, counting_server, 6000)
    assert {int(agent["hits"]) for agent in ran.document["agents"]} == {1200}


def test_split_shares_the_load_out(loadgrpc, cluster, counting_server):
    """With --split five agents make 1200 requests together."""
    begun = cluster(5)
    load = ("-u", "10:20:30", "-i", "20", "-H", counting_server.url, "--json")

    ran = loadgrpc("run", ES, *load, "-b", begun.address, "-a", "5", "--split")

    check(ran, counting_server, 1200)


@pytest.mark.long
def test_split_with_fewer_users_than_agents(loadgrpc, cluster, counting_server):
    """An agent whose share is no user takes part and changes nothing."""
    begun = cluster(3)

    ran = loadgrpc(
        *("run", ES, "-u", "2:1", "-i", "5", "-H", counting_server.url, "--json"),
        *("-b", begun.address, "-a", "3", "--split"),
    )

    check(ran, counting_server, 15)


def test_more_processes_make_the_same_load(loadgrpc, counting_server):
    """Users are dealt out among user processes, none twice and none forgotten."""
    ran = loadgrpc(
        *("run", ES, "-u", "7:2", "-i", "10", "--processes", "3"),
        *("-H", counting_server.url, "--json"),
    )

    check(ran, counting_server, 90)


def test_duration_bounds_each_cycle_and_no_user_leaks_into_the_next(loadgrpc, demo_server):
    """Three cycles of 5 s take 15 to 16 s, and each has at most its users' requests at once.

    Loads' D3: users of a cycle went on in the next ones, so that 1:2:3 users were 1, 3, 6.
    """
    ran = loadgrpc("run", DELAY, "-d", "5", "-u", "1:2:3", "-H", demo_server.url, "--json")

    assert ran.code == 0, ran.stderr
    seconds = float(ran.document["duration"].rstrip("s"))
    assert 14.9 <= seconds <= 16.0
    timeline = demo_server.stats()["timeline"]
    most = [entry["max_concurrent"] for entry in timeline]
    assert max(most[:4]) == 1
    assert max(most[6:9]) == 2
    assert max(most) == 3
    assert most == sorted(most)[: len(most)] or max(most[:5]) == 1
    assert int(ran.document["hits"]["count"]) == demo_server.requests()


@pytest.mark.long
def test_hits_and_run_time_are_other_words_for_iterations_and_duration(loadgrpc, demo_server):
    """--hits is -i, and --run-time is -d."""
    hits = loadgrpc("run", ES, "--hits", "3", "-H", demo_server.url, "--json")
    timed = loadgrpc("run", DELAY, "--run-time", "500ms", "-H", demo_server.url, "--json")

    assert int(hits.document["iterations"]["success"]) == 3
    assert 0.5 <= float(timed.document["duration"].rstrip("s")) < 1.5


def test_spawn_rate_starts_users_one_after_another(loadgrpc, demo_server):
    """Ten users at five a second take about two seconds to be there."""
    ran = loadgrpc("run", ES, "-u", "10", "-r", "5", "-H", demo_server.url, "--json")

    assert ran.code == 0
    assert 1.7 <= float(ran.document["duration"].rstrip("s")) < 3.0
    assert demo_server.requests() == 10
