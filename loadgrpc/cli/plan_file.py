"""A plan in a file: the RunSpec of run.proto as JSON, as grpcurl would send it, or as TOML.

Rule: what people write instead of protobuf's JSON is accepted if it can only mean one thing
(`"users": 10`, `"duration": "5m"`); options of the command line and of the environment override
the file, for each scenario in it, and it overrides a configuration file.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from loadgrpc.cli import (
    case_options,
    elsewhere,
    observer_options,
    plan_options,
    plan_values,
    secret_options,
    spans,
    values,
)
from loadgrpc.cli.config_file import typed
from loadgrpc.cli.failure import Failure
from loadgrpc.cli.load_files import load_of
from loadgrpc.model import RetryReason, Wait, hyphened, words_of
from loadgrpc.protocol import options
from loadgrpc.protocol.case_kind import CasesKind
from loadgrpc.protocol.kinds import (
    ChoiceKind,
    CountsKind,
    PercentKind,
    RequirementsKind,
    SecondsKind,
    ThresholdsKind,
    VariablesKind,
)
from loadgrpc.protocol.kinds_of_users import WaitKind
from loadgrpc.protocol.labels_kind import LabelsKind
from loadgrpc.protocol.parameters_kind import ParametersKind
from loadgrpc.protocol.retry_kind import RetryKind

if TYPE_CHECKING:
    from loadgrpc.model import Plan
    from loadgrpc.v1.run_pb2 import RunSpec, Scenario

MAX_BYTES: Final = 16 << 20
"""Of a plan file: more than a broker would take."""


INCLUDED: Final = ("include_file", "include_files")
"""Keys of what is no part of a plan: what is sent with it, as --include-file has it."""


class PlanFile(NamedTuple):
    """What is in a file."""

    plan: Plan
    include_files: tuple[str, ...] = ()
    """What is to be sent with it: paths and patterns, from the current folder."""


def plan_of_file(
    path: Path, *over: Mapping[str, Any], beneath: Mapping[str, Any] | None = None
) -> PlanFile:
    """The plan in a file; options override it, the last of them first, and fill its gaps.

    They are by their names in the model: None where one was not given.

    Raises: Failure: it is not a plan, or not together with the options.
    """
    from google.protobuf import json_format  # noqa: PLC0415 - protobuf is heavy

    from loadgrpc.errors import InvalidRequest  # noqa: PLC0415
    from loadgrpc.protocol.plans import plan_from_proto  # noqa: PLC0415
    from loadgrpc.v1 import run_pb2  # noqa: PLC0415

    name = "standard input" if str(path) == "-" else str(path)
    try:
        document = document_in(path)
        included = included_in(document)
        written = spelled(document, path.parent)
        message = json_format.ParseDict(written, run_pb2.RunSpec())
        plan_options.underlie(message, beneath or {})
        for asked in over:
            plan_options.ask(message, asked)
        case_options.put_in_order(message, [beneath or {}, *over])
        return PlanFile(plan_from_proto(message), included)
    except OSError as error:
        raise Failure(f"{name} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Failure(f"{name} cannot be read: it is not UTF-8") from error
    except (json_format.ParseError, ValueError, RecursionError) as error:
        raise Failure(f"{name} is not a plan: {error}") from error
    except InvalidRequest as error:
        raise Failure(f"{name}: {error}") from error


def document_in(path: Path) -> dict[str, Any]:
    """What is written in a file of JSON or TOML; `-` is standard input.

    Raises:
        OSError: it cannot be read.
        ValueError: it is neither, or not UTF-8.
    """
    return _document(_text(path), path.suffix)


def _text(path: Path) -> str:
    """What is in the file."""
    if str(path) != "-":
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    elif sys.stdin is None:  # as with `<&-`
        raise OSError("it is closed")
    else:
        content = sys.stdin.buffer.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES >> 20} MiB")
    return content.decode("utf-8-sig")


def _document(text: str, suffix: str) -> dict[str, Any]:
    """What is written in a file of JSON or TOML; its first letter shows which, if not its name.

    Raises: ValueError: it is neither.
    """
    if suffix == ".toml" or (suffix != ".json" and not text.lstrip().startswith(("{", "["))):
        import tomllib  # noqa: PLC0415 - most plans are JSON

        return tomllib.loads(text)
    written = json.loads(text)
    if not isinstance(written, dict):
        raise ValueError("it is not a JSON object")  # noqa: TRY004 - told as all that is wrong
    return written


def included_in(document: dict[str, Any]) -> tuple[str, ...]:
    """Takes out what is to be sent with the plan.

    Raises:
        ValueError: it is neither a text nor a list of texts.
    """
    found: list[str] = []
    for key in [each for each in document if field_of(each) in INCLUDED]:
        value = document.pop(key)
        texts = value if isinstance(value, list) else [value]
        if not all(isinstance(each, str) and each for each in texts):
            raise ValueError(f"{key!r}: is a path or a pattern, or a list of them")
        found += texts
    return tuple(found)


def spelled(written: dict[str, Any], folder: Path, *, scenario: bool = False) -> dict[str, Any]:
    """A plan, or a scenario, as people write it, spelled as protobuf's JSON has it.

    Files that it names are found from the folder.

    Raises:
        ValueError: something cannot be read; the message names it.
    """
    from loadgrpc.v1 import run_pb2  # noqa: PLC0415 - protobuf is heavy

    written = dict(written)
    secrets = _secrets(written, folder)
    kind = run_pb2.Scenario if scenario else run_pb2.RunSpec
    fields = kind.DESCRIPTOR.fields_by_name
    plan: dict[str, Any] = {}
    for key, value in written.items():
        field = field_of(key)
        if field not in fields:
            hint = elsewhere.hint_of_key(field, fields)
            raise ValueError(f"{'a scenario' if scenario else 'a plan'} has no {key!r}{hint}")
        if field in plan:
            raise ValueError(f"{key!r} is there twice")
        try:
            plan[field] = _value(field, value, folder)
        except ValueError as error:
            raise ValueError(f"{key!r}: {error}") from None
    if secrets and isinstance(plan.setdefault("parameters", {}), dict):
        plan["parameters"] = plan["parameters"] | secrets
    return _with_stages(plan, kind())


def _secrets(written: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Takes the secrets out of a plan or a scenario; as parameters, by name."""
    found: dict[str, Any] = {}
    for key in [each for each in written if field_of(each) in secret_options.KEYS]:
        try:
            found |= secret_options.spelled(written.pop(key), folder)
        except ValueError as error:
            raise ValueError(f"{key!r}: {error}") from None
    return found


