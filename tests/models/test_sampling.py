import numpy as np
import pytest

from bakeoff.models.base import Parameters
from bakeoff.models.sampling import Sampler

LOGITS = np.log(np.array([0.05, 0.4, 0.1, 0.25, 0.2], np.float32))


def drawn(count: int = 4000, logits: np.ndarray = LOGITS, **parameters: float) -> np.ndarray:
    """How often each token was drawn, as shares."""
    sampler = Sampler(Parameters(seed=5, **parameters))
    return np.bincount([sampler.choose(logits) for _ in range(count)], minlength=len(logits)) / count


def test_temperature_0_takes_the_likeliest() -> None:
    assert Sampler(Parameters()).choose(LOGITS) == 1
    assert Sampler(Parameters()).choose(np.array([1, 3, 3], np.float32)) == 1, "the first of equals"


def test_draws_follow_the_probabilities() -> None:
    assert drawn(temperature=1.0) == pytest.approx(np.exp(LOGITS), abs=0.03)
    sharper = np.exp(LOGITS * 2) / np.exp(LOGITS * 2).sum()
    assert drawn(temperature=0.5) == pytest.approx(sharper, abs=0.03)


@pytest.mark.parametrize(("top_p", "nucleus"), [(0.3, [1]), (0.5, [1, 3]), (0.84, [1, 3, 4]), (0.9, [1, 3, 4, 2])])
def test_only_the_nucleus_is_drawn_from(top_p: float, nucleus: list[int]) -> None:
    shares = drawn(temperature=1.0, top_p=top_p)
    assert sorted(np.flatnonzero(shares)) == sorted(nucleus)
    expected = np.exp(LOGITS[nucleus]) / np.exp(LOGITS[nucleus]).sum()
    assert shares[nucleus] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("top_p", [0.1, 0.5, 0.9, 0.999])
def test_the_nucleus_is_that_of_transformers(top_p: float) -> None:
    torch = pytest.importorskip("torch")
    warper = pytest.importorskip("transformers").TopPLogitsWarper(top_p)
    logits = np.random.default_rng(3).normal(scale=3, size=500).astype(np.float32)
    kept = torch.isfinite(warper(None, torch.from_numpy(logits)[None].double())[0]).nonzero().ravel().tolist()
    assert set(np.flatnonzero(drawn(20_000, logits, temperature=1.0, top_p=top_p))) <= set(kept)
    sampler = Sampler(Parameters(temperature=1.0, top_p=top_p))
    assert sorted(sampler._nucleus(sampler._weights(logits))) == kept


def test_a_seed_repeats_the_draws_and_another_gives_others() -> None:
    def tokens(seed: int | None) -> list[int]:
        sampler = Sampler(Parameters(temperature=1.0, seed=seed))
        return [sampler.choose(LOGITS) for _ in range(50)]

    assert tokens(1) == tokens(1) != tokens(2)
    assert tokens(None) != tokens(None)


def test_impossible_tokens_are_never_drawn() -> None:
    logits = np.array([-np.inf, 0.0, -np.inf, -200.0], np.float32)
    assert drawn(200, logits, temperature=2.0)[1] == 1
    assert drawn(200, logits, temperature=2.0, top_p=0.5)[1] == 1
