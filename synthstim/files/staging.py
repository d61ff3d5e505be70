"""Folders that appear under their name complete or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from pathlib import Path
from types import TracebackType

from synthstim.errors import InputError
from synthstim.files.lock import locked
from synthstim.files.places import require_absent
from synthstim.files.whole import flush, remove

# Lies in every folder that is being written and nowhere else: only what holds it is ever removed.
MARK = ".synthstim-staging"


class Staging:
    """A hidden folder beside the one that is wanted; ``commit`` gives it the name, and ends of any other kind remove it.

    One that a killed process left behind is removed; one of a process at work, or a folder of the user's own, is not.

    Args:
        root: the folder that is wanted; nothing may be there yet.
        command: what is done, for another process that meets this one.

    Attributes:
        path: the hidden folder, ``.NAME.staging``.

    Raises:
        InputError: something is there, another process writes it, or the place cannot be written.

    Example:
        >>> import pathlib, tempfile
        >>> root = pathlib.Path(tempfile.mkdtemp()) / "my_set"
        >>> with Staging(root, "example") as staging:
        ...     _ = (staging.path / "table.tsv").write_text("id")
        ...     _ = staging.commit()
        >>> [path.name for path in root.iterdir()]
        ['table.tsv']
    """

    def __init__(self, root: str | Path, command: str) -> None:
        self.root = require_new_folder(root)
        self.path = _hidden(self.root)
        mark = self.path / MARK
        self._held = contextlib.ExitStack()
        try:
            self.path.mkdir(exist_ok=True)
            self._held.enter_context(locked(mark, command))
            self._empty()
        except OSError as error:
            self._held.close()
            raise self.unwritten(error) from error

    def __enter__(self) -> Staging:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.discard()
        if isinstance(error, OSError):
            raise self.unwritten(error) from error

    def commit(self) -> Path:
        """Flush every file to disk and give the folder its name."""
        flush(self.path)
        require_absent(self.root)
        if os.name != "posix":  # Windows renames no folder with an open file in it.
            self._held.close()
        self.path.rename(self.root)
        (self.root / MARK).unlink()
        self._held.close()
        return self.root

    def discard(self) -> None:
        """Remove what was staged; nothing happens once it is committed."""
        if os.name != "posix":  # Windows removes no open file.
            self._held.close()
        if (self.path / MARK).is_file():
            shutil.rmtree(self.path, ignore_errors=True)
        self._held.close()

    def unwritten(self, error: OSError) -> InputError:
        """The sentence for a disk that is full or that fails."""
        return InputError(
            f"{self.root} could not be written ({error.strerror or error})",
            "make room, then try again",
            code="no-space",
        )

    def _empty(self) -> None:
        for left in self.path.iterdir():
            if left.name != MARK:
                remove(left)


def require_new_folder(path: str | Path) -> Path:
    """Return the path of a folder after checking all that ``Staging`` will want of it: what is asked before long work.

    Raises:
        InputError: something is there or in the way, or the place cannot be written.
    """
    root = require_absent(path)
    require_ours(_hidden(root), _hidden(root) / MARK)
    return root


def require_ours(folder: Path, mark: Path) -> None:
    """Raise InputError if a hidden folder that will be filled and removed is there and is somebody else's.

    An empty one is nobody's loss: it is what a process leaves that was killed before it had set its mark.
    """
    if folder.is_symlink() or (os.path.lexists(folder) and not mark.is_file() and not _is_empty(folder)):
        raise InputError(
            f"{folder} is in the way and is not synthstim's", "move it, or choose another name", code="in-the-way"
        )


def _hidden(root: Path) -> Path:
    return root.parent / f".{root.name}.staging"


def _is_empty(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())
