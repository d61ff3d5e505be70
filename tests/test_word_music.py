"""The small two-branch network of words and music that the package carries."""

import pytest
import torch

from synthstim.errors import InputError
from synthstim.modalities.sound import SoundInput
from synthstim.models.capture import read_layers
from synthstim.models.hearing import word_music
from synthstim.models.hearing.word_music import RATE, SHARED, STAGES, TRACKS, WEIGHTS, WORDS, WordMusic, network
from synthstim.models.observer import Observer
from synthstim.models.weights import read_weights

SECOND = RATE


@pytest.fixture(scope="module")
def untrained():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return network(SECOND, trained=False).eval()


@pytest.fixture(scope="module")
def observer(untrained):
    return Observer(
        untrained,
        input=SoundInput.lasting(1.0, network_rate=RATE, rate=48_000),
        name="word-music",
        decision=word_music.decide,
        stages=STAGES,
    )


def sounds(count, samples=SECOND):
    return 0.1 * torch.randn(count, samples, generator=torch.Generator().manual_seed(1))


def test_every_stage_is_a_layer_in_the_order_of_computation(observer):
    assert [layer for layer in observer.layers if layer in STAGES] == list(STAGES)
    assert observer.layers["word.logits"] == (len(WORDS),)
    assert observer.layers["music.logits"] == (len(TRACKS),)
    assert 100 <= len(WORDS) == len(set(WORDS)) <= 250


def called(module, layer, given):
    names = []
    hooks = [part.register_forward_hook(lambda *_, n=name: names.append(n)) for name, part in module.named_modules()]
    read_layers(module, given, [layer])
    for hook in hooks:
        hook.remove()
    return names


def test_a_layer_of_the_word_branch_is_read_without_the_music_branch(untrained):
    given = sounds(1)
    assert not any(name.startswith("music") for name in called(untrained, "word.logits", given))
    assert not any(name.startswith(("word", "music")) for name in called(untrained, SHARED[-1], given))


@pytest.mark.parametrize("samples", [8_000, 12_345, 32_000, 64_000])
def test_sounds_from_half_a_second_to_four_are_heard(samples):
    heard = network(samples, trained=False).eval()(sounds(2, samples))
    assert heard["word"].shape == (2, len(WORDS))
    assert heard["music"].shape == (2, len(TRACKS))


@pytest.mark.parametrize("samples", [7_999, 64_001])
def test_shorter_and_longer_sounds_are_refused(samples):
    with pytest.raises(InputError, match=r"hears 0.5 to 4 s, .* s given"):
        network(samples, trained=False)


def test_an_item_is_heard_alone_as_in_a_batch(untrained):
    together = untrained(sounds(3))
    for item in range(3):
        alone = untrained(sounds(3)[item : item + 1])
        for task in ("word", "music"):
            torch.testing.assert_close(alone[task][0], together[task][item], rtol=1e-4, atol=1e-5)


def test_gradients_reach_every_sample_from_every_stage(observer):
    for stage in STAGES:
        given = sounds(1, observer.input.samples).requires_grad_()
        observer.activations(given, [stage])[stage].square().sum().backward()
        assert torch.isfinite(given.grad).all()
        assert (given.grad != 0).float().mean() > 0.99, stage


def test_double_precision_agrees():
    with torch.random.fork_rng():
        torch.manual_seed(0)
        single = network(SECOND, trained=False).eval()
        torch.manual_seed(0)
        double = network(SECOND, trained=False).eval().double()
    with torch.no_grad():
        torch.testing.assert_close(
            single(sounds(1))["word"], double(sounds(1).double())["word"].float(), rtol=1e-3, atol=1e-4
        )


def test_random_weights_follow_the_seed():
    made = []
    for seed in (1, 1, 2):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            made.append(network(SECOND, trained=False).conv1.weight)
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_the_branches_that_are_matched_decide(observer):
    given = sounds(2, observer.input.samples)
    words = observer.decide(given, ["word.relu5"])
    tracks = observer.decide(given, ["music.relu5"])
    assert set(words) <= set(WORDS)
    assert set(tracks) <= set(TRACKS)
    assert observer.decide(given, ["relu2"]) == list(zip(words, tracks, strict=True))


def test_the_weights_are_small_and_in_half_precision():
    assert WEIGHTS.stat().st_size < 5_000_000
    state = read_weights(WEIGHTS)
    assert {value.dtype for value in state.values()} == {torch.float16}
    assert state.keys() == {name for name in WordMusic(SECOND).state_dict() if "num_batches" not in name}


@pytest.fixture(scope="module")
def measured():
    from word_music.evaluate import evaluate_word_music

    try:
        return evaluate_word_music()
    except InputError as error:
        pytest.skip(str(error))


def test_recorded_words_of_a_voice_it_never_heard_are_recognised(measured):
    assert measured.words.n > 190
    assert measured.words.share > 0.75
    assert measured.words_in_noise.share > 0.55


def test_later_parts_of_tracks_are_told_apart(measured):
    assert measured.tracks.share > 0.8
