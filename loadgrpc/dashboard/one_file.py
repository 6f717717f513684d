"""The page as one file, with what it shows: nothing is loaded from elsewhere.

Method. Modules become functions, in the order in which they need each other, so that all of them
are one script. Script, styles and data are one JSON document, packed by gzip and spelled in
base64; a short script unpacks it. The policy of the file names each script and each style by its
hash: nothing else runs, whatever the data says.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Final

MAIN: Final = "app.js"
CHARTS: Final = "uplot/uPlot.iife.min.js"
SCRIPTS: Final = (
    f'<script defer src="{CHARTS}"></script>',
    f'<script type="module" src="{MAIN}"></script>',
)
"""Lines of the page that load its scripts."""
LEVEL: Final = 9

_STYLE: Final = re.compile(r'<link rel="stylesheet" href="([^"]+)">\n?')
_IMPORT: Final = re.compile(
    r'^import\s*\{([^}]*)\}\s*from\s*"\./([\w/.-]+\.js)";[ \t]*\n?', re.MULTILINE
)
_EXPORT: Final = re.compile(
    r"^export ((?:async )?function\*?|class|const) ([A-Za-z_$][\w$]*)", re.MULTILINE
)
_COMMENT: Final = re.compile(r"^[ \t]*(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/[ \t]*)\n", re.MULTILINE)
"""One that has lines of its own; a rule of the page's keeps texts clear of what looks like one."""
LOADER: Final = """\
(async () => {
  const packed = document.getElementById("packed");
  try {
    const bytes = Uint8Array.from(atob(packed.textContent.trim()), (c) => c.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    const whole = JSON.parse(await new Response(stream).text());
    packed.remove();
    globalThis.loadgrpcFrozen = whole.frozen;
    for (const [kind, texts] of [["style", whole.styles], ["script", whole.scripts]]) {
      for (const text of texts) {
        const element = document.createElement(kind);
        element.textContent = text;
        document.head.append(element);
      }
    }
  } catch (error) {
    document.body.textContent = "This report cannot be shown: " + error.message
      + ". It needs a browser of 2023 or later.";
  }
})();
"""


class UnfitPage(ValueError):
    """The files of the page are not such that they can be one file: a defect."""


def one_file(files: Mapping[str, str], frozen: Mapping[str, Any]) -> str:
    """The page of these files, by name, with what it shows.

    Raises:
        UnfitPage: the files do not keep to the rules.
    """
    page = files["index.html"]
    styles = [files[name] for name in _STYLE.findall(page)]
    scripts = [files[CHARTS], script(files)]
    whole = {"styles": styles, "scripts": scripts, "frozen": frozen}
    text = json.dumps(whole, ensure_ascii=False, separators=(",", ":"))
    packed = gzip.compress(text.encode("utf-8", "replace"), LEVEL, mtime=0)
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(digest, (LOADER, *scripts)))}",
            f"style-src {' '.join(map(digest, styles))}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    page = _STYLE.sub("", page)
    for line in SCRIPTS:
        if page.count(line) != 1:
            raise UnfitPage(f"index.html does not have the line {line}")
        page = page.replace(line, "")
    head = f'<head>\n<meta http-equiv="Content-Security-Policy" content="{policy}">'
    body = (
        f'<script type="application/octet-stream" id="packed">{base64.b64encode(packed).decode()}'
        f"</script>\n<script>{LOADER}</script>\n</body>"
    )
    for mark, with_it in (("<head>", head), ("</body>", body)):
        if page.count(mark) != 1:
            raise UnfitPage(f"index.html does not have one {mark}")
        page = page.replace(mark, with_it)
    return page


def digest(text: str) -> str:
    """How a policy names a script or a style."""
    found = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return f"'sha256-{found}'"


def script(files: Mapping[str, str], main: str = MAIN) -> str:
    """All modules that `main` needs, as one script.

    Raises:
        UnfitPage: they do not keep to the rules.
    """
    made: dict[str, str] = {}
    _add(files, main, made, ())
    return '"use strict";\n(() => {\n' + "\n".join(made.values()) + "\n})();\n"


def _add(
    files: Mapping[str, str], name: str, made: dict[str, str], within: tuple[str, ...]
) -> None:
    """Adds a module as a function, after those that it needs."""
    if name in made:
        return
    if name in within:
        raise UnfitPage(f"modules need each other: {' → '.join((*within, name))}")
    if name not in files:
        raise UnfitPage(f"{within[-1] if within else 'the page'} needs {name}, which is not there")
    source = _COMMENT.sub("", files[name])
    lines = []
    for names, other in _IMPORT.findall(source):
        _add(files, other, made, (*within, name))
        lines.append(f"const {{{' '.join(names.split())}}} = {_variable(other)};")
    source = _IMPORT.sub("", source)
    exported = [found[1] for found in _EXPORT.findall(source)]
    source = _EXPORT.sub(r"\1 \2", source)
    if wrong := re.search(r"^(?:import|export)\b.*", source, re.MULTILINE):
        raise UnfitPage(f"{name}: {wrong[0]!r} cannot be made a part of one file")
    made[name] = "\n".join(
        (
            f"const {_variable(name)} = (() => {{",
            *lines,
            source,
            f"return {{{', '.join(exported)}}};",
            "})();",
        )
    )


def _variable(name: str) -> str:
    return "m_" + re.sub(r"\W", "_", name.removesuffix(".js"))
