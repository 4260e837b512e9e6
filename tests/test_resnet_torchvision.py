"""The eight networks that torchvision has too, against torchvision and the reference numbers."""

import copy
from pathlib import Path

import pytest
import torch
import torchvision
from helpers import count, equal, network
from torch import nn

from resnet_course import TrainConfig, drawn_garments, fit
from resnet_course.resnet import create_model, load_torchvision
from resnet_course.tracing import trace

# Parameters, keys of the state dict (where counted), multiply-adds at 224×224.
FACTS = {
    "resnet18": (11_689_512, 122, 1_814_073_344),
    "resnet34": (21_797_672, 218, 3_663_761_408),
    "resnet50": (25_557_032, 320, 4_089_184_256),
    "resnet101": (44_549_160, 626, 7_801_405_440),
    "resnet152": (60_192_808, 932, 11_513_626_624),
    "resnext50_32x4d": (25_028_904, None, 4_230_479_872),
    "resnext101_32x8d": (88_791_336, None, 16_414_015_488),
    "wide_resnet50_2": (68_883_240, None, 11_398_021_120),
}


@pytest.fixture(scope="module", params=FACTS)
def pair(request):
    """Name, our network with torchvision's weights, torchvision's own."""
    with torch.device("meta"):  # skip the initialisation, it would take most of the time
        ours = create_model(request.param)
        theirs = torchvision.models.get_model(request.param)
    ours, theirs = ours.to_empty(device="cpu"), theirs.to_empty(device="cpu")
    torch.manual_seed(0)
    for key, value in theirs.state_dict().items():
        if key.endswith("num_batches_tracked"):
            value.zero_()
        elif value.ndim == 1:  # all of batch normalisation, also the running statistics
            value.uniform_(0.5, 1.0)
        else:
            value.normal_(0, (2 / value[0].numel()) ** 0.5)
    assert load_torchvision(ours, theirs.state_dict()) == []
    return request.param, ours, theirs


def test_state_dict_has_the_same_keys_in_the_same_order(pair):
    name, ours, theirs = pair
    state, reference = ours.state_dict(), theirs.state_dict()
    assert list(state) == list(reference)
    assert len(state) == FACTS[name][1] or FACTS[name][1] is None
    assert equal(state, reference)
    theirs.load_state_dict(state, strict=True)  # the weights go back


def test_logits_and_a_training_step_are_equal(pair):
    """Same logits, same gradient for every weight, same running statistics afterwards."""
    _, ours, theirs = pair
    x, labels = torch.randn(2, 3, 33, 40), torch.tensor([3, 5])
    with torch.no_grad():
        logits = ours.eval()(x)
        assert torch.equal(logits, theirs.eval()(x))
    assert logits.shape == (2, 1000) and logits.isfinite().all() and logits.std() > 0
    steps = []
    for model in (ours.train(), theirs.train()):
        logits = model(x)
        loss = nn.functional.cross_entropy(logits, labels)
        steps.append([logits, *torch.autograd.grad(loss, list(model.parameters()))])
    assert all(gradient.abs().max() > 0 for gradient in steps[0])
    assert all(map(torch.equal, *steps))
    buffers = dict(ours.named_buffers())
    assert equal(buffers, dict(theirs.named_buffers()))
    assert buffers["bn1.num_batches_tracked"] == 1


def test_parameters_and_multiply_adds_are_the_reference_numbers(pair):
    name, ours, theirs = pair
    table = trace(ours, (1, 3, 224, 224))
    assert (table.params, table.macs) == (FACTS[name][0], FACTS[name][2])
    assert count(ours) == sum(row.params for row in table) == FACTS[name][0]
    meta = torchvision.models.get_model_weights(name).DEFAULT.meta
    assert meta["num_params"] == table.params
    assert meta["_ops"] == round(table.macs / 1e9, 3)
    same = trace(theirs, (1, 3, 224, 224))
    assert (same.params, same.macs) == (table.params, table.macs)


