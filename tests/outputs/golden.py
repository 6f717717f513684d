"""What Loads 0.3.1 wrote of `loads-runner example.TestWebSite.test_es -u 1:2 --hits 2`.
and what two such documents are compared as.
"""

from __future__ import annotations

import re
from pathlib import Path

GOLDEN = (Path(__file__).parent / "golden/funkload.xml").read_text()

VARIES = (
    (r'(?<= time=")[^"]*', "TIME"),
    (r'(?<= duration=")[^"]*', "DURATION"),
    (r'(?<=key="(?:node)" value=")[^"]*', "HOST"),
    (r'(?<=key="log_xml" value=")[^"]*', "FILE"),
    (r'(?<=key="python_version" value=")[^"]*', "VERSION"),
    (r'(?<=key="class_description" value=")\w+ (Funkload export) [^"]*', r"\1 VERSION"),
    (r"127\.0\.0\.1:\d+", "HOST:PORT"),
)


def comparable(document: str) -> tuple[str, list[str], str]:
    """Head, responses with their results, and end; users who work at once have no order."""
    for pattern, name in VARIES:
        document = re.sub(pattern, name, document)
    head, _, rest = document.partition("<response")
    body, end, after = rest.rpartition("</funkload>")
    iterations = re.split(r"(?<=/>\n)(?=<response)", "<response" + body)
    return head, sorted(iterations), end + after
