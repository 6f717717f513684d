"""The demo server: an HTTP server that is pleasant to load, and counts for itself.

    python -m loadgrpc.examples.server [--host 127.0.0.1] [--port 9000]

It prints `listening on http://HOST:PORT` when it is ready (`--port 0` takes a free port).

    /            a small page                    /status/CODE  an answer with that status
    /delay/MS    the same, MS ms later           /redirect/N   N redirects, then a page
    /slow        20 ms, each tenth 300 ms        /flaky/N      each Nth answer is a 503
    /json        a small document                /bytes/N      N bytes
    /echo        the body of the request         /cookie       a number for each visitor
    /auth        the name of the user, whom      /cut          half an answer, then the end
                 any password lets in (Basic)    /broken       no answer, but the end
    /ws          a web socket that echoes        /ws/MS        the same, MS ms later
    /stats       what was counted, as JSON; a DELETE starts over
    /count       the number of requests, as text

Rule: what it reports is independent of loadgrpc, so that loadgrpc can be checked against
it: the standard library only, and every request is counted when it has arrived whole, but
for those to /stats and /count. A request is concurrent from its arrival until its answer
is written or its connection lost. A message of a web socket is counted when it has arrived
whole, and comes back once.
"""
