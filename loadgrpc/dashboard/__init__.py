"""The page: what a broker knows, in a browser, live and afterwards.

Rule: a client of the public protocol, and nothing else: what the page shows, any client can ask
for. `/api` answers with the documents that the command line prints with `--json`.
"""
