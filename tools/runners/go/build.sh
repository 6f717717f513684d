#!/bin/sh
# Builds bin/runner; only Go has to be there, and the network when its modules are not cached.
cd "$(dirname "$0")" || exit
exec go build -trimpath -buildvcs=false -o bin/runner .
