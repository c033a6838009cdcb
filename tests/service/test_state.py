"""Who is let in, and when nobody is left."""

import asyncio

import pytest

from service.errors import OverloadedError, UnavailableError
from service.pipeline import Pipeline
from service.settings import ServiceSettings
from service.state import Service
from tests.service.fakes import make_pipeline


async def loaded_service(settings: ServiceSettings) -> Service:
    service = Service(settings, make_pipeline)
    await service.load()
    return service


async def test_the_drain_ends_with_the_last_request() -> None:
    service = await loaded_service(ServiceSettings())
    await service.drained()  # nobody is in
    with service.admitted():
        drained = asyncio.create_task(service.drained())
        with service.admitted():
            service.drain()
            await asyncio.sleep(0)
        assert not drained.done()
    await drained
    with pytest.raises(UnavailableError, match="shutting down"), service.admitted():
        pass
    service.close()


async def test_a_place_is_given_back_after_an_error() -> None:
    service = await loaded_service(ServiceSettings(max_in_flight=1))
    with pytest.raises(ZeroDivisionError), service.admitted():
        raise ZeroDivisionError
    with service.admitted(), pytest.raises(OverloadedError), service.admitted():
        pass
    service.close()


async def test_bytes_are_given_back() -> None:
    service = await loaded_service(ServiceSettings(max_in_flight_bytes=10))
    service.receive_bytes(8)
    with pytest.raises(OverloadedError, match="8 bytes"):
        service.receive_bytes(3)
    service.release_bytes(8)
    service.receive_bytes(10)
    service.close()


async def test_a_failed_load_is_kept_and_said() -> None:
    def fail() -> Pipeline:
        raise OSError("the disk")

    service = Service(ServiceSettings(), fail)
    await service.load()
    assert service.status == "failed"
    assert isinstance(service.failure, OSError)
    with pytest.raises(UnavailableError, match="could not be loaded"), service.admitted():
        pass
