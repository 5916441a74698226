"""``meshot`` as a program: ``python -m meshot`` does the same."""

import os
import signal
import sys


def run() -> None:
    """Run the command line and end the process, at once if it was interrupted."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        from meshot.app.cli import main

        code = main()
    except KeyboardInterrupt:  # before the command line was there to catch it
        sys.stderr.write("meshot: interrupted; nothing was written, and what was there is as it was.\n")
        code = 130
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # what is done is done
    if code == 130:
        sys.stderr.flush()
        os._exit(code)  # without waiting for threads whose work nobody wants any more
    sys.exit(code)


if __name__ == "__main__":
    run()
