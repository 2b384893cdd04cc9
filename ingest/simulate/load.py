"""How many requests come when: the rhythm of the day and of the week, and noise."""

import dataclasses

import numpy as np
import numpy.typing as npt

from ingest.simulate.draw import generator

MINUTE_NS = 60_000_000_000
_HOURS = np.arange(0, 25)
_DAY = np.array(
    # Share of the peak at each full hour: quiet but not silent nights, a rise to noon and a higher evening (a guess).
    [34, 28, 24, 22, 22, 25, 32, 44, 58, 70, 79, 86, 88, 84, 80, 78, 80, 84, 91, 98, 100, 92, 70, 48, 34]
)
_WEEK = np.array([0.98, 0.96, 0.98, 1.0, 1.08, 1.12, 0.94])
"""Monday to Sunday (a guess)."""
_EPOCH_WEEKDAY = 3
"""1 January 1970 was a Thursday."""


@dataclasses.dataclass(frozen=True)
class Load:
    """Requests a minute: `mean` over a whole week, shaped by a rhythm that the seed moves by up to three hours."""

    seed: int
    mean: float

    def requests(self, minute: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Expected number for each minute, counted from 1970; without the noise of single minutes."""
        rng = generator(self.seed, "load")
        shift_h, depth = float(rng.uniform(-3, 3)), float(rng.uniform(0.8, 1.15))
        day = 1 + (_DAY / _DAY.mean() - 1) * depth
        hour = (minute / 60 + shift_h) % 24
        weekday = (minute // 1440 + _EPOCH_WEEKDAY) % 7
        rhythm = np.interp(hour, _HOURS, day) * _WEEK[weekday] / _WEEK.mean()
        expected: npt.NDArray[np.float64] = self.mean * rhythm * self._drift(minute)
        return expected

    def _drift(self, minute: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """A slow change by some percent from one hour to the next, the same whatever span is asked for."""
        first, last = int(minute[0]) // 60, int(minute[-1]) // 60 + 1
        hours = np.arange(first, last + 1)
        level = [1 + 0.07 * float(generator(self.seed, "drift", int(hour)).standard_normal()) for hour in hours]
        drift: npt.NDArray[np.float64] = np.interp(minute / 60, hours, np.clip(level, 0.75, 1.25))
        return drift
