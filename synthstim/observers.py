"""The observer that a name opens: a model, a function of the user's, or fitted sites."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from synthstim.errors import InputError, said_by
from synthstim.models import Observer
from synthstim.models.functions import require_asked
from synthstim.models.opening import open_model
from synthstim.models.several import SeveralObservers

# Layers of fitted sites, as synthstim.encoding calls them.
_OF_SITES = ("sites", "sites_z")


def as_observer(given: Any) -> Observer:
    """The observer that an object stands for.

    Args:
        given: an Observer; a Fit of recorded sites; the name of a model (``open_observer``); a network that says itself
            what it is shown, as those of timm do; or a mapping of names to any of them (``together``).

    Raises:
        InputError: it is none of them, or a network that does not say what it is shown.

    Example:
        >>> import timm
        >>> as_observer(timm.create_model("mobilenetv3_small_050")).input.size
        (224, 224)
    """
    if isinstance(given, str | Observer):
        return open_observer(given) if isinstance(given, str) else given
    if isinstance(given, Mapping):
        return together(given)
    observer = getattr(given, "observer", given)
    return observer if isinstance(observer, Observer) else Observer(observer)


def together(observers: Mapping[str, Any]) -> Observer:
    """Several observers of the same stimuli as one: metamers of all at once, stimuli on which they differ.

    Args:
        observers: two or more, as ``as_observer`` takes them, by the names that stand in front of their layers.

    Returns:
        An observer with the layers ``NAME.LAYER``; the log-odds of each answer of one that decides are ``NAME.log_odds``. Fitted
        sites are called ``NAME.SITE``.

    Raises:
        InputError: there are fewer than two, a name is none, or they are given stimuli of different modalities or sizes.

    Example:
        >>> small = {"size": (64, 64)}
        >>> both = together({"lite": load_model(**small), "texture": load_model("portilla-simoncelli-colour", **small)})
        >>> both.activations(torch.rand(1, 3, 64, 64), ["lite.blocks.0"])["lite.blocks.0"].shape
        torch.Size([1, 16, 32, 32])
    """
    return SeveralObservers({name: as_observer(given) for name, given in observers.items()}, joined=_OF_SITES)


def open_observer(
    name: str,
    *,
    weights: str | Path = "default",
    size: tuple[int, int] | None = None,
    seconds: float | None = None,
    rate: int | None = None,
    settings: Mapping[str, Any] | None = None,
    axes: Mapping[str, str] | None = None,
    device: str | None = None,
    allow_code: bool = False,
    allow_download: bool = False,
) -> Observer:
    """Return the observer of this name on a device.

    Args:
        name: a model's name; ``fit:FOLDER`` for the sites that were fitted and saved there; or
            ``package.module:function`` for a function of the user's that returns an Observer.
        weights, size, seconds, rate, settings: as for ``open_model``; fitted sites bring theirs.
        axes: what the axes of its layers stand for, where that is declared.
        allow_code: whether that function may be imported and called.
        allow_download: whether a hub may be called.

    Raises:
        InputError: the name asks for what is not allowed, or the device is not there.

    Example:
        >>> open_observer("cochleagram", seconds=0.5).input.seconds
        0.5
    """
    check_device(device)
    if name.startswith("fit:"):
        observer = _fitted(name, weights, allow_code=allow_code, allow_download=allow_download)
        if settings:
            raise InputError(f"{name} has no settings, {', '.join(settings)} given", "leave them out", code="unknown")
        asked = {"size": size, "seconds": seconds, "rate": rate}
        require_asked(observer, name, {key: value for key, value in asked.items() if value is not None})
    else:
        observer = open_model(
            name,
            weights=weights,
            size=size,
            seconds=seconds,
            rate=rate,
            settings=settings,
            allow_code=allow_code,
            allow_download=allow_download,
        )
    if axes:
        observer = observer.given(observer.input, axes=axes)
        observer.axes.require_fitting()
    return observer.to(device) if device else observer


def _fitted(name: str, weights: str | Path, *, allow_code: bool, allow_download: bool) -> Observer:
    # Imported where it is used: most observers have no fitted sites, and reading them takes scipy and pandas.
    from synthstim.encoding import load_fit

    if weights != "default":
        raise InputError(f"{name} stands on the network it was fitted to, weights {weights} given", "leave them out")
    fitted = load_fit(name.removeprefix("fit:"), allow_code=allow_code, download=allow_download).observer
    return fitted.given(fitted.input, name=name, opening={"name": name})


def check_device(device: str | None) -> None:
    """Raise InputError unless the device can be used."""
    import torch

    if device is None:
        return
    try:
        torch.zeros(1, device=device).sum()
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise InputError(f"the device {device!r} cannot be used here ({said_by(error)})", "try cpu") from None
