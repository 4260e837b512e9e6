"""The tracer follows whatever a learner writes."""

from dataclasses import dataclass, replace

import pytest
import torch
from helpers import Net, count
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from torch.utils.checkpoint import checkpoint
from torchvision.ops import DeformConv2d

from resnet_course.resnet import create_model
from resnet_course.tracing import trace
from resnet_course.tracing.rows import join


def test_functions_have_rows_too():
    """No layers at all, as in a lesson that starts from torch.nn.functional."""

    def forward(own, x):
        x = F.relu(F.conv2d(x, own.kernel, stride=2, padding=1))
        x = torch.relu_(x)
        x += 1
        x = F.adaptive_avg_pool2d(F.max_pool2d(x, 2), 1)
        return F.linear(torch.flatten(x, 1), own.matrix)

    kernel, matrix = nn.Parameter(torch.randn(4, 3, 3, 3)), nn.Parameter(torch.randn(10, 4))
    model = Net(forward, kernel=kernel, matrix=matrix)
    table = trace(model, (2, 3, 8, 8))
    assert [row.kind for row in table] == [
        *("conv2d", "relu", "relu", "add", "max_pool2d", "adaptive_avg_pool2d", "flatten", "linear")
    ]
    assert table[0].out_shape == (4, 4, 4)
    assert (table[0].kernel, table[0].stride, table[0].padding) == ((3, 3), (2, 2), (1, 1))
    assert (table.params, table.macs) == (4 * 27 + 40, 4 * 16 * 27 + 40)
    assert sum(row.params for row in table) == table.params
    inside = trace(nn.Sequential(model), (2, 3, 8, 8))  # a custom layer is one row
    assert [(row.kind, row.params, row.macs) for row in inside] == [
        ("Net", table.params, table.macs)
    ]


def test_dicts_and_tuples_go_in_and_out():
    inner = Net(
        lambda own, x: {"logits": (own.b(x["hidden"]), x["skip"])},
        a=nn.Linear(4, 3),
        b=nn.Linear(3, 2),
    )
    boxed = Net(
        lambda own, x: (own.inner({"hidden": own.first(x), "skip": [x]}), None, "text"),
        first=nn.Linear(4, 3),
        inner=inner,
    )
    table = trace(boxed, (5, 4))
    rows = [(row.name, row.kind, row.out_shape) for row in table]
    assert rows == [("first", "Linear", (3,)), ("inner", "unused", ()), ("inner.b", "Linear", (2,))]
    assert table.params == count(boxed)  # the unused layer too
    joined = table.grouped(1)["inner"]
    assert (joined.in_shape, joined.out_shape, joined.params) == ((3,), (2,), count(inner))
    assert table.macs == 4 * 3 + 3 * 2


@pytest.mark.parametrize("order", ["ab", "ba"])
def test_a_folder_has_the_shapes_of_its_steps_wherever_an_unused_row_stands(order):
    used = trace(nn.Linear(4, 3), (5, 4))[0]
    rows = {"a": used, "b": replace(used, kind="unused", in_shape=(), out_shape=())}
    joined = join([rows[name] for name in order])
    assert (joined.in_shape, joined.out_shape) == ((4,), (3,))
    assert join([rows["b"]] * 2).in_shape == ()


def test_several_inputs_of_several_kinds():
    def forward(own, image, tokens, scale):
        pooled = own.image(image).mean(dim=(2, 3))
        return torch.cat([pooled * scale, own.text(tokens).mean(dim=1)], dim=1)

    model = Net(forward, image=nn.Conv2d(1, 2, 3), text=nn.Embedding(50, 2))
    table = trace(model, [(3, 1, 8, 8), torch.randint(50, (3, 7)), (3, 1)])
    assert [row.kind for row in table] == ["Conv2d", "mean", "mul", "Embedding", "mean", "cat"]
    assert table["text"].in_shape == (7,)
    assert table["text"].out_shape == (7, 2)
    assert table[-1].out_shape == (4,)
    assert table.macs == 2 * 6 * 6 * 9


