"""The bench: loadgrpc side by side with its peers on this machine; run `make bench`.

`rates` measures requests a second, `control` what broker and agents cost, `accuracy` whether
reported latencies are true. Each part hands plain data to `page`, which draws
`docs/benchmarks.md`. Everything that runs is pinned to one of two cores: `cores`.
"""
