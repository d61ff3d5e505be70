"""Listening tests of the published human accuracies (Feather et al. 2023), natural first, then by stage; N = 20."""

from __future__ import annotations

from synthstim.analysis import Condition, ListenerCriteria, Study

PUBLISHED = {
    "cochcnn9": (0.820, 0.789, 0.870, 0.813, 0.615, 0.540, 0.346, 0.203, 0.056, 0.023),
    "cochresnet50": (0.820, 0.833, 0.816, 0.844, 0.827, 0.813, 0.118, 0.196, 0.224),
    "spectrotemporal": (0.832, 0.836, 0.805, 0.659, 0.007, 0.002),
}
PARTICIPANTS = 20
WORDS = tuple(f"word{number}" for number in range(793))


def design_of(model: str, *, participants: int = PARTICIPANTS, catch_trials: int = 10) -> Study:
    stages = (Condition(f"stage{place}", model, f"stage{place}") for place in range(1, len(PUBLISHED[model])))
    return Study(
        (Condition("natural"), *stages), WORDS, participants, catch_trials, ListenerCriteria(), title=f"Words, {model}"
    )


def accuracies_of(model: str) -> dict[str, float]:
    return dict(zip(design_of(model).names, PUBLISHED[model], strict=True))
