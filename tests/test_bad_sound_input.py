"""Bad sounds and settings at the command line: one clear sentence, exit status 2, no traceback, before long work starts."""

import shutil
import struct

import numpy as np
import pytest
import soundfile
from sound_fixture import TINY, write_sounds

from synthstim import make, read_recipe
from synthstim.modalities.image import write_png

RATE = 16_000
HEAD = "observer: {name: cochleagram, duration_s: 0.3}\npool: pool\nstimuli:\n"
METAMER = "  - {name: word, kind: metamer, reference: word.wav, layers: [cochleagram]"
DRIVE = "  - {name: up, kind: controller, goal: drive, unit: {layer: cochleagram, channel: 80}"
IMAGES = "observer: {name: efficientnet-lite0, size: 64}\nstimuli:\n"
CAT = "  - {name: cat, kind: metamer, reference: cat.png, layers: [blocks.0]"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("bad_sounds")
    write_sounds(place, TINY)
    random = np.random.default_rng(0)
    noise = 0.1 * random.standard_normal(RATE).astype(np.float32)
    soundfile.write(place / "silent.wav", np.zeros(RATE), RATE)
    soundfile.write(place / "pause.wav", np.concatenate([noise[:4000], np.zeros(RATE), noise[:4000]]), RATE)
    soundfile.write(place / "nan.wav", np.where(np.arange(RATE) == 7, np.nan, noise), RATE, subtype="FLOAT")
    soundfile.write(place / "loud.wav", 20 * noise, RATE, subtype="FLOAT")
    soundfile.write(place / "stereo.wav", np.stack([noise, noise], 1), RATE)
    soundfile.write(place / "short.wav", noise[:320], RATE)
    soundfile.write(place / "long.wav", np.zeros(600 * 8000, np.int16), 8000)
    soundfile.write(place / "narrow.wav", noise[:8000], 8000)
    (place / "text.wav").write_text("this is no sound")
    (place / "half.flac").write_bytes(b"fLaC" + bytes(100))
    declared = 2**31 - 2
    header = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 36 + declared, b"WAVE", b"fmt ", 16, 1, 1, RATE, 2 * RATE, 2, 16, b"data", declared)  # fmt: skip
    (place / "header.wav").write_bytes(header + bytes(1000))
    (place / "broken.safetensors").write_bytes(bytes(100))
    (place / "pictures").mkdir()
    (place / "mixture").mkdir()
    for number in range(5):
        write_png(place / "pictures" / f"{number}.png", random.random((3, 64, 64)).astype(np.float32))
    shutil.copy(place / "pictures" / "0.png", place / "cat.png")
    shutil.copy(place / "pictures" / "0.png", place / "mixture")
    shutil.copy(place / "word.wav", place / "mixture")
    shutil.copytree(place / "pool", place / "few")
    for path in sorted((place / "few").iterdir())[3:]:
        path.unlink()
    return place


def reference(name: str) -> str:
    return HEAD + METAMER.replace("word.wav", name) + "}"


def of(observer: str, entry: str = METAMER) -> str:
    return f"observer: {observer}\npool: pool\nstimuli:\n{entry}}}"