def test_layers_in_plain_lists():
    """PyTorch does not see them, a common beginner's mistake."""
    hidden, named = [nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)], {"last": nn.Conv2d(4, 4, 6)}
    model = Net(
        lambda own, x: nn.ReLU()(own.named["last"](own.hidden[1](own.hidden[0](x)))),
        hidden=hidden,
        named=named,
    )
    fired = []
    hidden[0].register_forward_hook(lambda *_: fired.append(1))
    before = hidden[1].running_mean.clone(), hidden[0].weight.clone()
    table = trace(model, (2, 3, 8, 8))
    assert [row.kind for row in table] == ["conv2d", "batch_norm", "conv2d", "relu"]
    assert table.params == count(model) == 0
    assert table.macs == 4 * 36 * 27 + 4 * 4 * 36
    assert fired == []
    assert torch.equal(hidden[1].running_mean, before[0])
    assert torch.equal(hidden[0].weight, before[1])
    assert hidden[1].num_batches_tracked == 0 and hidden[1].training


@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize(
    "normalise",
    [
        nn.utils.weight_norm,
        nn.utils.spectral_norm,
        parametrizations.weight_norm,
        parametrizations.spectral_norm,
        parametrizations.orthogonal,
    ],
)
def test_parametrized_layer_is_one_row(normalise):
    model = nn.Sequential(normalise(nn.Conv2d(3, 4, 3)), nn.ReLU(), normalise(nn.Conv2d(4, 4, 1)))
    table = trace(model, (1, 3, 8, 8))
    assert [(row.name, row.kind) for row in table] == [
        ("0", "Conv2d"),
        ("1", "ReLU"),
        ("2", "Conv2d"),
    ]
    assert table.params == sum(row.params for row in table) == count(model)
    assert table.macs == 4 * 36 * 27 + 4 * 36 * 4
    assert table[-1].receptive_field == 3


def in_place_net():
    def forward(own, x):
        out = own.relu(own.norm(own.conv(x)))
        out += own.match(x)
        out *= 2
        return own.relu(out)

    layers = {"conv": nn.Conv2d(4, 4, 3, padding=1), "match": nn.Conv2d(4, 4, 1)}
    return Net(forward, norm=nn.BatchNorm2d(4), relu=nn.ReLU(inplace=True), **layers)


def test_in_place_functions():
    table = trace(in_place_net(), (1, 4, 8, 8))
    kinds = ["Conv2d", "BatchNorm2d", "ReLU", "Conv2d", "add", "mul", "ReLU"]
    assert [row.kind for row in table] == kinds
    assert [row.name for row in table if row.path == "shortcut"] == ["match"]
    assert [row.receptive_field for row in table] == [3, 3, 3, 1, 3, 3, 3]


@pytest.mark.parametrize(
    "change",
    [
        *(lambda model, dtype=dtype: model.to(dtype) for dtype in (torch.float16, torch.bfloat16)),
        lambda model: model.double(),
        lambda model: model.requires_grad_(False),
        lambda model: model.to("meta"),
        lambda model: torch.compile(model, backend="eager"),
    ],
    ids=["float16", "bfloat16", "float64", "frozen", "meta", "compiled"],
)
def test_other_precisions_frozen_and_compiled_models_have_the_same_rows(change):
    table = trace(create_model("resnet8"), (1, 3, 16, 16))
    model = change(create_model("resnet8"))
    before = next(model.parameters()).dtype
    assert trace(model, (1, 3, 16, 16)).rows == table.rows
    assert next(model.parameters()).dtype == before


def test_batch_norm_in_train_mode_on_single_pixels():
    model = nn.Sequential(nn.Conv2d(3, 8, 4), nn.BatchNorm2d(8)).train()
    with pytest.raises(ValueError, match="more than 1 value per channel"):
        model(torch.zeros(1, 3, 4, 4))  # what PyTorch itself makes of it
    assert trace(model, (1, 3, 4, 4))[-1].out_shape == (8, 1, 1)
    assert model.training


def test_model_that_keeps_an_activation():
    """A tensor with a history, stored by forward, cannot be copied in the ordinary way."""
    model = in_place_net()
    model.kept = model.conv(torch.randn(1, 4, 8, 8))
    model.seen = {"all": [model.kept]}
    assert len(trace(model, (1, 4, 8, 8))) == 7
    assert model.kept.grad_fn is not None


