"""The Python runner: a link process that reports, and user processes that run the users.

`link.py` runs in a process of its own, with asyncio and gRPC. Everything else runs in user
processes, patched by gevent, where neither is ever imported; the two talk through `pipe.py`.
"""
