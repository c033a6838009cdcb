"""`fasterpose serve` as a process of its own, and what can be seen of it from outside."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.load.raw import Address, ask, get_request

MIB = 2**20
FREE_PORTS = ("--http-port", "0", "--grpc-port", "0")
BATCHES = ("--detector-batch", "1", "--pose-batch", "4")
"""Set, so that no start measures them: on a busy machine each would choose others."""


class Server:
    """A running server.

    Attributes:
        address: where it listens.
        grpc: host and port of gRPC.
        log: the file of its log lines.
    """

    def __init__(self, *arguments: str, log: Path) -> None:
        """Start a server with the embedded bundles on free ports of the loopback, and wait until it is ready."""
        self.log = log
        command = [sys.executable, "-m", "service.cli", "serve", *FREE_PORTS, *BATCHES, *arguments]
        with log.open("w") as errors:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert self._process.stdout is not None
        lines = [self._process.stdout.readline() for _ in range(6)]
        found = re.search(r"http://localhost:(\d+)/", lines[1])
        assert found, f"the server did not start: {log.read_text()}"
        self.address: Address = ("127.0.0.1", int(found[1]))
        self.grpc = f"127.0.0.1:{re.findall(r'localhost:([0-9]+)', lines[5])[0]}"

    @property
    def resident_bytes(self) -> int:
        """Memory that the process holds now."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    async def metric(self, name: str, **labels: str) -> float:
        """A metric's value; 0 while nothing counted it."""
        text = (await ask(self.address, get_request("/metrics"))).body.decode()
        shown = ",".join(f'{label}="{value}"' for label, value in sorted(labels.items()))
        line = re.search(rf"^{re.escape(name + (f'{{{shown}}}' if shown else ''))} (\S+)$", text, re.MULTILINE)
        return float(line[1]) if line else 0.0

    async def people_computed(self) -> int:
        """People that went through the pose network."""
        return int(await self.metric("fasterpose_batch_size_sum", model="fasterpose-yolo11n"))

    async def rest(self) -> None:
        """Wait until nothing is in flight but the question itself."""
        async with asyncio.timeout(20):
            while await self.metric("fasterpose_in_flight_requests") > 1:
                pass

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._process.send_signal(signal.SIGTERM)

    def reload(self) -> None:
        """Send SIGHUP."""
        self._process.send_signal(signal.SIGHUP)

    async def exit_code(self) -> int:
        """Wait for the end."""
        return await asyncio.to_thread(self._process.wait, 60)

    def kill(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.communicate()

    @asynccontextmanager
    async def watched_memory(self) -> AsyncGenerator[list[int]]:
        """Sample the memory every 5 ms while what is inside runs: bytes."""
        samples = [self.resident_bytes]

        async def sample() -> None:
            while True:
                await asyncio.sleep(0.005)
                samples.append(self.resident_bytes)

        sampler = asyncio.create_task(sample())
        try:
            yield samples
        finally:
            sampler.cancel()
