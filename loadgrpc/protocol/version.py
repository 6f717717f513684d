"""Whether two programs that meet have compatible versions.

Rule: a difference is reported, and never refused; the protocol grows by fields that older
programs ignore.
"""

from __future__ import annotations

from loadgrpc import __version__


def other_version(version: str, ours: str = __version__) -> str:
    """What is wrong with the version of the other side, as a sentence; empty: nothing."""
    if not version:
        return ""  # it is not known
    if version.split(".")[:2] == ours.split(".")[:2]:
        return ""
    return f"it runs loadgrpc {version}, and this is {ours}: install one version on both sides"
