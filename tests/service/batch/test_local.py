import os

import pytest

from service.batch.local import share
from service.settings import ServiceSettings


def test_devices_are_dealt_out() -> None:
    settings = ServiceSettings(device="cuda:0,cuda:1,cuda:2")
    assert [share(settings, i, 2).device for i in range(2)] == ["cuda:0,cuda:2", "cuda:1"]
    assert [share(settings, i, 4).device for i in range(4)] == ["cuda:0", "cuda:1", "cuda:2", "cuda:0"]


def test_the_threads_of_the_cpu_are_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    assert share(ServiceSettings(), 0, 4).threads == 2
    assert share(ServiceSettings(threads=4), 0, 2).threads == 2
    assert share(ServiceSettings(), 0, 16).threads == 1


def test_one_worker_has_what_the_settings_say() -> None:
    settings = ServiceSettings(device="cuda:0,cuda:1", threads=0)
    assert share(settings, 0, 1) == settings
