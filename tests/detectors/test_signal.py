"""The shared parts: the beginning and the bins of a metric, the latch, the slope."""

import numpy as np
import pytest

from heldout.detectors.base import Points
from heldout.detectors.signal import Latch, Track, ended_together, slope


def points(values, first=0):
    return Points(np.arange(first, first + len(values)), np.array(values, dtype=float))


def test_the_beginning_comes_first_and_bins_after_it():
    track = Track(start=3, width=2)
    bins = track.update(points([1.0, 2.0, 9.0, 4.0, np.nan, 6.0, 7.0]))
    assert (track.level, track.first) == (2.0, 0)
    assert track.noise == pytest.approx(1.4826)
    assert [tuple(one) for one in bins] == [(3, 5, 5.0, 4.0, 6.0)]
    assert track.values == [7.0]


def test_a_latch_fires_once_per_episode():
    latch = Latch(patience=2)
    signal = [1, 0, 1, 1, 1, 0, 1, 0, 0, 1, 1]
    assert [i for i, on in enumerate(signal) if latch.update(i, bool(on), not on)] == [3, 10]
    assert latch.since == 9


def test_bins_that_end_together_come_together():
    order = ended_together({"one": Track(0, 1), "two": Track(0, 2)}, {"one": points([1, 2]), "two": points([3, 4])})
    assert [(sorted(ended), {one.last for one in ended.values()}) for ended in order] == [
        (["one"], {0}),
        (["one", "two"], {1}),
    ]


def test_the_slope_of_a_line_is_sure_and_autocorrelation_widens_its_error():
    step = list(range(40))
    assert slope(step, [3.0 - 2.0 * one for one in step])[0] == pytest.approx(-2.0)
    rng = np.random.default_rng(0)
    white = rng.normal(size=40)
    wave = np.convolve(white, np.ones(6) / 6**0.5, "same")
    plain = np.std(wave - np.polyval(np.polyfit(step, wave, 1), step)) / np.sqrt(np.sum((np.arange(40) - 19.5) ** 2))
    assert slope(step, wave.tolist())[1] > 1.5 * plain
