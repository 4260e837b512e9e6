"""Losses that are taken for the cross-entropy of logits z, labels y and a batch x."""

from __future__ import annotations

import torch.nn.functional as F
from torch import nn

from resnet_course.checks.questions import known

# fmt: off
LOSSES = known("z, y, x", {
    "F.cross_entropy(z.softmax(dim=1), y)":
        "Is there a softmax before the cross-entropy? `cross_entropy` takes logits.",
    "F.nll_loss(z, y)":
        "`nll_loss` takes logarithms of probabilities. Which function takes logits?",
    "F.cross_entropy(z, y) / len(y)":
        "The loss is divided by the batch size, but `cross_entropy` is the mean already.",
    "F.mse_loss(z, F.one_hot(y, 3).float())":
        "Is it the mean of squares? The loss is cross-entropy. Compare your lines with the text.",
    "F.mse_loss(z.softmax(dim=1), F.one_hot(y, 3).float())":
        "Is it the mean of squares of probabilities? The loss is cross-entropy.",
    "F.mse_loss(z, y)":
        "Is it `mse_loss`? It compares numbers. Which loss compares logits with the right class?",
    "nn.CrossEntropyLoss(z, y)":
        "nn.CrossEntropyLoss(...) only makes a loss, and takes the tensors for settings. First "
        "make it, then call it: nn.CrossEntropyLoss()(...).",
    "F.cross_entropy(y, z)": "The loss takes the logits first, then the labels.",
    "F.cross_entropy(z.argmax(dim=1), y)":
        "Is the loss computed from argmax? `cross_entropy` takes the logits themselves.",
    "F.cross_entropy(x, y)":
        "Is the loss computed from x itself? It needs the logits, which are model(x).",
    "F.cross_entropy(z, y).detach()":
        "Nothing is recorded on the way to the loss. Is there a no_grad, a detach or an argmax? No "
        "gradient comes through them.",
}, F=F, nn=nn)
# fmt: on
