"""The word and music network, from synthesis voices and recorded music to a weights file."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from synthstim.errors import InputError
from synthstim.files import require_absent, sha256_of, written_whole
from synthstim.modalities.sound.recordings import carried_sounds
from synthstim.models.hearing.word_music import FRAMES, RATE, TRACKS, WORDS, WordMusic
from word_music.augment import NONE, Augmentation, Batch, Sampler, striped
from word_music.corpora import SpokenWords, Tracks, spoken_words, tracks
from word_music.evaluate import SECONDS, Accuracy, alone, recognised, tracks_told_apart
from word_music.voices import HELD_OUT, TRAINING

# The share of the work that is done, 0 to 1, and what is being done.
Watch = Callable[[float, str], None]
# Speaking the corpus takes about this share of the time the first time.
_SPEAKING = 0.15


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """How the network is trained.

    Attributes:
        steps: batches.
        batch: sounds in each.
        rate: of learning at its height; it rises over the first eighth of the steps and falls along a cosine.
        decay: of weights.
        smoothing: of labels.
        music_weight: of the music task's loss beside the word task's.
        average: memory, in steps, of the running mean of the weights, which is what is saved.
        bfloat16: compute in half precision; None does where the processor has it, in two thirds of the time.
        hidden: (channels, frames) of the widest stripes that are wiped out of each cochleagram, two of either kind.
    """

    steps: int = 10_000
    batch: int = 32
    rate: float = 4e-3
    decay: float = 0.02
    smoothing: float = 0.1
    music_weight: float = 0.5
    average: int = 200
    bfloat16: bool | None = None
    hidden: tuple[int, int] = (8, 14)


@dataclass(frozen=True)
class TrainingReport:
    """What a training came to.

    Attributes:
        path, sha256: the weights file and its checksum.
        seconds: it took.
        losses: (word, music) of the first and of the last hundred batches.
        held_out: by voice, words of synthesis voices that were not trained on.
        tracks: pieces of the parts of the tracks that were not trained on.
    """

    path: Path
    sha256: str
    seconds: float
    losses: tuple[tuple[float, float], tuple[float, float]]
    held_out: dict[str, Accuracy]
    tracks: Accuracy


def train_word_music(
    out: str | Path,
    *,
    seed: int = 0,
    settings: TrainingSettings = TrainingSettings(),
    watch: Watch | None = None,
) -> TrainingReport:
    """Train the word and music network, and write its weights.

    It needs Debian's synthesis voices and recorded music. On two cores it takes about 40 minutes, of which 7 are for
    speaking the words, once: they are kept in the user's cache. The same seed gives the same weights on the same machine.

    Args:
        out: the .safetensors file to write, in half precision; it must not exist.
        seed: of the first weights and of all that is drawn.
        settings: how.
        watch: called with the share of the work that is done, and what is being done.

    Raises:
        InputError: before anything is done: the file exists, a voice is missing, or the music is not installed.

    Example:
        >>> train_word_music("mine.safetensors", seed=1)  # doctest: +SKIP
    """
    out = Path(out)
    if out.suffix != ".safetensors":
        raise InputError(f"{out.name} is not a name for weights: end it with .safetensors")
    require_absent(out)
    began = time.monotonic()
    music = _music()
    held = spoken_words(WORDS, HELD_OUT, RATE)
    spoken = spoken_words(WORDS, TRAINING, RATE, watch=_part(watch, 0.0, _SPEAKING))
    network, losses = fit(spoken, music, seed=seed, settings=settings, watch=_part(watch, _SPEAKING, 1.0))
    # What is measured is what is saved.
    network.half().float()
    kept = {name: value for name, value in network.state_dict().items() if value.is_floating_point()}
    with written_whole(out) as part:
        save_file({name: value.half().contiguous() for name, value in kept.items()}, str(part))
    return TrainingReport(
        path=out,
        sha256=sha256_of(out),
        seconds=time.monotonic() - began,
        losses=(_mean(losses[:100]), _mean(losses[-100:])),
        held_out=_by_voice(network, held),
        tracks=tracks_told_apart(network, music),
    )


def fit(
    spoken: SpokenWords,
    music: Tracks,
    *,
    seed: int = 0,
    settings: TrainingSettings = TrainingSettings(),
    augmentation: Augmentation = Augmentation(),  # noqa: B008
    watch: Watch | None = None,
) -> tuple[WordMusic, list[tuple[float, float]]]:
    """Train on spoken words and on the learnt parts of tracks.

    Returns:
        The network, in eval mode, for sounds of 1 s; and the losses of each batch, (word, music).
    """
    sampler = Sampler(spoken, music, augmentation, seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = WordMusic(sampler.samples, words=len(spoken.words), tracks=len(music.names)).train()
        # Faster on processors.
        network.to(memory_format=torch.channels_last)
        averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(1 - 1 / settings.average), use_buffers=True)
        optimiser, schedule = _optimiser(network, settings)
        losses: list[tuple[float, float]] = []
        for step in range(settings.steps):
            word, track = losses_of(network, sampler.batch(settings.batch), sampler.random, settings)
            optimiser.zero_grad()
            (word + settings.music_weight * track).backward()
            optimiser.step()
            schedule.step()
            averaged.update_parameters(network)
            losses.append((float(word.detach()), float(track.detach())))
            if watch is not None and step % 10 == 9:
                heard, told = _mean(losses[-100:])
                watch((step + 1) / settings.steps, f"step {step + 1}, loss of words {heard:.2f}, of music {told:.2f}")
        result = WordMusic(round(SECONDS * spoken.rate), words=len(spoken.words), tracks=len(music.names)).eval()
        result.load_state_dict(averaged.module.state_dict())
    return result, losses


def losses_of(
    network: WordMusic, batch: Batch, random: np.random.Generator, settings: TrainingSettings
) -> tuple[Tensor, Tensor]:
    """Cross entropies of the two tasks, each over the sounds that have a label for it."""
    with torch.no_grad():
        whole = network.cochleagram(batch.sounds)
    frames = round(batch.seconds * FRAMES.rate)
    with torch.autocast("cpu", torch.bfloat16, enabled=_in_half(settings)):
        shared = network.share(striped(whole[..., :frames], settings.hidden, random))
        return (
            _loss(network.word, shared, batch.word, settings.smoothing),
            _loss(network.music, shared, batch.track, settings.smoothing),
        )


def _in_half(settings: TrainingSettings) -> bool:
    if settings.bfloat16 is not None:
        return settings.bfloat16
    # torch before 2.6 cannot say.
    able: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()
    return bool(able.get("avx512_bf16", False))


def _loss(branch: nn.Module, shared: Tensor, labels: Tensor, smoothing: float) -> Tensor:
    labelled = labels != NONE
    # Batch normalisation needs two sounds.
    if int(labelled.sum()) < 2:
        return shared.new_zeros(())
    return cross_entropy(branch(shared[labelled]).float(), labels[labelled], label_smoothing=smoothing)


def _optimiser(network: nn.Module, settings: TrainingSettings) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:  # fmt: skip
    kernels = [values for values in network.parameters() if values.ndim > 1]
    others = [values for values in network.parameters() if values.ndim <= 1]
    groups = [{"params": kernels, "weight_decay": settings.decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=settings.rate)
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(optimiser, settings.rate, settings.steps, pct_start=1 / 8)


def _music() -> Tracks:
    sounds = {sound.name: sound for sound in carried_sounds("music")}
    missing = [name for name in TRACKS if name not in sounds]
    if missing:
        raise InputError(
            f"the recorded music {missing[0]!r} ({len(missing)} in all) is not installed: "
            "run 'apt-get install asterisk-moh-opsound-g722 sonic-pi-samples'"
        )
    return tracks([sounds[name] for name in TRACKS], RATE)


def _by_voice(network: nn.Module, held: SpokenWords) -> dict[str, Accuracy]:
    right = recognised(network, alone(held)) == held.word
    return {
        voice.name: Accuracy(int(right[held.voice == number].sum()), int((held.voice == number).sum()), 1 / len(held.words))
        for number, voice in enumerate(HELD_OUT)
    }  # fmt: skip


def _mean(losses: Sequence[tuple[float, float]]) -> tuple[float, float]:
    word, music = np.mean(losses, 0)
    return float(word), float(music)


def _part(watch: Watch | None, first: float, last: float) -> Watch | None:
    if watch is None:
        return None
    return lambda share, what: watch(first + share * (last - first), what)
