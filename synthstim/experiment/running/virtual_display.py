"""A screen that nobody sees: Xvfb, for rehearsals on computers without a display."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator

from synthstim.errors import InputError
from synthstim.experiment.running.children import child


def has_display() -> bool:
    """Whether a program started now would find a display; only Linux may have none."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


@contextlib.contextmanager
def virtual_display(width_px: int, height_px: int) -> Iterator[str]:
    """Start Xvfb on a free display number; yields the number as DISPLAY wants it.

    Raises:
        InputError: Xvfb is not installed or does not start.
    """
    if shutil.which("Xvfb") is None:
        raise InputError(
            "there is no display and Xvfb is not installed", "install the package xvfb", code="not-installed"
        )
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{width_px}x{height_px}x24", "-nolisten", "tcp"]
    # Xvfb finds a free number by itself, and writes it when it is ready.
    with os.fdopen(reader) as stream:
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with contextlib.ExitStack() as held:
            try:
                held.enter_context(child(command, pass_fds=[writer], **quiet))
            finally:
                os.close(writer)
            if not (number := stream.readline().strip()):
                raise InputError("Xvfb did not start", "run it by hand to see why")
            yield f":{number}"