def _with_stages(plan: dict[str, Any], message: RunSpec | Scenario) -> dict[str, Any]:
    """A plan whose load is read, with the files that it names."""
    if not isinstance(plan.get("load"), str):
        return plan
    from google.protobuf import json_format  # noqa: PLC0415 - protobuf is heavy

    try:
        load = load_of(plan["load"])
    except ValueError as error:
        raise ValueError(f"'load': {error}") from None
    options.ALL["load"].kind.put(message, "load", load)
    written = json_format.MessageToDict(message, preserving_proto_field_name=True)
    return {key: value for key, value in plan.items() if key != "load"} | written


def field_of(key: str) -> str:
    """The field of the protocol that a key names: `spawnRate`, `spawn_rate` or `spawn-rate`."""
    snake = (
        "".join(f"_{c.lower()}" if c.isupper() else c for c in key).replace("-", "_").lstrip("_")
    )
    return plan_options.KEYS.get(snake, snake)


def _value(field: str, value: Any, folder: Path) -> Any:  # noqa: C901, PLR0911, PLR0912 - one for each kind
    kinds: dict[str, Callable[[Any], Any]] = {
        "scenarios": partial(_scenario, folder),
        "observers": _observer,
        "tests": _test,
    }
    nested = kinds.get(field)
    if nested is not None and isinstance(value, list):
        return [nested(each) for each in value]
    row = options.ALL.get(field)
    if row is None or isinstance(value, bool) or value is None:
        return value
    match row.kind:
        case SecondsKind(most, zero) if isinstance(value, str | int | float):
            return f"{spans.seconds(str(value), most=most, zero=zero):.9f}s"
        case WaitKind() if isinstance(value, str | int | float):
            return _wait(spans.wait(str(value)))
        case PercentKind(most, least) if isinstance(value, str):
            return values.Percent(least, most).read(value)
        case CountsKind() if isinstance(value, str | int):
            return list(values.counts(str(value), row.kind))
        case RequirementsKind(chars) if isinstance(value, str):
            return list(values.requirements(value, chars))
        case ThresholdsKind() if isinstance(value, str):
            return [value]
        case LabelsKind() if isinstance(value, str):
            return list(plan_values.Labels(row.kind).read(value))
        case RetryKind() if isinstance(value, str | int | dict):
            return _retry(value, row.kind)
        case CasesKind() if isinstance(value, str | dict):
            return case_options.spelled(value, folder)
        case VariablesKind() if isinstance(value, dict | list):
            return _variables(value)
        case ParametersKind() if isinstance(value, dict | list):
            return _parameters(value)
        case ChoiceKind() if isinstance(value, str):
            found = row.kind.words.get(hyphened(value))
            return value if found is None else int(found)
    return value


