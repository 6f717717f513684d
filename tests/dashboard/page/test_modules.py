"""The page's own rules, which the maker of reports and its policy rely on."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[3] / "loadgrpc/dashboard/page"
MODULES = sorted(PAGE.glob("*.js"))
MOST_LINES = 450
UNSAFE = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|\bimport\("
    r"|setAttribute\(\"style\"|\.cssText"
)
IMPORT = re.compile(r'^import \{[^}]*\} from "\./(\w+\.js)";$', re.MULTILINE)
EXPORT = re.compile(r"^export (?:async function|function|class|const) \w+", re.MULTILINE)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.name)
def test_modules_can_be_put_into_one_file(path):
    """Imports are by name and without renaming, exports are named, nothing makes markup of text."""
    text = path.read_text()

    assert len(text.splitlines()) <= MOST_LINES
    assert not UNSAFE.search(text)
    assert len(re.findall(r"^import\b", text, re.MULTILINE)) == len(IMPORT.findall(text))
    assert len(re.findall(r"^export\b", text, re.MULTILINE)) == len(EXPORT.findall(text))
    assert " as " not in "".join(re.findall(r"^import .*$", text, re.MULTILINE))


def test_only_the_source_fetches():
    """One module asks the server; all others get documents."""
    asks = [path.name for path in MODULES if re.search(r"\bfetch\(|EventSource", path.read_text())]

    assert asks == ["source.js"]


def test_no_module_imports_itself():
    """Imports have no cycle: modules can be ordered, from the app down."""
    needs = {path.name: set(IMPORT.findall(path.read_text())) for path in MODULES}
    ordered = []
    while len(ordered) < len(needs):
        ready = [name for name in needs if name not in ordered and needs[name] <= {*ordered}]
        assert ready, f"a cycle among {sorted(set(needs) - {*ordered})}"
        ordered += ready

    assert ordered[-1] == "app.js"


def test_the_page_has_no_inline_script_and_no_inline_style():
    """What the policy of the server refuses is not there."""
    text = (PAGE / "index.html").read_text()

    assert not re.search(r"<script(?![^>]*\bsrc=)", text)
    assert not re.search(r"<style|\sstyle=|\son\w+=", text)
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)
