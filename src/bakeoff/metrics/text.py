"""Text similarity as published: SQuAD exact match and F1, ROUGE-L, BLEU, chrF, and plain lengths."""

import re
import string
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest

from rouge_score.rouge_scorer import RougeScorer
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalize_answer(text: str) -> str:
    """Lower case, no ASCII punctuation, no a/an/the, single spaces, in that order.

    Source: `normalize_answer` of the official SQuAD v1.1 script (evaluate-v1.1.py; Rajpurkar et al. 2016,
    arXiv:1606.05250). It makes "-5" and "5" equal and leaves nothing of "A" or "the".
    """
    without_articles = re.sub(r"\b(a|an|the)\b", " ", text.lower().translate(_PUNCTUATION))
    return " ".join(without_articles.split())


def exact_match(answer: str, references: Sequence[str]) -> bool:
    """Whether the normalised answer equals any normalised reference (SQuAD v1.1)."""
    return normalize_answer(answer) in {normalize_answer(reference) for reference in references}


def token_f1(answer: str, references: Sequence[str]) -> float:
    """Harmonic mean of token precision and recall after normalisation, best reference, 0 to 1 (SQuAD v1.1).

    Without a common token it is 0, even where both texts normalise to nothing, as in the official script.
    """
    return max((_pair_f1(answer, reference) for reference in references), default=0.0)


def _pair_f1(answer: str, reference: str) -> float:
    answer_tokens = normalize_answer(answer).split()
    reference_tokens = normalize_answer(reference).split()
    common = sum((Counter(answer_tokens) & Counter(reference_tokens)).values())
    if common == 0:
        return 0.0
    precision, recall = common / len(answer_tokens), common / len(reference_tokens)
    return 2 * precision * recall / (precision + recall)


@lru_cache(maxsize=1)
def _rouge_scorer() -> RougeScorer:
    return RougeScorer(["rougeL"], use_stemmer=True)


def rouge_l(answer: str, references: Sequence[str]) -> float:
    """ROUGE-L F-measure (beta 1), best reference, 0 to 1.

    Source: Lin 2004, "ROUGE: A Package for Automatic Evaluation of Summaries", section 3, as computed by Google's
    `rouge-score` with `use_stemmer=True` (Porter). Its tokenizer keeps a-z and 0-9 only: other scripts score 0.
    """
    return float(_rouge_scorer().score_multi(list(references), answer)["rougeL"].fmeasure)


def sentence_bleu(answer: str, references: Sequence[str]) -> float:
    """BLEU of one answer, 0 to 100: sacreBLEU 13a tokens, exponential smoothing, effective order.

    Effective order leaves out n-gram orders longer than the answer, which BLEU of one short sentence needs; the
    number to publish is `corpus_bleu`. Source: Papineni et al. 2002; Post 2018, arXiv:1804.08771.
    """
    return min(100.0, float(BLEU(effective_order=True).sentence_score(answer, list(references)).score))


def corpus_bleu(answers: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Corpus BLEU with sacreBLEU's defaults (case:mixed|eff:no|tok:13a|smooth:exp), 0 to 100; 0 without answers.

    references[i] are the references of answers[i]; rows may have different numbers of them.
    """
    if not answers:
        return 0.0
    return min(100.0, float(BLEU().corpus_score(list(answers), _streams(references)).score))


def sentence_chrf(answer: str, references: Sequence[str]) -> float:
    """chrF2 of one answer, best reference, 0 to 100: character 1- to 6-grams, no word n-grams, beta 2.

    Source: Popović 2015, "chrF: character n-gram F-score for automatic MT evaluation", as in sacreBLEU.
    """
    return float(CHRF().sentence_score(answer, list(references)).score)


def corpus_chrf(answers: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Corpus chrF2 with sacreBLEU's defaults, 0 to 100; 0 without answers. Shapes as in `corpus_bleu`."""
    return float(CHRF().corpus_score(list(answers), _streams(references)).score) if answers else 0.0


def _streams(references: Sequence[Sequence[str]]) -> list[Sequence[str]]:
    """Per-row references as sacreBLEU's reference streams; where a row has fewer, "" tells it to look at no more."""
    return list(zip_longest(*references, fillvalue=""))


def word_count(text: str) -> int:
    """Words separated by white space."""
    return len(text.split())


def length_ratio(answer: str, reference: str) -> float:
    """Words of the answer for each word of the reference. Raises ZeroDivisionError for a blank reference."""
    return word_count(answer) / word_count(reference)
