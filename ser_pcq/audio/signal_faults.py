"""What can be wrong with decoded audio: silence, clipping, wrong levels; block by block."""

import numpy as np
from numpy.typing import NDArray

from ser_pcq.audio.channel_speech import ChannelSpeech
from ser_pcq.audio.channels import ChannelLevels
from ser_pcq.audio.waveform import SILENCE_PEAK
from ser_pcq.errors import Reason

ZERO_SHARE = 0.9
"""Share of samples that are exactly 0 beyond which hardly anything was recorded. EMO-DB's greatest
is 0.11; pauses that a noise gate has emptied stay well below."""

CLIP_RUN = 3
"""Samples in a row at the extreme that make a flat top; two are common by chance."""

CLIP_LEVEL = 0.5
"""Of full scale: a recording that was turned down by up to 6 dB after it was clipped is found."""

CLIP_PILE = 5
"""How many times as often the extreme occurs as the value next to it. Rounding gives a sine flat
tops as well, in 8 bits above all, but at most 3.4 times as many samples as just below."""

CLIP_SHARE = 0.0005
"""Share of samples on flat tops from which a recording is reported. Of EMO-DB, whose files are all
normalised to their peak, none has any; amplified by 3 dB 56 % are reported, by 6 dB 92 %."""

QUIET_PEAK = 0.01
"""Of full scale (-40 dB); 16-bit audio has 9 bits left there."""

OFFSET = 0.05
"""Distance of the mean from 0, of full scale or a peak beyond it; EMO-DB's greatest is 0.006."""

OVER_SCALE = 2.0
"""Peak, of full scale. Lossy formats overshoot by tenths; beyond are integers, not scaled."""

_NEAR = 0.9  # of the extreme; the value next to it is looked for here first


class _FlatTops:
    """Counts samples at the extreme of a channel, seen block by block.

    Args:
        sign: 1 for the greatest value, -1 for the least.
    """

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._top, self._n_top, self._in_runs = -np.inf, 0, 0
        self._below, self._n_below = -np.inf, 0  # the value next to the greatest

    def add(self, channel: NDArray[np.float32], greatest: float) -> None:
        """Take the next samples, (time,). A run that the end of a block parts counts as two.

        Args:
            channel: The samples.
            greatest: Of them, after the sign.
        """
        if greatest < self._below:
            return
        if greatest > self._top:
            self._below, self._n_below = self._top, self._n_top
            self._top, self._n_top, self._in_runs = greatest, 0, 0
        # Nearly all samples lie far below, and need not be looked at twice.
        near = _NEAR * self._top if self._top > 0 else -np.inf
        places = np.flatnonzero(channel > near if self._sign > 0 else channel < -near)
        values = self._sign * channel[places]
        is_top = values == self._top
        if is_top.all() and len(places) < len(channel):
            values = self._sign * channel
            is_top = values == self._top
            places = np.arange(len(channel))
        self._n_top += int(np.count_nonzero(is_top))
        tops = places[is_top]
        if len(tops) >= CLIP_RUN:
            runs = np.split(tops, np.flatnonzero(np.diff(tops) > 1) + 1)
            self._in_runs += sum(len(run) for run in runs if len(run) >= CLIP_RUN)
        lower = values[~is_top]
        if lower.size and (next_best := lower.max()) >= self._below:
            if next_best > self._below:
                self._below, self._n_below = next_best, 0
            self._n_below += int((lower == next_best).sum())

    @property
    def count(self) -> int:
        """Samples on flat tops."""
        if self._top < CLIP_LEVEL or not self._n_below:
            return 0
        return self._in_runs if self._n_top >= CLIP_PILE * self._n_below else 0


class SignalMeter:
    """Judges audio block by block.

    Args:
        channels: How many.
        rate: Hz.

    Attributes:
        levels: What decides how channels become one.
    """

    def __init__(self, channels: int, rate: int) -> None:
        self.levels = ChannelLevels(channels)
        self._speech = ChannelSpeech(channels, rate)
        self._n_zero = 0
        self._tops = [(_FlatTops(1), _FlatTops(-1)) for _ in range(channels)]

    def add(self, samples: NDArray[np.float32]) -> None:
        """Take the next samples as decoded, (frame, channel), at the rate of the file."""
        low, high = self.levels.add(samples)
        self._speech.add(samples)
        zero = samples == 0
        self._n_zero += int(np.count_nonzero(zero if zero.shape[1] == 1 else zero.all(axis=1)))
        for k, ((upper, lower), channel) in enumerate(zip(self._tops, samples.T, strict=True)):
            upper.add(channel, high[k])
            lower.add(channel, -low[k])

    @property
    def zero_share(self) -> float:
        """Share of frames, 0 to 1, in which all channels are exactly 0."""
        return self._n_zero / max(1, self.levels.n_frames)

    @property
    def clipped_share(self) -> float:
        """Share of samples, 0 to 1, on flat tops; of the channel that has most.

        A flat top is a run of `CLIP_RUN` samples or more at the greatest or the least value of the
        channel, where that is at least `CLIP_LEVEL` and occurs `CLIP_PILE` times as often as the
        value next to it. What was resampled or compressed with losses after clipping has none.
        """
        counts = [high.count + low.count for high, low in self._tops]
        return max(counts, default=0) / max(1, self.levels.n_frames)

    @property
    def is_silent(self) -> bool:
        """Whether no sample is further from the mean than `SILENCE_PEAK`."""
        return not self.levels.n_frames or self.levels.spread() < SILENCE_PEAK

    def faults(self) -> list[Reason]:
        """Return each fault of audio that is not silent.

        The words: `mostly_silent`, `clipped`, `quiet`, `offset`, `over_scale`,
        `cancelling_channels`, `channels_differ`.
        """
        levels = self.levels
        n = levels.channels
        peak = float(max(-levels.low[:n].min(), levels.high[:n].max()))
        mean = float(levels.total[-1] / max(1, levels.n_frames))
        faults = []
        if (channel := levels.chosen()) is not None:
            detail = f"they cancel one another out; only channel {channel + 1} is taken"
            faults.append(Reason("cancelling_channels", detail))
        elif (pair := self._speech.unlike()) is not None:
            first, second, alike = pair
            detail = (
                f"channels {first + 1} and {second + 1} hold different speech ({alike:.2f} alike)"
            )
            faults.append(Reason("channels_differ", f"{detail}; it was judged mixed"))
        if (share := self.zero_share) > ZERO_SHARE:
            faults.append(Reason("mostly_silent", f"{share:.1%} of the samples are exactly 0"))
        if (share := self.clipped_share) > CLIP_SHARE:
            faults.append(Reason("clipped", f"{share:.2%} of the samples lie on flat tops"))
        if peak < QUIET_PEAK:
            faults.append(Reason("quiet", f"the peak is {peak:.4f} of full scale"))
        if abs(mean) > OFFSET * max(1.0, peak):
            faults.append(Reason("offset", f"the mean is {mean:.3f} of full scale"))
        if peak > OVER_SCALE:
            faults.append(Reason("over_scale", f"the peak is {peak:.6g} times full scale"))
        return faults
