"""Movies: files that hold every frame, what is refused, latents, and what motion energies answer to what moves."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import numpy as np
import pytest
import skimage.data
import torch
import yaml
from PIL import Image
from torch import Tensor, nn
from typer.testing import CliRunner

from synthstim import InputError, MovieInput, Observer, load_model, make, open_observer, read_image
from synthstim.cli import app
from synthstim.constraints import MovieLuminance
from synthstim.modalities.image import luminance
from synthstim.modalities.movie import levels as movie_levels
from synthstim.modalities.movie import moved, movie_of_frames, read_movie, write_movie
from synthstim.models.seeing.motion_energy import RATES, MotionEnergy
from synthstim.parametrise import Spacetime
from synthstim.recipe import Recipe
from synthstim.report import write_report
from synthstim.verify import check_set

SIDE, FRAMES = 32, 8
LAYERS = [(20, FRAMES, 32, 32), (20, FRAMES, 16, 16)] * 2 + [(16, FRAMES, 16, 16)]


def movie(frames: int = 6, channels: int = 3, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).random((frames, channels, 9, 7)).astype(np.float32)


# Files.


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("rate", [24, 30, 59.94, 60, 144, 7.5])
def test_a_file_holds_every_frame_as_pillow_reads_it_too(tmp_path, channels, rate):
    frames = movie(channels=channels)
    frames[3] = frames[2]  # A repeated frame stays one.
    write_movie(tmp_path / "a.apng", frames, rate_hz=rate)
    held = read_movie(tmp_path / "a.apng")
    np.testing.assert_array_equal(held.frames, np.rint(frames.astype(float) * 255).astype(np.float32) / np.float32(255))
    assert held.rate_hz == pytest.approx(rate, rel=1e-6)
    with Image.open(tmp_path / "a.apng") as opened:
        assert opened.n_frames == len(frames)
        opened.seek(4)
        assert opened.info["duration"] == pytest.approx(1000 / rate, rel=1e-6)
        seen = np.asarray(opened)
    np.testing.assert_array_equal(seen.reshape(9, 7, channels), np.rint(255 * frames[4].transpose(1, 2, 0)))


def test_a_movie_that_another_program_wrote_with_differences_is_read_exactly(tmp_path):
    first = np.full((9, 7, 3), 100, np.uint8)
    pictures = [first.copy() for _ in range(4)]
    for at, picture in enumerate(pictures):
        picture[at, at] = (250, 10, 10 * at)
    one, *others = map(Image.fromarray, pictures)
    one.save(tmp_path / "b.apng", format="PNG", save_all=True, append_images=others, duration=40)
    held = read_movie(tmp_path / "b.apng")
    assert held.rate_hz == 25
    np.testing.assert_array_equal(np.rint(held.frames * 255).transpose(0, 2, 3, 1), np.stack(pictures))


def uneven(path):
    pictures = [Image.fromarray(np.full((5, 5), level, np.uint8)) for level in (1, 50, 100)]
    pictures[0].save(path, format="PNG", save_all=True, append_images=pictures[1:], duration=[40, 40, 80])


def still(path):
    Image.fromarray(np.zeros((5, 5), np.uint8)).save(path, format="PNG")


def see_through(path):
    pictures = [Image.fromarray(np.full((5, 5, 4), level, np.uint8)) for level in (1, 50)]
    pictures[0].save(path, format="PNG", save_all=True, append_images=pictures[1:], duration=40)


@pytest.mark.parametrize(
    ("write", "said"),
    [
        (uneven, "frames of 40, 80 ms; expected one duration for all"),
        (still, "has one frame; expected two or more"),
        (see_through, "coded as RGBA; expected grey or RGB"),
        (lambda path: path.write_bytes(b"GIF89a"), "cannot be read as a movie .it is no animated PNG"),
        (lambda path: None, "no movie at"),
    ],
)
def test_files_that_are_refused(tmp_path, write, said):
    write(tmp_path / "c.apng")
    with pytest.raises(InputError, match=said):
        read_movie(tmp_path / "c.apng")


def test_a_file_that_breaks_off_is_refused(tmp_path):
    write_movie(tmp_path / "d.apng", movie(), rate_hz=30)
    whole = (tmp_path / "d.apng").read_bytes()
    for share in (0.2, 0.5, 0.9):
        (tmp_path / "d.apng").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(InputError, match=r"d\.apng"):
            read_movie(tmp_path / "d.apng")


@pytest.mark.parametrize(
    ("values", "rate", "said"),
    [
        (movie()[:1], 30, "2 frames or more"),
        (movie()[0], 30, "expected .time, channel, y, x."),
        (movie() * 2, 30, "expected 0 to 1"),
        (movie() * np.nan, 30, "expected 0 to 1"),
        (movie(), 0, "0 frames a second given"),
        (movie(), math.nan, "nan frames a second given"),
        (movie(), 1e-6, "no file holds that"),
    ],
)
def test_what_is_no_movie_is_not_written(tmp_path, values, rate, said):
    with pytest.raises(InputError, match=said):
        write_movie(tmp_path / "e.apng", values, rate_hz=rate)
    assert not (tmp_path / "e.apng").exists()


def test_a_movie_longer_than_memory_is_refused_before_it_is_made(tmp_path, monkeypatch):
    with pytest.raises(
        InputError, match=r"9,000 frames of 512 x 512, which take 26.4 GiB of memory; a movie may take 1 GiB"
    ):
        MovieInput(size=(512, 512), frames=9000, frame_rate_hz=60)
    write_movie(tmp_path / "f.apng", movie(), rate_hz=30)
    monkeypatch.setattr(movie_levels, "MAX_VALUES", 1000)
    with pytest.raises(InputError, match=r"f\.apng has 6 frames of 9 x 7") as caught:
        read_movie(tmp_path / "f.apng")
    assert caught.value.code == "too-large"


def test_frames_of_a_folder_have_one_size(tmp_path):
    for at, frame in enumerate(movie(3)):
        Image.fromarray(np.rint(255 * frame.transpose(1, 2, 0)).astype(np.uint8)).save(tmp_path / f"{at}.png")
    np.testing.assert_allclose(movie_of_frames(tmp_path), movie(3), atol=0.5001 / 255)
    Image.new("RGB", (8, 8)).save(tmp_path / "3.png")
    with pytest.raises(InputError, match=r"0\.png is 3 x 9 x 7, 3\.png 3 x 8 x 8"):
        movie_of_frames(tmp_path)
    with pytest.raises(InputError, match="has 0 pictures; expected two or more frames"):
        movie_of_frames(tmp_path / "none")


def test_a_picture_is_moved_by_whole_pixels_exactly():
    image = movie(1)[0]
    shown = moved(image, (3, 3), 3, step=(2, 1))
    for at in range(3):
        np.testing.assert_allclose(shown[at], image[:, 1 + 2 * at : 4 + 2 * at, 1 + at : 4 + at], atol=1e-6)
    with pytest.raises(InputError, match="leaves the image of 9 x 7 in frame 1 of 9"):
        moved(image, (3, 3), 9, step=(2, 1))


# Inputs, latents, limits.


def test_a_movie_of_another_rate_or_fewer_frames_is_never_made_to_fit(tmp_path):
    write_movie(tmp_path / "g.apng", movie(8), rate_hz=25)
    shown = {"size": (4, 4), "channels": 1}
    fitting = MovieInput(frames=6, frame_rate_hz=25, **shown)
    assert fitting.modality.read_for(tmp_path / "g.apng", fitting).shape == (6, 1, 4, 4)
    for frames, rate, said in (
        (6, 30, "25 frames a second, the observer is shown 30"),
        (9, 25, "8 frames, the observer is shown 9"),
    ):
        other = MovieInput(frames=frames, frame_rate_hz=rate, **shown)
        with pytest.raises(InputError, match=said):
            other.modality.read_for(tmp_path / "g.apng", other)
    with pytest.raises(InputError, match="a movie of 1 frame given; expected 2 or more"):
        MovieInput(frames=1, frame_rate_hz=25, **shown)


@pytest.mark.parametrize("shape", [(4, 3, 6, 6), (5, 1, 7, 4)])
def test_laws_of_the_latents(shape):
    latents_of = Spacetime(shape)
    movies = 0.02 + 0.96 * torch.rand(2, *shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    latents = latents_of.invert(movies)
    assert latents.shape == (2, *latents_of.latent_shape)
    torch.testing.assert_close(latents_of.render(latents), movies)
    torch.testing.assert_close(latents_of.render(latents[1:])[0], movies[1])
    assert torch.autograd.gradcheck(latents_of.render, latents[:1].detach().requires_grad_())


def test_a_smooth_movie_has_no_fast_changes_before_the_sigmoid():
    latents_of = Spacetime((12, 1, 6, 6), smooth=0.2)
    drawn = torch.randn(1, *latents_of.latent_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    spectrum = torch.fft.fft(torch.logit(latents_of.render(drawn)), dim=1).abs().amax((0, 2, 3, 4))
    fast = torch.fft.fftfreq(12).abs() > 0.2
    assert float(spectrum[fast].max()) < 1e-9 < float(spectrum[~fast].min())
    rendered = latents_of.render(drawn)
    torch.testing.assert_close(latents_of.render(latents_of.invert(rendered)), rendered)


def test_latents_of_equal_size_fall_as_one_over_the_frequency():
    latents_of = Spacetime((16, 1, 16, 16), decay=1.0)
    drawn = torch.randn(64, *latents_of.latent_shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    power = torch.fft.fftn(torch.logit(latents_of.render(drawn)), dim=(1, 3, 4)).abs().square().mean((0, 2))
    # Along time and along space alike, four times as fast has a sixteenth of the power.
    for slow, fast in ((power[1, 0, 0], power[4, 0, 0]), (power[0, 1, 0], power[0, 4, 0])):
        assert 8 < float(slow / fast) < 32


def test_luminance_and_contrast_are_of_all_frames():
    movies = torch.rand(2, 5, 3, 8, 8, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    held = MovieLuminance(mean=0.3, rms_contrast=0.2).project(movies)
    assert held.shape == movies.shape
    for one in held:
        seen = luminance(one)
        assert float(seen.mean()) == pytest.approx(0.3, abs=1e-6)
        assert float(seen.std(unbiased=False)) == pytest.approx(0.06, abs=1e-4)


# Motion energies.


def drifting(direction: float, *, cycles: float = 0.25, speed: float = 0.5, amplitude: float = 0.2) -> Tensor:
    """(frame, y, x): a grating of so many cycles a pixel."""
    t, y, x = torch.meshgrid(*(torch.arange(side, dtype=torch.float64) for side in (FRAMES, SIDE, SIDE)), indexing="ij")
    along = x * math.cos(direction) + y * math.sin(direction)
    return 0.5 + amplitude * torch.cos(2 * torch.pi * cycles * (along - speed * t))


def answers(shown: Tensor) -> list[Tensor]:
    parts = MotionEnergy((SIDE, SIDE), frames=FRAMES).double()(shown[None, None])
    split = parts.split([math.prod(layer) for layer in LAYERS], dim=1)
    return [part.view(layer) for part, layer in zip(split, LAYERS, strict=True)]


def test_a_grating_has_its_energy_in_its_own_direction_and_none_against_it():
    for direction, channel, against in ((0.0, 1, 3), (math.pi, 3, 1), (math.pi / 2, 11, 13), (-math.pi / 2, 13, 11)):
        energy = answers(drifting(direction))[0]
        torch.testing.assert_close(energy[channel], torch.full_like(energy[channel], 0.2**2), rtol=1e-5, atol=1e-9)
        assert float(energy[against].max()) < 1e-9


def test_energies_are_those_of_filters_written_in_numpy():
    shown = np.random.default_rng(0).random((FRAMES, SIDE, SIDE))
    ft, fy, fx = np.meshgrid(*(np.fft.fftfreq(side) for side in (FRAMES, SIDE, SIDE)), indexing="ij")
    octaves, angle = np.log2(np.maximum(2 * np.hypot(fy, fx), 1e-12)), np.arctan2(fy, fx)
    radial = np.where(np.abs(octaves + 1) < 1, np.cos(np.pi / 2 * (octaves + 1)), 0)
    energy = answers(torch.from_numpy(shown))[0].numpy()
    for orientation in range(4):
        tuned = np.maximum(np.cos(angle - np.pi * orientation / 4), 0) ** 3
        for number, rate in enumerate(RATES):
            steps = (ft - rate) / 0.125
            band = 2 * radial * tuned * np.where(np.abs(steps) < 1, np.cos(np.pi / 2 * steps), 0)
            wanted = np.abs(np.fft.ifftn(np.fft.fftn(shown) * band)) ** 2
            np.testing.assert_allclose(energy[5 * orientation + number], wanted, rtol=1e-3, atol=1e-5)


def test_cells_of_mt_prefer_the_direction_of_a_pattern_and_those_of_v1_of_its_parts():
    cycles = 6 * math.sqrt(2) / SIDE
    plaid = drifting(math.pi / 4, cycles=cycles) + drifting(-math.pi / 4, cycles=cycles) - 0.5
    found = answers(plaid)
    v1 = found[2].mean((1, 2, 3)).view(4, 5)
    # To the right is orientation 0 at a negative rate; the parts are orientations 1 and, turned round, 3.
    assert float(v1[1, 1]) > 2 * float(v1[0, 1])
    assert float(v1[3, 3]) > 2 * float(v1[0, 1])
    pattern = found[4].mean((1, 2, 3)).view(8, 2).sum(1)
    assert int(pattern.argmax()) == 0
    grating = answers(drifting(math.pi / 4, cycles=cycles))[4].mean((1, 2, 3)).view(8, 2).sum(1)
    assert int(grating.argmax()) == 1


@pytest.mark.parametrize(
    ("size", "settings", "said"),
    [
        ((16, 16), {}, "motion energies need 32 px or more"),
        ((512, 512), {"frames": 900}, "cells of 900 frames of 512 x 512 px take 47.5 GiB of memory"),
        ((32, 32), {"frames": 4}, "frames 4 given; expected a whole number from 8 on"),
        ((32, 32), {"frames": 8.5}, "frames 8.5 given"),
        ((32, 32), {"frame_rate_hz": 0}, "frame_rate_hz 0 given; expected more than 0"),
        ((32, 32), {"speed": 1}, "the setting 'speed' of motion-energy given; expected frames"),
    ],
)
def test_settings_that_are_refused(size, settings, said):
    with pytest.raises(InputError, match=said):
        load_model("motion-energy", size=size, settings=settings)


# From recipe to report.


class Seer(nn.Module):
    """A small network of three-dimensional convolutions."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv3d(3, 6, 3, stride=(1, 2, 2)), nn.Conv3d(6, 5, 3)
        self.head = nn.Linear(5, 4)

    def forward(self, movies: Tensor) -> Tensor:
        seen = torch.relu(self.second(torch.relu(self.first(movies))))
        return self.head(seen.mean((2, 3, 4)))