@pytest.mark.parametrize("batch_first", [True, False])
def test_transformer(batch_first):
    model = nn.Transformer(16, 4, 1, 2, 32, batch_first=batch_first)
    source, target = torch.zeros(2, 5, 16), torch.zeros(2, 7, 16)
    if not batch_first:
        source, target = torch.zeros(5, 2, 16), torch.zeros(7, 2, 16)
    table = trace(model, [source, target])
    assert table.params == sum(row.params for row in table) == count(model)
    kinds = [row.kind for row in table]
    assert kinds.count("MultiheadAttention") == 1 + 2 * 2
    assert kinds.count("add") == 2 + 2 * 3
    assert table["encoder.layers.0.linear1"].params == 16 * 32 + 32
    assert table["encoder.layers.0.self_attn"].params == 4 * (16 * 16 + 16)
    if batch_first:
        assert table["encoder.layers.0.linear1"].macs == 5 * 16 * 32
        assert table["encoder.layers.0.self_attn"].macs == 5 * 4 * 16 * 16 + 2 * 5 * 5 * 16


def gates(inputs, hidden, of, layers=1, directions=1, projected=0):
    """Multiply-adds of a recurrent layer for one step: every gate reads the input and the state."""
    state = projected or hidden
    total = 0
    for layer in range(layers):
        wide = inputs if layer == 0 else directions * state
        total += directions * (of * hidden * (wide + state) + hidden * projected)
    return total


@pytest.mark.parametrize(
    ("layer", "per_step"),
    [
        (nn.RNN(4, 5, batch_first=True), gates(4, 5, 1)),
        (nn.LSTM(4, 5, batch_first=True), gates(4, 5, 4)),
        (nn.LSTM(4, 5, 2, bidirectional=True, batch_first=True), gates(4, 5, 4, 2, 2)),
        (nn.LSTM(4, 6, proj_size=3, batch_first=True), gates(4, 6, 4, projected=3)),
        (nn.GRU(4, 5, 3, bias=False, batch_first=True), gates(4, 5, 3, 3)),
    ],
    ids=["RNN", "LSTM", "both directions", "projected", "GRU"],
)
def test_recurrent_layers_by_their_formula(layer, per_step):
    table = trace(layer, torch.zeros(2, 7, 4))
    [row] = table
    assert (row.in_shape, row.params, row.macs) == ((7, 4), count(layer), 7 * per_step)
    layer.batch_first = False
    for given in (torch.zeros(7, 2, 4), torch.zeros(7, 4)):
        [same] = trace(layer, given)
        assert (same.in_shape, same.out_shape) == (row.in_shape, row.out_shape)
        assert (same.params, same.macs) == (row.params, row.macs)
    # And inside a network that takes its sequences as the layer does.
    net = Net(
        lambda own, x: own.head(own.layer(x)[0][-1]),
        layer=layer,
        head=nn.Linear(row.out_shape[-1], 3),
    )
    inside = trace(net, torch.zeros(7, 2, 4))
    assert [r.in_shape for r in inside] == [(7, 4), (row.out_shape[-1],)]
    assert [r.macs for r in inside] == [7 * per_step, 3 * row.out_shape[-1]]
    assert [r.macs for r in trace(net, torch.zeros(7, 4))] == [r.macs for r in inside]


def test_recurrent_layer_with_a_state_and_with_packed_sequences():
    def with_state(own, x):
        state = torch.zeros(1, x.size(0), 5)
        return own.layer(x, (state, torch.zeros(1, x.size(0), 5, device=x.device)))[0]

    def packed(own, x):
        lengths = torch.full((x.size(0),), x.size(1))
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True)
        return nn.utils.rnn.pad_packed_sequence(own.layer(packed)[0], batch_first=True)[0]

    for forward in (with_state, packed):
        row = trace(Net(forward, layer=nn.LSTM(4, 5, batch_first=True)), torch.zeros(2, 7, 4))[-1]
        assert (row.kind, row.out_shape, row.macs) == ("LSTM", (7, 5), 7 * gates(4, 5, 4))


def attention(own, x):
    query, key, value = own.qkv(x).chunk(3, dim=-1)
    steps = x.shape[1]
    later = torch.triu(torch.full((steps, steps), float("-inf")), diagonal=1)
    scores = query @ key.transpose(1, 2) / query.shape[-1] ** 0.5 + later
    return scores.softmax(-1) @ value


def masked(own, x):
    steps = x.shape[1]
    later = torch.tril(torch.ones(steps, steps, dtype=torch.bool)).logical_not()
    padding = torch.zeros(x.shape[:2], dtype=torch.bool)
    return own.attention(x, x, x, attn_mask=later, key_padding_mask=padding)[0]


