"""`python -m loadgrpc.runner`: a user process. The only place that patches.

Started by the link, with one end of a socket in LOADGRPC_USER_PROCESS_FD.
"""

from loadgrpc.runner.patching import patch_all

patch_all()

import os  # noqa: E402 - nothing may be imported before the patching
import signal  # noqa: E402
import socket  # noqa: E402

from loadgrpc.runner import event_loops  # noqa: E402

event_loops.keep_apart()

from loadgrpc.runner import in_flight, pipe  # noqa: E402
from loadgrpc.runner.process import UserProcess  # noqa: E402

if __name__ == "__main__":
    # These go to the whole process group; the link hears them and decides. Not SIG_IGN,
    # which programs that a test starts would inherit.
    signal.signal(signal.SIGTERM, lambda *_: None)
    signal.signal(signal.SIGINT, lambda *_: None)
    link = socket.socket(fileno=int(os.environ.pop(pipe.SOCKET_FD_ENV)))
    link.set_inheritable(False)
    UserProcess(link, int(os.environ.pop(in_flight.FD_ENV))).run()
