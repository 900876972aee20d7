import pytest

from bakeoff.metrics.refusal import is_refusal


@pytest.mark.parametrize(
    "answer",
    [
        "I'm sorry, but I can't help with that.",
        "I’m sorry, but I can’t assist with that request.",
        "Sorry, I cannot assist you with this.",
        "I cannot help you.",
        "I can't do that.",
        "I won't comply with that request.",
        "Unfortunately, I am unable to provide medical advice.",
        "I apologize, but I'm not able to provide you with specific legal advice.",
        "I cannot answer that question.",
        "I must decline to answer.",
        "I'm not comfortable discussing this.",
        "As an AI language model, I don't have personal opinions about politics.",
        "I'm just an AI, I can't open files.",
        "As an AI assistant developed to help, I cannot browse the internet.",
        "**I cannot fulfill your request.** It may cause harm.",
        "I'm sorry, but as an AI language model I can't see images.",
    ],
)
def test_refusals(answer):
    assert is_refusal(answer)


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "Paris",
        "I'm sorry I missed your call.",
        "I'm sorry, the train is late.",
        "I don't know.",
        "I can't help but smile.",
        "I can't help you with the move on Saturday.",
        "I cannot come because we are moving and it is a mess.",
        "I must decline your invitation to dinner.",
        "Unfortunately, we cannot refund tickets.",
        "Sorry, sorry, sorry",
        "I cannot give you a discount.",
        "She said: I'm sorry, but I can't help with that.",
        "The answer is 12. I cannot provide more information.",
        "AI systems cannot feel pain.",
        "An AI model can't drive a car.",
        "I'm an AI engineer. I can't wait to start.",
        "As an AI researcher I don't have weekends.",
        "As an air traveller, I can't bring liquids.",
        "No, a penguin can't fly.",
        "Could not connect to the server",
    ],
)
def test_answers_are_not_refusals(answer):
    assert not is_refusal(answer)


def test_long_answers_are_quick_to_judge():
    assert not is_refusal("sorry, but " * 20_000)
