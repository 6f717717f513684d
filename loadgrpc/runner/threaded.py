"""`python -m loadgrpc.runner.threaded`: a user process without gevent, for `--no-patching`."""

from loadgrpc.runner.process import run_user_process
from loadgrpc.runner.threads import Threads

if __name__ == "__main__":
    run_user_process(Threads())
