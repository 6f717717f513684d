"""An agent with certificates: which name it takes, and in whose state folder."""

import pytest

from loadgrpc.agent.identity import StateDirError, claim


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A state folder of this test's own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "loadgrpc/agents"


def test_agents_of_one_machine_take_one_certificate_each(home):
    """Slots are called like their names; when all are taken, it is said how to make another."""
    agents = [claim(None, ("one", "two")) for _ in range(2)]
    assert [agent.agent_id for agent in agents] == ["one", "two"]
    assert [agent.folder for agent in agents] == [home / "one", home / "two"]
    with pytest.raises(StateDirError, match="running: one, two; `loadgrpc certs agent NAME`"):
        claim(None, ("one", "two"))
    agents[0].release()
    again = claim(None, ("one", "two"))
    assert again.agent_id == "one"
    again.release()
    agents[1].release()


def test_a_state_folder_is_that_of_one_name(tmp_path):
    """What an agent has left there is of its name, and cannot be another's."""
    first = claim(tmp_path, ("one", "two"))
    first.release()
    again = claim(tmp_path, ("two", "one"))
    assert (first.agent_id, again.agent_id) == ("one", "one")
    again.release()
    with pytest.raises(StateDirError, match="the state folder of agent one, which has no certif"):
        claim(tmp_path, ("two",))
    claim(tmp_path, ("one",)).release()  # and nobody holds it
