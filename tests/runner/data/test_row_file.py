"""Files of rows: what is read, and what is said of a file that cannot be."""

import csv
import json
import os
from array import array
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadgrpc.runner.data.row_file import BadDataFile, RowFile


@pytest.fixture
def file(tmp_path):
    """Writes a file, and opens it."""
    opened = []

    def write(name, content, **options):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        opened.append(RowFile(path, **options))
        return opened[-1]

    yield write
    for each in opened:
        each.close()


def rows(file):
    """All rows of a file."""
    return [file.row(at) for at in range(len(file))]


def open_files():
    """How many descriptors this process has."""
    return len(list(Path("/proc/self/fd").iterdir()))


FILES = {
    "plain.csv": ("name,age\nann,5\nbob,7\n", {}),
    "no_end.csv": ("name,age\nann,5\nbob,7", {}),
    "windows.csv": ("name,age\r\nann,5\r\nbob,7\r\n", {}),
    "excel.csv": ("\ufeffname,age\nann,5\nbob,7\n", {}),
    "blank.csv": ("\n\nname,age\n\nann,5\n\n\nbob,7\n\n", {}),
    "upper.CSV": ("name,age\nann,5\nbob,7\n", {}),
    "semi.csv": ("name;age\nann;5\nbob;7\n", {"delimiter": ";"}),
    "tabs.tsv": ("name\tage\nann\t5\nbob\t7\n", {}),
    "quoted.csv": ('name,age\n"ann","5"\nbob,"7"\n', {}),
    "lines.jsonl": ('{"name": "ann", "age": "5"}\n{"name": "bob", "age": "7"}\n', {}),
    "lines.ndjson": ('\n{"name": "ann", "age": "5"}\n\n{"name": "bob", "age": "7"}', {}),
    "bom.jsonl": ('\ufeff{"name": "ann", "age": "5"}\n{"name": "bob", "age": "7"}', {}),
}


@pytest.mark.parametrize("name", FILES)
def test_rows_are_dictionaries(file, name):
    """By the names in the header, or as JSON has them; blank lines are no rows."""
    content, options = FILES[name]
    assert rows(file(name, content, **options)) == [
        {"name": "ann", "age": "5"},
        {"name": "bob", "age": "7"},
    ]


def test_fields_may_hold_anything(file):
    """Quotes, separators and line breaks in CSV, and whatever JSON knows."""
    found = file("a.csv", 'a,b\n"x ""y"", z","one\ntwo\r\nthree"\n,ö\u2028ü\n')
    assert rows(found) == [
        {"a": 'x "y", z', "b": "one\ntwo\r\nthree"},
        {"a": "", "b": "ö\u2028ü"},
    ]
    assert rows(file("a.jsonl", '{"a": [1, {"b": null}], "ü": 1.5}\n')) == [
        {"a": [1, {"b": None}], "ü": 1.5}
    ]


texts = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\ufeff"), max_size=8)


@given(st.lists(st.tuples(texts, texts.filter(bool)), min_size=1, max_size=20))
def test_what_was_written_is_read(tmp_path_factory, written):
    """Any text survives both formats."""
    folder = tmp_path_factory.mktemp("rows")
    with (folder / "a.csv").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows([("x", "y"), *written])
    lines = "\n".join(json.dumps({"x": x, "y": y}) for x, y in written)
    (folder / "a.jsonl").write_text(lines, encoding="utf-8")
    for name in ("a.csv", "a.jsonl"):
        found = RowFile(folder / name)
        assert rows(found) == [{"x": x, "y": y} for x, y in written]
        found.close()


def test_a_row_belongs_to_who_took_it(file):
    """Nobody else sees what a test does to it."""
    found = file("a.csv", "a\n1\n")
    found.row(0)["a"] = "changed"
    assert found.row(0) == {"a": "1"}


BAD = {
    "few.csv": ("a,b\n1,2\n3\n", "few.csv, line 3 has 1 field instead of 2: 3"),
    "many.csv": ("a,b\n1,2,3\n", "many.csv, line 2 has 3 fields instead of 2: 1,2,3"),
    "after.csv": ('a,b\n"x\ny",1\n2\n', "after.csv, line 4 has 1 field instead of 2: 2"),
    "twice.csv": ("a,b,a\n1,2,3\n", "twice.csv, line 1 names the field 'a' twice"),
    "noname.csv": ("a,,c\n1,2,3\n", "noname.csv, line 1 names a field without a name: a,,c"),
    "quote.csv": ('a,b\n1,"2\n', "quote.csv, line 2 is not CSV: unexpected end of data"),
    "latin.csv": (b"a,b\n1,2\nJ\xf6rg,3\n", "latin.csv, line 3 is not UTF-8"),
    "header.csv": ("a,b\n", "header.csv has no rows"),
    "empty.csv": ("", "empty.csv has no header: its first line names the fields"),
    "empty.jsonl": ("", "empty.jsonl has no rows"),
    "array.jsonl": ('{"a": 1}\n[1]\n', "array.jsonl, line 2 is not a JSON object: [1]"),
    "broken.jsonl": ('{"a": 1}\n\n{"a": \n', "broken.jsonl, line 3 is not JSON"),
    "deep.jsonl": ("[" * 100_000, "deep.jsonl, line 1 is nested too deeply"),
    "users.xlsx": ("x", "users.xlsx: its name must end in one of .csv, .tsv, .jsonl, .ndjson"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_named_with_its_line(file, name):
    """The sentence says which file, which line, and what is wrong with it; nothing stays open."""
    content, sentence = BAD[name]
    before = open_files()
    with pytest.raises(BadDataFile) as caught:
        file(name, content)
    assert sentence in str(caught.value)
    assert open_files() == before


def test_a_file_that_is_not_there(file, tmp_path):
    """What is meant may be near; a folder or a pipe is no file."""
    file("users.csv", "a\n1\n")
    with pytest.raises(BadDataFile, match=r"no file 'user.csv' in .*did you mean 'users.csv'\?"):
        RowFile(tmp_path / "user.csv")
    with pytest.raises(BadDataFile, match=r"no file 'x.csv' in .*; it has users.csv"):
        RowFile(tmp_path / "x.csv")
    (tmp_path / "folder.csv").mkdir()
    os.mkfifo(tmp_path / "pipe.csv")
    for name in ("folder.csv", "pipe.csv"):
        with pytest.raises(BadDataFile, match=f"{name} is not a file"):
            RowFile(tmp_path / name)


def test_a_file_that_changes_is_noticed(file):
    """A row that cannot be read any more is an error, and not another row."""
    found = file("a.csv", "a,b\n1,2\n3,4\n")
    found.path.write_text("a\n1\n")
    with pytest.raises(BadDataFile, match=r"a\.csv was changed while the run used it"):
        found.row(1)


def test_copies_are_told_apart(file):
    """By what is in them, not by their names."""
    one, same, other = (
        file(name, content)
        for name, content in (("a.csv", "a\n1\n"), ("b.csv", "a\n1\n"), ("c.csv", "a\n2\n"))
    )
    assert one.digest == same.digest != other.digest
    assert 0 < one.digest < 2**63


def test_memory_of_a_large_file_is_where_its_rows_begin(file):
    """Eight bytes a row, and nothing of the rows themselves."""
    found = file("a.csv", "a,b\n" + "some text,some more text\n" * 20_000)
    kept = [value for value in vars(found).values() if isinstance(value, array)]
    assert [(each.itemsize, len(each)) for each in kept] == [(8, 20_001)]
    assert found.row(19_999) == {"a": "some text", "b": "some more text"}
