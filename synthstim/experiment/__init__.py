"""Stimulus set + protocol + rig -> a PsychoPy experiment that runs without this package."""

from typing import Any

from synthstim.lazily import lazily

_get, __all__ = lazily(
    __name__,
    {
        "export": ("export_experiment",),
        "protocol": ("Protocol",),
        "protocol_folders": ("list_protocols", "new_protocol", "read_protocol"),
        "rig": ("DEFAULT_RIG", "Rig", "read_rig"),
        "running.run": ("Run", "rehearsal_lacks", "run_experiment"),
    },
)


def __getattr__(name: str) -> Any:
    return _get(name)