def test_a_network_of_the_user_s_own_goes_from_recipe_to_set_check_and_report(tmp_path):
    input = MovieInput(size=(20, 24), frames=7, frame_rate_hz=30)
    observer = Observer(Seer(), input=input, name="seer")
    assert str(observer.axes_of("second")) == "channel frame y x"
    source = np.random.default_rng(0).random((3, 40, 40)).astype(np.float32)
    write_movie(tmp_path / "ref.apng", moved(source, (20, 24), 7, step=(0, 2)), rate_hz=30)
    recipe = {
        "observer": "seer",
        "stimuli": [
            {"name": "same", "kind": "metamer", "reference": "ref.apng", "layers": ["second"], "evaluations": 30},
            {"name": "up", "kind": "controller", "goal": "drive", "unit": {"layer": "second", "channel": 2, "position": [1, 2, 3]},
             "constraints": {"mean_luminance": 0.3}, "parametrisation": {"kind": "spacetime", "smooth_hz": 9}, "evaluations": 20},
        ],
    }  # fmt: skip
    made = make(Recipe.from_dict(recipe, tmp_path), tmp_path / "set", observer=observer)
    assert check_set(made, observer).problems == []
    same, up = made.table.to_dict("records")
    assert read_movie(made.path(up["file"])).rate_hz == up["frame_rate_hz"] == 30
    assert up["mean_luminance"] == pytest.approx(0.3, abs=0.01)
    assert np.isfinite(same["match_db"])
    page = write_report(made).read_text(encoding="utf-8")
    assert page.count("data:image/apng") >= 3
    assert "7 frames of 24 × 20 pixels at 30 Hz" in page