def test_weights_of_an_old_file_without_counted_batches_fit_too():
    """Such are torchvision's first files: torch's own batch norm fills in the count."""
    theirs = torchvision.models.resnet18().state_dict()
    old = {k: v for k, v in theirs.items() if not k.endswith("num_batches_tracked")}
    assert len(old) == 102
    model = create_model("resnet18")
    assert load_torchvision(model, old) == []
    assert equal({k: model.state_dict()[k] for k in old}, old)


def with_prefix(prefix: str):
    return lambda state: {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize(
    "clothes",
    [
        with_prefix("module."),
        with_prefix("_orig_mod."),
        with_prefix("module._orig_mod."),
        with_prefix("model."),  # of Lightning
        lambda state: {"model": state, "optimizer": {"state": {}, "param_groups": []}, "epoch": 3},
        lambda state: {"state_dict": with_prefix("module.")(state), "best": torch.tensor(0.7)},
        lambda state: {"config": {"lr": 0.1}, "anything": state},
    ],
)
@pytest.mark.parametrize("as_file", [None, str, Path])
def test_weights_come_in_other_clothes(clothes, as_file, tmp_path):
    source, model = create_model("resnet8").state_dict(), create_model("resnet8")
    given = clothes(source)
    if as_file:
        torch.save(given, tmp_path / "weights.pth")
        given = as_file(tmp_path / "weights.pth")
    assert load_torchvision(model, given) == []
    assert equal(model.state_dict(), source)


def test_the_checkpoint_of_a_run_is_such_a_file_too(tmp_path):
    model, again = network(), network(num_classes=10)
    config = TrainConfig(epochs=1, batch_size=20, bfloat16=False, device="cpu")
    fit(model, drawn_garments(20, 10), config, out=tmp_path, progress=False)
    for name in ("last.pt", "best.pt"):
        assert load_torchvision(again, tmp_path / name) == []
        assert equal(again.state_dict(), model.state_dict())


@pytest.mark.parametrize(
    "head",
    [
        {},
        {"fc.1.weight": torch.zeros(5, 64)},
        {"fc.weight": torch.zeros(1000, 64), "fc.bias": torch.zeros(1000)},
    ],
)
def test_weights_without_a_head_or_with_another_one_leave_it_out(head):
    source, model = create_model("resnet8").state_dict(), create_model("resnet8")
    fresh = {key: model.state_dict()[key].clone() for key in ("fc.weight", "fc.bias")}
    trunk = {key: value for key, value in source.items() if key not in fresh}
    assert load_torchvision(model, trunk | head) == ["fc.weight", "fc.bias"]
    assert equal(model.state_dict(), source | fresh)


def test_what_pickle_could_run_is_not_loaded(tmp_path):
    torch.save(create_model("resnet8"), tmp_path / "model.pth")
    with pytest.raises(ValueError, match="not be safe to load: torch.save"):
        load_torchvision(create_model("resnet8"), tmp_path / "model.pth")


def weights(name="resnet18", without=None, **changed):
    """Torchvision's weights, without one of them or with tensors of other shapes."""
    with torch.device("meta"):
        state = torchvision.models.get_model(name).state_dict()
    return {k: v for k, v in state.items() if k != without} | changed


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (weights("resnet34"), "another architecture.*are unknown"),
        (weights("alexnet"), "another architecture"),
        ({}, "another architecture: 100 keys are missing"),
        (
            weights(without="layer2.0.downsample.0.weight"),
            r"1 keys are missing \['layer2.0.downsample.0.weight'\], 0 are unknown",
        ),
        (
            weights(**{"conv1.weight": torch.zeros(64, 1, 7, 7)}),
            r"conv1.weight has shape \(64, 1, 7, 7\).*\(64, 3, 7, 7\)",
        ),
        (
            weights(**{"layer4.1.bn2.bias": torch.zeros(64)}),
            r"layer4.1.bn2.bias has shape \(64,\).*\(512,\)",
        ),
    ],
    ids=["deeper", "alexnet", "nothing", "one key less", "other stem", "other norm"],
)
def test_state_dict_that_does_not_fit_changes_nothing(state, says):
    model = create_model("resnet18")
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ValueError, match=says):
        load_torchvision(model, state)
    assert equal(model.state_dict(), before)
