#!/bin/sh
# Builds bin/runner; only Go has to be there, and the network when its modules are not cached.
# Without C, so that the file runs on any machine of its kind.
cd "$(dirname "$0")" || exit
CGO_ENABLED=0 exec go build -trimpath -buildvcs=false -o bin/runner .
