"""Which row feeds which, where ways meet, and which of them is a shortcut."""

import pytest
import torch
from helpers import Net
from torch import nn
from torch.nn import functional as F

from resnet_course.blocks import BasicBlock
from resnet_course.tracing import Shortcut, trace


def conv(inputs, outputs, kernel=3, **options):
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, **options)


def edges(table):
    """Name the two ends of each edge; inputs are "in", outputs "out"."""

    def name(place):
        if place < 0:
            return "in" if place == -1 else f"in{-place}"
        return table[place].name if place < len(table) else "out" + "+" * (place - len(table))

    return [(name(edge.source), name(edge.target), edge.how) for edge in table.edges]


def shortcuts(table):
    def name(place):
        return table[place].name if place >= 0 else f"in{-place}"

    return [
        (name(s.start), name(s.end), [name(i) for i in s.layers], s.start) for s in table.shortcuts
    ]


def unet(own, x):
    high = F.relu(own.down(x))
    low = own.middle(F.max_pool2d(high, 2))
    return own.up(torch.cat([high, F.interpolate(low, scale_factor=2)], 1))


def test_a_unet_has_its_concatenation_and_no_shortcut():
    table = trace(Net(unet, down=conv(1, 2), middle=conv(2, 3), up=conv(5, 1)), (1, 1, 8, 8))
    assert edges(table) == [
        ("in", "down", ""),
        ("down", "relu", ""),
        ("relu", "max_pool2d", ""),
        ("max_pool2d", "middle", ""),
        ("middle", "interpolate", ""),
        ("relu", "cat", "concatenate"),
        ("interpolate", "cat", "concatenate"),
        ("cat", "up", ""),
        ("up", "out", ""),
    ]
    assert table.shortcuts == ()


def dense(own, x):
    maps = [x]
    for layer in own.layers:
        maps.append(layer(torch.cat(maps, 1)))
    return torch.cat(maps, 1)


def test_a_dense_block_feeds_every_layer():
    layers = nn.ModuleList([conv(3 + 2 * i, 2) for i in range(3)])
    table = trace(Net(dense, layers=layers), (1, 3, 8, 8))
    met = [(a, b) for a, b, how in edges(table) if how == "concatenate"]
    assert [a for a, b in met] == [
        *("in", "layers.0"),
        *("in", "layers.0", "layers.1"),
        *("in", "layers.0", "layers.1", "layers.2"),
    ]
    assert table.shortcuts == ()


def test_several_inputs_and_outputs_have_numbers():
    def forward(own, picture, words, scale):
        return {"both": own.a(picture) + own.b(words), "scaled": own.a(picture) * scale}

    table = trace(
        Net(forward, a=nn.Linear(4, 2), b=nn.Embedding(9, 2)),
        [(1, 4), torch.zeros(1, dtype=torch.int64), (1, 2)],
    )
    assert [(row.name, row.params, row.macs) for row in table] == [
        ("a", 10, 8),
        ("b", 18, 0),
        ("add", 0, 0),
        ("a", 0, 8),  # the second use
        ("mul", 0, 0),
    ]
    assert [(e.source, e.target, e.how) for e in table.edges] == [
        (-1, 0, ""),
        (-2, 1, ""),
        (0, 2, "add"),
        (1, 2, "add"),
        (-1, 3, ""),
        (3, 4, "multiply"),
        (-3, 4, "multiply"),
        (2, 5, ""),
        (4, 6, ""),
    ]
    assert table.shortcuts == ()  # nothing goes around anything


@pytest.mark.parametrize(
    ("function", "how"),
    [
        (lambda a, b: a + b, "add"),
        (lambda a, b: a - b, "add"),
        (lambda a, b: torch.cat([a, b]), "concatenate"),
        (lambda a, b: torch.stack([a, b]), "concatenate"),
        (lambda a, b: a * b, "multiply"),
        (lambda a, b: a.mul_(b), "multiply"),
        (lambda a, b: torch.where(a > b, a, b), "choose"),
        (lambda a, b: torch.maximum(a, b), "choose"),
        (lambda a, b: a @ b.T, "attend"),
        (lambda a, b: torch.einsum("bi,bj->bij", a, b), "attend"),
        (lambda a, b: F.scaled_dot_product_attention(a[None], b[None], b[None]), "attend"),
    ],
)
def test_two_ways_meet(function, how):
    net = Net(lambda own, x: function(own.a(x), own.b(x)), a=nn.Linear(4, 3), b=nn.Linear(4, 3))
    table = trace(net, (2, 4))
    last = {(e.source, e.how) for e in table.edges if e.target == len(table) - 1}
    assert {(0, how), (1, how)} <= last or how == "choose" and {how} == {h for _, h in last}


