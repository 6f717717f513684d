"""Plans with secrets stay here, if others could read them on their way to the broker."""

import asyncio

import pytest

from loadgrpc.campaign import compose
from loadgrpc.certs import TlsChoice
from loadgrpc.client.client import Client
from loadgrpc.client.credentials import Credentials
from loadgrpc.client.private_way import PrivateWay
from loadgrpc.errors import NoTls
from loadgrpc.model import Parameter, ScheduleSpec
from loadgrpc.protocol import plans
from loadgrpc.testing import plan_of
from loadgrpc.v1.control_pb2 import CheckPlanRequest, StartRunRequest

OPEN = plan_of(test="a.B.c", env=(("STAGE", "test"),), server_url="http://h/")
SECRETS = {
    "parameters['a']": {"parameters": (Parameter("a", "x", secret=True),)},
    "env['API_TOKEN']": {"env": (("API_TOKEN", "x"),)},
    "server_url": {"server_url": "http://ann:x@h/"},
}
FAR = "broker.example.org:7979"


@pytest.mark.parametrize("field", SECRETS)
def test_a_plan_with_a_secret_is_not_sent(field):
    """The sentence names what is secret, and says what to do."""
    plan = plan_of(test="a.B.c", **SECRETS[field])
    with pytest.raises(NoTls) as caught:
        PrivateWay(FAR).check([OPEN, plan])
    assert str(caught.value) == (
        f"the plan has secrets ({field}), and what is sent to the broker at {FAR} is not encrypted:"
        " give --tls-ca or --tls-dir, or --insecure to send them all the same"
    )
    PrivateWay(FAR).check([OPEN])
    PrivateWay().check([plan])


@pytest.mark.parametrize(
    ("endpoint", "insecure", "exposed"),
    [
        (FAR, False, True),
        ("10.0.0.7:7979", False, True),
        ("[fd00::1]:7979", False, True),
        (FAR, True, False),
        ("127.0.0.1:7979", False, False),
        ("[::1]:7979", False, False),
        ("localhost:7979", False, False),
        ("unix:/run/x", False, False),
    ],
)
def test_where_a_broker_is_and_what_was_said_decide(endpoint, insecure, exposed):
    """Beyond this machine, unless somebody says that it may."""
    credentials = Credentials(choice=TlsChoice(folder=None, insecure=insecure))
    assert credentials.exposed(endpoint) is exposed


def test_every_way_of_a_plan_is_guarded(monkeypatch, tmp_path):
    """A run, a schedule, a campaign, and a step that is replaced; nothing is connected to."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    plan = plan_of(test="a.B.c", **SECRETS["server_url"])

    async def use():
        client = Client.connect(FAR, credentials=Credentials())
        schedule = ScheduleSpec(name="n", cron="@daily", time_zone="UTC", plan=plan)
        calls = (
            client.start_run(plan),
            client.schedules.add(schedule),
            client.campaigns.start(compose.of(compose.run(plan))),
            client.campaigns.replace("c-1", "a", plan),
            client.raw.call("StartRun", StartRunRequest(plan=plans.plan_to_proto(plan))),
            client.raw.call("CheckPlan", CheckPlanRequest(plan=plans.plan_to_proto(plan))),
        )
        for call in calls:
            with pytest.raises(NoTls):
                await call
        await client._channel.close()

    asyncio.run(use())
