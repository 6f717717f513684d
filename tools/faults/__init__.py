"""The fault suite: real processes are killed, stopped, cut off and filled up; run `make faults`.

`catalogue` says which faults there are and what must hold under each; `judge` decides, and is
pure; `server` counts what was really sent, request by request. `docs/faults.md` tells the rest.
"""
