"""Sound files played as they are: through PsychoPy's sounddevice backend, every sample, no window, no gain."""

from __future__ import annotations

import gc
import time
from pathlib import Path
from typing import Any

# With PsychoPy's 128 samples a block, a busy computer leaves gaps.
BLOCK = 1024
# A stream that was just opened can leave a gap until device and sound server have found their pace.
SETTLE_S = 2.0
# What follows the last block that was handed over, beyond the latency that the device reports.
TAIL_S = 0.05


class Player:
    """Plays one file at a time, once.

    All files share one stream, so they must have one rate: on Windows PsychoPy opens no second one.

    Args:
        device: number of the sound device, as sounddevice counts; by default the system's.

    Attributes:
        underflows: how often the device ran out of samples since ``load``, which is heard as a gap; None where this
            version of PsychoPy does not let it be counted.
    """

    def __init__(self, device: int | None = None) -> None:
        from psychopy import sound
        from psychopy.hardware import speaker

        # Not PsychToolbox: its engine resamples what does not fit the device.
        sound.Sound.backend = speaker.SpeakerDevice.backend = "sounddevice"
        self._speaker = speaker.SpeakerDevice()
        if device is not None:
            from psychopy.sound import backend_sounddevice

            # Its streams go to this one, whatever the speaker says.
            backend_sounddevice.defaultOutput = device
        # Python's search for unused objects halts the thread that feeds the device, for longer than that can wait, unless
        # all that was imported is left out of it.
        gc.collect()
        gc.freeze()
        self._sound: Any = None
        self._over_since: float | None = None
        self._opened_at: float | None = None
        self._counted = self._count_underflows()
        self.underflows = 0 if self._counted else None

    def _count_underflows(self) -> bool:
        from psychopy.sound import backend_sounddevice

        # PsychoPy is told of each gap and lets it pass.
        kind: Any = getattr(backend_sounddevice, "_SoundStream", None)
        fill = getattr(kind, "_callback", None)
        if fill is None:
            return False

        def counting(stream: Any, samples: Any, count: int, timing: Any, status: Any) -> None:
            if status and status.output_underflow and self.underflows is not None:
                self.underflows += 1
            fill(stream, samples, count, timing, status)

        kind._callback = counting
        return True

    def load(self, path: Path) -> float:
        """Read a file into memory and open the stream; returns its duration in seconds."""
        from psychopy import sound

        clip = sound.AudioClip.load(str(path))
        samples, rate = len(clip.samples), clip.sampleRateHz
        # A Builder component would say hamming=True, which fades a file's first and last 5 ms.
        self._sound = sound.Sound(
            clip, stereo=True, hamming=False, blockSize=BLOCK, sampleRate=rate, speaker=self._speaker, autoLog=False
        )
        # PsychoPy counts the samples that are left as a rounded-down product of seconds and rate, and can lose the last
        # one: half a sample more, and it is there.
        self._sound.duration = (samples + 0.5) / rate
        self._over_since = None
        self._opened_at = self._opened_at or time.monotonic()
        self.underflows = 0 if self._counted else None
        return float(samples / rate)

    @property
    def ready(self) -> bool:
        """Whether the stream has been open for long enough."""
        return self._opened_at is not None and time.monotonic() - self._opened_at > SETTLE_S

    def play(self) -> None:
        """Start with the device's next block."""
        self._sound.play()

    @property
    def played(self) -> bool:
        """Whether the sound was handed over to its last sample."""
        return bool(self._sound is not None and self._sound.isFinished)

    @property
    def over(self) -> bool:
        """Whether it was handed over and the device has had the time to play what it holds."""
        if not self.played:
            return False
        self._over_since = self._over_since or time.monotonic()
        return time.monotonic() - self._over_since > self.latency_s + TAIL_S

    @property
    def latency_s(self) -> float:
        """The delay that the device reports, in seconds; it is not measured."""
        return float(self._sound.stream.latency) if self._sound is not None else 0.0

    def stop(self) -> None:
        """Fall silent."""
        if self._sound is not None:
            self._sound.stop()
