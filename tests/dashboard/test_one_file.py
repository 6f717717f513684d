"""The page as one file: all of it inside, nothing that runs beside what its policy names."""

import base64
import hashlib
import re

import pytest

from loadgrpc.dashboard.one_file import LOADER, SCRIPTS, UnfitPage, one_file, script

STYLES = (
    '<link rel="stylesheet" href="uplot/uPlot.min.css">\n<link rel="stylesheet" href="app.css">\n'
)
INDEX = (
    "<!doctype html>\n<html><head>\n"
    + STYLES
    + "\n".join(SCRIPTS)
    + "\n</head><body></body></html>"
)
FILES = {
    "index.html": INDEX,
    "uplot/uPlot.min.css": ".u{}",
    "uplot/uPlot.iife.min.js": "var uPlot = 1;",
    "app.css": "body{}",
    "app.js": 'import { two } from "./b.js";\nimport {\n  one,\n} from "./a.js";\nuse(one, two);\n',
    "a.js": "export const one = 1;\n",
    "b.js": 'import { one } from "./a.js";\nexport function two() { return one; }\n'
    "export async function three() {}\nexport class Four {}\n",
}


def test_modules_become_one_script():
    """Each comes once, after those that it needs, and shows what it exports."""
    found = script(FILES)

    order = re.findall(r"const (m_\w+) = \(\(\) =>", found)
    assert order == ["m_a", "m_b", "m_app"]
    assert "const {two} = m_b;" in found
    assert "const {one,} = m_a;" in found
    assert "return {two, three, Four};" in found
    assert not re.search(r"^\s*(?:import|export)\b", found, re.MULTILINE)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ('import x from "./a.js";\n', "cannot be made a part"),
        ('import { x } from "https://cdn.example/a.js";\n', "cannot be made a part"),
        ("export default 1;\n", "cannot be made a part"),
        ("export let x = 1;\n", "cannot be made a part"),
        ('import { x } from "./none.js";\n', "needs none.js"),
        ('import { x } from "./app.js";\n', "need each other"),
    ],
)
def test_modules_that_do_not_fit_are_refused(source, why):
    """What cannot be part of one file is a defect of the page, found before it is sent."""
    with pytest.raises(UnfitPage, match=why):
        script({**FILES, "a.js": source})


def test_a_file_has_all_of_it(packed):
    """Styles, scripts and data are inside; what loads them from elsewhere is gone."""
    page = one_file(FILES, {"runs": [1]})

    found = packed(page)
    assert found["frozen"] == {"runs": [1]}
    assert found["styles"] == [".u{}", "body{}"]
    assert found["scripts"] == ["var uPlot = 1;", script(FILES)]
    assert not re.search(r"\b(?:src|href)=", page)


def test_the_policy_names_each_script_by_its_hash(packed):
    """Nothing else runs: not inline, not from elsewhere, and nothing is sent anywhere."""
    page = one_file(FILES, {})

    policy = re.search(r'<head>\n<meta http-equiv="Content-Security-Policy" content="(.*)">', page)[
        1
    ]
    rules = dict(each.split(" ", 1) for each in policy.split("; "))
    found = packed(page)
    hashed = [
        "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"
        for text in (LOADER, *found["scripts"])
    ]
    assert rules["default-src"] == "'none'"
    assert rules["script-src"].split() == hashed
    assert len(rules["style-src"].split()) == len(found["styles"])
    assert f"<script>{LOADER}</script>" in page
    assert "connect-src" not in rules
    assert not re.search(r"unsafe|https?:|\*", policy)


@pytest.mark.parametrize(
    "text",
    ["</script><script>alert(1)</script>", "<!--", "\u2028", "\x00", "\ud800", "é" * 1_000],
)
def test_data_is_never_markup(text, packed):
    """Whatever is in the data, the file has only letters and digits of it."""
    page = one_file(FILES, {"title": text})

    assert text not in page
    assert page.count("<script") == 2
    assert packed(page)["frozen"]["title"] == text.encode("utf-8", "replace").decode()


def test_a_page_of_another_form_is_refused():
    """A page without the lines that are replaced would load something from elsewhere."""
    with pytest.raises(UnfitPage, match="does not have the line"):
        one_file({**FILES, "index.html": INDEX.replace(SCRIPTS[1], "")}, {})
