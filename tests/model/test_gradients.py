"""The exchange of gradients, with a sum over processes that is played: every value comes back three times as large."""

from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

pytest.importorskip("torch", reason="needs the train extra")

import torch
from torch import Tensor, nn

from model.gradients import exchange_gradients
from model.ranks import ALONE, Ranks


@dataclass(frozen=True)
class Played(Ranks):
    """One of three processes that all have the same gradients.

    Attributes:
        told: what happened, in order.
    """

    told: list[str] = field(default_factory=list[str])

    def begin_sum(self, value: Tensor) -> Callable[[], object]:
        self.told.append(f"send {value.numel()}")

        def wait() -> None:
            self.told.append("wait")
            value.mul_(3)

        return wait


def three_layers() -> nn.Sequential:
    """Parameters of 6, 6 and 6 numbers (weight and bias), 24 bytes a layer."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2), nn.Linear(2, 2))


def gradients(network: nn.Module) -> list[Tensor]:
    return [torch.zeros(1) if p.grad is None else p.grad.clone() for p in network.parameters()]


def backward(network: nn.Module) -> None:
    network(torch.ones(1, 2)).sum().backward()


def test_gradients_become_sums_and_travel_while_others_are_computed() -> None:
    network, played = three_layers(), Played(0, 3, "cpu")
    backward(network)
    expected = gradients(network)
    network.zero_grad()

    def tell(*_: object) -> None:
        played.told.append("first layer")

    network[0].register_full_backward_pre_hook(tell)
    with exchange_gradients(network.parameters(), played, bucket_bytes=24) as exchange:
        assert exchange is not None
        exchange.start()
        backward(network)
        exchange.finish()
    assert played.told == ["send 6", "send 6", "first layer", "send 6", "wait", "wait", "wait"]
    assert all(torch.equal(ours, 3 * alone) for ours, alone in zip(gradients(network), expected, strict=True))


def test_only_the_last_part_of_a_step_is_sent_with_what_the_others_left() -> None:
    network, played = three_layers(), Played(0, 3, "cpu")
    backward(network)
    expected = gradients(network)
    network.zero_grad()
    with exchange_gradients(network.parameters(), played, bucket_bytes=2**20) as exchange:
        assert exchange is not None
        for _ in range(2):  # steps
            network.zero_grad()
            backward(network)
            exchange.start()
            backward(network)
            exchange.finish()
    assert played.told == ["send 18", "wait", "send 18", "wait"]
    assert all(torch.equal(ours, 6 * alone) for ours, alone in zip(gradients(network), expected, strict=True))


def test_frozen_parameters_stay_and_those_without_a_gradient_send_zeros() -> None:
    network, played = three_layers(), Played(0, 3, "cpu")
    network[0].requires_grad_(requires_grad=False)
    network.append(nn.Linear(2, 2))
    with exchange_gradients(network.parameters(), played, bucket_bytes=24) as exchange:
        assert exchange is not None
        exchange.start()
        network[:3](torch.ones(1, 2)).sum().backward()  # pyright: ignore[reportUnknownMemberType]
        exchange.finish()
    assert played.told == ["send 6"] * 3 + ["wait"] * 3
    frozen, learns, unused = (next(network[index].parameters()).grad for index in (0, 1, 3))
    assert frozen is None
    assert learns is not None
    assert unused is not None
    assert learns.any()
    assert not unused.any()


def test_a_backward_pass_after_the_context_sends_nothing() -> None:
    network, played = three_layers(), Played(0, 3, "cpu")
    with exchange_gradients(network.parameters(), played) as exchange:
        assert exchange is not None
        exchange.start()
    backward(network)
    assert played.told == []


def test_a_process_alone_exchanges_nothing() -> None:
    with exchange_gradients(three_layers().parameters(), ALONE) as exchange:
        assert exchange is None
