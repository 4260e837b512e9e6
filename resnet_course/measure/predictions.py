"""What a classifier says about many pictures: where it is right, wrong, and surely wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from resnet_course.train import topk_accuracy
from resnet_course.train.inputs import check_labels, check_predicts


@dataclass(frozen=True, eq=False)
class Predictions:
    """Logits and labels of the same N pictures, as `predict` returns them.

    >>> seen = Predictions(*predict(model, batches), splits.classes)

    Attributes:
        logits: (N, classes).
        labels: int64 (N,), the right answers.
        classes: the name of each class.

    Raises:
        ValueError: if the three do not belong together, or logits are not numbers (NaN).
    """

    logits: Tensor
    labels: Tensor
    classes: Sequence[str]

    def __post_init__(self) -> None:
        if self.logits.shape != (len(self.labels), len(self.classes)):
            raise ValueError(
                f"expected logits of shape (pictures, classes) = ({len(self.labels)}, "
                f"{len(self.classes)}), got {tuple(self.logits.shape)}."
            )
        check_labels(self.labels, len(self.labels), len(self.classes))
        check_predicts(self.logits)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def predicted(self) -> Tensor:
        """The class with the largest logit: int64 (N,)."""
        return self.logits.argmax(dim=1)

    @property
    def confidence(self) -> Tensor:
        """The probability (softmax) that the network gives to the class it predicts: (N,)."""
        return self.logits.softmax(dim=1).amax(dim=1)

    def accuracy(self, k: int = 1) -> float:
        """Return the top-k accuracy, from 0 to 1; errors as in `topk_accuracy`."""
        return topk_accuracy(self.logits, self.labels, k)

    def confusion(self) -> Tensor:
        """Return int64 (classes, classes): row = the right class, column = the predicted one."""
        classes = len(self.classes)
        pairs = self.labels * classes + self.predicted
        return torch.bincount(pairs, minlength=classes**2).reshape(classes, classes)

    def mistakes(self) -> Tensor:
        """Return the indices of the pictures it gets wrong, the most confident mistake first."""
        wrong = (self.predicted != self.labels).nonzero().flatten()
        return wrong[self.confidence[wrong].argsort(descending=True, stable=True)]

    def confused_pairs(self) -> list[tuple[str, str, int]]:
        """Return (right class, predicted class, how often), the most frequent mistake first."""
        counts = self.confusion().fill_diagonal_(0)
        pairs = sorted(counts.nonzero().tolist(), key=lambda pair: -int(counts[*pair]))
        return [(self.classes[t], self.classes[p], int(counts[t, p])) for t, p in pairs]