def dynamic(own, x):
    """Each picture has kernels of its own, a mixture of four."""
    batch, channels, height, width = x.shape
    mixture = own.attention(x.mean((2, 3))).softmax(1)
    kernels = (mixture @ own.kernels.flatten(1)).view(batch * 5, channels, 3, 3)
    out = F.conv2d(x.reshape(1, -1, height, width), kernels, padding=1, groups=batch)
    return out.view(batch, 5, height, width)


def unfolded(own, x):
    return (own.matrix @ F.unfold(x, 3, padding=1)).unflatten(-1, x.shape[2:])


def deformable(own, x):
    return own.conv(x, own.offset(x))


def parameter(*shape):
    return nn.Parameter(torch.zeros(shape))


SEQUENCE, PICTURE = (2, 6, 8), (2, 3, 8, 8)


@pytest.mark.parametrize(
    ("net", "shape", "macs"),
    [
        (Net(attention, qkv=nn.Linear(8, 24)), SEQUENCE, 6 * 8 * 24 + 2 * 6 * 6 * 8),
        (
            Net(masked, attention=nn.MultiheadAttention(8, 2, batch_first=True)),
            SEQUENCE,
            6 * 4 * 8 * 8 + 2 * 6 * 6 * 8,
        ),
        (
            Net(
                lambda own, x: torch.bmm(x.softmax(-1), x.transpose(1, 2) @ own.w(x)),
                w=nn.Linear(8, 8),
            ),
            SEQUENCE,
            6 * 8 * 8 + 2 * 6 * 8 * 8,
        ),
        (
            Net(lambda own, x: torch.einsum("bti,oi->bto", x, own.w), w=parameter(5, 8)),
            SEQUENCE,
            6 * 8 * 5,
        ),
        (
            Net(lambda own, x: x @ own.a.T @ own.b.T, a=parameter(2, 8), b=parameter(5, 2)),
            SEQUENCE,
            6 * 26,
        ),
        (
            Net(lambda own, x: F.scaled_dot_product_attention(own.w(x), x, x), w=nn.Linear(8, 8)),
            SEQUENCE,
            6 * 8 * 8 + 2 * 6 * 6 * 8,
        ),
        (
            Net(dynamic, attention=nn.Linear(3, 4), kernels=parameter(4, 5, 3, 3, 3)),
            PICTURE,
            3 * 4 + 4 * 5 * 27 + 27 * 5 * 64,
        ),
        (Net(unfolded, matrix=parameter(4, 27)), PICTURE, 4 * 27 * 64),
        (
            Net(
                deformable,
                offset=nn.Conv2d(3, 18, 3, padding=1),
                conv=DeformConv2d(3, 4, 3, padding=1),
            ),
            PICTURE,
            27 * 18 * 64 + 27 * 4 * 64,
        ),
        (
            Net(
                deformable,
                offset=nn.Conv2d(3, 18, 1),
                conv=DeformConv2d(3, 6, 3, padding=1, groups=3),
            ),
            PICTURE,
            3 * 18 * 64 + 9 * 6 * 64,
        ),
    ],
    ids=[
        *("attention", "masks", "bmm", "einsum", "own matrices", "scaled product"),
        *("dynamic", "unfold", "deformable", "deformable in groups"),
    ],
)
def test_products_of_all_kinds_count(net, shape, macs):
    table = trace(net, torch.zeros(shape))
    assert table.macs == sum(row.macs for row in table) == macs
    assert table.params == sum(row.params for row in table) == count(net)
    assert table.uncounted == ""


@pytest.mark.parametrize(
    ("net", "given", "words"),
    [
        (
            Net(lambda own, x: torch.cdist(own.a(x), own.b), a=nn.Linear(4, 3), b=parameter(5, 3)),
            (2, 4),
            "distances",
        ),
        (
            Net(lambda own, x: torch.fft.rfft2(own.a(x)).abs(), a=nn.Linear(4, 4)),
            (2, 4),
            "Fourier transforms",
        ),
        (
            Net(lambda own, x: torch.linalg.svd(own.a(x))[1], a=nn.Linear(4, 4)),
            (2, 6, 4),
            "matrix decompositions",
        ),
        (nn.Bilinear(4, 4, 5), [(2, 4), (2, 4)], "bilinear products"),
    ],
    ids=["cdist", "FFT", "SVD", "Bilinear"],
)
def test_what_is_not_counted_is_said(net, given, words):
    given = torch.zeros(given) if len(given) == 3 else given
    table = trace(net, given)
    assert table.uncounted == words
    assert [row.uncounted for row in table if row.uncounted] == [words]
    lines = str(table).splitlines()
    assert sum(f"without {words}" in line for line in lines) == 2 and words in lines[-1]