def test_layer_that_uses_two_tensors_is_where_they_meet():
    attention = nn.MultiheadAttention(4, 2, batch_first=True)
    net = Net(
        lambda own, x, y: own.attention(own.a(x), y, y)[0], a=nn.Linear(4, 4), attention=attention
    )
    table = trace(net, [torch.zeros(1, 5, 4), torch.zeros(1, 7, 4)])
    assert edges(table)[1:3] == [("a", "attention", "attend"), ("in2", "attention", "attend")]


def test_learned_constants_feed_what_uses_them():
    def forward(own, tokens):
        places = torch.arange(tokens.shape[1], device=tokens.device)
        return own.word(tokens) + own.place(places)

    net = Net(forward, word=nn.Embedding(9, 4), place=nn.Embedding(9, 4))
    table = trace(net, torch.zeros(2, 5, dtype=torch.int64))
    assert edges(table) == [
        ("in", "word", ""),
        ("word", "add", "add"),
        ("place", "add", "add"),
        ("add", "out", ""),
    ]
    assert table.shortcuts == ()


def branches(own, x):
    return F.relu(x + sum(path(x) for path in own.paths))


def shake(own, x):
    return x + 0.3 * own.paths[0](x) + 0.7 * own.paths[1](x)


def split_attention(own, x):
    first, second = own.paths[0](x), own.paths[1](x)
    seen = (first + second).mean((2, 3))
    weights = torch.stack([own.head(seen), own.head2(seen)]).softmax(0)[..., None, None]
    return weights[0] * first + weights[1] * second + x


@pytest.mark.parametrize("forward", [branches, shake, split_attention])
def test_equal_branches_are_no_shortcuts_the_input_is(forward):
    paths = nn.ModuleList([nn.Sequential(conv(4, 2, 1), conv(2, 4)) for _ in range(2)])
    net = Net(forward, paths=paths, head=nn.Linear(4, 4), head2=nn.Linear(4, 4))
    table = trace(net, (1, 4, 8, 8))
    assert [(s.start, s.layers) for s in table.shortcuts] == [(-1, ())]
    assert {row.path for row in table} == {"main"}


@pytest.mark.parametrize("count", [2, 3])
def test_equal_branches_alone_have_no_shortcut(count):
    paths = nn.ModuleList([nn.Sequential(conv(4, 2, 1), conv(2, 4)) for _ in range(count)])
    table = trace(Net(lambda own, x: sum(p(x) for p in own.paths), paths=paths), (1, 4, 8, 8))
    assert table.shortcuts == ()


def test_what_comes_from_elsewhere_is_no_shortcut():
    """A sum of two inputs, and one with a learned constant, go around nothing."""
    table = trace(Net(lambda own, x, y: own.a(x) + y, a=nn.Linear(4, 4)), [(1, 4), (1, 4)])
    assert table.shortcuts == ()
    made = nn.Sequential(nn.Linear(1, 3), nn.Linear(3, 4))
    net = Net(lambda own, x: own.a(x) + own.made(torch.ones(1)), a=nn.Linear(4, 4), made=made)
    table = trace(net, (1, 4))
    assert [row.name for row in table] == ["a", "made.0", "made.1", "add"]
    assert table.shortcuts == ()
    net = Net(lambda own, x: x + own.a(x) + own.made(torch.ones(1)), a=net.a, made=made)
    assert [(s.start, s.layers) for s in trace(net, (1, 4)).shortcuts] == [(-1, ())]


def highway(own, x):
    gate = torch.sigmoid(own.gate(x))
    return gate * torch.relu(own.main(x)) + (1 - gate) * x


def excite(own, x):
    out = own.conv(x)
    return x + out * torch.sigmoid(own.gate(out.mean((2, 3))))[..., None, None]


def in_place(own, x):
    out = own.first(x)
    kept = out
    out = own.relu(out)
    out = own.second(out)
    out += kept
    return out


