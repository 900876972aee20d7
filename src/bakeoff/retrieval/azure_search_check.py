"""Checks an Azure AI Search service, and an index in it that `bakeoff index` made."""

import time
from dataclasses import replace

from bakeoff.errors import EndpointError, InputError
from bakeoff.models.check import Step, passed, stopped
from bakeoff.retrieval.azure_search import AzureSearchEngine
from bakeoff.retrieval.azure_search_errors import failures_in_words
from bakeoff.retrieval.azure_search_target import AzureSearchTarget

SHOWN_INDEXES = 8


def check_search(target: AzureSearchTarget, index: str = "", timeout: float = 60.0) -> list[Step]:
    """Whether the service is reachable, lets this key in, has the index and answers a search, without retries.

    Without an index only their list is asked for, which needs an admin key. timeout: seconds without a byte.
    """
    asked = replace(target, max_retries=0, timeout=min(target.timeout, timeout))
    try:
        return _search(asked, index) if index else _list(asked)
    except EndpointError as error:
        steps = stopped(error, "index")
        if error.status == 403 and target.api_key and not index:
            said = f"{steps[1].said}; a query key cannot list the indexes: give --index NAME"
            steps[1] = replace(steps[1], said=said)
        return steps
    except InputError as error:
        return [Step("reachable", "ok"), Step("authorised", "ok"), Step("index", "failed", str(error))]


def _search(target: AzureSearchTarget, index: str) -> list[Step]:
    engine = AzureSearchEngine(target, index)
    started = time.perf_counter()
    engine.search("ok", None, 1)
    seconds = time.perf_counter() - started
    return passed("index", f"{index!r}, embedded by {engine.settings.embedding}", f"{seconds:.2f} s for a search")


def _list(target: AzureSearchTarget) -> list[Step]:
    started = time.perf_counter()
    with failures_in_words(target, ""):
        names = list(target.index_client().list_index_names())
    seconds = time.perf_counter() - started
    more = f" and {len(names) - SHOWN_INDEXES} more" if len(names) > SHOWN_INDEXES else ""
    there = f"there are {', '.join(names[:SHOWN_INDEXES])}{more}" if names else "there is none yet"
    steps = passed("index", "", f"{seconds:.2f} s for the list of indexes")
    steps[2] = Step("index", "not checked", f"name it: --index ({there})")
    return steps
