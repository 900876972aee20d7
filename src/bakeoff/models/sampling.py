"""The next token from the model's logits."""

import numpy as np
from numpy.typing import NDArray

from bakeoff.models.base import Parameters


class Sampler:
    """Chooses the tokens of one answer: the likeliest at temperature 0, else a draw from the nucleus.

    The nucleus is the smallest set of the likeliest tokens whose probabilities, after the temperature, sum up to top_p
    or more (Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration"). The draws depend on the seed and on
    the logits alone.
    """

    def __init__(self, parameters: Parameters):
        self._temperature, self._top_p = parameters.temperature, parameters.top_p
        self._random = np.random.default_rng(None if parameters.seed is None else abs(parameters.seed))

    def choose(self, logits: NDArray[np.float32]) -> int:
        """The id of the next token. logits: [vocabulary]."""
        if self._temperature == 0:
            return int(logits.argmax())
        weights = self._weights(logits)
        ids = self._nucleus(weights)
        cumulated = weights[ids].cumsum()
        drawn = np.searchsorted(cumulated, self._random.random() * cumulated[-1], side="right")
        return int(ids[min(drawn, len(ids) - 1)])

    def _weights(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        scores = logits.astype(np.float64) / self._temperature
        powers = np.exp(scores - scores.max())
        weights: NDArray[np.float64] = powers / powers.sum()
        return weights

    def _nucleus(self, weights: NDArray[np.float64]) -> NDArray[np.intp]:
        """The ids of the nucleus, likeliest first.

        Tokens below (1 - top_p) / vocabulary sum up to less than 1 - top_p: they are never of it and need no sorting.
        """
        if self._top_p == 1:
            return np.arange(len(weights))
        candidates = np.flatnonzero(weights >= (1 - self._top_p) / len(weights))
        ordered = candidates[np.argsort(-weights[candidates], kind="stable")]
        return ordered[: int(np.searchsorted(weights[ordered].cumsum(), self._top_p)) + 1]
