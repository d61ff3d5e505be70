"""What image files say of their levels decides how they are read; what they leave uncertain is refused."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
import tifffile
import torch
from image_bytes import GREY, png, profile, tiff
from PIL import Image, ImageCms

from synthstim.errors import InputError
from synthstim.modalities.image import bit_depth, display_values, read_image
from synthstim.verify import natural_pool

COLOUR = np.stack([GREY, GREY[:, ::-1], GREY // 2], -1)
SRGB = ((0.4361, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
DISPLAY_P3 = ((0.5151, 0.2412, -0.0011), (0.2920, 0.6922, 0.0419), (0.1571, 0.0666, 0.7841))


def gamma(value):
    return (b"gAMA", struct.pack(">I", round(value * 100_000)))


def primaries(*values):
    return (b"cHRM", struct.pack(">8I", *(round(value * 100_000) for value in values)))


def embedded(data):
    return (b"iCCP", b"a profile\0\0" + zlib.compress(data))


def saved(format, image, **options):
    stream = io.BytesIO()
    image.save(stream, format, **options)
    return stream.getvalue()


def animation(format):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    return saved(format, frames[0], save_all=True, append_images=frames[1:])


def planes(levels):
    stream = io.BytesIO()
    tifffile.imwrite(stream, np.moveaxis(levels, 2, 0).astype(np.uint16), photometric="rgb", planarconfig="separate")
    return stream.getvalue()


REC_709 = (0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06)
ADOBE = (0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
TRUE_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

READ = {
    "png, 8 bits": (png(GREY), GREY),
    "png, 16 bits": (png(GREY * 257, bits=16), GREY),
    "png, 16 bits, unused colour key": (png(GREY * 257, (b"tRNS", struct.pack(">H", 12345)), bits=16), GREY),
    "png, 8 bits, unused colour key": (png(GREY & 254, (b"tRNS", struct.pack(">H", 77))), GREY & 254),
    "png, 4 bits, unused colour key": (
        png(np.full((4, 8), 5), (b"tRNS", struct.pack(">H", 15)), bits=4),
        np.full((4, 8), 85),
    ),
    "png, 2 bits": (png(GREY >> 6, bits=2), (GREY >> 6) * 85),
    "png, 16-bit colour": (png(COLOUR * 257, bits=16), COLOUR),
    "png, 16-bit colour, unused colour key": (
        png(COLOUR * 257, (b"tRNS", struct.pack(">HHH", 1, 2, 3)), bits=16),
        COLOUR,
    ),
    "png, 8-bit colour, unused colour key": (png(COLOUR, (b"tRNS", struct.pack(">HHH", 1, 2, 3))), COLOUR),
    "png, gamma of sRGB": (png(GREY, gamma(0.45455), primaries(*REC_709)), GREY),
    "png, sRGB chunk before gamma": (png(GREY, (b"sRGB", b"\0"), gamma(1.0)), GREY),
    "png, sRGB profile": (png(COLOUR, embedded(TRUE_SRGB)), COLOUR),
    "png, profile of sRGB by another name": (png(COLOUR, embedded(profile(2.2, SRGB))), COLOUR),
    "png, grey profile of gamma 2.2": (png(GREY, embedded(profile(2.2))), GREY),
    "png, cICP of sRGB": (png(GREY, (b"cICP", bytes([1, 13, 0, 1]))), GREY),
    "tiff, 8 bits": (tiff(GREY), GREY),
    "tiff, 16 bits": (tiff(GREY * 257, bits=16), GREY),
    "tiff, 16 bits, other byte order": (tiff(GREY * 257, bits=16, order=">"), GREY),
    "tiff, white is zero, 8 bits": (tiff(255 - GREY, photometric=0), GREY),
    "tiff, white is zero, 16 bits": (tiff(65535 - GREY * 257, bits=16, photometric=0), GREY),
    "tiff, white is zero, 4 bits": (tiff(15 - (GREY >> 4), bits=4, photometric=0), (GREY >> 4) * 17),
    "tiff, white is zero, 1 bit": (tiff(1 - (GREY >> 7), bits=1, photometric=0), (GREY >> 7) * 255),
    "tiff, colour": (tiff(COLOUR, photometric=2), COLOUR),
    "tiff, 16-bit colour": (tiff(COLOUR * 257, bits=16, photometric=2), COLOUR),
    "tiff, subfile type 0": (tiff(GREY, tags=[(254, 4, [0])]), GREY),
}


@pytest.mark.parametrize("case", READ)
def test_levels_are_read_as_the_file_says(tmp_path, case):
    content, levels = READ[case]
    path = tmp_path / f"a.{case[:4].strip(', ')}"
    path.write_bytes(content)
    read = read_image(path)
    wanted = levels[None] if levels.ndim == 2 else np.moveaxis(levels, 2, 0)
    np.testing.assert_allclose(read, wanted / 255, atol=1e-6)
    assert bit_depth(path) == (16 if "16" in case else 8)


REFUSED = {
    "key.png": (png(GREY * 257, (b"tRNS", struct.pack(">H", 257 * 9)), bits=16), "transparent pixels: flatten"),
    "key8.png": (png(GREY, (b"tRNS", struct.pack(">H", 9))), "transparent pixels: flatten"),
    "key4.png": (png(np.full((4, 8), 5), (b"tRNS", struct.pack(">H", 5)), bits=4), "transparent pixels: flatten"),
    "key_colour.png": (png(COLOUR, (b"tRNS", struct.pack(">HHH", 3, 252, 1))), "transparent pixels: flatten"),
    "key_deep.png": (png(COLOUR * 257, (b"tRNS", struct.pack(">HHH", 771, 64764, 257)), bits=16), "transparent pixels: flatten"),
    "linear.png": (png(GREY, gamma(1.0)), r"declares a gamma of 1 \(sRGB has 0.45455\)"),
    "mac.png": (png(GREY, gamma(1 / 1.8)), "declares a gamma of 0.55556"),
    "adobe.png": (png(COLOUR, gamma(0.45455), primaries(*ADOBE)), "other primaries than those of sRGB"),
    "no_profile.png": (png(GREY, embedded(b"nothing" * 30)), "has a colour profile that cannot be read"),
    "pq.png": (png(COLOUR, (b"cICP", bytes([9, 16, 0, 1]))), r"colours of cICP code \(9, 16\)"),
    "moving.png": (animation("PNG"), "holds an animation, and a stimulus is one picture"),
    "moving.webp": (animation("WEBP"), "holds an animation, and a stimulus is one picture"),
    "pages.tif": (tiff(GREY, 255 - GREY), "holds several pages, and a stimulus is one picture"),
    "moving_gif.png": (animation("GIF"), "cannot be read as an image"),
    "whole.tif": (tiff(GREY, bits=32), "whole numbers from 0 to 255 of 32 bits, and nothing says which of them is white"),
    "signed.tif": (tiff(GREY, bits=16, numbers=2), "signed whole numbers from 0 to 255 of 16 bits"),
    "signed32.tif": (tiff(GREY, bits=32, numbers=2), "signed whole numbers from 0 to 255 of 32 bits"),
    "floating.tif": (tiff(GREY / 255, bits=32, numbers=3), "floating point numbers from 0 to 1 of 32 bits"),
    "planes.tif": (planes(COLOUR * 257), "16 bits and a plane for each colour"),
    "twelve.tif": (tiff(GREY * 16, bits=12), "whole numbers from 0 to 4080 of 12 bits"),
    "lab.tif": (tiff(COLOUR, photometric=8), r"is coded as CIE L\*a\*b\*: save it as grey or RGB"),
    "lab16.tif": (tiff(COLOUR * 257, bits=16, photometric=8), "cannot be read as an image"),
    "white16.tif": (tiff(GREY, bits=16, photometric=0, order=">"), "a coding that is not read"),
    "print.tif": (saved("TIFF", Image.new("CMYK", (8, 8))), "is coded as CMYK: save it as grey or RGB"),
}  # fmt: skip


PROFILED = {
    "png": (png(COLOUR, (b"sRGB", b"\0"), embedded(profile(1.0, SRGB))), COLOUR),
    "grey png": (png(GREY, embedded(profile(1.0))), GREY),
    "jpg": (saved("JPEG", Image.fromarray(COLOUR.astype(np.uint8)), icc_profile=profile(1.0, SRGB), quality=100), None),
    "webp": (
        saved("WEBP", Image.fromarray(COLOUR.astype(np.uint8)), icc_profile=profile(1.0, SRGB), lossless=True),
        COLOUR,
    ),
    "tif": (saved("TIFF", Image.fromarray(COLOUR.astype(np.uint8)), icc_profile=profile(1.0, SRGB)), COLOUR),
}


@pytest.mark.parametrize("case", PROFILED)
def test_a_colour_profile_is_followed_and_told(tmp_path, case):
    content, levels = PROFILED[case]
    path = tmp_path / f"a.{case.split()[-1]}"
    path.write_bytes(content)
    with pytest.warns(UserWarning, match=f"{path.name} has the colour profile 'of lab': it is converted to sRGB"):
        read = read_image(path)
    if levels is not None:  # of linear light, whose sRGB values are known
        linear = torch.from_numpy(levels[None] if levels.ndim == 2 else np.moveaxis(levels, 2, 0)) / 255
        bright = linear > 8 / 255  # in the dark, grey profiles go through coarser steps
        np.testing.assert_allclose(read[bright], display_values(linear)[bright], atol=2 / 255)


def test_sixteen_bits_with_another_profile_are_refused(tmp_path):
    (tmp_path / "p3.png").write_bytes(png(COLOUR * 257, embedded(profile(2.2, DISPLAY_P3)), bits=16))
    with pytest.raises(InputError, match=r"p3\.png has 16 bits and the colour profile 'of lab': convert it to sRGB"):
        read_image(tmp_path / "p3.png")


@pytest.mark.parametrize("name", REFUSED)
def test_levels_that_are_uncertain_are_refused(tmp_path, name):
    content, reason = REFUSED[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=reason) as raised:
        read_image(tmp_path / name)
    assert str(raised.value).startswith(name)
    assert "\n" not in str(raised.value)


def test_a_smaller_copy_in_a_tiff_is_no_second_picture(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(GREY.astype(np.uint8), photometric="minisblack")
        writer.write(GREY[:, ::4].astype(np.uint8), photometric="minisblack", subfiletype=1)
    with Image.open(tmp_path / "a.tif") as opened:
        assert opened.n_frames == 2
    np.testing.assert_allclose(read_image(tmp_path / "a.tif")[0], GREY / 255)


def test_a_smaller_copy_that_stands_first_is_not_the_picture(tmp_path):
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(GREY[:, ::4].astype(np.uint8), photometric="minisblack", subfiletype=1)
        writer.write(GREY.astype(np.uint8), photometric="minisblack")
    np.testing.assert_allclose(read_image(tmp_path / "a.tif")[0], GREY / 255)


def test_a_colour_map_of_8_bits_is_not_read_as_black(tmp_path):
    colours = np.stack([np.arange(256)] * 3).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(np.uint8), photometric="palette", colormap=colours)
    with pytest.raises(InputError, match="a colour map of 8 bits"):
        read_image(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(np.uint8), photometric="palette", colormap=colours * 257)
    np.testing.assert_allclose(read_image(tmp_path / "a.tif")[0], GREY / 255)


def test_a_photograph_of_a_telephone_is_its_first_picture(tmp_path):
    pictures = [Image.new("L", (8, 8), level) for level in (200, 10)]
    pictures[0].save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=pictures[1:])
    np.testing.assert_allclose(read_image(tmp_path / "a.jpg"), 200 / 255, atol=2 / 255)


@pytest.mark.parametrize("bits", [8, 16])
def test_opaque_alpha_is_left_out_and_transparency_refused_at_every_depth(tmp_path, bits):
    top = 2**bits - 1
    colour = np.full((4, 4, 4), (top // 5, top // 3, top // 2, top), f"u{bits // 8}")
    cv2.imwrite(str(tmp_path / "a.png"), colour)
    np.testing.assert_allclose(
        read_image(tmp_path / "a.png")[:, 0, 0], np.array([top // 2, top // 3, top // 5]) / top, rtol=1e-6
    )
    colour[0, 0, 3] = top - 1
    cv2.imwrite(str(tmp_path / "a.png"), colour)
    with pytest.raises(InputError, match="transparent pixels"):
        read_image(tmp_path / "a.png")


def test_sixteen_bits_that_end_at_twelve_are_told(tmp_path):
    (tmp_path / "a.png").write_bytes(png(GREY * 16, bits=16))
    with pytest.warns(UserWarning, match=r"a\.png has 16 bits, and no level above 4080 of 65535"):
        read = read_image(tmp_path / "a.png")
    np.testing.assert_allclose(read[0], GREY * 16 / 65535, atol=1e-6)


@pytest.mark.parametrize("folder_has", [1, 4])
def test_a_pool_tells_of_converted_photographs_once(tmp_path, small_efficientnet, folder_has):
    noise = np.random.default_rng(0)
    for number in range(4):
        options = {"icc_profile": profile(1.0, SRGB)} if number < folder_has else {}
        levels = noise.integers(0, 255, (40, 40, 3), dtype=np.uint8)
        (tmp_path / f"{number}.png").write_bytes(saved("PNG", Image.fromarray(levels), **options))
    with pytest.warns(UserWarning, match="converted to sRGB") as told:
        natural_pool(small_efficientnet, tmp_path)
    more = f" (3 more like it in {tmp_path})" if folder_has == 4 else ""
    assert [str(each.message) for each in told] == [
        f"0.png has the colour profile 'of lab': it is converted to sRGB{more}"
    ]
