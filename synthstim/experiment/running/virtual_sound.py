"""A sound device that plays to nowhere: a private PulseAudio server, for rehearsals on computers without one."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from synthstim.errors import InputError
from synthstim.experiment.running.children import child

SINK = "synthstim"
_START_S = 15.0
# Programs that know ALSA only reach the server through ALSA's own plugin.
_ALSA = "</usr/share/alsa/alsa.conf>\npcm.!default { type pulse }\nctl.!default { type pulse }\n"


def has_sound() -> bool:
    """Whether a program started now would find a sound server or a card to play on; only Linux may have neither."""
    if not sys.platform.startswith("linux"):
        return True
    server = Path(os.environ.get("XDG_RUNTIME_DIR", "/nonexistent")) / "pulse" / "native"
    return bool(os.environ.get("PULSE_SERVER")) or server.exists() or any(Path("/dev/snd").glob("pcm*p"))


@contextlib.contextmanager
def virtual_speaker(rate_hz: int = 48000) -> Iterator[dict[str, str]]:
    """Start a server whose only device is a null sink; yields the environment variables that programs need.

    What is played can be recorded from the source ``synthstim.monitor``.

    Raises:
        InputError: PulseAudio is not installed or does not start.
    """
    if shutil.which("pulseaudio") is None:
        raise InputError(
            "there is no sound device and PulseAudio is not installed",
            "install the package pulseaudio",
            code="not-installed",
        )
    with tempfile.TemporaryDirectory(prefix="synthstim_sound_") as name:
        folder = Path(name)
        (folder / "alsa.conf").write_text(_ALSA, encoding="utf-8")
        socket = folder / "native"
        # A home of its own: no setting of the user's applies, and no running server is asked or disturbed.
        private = {"HOME": name, "XDG_RUNTIME_DIR": name, "PULSE_RUNTIME_PATH": name, "PULSE_STATE_PATH": name}
        sink = f"module-null-sink sink_name={SINK} format=float32le rate={rate_hz} channels=2"
        command = [
            "pulseaudio", "-n", "--daemonize=no", "--use-pid-file=no", "--exit-idle-time=-1", "--log-target=stderr",
            "--log-level=error", "-L", sink, "-L", f"module-native-protocol-unix socket={socket} auth-anonymous=1",
        ]  # fmt: skip
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with child(command, env=os.environ | private, **quiet) as server:
            _wait(server, socket)
            yield {"PULSE_SERVER": f"unix:{socket}", "ALSA_CONFIG_PATH": str(folder / "alsa.conf")}


def _wait(server: subprocess.Popen[bytes], socket: Path) -> None:
    ends = time.monotonic() + _START_S
    while not socket.exists():
        if server.poll() is not None or time.monotonic() > ends:
            raise InputError("PulseAudio did not start", "run it by hand to see why")
        time.sleep(0.05)
