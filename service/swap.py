"""Networks replaced while the server serves: warmed up beside the old ones, put in their place between two requests.

Requests that are inside keep the network they began with. A bundle that cannot be read, compiled or warmed up changes
nothing. The old network's threads end, and its memory is given back, once the last request that uses it is answered.
"""

import asyncio
import logging
from pathlib import Path
from typing import NamedTuple

from model.contract.spec import BundleError, load_spec
from service.engine import load_part
from service.errors import NotLoadedError, UnavailableError
from service.loadable import find_loadable, without_paths
from service.pipeline import Part, Pipeline
from service.runtime.base import RuntimeUnavailableError
from service.state import Service
from service.zoo import find_bundle

logger = logging.getLogger("fasterpose.model")


class Swapped(NamedTuple):
    """A network that serves now, and the one whose place it took."""

    loaded: Part
    replaced: Part


class Swap:
    """Replaces the networks of one service, one at a time."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._turn = asyncio.Lock()
        self._retirements: set[asyncio.Task[None]] = set()
        self._last: asyncio.Task[None] | None = None

    async def load(self, name: str) -> Swapped:
        """Load a bundle in the place of the network that does the same task.

        Args:
            name: of an embedded bundle, or of one in the settings' `bundles_dir`.

        Raises:
            NotFoundError: there is no such bundle.
            NotLoadedError: it cannot be used, or another load is under way; the old network serves on.
            UnavailableError: the server is loading or shutting down.
        """
        folder = find_loadable(name, self._service.settings.bundles_dir)
        if self._turn.locked():
            raise NotLoadedError("Another bundle is being loaded. Try again when that is done.")
        async with self._turn:
            return await self._load(folder)

    async def reload_configured(self) -> None:
        """Load what the settings name, where it differs from what serves; a failure is logged, the old serves on."""
        settings = self._service.settings
        async with self._turn:
            for name in (settings.detector, settings.model):
                try:
                    await self._reload(find_bundle(name))
                except (BundleError, NotLoadedError, UnavailableError) as error:
                    logger.error("%s is not reloaded: %s", name, error)  # noqa: TRY400 - the cause is logged already

    async def finish(self) -> None:
        """Wait for the ends of replaced networks."""
        await asyncio.gather(*self._retirements)

    async def _reload(self, folder: Path) -> None:
        pipeline = self._service.pipeline
        spec = await asyncio.to_thread(load_spec, folder)
        if spec in (pipeline.detector.spec, pipeline.estimator.spec):
            logger.info("%s %s is loaded already", spec.provenance.name, spec.provenance.version)
            return
        await self._load(folder)

    async def _load(self, folder: Path) -> Swapped:
        before = self._service.open_pipeline()
        try:
            part = await asyncio.to_thread(load_part, folder, self._service.settings)
        except Exception as error:
            logger.exception("bundle %s is not loaded", folder.name)
            raise NotLoadedError(f"{folder.name}: {_reason(error)}. What served before still does.") from error
        try:
            replaced = self._service.replace(part)
        except UnavailableError:  # it began to shut down meanwhile
            await asyncio.to_thread(part.batcher.close)
            raise
        self._retire(before, replaced)
        new, old = part.spec.provenance, replaced.spec.provenance
        logger.info("%s %s serves in the place of %s %s", new.name, new.version, old.name, old.version)
        return Swapped(part, replaced)

    def _retire(self, pipeline: Pipeline, part: Part) -> None:
        """End a network when nobody uses it; earlier pipelines may hold it too, so their ends come first."""
        earlier = self._last

        async def end() -> None:
            if earlier is not None:
                await asyncio.wait({earlier})
            await pipeline.users.gone()
            await asyncio.to_thread(part.batcher.close)

        self._last = asyncio.create_task(end())
        self._retirements.add(self._last)
        self._last.add_done_callback(self._retirements.discard)


def _reason(error: Exception) -> str:
    if isinstance(error, (BundleError, RuntimeUnavailableError)):
        return without_paths(str(error))
    return "its graph cannot be computed; the log of the server has the cause"
