"""A campaign as a picture."""

from loadgrpc import campaign
from loadgrpc.model import ObserverChoice, StepState, StepStatus
from loadgrpc.testing import plan_of

PLAN = plan_of(test="a.B.c")


def test_a_picture():
    """A box for each run, a flag for an observer, an arrow for each gate."""
    work = campaign.chain(
        campaign.gate(
            campaign.run(PLAN, name="probe"),
            failed=campaign.run(PLAN, name="look"),
            exit_codes={(99, 3): campaign.run(PLAN, name="tune")},
        ),
        campaign.notify(ObserverChoice(name="irc"), name="all"),
        on_failure="continue",
    )
    assert campaign.mermaid(campaign.of(work)) == (
        "flowchart LR\n"
        '    s1["probe<br/>a.B.c"]\n'
        '    s2["look<br/>a.B.c"]\n'
        '    s3["tune<br/>a.B.c"]\n'
        '    s4>"all<br/>irc"]\n'
        '    s1 -->|"failed"| s2\n'
        '    s1 -->|"exit 99 or 3"| s3\n'
        '    s2 -.->|"over"| s4\n'
        '    s3 -.->|"over"| s4\n'
    )


def test_states_are_coloured():
    """With the run of each step."""
    spec = campaign.of(campaign.group(campaign.run(PLAN, name="a"), campaign.run(PLAN, name="b")))
    steps = (
        StepStatus(name="a", state=StepState.STOPPING, run_id="r-1"),
        StepStatus(name="b", state=StepState.CANCELLED),
    )
    drawn = campaign.mermaid(spec, steps)
    assert '    s1["a<br/>a.B.c<br/>stopping r-1"]\n' in drawn
    assert "    class s1 running\n" in drawn
    assert "    class s2 skipped\n" in drawn


def test_no_text_is_taken_for_anything_else():
    """What people call steps and plans stays text."""
    spec = campaign.of(campaign.run(plan_of(test="a.B.c", title='<b>"x"]\n#1'), name='"]; click'))
    (box,) = [line for line in campaign.mermaid(spec).splitlines() if "s1" in line]
    assert box == ('    s1["#quot;]; click<br/>#lt;b#gt;#quot;x#quot;]#35;1: a.B.c"]')
