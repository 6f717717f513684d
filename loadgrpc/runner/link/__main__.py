"""`python -m loadgrpc.runner.link`: the link process."""

from loadgrpc.runner.link.link import main

if __name__ == "__main__":
    main()
