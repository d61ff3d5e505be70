"""Videos as movies: losslessly coded ones frame by frame, colours by their matrix, and whatever is not shown as it is."""

from __future__ import annotations

import subprocess

import numpy as np
import pytest
from imageio_ffmpeg import get_ffmpeg_exe
from PIL import Image
from typer.testing import CliRunner

from synthstim import StimulusSet
from synthstim.cli import app
from synthstim.errors import InputError
from synthstim.modalities.movie import MovieInput, levels, read_movie, videos
from synthstim.stimulus_set import adopt

RGB = ["-crf", "0", "-preset", "ultrafast"]
RED_MATRICES = {"bt709": (0.2126, 0.0722), "smpte170m": (0.299, 0.114)}


def pictures(count: int = 6, size: tuple[int, int] = (12, 16), channels: int = 3) -> np.ndarray:
    """(time, y, x, channel)."""
    return np.random.default_rng(0).integers(0, 256, (count, *size, channels), np.uint8)


def write(path, frames: np.ndarray, *, rate="30", codec="libx264rgb", coded="rgb24", given="rgb24", more=RGB) -> None:
    height, width = frames.shape[1:3]
    raw = path.with_suffix(".raw")
    raw.write_bytes(frames.tobytes())
    plain = ("-f", "rawvideo", "-pix_fmt", given, "-s", f"{width}x{height}", "-r", rate)
    again(raw, path, "-c:v", codec, "-pix_fmt", coded, *more, before=plain)
    raw.unlink()


def again(source, target, *told: str, before: tuple[str, ...] = ()) -> None:
    command = [get_ffmpeg_exe(), "-v", "error", "-y", *before, "-i", source, *told, target]
    subprocess.run(list(map(str, command)), check=True)


def held(path) -> np.ndarray:
    return np.rint(read_movie(path).frames * 255).astype(np.uint8).transpose(0, 2, 3, 1)


@pytest.mark.parametrize(
    ("name", "rate", "how"),
    [
        ("a.mp4", "30", {}),
        ("a.mov", "30000/1001", {}),
        ("a.MOV", "24", {"codec": "qtrle", "more": []}),
        ("a.mkv", "30000/1001", {}),
        ("a.mkv", "30", {"codec": "ffv1", "coded": "bgr0", "more": []}),
        ("a.mkv", "60", {"codec": "ffv1", "coded": "gray", "given": "gray", "more": []}),
        ("a.webm", "24000/1001", {"codec": "libvpx-vp9", "coded": "gbrp", "more": ["-lossless", "1"]}),
        ("a.avi", "25", {"codec": "ffv1", "coded": "bgr0", "more": []}),
        ("a.avi", "60", {"codec": "ffv1", "coded": "gray", "given": "gray", "more": []}),
    ],
)
def test_frames_are_those_that_were_written(tmp_path, name, rate, how):
    frames = pictures(channels=1 if how.get("given") == "gray" else 3)
    frames[3] = frames[2]  # A repeated frame stays one.
    write(tmp_path / name, frames, rate=rate, **how)
    np.testing.assert_array_equal(held(tmp_path / name), frames)
    top, _, under = rate.partition("/")
    assert read_movie(tmp_path / name).rate_hz == pytest.approx(int(top) / int(under or 1), rel=1e-9)


def gif(path, frames: np.ndarray, *, ms=40, **more) -> None:
    one, *others = [Image.fromarray(frame[..., 0]) for frame in frames]
    one.save(path, save_all=True, append_images=others, duration=ms, **more)


def test_frames_of_a_gif_are_those_that_were_written(tmp_path):
    frames = pictures(channels=1)
    gif(tmp_path / "a.gif", frames)
    np.testing.assert_array_equal(held(tmp_path / "a.gif"), np.repeat(frames, 3, axis=3))
    assert read_movie(tmp_path / "a.gif").rate_hz == 25


@pytest.mark.parametrize("matrix", RED_MATRICES)
@pytest.mark.parametrize("whole", [True, False])
def test_colours_are_by_the_matrix_and_range_of_the_file(tmp_path, matrix, whole):
    brightness, blue, red = 120.0, 100.0, 160.0
    frames = np.full((4, 3 * 12, 16, 1), np.repeat([brightness, blue, red], 12)[:, None, None], np.uint8)
    tags = ["-colorspace", matrix, "-color_range", "pc" if whole else "tv"]
    filters = f"scale=in_color_matrix={matrix}:out_color_matrix={matrix}:in_range={tags[3]}:out_range={tags[3]}"
    raw, path = tmp_path / "planes.yuv", tmp_path / "c.mp4"
    raw.write_bytes(frames.tobytes())
    plain = ("-f", "rawvideo", "-pix_fmt", "yuv444p", "-s", "16x12", "-r", "25", *tags)
    again(raw, path, "-vf", filters, "-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv444p", *tags, before=plain)
    of_red, of_blue = RED_MATRICES[matrix]
    y = brightness if whole else (brightness - 16) * 255 / 219
    u, v = (each - 128 if whole else (each - 128) * 255 / 224 for each in (blue, red))
    r, b = y + 2 * (1 - of_red) * v, y + 2 * (1 - of_blue) * u
    g = (y - of_red * r - of_blue * b) / (1 - of_red - of_blue)
    np.testing.assert_allclose(held(path)[2, 5, 5], [r, g, b], atol=1.01)