def _wait(wait: Wait) -> dict[str, Any]:
    """A wait as protobuf's JSON has it."""
    from google.protobuf import json_format  # noqa: PLC0415 - protobuf is heavy

    from loadgrpc.v1 import run_pb2  # noqa: PLC0415

    message = run_pb2.RunSpec()
    WaitKind().put(message, "think", wait)
    written: dict[str, Any] = json_format.MessageToDict(message.think)
    return written


def _retry(value: str | int | dict[str, Any], kind: RetryKind) -> dict[str, Any]:
    """A policy of retries: as the command line has it, or field by field."""
    if not isinstance(value, dict):
        policy = plan_values.retry_policy(str(value), kind)
        return {
            "max_attempts": policy.max_attempts,
            "initial_backoff": f"{policy.initial_backoff_s:.9f}s",
            "multiplier": policy.multiplier,
            "max_backoff": f"{policy.max_backoff_s:.9f}s",
            "jitter": policy.jitter,
            "retry_on": list(map(int, policy.retry_on)),
        }
    known = words_of(RetryReason)
    found: dict[str, Any] = {}
    for key, each in value.items():
        field = field_of(key)
        if field.endswith("_backoff") and isinstance(each, str | int | float):
            found[field] = f"{spans.seconds(str(each), most=kind.most_s, zero=True):.9f}s"
        elif field == "retry_on" and isinstance(each, list):
            words = [hyphened(str(reason)) for reason in each]
            found[field] = [
                int(known[word]) if word in known else reason
                for word, reason in zip(words, each, strict=True)
            ]
        else:
            found[field] = each
    return found


def _variables(value: dict[str, Any] | list[Any]) -> dict[str, str]:
    """Variables as people write them: values by names, or as a command line has them.

    One whose value is null, as one that is only named, has its value from here.
    """
    if isinstance(value, list):
        return dict(values.variable(str(each)) for each in value)
    return {
        name: values.variable(name)[1] if each is None else _text_of(name, each)
        for name, each in value.items()
    }


def _parameters(value: dict[str, Any] | list[Any]) -> dict[str, Any]:
    """Parameters as people write variables, or each with its `value` and whether it is `secret`."""
    if isinstance(value, list):
        return {name: {"value": each} for name, each in _variables(value).items()}
    whole = {name: each for name, each in value.items() if isinstance(each, dict)}
    plain = {name: each for name, each in value.items() if name not in whole}
    return whole | {name: {"value": each} for name, each in _variables(plain).items()}


def _text_of(name: str, value: Any) -> str:
    if (text := typed(value)) is None:
        raise ValueError(f"the value of {name} is neither a text nor a number")
    return text


def _scenario(folder: Path, value: Any) -> Any:
    return spelled(value, folder, scenario=True) if isinstance(value, dict) else value


def _test(value: Any) -> Any:
    """One of several tests: with its weight behind it, as the command line has it, or apart."""
    if not isinstance(value, str):
        return value
    named = values.weighted(value)
    return {"test": named.test, "weight": named.weight}


def _observer(value: Any) -> Any:
    """An observer: its name alone, or with events as the command line has them."""
    if isinstance(value, str):
        return {"name": value}
    if not isinstance(value, dict):
        return value
    events = value.get("events", [])
    if isinstance(events, str):
        events = events.split(",")
    if not isinstance(events, list):
        return value
    known = observer_options.EVENTS
    words = [hyphened(str(each).strip()) for each in events]
    numbers = [
        int(known[word]) if word in known else each
        for word, each in zip(words, events, strict=True)
    ]
    return {**value, "events": numbers}