def test_movies_and_images_do_not_go_with_one_another_s_observers(tmp_path):
    write_movie(tmp_path / "h.apng", movie(), rate_hz=30)
    seen = load_model(size=(32, 32))
    with pytest.raises(InputError, match=r"h\.apng is a movie, the observer is shown images"):
        seen.input.modality.read_for(tmp_path / "h.apng", seen.input)
    Image.new("RGB", (8, 8)).save(tmp_path / "i.png")
    shown = MovieInput(size=(8, 8), frames=6, frame_rate_hz=30)
    with pytest.raises(InputError, match=r"i\.png is an image, the observer is shown movies"):
        shown.modality.read_for(tmp_path / "i.png", shown)
    assert read_image(tmp_path / "i.png").shape == (3, 8, 8)


DOCS = Path(__file__).parents[1] / "docs" / "movies.md"


def test_the_page_does_what_it_says(tmp_path, monkeypatch):
    text = DOCS.read_text(encoding="utf-8")
    files, own = re.findall(r"```python\n(.*?)```", text, re.S)
    recipe, commands = (re.search(rf"```{kind}\n(.*?)```", text, re.S)[1] for kind in ("yaml", "sh"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "frames").mkdir()
    cat = Image.fromarray(skimage.data.chelsea()[:200, :200])
    for number in range(3):
        cat.crop((number, 0, number + 40, 40)).save(tmp_path / "frames" / f"{number}.png")
    cat.save("cat.png")
    exec(compile(files, "docs", "exec"), {})
    assert len(read_movie("walk.apng").frames) == 3
    quick = yaml.safe_load(recipe)
    for entry in quick["stimuli"]:
        entry["evaluations"] = 3
    (tmp_path / "motion.yaml").write_text(yaml.safe_dump(quick))
    for line in commands.splitlines():
        done = CliRunner().invoke(app, line.split()[1:], catch_exceptions=False)
        assert done.exit_code == 0, done.output
    (tmp_path / "my_movies.py").write_text(own)
    seen = open_observer("my_movies:seer", allow_code=True)
    assert seen.input.shape == (8, 3, 32, 32)
    assert str(seen.axes_of("1")) == "channel frame y x"
    sys.modules.pop("my_movies")
