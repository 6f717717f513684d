"""Lets gevent patch the standard library, even if something else came first.

Code that starts with Python (a `sitecustomize` module, a `.pth` file of a tracer or of a
company's certificates) may have imported `ssl`, and modules that use it, before anything here
runs. gevent then replaces `ssl.SSLContext`, while those modules keep the old one under their own
name, whose methods call each other by the name of the new one: each TLS connection is a
RecursionError.

Rule: every module that holds the old class gets the new one. Nothing may be imported here that
imports `ssl`.
"""

from __future__ import annotations

import sys
import warnings

from gevent import monkey


def patch_all() -> None:
    """Patches the standard library, and hands on what was replaced in it."""
    early = sys.modules.get("ssl")
    old = getattr(early, "SSLContext", None)
    with warnings.catch_warnings():
        if early is not None:
            warnings.simplefilter("ignore", monkey.MonkeyPatchWarning)
        monkey.patch_all()
    new = getattr(early, "SSLContext", None)
    if old is None or new is old:
        return
    for name, module in list(sys.modules.items()):
        if module is None or name.partition(".")[0] in ("gevent", "ssl"):
            continue
        for held, value in list(getattr(module, "__dict__", {}).items()):
            if value is old:
                setattr(module, held, new)
