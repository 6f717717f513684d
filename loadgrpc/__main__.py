"""`python -m loadgrpc`: the same as the command `loadgrpc`."""

import sys

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]  # the current folder: a test there may have the name of a library

    from loadgrpc.cli import main

    sys.exit(main())