def test_sound_is_ignored_and_said_once_of_a_folder(tmp_path):
    write(tmp_path / "silent.mp4", frames := pictures(30))
    (tmp_path / "loud").mkdir()
    tone = ("-f", "lavfi", "-i", "sine=d=1")
    for name in ("one.mp4", "two.mov"):
        path = tmp_path / "loud" / name
        again(tmp_path / "silent.mp4", path, "-map", "1:v", "-map", "0:a", "-c:v", "copy", before=tone)
        with pytest.warns(UserWarning, match=f"{name} has sound, which is ignored"):
            np.testing.assert_array_equal(held(path), frames)
    with pytest.warns(UserWarning, match=r"one\.mp4 has sound, which is ignored \(1 more like it in") as told:
        adopt(tmp_path / "loud", tmp_path / "set")
    assert len(told) == 1


def test_a_video_that_says_so_is_turned(tmp_path):
    write(tmp_path / "a.mp4", frames := pictures())
    again(tmp_path / "a.mp4", tmp_path / "turned.mp4", "-c", "copy", before=("-display_rotation", "90"))
    np.testing.assert_array_equal(held(tmp_path / "turned.mp4"), np.rot90(frames, axes=(1, 2)))


def test_times_that_a_clock_of_600_a_second_rounds_are_of_one_rate(tmp_path):
    write(tmp_path / "a.mov", pictures(40), rate="30000/1001", more=[*RGB, "-video_track_timescale", "600"])
    assert read_movie(tmp_path / "a.mov").rate_hz == pytest.approx(30000 / 1001, rel=1e-9)


def uneven(path):
    write(path.parent / "even.mp4", pictures(20))
    again(path.parent / "even.mp4", path, "-vf", "select=not(eq(n\\,7))", "-fps_mode", "vfr", "-c:v", "libx264rgb")


def made(**how):
    return lambda path: write(path, pictures(), **how)


X264 = {"codec": "libx264", "coded": "yuv420p"}


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("a.mp4", uneven, r"frames of 33\.3333, 66\.6667 ms; expected one duration for all"),
        ("a.mp4", made(codec="libx264", coded="yuv420p10le"), "coded as yuv420p10le; expected 8 bits"),
        ("a.mov", made(codec="qtrle", coded="argb", more=[]), "coded as argb; expected grey or colours without"),
        ("a.mp4", made(**X264, more=["-flags", "+ildct+ilme", "-x264opts", "tff=1"]), "is interlaced"),
        ("a.mp4", made(**X264, more=["-vf", "setsar=4/3"]), "has pixels that are not square"),
        ("a.mp4", lambda path: write(path, pictures(1)), "has one frame; expected two or more"),
        ("a.mp4", lambda path: path.write_text("#EXTM3U\nfile:///etc/passwd\n"), "cannot be read as a movie .(moov atom not|.*nvalid)"),
        ("a.avi", lambda path: path.write_bytes(b""), "cannot be read as a movie"),
        ("a.mp4", lambda path: path.mkdir(), "no movie at"),
        ("a.mkv", uneven, r"frames of 33, 34, 67 ms; expected one duration for all"),
        ("a.mkv", made(rate="120"), r"frames of 8, 9 ms; expected one duration for all"),
        ("a.mkv", made(more=[*RGB, "-live", "1"]), "a.mkv does not say where it ends"),
        ("a.webm", made(codec="libvpx-vp9", coded="yuva420p", more=[]), "a.webm is see-through"),
        ("a.webm", lambda path: path.write_bytes(b"\x1a\x45\xdf\xa3"), "a.webm does not say where it ends"),
        ("a.gif", lambda path: gif(path, pictures(channels=1), ms=[40] * 5 + [80]), "frames of 40, 80 ms"),
        ("a.gif", lambda path: gif(path, pictures(1)), "has one frame; expected two or more"),
        ("a.gif", lambda path: path.write_text("no"), "cannot be read as a movie .it is no GIF"),
        ("a.gif", lambda path: gif(path, pictures(channels=1), transparency=7), "see-through pixels"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_as_it_is(tmp_path, name, make, said):
    make(tmp_path / name)
    with pytest.raises(InputError, match=said):
        read_movie(tmp_path / name)


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.avi", "a.mkv", "a.gif", "early.mp4"])
def test_a_file_that_breaks_off_is_refused(tmp_path, name):
    how = {"codec": "ffv1", "coded": "bgr0", "more": []} if name.endswith("avi") else {}
    if name == "early.mp4":
        how = {"more": [*RGB, "-movflags", "+faststart"]}
    if name.endswith("gif"):
        gif(tmp_path / name, pictures(channels=1))
    else:
        write(tmp_path / name, pictures(), **how)
    whole = (tmp_path / name).read_bytes()
    for share in (0.05, 0.5, 0.9, 0.99):
        (tmp_path / name).write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError, match=name):
            read_movie(tmp_path / name)


