"""The exercises of chapter 06 about boxes, attention and growth."""

from __future__ import annotations

import torch
from answer_tools import NUMBERS, all_told, told
from torchvision import ops

from resnet_course.checks import answers

BOXES = r"""
right
    ops.box_iou(torch.tensor([a]), torch.tensor([b]))[0, 0]
    ops.box_iou(torch.tensor([a]), torch.tensor([b])).item()
    def by_tensors(a, b):
        a, b = torch.tensor(a), torch.tensor(b)
        shared = (torch.minimum(a[2:], b[2:]) - torch.maximum(a[:2], b[:2])).clamp(min=0).prod()
        return shared / ((a[2:] - a[:2]).prod() + (b[2:] - b[:2]).prod() - shared)
    def returns_early(a, b):
        ax1, ay1, ax2, ay2 = a
        bx1, by1, bx2, by2 = b
        x1, y1, x2, y2 = max(ax1, bx1), max(ay1, by1), min(ax2, bx2), min(ay2, by2)
        if x2 <= x1 or y2 <= y1:
            return 0
        both = (x2 - x1) * (y2 - y1)
        return both / ((ax2 - ax1) * (ay2 - ay1) + (bx2 - bx1) * (by2 - by1) - both)
    def by_squares(a, b):
        one, other = torch.zeros(10, 10), torch.zeros(10, 10)
        for canvas, box in ((one, a), (other, b)):
            x1, y1, x2, y2 = map(int, box)
            canvas[y1:y2, x1:x2] = 1
        return (one * other).sum() / ((one + other) > 0).sum()
boxes \(0.0, 0.0, 4.0, 4.0\) and \(2.0, 0.0, 6.0, 4.0\): expected 0.333333, got 0.33. .* rounded
    round(ops.box_iou(torch.tensor([a]), torch.tensor([b])).item(), 2)
boxes \(0.0, 0.0, 8.0, 2.0\) and \(5.0, 3.0, 9.0, 5.0\): expected 0, got -0
    def clamps_one_side_only(a, b):
        both = max(0, min(a[2], b[2]) - max(a[0], b[0])) * (min(a[3], b[3]) - max(a[1], b[1]))
        areas = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
        return both / (sum(areas) - both)
Draw the two boxes on squared paper
    0.123
stopped with IndexError
    a[4]
"""
MEANS = r"""
right
    F.scaled_dot_product_attention(q, k, v)
    (q @ k.mT / q.shape[-1] ** 0.5).softmax(-1) @ v
    F.scaled_dot_product_attention(q.double(), k.double(), v.double()).float()
    torch.softmax((q / math.sqrt(k.size(-1))) @ k.transpose(-1, -2), dim=-1).matmul(v)
    torch.einsum("...nm,...mc->...nc", torch.softmax(q @ k.mT / k.shape[-1] ** 0.5, -1), v)
    def query_by_query(q, k, v):
        rows = []
        for i in range(q.shape[-2]):
            scores = (q[..., i, None, :] * k).sum(-1) / q.shape[-1] ** 0.5
            rows.append((scores.softmax(-1)[..., None] * v).sum(-2))
        return torch.stack(rows, dim=-2)
Three tokens: expected .*, got .* at one place. Work out one query by hand
    (q @ k.mT / q.shape[-1] ** 0.5).sigmoid() @ v
Is there an exp\? That of a large number is infinite
    (e := (q @ k.mT / q.shape[-1] ** 0.5).exp()) / e.sum(-1, keepdim=True) @ v
the numbers are right, but the wrong gradient .* is there a detach, a no_grad or .data
    torch.no_grad()(F.scaled_dot_product_attention)(q, k, v)
    F.scaled_dot_product_attention(q, k, v.detach())
The backward pass fails: .* Does your code change a tensor in place
    def divides_in_place(q, k, v):
        scores = q @ k.mT / q.shape[-1] ** 0.5
        weights = (scores - scores.amax(-1, keepdim=True)).exp()
        weights /= weights.sum(-1, keepdim=True)
        return weights @ v
Expected one row for each query, as long as a value: shape \(3, 4\), got \(4,\)
    F.scaled_dot_product_attention(q, k, v)[0]
at one place. Work out one query by hand
    F.scaled_dot_product_attention(k, k, v)
has changed q, k or v
    F.scaled_dot_product_attention(q.mul_(1 + 1e-4), k, v)
"""
FACTORS = r"""
right
    depth * width**2 * size**2
    math.prod([depth, width, width, size, size])
    Fraction(depth) * Fraction(width) ** 2 * Fraction(size) ** 2
    torch.tensor(float(depth * (width * size) ** 2))
    def times(blocks, channels, side):
        return blocks * (channels * side) ** 2
Work out one convolution by hand
    depth * width**3 * size**2
"""
test_right_answers_pass_and_wrong_ones_are_told_why = all_told(
    *told("box_iou", "a, b", BOXES, more="from torchvision import ops"),
    *told("attention", "q, k, v", MEANS),
    *told("growth_cost", "depth, width, size", FACTORS),
    *told("box_iou", "a, b", NUMBERS),
    *told("growth_cost", "depth, width, size", NUMBERS),
)


def test_the_answer_about_boxes_agrees_with_torchvision():
    corners = 10 * torch.rand(2, 200, 2, 2)
    a, b = corners.sort(dim=2).values.flatten(2)
    expected = ops.box_iou(a, b).diagonal()
    got = [answers.box_iou(*pair) for pair in zip(a.tolist(), b.tolist(), strict=True)]
    assert torch.allclose(torch.tensor(got), expected, atol=1e-5)
    assert 0 < (expected == 0).sum() < 150
