"""ROUGE-L as KILT computes it, which differs from `bakeoff.metrics.text.rouge_l`."""

from collections.abc import Sequence


def rouge_l(answer: str, references: Sequence[str]) -> float:
    """KILT's ROUGE-L F-measure, best reference, 0 to just under 1 (equal texts give 0.999999995); 0 without words.

    Source: `_rougel_score` of KILT's eval_downstream.py, which calls the summary-level ROUGE-L of the Python package
    `rouge` 1.0. Unlike Google's `rouge-score` it keeps case and punctuation, does not stem, splits sentences at every
    full stop, and counts distinct words: P and R are the distinct words in the longest common subsequences of all
    pairs of sentences, over the distinct words of the answer and of the reference, and F = 2PR / (P + R + 1e-8). A
    part between full stops that is only white space counts as an empty word, as there.
    """
    return max((_pair(_sentences(answer), _sentences(reference)) for reference in references), default=0.0)


def _sentences(text: str) -> list[list[str]]:
    return [part.split() or [""] for part in text.strip().split(".") if part]


def _pair(answer: list[list[str]], reference: list[list[str]]) -> float:
    if not answer or not reference:
        return 0.0
    common = set().union(*(_common_words(theirs, ours) for theirs in reference for ours in answer))
    precision = len(common) / len(set().union(*answer))
    recall = len(common) / len(set().union(*reference))
    return 2 * (precision * recall / (precision + recall + 1e-8))


def _common_words(reference: list[str], answer: list[str]) -> set[str]:
    """Words of one longest common subsequence.

    Where several are equally long the way back through the table goes to the shorter answer, not to the shorter
    reference, which decides the words and so the score.
    """
    lengths = [[0] * (len(answer) + 1) for _ in range(len(reference) + 1)]
    for i, theirs in enumerate(reference, 1):
        for j, ours in enumerate(answer, 1):
            above, left = lengths[i - 1][j], lengths[i][j - 1]
            lengths[i][j] = lengths[i - 1][j - 1] + 1 if theirs == ours else max(above, left)
    words = set()
    i, j = len(reference), len(answer)
    while i and j:
        if reference[i - 1] == answer[j - 1]:
            words.add(reference[i - 1])
            i, j = i - 1, j - 1
        elif lengths[i - 1][j] > lengths[i][j - 1]:
            i -= 1
        else:
            j -= 1
    return words
