"""Recorded sounds that installed packages carry."""

import zipfile

import numpy as np
import pytest
import soundfile

from synthstim.errors import InputError
from synthstim.ids import check_ids
from synthstim.modalities.sound import level_of, read_sound
from synthstim.modalities.sound.recordings import KINDS, PACKAGES, TEXTURES, carried, carried_sounds, decode, words


@pytest.fixture(scope="module")
def sounds():
    try:
        found = carried_sounds()
    except InputError as error:
        pytest.skip(str(error))
    if {sound.source for sound in found} != set(PACKAGES):
        pytest.skip("not all packages with recorded sounds are installed: .ci/system-packages installs them")
    return found


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("SYNTHSTIM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))


def test_every_kind_is_there_with_licence_and_a_name_that_any_system_takes(sounds):
    assert {sound.kind for sound in sounds} == set(KINDS)
    check_ids(sound.name for sound in sounds)
    assert all(sound.licence and sound.credit for sound in sounds)
    assert all(sound.text for sound in sounds if sound.kind in ("word", "speech"))


def test_words_are_labelled_by_what_is_said(sounds):
    said = words(sounds)
    assert {"zero", "seven", "twenty", "ninety", "monday", "december", "alpha", "zulu", "b"} <= set(said)
    assert [sound.path.name for sound in said["seven"]] == ["7.g722"]
    assert len(said) > 200


def test_a_prompt_decodes_to_speech_at_16_khz(sounds):
    waveform, rate = carried("seven").read()
    # 64 kbit/s, two samples a byte.
    assert rate == 16_000
    assert len(waveform) == 2 * carried("seven").path.stat().st_size
    assert -40 < level_of(waveform).rms_dbfs < -10


def test_five_textures_keep_their_level(sounds):
    for name in TEXTURES:
        waveform, rate = carried(name).read()
        assert len(waveform) == 5 * rate
        spectrum = np.abs(np.fft.rfft(waveform[: 20 * (rate // 4)].reshape(20, -1))) ** 2
        bands = np.fft.rfftfreq(rate // 4, 1 / rate) > 100
        levels = 10 * np.log10(spectrum[:, bands].sum(1))
        assert levels.std() < 3, name


def test_the_wav_of_a_recording_is_a_mono_file_that_recipes_take(sounds):
    for name in ("fire", "seven", "go_forward", "loop_tabla"):
        path = carried(name).wav()
        waveform, rate = read_sound(path)
        again, same_rate = carried(name).read()
        assert rate == same_rate
        np.testing.assert_array_equal(waveform, again)
        assert carried(name).wav() == path


def test_stereo_is_mixed_down_as_the_recording_says(sounds):
    sound = carried("loop_tabla")
    both, _ = decode(sound.path)
    assert both.shape[1] == 2
    assert sound.channel == "mean"
    np.testing.assert_allclose(sound.read()[0], both.mean(1), atol=2**-22)
    left = carried("crackle")
    both, rate = decode(left.path, left.member)
    assert left.channel == "left"
    np.testing.assert_allclose(left.read()[0], both[: 5 * rate, 0], atol=2**-22)


def test_without_packages_one_sentence_says_what_to_install(tmp_path):
    with pytest.raises(InputError, match=r"apt-get install .*asterisk-core-sounds-en-g722.*folder of your own"):
        carried_sounds(root=tmp_path)
    with pytest.raises(InputError, match=r"'texture'.*apt-get install sonic-pi-samples ufoai-sound'"):
        carried_sounds("texture", root=tmp_path)
    with pytest.raises(InputError, match="apt-get install ufoai-sound"):
        carried("fire", root=tmp_path)


def test_unknown_names_and_kinds_are_named():
    with pytest.raises(InputError, match="'textures' are unknown: did you mean 'texture'"):
        carried_sounds("textures")
    with pytest.raises(InputError, match=r"'fier'.*'fire'"):
        carried("fier")


def test_members_of_archives_and_damaged_files(tmp_path):
    wave = np.linspace(-0.5, 0.5, 800)
    soundfile.write(tmp_path / "a.flac", np.stack([wave, -wave], 1), 8000)
    with zipfile.ZipFile(tmp_path / "a.pk3", "w") as archive:
        archive.write(tmp_path / "a.flac", "sound/a.flac")
        archive.writestr("sound/b.ogg", b"no sound at all")
    values, rate = decode(tmp_path / "a.pk3", "sound/a.flac")
    assert (values.shape, rate) == ((800, 2), 8000)
    for member in ("sound/b.ogg", "sound/missing.ogg"):
        with pytest.raises(InputError, match="cannot be decoded"):
            decode(tmp_path / "a.pk3", member)


def test_raw_files_are_16_bit_at_16_khz(tmp_path):
    (tmp_path / "a.raw").write_bytes(np.array([-32768, 0, 16384], "<i2").tobytes())
    values, rate = decode(tmp_path / "a.raw")
    np.testing.assert_array_equal(values[:, 0], [-1, 0, 0.5])
    assert rate == 16_000


def test_decoding_that_breaks_off_leaves_nothing_in_the_cache(sounds, monkeypatch, tmp_path):
    monkeypatch.setenv("SYNTHSTIM_CACHE", str(tmp_path))

    def broken(*_):
        raise OSError("disk full")

    monkeypatch.setattr("synthstim.modalities.sound.recordings.write_wav", broken)
    with pytest.raises(OSError, match="disk full"):
        carried("seven").wav()
    assert not list((tmp_path / "recordings").iterdir())


def test_a_cache_that_cannot_be_made_is_one_sentence(sounds, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SYNTHSTIM_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match="set SYNTHSTIM_CACHE"):
        carried("seven").wav()