def test_a_damaged_one_is_refused(tmp_path):
    write(tmp_path / "a.avi", pictures(), codec="ffv1", coded="bgr0", more=["-slicecrc", "1", "-level", "3"])
    data = bytearray((tmp_path / "a.avi").read_bytes())
    at = data.index(b"movi") + 400
    data[at : at + 40] = bytes(40)
    (tmp_path / "a.avi").write_bytes(data)
    with pytest.raises(InputError, match=r"a\.avi cannot be read without errors"):
        read_movie(tmp_path / "a.avi")


def test_one_longer_than_memory_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    write(tmp_path / "a.mp4", pictures())
    monkeypatch.setattr(levels, "MAX_VALUES", 1000)
    run, ran = videos._run, []
    monkeypatch.setattr(videos, "_run", lambda path, told, **more: ran.append(told) or run(path, told, **more))
    with pytest.raises(InputError, match=r"a\.mp4 has 6 frames of 12 x 16") as caught:
        read_movie(tmp_path / "a.mp4")
    assert caught.value.code == "too-large"
    assert ran == [["-c", "copy", "-f", "framecrc"]]


def test_without_ffmpeg_a_sentence_says_what_to_do(tmp_path, monkeypatch):
    write(tmp_path / "a.mp4", pictures())
    monkeypatch.setenv("IMAGEIO_FFMPEG_EXE", str(tmp_path / "none"))
    with pytest.raises(InputError, match=r"a\.mp4 is a video, and there is no ffmpeg to read it"):
        read_movie(tmp_path / "a.mp4")


def test_an_observer_is_shown_its_first_frames_at_its_own_rate_alone(tmp_path):
    write(tmp_path / "a.mp4", frames := pictures(8), rate="30000/1001")
    shown = {"size": (12, 16), "channels": 3, "frames": 5}
    taken = MovieInput(frame_rate_hz=29.97, **shown)
    got = taken.modality.read_for(tmp_path / "a.mp4", taken)
    np.testing.assert_array_equal(np.rint(got * 255).transpose(0, 2, 3, 1), frames[:5])
    for change, said in (
        ({"frame_rate_hz": 30}, "has 29.97003 frames a second, the observer is shown 30"),
        ({"size": (8, 8), "frames": 8}, "12 x 16"),
        ({"frames": 9}, "8 frames, the observer is shown 9"),
        ({"frames": 5}, "8 frames, the observer is shown 5"),
    ):
        other = MovieInput(**{"frame_rate_hz": 29.97, **shown, **change})
        with pytest.raises(InputError, match=said):
            other.modality.read_for(tmp_path / "a.mp4", other, fit="exact")


def test_a_recipe_names_one_and_a_folder_of_them_is_adopted(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    smooth = np.linspace(60, 200, 40 * 44).reshape(40, 44) + 20 * np.sin(np.arange(8))[:, None, None]
    frames = np.repeat(smooth.astype(np.uint8)[..., None], 3, 3)
    (tmp_path / "clips").mkdir()
    write(tmp_path / "clips" / "one.mp4", frames)
    write(tmp_path / "clips" / "two.avi", frames[::-1], codec="ffv1", coded="bgr0", more=[])
    (tmp_path / "recipe.yaml").write_text(
        "observer: {name: motion-energy, size: [40, 44], settings: {frames: 8, frame_rate_hz: 30}}\n"
        "stimuli: [{name: same, kind: metamer, reference: clips/one.mp4, layers: [energy_1], evaluations: 3}]\n"
    )
    for line in ("make recipe.yaml --out made", "check made", "adopt clips --out kept"):
        done = CliRunner().invoke(app, line.split(), catch_exceptions=False)
        assert done.exit_code == 0, done.output
    kept = StimulusSet.read("kept")
    for row, wanted in zip(kept.table.to_dict("records"), (frames, frames[::-1]), strict=True):
        np.testing.assert_array_equal(held(kept.path(row["file"])), wanted)
        assert row["frame_rate_hz"] == 30
