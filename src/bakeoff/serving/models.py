"""The models of a server: loaded when first asked for, the longest unused one ended when memory is needed."""

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path

from bakeoff.errors import ModelNotFoundError
from bakeoff.serving.memory import STREAMS, check_room, needed
from bakeoff.serving.pool import BusyError, Pool

UNLOAD_WAIT = 5


class Models:
    """folders: of the models by name. streams, queue: of each (see Pool). budget: bytes of memory for all of them.

    adapters: by their names, the name of the model they run on and their file; they share its processes.
    """

    def __init__(
        self,
        folders: Mapping[str, Path],
        streams: int,
        queue: int,
        budget: int,
        adapters: Mapping[str, tuple[str, Path]] | None = None,
    ):
        self.adapters = dict(adapters or {})
        for folder in folders.values():
            check_room(folder, streams or STREAMS, budget)
        self.folders, self.streams, self.queue, self.budget = folders, streams, queue, budget
        self.loaded: dict[str, Pool] = {}
        self.created = int(time.time())
        self._loading = asyncio.Lock()

    @property
    def names(self) -> list[str]:
        """What can be asked for."""
        return [*self.folders, *self.adapters]

    def adapter(self, name: str) -> dict[str, dict[str, str]]:
        """What a request to the processes of a model says of the adapter; nothing for a model."""
        return {"adapter": {"name": name, "file": str(self.adapters[name][1])}} if name in self.adapters else {}

    async def get(self, name: str) -> Pool:
        """The model, or that of an adapter, loaded.

        Raises ModelNotFoundError, BusyError where there is no room now, and as `Pool.start`.
        """
        if name in self.adapters:
            name, _ = self.adapters[name]
        if name not in self.folders:
            raise ModelNotFoundError(f"the model {name!r} does not exist here; there are {', '.join(self.names)}")
        pool = self._ready(name)
        if pool:
            return pool
        async with self._loading:
            pool = self._ready(name)
            if pool:
                return pool
            if name in self.loaded:
                await self.loaded.pop(name).stop()
            await self._make_room(name)
            pool = Pool(self.folders[name], name, self.streams, self.queue)
            await pool.start()
            self.loaded[name] = pool
            return pool

    async def stop(self) -> None:
        """End every process of every model."""
        for pool in self.loaded.values():
            await pool.stop()
        self.loaded.clear()

    def _ready(self, name: str) -> Pool | None:
        """The loaded model, as the one used last."""
        pool = self.loaded.get(name)
        if pool is None or pool.lost:
            return None
        self.loaded[name] = self.loaded.pop(name)
        return pool

    async def _make_room(self, name: str) -> None:
        wanted = needed(self.folders[name], self.streams or STREAMS)
        while sum(pool.memory() for pool in self.loaded.values()) + wanted > self.budget:
            idle = next((other for other, pool in self.loaded.items() if not pool.busy), None)
            if idle is None:
                raise BusyError(f"no room for {name} while {', '.join(self.loaded)} answer", UNLOAD_WAIT)
            await self.loaded.pop(idle).stop()
