"""A cloud on this machine for one test session: see loopback_cloud.py."""

from collections.abc import Iterator

import pytest
from loopback_cloud import Cloud, loopback_cloud


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """Azure as a batch run sees it; at the end, nothing may have been asked of it, or of others, that is not right."""
    with loopback_cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running
        assert not running.plane.wrong
        assert not running.proxy.refused
