"""Media by the program `ffmpeg`, where the path has one: it writes samples into a pipe."""

import os
import selectors
import shutil
import struct
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.decoders.contract import DecodingError, NoAudioError
from ser_pcq.audio.decoders.forward import ForwardDecoder, Part

PATIENCE = 60.0
"""s in which the program has to write something, or is stopped."""

_AT_ONCE = 1 << 18  # bytes
_TOLD = 4000  # bytes of the program's messages that are kept
_MEMORY = 1 << 29  # bytes that the program may take at once, whatever a damaged header asks for
_SECONDS = 600  # of computing after which the program ends itself, and for each byte of the file:
_SECONDS_PER_BYTE = 2e-5
_DAMAGE = ("error", "invalid", "corrupt", "damaged", "truncated", "exhausted", "missing")


def program() -> str | None:
    """Return the `ffmpeg` of the path; None where there is none."""
    return shutil.which("ffmpeg")


class FfmpegDecoder(ForwardDecoder):
    """The first sound of a media file, decoded by `ffmpeg`.

    Args:
        path: The file.
        demuxer: How FFmpeg names the format, `mov` for example. Nothing else is tried, so that no
            content makes FFmpeg open another file.
        program: The program.

    Raises:
        DecodingError: When it is damaged from the beginning, or the program hangs.
        NoAudioError: When it holds no sound.
    """

    def __init__(self, path: Path, demuxer: str, program: str) -> None:
        self._path, self._demuxer, self._program = path, demuxer, program
        self._run: _Run | None = None
        self.is_damaged = False
        self.n_frames = None
        try:
            self._run = self._begun()
            self.rate, self.channels = self._run.header()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the program."""
        if self._run is not None:
            self._run.end()
            self._run = None

    def _begun(self) -> "_Run":
        """Start the program."""
        limit = round(_SECONDS + _SECONDS_PER_BYTE * self._path.stat().st_size)
        options = "-nostdin -hide_banner -nostats -loglevel error -protocol_whitelist file,pipe"
        source = b"file:" + os.fsencode(self._path)
        # AU, whose header says rate and channels and need not say the length.
        target = "-map 0:a:0 -map_metadata -1 -c:a pcm_f32be -f au pipe:1"
        return _Run(
            [
                *(self._program, *options.split(), "-max_alloc", str(_MEMORY)),
                # What outlives this process, should it be killed, ends nevertheless.
                *("-timelimit", str(limit), "-threads", "1", "-f", self._demuxer, "-i", source),
                *target.split(),
            ]
        )

    def _parts(self) -> Iterator[Part]:
        """Yield the samples as they come, and what the program says of damage at the end."""
        run, self._run = self._run, None
        if run is None:
            run = self._begun()
            run.header()
        try:
            yield from run.samples(self.channels)
            if damage := run.damage():
                yield damage
        finally:
            run.end()


class _Run:
    """The program, running.

    Args:
        command: What to start.
    """

    def __init__(self, command: list[str | bytes]) -> None:
        # It would write a report into the current folder where this is set.
        kept = {name: value for name, value in os.environ.items() if name != "FFREPORT"}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**kept, "AV_LOG_FORCE_NOCOLOR": "1"},
        )
        self._selector = selectors.DefaultSelector()
        for pipe in (self._process.stdout, self._process.stderr):
            assert pipe is not None
            self._selector.register(pipe, selectors.EVENT_READ)
        self._buffer = b""
        self._messages = b""

    def end(self) -> None:
        """Kill the program, unless it has ended."""
        self._process.kill()
        self._process.wait()
        self._selector.close()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def header(self) -> tuple[int, int]:
        """Read the header of AU; return rate and channels.

        Raises:
            DecodingError: Where the program wrote none.
        """
        start = 24
        while len(self._buffer) < start and (content := self._next()):
            self._buffer += content
            if len(self._buffer) >= 8:
                start = max(24, *struct.unpack(">I", self._buffer[4:8]))
        if len(self._buffer) < start:
            told = self._messages.decode(errors="replace")
            if "matches no streams" in told:
                raise NoAudioError("there is no sound in it")
            raise self.damage() or NoAudioError("its sound is empty")
        rate, channels = struct.unpack(">II", self._buffer[16:24])
        self._buffer = self._buffer[start:]
        return rate, max(1, channels)

    def samples(self, channels: int) -> Iterator[NDArray[np.float32]]:
        """Yield the samples, (frame, channel)."""
        content = self._buffer
        while True:
            whole = len(content) - len(content) % (4 * channels)
            if whole:
                values = np.frombuffer(content[:whole], ">f4").astype(np.float32)
                yield values.reshape(-1, channels)
            if not (more := self._next()):
                return
            content = content[whole:] + more

    def damage(self) -> DecodingError | None:
        """Wait for the end of the program; return what it complained of."""
        try:
            code = self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise _hangs() from None
        lines = self._messages.decode(errors="replace").splitlines()
        complaints = [line for line in lines if any(word in line.lower() for word in _DAMAGE)]
        if not complaints and not code:
            return None
        # "[aac @ 0x55d0] Invalid data" and "file:/a.m4a: Invalid data": the last part is the news.
        told = complaints[0].rpartition("] ")[2].rpartition(": ")[2] if complaints else ""
        return DecodingError(told.strip().rstrip(".") or f"ffmpeg ended with code {code}")

    def _next(self) -> bytes:
        """Return more of the output, empty at its end; keep messages meanwhile.

        Raises:
            DecodingError: When nothing comes for `PATIENCE`.
        """
        until = time.monotonic() + PATIENCE
        while self._selector.get_map():
            ready = self._selector.select(max(0.0, until - time.monotonic()))
            if not ready:
                raise _hangs()
            for key, _ in ready:
                content = os.read(key.fd, _AT_ONCE)
                if not content:
                    self._selector.unregister(key.fileobj)
                elif key.fileobj is self._process.stdout:
                    return content
                else:
                    self._messages = (self._messages + content)[:_TOLD]
        return b""


def _hangs() -> DecodingError:
    """Return what is raised when the program does nothing."""
    return DecodingError(f"ffmpeg did nothing for {PATIENCE:g} s and was stopped")
