"""A campaign as a picture: the text of a Mermaid flowchart. Rule: pure."""

from __future__ import annotations

from typing import Final

from loadgrpc.model import After, CampaignSpec, Step, StepGate, StepState, StepStatus

_COLOURS: Final = {
    StepState.RUNNING: "fill:#dbeafe,stroke:#2563eb,color:#000",
    StepState.PASSED: "fill:#dcfce7,stroke:#16a34a,color:#000",
    StepState.FAILED: "fill:#fee2e2,stroke:#dc2626,color:#000",
    StepState.SKIPPED: "fill:#f3f4f6,stroke:#9ca3af,color:#000,stroke-dasharray:4",
}
_DRAWN_AS: Final = {
    StepState.STOPPING: StepState.RUNNING,
    StepState.REPLACING: StepState.RUNNING,
    StepState.CANCELLED: StepState.SKIPPED,
}


def mermaid(spec: CampaignSpec, steps: tuple[StepStatus, ...] = ()) -> str:
    """A flowchart of a campaign, in Mermaid's text; with the states of its steps, if given.

    A box is a run, a flag is an observer. An arrow is labelled with what it asks for, unless that
    is that the step passes.
    """
    numbers = {step.name: f"s{at}" for at, step in enumerate(spec.steps, 1)}
    known = {status.name: status for status in steps}
    lines = ["flowchart LR"]
    lines += [f"    {numbers[step.name]}{_box(step, known.get(step.name))}" for step in spec.steps]
    lines += [
        f"    {numbers[after.step]} {_arrow(after)} {numbers[step.name]}"
        for step in spec.steps
        for after in step.after
    ]
    for state, colour in _COLOURS.items():
        painted = [
            numbers[name]
            for name, status in known.items()
            if _DRAWN_AS.get(status.state, status.state) is state
        ]
        if painted:
            lines.append(f"    classDef {state.name.lower()} {colour}")
            lines.append(f"    class {','.join(painted)} {state.name.lower()}")
    return "\n".join(lines) + "\n"


def _box(step: Step, status: StepStatus | None) -> str:
    words = [step.name]
    if step.plan is not None and step.plan.label != step.name:
        words.append(step.plan.label)
    if step.observer is not None and step.observer.name != step.name:
        words.append(step.observer.name)
    if status is not None:
        words.append(status.state.name.lower() + f" {status.run_id}" * bool(status.run_id))
    text = "<br/>".join(map(_text, words))
    return f'>"{text}"]' if step.observer is not None else f'["{text}"]'


def _arrow(after: After) -> str:
    if after.exit_codes:
        return f'-->|"exit {" or ".join(map(str, after.exit_codes))}"|'
    return {
        StepGate.PASSED: "-->",
        StepGate.FAILED: '-->|"failed"|',
        StepGate.OVER: '-.->|"over"|',
    }[after.gate]


def _text(text: str) -> str:
    """A text that Mermaid takes for nothing else: its entities are written with a #."""
    safe = {"#": "#35;", '"': "#quot;", "<": "#lt;", ">": "#gt;", "`": "#96;", "\\": "#92;"}
    return "".join(safe.get(each, each) for each in text if each.isprintable())
