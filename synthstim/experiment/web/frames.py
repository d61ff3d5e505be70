"""Frames of movies as pages take them: each a PNG file of its own, which every browser decodes without a loss."""

from __future__ import annotations

from pathlib import Path

from synthstim.experiment.runtime.pictures import decode_all


def split_movie(path: Path) -> None:
    """Put a folder of the frames 0.png, 1.png, ... in the place of a movie, under its name."""
    frames = decode_all(path)
    path.unlink()
    path.mkdir()
    for number, frame in enumerate(frames):
        frame.save(path / f"{number}.png")
