"""Images as files and arrays: depths, colour, orientation, hostile files, fitting, luminance."""

import re
import struct
import zlib

import cv2
import numpy as np
import pytest
import skimage.color
import torch
from engine_fixture import photograph
from PIL import Image

from synthstim.errors import InputError
from synthstim.modalities import image as images
from synthstim.modalities.image import (
    as_image,
    bit_depth,
    fit_image,
    luminance,
    luminance_statistics,
    read_image,
    write_png,
)


def png(width: int, height: int, *, colour: int = 2) -> bytes:
    """A PNG that declares a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_png_holds_every_level_exactly(tmp_path, channels, bits):
    top = 2**bits - 1
    levels = np.random.default_rng(0).integers(0, top, (channels, 37, 53), endpoint=True)
    image = (levels / top).astype(np.float32)
    write_png(tmp_path / "a.png", image, bits=bits)
    read = read_image(tmp_path / "a.png")
    assert read.shape == image.shape
    assert read.dtype == np.float32
    np.testing.assert_array_equal(np.rint(read * top), levels)
    assert bit_depth(tmp_path / "a.png") == bits


# BMP of this width has rows of 1632 bytes, TIFF of 720 pixels rows of 2160: no sign of 16 bits.
@pytest.mark.parametrize(("suffix", "width"), [("bmp", 544), ("tiff", 720), ("tiff", 16), ("webp", 16), ("jpg", 216)])
def test_other_formats_of_8_bits(tmp_path, suffix, width):
    levels = np.full((8, width, 3), (200, 100, 50), np.uint8)
    options = {"lossless": True} if suffix == "webp" else {}
    Image.fromarray(levels).save(tmp_path / f"a.{suffix}", **options)
    read = read_image(tmp_path / f"a.{suffix}")
    assert bit_depth(tmp_path / f"a.{suffix}") == 8
    np.testing.assert_allclose(read, np.moveaxis(levels, 2, 0) / 255, atol=3 / 255 if suffix == "jpg" else 0, rtol=1e-6)


def test_16_bit_tiff_in_colour_keeps_its_levels(tmp_path):
    levels = np.random.default_rng(0).integers(0, 65535, (9, 16, 3), dtype=np.uint16, endpoint=True)
    cv2.imwrite(str(tmp_path / "a.tiff"), levels[..., ::-1])
    np.testing.assert_array_equal(np.rint(read_image(tmp_path / "a.tiff") * 65535), np.moveaxis(levels, 2, 0))


@pytest.mark.parametrize(
    ("orientation", "turn"),
    [(3, lambda a: a[::-1, ::-1]), (6, lambda a: np.rot90(a, -1)), (8, np.rot90), (2, np.fliplr)],
)
def test_an_orientation_tag_is_applied(tmp_path, orientation, turn):
    levels = np.zeros((16, 32), np.uint8)
    levels[:8, :8] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(levels).save(tmp_path / "a.jpg", exif=exif, quality=100)
    np.testing.assert_allclose(read_image(tmp_path / "a.jpg")[0], turn(levels) / 255, atol=0.05)


def test_palettes_and_bitmaps_are_read_as_what_they_show(tmp_path):
    colour = Image.fromarray(np.full((4, 4, 3), (10, 20, 30), np.uint8))
    colour.convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "palette.png")
    np.testing.assert_array_equal(np.rint(read_image(tmp_path / "palette.png")[:, 0, 0] * 255), (10, 20, 30))
    Image.fromarray(np.eye(4, dtype=bool)).save(tmp_path / "bits.png")
    np.testing.assert_array_equal(read_image(tmp_path / "bits.png")[0], np.eye(4))


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_refused_and_full_opacity_is_not(tmp_path, mode):
    image = Image.new(mode, (4, 4), (10,) * (len(mode) - 1) + (254,))
    image.save(tmp_path / "a.png")
    with pytest.raises(InputError, match=r"a\.png has transparent pixels: flatten"):
        read_image(tmp_path / "a.png")
    image.putalpha(255)
    image.save(tmp_path / "a.png")
    np.testing.assert_allclose(read_image(tmp_path / "a.png"), 10 / 255)


def test_16_bit_transparency_is_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "a.png"), np.full((4, 4, 4), 40000, np.uint16))
    with pytest.raises(InputError, match="flatten"):
        read_image(tmp_path / "a.png")


HOSTILE = {
    "text.png": (b"these are no pixels", "cannot be read as an image"),
    "empty.png": (b"", "cannot be read as an image"),
    "huge.png": (png(100_000, 100_000), "pixels"),
    "large.png": (png(10_000, 10_000), "declares 10000 x 10000 pixels, more than"),
    "short.png": (png(64, 64), "cannot be read as an image"),
    "cut.png": (png(64, 64)[:40], "cannot be read as an image"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_files_are_one_clear_error(tmp_path, name):
    content, reason = HOSTILE[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=reason) as raised:
        read_image(tmp_path / name)
    assert name in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "bmp", "webp"])
def test_damaged_files_never_end_in_anything_but_an_input_error(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(path)
    whole, random = path.read_bytes(), np.random.default_rng(1)
    for _ in range(40):
        damaged = bytearray(whole[: random.integers(1, len(whole))] if random.random() < 0.5 else whole)
        for at in random.integers(0, min(len(damaged), 120), 4):
            damaged[at] = random.integers(0, 256)
        path.write_bytes(damaged)
        try:
            read = read_image(path)
        except InputError:
            continue
        assert read.min() >= 0
        assert read.max() <= 1


def test_missing_files_and_odd_codings(tmp_path):
    with pytest.raises(InputError, match=r"no image file at .*nothing\.png: check the path"):
        read_image(tmp_path / "nothing.png")
    with pytest.raises(InputError, match="no image file"):
        read_image(tmp_path)
    Image.new("CMYK", (4, 4)).save(tmp_path / "print.jpg")
    with pytest.raises(InputError, match="is coded as CMYK: save it as grey or RGB"):
        read_image(tmp_path / "print.jpg")
    Image.fromarray(np.full((4, 4), 1_000_000, np.int32)).save(tmp_path / "counts.tiff")
    with pytest.raises(InputError, match="whole numbers from 1000000"):
        read_image(tmp_path / "counts.tiff")


BAD = {
    "NaN": (np.full((3, 4, 4), np.nan), "48 values that are NaN"),
    "infinite": (np.full((4, 4), np.inf), "16 values that are NaN or infinite"),
    "too bright": (np.full((3, 4, 4), 1.001), "spans 1 to 1; expected display values in|spans"),
    "negative": (np.full((3, 4, 4), -0.001), "spans"),
    "8 bits": (np.zeros((3, 4, 4), np.uint8), "holds uint8"),
    "channels last": (np.zeros((4, 4, 3)), re.escape("shape (4, 4, 3)")),
    "empty": (np.zeros((3, 0, 4)), "shape"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_image_is_neither_clipped_nor_written(tmp_path, name):
    values, reason = BAD[name]
    with pytest.raises(InputError, match=reason):
        write_png(tmp_path / "a.png", values)
    with pytest.raises(InputError, match=reason):
        as_image(torch.from_numpy(values) if values.dtype.kind == "f" else values)
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize("how", images.FITS)
@pytest.mark.parametrize("size", [(64, 64), (33, 70), (300, 7)])
def test_fitting_gives_the_observers_shape(how, size):
    image = photograph("coffee", (120, 90))
    if how == "exact":
        with pytest.raises(InputError, match="fit 'exact' needs"):
            fit_image(image, 3, size, how)
        assert fit_image(image, 1, (120, 90), how).shape == (1, 120, 90)
        return
    for channels in (1, 3):
        fitted = fit_image(image, channels, size, how)
        assert fitted.shape == (channels, *size)
        as_image(fitted)


def test_fitting_keeps_the_aspect_but_for_stretch():
    image = np.zeros((1, 40, 80), np.float32)
    image[:, 10:30, 30:50] = 1  # a square in the middle
    for how, sides in {"crop": (20, 20), "pad": (10, 10), "stretch": (20, 10)}.items():
        fitted = fit_image(image, 1, (40, 40), how)[0] > 0.75
        assert abs(int(fitted.any(1).sum()) - sides[0]) <= 1
        assert abs(int(fitted.any(0).sum()) - sides[1]) <= 1
    assert (fit_image(image, 1, (40, 40), "pad")[0, :10] == 0.5).all()
    with pytest.raises(InputError, match="fit 'zoom' is unknown: choose one of crop"):
        fit_image(image, 1, (40, 40), "zoom")
    # The narrowest of strips still gives an image.
    assert fit_image(np.zeros((1, 1000, 3), np.float32), 1, (10, 1000), "crop").shape == (1, 10, 1000)
    assert fit_image(np.zeros((1, 1000, 3), np.float32), 1, (10, 1000), "pad").shape == (1, 10, 1000)


def test_luminance_is_that_of_srgb():
    colours = torch.rand(1, 3, 8, 8, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y = skimage.color.rgb2xyz(colours[0].permute(1, 2, 0).numpy())[..., 1]
    np.testing.assert_allclose(luminance(colours)[0], y, atol=2e-4)
    # IEC 61966-2-1: display value 0.5 is 21.4 % of white; pure green 71.5 %.
    assert luminance_statistics(np.full((3, 4, 4), 0.5, np.float32)) == pytest.approx((0.21404, 0), abs=1e-5)
    green = torch.tensor([0.0, 1.0, 0.0]).view(1, 3, 1, 1)
    assert luminance(green).item() == pytest.approx(0.7152)
    torch.testing.assert_close(images.display_values(images.linear_light(colours)), colours)


def test_contrast_of_a_black_and_white_image():
    board = (np.indices((8, 8)).sum(0) % 2).astype(np.float32)[None]
    assert luminance_statistics(board) == pytest.approx((0.5, 1.0))
    assert luminance_statistics(np.zeros((1, 4, 4), np.float32)) == (0.0, 0.0)