@pytest.mark.parametrize(
    ("net", "shape", "found"),
    [
        (BasicBlock(4, 4), (4, 8, 8), [("in1", "add", [], -1)]),
        (
            BasicBlock(4, 8, 2),
            (4, 8, 8),
            [("in1", "add", ["downsample.0", "downsample.1"], -1)],
        ),
        # The carried input is a product with the gate: it goes around `main`.
        (
            Net(highway, gate=nn.Linear(4, 4), main=nn.Linear(4, 4)),
            (1, 4),
            [("in1", "add", ["mul"], -1)],
        ),
        (Net(excite, conv=conv(4, 4), gate=nn.Linear(4, 4)), (4, 8, 8), [("in1", "add", [], -1)]),
        # ReLU in place has changed what goes along the shortcut: it starts behind.
        (
            Net(in_place, first=conv(1, 2), relu=nn.ReLU(inplace=True), second=conv(2, 2)),
            (1, 8, 8),
            [("relu", "add", [], 1)],
        ),
        (
            Net(lambda own, x: own.a(x) + own.none(x), a=conv(1, 1), none=nn.Sequential()),
            (1, 8, 8),
            [],
        ),
        (Net(lambda own, x: x + own.a(x) * 0, a=conv(1, 1)), (1, 8, 8), [("in1", "add", [], -1)]),
        (nn.TransformerEncoderLayer(4, 2, 8), torch.zeros(3, 2, 4), None),
    ],
    ids=["identity", "projection", "highway", "SE", "in place", "equal", "scaled", "transformer"],
)
def test_shortcut_starts_where_the_paths_part(net, shape, found):
    table = trace(net, shape)
    if found is None:
        assert [(s.start, table[s.end].kind) for s in table.shortcuts] == [(-1, "add"), (3, "add")]
    else:
        assert shortcuts(table) == found


def test_a_loop_has_a_row_and_a_shortcut_per_turn():
    def forward(own, x):
        for _ in range(3):
            x = x + own.step(x)
        return x

    table = trace(Net(forward, step=conv(2, 2)), (2, 8, 8))
    assert [row.name for row in table] == ["step", "add"] * 3
    assert table.shortcuts == (Shortcut(-1, 1, ()), Shortcut(1, 3, ()), Shortcut(3, 5, ()))
    assert table.params == sum(row.params for row in table) == 2 * 2 * 9 + 2


@pytest.mark.parametrize("write", ["setitem", "copy", "add"])
def test_what_is_written_into_new_tensors_keeps_its_origin(write):
    def forward(own, x):
        out = torch.zeros(x.shape[0], 4, 8, 8)
        if write == "setitem":
            out[:, :2] = own.a(x)
            out[:, 2:] = own.b(x)
        elif write == "copy":
            out.copy_(torch.cat([own.a(x), own.b(x)], 1))
        else:
            out += torch.cat([own.a(x), own.b(x)], 1)
        return own.last(out)

    table = trace(Net(forward, a=conv(1, 2), b=conv(1, 2), last=conv(4, 1)), (1, 8, 8))
    before, todo = set(), [len(table) - 1]
    while todo:
        place = todo.pop()
        before |= {edge.source for edge in table.edges if edge.target == place}
        todo += [edge.source for edge in table.edges if edge.target == place and edge.source >= 0]
    assert {"a", "b"} <= {table[place].name for place in before if place >= 0}
    assert table[-1].receptive_field == 5


def test_a_mask_with_numbers_chooses_before_the_trace():
    net = Net(lambda own, x: own.b(own.a(x)[:, torch.arange(4) < 3]), a=conv(1, 4), b=conv(3, 1))
    assert trace(net, (1, 8, 8))["b"].in_shape == (3, 8, 8)


def test_two_ways_to_pool_are_branches():
    """Channel attention of CBAM (Woo et al. 2018, arXiv 1807.06521): equal ways, no shortcut."""

    def forward(own, x):
        ways = (x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True))
        return x * torch.sigmoid(sum(own.mlp(way) for way in ways))

    mlp = nn.Sequential(nn.Conv2d(4, 2, 1), nn.ReLU(), nn.Conv2d(2, 4, 1))
    table = trace(Net(forward, mlp=mlp), (4, 8, 8))
    assert table.shortcuts == ()
    assert [row.kind for row in table if row.kind in ("mean", "amax")] == ["mean", "amax"]


def test_a_sum_may_have_hundreds_of_terms():
    net = Net(lambda own, x: sum((own.f(x) for _ in range(600)), x), f=nn.Linear(2, 2))
    assert len(trace(net, (1, 2)).rows) == 1200
