"""G.722, as telephone exchanges keep prompts: 16 kHz, two bits a sample and four, no header."""

from __future__ import annotations

import subprocess

RATE = 16_000


def g722_to_pcm(data: bytes) -> bytes:
    """Decode to 16-bit little-endian samples at ``RATE``, by the ffmpeg that imageio-ffmpeg carries.

    Raises:
        OSError, subprocess.CalledProcessError: ffmpeg cannot be run, or finds nothing to decode.
    """
    from imageio_ffmpeg import get_ffmpeg_exe

    command = [get_ffmpeg_exe(), "-loglevel", "error", "-f", "g722", "-i", "pipe:0", "-f", "s16le", "pipe:1"]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout
