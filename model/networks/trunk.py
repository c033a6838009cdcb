"""What every trunk is: stages that run one after another, the first of which may be frozen."""

from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor, nn


class Trunk(nn.Module, ABC):
    """A classification network without pooling and classifier.

    Attributes:
        out_channels: channels of its features.
        stride: input pixels a feature.
        frozen_stages: how many of its stages keep their weights and batch-norm statistics.
    """

    out_channels: int
    stride: int
    frozen_stages: int = 0

    @abstractmethod
    def stages(self) -> list[list[nn.Module]]:
        """The stages in the order in which they run, each a list of modules."""

    def forward(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) normalised RGB -> (B, out_channels, H / stride, W / stride) features."""
        features = images
        for index in range(len(self.stages())):
            features = self.run_stage(index, features)
        return features

    def run_stage(self, index: int, features: Tensor) -> Tensor:
        """The features of one stage from those of the stage before, without gradients where it is frozen."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and index >= self.frozen_stages):
            for module in self.stages()[index]:
                features = module(features)
        return features

    def train(self, mode: bool = True) -> Self:
        """Switch to training; frozen stages keep their batch-norm statistics."""
        super().train(mode)
        for module in self._frozen_modules():
            module.eval()
        return self

    def freeze(self, stages: int) -> None:
        """Never train the first `stages` stages.

        Raises:
            ValueError: there are not so many.
        """
        if stages > len(self.stages()):
            raise ValueError(f"frozen_stages is {stages}; this trunk has {len(self.stages())} stages")
        self.frozen_stages = stages
        for module in self._frozen_modules():
            module.requires_grad_(requires_grad=False)

    def _frozen_modules(self) -> list[nn.Module]:
        return [module for stage in self.stages()[: self.frozen_stages] for module in stage]
