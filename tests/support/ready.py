"""Commands that start at once: forks of a process that has already imported what they import.

A command spends five to ten seconds on importing torch and transformers, and a recipe runs dozens.
Here each is still a process of its own, with its own streams, folder, environment and exit status;
only what it imports was imported before, in the process that it is forked from. For scripts that
are not about starting, signals or imports.

`python -S ready.py SOCKET COMMAND ARGUMENT…` asks for a command; nothing that is slow to import is
imported for that.
"""

import array
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LONGEST = 1 << 20  # bytes of a request


def ask(address: str, name: str, arguments: list[str]) -> int:
    """Have a command run with this process's streams, folder and environment.

    Returns:
        Its exit status, with 128 and more for a signal, as shells give it.
    """
    root = str(Path(__file__).parents[2])
    if os.environ.get("PYTHONPATH", root) != root:
        # A copy of the package: nothing of it was imported.
        module = f"ser_pcq.cli.{name}"
        os.execv(sys.executable, [sys.executable, "-m", module, *arguments])
    request = {
        "name": name,
        "arguments": arguments,
        "cwd": str(Path.cwd()),
        "env": dict(os.environ),
    }
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, LONGEST)
        server.connect(address)
        streams = array.array("i", [0, 1, 2])
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, streams)]
        server.sendmsg([json.dumps(request).encode()], rights)
        if answer := server.recv(16):
            return int(answer)
    print(f"ser-{name}: the process that was to run this has ended", file=sys.stderr)
    return 1


@contextmanager
def commands(folder: Path) -> Iterator[Path]:
    """Write all commands into a folder, for a path; they work until the context ends."""
    import subprocess

    from support.commands import write_scripts
    from support.paths import ROOT

    address = folder / "socket"
    write_scripts(folder, f'"{sys.executable}" -S "{__file__}" "{address}" {{}}')
    ends, held = os.pipe()  # closed with this process, however that ends
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(address))
        listening.listen(64)
        numbers = [listening.fileno(), ends]
        server = subprocess.Popen(
            [sys.executable, "-P", __file__, "--serve", *map(str, numbers)],
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}"},
            pass_fds=numbers,
            start_new_session=True,
        )
    os.close(ends)
    try:
        yield folder
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()
        os.close(held)


def serve(listening: socket.socket, ends: int) -> None:
    """Import what commands import; then fork a process for each request, until `ends` is closed."""
    import gc
    import importlib

    for module in (
        "ser_pcq.cli.train",
        "ser_pcq.cli.eval",
        "ser_pcq.cli.predict",
        "ser_pcq.cli.export",
        "ser_pcq.cli.data.commands",
        "ser_pcq.training.run_fold",
        "ser_pcq.training.network.train",
        "ser_pcq.models.encoders.pretrained",
        "accelerate",
        "sklearn.svm",
        "matplotlib.pyplot",
        "transformers.models.wavlm.modeling_wavlm",
        "transformers.models.whisper.modeling_whisper",
    ):
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # what is collected here is not looked at, and so not copied, in every child
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the processes of requests
    while ends not in select.select([listening, ends], [], [])[0]:
        connection, _ = listening.accept()
        if os.fork() == 0:
            listening.close()
            _handle(connection)
        connection.close()


def _handle(connection: socket.socket) -> None:
    """Fork the command, wait for its end, and send how it ended. Does not return."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    content, streams, _, _ = socket.recv_fds(connection, LONGEST, 3)
    child = os.fork()
    if child == 0:
        connection.close()
        _run(json.loads(content), streams)
    for stream in streams:
        os.close(stream)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    connection.send(str(code if code >= 0 else 128 - code).encode())
    os._exit(0)


def _run(request: dict, streams: list[int]) -> None:
    """Become the command, as if an installed script had started. Does not return."""
    import atexit
    import importlib
    import threading
    import types

    from support.commands import exit_code, open_standard_streams

    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    open_standard_streams()
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    name = request["name"]
    sys.argv = [f"ser-{name}", *request["arguments"]]
    sys.modules["__main__"] = types.ModuleType("__main__")
    module = "data.commands" if name == "data" else name
    code = exit_code(importlib.import_module(f"ser_pcq.cli.{module}").main)
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    os._exit(code)  # giving every object back takes longer than most commands


if __name__ == "__main__":
    if sys.argv[1] == "--serve":
        serve(socket.socket(fileno=int(sys.argv[2])), int(sys.argv[3]))
    else:
        sys.exit(ask(sys.argv[1], sys.argv[2], sys.argv[3:]))