@dataclass
class Output:
    logits: torch.Tensor
    hidden: tuple


def language_model(own, input_ids, attention_mask=None):
    hidden = own.embed(input_ids) * attention_mask[..., None]
    return Output(hidden @ own.embed.weight.T, (hidden,))


def keyword_only(own, *, x, flag=True):
    assert flag and x.dtype == torch.float32
    return {"out": own.layer(x)}


@pytest.mark.parametrize(
    ("net", "given", "shapes"),
    [
        (
            Net(language_model, embed=nn.Embedding(9, 4)),
            {name: torch.ones(2, 5, dtype=torch.int64) for name in ("input_ids", "attention_mask")},
            [(5, 4), (5, 4), (5, 9)],
        ),
        (Net(keyword_only, layer=nn.Linear(4, 3)), {"x": (2, 4)}, [(3,)]),
        (
            Net(lambda own, x: own.a(x.float() / 255), a=nn.Conv2d(3, 4, 3)),
            torch.zeros(2, 3, 8, 8, dtype=torch.uint8),
            [(4, 6, 6)],
        ),
        (nn.Sequential(nn.Conv1d(2, 3, 3), nn.ReLU()), torch.zeros(2, 9), [(3, 7)] * 2),
        (nn.Sequential(nn.Conv3d(2, 3, 3), nn.ReLU()), torch.zeros(2, 9, 9, 9), [(3, 7, 7, 7)] * 2),
        (
            Net(lambda own, x: own.a(x.half()).float(), a=nn.Linear(4, 3).half()),
            (2, 4),
            [(3,)],
        ),
        (
            Net(lambda own, x: torch.complex(own.a(x), own.a(x)).abs(), a=nn.Linear(4, 3)),
            (2, 4),
            [(3,), (3,), (3,)],
        ),
        (
            Net(
                lambda own, x: own.a(x.to("cpu")).to(device="cpu", dtype=torch.float64),
                a=nn.Linear(4, 3),
            ),
            (2, 4),
            [(3,)],
        ),
        (
            Net(lambda own, x: own.a(x) / torch.tensor(x.shape[1]).item(), a=nn.Linear(4, 3)),
            (2, 4),
            [(3,)],
        ),
    ],
    ids=[
        *("dictionary", "keyword-only", "uint8", "no batch 1d", "no batch 3d", "half inside"),
        *("complex", "to cpu", "item of a shape"),
    ],
)
def test_inputs_as_pytorch_takes_them(net, given, shapes):
    table = trace(net, given)
    assert [row.out_shape for row in table] == shapes
    assert table.params == sum(row.params for row in table) == count(net)
    assert any(edge.target == len(table) for edge in table.edges)


def without_gradients(own, x):
    with torch.no_grad():
        first = own.layer(x)
    with torch.inference_mode():
        second = own.layer(x)
    return first + second.detach()


def in_inference_mode(own, x):
    with torch.inference_mode():
        first, second = own.layer(x), own.layer(nn.Identity()(x))
    return first.clone() + second.clone()


def automatic(own, x):
    with torch.autocast("cpu", dtype=torch.bfloat16):
        return own.layer(x).float() + checkpoint(own.layer, x, use_reentrant=False)


def with_other_weights(own, x):
    weights = {name: 2 * weight for name, weight in own.layer.named_parameters()}
    return own.layer(x) + torch.func.functional_call(own.layer, weights, (x,))


@pytest.mark.parametrize(
    "forward", [without_gradients, in_inference_mode, automatic, with_other_weights]
)
def test_every_way_to_call_a_layer_counts(forward):
    net = Net(forward, layer=nn.Linear(4, 3))
    table = trace(net, (2, 4))
    assert [(row.name, row.macs) for row in table] == [("layer", 12), ("layer", 12), ("add", 0)]
    assert table.params == sum(row.params for row in table) == count(net)


