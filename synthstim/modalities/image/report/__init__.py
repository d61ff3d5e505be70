"""Images of a set as data URIs, so that the page needs no other file."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from PIL import Image, ImageOps, UnidentifiedImageError

from synthstim.modalities.image import MAX_PIXELS
from synthstim.report.media import Embedded, data_uri, scaled

PREVIEW_EDGE = 384
SHOWN_EDGE = 208
THUMB_EDGE = 112
_MIME = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp", "BMP": "image/bmp"}
_ORIENTATION = 0x0112


@dataclass(frozen=True)
class Picture:
    """One image as the page shows it.

    Attributes:
        file: path relative to the set.
        uri: data URI; empty where the file cannot be shown, and ``problem`` says why.
        width, height: of the file, in pixels.
        bits: of each channel.
        shown_width, shown_height: on the page, in CSS pixels; an integer multiple of the file's where it is small.
    """

    file: str
    uri: str = ""
    width: int = 0
    height: int = 0
    shown_width: int = SHOWN_EDGE
    shown_height: int = SHOWN_EDGE
    pixelated: bool = False
    bits: int = 8
    problem: str = ""

    @property
    def depth(self) -> str:
        """How the file is coded, in words."""
        return f"{self.bits}-bit"

    @property
    def about(self) -> str:
        """What is said of a reference."""
        return f"{self.width} × {self.height} pixels, as the observer saw it" if self.width else ""

    @property
    def thumb(self) -> tuple[int, int]:
        """Width and height as a thumbnail: a whole multiple of the file's, or reduced."""
        return scaled(self.width, self.height, THUMB_EDGE)


class Pictures(Embedded[Picture]):
    """A set's images: the files' own bytes, or previews."""

    home: ClassVar[Path] = Path(__file__).parent
    smaller = "pictures here are reduced previews; the files themselves are in the set"

    def embed(self, path: Path, relative: str) -> Picture:
        """One image, or why it cannot be shown."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", Image.DecompressionBombWarning)
                with Image.open(path) as opened:
                    return self._picture(opened, path, relative)
        except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as error:
            # Pillow quotes the path of this machine; the page names the file itself.
            return Picture(relative, problem="no image that can be shown" if str(path) in str(error) else str(error))
        except (Image.DecompressionBombError, Image.DecompressionBombWarning):
            return Picture(relative, problem="declares too many pixels to be shown")

    def _picture(self, opened: Image.Image, path: Path, relative: str) -> Picture:
        width, height = opened.size
        # Before anything decodes the file: Pillow then forgets how it was coded.
        bits = 16 if any("16" in str(tile[3]) for tile in getattr(opened, "tile", [])) else 8
        if width * height > MAX_PIXELS:
            return Picture(relative, problem="declares too many pixels to be shown")
        if opened.getexif().get(_ORIENTATION, 1) >= 5:
            width, height = height, width
        mime = _MIME.get(opened.format or "")
        if mime is None or (self.reduced and max(width, height) > 64):
            uri = data_uri("image/webp", _preview(opened))
        else:
            uri = self.address(mime, path, relative)
        scale = max(1, SHOWN_EDGE // max(width, height))
        shrink = min(1.0, SHOWN_EDGE / max(width, height)) if max(width, height) > 256 else 1.0
        return Picture(
            relative,
            uri=uri,
            width=width,
            height=height,
            shown_width=max(1, round(width * scale * shrink)),
            shown_height=max(1, round(height * scale * shrink)),
            pixelated=scale > 1,
            bits=bits,
        )


def _preview(opened: Image.Image) -> bytes:
    image = ImageOps.exif_transpose(opened)
    if image.mode.startswith("I"):
        image = image.point(lambda level: level / 256).convert("L")
    image = image.convert("RGB")
    image.thumbnail((PREVIEW_EDGE, PREVIEW_EDGE))
    image.save(stream := io.BytesIO(), "WEBP", quality=88)
    return stream.getvalue()


media_of = Pictures.of
