"""Types of the connections that tools take: what Prompt Flow lets a user choose from for such an input.

It knows connections in a typing.Union only: with X | Y none could be chosen.
"""

from typing import Union

from promptflow.connections import (
    AzureOpenAIConnection,
    CognitiveSearchConnection,
    CustomConnection,
    OpenAIConnection,
    ServerlessConnection,
)

ModelConnection = Union[AzureOpenAIConnection, OpenAIConnection, ServerlessConnection, CustomConnection, None]  # noqa: UP007
SearchConnection = Union[CognitiveSearchConnection, None]  # noqa: UP007
