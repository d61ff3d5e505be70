"""Train the word and music network that the package carries, and measure it: ``train_word_music.py OUT.safetensors``."""

import argparse
import sys
from pathlib import Path

from word_music.evaluate import evaluate_word_music
from word_music.train import train_word_music

from synthstim.errors import InputError


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the weights file, .safetensors; it must not exist yet")
    parser.add_argument("--seed", type=int, default=0, help="of the weights, the batches and the augmentation")
    options = parser.parse_args()
    done = train_word_music(options.out, seed=options.seed, watch=tell)
    print(
        f"\n{done.path}: {done.seconds / 60:.0f} min; held-out voices {done.held_out}; held-out music {done.tracks}",
        flush=True,
    )
    measured = evaluate_word_music(done.path)
    print(f"recorded words {measured.words}, in noise {measured.words_in_noise}, tracks {measured.tracks}")


def tell(share: float, what: str) -> None:
    print(f"\r{share:4.0%} {what:<60}", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(f"error {error}")
