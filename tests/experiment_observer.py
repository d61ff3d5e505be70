"""Runs an exported script, unmodified, in a Python without torch and synthstim, and keeps every frame it shows.

Usage: python experiment_observer.py EXPERIMENT FRAMES.npz [escape|kill] [after so many flips with an image]
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any


class Blocked:
    """An import hook that knows no torch and no synthstim."""

    def find_spec(self, name: str, *_: object) -> None:
        if name.split(".")[0] in ("torch", "synthstim", "torchvision"):
            raise ImportError(f"{name} is not at the rig")


class Observer:
    """Reads the back buffer at each swap, after PsychoPy has drawn all of it."""

    def __init__(self, action: str, after: int) -> None:
        self.frames: dict[bytes, int] = {}
        self.order: list[int] = []
        self.with_image = 0
        self.action, self.after = action, after

    def install(self) -> None:
        from psychopy.visual.backends.pygletbackend import PygletBackend

        swap = PygletBackend.swapBuffers

        def observed(backend: Any, *args: object) -> None:
            self.see(backend)
            swap(backend, *args)

        PygletBackend.swapBuffers = observed

    def see(self, backend: Any) -> None:
        from pyglet import gl

        width, height = (int(side) for side in backend.win.size)
        pixels = (gl.GLubyte * (3 * width * height))()
        gl.glPixelStorei(gl.GL_PACK_ALIGNMENT, 1)
        gl.glReadBuffer(gl.GL_BACK)
        gl.glReadPixels(0, 0, width, height, gl.GL_RGB, gl.GL_UNSIGNED_BYTE, pixels)
        shown = bytes(pixels)
        self.shape = (height, width, 3)
        self.order.append(self.frames.setdefault(shown, len(self.frames)))
        # The photodiode's patch, in the lower left corner, is white while an image is shown.
        self.with_image += shown[:3] == b"\xff\xff\xff"
        if self.with_image == self.after:
            self.act()

    def act(self) -> None:
        action, self.action = self.action, ""
        if action == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        if action == "escape":
            from psychopy import logging
            from psychopy.hardware import DeviceManager, keyboard

            device = DeviceManager.getDevice("defaultKeyboard")
            press = keyboard.KeyPress("escape", logging.defaultClock.getTime())
            # Builder's check for Escape waits for the key's release.
            press.duration = 0.05
            device.receiveMessage(press)

    def save(self, path: Path) -> None:
        import numpy as np

        frames = np.stack([np.frombuffer(shown, dtype=np.uint8).reshape(self.shape)[::-1] for shown in self.frames])
        np.savez_compressed(path, frames=frames, order=np.array(self.order))


def main() -> None:
    folder, saved = Path(sys.argv[1]), Path(sys.argv[2])
    observer = Observer(sys.argv[3] if len(sys.argv) > 3 else "", int(sys.argv[4]) if len(sys.argv) > 4 else -1)
    sys.meta_path.insert(0, Blocked())
    # As if the script were started by itself in its folder.
    sys.path[0] = str(folder)
    script = next(folder.glob("*.psyexp")).with_suffix(".py")
    sys.argv = [str(script)]
    observer.install()
    try:
        runpy.run_path(str(script), run_name="__main__")
    finally:
        observer.save(saved)
        assert not {"torch", "synthstim"} & set(sys.modules)


if __name__ == "__main__":
    main()
