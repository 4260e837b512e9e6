"""What a classifier says about test pictures, one by one, and where it looks."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn
from tqdm.auto import tqdm

from resnet_course.blocks import is_whole, shape_or_type
from resnet_course.data import Splits, check_splits
from resnet_course.data.batches import TensorBatches, to_float
from resnet_course.measure.feature_maps import grad_cam, last_maps
from resnet_course.measure.predictions import Predictions
from resnet_course.tracing.rows import by
from resnet_course.train import predict
from resnet_course.train.inputs import check_model
from resnet_course.train.steps import evaluation_mode

Pair = tuple[int, int]


class Verdicts:
    """The predictions for the first test pictures, in an order to look at them, and Grad-CAM.

    A pair (right class, predicted class) chooses pictures; None chooses all mistakes. Mistakes come
    the most confident first, right answers the least confident first. If there are no mistakes at
    all, None chooses all right answers. The model is left as it is.

    Args:
        model: a classifier of the pictures, (batch, channels, height, width) → (batch, classes).
        splits: the pictures; only those for testing are used.
        limit: how many of them; None takes all.
        layer: the layer for `grad_cam`. None takes the module that is the last to pass on maps of
            more than one pixel: in a `ResNet` for small pictures, the last stage.

    Attributes:
        predictions: the `Predictions`, on the CPU.
        counts: their confusion matrix, int64 (classes, classes).
        images: the pictures, uint8 (N, channels, height, width); three channels mean colours.
        blind: why there is no Grad-CAM for this model, or "".

    Raises:
        ValueError: `limit` is below 1, the model cannot take the pictures or has another number of
            classes or gives no finite numbers, or Grad-CAM does not work with a named `layer`.
    """

    def __init__(
        self,
        model: nn.Module,
        splits: Splits,
        *,
        limit: int | None = None,
        layer: str | None = None,
    ) -> None:
        check_model(model)
        check_splits(splits)
        if limit is not None and not is_whole(limit):
            raise ValueError(f"limit must be None or a whole number from 1 up, got {limit!r}.")
        self.model, self.classes, self.source = model, splits.classes, splits.source
        self.images = splits.test_images[:limit]
        self._scale = {"mean": splits.mean, "std": splits.std}
        self._device = next(chain(model.parameters(), model.buffers(), [torch.empty(0)])).device
        self._check()
        self.blind = ""
        try:
            self._layer = layer or last_maps(model, self._x([0]))
            self.heat([0], [0])
        except (ValueError, RuntimeError) as error:
            if layer is not None:
                raise ValueError(f"no Grad-CAM with layer={layer!r}: {error}") from error
            self.blind = f"No Grad-CAM for this {type(model).__name__}: {error}"
        batches = TensorBatches(
            self.images, splits.test_labels[:limit], 250, **self._scale, device=self._device
        )
        bar = tqdm(batches, desc="Test pictures", delay=2, mininterval=0.5, leave=False)
        logits, labels = predict(model, bar)
        if not logits.isfinite().all():
            raise ValueError(
                f"{type(model).__name__} gives logits that are no finite numbers: its training has "
                "diverged. Train it again from the start, with a smaller learning rate."
            )
        self.predictions = Predictions(logits.cpu(), labels.cpu(), self.classes)
        self.counts = self.predictions.confusion()

    @property
    def perfect(self) -> bool:
        """Whether there is no mistake."""
        return int(self.counts.trace()) == len(self.predictions)

    def answer(self, index: int) -> Pair:
        """Return the right class of a picture and the predicted one."""
        return int(self.predictions.labels[index]), int(self.predictions.predicted[index])

    def pairs(self) -> list[Pair]:
        """Return the pairs that occur: first mistakes, then right answers, each by frequency."""
        found = map(tuple, self.counts.nonzero().tolist())
        return sorted(found, key=lambda pair: (pair[0] == pair[1], -int(self.counts[pair])))

    def order(self, pair: Pair | None) -> Tensor:
        """Return the indices of the pictures that a pair chooses, in their order: int64."""
        seen = self.predictions
        if pair is None and not self.perfect:
            return seen.mistakes()
        right, predicted = pair or (seen.labels, seen.predicted)  # None chooses all
        indices = ((seen.labels == right) & (seen.predicted == predicted)).nonzero().flatten()
        wrong = pair is not None and right != predicted
        return indices[seen.confidence[indices].argsort(descending=wrong, stable=True)]

    def name(self, pair: Pair | None) -> str:
        """Return in words what a pair chooses."""
        if pair is None and self.perfect:
            return "no mistakes: all right answers, the least confident first"
        if pair is None:
            return "all mistakes, the most confident first"
        right, predicted = (self.classes[i] for i in pair)
        if pair[0] == pair[1]:
            return f"{right}, answered right, the least confident first"
        return f"{right} taken for {predicted}, the most confident first"

    def heat(self, indices: Sequence[int], targets: Sequence[int]) -> Tensor:
        """Return where each of N pictures speaks for a class of its own, as `grad_cam` does."""
        target = torch.tensor(targets, device=self._device)
        return grad_cam(self.model, self._x(indices), target, layer=self._layer).cpu()

    def _x(self, indices: Sequence[int]) -> Tensor:
        return to_float(self.images[list(indices)], **self._scale).to(self._device)

    def _check(self) -> None:
        """Try one picture, before anybody waits for all of them."""
        name, x, classes = type(self.model).__name__, self._x([0]), len(self.classes)
        try:
            with evaluation_mode(self.model), torch.no_grad():
                logits = self.model(x)
        except Exception as error:  # the learner's own model may raise anything
            raise ValueError(
                f"{name} cannot take pictures of shape {by(x.shape[1:])}: {error}"
            ) from error
        if shape_or_type(logits) != str((1, classes)):
            raise ValueError(
                f"{name} must give logits (pictures, classes), here (1, {classes}) for one "
                f"picture, but it gives {shape_or_type(logits)}: build it with {classes} classes."
            )


def count_words(counts: Tensor, classes: Sequence[str], pair: Pair) -> str:
    """Return in words what one number of a confusion matrix says."""
    right, predicted = (classes[i] for i in pair)
    words = f"{right}, right" if pair[0] == pair[1] else f"{right} taken for {predicted}"
    return f"{words}: {counts[pair]} of {counts[pair[0]].sum()}"
