"""What flows/chart_to_code adds to the nodes of flows/vision: ask a text model for the code of a chart."""

from collections.abc import Mapping
from typing import Any

from bakeoff.hosts.promptflow_vision import completed, text_of
from bakeoff.models.base import ChatModel, Message

_CHART = "Text in the chart:\n"
_CODE = """```python
import matplotlib.pyplot as plt

plt.bar(["Bus", "Tram", "Ferry"], [120, 90, 60])
plt.title("Tickets sold")
plt.xlabel("Line")
plt.ylabel("Tickets")
plt.show()
```"""
_EXAMPLE = (  # small models write code in this form after an example only
    Message("user", f"{_CHART}Tickets sold\nTickets\n120 | 90 | 60\nBus | Tram | Ferry\nLine"),
    Message("assistant", _CODE),
)


def ask(
    *, task: str, ocr: Mapping[str, Any], model: str, max_new_tokens: int, temperature: float, connection: Any = None
) -> dict[str, Any]:
    """The record of a text model's code for a chart of which OCR read the text; failures as in `completed`."""

    def messages(_: ChatModel) -> list[Message]:
        return [Message("system", task.strip()), *_EXAMPLE, Message("user", _CHART + text_of(ocr))]

    return completed(model, connection, messages, max_new_tokens=max_new_tokens, temperature=temperature)
