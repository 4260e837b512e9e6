"""The exercises of chapter 07: every right way passes, every mistake gets its own words."""

from __future__ import annotations

from answer_tools import all_told, told

MEASURE = """
def measure(pictures):
    pixels = torch.cat([picture.flatten(1) / 255 for picture in pictures], dim=1)
    return pixels.mean(dim=1), pixels.std(dim=1)
"""
STATISTICS = r"""
right
    answer = measure
    [part.double() for part in measure(pictures)]
    dim=1), pixels.std → dim=1).double(), pixels.std
    pixels.std(dim=1) → pixels.std(dim=1, correction=0)
    def running_sums(pictures):
        count, total, squares = 0, 0, 0
        for picture in pictures:
            share = picture.float() / 255
            count += share[0].numel()
            total = total + share.sum(dim=(1, 2))
            squares = squares + (share**2).sum(dim=(1, 2))
        mean = total / count
        return mean, (squares / count - mean**2).sqrt()
    def channel_by_channel(pictures):
        means, stds = [], []
        for c in range(len(pictures[0])):
            values = np.concatenate([picture[c].numpy().ravel() for picture in pictures]) / 255
            means.append(values.mean())
            stds.append(values.std())
        return torch.tensor(means), torch.tensor(stds)
    def in_two_loops(pictures):
        count = sum(p.shape[1] * p.shape[2] for p in pictures)
        mean = sum(p.double().sum((1, 2)) for p in pictures) / count
        var = sum(((p - mean[:, None, None]) ** 2).sum((1, 2)) for p in pictures) / count
        return mean / 255, var.sqrt() / 255
    def counted(pictures):
        levels, found = torch.arange(256) / 255, []
        for channel in torch.cat([p.flatten(1) for p in pictures], 1):
            share = channel.bincount(minlength=256) / len(channel)
            mean = (share * levels).sum()
            found.append(torch.stack([mean, (share * (levels - mean) ** 2).sum().sqrt()]))
        return torch.stack(found).T.unbind()
3 colour pictures of different sizes: mean at .*: expected .* a small picture counts as much as
    def mean_of_means(pictures):
        means = [p.float().mean(dim=(1, 2)) / 255 for p in pictures]
        stds = [p.float().std(dim=(1, 2)) / 255 for p in pictures]
        return sum(means) / len(means), sum(stds) / len(stds)
std at .*: expected .* mean of the standard deviations. It misses how much dark and bright
    def mean_of_stds(pictures):
        stds = [p.float().std(dim=(1, 2)) / 255 for p in pictures]
        return measure(pictures)[0], sum(stds) / len(stds)
under the root is the mean of the variances
    def mean_of_variances(pictures):
        variances = [(p / 255).var(dim=(1, 2)) for p in pictures]
        return measure(pictures)[0], (sum(variances) / len(variances)) ** 0.5
only the variances inside the pictures
    def variances_by_size(pictures):
        count = sum(p[0].numel() for p in pictures)
        total = sum((p / 255).var(dim=(1, 2)) * p[0].numel() for p in pictures)
        return measure(pictures)[0], (total / count) ** 0.5
from 0 to 255 here. Divide them by 255
    flatten(1) / 255 → flatten(1).float()
In uint8 a square such as 20 · 20 does not fit
    def squares_overflow(pictures):
        count = sum(p[0].numel() for p in pictures)
        mean = sum(p.sum((1, 2)) for p in pictures) / count
        var = sum((p * p).sum((1, 2)) for p in pictures) / count - mean**2
        return mean / 255, var.sqrt() / 255
The sum is taken in uint8
    def sums_overflow(pictures):
        total = torch.zeros(len(pictures[0]), dtype=torch.uint8)
        for p in pictures:
            total += p.flatten(1).sum(1).to(torch.uint8)
        return total / sum(p[0].numel() for p in pictures) / 255, measure(pictures)[1]
shape \(3,\), got one number for all. The channels are axis 0
    pixels.mean(dim=1) → pixels.mean()
got shape \(844,\)\. The channels are axis 0 of a picture: it must stay
    pixels.mean(dim=1), pixels.std(dim=1) → pixels.mean(dim=0), pixels.std(dim=0)
numbers have axes too many
    dim=1), → dim=1, keepdim=True),
That is the variance
    pixels.std → pixels.var
mean and standard deviation exchanged
    measure(pictures)[::-1]
All channels have the same numbers
    def one_for_all(pictures):
        everything = torch.cat([p.flatten() for p in pictures]) / 255
        return everything.mean().repeat(len(pictures[0])), everything.std().repeat(len(pictures[0]))
Channels and pixels are mixed up
    def mixed(pictures):
        pixels = torch.cat([p.reshape(-1, len(p)) for p in pictures]) / 255
        return pixels.mean(0), pixels.std(0)
^3 .*the first picture alone
    measure(pictures[:1])
RuntimeError: stack expects each tensor to be equal size.* different sizes do not fit on top
    measure([torch.stack(pictures)])
must have the same shape.* different sizes do not fit
    measure([torch.from_numpy(np.stack([p.numpy() for p in pictures]))])
must agree: \(C, H · W\) along the last one
    picture.flatten(1) → picture
Called with \(a list of 3 tensors\), .* Whole numbers have no mean here
    flatten(1) / 255 → flatten(1)
std: expected a float tensor, got torch.int64
    pixels.std(dim=1) → pixels.std(dim=1).long()
Expected a pair, mean and std, got a tensor of shape \(3\)
    return pixels.mean(dim=1), → return pixels.mean(dim=1) #
Expected a pair, mean and std, got None
    return → return print(end="") #
mean: expected a tensor, got \[
    pixels.mean(dim=1), → pixels.mean(dim=1).tolist(),
Your function has changed the pictures
    pixels = → pictures[0] //= 2; pixels =
    pixels = → pictures.append(pictures[0]); pixels =
Take two tiny pictures
    pixels.mean(dim=1) → pixels.mean(dim=1) ** 2
The mean is right. The standard deviation is the root
    pixels.std(dim=1) → pixels.std(dim=1) ** 3
Is there a root of a negative number
    pixels.std(dim=1) → (-pixels.std(dim=1)).sqrt()
"""
SPLIT = """
def split(labels, share, seed):
    generator = torch.Generator().manual_seed(seed)
    rest, held = [], []
    for label in labels.unique():
        places = torch.nonzero(labels == label).flatten()
        order = torch.randperm(len(places), generator=generator)
        count = max(1, round(share * len(places)))
        count = min(count, len(places) - 1)
        held += places[order[:count]].tolist()
        rest += places[order[count:]].tolist()
    return torch.tensor(rest), torch.tensor(held)
"""
SPLITS = r"""
right
    answer = split
    tuple(part.sort().values for part in split(labels, share, seed))
    [part.int() for part in split(labels, share, seed)]
    in labels.unique() → in range(labels.max() + 1)
        len(places) - 1 → max(len(places) - 1, 0)
    def by_numpy(labels, share, seed):
        rng = np.random.default_rng(seed)
        held = np.zeros(len(labels), dtype=bool)
        for label in np.unique(labels.numpy()):
            places = rng.permutation(np.flatnonzero(labels.numpy() == label))
            held[places[: np.clip(round(share * len(places)), 1, len(places) - 1)]] = True
        return torch.from_numpy(np.flatnonzero(~held)), torch.from_numpy(np.flatnonzero(held))
    def by_python(labels, share, seed):
        chance, parts = random.Random(seed), ([], [])
        for label in set(labels.tolist()):
            own = [i for i, each in enumerate(labels.tolist()) if each == label]
            held = set(chance.sample(own, min(max(round(share * len(own)), 1), len(own) - 1)))
            for i in own:
                parts[i in held].append(i)
        return torch.tensor(parts[0]), torch.tensor(parts[1])
    def random_keys(labels, share, seed):
        keys = torch.rand(len(labels), generator=torch.Generator().manual_seed(seed))
        held = torch.zeros(len(labels), dtype=torch.bool)
        for label in labels.unique():
            own = torch.where(labels == label)[0]
            n = min(max(round(share * len(own)), 1), len(own) - 1)
            held[own[keys[own].argsort()[:n]]] = True
        return (~held).nonzero().squeeze(1), held.nonzero().squeeze(1)
    def forked(labels, share, seed):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            return split(labels, share, torch.randint(1000, ()).item())
class 0 with 10 in all: expected 2 held out, got 0. Those are the last pictures
    def last(labels, share, seed):
        n = round(share * len(labels))
        return torch.arange(len(labels))[:-n], torch.arange(len(labels))[-n:]
The total is right, but chance does not look at the classes
    def ignores_classes(labels, share, seed):
        order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(seed))
        n = round(share * len(labels))
        return order[n:], order[:n]
Both parts hold .*: you would measure on what was learned from
    places[order[count:]] → places
comes twice in one part. Is it drawn anew
    torch.randperm( → torch.randint(len(places), (
        len(places), generator → len(places),), generator
        rest += → rest += [i for i in places.tolist() if i not in held] #
did random.shuffle mix a tensor
    def shuffled(labels, share, seed):
        chance, rest, held = random.Random(seed), [], []
        for label in labels.unique():
            own = (labels == label).nonzero().flatten()
            chance.shuffle(own)
            n = min(max(round(share * len(own)), 1), len(own) - 1)
            held.append(own[:n])
            rest.append(own[n:])
        return torch.cat(rest), torch.cat(held)
No part holds 0 \(class 0\). Each picture belongs to one
    return torch.tensor(rest) → return torch.tensor([i for i in rest + held if i and i not in held])
        torch.tensor(held) → torch.tensor([i for i in held if i])
No part holds .* \(class 5\)
    in labels.unique() → in range(len(labels.unique()))
        len(places) - 1 → max(len(places) - 1, 0)
another seed, your function holds out the same pictures. Is the seed used
    manual_seed(seed) → manual_seed(0)
same pictures. It is always the beginning or the end of a class
    order[ → torch.arange(len(places))[
    torch.randperm(len(places), generator=generator) → torch.arange(len(places)).flip(0)
with the same seed, your function holds out other pictures
    , generator=generator →
sets or uses the random numbers that everybody shares
    torch.Generator().manual_seed(seed) → torch.manual_seed(seed)
    def numpys(labels, share, seed):
        np.random.seed(seed)
        return split(labels, share, int(np.random.randint(1000)))
    def pythons(labels, share, seed):
        random.seed(seed)
        return split(labels, share, random.randrange(1000))
Share 0.2, class 4 with 1 in all: expected 0 held out, got 1. .* One at least stays
    min(count, len(places) - 1) → count
rest: expected indices, got True and False
    def masks(labels, share, seed):
        held = torch.zeros(len(labels), dtype=torch.bool)
        held[split(labels, share, seed)[1]] = True
        return ~held, held
rest: expected whole numbers, got torch.float32
    torch.tensor(rest) → torch.tensor(rest).float()
held_out: expected one row of indices, got shape \(12, 1\)
    torch.tensor(held) → torch.tensor(held)[:, None]
Those are the labels
    torch.tensor(rest), torch.tensor(held) → labels[torch.tensor(rest)], labels[torch.tensor(held)]
All indices are below 30, .* where in labels do these pictures stand
    places[order[:count]] → order[:count]
        places[order[count:]] → order[count:]
Expected a pair, rest and held_out, got None
    return → return print(end="") #
rest: expected a tensor, got \[
    torch.tensor(rest) → rest
is no index of 60 labels
    torch.tensor(rest) → torch.tensor(rest) + 60
Your function has changed labels
    rest, held = [], [] → rest, held = [], []; labels += 1
class 4 with 1 in all: expected 0 held out, got 1. .* A single picture of a class stays
    count = max(1, round(share * len(places))) → count = round(share * len(places))
        min(count, len(places) - 1) → max(min(count, len(places) - 1), 1)
Of n pictures of a class, round
    round(share * len(places)) → round(share * len(places) / 2)
"""
test_right_answers_pass_and_wrong_ones_are_told_why = all_told(
    *told("channel_statistics", "pictures", STATISTICS, MEASURE),
    *told("stratified_split", "labels, share, seed", SPLITS, SPLIT),
)
