"""The exercises of chapter 05: every right way passes, every mistake gets its own words."""

from __future__ import annotations

from answer_tools import NUMBERS, all_told, told

HITS = """
def topk(z, y, k):
    return (z.topk(k, dim=1).indices == y[:, None]).any(dim=1).float().mean().item()

class TopK:
    def __call__(self, *arguments):
        return topk(*arguments)
"""
TOPK = r"""
right
    topk(z, y, k)
    answer = TopK()
    (z.argsort(dim=-1, descending=True)[:, :k] == y.unsqueeze(1)).sum().item() / len(y)
    float((z.gt(z[torch.arange(len(y)), y][:, None]).sum(1) < k).double().mean())
    torch.isin(z.softmax(dim=1).topk(k).indices - y[:, None], 0).any(1).float().mean(0).item()
    np.mean([b in row for row, b in zip(np.argsort(-z.numpy(), axis=1)[:, :k], y.numpy())])
    np.float32(topk(z, y, k))
    def by_loops(logits, labels, k):
        hits = 0
        for row, label in zip(logits.tolist(), labels.tolist(), strict=True):
            places = sorted(range(len(row)), key=lambda place: row[place])
            hits += label in places[-k:]
        return Fraction(hits, len(labels))
5 pictures, 4 classes, k = 2: expected .* It is the share for k \+ 1
    (z.argsort(descending=True)[:, :k + 1] == y[:, None]).any(dim=1).float().mean().item()
stopped with IndexError
    topk(z, y, k) if k < z.shape[1] else [][0]
Called with \(a tensor of shape \(5, 4\).*RuntimeError.* Is there a topk\(dim=0\)\? .* labels need
    (z.topk(k, dim=0).indices == y[:, None]).any(dim=1).float().mean().item()
Is there a topk\(dim=0\)
    (z.topk(k, dim=0).indices == y).any(dim=1).float().mean().item()
Is there an argmax\(dim=0\)
    (z.argmax(dim=0) == y).float().mean().item()
stopped with AttributeError.* gives a pair, values and places
    (z.max(dim=1) == y).float().mean().item()
It is in percent, and rounded. A share goes from 0 to 1, and keeps its digits
    round(100 * topk(z, y, k), 1)
k = 3: .* It is rounded. Return all digits: rounding is for printing
    round(topk(z, y, k), 1)
the k smallest logits
    (z.argsort(dim=1)[:, :k] == y[:, None]).any(dim=1).float().mean().item()
first picture alone: is the `return` inside the loop
    float(y[0] in z[0].topk(k).indices)
Is there an any\(\) without an axis
    (z.topk(k).indices == y[:, None]).any().float().mean().item()
looked for among the places of all pictures
    sum(y[i] in z.topk(k).indices for i in range(len(y))) / len(y)
RuntimeError: The size of tensor a \(2\) must match.* shape do the labels need
    (z.topk(k).indices == y).any(dim=1).float().mean().item()
Work out a small case by hand and compare
    0.1234 * topk(z, y, k)
got a tensor of shape \(5\)\. One number for all of it
    (z.topk(k).indices == y[:, None]).any(dim=1)
`\.item\(\)` takes the number out
    (z.topk(k).indices == y[:, None]).any(dim=1).float().mean()
Your function has changed the logits or the labels
    topk(z.sub_(z.mean(dim=1, keepdim=True)), y, k)
    (topk(z, y, k), y.zero_())[0]
IndexError: Dimension out of range
    (z.topk(k).indices.squeeze() == y[:, None]).any(dim=2).float().mean().item()
"""
STEP = """
def step(model, x, y, optimizer):
    model.train()
    optimizer.zero_grad()
    loss = F.cross_entropy(model(x), y)
    loss.backward()
    optimizer.step()
    return loss.item()
"""
STEPS = r"""
right
    step(model, x, y, optimizer)
    np.float32(step(model, x, y, optimizer))
    F.cross_entropy(model(x), y) → nn.CrossEntropyLoss()(model(x), y)
        optimizer.zero_grad() → model.zero_grad(set_to_none=False)
    def with_a_closure(model, x, y, optimizer):
        model.train()
        def closure():
            optimizer.zero_grad()
            loss = F.cross_entropy(model(x), y)
            loss.backward()
            return loss
        return optimizer.step(closure).item()
    def with_autograd(model, x, y, optimizer):
        model.train(True)
        z = model(x.to(memory_format=torch.channels_last))
        loss = -F.log_softmax(z, 1)[torch.arange(len(y)), y].mean()
        weights = list(model.parameters())
        for weight, gradient in zip(weights, torch.autograd.grad(loss, weights), strict=True):
            weight.grad = gradient
        optimizer.step()
        return loss.detach().numpy().item()
    def clears_late_too_and_leaves_evaluation_mode(model, x, y, optimizer):
        model.train()
        optimizer.zero_grad()
        loss = F.nll_loss(model(x).log_softmax(dim=1), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        model.eval()
        return loss.detach().double().item()
SGD, first step: the loss before the step is .*, yours is .* It is the loss after the step
    return loss.item() → return F.cross_entropy(model(x), y).item()
SGD, first step: the loss is right, but the weights went to the wrong place. Gradients add up
    optimizer.zero_grad() → pass
no weight has moved. When the optimiser took its step, there was no gradient: are the gradients cle
    optimizer.step() → optimizer.zero_grad(); optimizer.step()
    optimizer.step() → optimizer.zero_grad(set_to_none=False); optimizer.step()
no weight has moved. When the optimiser .* no gradient: backward\(\) is not called
    loss.backward() → pass
no weight has moved.*A copy of the model would not count
    step(copy.deepcopy(model), x, y, optimizer)
no weight has moved. The gradients are there: who moves the weights
    optimizer.step() → pass
    optimizer.step() → pass
        optimizer.zero_grad() → pass
SGD, second step: the loss is right, .* plain gradient descent. Is the optimiser that your function
    step(model, x, y, torch.optim.SGD(model.parameters(), lr=0.1))
    optimizer.step() → [p.data.sub_(0.1 * p.grad) for p in model.parameters()]
^Adam, first step: the loss is right, but the weights went
    def momentum_by_hand(model, x, y, optimizer):
        model.train()
        optimizer.zero_grad()
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        with torch.no_grad():
            for weight in model.parameters():
                weight.memory = 0.9 * getattr(weight, "memory", 0) + weight.grad
                weight -= 0.1 * weight.memory
        return loss.item()
or a part of it, was in evaluation mode when your step used it. .* Which call puts a model into
    model.train() → model.bn.train()
    model.train() → model.eval()
    model.train() → pass
does not call the model that it is given
    step(nn.Sequential(nn.Flatten(), nn.Linear(16, 3)), x, y, optimizer)
the batch went through the model 2 times, and batch norm counted it each time. Compute the logits
    optimizer.zero_grad() → optimizer.zero_grad(); first = F.cross_entropy(model(x), y)
        return loss.item() → return first.item()
holds on to all that was recorded for backward\(\), and so to a lot of memory: `.item
    return loss.item() → return loss
yours is 0.5. Compare your lines with the sentence above the exercise
    step(model, x, y, optimizer) and 0.5
RuntimeError: element 0 of tensors does not require grad .* Nothing is recorded on the way to the
    torch.no_grad()(step)(model, x, y, optimizer)
the step is 0.0.* times as long .* are the gradients clipped, .* Compare your lines
    loss.backward() → loss.backward(); nn.utils.clip_grad_norm_(model.parameters(), 0.01)
the step is 0.125 times as long as it should be
    loss = F.cross_entropy(model(x), y) → loss = F.cross_entropy(model(x), y) / len(y)
        return loss.item() → return len(y) * loss.item()
The learning rate was 0.1, and after your function it is 0.05. It stays as it is: a schedule is no
    loss.backward() → loss.backward(); optimizer.param_groups[0]["lr"] /= 2
Your function has changed x or y
    loss.backward() → loss.backward(); x /= 2
got nan
    F.cross_entropy(model(x), y) → F.cross_entropy(model(x), y) * float("nan")
stopped with RuntimeError.* computed from x itself
    (model(x), y) → (x, y)
"""
ACCURACY = """
def accuracy(model, batches):
    model.eval()
    hits = total = 0
    with torch.no_grad():
        for x, y in batches:
            hits += (model(x).argmax(dim=1) == y).sum().item()
            total += len(y)
    return hits / total
"""
RESULTS = """
def counts(model, batches, mode=False):
    model.train(mode)
    with torch.no_grad():
        found = [((model(x).argmax(1) == y).sum().item(), len(y)) for x, y in batches]
    return [n for n, _ in found], [n for _, n in found]

def done(model, batches, *lines):
    share = accuracy(model, batches)
    for line in lines:
        line()
    return share
"""
EVALUATIONS = r"""
right
    accuracy(model, batches)
    torch.no_grad()(accuracy)(copy.deepcopy(model), batches)
    done(model, batches, lambda: None)
    def measured_and_restored(net, data):
        was = net.training
        net.train(False)
        with torch.inference_mode():
            hits = [(net(x).max(1).indices == y).float() for x, y in data]
        net.train(was)
        return torch.cat(hits).mean().item()
    def with_weights(model, batches):
        model.eval()
        shares, sizes = [], []
        with torch.no_grad():
            for pictures, labels in list(batches):
                shares.append(np.mean((model(pictures).argmax(1) == labels).numpy()))
                sizes.append(labels.numel())
        return np.average(shares, weights=sizes)
    def picture_by_picture(model, batches):
        model.eval()
        hits = []
        for x, y in batches:
            for one, label in zip(x, y, strict=True):
                with torch.no_grad():
                    hits.append(int(model(one[None]).argmax() == label))
        return Fraction(sum(hits), len(hits))
    def by_predict(model, batches):
        from resnet_course.train import predict, topk_accuracy
        return topk_accuracy(*predict(model, batches))
or a part of it, was in training mode when your function used it. .* Which call puts a model into
    model.eval() → model.train()
    model.eval() → model.bn.eval()
everything was recorded for backward\(\). .* What switches it off for some lines
    torch.no_grad() → torch.enable_grad()
For a list with batches of 6, 6 and 2 pictures, 11 of 14 right: expected 0.785714, got 0.722222.
    np.mean([h / n for h, n in zip(*counts(model, batches))])
Work out a small case by hand and compare
    hits += (model(x).argmax(dim=1) == y).sum().item() → hits += model(x).softmax(1).amax().item()
For a generator of .*: expected .* 2 loops over them, but .* Do everything in one loop
    model.eval() → model.eval(); count = sum(len(y) for _, y in batches)
        return hits / total → return hits / count
    hits / total → hits / max(1, sum(len(y) for _, y in batches))
ZeroDivisionError.* Your function begins 2 loops over the batches, but a generator
    hits / total → hits / sum(len(y) for _, y in batches)
a generator of batches of 5, 3 and 1 .* len\(\)\. `batches` is anything .* Count inside it
    hits / total → hits / total * len(batches) / len(batches)
has no attribute 'dataset'. `batches` is anything that a `for` loop
    hits / total → hits / len(batches.dataset)
gradients are off for everybody, and no network could be trained any more. .* in a `with` block.$
    done(model, batches, lambda: torch.set_grad_enabled(False))
Your function has changed `grad` or `requires_grad` of .* Leave it alone: whoever trains
    done(model, batches, lambda: model.requires_grad_(False))
    done(model, batches, lambda: [setattr(p, "grad", p * 0) for p in model.parameters()])
came in evaluation mode, and now .* Leave it as it came, or in evaluation mode
    done(model, batches, lambda: model.train())
Some parts of the model are in training mode now, others in evaluation mode: .* `eval\(\)` reach all
    done(model, batches, lambda: model.eval(), lambda: setattr(model, "training", True))
Measuring has changed the network: bn.running_mean, bn.running_var.* Take no step
    done(model, batches, lambda: model.bn.reset_running_stats())
Your function has changed the batches
    def normalises_the_pictures(model, batches):
        batches = list(batches)
        return done(model, batches, *[lambda x=x: x.sub_(x.mean()) for x, _ in batches])
`\.item\(\)` takes the number out
    torch.tensor(accuracy(model, batches))
does not call the model that it is given
    0.9
stopped with AttributeError.* gives a pair, values and places
    argmax → max
Is there an argmax\(dim=0\)\? It goes through the pictures
    dim=1) == y).sum().item() → dim=0) == y).sum()
        return hits / total → return float(hits / total)
It is in percent, and rounded. A share goes from 0 to 1, and keeps its digits
    round(100 * accuracy(model, batches), 2)
    round(100 * accuracy(model, batches))
It is rounded. Return all digits
    round(accuracy(model, batches), 2)
    round(accuracy(model, batches), 3)
    round(accuracy(model, batches), 4)
"""
test_right_answers_pass_and_wrong_ones_are_told_why = all_told(
    *told("topk_accuracy", "z, y, k", TOPK + NUMBERS, more=HITS),
    *told("train_step", "model, x, y, optimizer", STEPS, STEP),
    *told("evaluate", "model, batches", EVALUATIONS + NUMBERS, ACCURACY, RESULTS),
)
