"""`python -m loadgrpc.runner`: a user process. The only place that patches.

Started by the link, with one end of a socket in LOADGRPC_USER_PROCESS_FD.
"""

from loadgrpc.runner.patching import patch_all

patch_all()

from loadgrpc.runner import event_loops  # noqa: E402 - nothing may be imported before the patching

event_loops.keep_apart()

from loadgrpc.runner.greenlets import Greenlets  # noqa: E402
from loadgrpc.runner.process import run_user_process  # noqa: E402

if __name__ == "__main__":
    run_user_process(Greenlets())