def test_pixels_of_whole_numbers_have_channels_too():
    net = Net(lambda own, x: own.a(x.float() / 255), a=nn.Conv2d(3, 4, 1))
    for given in (torch.zeros(2, 3, 8, 9, dtype=torch.uint8), torch.zeros(2, 3, 8, 9)):
        row = trace(net, given)["a"]
        assert (row.receptive_field, row.channels, len(row.field)) == (1, (0, 0), 2)
    first = nn.Conv2d(16, 2, 3, dtype=torch.complex64)
    row = trace(first, torch.zeros(1, 16, 9, 9, dtype=torch.complex64))[0]
    assert row.receptive_field == 3


def test_a_table_of_weights_costs_the_same_for_one_to_four_pictures():
    net = Net(
        lambda own, x: x @ (own.w + own.a @ own.b),
        w=nn.Parameter(torch.ones(6, 6)),
        a=nn.Parameter(torch.ones(6, 2)),
        b=nn.Parameter(torch.ones(2, 6)),
    )
    assert [trace(net, (n, 6)).macs for n in (1, 2, 3, 4)] == [6 * 6 + 6 * 2 * 6] * 4


@pytest.mark.parametrize(
    ("forward", "macs"),
    [
        (lambda own, x: x @ own.query, 5 * 8),
        (lambda own, x: torch.stack([torch.mv(each, own.query) for each in x]), 5 * 8),
        (lambda own, x: torch.stack([torch.addmv(own.five, e, own.query) for e in x]), 5 * 8),
        (lambda own, x: torch.stack([torch.dot(each[0], own.query) for each in x]), 8),
    ],
)
def test_products_with_a_vector_are_counted(forward, macs):
    net = Net(forward, query=nn.Parameter(torch.ones(8)), five=nn.Parameter(torch.ones(5)))
    assert trace(net, torch.zeros(1, 5, 8)).macs == macs


def test_what_comes_before_the_first_layer_leaves_the_axes_where_they_were():
    scaled = nn.Sequential(nn.ReLU(), nn.Conv2d(3, 8, 3))
    one = trace(scaled, torch.zeros(3, 32, 32))
    assert (one[1].in_shape, one.macs) == ((3, 32, 32), 3 * 9 * 8 * 30 * 30)
    ring = nn.Conv2d(3, 8, 3, padding=1, padding_mode="circular")
    assert trace(ring, torch.zeros(3, 32, 32))[0].in_shape == (3, 32, 32)
    cut = trace(Net(lambda own, x: own.a(x[:, 2:-2, 2:-2]), a=ring), torch.zeros(3, 32, 32))
    assert cut["a"].in_shape == (3, 28, 28)
    turned = Net(lambda own, x: own.a(x.transpose(1, 2)), a=nn.Linear(8, 4))
    sees = [trace(turned, torch.zeros(2, 8, length))["a"].sees for length in (8, 9)]
    assert sees == ["1 value"] * 2
    words = nn.Sequential(nn.Dropout(), nn.Linear(8, 4))
    given = torch.zeros(2, 60, 8)
    assert trace(words, given)["1"].sees == trace(words[1], given)[0].sees == "1 value"


@dataclass(slots=True)
class Narrow:
    """An output that has no `__dict__`."""

    logits: torch.Tensor


def test_a_dataclass_with_slots_is_looked_into():
    net = Net(
        lambda own, x: own.second(own.first(x)),
        first=Net(lambda own, x: Narrow(own.layer(x)), layer=nn.Linear(4, 3)),
        second=Net(lambda own, given: own.layer(given.logits), layer=nn.Linear(3, 2)),
    )
    assert [row.name for row in trace(net, (2, 4))] == ["first.layer", "second.layer"]


def test_unused_parameters_have_a_row_in_the_place_of_their_module():
    first, last = nn.Linear(4, 4), nn.Linear(4, 4)
    last.weight = first.weight  # a shared weight counts once
    spare = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2))
    layers = {"first": first, "spare": spare, "last": last, "scale": parameter(3)}
    net = Net(lambda own, x: own.last(own.first(x)), **layers)
    table = trace(net, (1, 4))
    rows = [(row.name, row.kind, row.params, row.macs) for row in table]
    assert rows == [
        ("first", "Linear", 20, 16),
        ("spare", "unused", 30, 0),
        ("scale", "unused", 3, 0),
        ("last", "Linear", 4, 16),
    ]
    assert table.params == count(net) == 57
    assert [(edge.source, edge.target) for edge in table.edges] == [(-1, 0), (0, 3), (3, 4)]
