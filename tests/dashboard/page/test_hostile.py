"""Whatever texts of others say, the page shows them as texts, and does nothing of it."""

import itertools
import json

import page_documents as made
from google.protobuf import json_format
from hypothesis import example, given, settings
from hypothesis import strategies as st

from loadgrpc.protocol.document import as_document
from loadgrpc.text import one_line
from loadgrpc.v1 import control_pb2

RUN = "r-0123456789"
OTHER = "r-9876543210"
MARK = "\u2603 a text"
"""Stands in documents for a text of somebody else."""
HOSTILE = (
    '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>\u202egnp.exe\x1b[31m\x00'
    " &lt;b&gt; ${hurt} {{7*7}} '\"` العربية " + "long" * 40
)
KNOWN = [
    HOSTILE,
    "</script><svg onload=window.hurt=1>",
    "javascript:window.hurt=1",
    "__proto__",
    "constructor",
    "\ud800 alone \udc00",
    "x" * 9_000,
    "\u2067\u202e\u2066 שלום \u2069",
    "a\r\nb\tc\x85\u2028d",
]
texts = (
    st.sampled_from(KNOWN)
    | st.text(st.characters(exclude_categories=("Cn",)), min_size=1, max_size=60)
    | st.text(st.sampled_from("<>&\"'`=/\\ \n\0\x1b\u202e\u200f\ud83d\ude00{}$()a;"), max_size=40)
)
TAGS = (
    "a article button canvas code dd details div dl dt figcaption figure h1 h2 input li ol option p"
    " path polyline pre section select span strong summary svg table tbody td th thead tr"
)
"""What the page is made of."""
FOREIGN = """tags => [...document.querySelectorAll('main *')].flatMap(element => [
  ...(tags.split(' ').includes(element.tagName.toLowerCase()) ? [] : [element.tagName]),
  ...[...element.attributes]
    .filter(({name, value}) => /^on/i.test(name) || (name === 'href' && !/^(#|api)[/]/.test(value)))
    .map(({name, value}) => `${name}=${value}`),
])"""


def marked(message):
    """The message, as a document, with marks in every field for text."""
    _mark(message)
    return as_document(message)


def _mark(message):
    for field in message.DESCRIPTOR.fields:
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            if kind.fields_by_name["key"].cpp_type == field.CPPTYPE_STRING:
                _mark_entry(getattr(message, field.name), kind.fields_by_name["value"])
        elif field.cpp_type == field.CPPTYPE_STRING and field.is_repeated:
            getattr(message, field.name).append(MARK)
        elif field.type == field.TYPE_STRING:
            setattr(message, field.name, MARK)
        elif kind is not None and kind.file.package == "loadgrpc.v1":
            inner = getattr(message, field.name)
            for each in inner if field.is_repeated else [inner] * message.HasField(field.name):
                _mark(each)


def _mark_entry(entries, value):
    """An entry of a map whose name, and if it has one its text, are marks."""
    if value.cpp_type == value.CPPTYPE_STRING:
        entries[MARK] = MARK
    elif value.message_type is None:
        entries[MARK] = 3


def parsed(kind, document):
    """A message of a document."""
    return json_format.ParseDict(document, kind())


def written(document, said):
    """The document with the next of some texts instead of each mark."""
    if isinstance(document, dict):
        return {
            next(said) if key == MARK else key: written(each, said)
            for key, each in document.items()
        }
    if isinstance(document, list):
        return [written(each, said) for each in document]
    return next(said) if document == MARK else document


def hostile_documents(documents):
    """All documents of the door, with marks in every field for text."""
    run = marked(made.run())
    found = {
        f"runs/{RUN}": run,
        f"runs/{RUN}/summary": marked(made.summary()),
        f"runs/{RUN}/changes": {
            "changes": [marked(parsed(control_pb2.Change, each)) for each in made.changes()]
        },
        "runs": {"runs": [{**run, "runId": RUN}], "more": False, "storeTrouble": MARK},
        "broker": marked(parsed(control_pb2.GetBrokerResponse, made.broker())),
        "agents": {"agents": [marked(parsed(control_pb2.Agent, each)) for each in made.agents()]},
        "compare": {
            "comparisons": [marked(parsed(control_pb2.RunComparison, made.comparison(RUN, OTHER)))]
        },
    }
    return {**documents, **found}


def row(page, table):
    """The texts of the first row of a table."""
    return page.eval_on_selector(
        f"[data-table={table}] tbody tr",
        "row => [...row.children].map(cell => cell.textContent)",
    )


VIEWS = {
    "#/cluster": "agents",
    "#/runs": "runs",
    f"#/runs/{RUN}": "log",
    f"#/compare/{RUN},{OTHER}": "differences",
}


def test_texts_of_others_show_as_texts(door, open_page):
    """Markup, scripts, controls, directions and halves of characters, in every field for text.

    They make no element, no attribute and no address, and are written as a terminal has them.
    """
    marks = hostile_documents(door.documents)
    page = open_page("#/runs")

    @settings(max_examples=4)
    @given(st.lists(texts, min_size=3, max_size=12))
    @example(KNOWN)
    @example([HOSTILE])
    def is_shown(said):
        door.documents = written(marks, itertools.cycle(said))
        for view, table in VIEWS.items():
            page.evaluate("view => { location.hash = view; }", view)
            page.wait_for_selector(f"[data-table={table}] tbody tr")

            assert page.evaluate("window.hurt") is None
            assert page.evaluate(FOREIGN, TAGS) == []
            assert not {*"\u202e\x1b\x00"} & {*page.inner_text("main")}
            for place, text in texts_of(door.documents, view):
                assert row(page, place[0])[place[1]] == shown(text)

    is_shown()


def texts_of(documents, view):
    """Some of the texts of a view, and in which column of which table they stand."""
    agent, summary = documents["agents"]["agents"][0], documents[f"runs/{RUN}/summary"]
    found = {
        "#/cluster": {("agents", 0): agent["agentId"], ("agents", 3): agent["hostname"]},
        f"#/runs/{RUN}": {
            ("agents", 1): summary["agents"][0]["hostname"],
            ("thresholds", 0): summary["thresholds"][0]["threshold"],
            ("failures", 2): summary["failures"][0]["test"],
        },
    }
    return found.get(view, {}).items()


def shown(text):
    """How a text is shown, as JSON brings it: two halves of a character are one."""
    return one_line(json.loads(json.dumps(text)))