RECIPES = {
    "silence": (reference("silent.wav"), "word: silent.wav is silent: give a sound"),
    "silence in the middle": (reference("pause.wav"), "the middle 0.300 s of pause.wav are silent"),
    "NaN": (reference("nan.wav"), "nan.wav holds 1 samples that are NaN or infinite"),
    "beyond full scale": (reference("loud.wav"), "loud.wav would clip: its peak is"),
    "clipping": ("level_dbfs: -1\n" + HEAD + METAMER + "}", "word.wav at -1 dBFS would clip: its peak is"),
    "stereo": (reference("stereo.wav"), "stereo.wav has 2 channels; expected a mono sound"),
    "20 ms": (reference("short.wav"), "short.wav lasts 0.020 s; expected 0.300 s: choose a shorter duration"),
    "20 ms, exact": ("fit: exact\n" + reference("short.wav"), "short.wav lasts 0.020 s, fit 'exact' needs 0.300 s"),
    "10 minutes": (reference("long.wav"), "declares 600 s of sound, more than the 300 s that are read"),
    "text called .wav": (reference("text.wav"), "text.wav cannot be read as a sound"),
    "damaged file": (reference("half.flac"), "half.flac cannot be read as a sound"),
    "2^31 samples declared": (reference("header.wav"), "header.wav"),
    "missing file": (reference("wort.wav"), "did you mean 'word.wav'"),
    "image for ears": (reference("cat.png"), "cat.png is an image, the observer is played sounds"),
    "sound for eyes": (IMAGES + CAT.replace("cat.png", "word.wav") + "}", "word.wav is a sound, the observer is shown images"),
    "image to start from": (HEAD + METAMER + ", start: cat.png}", "cat.png is an image, the observer is played sounds"),
    "sound to start from": (IMAGES + CAT + ", start: word.wav}", "word.wav is a sound, the observer is shown images"),
    "unknown observer": (of("cochleogram"), "did you mean 'cochleagram'"),
    "unknown stage": (HEAD + METAMER.replace("[cochleagram]", "[cochleogram]") + "}", "did you mean 'cochleagram'"),
    "channel out of range": (HEAD + DRIVE.replace("80", "211") + "}", "which has 211 channels: 0 to 210"),
    "frame out of range": (HEAD + DRIVE.replace("80", "80, position: [400]") + "}", "position (400,) is outside cochleagram"),
    "position of an image": (HEAD + DRIVE.replace("80", "80, position: [4, 4]") + "}", "position (4, 4) is outside"),
    "bits 8": (HEAD + METAMER + ", bits: 8}", ", line 4: word: bits 8 does not go with sounds: choose one of 16, 24, 32"),
    "stretched": ("fit: stretch\n" + HEAD + METAMER + "}", "fit 'stretch' does not go with sounds"),
    "aperture": (HEAD + METAMER + ", constraints: {aperture: {shape: circular, diameter: 0.5}}}", "the constraint aperture given"),
    "luminance": (HEAD + METAMER + ", constraints: {mean_luminance: 0.5}}", "the constraint mean_luminance given"),
    "fourier": (HEAD + METAMER + ", parametrisation: fourier}", "parametrisation 'fourier' given, but the observer is played"),
    "robustness": (HEAD + DRIVE + ", robustness: {jitter: 3}}", "robustness is for images"),
    "total variation": (HEAD + DRIVE + ", total_variation: 0.1}", "total_variation is for images"),
    "shaped like nothing": (HEAD + DRIVE + ", start: shaped}", "start 'shaped' takes the spectrum of a metamer's reference"),
    "bits 24 of an image": (IMAGES + CAT + ", bits: 24}", "bits 24 does not go with images: choose one of 8, 16"),
    "band of an image": (IMAGES + CAT + ", constraints: {band_hz: [200, 400]}}", "the constraint band_hz given"),
    "ramps of an image": (IMAGES + CAT + ", constraints: {ramp_ms: 10}}", "the constraint ramp_ms given"),
    "level of images": ("level_dbfs: -30\n" + IMAGES + CAT + "}", "level_dbfs is for sounds"),
    "waveform of an image": (IMAGES + CAT + ", parametrisation: waveform}", "parametrisation 'waveform' given, but the observer is shown"),
    "duration of images": (of("{name: efficientnet-lite0, duration_s: 1.0}", CAT), "is shown images, a duration or a rate given"),
    "rate of images": (of("{name: efficientnet-lite0, rate_hz: 44100}", CAT), "is shown images, a duration or a rate given"),
    "size of sounds": (of("{name: cochleagram, size: 64}"), "is played sounds, size (64, 64) given: give a duration instead"),
    "rate below the model's": (of("{name: cochleagram, rate_hz: 16000}"), "cannot hold what a network at 20000 Hz hears"),
    "rate of no device": (of("{name: cochleagram, rate_hz: 12345}"), "rate_hz"),
    "duration of nothing": (of("{name: cochleagram, duration_s: 0}"), "duration_s"),
    "duration of 10 minutes": (of("{name: cochleagram, duration_s: 600}"), "duration_s"),
    "duration of 20 ms": (of("{name: cochleagram, duration_s: 0.02}"), "give at least 50 ms of sound"),
    "duration that Whisper does not hear": (of("{name: whisper-tiny.en, duration_s: 40}"), "Whisper hears"),
    "duration that CochCNN9 does not hear": (of("{name: cochcnn9, duration_s: 1.0, weights: random}"), "2 s"),
    "weights of CochCNN9": (of("cochcnn9"), "not carried: give a weights file"),
    "weights of Kell 2018": (of("kell2018"), "not carried"),
    "corrupt weights": (of("{name: cochcnn9, weights: broken.safetensors}"), "cannot be read as plain weights"),
    "pool of images": (HEAD.replace("pool: pool", "pool: pictures") + METAMER + "}", "holds 0 sounds; expected at least 4 recordings"),
    "pool of sounds": ("pool: pool\n" + IMAGES + CAT + "}", "holds 0 images; expected at least 4 photographs"),
    "pool of three": (HEAD.replace("pool: pool", "pool: few") + METAMER + "}", "holds 3 sounds; expected at least 4 recordings"),
    "band that is not heard": (HEAD + DRIVE + ", constraints: {band_hz: [11000, 15000]}}", "up: band_hz from 11000 Hz given; sounds for this model hold up to 9500 Hz"),
    "band beyond the rate": (HEAD + DRIVE + ", constraints: {band_hz: [200, 30000]}}", "from 0 to 24000 Hz"),
    "falling band": (HEAD + DRIVE + ", constraints: {band_hz: [2000, 200]}}", "expected rising frequencies"),
    "ramps longer than the sound": (HEAD + DRIVE + ", constraints: {ramp_ms: 200}}", "expected at most 0.075 s"),
    "level beyond the peak": (HEAD + DRIVE + ", constraints: {level_dbfs: -10, peak_dbfs: -20}}", "cannot be met together"),
    "level above full scale": ("level_dbfs: 3\n" + HEAD + METAMER + "}", "level_dbfs"),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:.*RANDOM weights")
@pytest.mark.parametrize("case", RECIPES)
def test_bad_recipe(synthstim, case, folder, tmp_path):
    text, said = RECIPES[case]
    recipe = folder / f"recipe-{'-'.join(case.split()).replace(',', '').replace('^', '')}.yaml"
    recipe.write_text(text)
    out = synthstim("make", recipe, "--out", tmp_path / "set", cwd=folder)
    recipe.unlink()
    assert said in out
    assert "Traceback" not in out
    assert not list(tmp_path.iterdir()), "nothing is left behind"


ARGUMENTS = {
    "adopt a mixture": (["adopt", "mixture", "--out", "x"], "holds images and sounds (0.png and word.wav)"),
    "adopt sounds of several rates": (["adopt", "pool", "--out", "x"], "a set is played at one rate, resample one"),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_bad_arguments(synthstim, case, folder):
    arguments, said = ARGUMENTS[case]
    assert said in synthstim(*arguments, cwd=folder)
    assert not (folder / "x").exists()


@pytest.mark.filterwarnings("default")
def test_a_recording_that_holds_less_than_the_model_hears_is_told(synthstim, folder, tmp_path):
    (folder / "narrow.yaml").write_text(HEAD + METAMER.replace("word.wav", "narrow.wav") + ", evaluations: 1}")
    out = synthstim("make", "narrow.yaml", "--out", tmp_path / "set", cwd=folder, status=0)
    assert "narrow.wav is at 8000 Hz and holds nothing above 4000 Hz, the model hears up to 10000 Hz" in out
    (folder / "wide.yaml").write_text(HEAD + METAMER + ", evaluations: 1}")
    assert "warning" not in synthstim("make", "wide.yaml", "--out", tmp_path / "wide", cwd=folder, status=0)


@pytest.fixture(scope="module")
def small_set(folder):
    return make(read_recipe(folder / "recipe.yaml"), folder / "good").root


def test_check_of_a_set_of_sounds(synthstim, small_set, folder, tmp_path):
    pool = ["--pool", folder / "pool"]
    out = synthstim("check", small_set, "--quiet", *pool, cwd=folder, status=0)
    assert "3 of 3 files measured again, 0 differences" in out
    assert "name it with --pool" in synthstim("check", small_set, "--quiet", cwd=folder)
    assert "holds 0 sounds" in synthstim("check", small_set, "--quiet", "--pool", "pictures", cwd=folder)
    said = synthstim("check", small_set, "--quiet", *pool, "--also", "efficientnet-lite0", cwd=folder)
    assert "efficientnet-lite0 is shown images" in said
    out = synthstim("check", small_set, "--quiet", *pool, "--resampler", "soxr", cwd=folder, status=0)
    assert "table_db" in out
    assert "did you mean 'soxr'" in synthstim("check", small_set, "--quiet", *pool, "--resampler", "sox", cwd=folder)
    shutil.copytree(small_set, tmp_path / "set")
    soundfile.write(tmp_path / "set" / "stimuli" / "up_0.wav", np.full(100, 0.5), 48_000)
    out = synthstim("check", "set", "--quiet", *pool, cwd=tmp_path, status=1)
    assert "stimuli/up_0.wav has changed" in out
