"""`python -m loadgrpc`: the same as the command `loadgrpc`."""

import sys

from loadgrpc.cli import main

if __name__ == "__main__":
    sys.exit(main())
