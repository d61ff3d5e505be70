"""Messages between a rig and the endpoint: one JSON object a line, small, flat and finite (docs/online.md)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from synthstim.errors import InputError, counted
from synthstim.ids import NAME_RULE, is_name
from synthstim.responses.seconds import require_window

VERSION = 1
# Of a line with its newline. A hello of 1,000 sites fits.
MAX_BYTES = 65_536
MAX_DEPTH = 4
MAX_SITES = 1_000
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[\]{}]')


@dataclass(frozen=True)
class Hello:
    """What a rig says first: which sites it measures, and in which window (start, end) from onset in seconds."""

    sites: tuple[str, ...]
    window_s: tuple[float, float]
    client: str


@dataclass(frozen=True)
class Answer:
    """A rig's answer to a trial: a number for every site, or none where the trial was aborted.

    Attributes:
        sequence, stimulus_id: of the trial that it answers.
        responses: site -> response; empty where ``aborted``.
        onset_s: when the stimulus was shown, by the rig's clock; None if the rig did not say.
    """

    sequence: int
    stimulus_id: str
    responses: dict[str, float]
    aborted: bool
    onset_s: float | None


def encode(message: Mapping[str, Any]) -> bytes:
    """A message as a line of ASCII JSON with its newline."""
    return json.dumps(message, allow_nan=False).encode("ascii") + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Read a line, its newline aside.

    Raises:
        InputError: it is too long, no UTF-8, nested too deep, no JSON object, holds NaN or infinity, names a key twice,
            or has no type.
    """
    if len(line) > MAX_BYTES:
        raise InputError(
            f"a message of more than {MAX_BYTES} bytes given: send one short line of JSON at a time", code="too-large"
        )
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("the message is not UTF-8: send JSON as UTF-8") from None
    _check_depth(text)
    try:
        message = json.loads(text, parse_constant=_refuse, parse_float=_finite, object_pairs_hook=_once)
    except InputError:
        raise
    except (ValueError, RecursionError):
        raise InputError("the message is not JSON: send one object a line, ended by a newline") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise InputError("the message is not a JSON object with a type", "see docs/online.md")
    return message


def as_hello(message: Mapping[str, Any]) -> Hello:
    """Check a rig's hello.

    Raises:
        InputError: its version is another, or its sites or window cannot be used.
    """
    _check_keys(message, {"version", "sites", "window_s"}, {"client"})
    if message["version"] is True or message["version"] != VERSION:
        raise InputError(f"version {message['version']!r:.20} given; this endpoint speaks {VERSION}", "update one side")
    sites, window = message["sites"], message["window_s"]
    if not isinstance(sites, list) or not 0 < len(sites) <= MAX_SITES:
        raise InputError(f"hello: sites must be a list of 1 to {MAX_SITES} names")
    if not all(map(is_name, sites)):
        raise InputError(f"hello: a site's name is {NAME_RULE}")
    if len(set(sites)) != len(sites):
        raise InputError("hello: a site is named twice")
    if not isinstance(window, list) or len(window) != 2 or not all(_is_number(edge) for edge in window):
        raise InputError("hello: window_s must be two numbers, seconds from onset, such as [0.07, 0.17]")
    window_s = require_window(window, "hello")
    client = message.get("client", "")
    if not isinstance(client, str):
        raise InputError("hello: client must be text")
    return Hello(tuple(sites), window_s, client[:64])


def as_answer(message: Mapping[str, Any], sites: tuple[str, ...]) -> Answer:
    """Check a rig's response against the sites of its hello.

    Raises:
        InputError: a key is missing or unknown, or a site has no number.
    """
    _check_keys(message, {"sequence", "stimulus_id"}, {"responses", "aborted", "onset_s"})
    sequence, stimulus_id = message["sequence"], message["stimulus_id"]
    if isinstance(sequence, bool) or not isinstance(sequence, int) or not isinstance(stimulus_id, str):
        raise InputError("response: sequence must be a whole number and stimulus_id text, as the trial had them")
    aborted, onset = message.get("aborted", False), message.get("onset_s")
    if not isinstance(aborted, bool) or aborted == ("responses" in message):
        raise InputError("response", "give responses, or aborted: true, and not both")
    if onset is not None and not _is_number(onset):
        raise InputError("response: onset_s must be a number of seconds")
    responses = {} if aborted else message["responses"]
    if not isinstance(responses, dict) or not all(_is_number(value) for value in responses.values()):
        raise InputError("response: responses must be an object of one finite number for each site")
    if not aborted and responses.keys() != set(sites):
        wrong = sorted(responses.keys() ^ set(sites))[0]
        word = "is missing" if wrong in sites else "was not in the hello"
        raise InputError(
            f"response: the site {wrong[:64]!r} {word}", f"give one number for each of {counted(len(sites), 'site')}"
        )
    ordered = {} if aborted else {site: float(responses[site]) for site in sites}
    return Answer(sequence, stimulus_id, ordered, aborted, None if onset is None else float(onset))


def _check_keys(message: Mapping[str, Any], needed: set[str], allowed: set[str]) -> None:
    kind = message["type"]
    if absent := sorted(needed - message.keys()):
        raise InputError(f"{kind}: {absent[0]} is missing", code="missing")
    if unknown := sorted(message.keys() - needed - allowed - {"type"}):
        raise InputError(
            f"{kind}: the key {unknown[0][:40]!r} is unknown: it has {', '.join(sorted(needed | allowed))}",
            code="unknown",
        )


def _check_depth(text: str) -> None:
    depth = 0
    for found in _BRACKETS.finditer(text):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
        if depth > MAX_DEPTH:
            raise InputError(f"the message is nested deeper than {MAX_DEPTH}", "see docs/online.md")


def _is_number(value: Any) -> bool:
    # Whole numbers may have any number of digits, and then no float.
    return not isinstance(value, bool) and isinstance(value, (int, float)) and abs(value) < 1e300


def _refuse(word: str) -> None:
    raise InputError(f"a message holds {word}: numbers must be finite")


def _finite(text: str) -> float:
    if not math.isfinite(value := float(text)):
        raise InputError(
            "a message holds a number beyond what a float can be: numbers must be finite", code="too-large"
        )
    return value


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise InputError("a message names a key twice", "name each once")
    return made
