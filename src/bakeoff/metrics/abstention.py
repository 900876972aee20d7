"""Does an answer say that it does not know? Fixed English phrases only; and how often that was the right thing."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

_QUALIFIER = r"(?:provided|given|available|supplied|retrieved|above|current|relevant|search)"
_THE = r"(?:the|these|those|this|my|your|any(?: of the)?|our|all)"
_NOUN = (
    r"(?:passages?|documents?|context|sources?|texts?|excerpts?|articles?|materials?|information|results?"
    r"|help cent(?:er|re)|knowledge base|documentation)"
)
_SOURCE = rf"(?:(?:{_THE} )?(?:{_QUALIFIER} )+{_NOUN}|{_THE} {_NOUN})"
_SUBJECT = rf"{_SOURCE}(?: (?:provided|given|above))?"
_SOME = r"(?:(?:any|an|the|enough|sufficient|specific|relevant|further|such|clear|direct|explicit) ){0,3}"
_MATTER = rf"{_SOME}(?:information|answers?|details?|mention|indication)"
_QUESTION = r"(?:(?:this|that|the|your) (?:[\w-]+ )?questions?|this|that|it)"
_CANNOT = r"(?:can(?:not|'t)|can not|could(?: not|n't)|am (?:unable|not able) to|'m (?:unable|not able) to)"
_NOT = r"(?:do(?:es)?|did)(?: not|n't)"
_IS_NOT = r"(?:(?:is|was|are|were) not|isn't|wasn't|aren't|weren't)"
_STATE = r"(?:mention|say|state|specify|answer|address|cover|discuss|explain|contain|tell|indicate|describe)"
_STATED = r"(?:mentioned|stated|specified|given|provided|covered|found|included|answered|described|available|addressed)"
_HOLD = r"(?:ha(?:ve|s)|contains?|includes?|gives?|provides?|offers?)"
_IN_SOURCE = rf"(?:in|by|from|within|based on|with|using) {_SOURCE}\b"
_END = r"(?:[.!,;]|$)"
_ABOUT = (
    rf"(?: (?:about|on|in|regarding|for|of|that|whether|within|available|given|provided|found)\b"
    rf"|(?: to)? (?:answer|determine|tell|say)\b|{_END})"
)

_OPENING = re.compile(
    r"(?:(?:i'm|i am) (?:(?:so|very|truly|really) )?sorry|sorry|(?:my )?apologies|i apologi[sz]e|unfortunately"
    r"|however|but|and|answer(?=:))\b[\s,.;:!-]*"
    rf"|(?:based on|according to|from|given|in) {_SUBJECT}[\s,;:]+"
    r"|(?:it (?:appears|seems|looks like)|i(?:'m| am) afraid)(?: that)? "
)
_ABSTAINS = re.compile(
    "|".join(
        (
            r"i (?:(?:really|simply|just|honestly) )?(?:do not|don't) know\b(?! (?:exactly|precisely|for sure))",
            rf"i (?:do not|don't|did not|didn't) have {_MATTER}\b",
            rf"i have no (?:{_MATTER}|idea)\b",
            rf"i(?:'m| am) not (?:sure|certain){_END}",
            rf"i ?(?:{_CANNOT}|did not|didn't) (?:find|locate|see) (?:{_MATTER}\b|[^.!?]{{1,80}} {_IN_SOURCE})",
            rf"i ?{_CANNOT} (?:answer|determine) {_QUESTION}\b",
            rf"i ?{_CANNOT} (?:answer|determine|tell|say|confirm)\b[^.!?]{{0,80}} {_IN_SOURCE}",
            rf"{_SUBJECT} {_NOT} (?:\w+ly )?(?:{_STATE}\b|{_HOLD} {_MATTER}\b)",
            rf"{_SUBJECT} {_HOLD} (?:no|not enough|insufficient) {_MATTER}\b",
            rf"none of {_SUBJECT} {_STATE}s?\b",
            rf"there(?:'s| is| was| are| were) (?:no|not) {_MATTER}{_ABOUT}",
            rf"there (?:isn't|wasn't|aren't|weren't) {_MATTER}{_ABOUT}",
            rf"(?:no|not enough|insufficient) {_MATTER}(?: (?:is|was|are|were))?{_ABOUT}",
            rf"(?:{_QUESTION}|the (?:answer|information)) (?:{_IS_NOT}) {_STATED} {_IN_SOURCE}",
            rf"the answer {_IS_NOT} {_STATED}{_END}",
            rf"not {_STATED} {_IN_SOURCE}",
            rf"not (?:mentioned|stated|specified){_END}",
            rf"(?:{_QUESTION}|the answer) (?:{_CANNOT}) be (?:answered|determined|found)\b",
            rf"(?:(?:the|this) (?:answer|question) is )?(?:unknown|unanswerable){_END}",
        )
    )
)


def is_abstention(answer: str) -> bool:
    """Whether the answer opens by saying that it does not know or that its sources do not say.

    Looks at the opening only, after apologies ("Unfortunately, ...") and references to the sources ("Based on the
    provided documents, ..."): "I don't know", "I couldn't find any information about ...", "The passages do not
    mention ...", "There is no information on ...", "Not stated in the documents", "This question cannot be answered".
    What follows does not matter: an abstention may go on to say what the sources do hold. Built for precision: a
    hedge ("I don't know exactly, but ..."), the same words later in an answer, an empty answer and texts in other
    languages are no abstentions. `refusal.is_refusal` is about declining the request; "I cannot answer this question"
    is both, so ask for an abstention first where questions may be unanswerable.
    """
    text = " ".join(answer.lower().replace("\u2019", "'").split()).lstrip("\"'*_#> ")
    start = 0
    while opening := _OPENING.match(text, start):
        start = opening.end()
    return bool(_ABSTAINS.match(text, start))


@dataclass(frozen=True)
class AbstentionScore:
    """Counts over rows: those that abstained, the unanswerable ones, and those that were both."""

    abstained: int
    unanswerable: int
    both: int

    @property
    def precision(self) -> float:
        """Share of the abstentions where there was no answer; 0 without abstentions."""
        return self.both / self.abstained if self.abstained else 0.0

    @property
    def recall(self) -> float:
        """Share of the unanswerable questions where the answer abstained; 0 without unanswerable questions."""
        return self.both / self.unanswerable if self.unanswerable else 0.0


def score_abstentions(rows: Iterable[tuple[bool, bool]]) -> AbstentionScore:
    """Abstention precision and recall over rows of (answerable, abstained); all 0 for no rows.

    Abstaining is the positive class, as in the no-answer part of SQuAD 2.0 (Rajpurkar et al. 2018, arXiv:1806.03822).
    """
    pairs = [(not answerable, abstained) for answerable, abstained in rows]
    return AbstentionScore(
        abstained=sum(abstained for _, abstained in pairs),
        unanswerable=sum(unanswerable for unanswerable, _ in pairs),
        both=sum(unanswerable and abstained for unanswerable, abstained in pairs),
    )
