"""Runs one command without a terminal, and prints as JSON what it and its children cost.

A small process of its own: Linux counts the memory of the process that starts a command as the
command's peak.
"""

import json
import os
import subprocess
import sys
import time


def main() -> None:
    start = time.perf_counter()
    process = subprocess.Popen(
        sys.argv[1:],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    messages = process.stderr.read(1)
    first_line = time.perf_counter() - start if messages else None
    messages += process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    cost = {
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "seconds": time.perf_counter() - start,
        "peak_mb": usage.ru_maxrss * unit / 1e6,
        "first_line": first_line,
    }
    about = {"status": process.returncode, "stderr": messages.decode(errors="replace")}
    print(json.dumps(about | {"cost": cost}))


if __name__ == "__main__":
    main()
