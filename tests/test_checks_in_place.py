"""Batch norm and the optimiser's step: every right way passes, every mistake gets its words."""

from __future__ import annotations

from answer_tools import all_told, told

NORM = """
def norm(x, weight, bias, running_mean, running_var, training, momentum=0.1, eps=1e-5):
    axes, mean, var = (0, 2, 3), running_mean, running_var
    if training:
        mean, var = x.mean(axes), x.var(axes, unbiased=False)
        large = x.var(axes)
        with torch.no_grad():
            running_mean += momentum * (mean - running_mean)
            running_var += momentum * (large - running_var)
    z = (x - mean[:, None, None]) / (var[:, None, None] + eps) ** 0.5
    return weight[:, None, None] * z + bias[:, None, None]
"""
NORMS = r"""
right
    answer = norm
    def of_torch(x, weight, bias, mean, var, training, momentum=0.1, eps=1e-5):
        return F.batch_norm(x, mean, var, weight, bias, training, momentum, eps)
    def of_a_layer(x, weight, bias, mean, var, training, momentum=0.1, eps=1e-5):
        layer = nn.BatchNorm2d(len(mean), eps, momentum).train(training)
        layer.weight, layer.bias = nn.Parameter(weight), nn.Parameter(bias)
        layer.running_mean, layer.running_var = mean, var
        return layer(x)
    def in_double(x, weight, bias, mean, var, training, momentum=0.1, eps=1e-5):
        z, m, v = x.double(), mean, var
        if training:
            m, v = z.mean((0, 2, 3)), z.var((0, 2, 3), correction=0)
            n = x.numel() // x.shape[1]
            mean[:] = (1 - momentum) * mean + momentum * m.detach()
            var.copy_((1 - momentum) * var + momentum * v.detach() * n / (n - 1))
        z = (z - m.reshape(1, -1, 1, 1)) * (v.reshape(1, -1, 1, 1) + eps).rsqrt()
        return (weight.reshape(1, -1, 1, 1) * z + bias.reshape(1, -1, 1, 1)).float()
    def channel_by_channel(x, weight, bias, mean, var, training, momentum=0.1, eps=1e-5):
        out = torch.empty_like(x)
        for c in range(x.shape[1]):
            part = x[:, c]
            m, v = mean[c].clone(), var[c].clone()
            if training:
                m = part.sum() / part.numel()
                v = ((part - m) ** 2).sum() / part.numel()
                mean[c] = torch.lerp(mean[c], m.detach(), momentum)
                var[c] = (1 - momentum) * var[c] + momentum * part.var().item()
            out[:, c] = weight[c] * (part - m) / torch.sqrt(v + eps) + bias[c]
        return out
    running_mean += momentum * (mean - running_mean) → running_mean.lerp_(mean, momentum)
    x.mean(axes), x.var(axes, unbiased=False) → torch.var_mean(x, axes, correction=0)[::-1]
Training: the output at .*: expected .* `var` divides by count − 1 if you say nothing
    unbiased=False → unbiased=True
running_var at .*: expected .* takes the variance that divides by count − 1
    large - → var -
Each channel has one mean and one variance, .* shape \(C, 1, 1\)
    mean(axes) → mean(0)
    mean(axes) → mean((2, 3))
    [:, None, None] → [None, :]
    mean(axes) → mean(axes, keepdim=True)
    [:, None, None] →
        mean(axes), x.var(axes, unbiased=False) → mean(axes, True), x.var(axes, False, True)
        large = x.var(axes) → large = x.var(axes, keepdim=True)
        running_mean += momentum * ( → running_mean.data = running_mean + momentum * (
        running_var += momentum * ( → running_var.data = running_var + momentum * (
taken over everything. Each channel has its own
    x.mean(axes) → x.mean() + 0 * weight
        x.var(axes, unbiased=False) → x.var(unbiased=False) + 0 * weight
        large = x.var(axes) → large = x.var()
In evaluation running_mean or running_var has changed. They move in training only
    if training → if True
Evaluation: the output.* uses the statistics of the batch
    (0, 2, 3), running_mean, running_var → (0, 2, 3), x.mean((0, 2, 3)), x.var((0, 2, 3))
running statistics now remember how they were computed
    with torch.no_grad() → if True
No gradient comes back from the output: is no_grad or detach used
    answer = torch.no_grad()(norm)
Your function has changed x, weight or bias
    z = (x - mean → x -= mean[:, None, None].detach(); z = (x - 0 * mean
    z = ( → weight += 0.1; z = (
Expected the shape of x, \(4, 3, 2, 5\), got \(3, 2, 5\)
    return → return z[0] #
got None \(NoneType\). Does your function reach a `return`
    return → return print(end="") #
Expected torch.float32 .* got torch.float64
    return → return z.double() #
Work out one channel by hand
    z + bias → z * z + bias
"""
STEP = """
@torch.no_grad()
def step(params, grads, velocities, lr, momentum, weight_decay):
    for p, g, v in zip(params, grads, velocities):
        v *= momentum
        v += g + weight_decay * p
        p -= lr * v
"""
STEPS = r"""
right
    answer = step
    def of_torch(params, grads, velocities, lr, momentum, weight_decay):
        optimizer = torch.optim.SGD(params, lr, momentum, weight_decay=weight_decay)
        for p, g, v in zip(params, grads, velocities):
            p.grad, optimizer.state[p] = g.clone(), {"momentum_buffer": v}
        optimizer.step()
    def with_data(params, grads, velocities, lr, momentum, weight_decay):
        for i in range(len(params)):
            d = grads[i] + weight_decay * params[i].data
            velocities[i].data = momentum * velocities[i].data + d
            params[i].data = params[i].data - lr * velocities[i]
    def number_by_number(params, grads, velocities, lr, momentum, weight_decay):
        with torch.no_grad():
            for p, g, v in zip(params, grads, velocities):
                for w, d, u in zip(p.view(-1), g.view(-1), v.view(-1)):
                    u.copy_(momentum * u.item() + d.item() + weight_decay * w.item())
                    w -= lr * u.item()
        return params
    def in_double(params, grads, velocities, lr, momentum, weight_decay):
        with torch.no_grad():
            for p, g, v in zip(params, grads, velocities):
                v.copy_(momentum * v.double() + g + weight_decay * p.double())
                p.copy_(p.double() - lr * v)
after step 1 at .*: expected .* inside the velocity. That is the same only while it stays
    v += g + weight_decay * p → v += lr * (g + weight_decay * p)
        p -= lr * v → p -= v
Momentum 0.9, weight decay 0.2, .* as in AdamW
    v += g + weight_decay * p → v += g
        p -= lr * v → p *= 1 - lr * weight_decay; p -= lr * v
Nothing has changed
    def pure(params, grads, velocities, lr, momentum, weight_decay):
        new = [momentum * v + g + weight_decay * p for p, g, v in zip(params, grads, velocities)]
        return [p - lr * v for p, v in zip(params, new)], new
puts a new tensor into the list
    def replaced(params, grads, velocities, lr, momentum, weight_decay):
        for i, (p, g, v) in enumerate(zip(params, grads, velocities)):
            velocities[i] = momentum * v + g + weight_decay * p
            params[i] = p - lr * velocities[i]
Your function has changed grads
    v += g + weight_decay * p → g += weight_decay * p; v += g
stopped with RuntimeError: a leaf Variable .* Which `with` block says so
    @torch.no_grad() →
velocities now remember .* All lines belong under
    @torch.no_grad() →
        p -= lr * v → p.data -= lr * v.detach()
lost their requires_grad
    p -= lr * v → p.requires_grad_(False); p -= lr * v
stopped with TypeError: unsupported operand.* The gradients come in the list grads
    v += g → v += p.grad
Work out the first two steps by hand
    p -= lr * v → p -= lr * v * v
"""
test_right_answers_pass_and_wrong_ones_are_told_why = all_told(
    *told("batch_norm", "*given", NORMS, NORM),
    *told("sgd_momentum", "*given", STEPS, STEP),
)
