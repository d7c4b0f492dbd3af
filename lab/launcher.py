"""Start a program that outlives the command that wanted it: ``python launcher.py LOG FOLDER PROGRAM …``.

The program gets a session of its own and every signal as a login shell would give it: a program
started from a script by ``nohup … &`` ignores SIGINT for ever. Prints the program's process id.
"""

import os
import signal
import sys


def main(log: str, folder: str, program: list[str]) -> None:
    """Become the program, in a process that belongs to nobody; the parent prints its id."""
    child = os.fork()
    if child:
        sys.stdout.write(f"{child}\n")
        return
    os.setsid()
    os.chdir(folder)
    sink = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    os.execvp(program[0], program)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
