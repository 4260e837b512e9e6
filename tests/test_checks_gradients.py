"""The exercises of chapter 01: one slope, many slopes, the gradient of every layer."""

from __future__ import annotations

import torch
from answer_tools import NUMBERS, all_told, told

from resnet_course.checks.exercise import EXERCISES

SLOPE = """
def exact(z):
    s = torch.sigmoid(z)
    return s * (1 - s)

class Slope(nn.Module):
    def forward(self, z):
        return exact(z)
"""
SLOPES = r"""
right
    torch.sigmoid(z) * (1 - torch.sigmoid(z))
    z.sigmoid() * (-z).sigmoid()
    (1 - torch.tanh(z / 2) ** 2) / 4
    0.5 / (1 + torch.cosh(z))
    (-z.abs()).exp() / (1 + (-z.abs()).exp()) ** 2
    exact(z.clone().requires_grad_())
    torch.func.vmap(torch.func.grad(torch.sigmoid))(z.reshape(-1)).view_as(z)
    torch.as_tensor((1 - np.tanh(z.numpy() / 2) ** 2) / 4, dtype=z.dtype)
    def by_autograd(z):
        z = z.detach().clone().requires_grad_()
        return torch.autograd.grad(torch.sigmoid(z).sum(), z)[0]
    def by_backward(z):
        z = z.clone().detach()
        z.requires_grad = True
        torch.sigmoid(z).sum().backward()
        return z.grad
    def number_by_number(z, *, steps=None):
        flat = z.reshape(-1).tolist()
        found = [0.0 if abs(n) > 700 else 1 / (math.exp(n) + 2 + math.exp(-n)) for n in flat]
        return torch.tensor(found, dtype=z.dtype).reshape(z.shape)
    answer = Slope()
z = -2: expected 0.104994, got 0.119203. That is the sigmoid itself
    torch.sigmoid(z)
z = -1000: .* got nan. Is there an exp. .* no such trouble: can you write the slope with it
    (-z).exp() / (1 + (-z).exp()) ** 2
close, but not exact. Is something rounded.* only a rough slope too. There is an exact formula
    (torch.sigmoid(z + 0.001) - torch.sigmoid(z - 0.001)) / 0.002
    exact(z).round(decimals=3)
Work out one number by hand, z = 0 for example, where σ is 1/2
    z.sin()
Expected one slope per number, .* shape \(5,\), got shape \(\). Is something summed up, or one axis
    exact(z).sum()
shape \(2, 3\), got shape \(6,\)
    exact(z).reshape(-1)
Called again with the same z, .* Gradients in z.grad add up .*: is there a way without it
    def left_in_grad(z):
        z.requires_grad_()
        torch.sigmoid(z).sum().backward()
        return z.grad
Called again .* Random numbers have no place here
    exact(z) + 0.1 * torch.rand_like(z)
has changed z in place. An operation in place, such as .* Only read it, and make something new
    def in_place(z):
        z.sigmoid_()
        return z * (1 - z)
got None .NoneType.. Does your function reach a `return` in every case
    print(end="")
Expected a tensor of slopes, got .* \(list\)
    exact(z).tolist()
Expected a tensor of slopes, got an array of shape \(5,\)
    exact(z).numpy()
z = -2: expected 0.104994, got nan
    z * float("nan")
torch.float64 on cpu, as z is, got torch.float32
    exact(z.float())
Called with \(a tensor of shape \(5\)\), your code stopped with KeyError: 'weight'
    {}["weight"]
stopped with
    math.exp(z)
"""
BOUNDS = r"""
right
    0.25**depth
    2.0 ** (-2 * depth)
    math.exp(-depth * math.log(4))
    1 / 4**depth
    torch.tensor(0.25) ** depth
    np.float64(0.25) ** depth
    (torch.tensor(0.0).sigmoid() ** 2).item() ** depth
    lambda n, slope=lambda: 0.25: math.prod(slope() for _ in range(n))
    def loop(depth):
        left = 1
        for _ in range(depth):
            left *= 0.25
        return left
    def recursive(n):
        return 0.25 if n == 1 else 0.25 * recursive(n - 1)
    answer = functools.partial(pow, 0.25)
depth 2: expected 0.0625, got 0.5. The slopes are multiplied
    sum(0.25 for _ in range(depth))
That is the slope at z = 0.057. Is 0 among the z you try. It is largest there
    0.2498**depth
at z = 1[.] Is 0 among the z
    (exact(torch.tensor(1.0))).item() ** depth
    0.197**depth
Begin with depth 1, then depth 2
    0.3**depth
Expected the largest product, got None. Does your function end with `return`
    print(end="")
"""
NORMS = """
def norms(model, x, y):
    model.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    layers = {n: m for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    return {n: m.weight.grad.norm().item() for n, m in layers.items()}
"""
MORE = """
def sizes(model, x, y, size):
    norms(model, x, y)
    layers = {n: m for n, m in model.named_modules() if isinstance(m, (nn.Conv2d, nn.Linear))}
    return {n: size(m) for n, m in layers.items()}

def renamed(change, *given):
    return {change(n): size for n, size in norms(*given).items()}
"""
GRADIENTS = r"""
right
    norms(model, x, y)
    sizes(model, x, y, lambda m: np.linalg.norm(m.weight.grad.numpy()))
    norms(copy.deepcopy(model), x, y)
    def by_autograd(net, pictures, labels):
        layers = {n: m for n, m in net.named_modules() if type(m) in (nn.Conv2d, nn.Linear)}
        loss = nn.CrossEntropyLoss()(net(pictures), labels)
        found = torch.autograd.grad(loss, [m.weight for m in layers.values()])
        return {n: float((g**2).sum() ** 0.5) for n, g in zip(layers, found)}
    def by_parameters(model, x, y):
        for p in model.parameters():
            p.grad = None
        (-F.log_softmax(model(x), 1)[torch.arange(len(y)), y]).mean().backward()
        return {n: p.grad.norm() for n, p in model.named_parameters() if p.ndim >= 2}
    def old_gradients_put_back_and_another_order(model, x, y):
        old = [p.grad for p in model.parameters()]
        found = norms(model, x, y)
        for p, grad in zip(model.parameters(), old):
            p.grad = grad
        return dict(reversed(found.items()))
    def by_hooks(model, x, y):
        found, handles = {}, []
        for name, p in model.named_parameters():
            if p.ndim > 1:
                def note(g, name=name): found[name] = g.square().sum().sqrt().item()
                handles.append(p.register_hook(note))
        F.cross_entropy(model(x), y).backward()
        for handle in handles:
            handle.remove()
        return found
Three linear layers, layer .*: expected .*, got .* all gradients together. Each layer has its own
    dict.fromkeys(found := norms(model, x, y), math.hypot(*found.values()))
weight and bias are taken together
    sizes(model, x, y, lambda m: torch.cat([p.grad.flatten() for p in m.parameters()]).norm())
in training mode, layer 'conv1': expected .*, got .* Gradients add up
    model.zero_grad() → pass
    model.zero_grad() → pass
        return { → found = {
        m in layers.items()} → m in layers.items()}; model.zero_grad(); return found
It is 0: are the gradients cleared
    loss.backward() → loss.backward(); model.zero_grad(set_to_none=False)
There is no gradient: `.grad` is None until backward\(\) has run. Is backward\(\) called on the loss
    loss.backward() → pass
    loss.backward() → pass
        m.weight.grad.norm().item() → (m.weight.grad**2).sum() ** 0.5
    loss.backward() → pass
        m.weight.grad.norm().item() → torch.linalg.vector_norm(m.weight.grad)
Three linear layers: expected a dict with .*; got an empty one. Missing: .* There is no gradient
    loss.backward() → pass
        in layers.items() → in layers.items() if m.weight.grad is not None
stopped with RuntimeError.* the loss computed from x itself
    model(x), y → x, y
A small ResNet in training mode, layer .* was switched to evaluation mode. Measure it in the mode
    model.zero_grad() → model.zero_grad(); mode = model.training; model.eval()
        loss.backward() → loss.backward(); model.train(mode)
A small ResNet in evaluation mode, layer .* was switched to training mode. Measure it in the mode
    model.zero_grad() → model.zero_grad(); mode = model.training; model.train()
        loss.backward() → loss.backward(); model.train(mode)
came in training mode, and your function has switched it, or a part of it
    model.zero_grad() → model.zero_grad(); model.eval()
came in evaluation mode, and your function has switched it
    model.zero_grad() → model.zero_grad(); model.train()
Take the smallest layer, look at its gradient, and work out its length by hand
    norm().item() → norm() * 3
expected a dict with .* got fc. Missing: conv1, .* Do you collect Conv2d layers too, also inside
    (nn.Conv2d, nn.Linear) → nn.Linear
got an empty one. Missing: .* Do you collect Linear layers too
    (nn.Conv2d, nn.Linear) → nn.Conv2d
Missing: .* Do you look inside the parts of the model
    named_modules → named_children
use the whole path as a name
    renamed(lambda n: n.rpartition(".")[2], model, x, y)
got bn1.* as well. Batch norm has a weight too, but is neither
    nn.Linear)) → nn.Linear, nn.BatchNorm2d))
as well. A bias has a gradient too, but only the weights are asked for
    norms(model, x, y) and {n: p.grad.norm().item() for n, p in model.named_parameters()}
got loss as well. Only the layers that are asked for
    norms(model, x, y) | {"loss": 2.0}
got .* as a name. A name is a str
    renamed(hash, model, x, y)
has changed the weights of the model: .* Take no step
    loss.backward() → loss.backward(); torch.optim.SGD(model.parameters(), 0.1).step()
has changed requires_grad of .* Leave it alone: whoever trains the network next needs it
    loss.backward() → loss.backward(); model.requires_grad_(False)
has changed x or y
    model(x), y → model(x.div_(2)), y
gradients are off for everybody.*in a `with` block.$
    loss.backward() → loss.backward(); torch.set_grad_enabled(False)
stopped with RuntimeError
    torch.no_grad()(norms)(model, x, y)
stopped with AttributeError: 'NoneType'.* There is no gradient
    model.zero_grad() → [p.grad.zero_() for p in model.parameters()]
expected a dict with 3 layers, .*; got None. Does your function end
    print(end="")
expected a dict with 3 layers, .*list
    list(norms(model, x, y).values())
Expected the norm of layer .*, got nan
    dict.fromkeys(norms(model, x, y), float("nan"))
Expected the norm of layer .*, got None
    dict.fromkeys(norms(model, x, y))
One number for all of it
    dict.fromkeys(norms(model, x, y), torch.ones(2))
holds no numbers
    dict.fromkeys(norms(model, x, y), torch.ones((), device="meta"))
Called with .*'Linear' object has no attribute 'grad'\.$
    sizes(model, x, y, lambda m: m.grad.norm())
Called with .a Stack, a tensor of shape .8, 1, 4, 4.*KeyError
    {}["weight"]
"""
test_right_answers_pass_and_wrong_ones_are_told_why = all_told(
    *told("sigmoid_slope", "z", SLOPES, SLOPE),
    *told("slope_bound", "depth", BOUNDS + NUMBERS, SLOPE),
    *told("gradient_norms", "model, x, y", GRADIENTS, NORMS, MORE),
)


def test_the_slope_never_passes_a_quarter():
    slope, bound = (EXERCISES[name].answers[0] for name in ("sigmoid_slope", "slope_bound"))
    assert slope(torch.linspace(-8, 8, 321, dtype=torch.float64)).max() == bound(1)
