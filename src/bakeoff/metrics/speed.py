"""Latency percentiles and decoding speed."""

from collections.abc import Sequence

import numpy as np


def percentile(values: Sequence[float], percent: float) -> float:
    """The percentile by linear interpolation between order statistics (Hyndman and Fan 1996, type 7; numpy's default).

    percent: 0 to 100. Raises IndexError for an empty sequence.
    """
    return float(np.percentile(values, percent))


def decode_tokens_per_second(completion_tokens: int, time_to_first_token: float, total_time: float) -> float:
    """Tokens after the first one, for each second after the first one; times in seconds from the call.

    Raises ZeroDivisionError where no time passed after the first token.
    """
    return (completion_tokens - 1) / (total_time - time_to_first_token)
