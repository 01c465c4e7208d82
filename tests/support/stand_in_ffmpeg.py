"""What stands in for the program `ffmpeg`: the same call, the same output, made by PyAV.

It understands what `ser_pcq.audio.decoders.ffmpeg` asks for, and fails where it is asked for more.
"""

import os
import struct
import sys

import av

FLAGS = {"-nostdin", "-hide_banner", "-nostats"}
VALUES = {"-loglevel", "-protocol_whitelist", "-max_alloc", "-timelimit", "-threads", "-map"}
VALUES |= {"-map_metadata", "-c:a", "-f", "-i"}


def parsed(arguments):
    """Return the options, those before `-i` as a name, and the target."""
    options, rest = {}, list(arguments)
    while len(rest) > 1:
        name = rest.pop(0)
        if name in FLAGS:
            continue
        assert name in VALUES, name
        options.setdefault(name, rest.pop(0))
    return options, rest[0]


def main():
    """Decode a file, and write it as AU."""
    options, target = parsed(sys.argv[1:])
    name = options["-i"]
    assert name.startswith("file:")
    assert target == "pipe:1"
    assert options["-c:a"] == "pcm_f32be"
    with open(os.fsencode(name[5:]), "rb") as source:  # noqa: PTH123
        try:
            container = av.open(source, format=options["-f"])
        except av.FFmpegError as error:
            sys.exit(f"{name}: {error.strerror}")
        if not container.streams.audio:
            sys.exit("Stream map '0:a:0' matches no streams.")
        copy(container)


def copy(container):
    """Write the first sound of a container."""
    resampler = None
    for packet in container.demux(container.streams.audio[0]):
        try:
            frames = packet.decode()
        except av.FFmpegError as error:
            print(f"[aac @ 0x55] {error.strerror}", file=sys.stderr)
            continue
        for frame in frames:
            if resampler is None:
                channels = frame.layout.nb_channels
                head = struct.pack(">4s5I", b".snd", 28, 2**32 - 1, 6, frame.sample_rate, channels)
                sys.stdout.buffer.write(head + bytes(4))
                resampler = av.AudioResampler("flt", frame.layout, frame.sample_rate)
            for part in resampler.resample(frame):
                sys.stdout.buffer.write(part.to_ndarray().astype(">f4").tobytes())


main()
