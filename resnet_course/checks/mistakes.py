"""The mistakes that people make in residual blocks, each as a changed plan and what to say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from resnet_course.checks.variants import Plan, Step, change

Mistakes = Iterator[tuple[str, Plan]]


def mistakes(plan: Plan) -> Mistakes:
    """Yield what can go wrong in any residual block, the most frequent first."""
    yield from where_the_paths_meet(plan)
    yield from on_the_shortcut(plan)
    yield from strides(plan)
    yield from batch_norms(plan)
    yield from small_things(plan)


def where_the_paths_meet(plan: Plan) -> Mistakes:
    """Yield mistakes with the addition and the ReLUs around it."""
    last = len(plan.steps) - 1
    with_relu = change(plan, last, order="cnr")
    yield (
        "Is there a ReLU at the end of the branch, before the addition? Then the branch can only "
        "make numbers larger. The last ReLU comes after the addition.",
        replace(with_relu, end="a"),
    )
    yield (
        "There is one ReLU too many, at the end of the branch, before the addition: the branch "
        "could never take anything away.",
        with_relu,
    )
    yield "The last ReLU is missing: it comes after the addition.", replace(plan, end="a")
    yield (
        "The branch alone comes out. Where is its input added to it?",
        replace(plan, end="r", projection=None),
    )
    if plan.projection:
        yield "The projection is never added to the branch.", replace(plan, end="r")
    yield (
        "Batch norm comes after the addition and normalises the sum. It belongs at the end of the "
        "branch: the shortcut is left as it is.",
        change(replace(plan, end="anr"), last, order="c"),
    )
    for end in ("a", "ar"):
        ahead = replace(plan, end=end)
        for i in range(len(plan.steps)):
            ahead = change(ahead, i, order="nrc")
        yield (
            "Batch norm and ReLU come before each convolution: that is a pre-activation block. "
            "The order here is convolution, batch norm, ReLU.",
            ahead,
        )


def on_the_shortcut(plan: Plan) -> Mistakes:
    """Yield mistakes with the shortcut."""
    on_shortcut = "There is a ReLU on the shortcut. The input goes to the addition without one."
    if plan.projection is None:
        yield on_shortcut, replace(plan, shortcut="relu")
        for order in ("cn", "c"):
            step = Step("the projection", plan.steps[-1].out, 1, order=order)
            yield (
                "There is a projection where none is needed. The shape stays the same here, so the "
                "shortcut is the input itself: when exactly does the shape change?",
                replace(plan, projection=step),
            )
        yield (
            "What is added to the branch comes from inside the branch. Keep the input x itself.",
            replace(plan, shortcut="middle"),
        )
    else:
        yield (
            "The shortcut has no projection here. Which two shapes meet at the addition? A 1×1 "
            "convolution must bring the input to the shape of the branch whenever the stride is "
            "not 1 or the channels change.",
            replace(plan, projection=None),
        )
        for bias in (False, True):
            yield (
                "The projection has no batch norm. Without one the two terms of the sum do not "
                "have the same scale.",
                change(plan, -1, order="c", bias=bias),
            )
        yield on_shortcut, change(plan, -1, order="cnr")
        yield (
            "The projection has a 3×3 kernel. It should change the shape and nothing else: 1×1.",
            change(plan, -1, kernel=3),
        )
        yield (
            "The projection keeps height and width: the stride belongs there too.",
            change(plan, -1, stride=1),
        )
        yield (
            "The shortcut skips pixels and appends channels of zeros. Here it is to be a "
            "projection: a 1×1 convolution and batch norm.",
            replace(plan, projection=None, shortcut="pad"),
        )
    yield (
        "No gradient comes back through the shortcut: is there a detach, .data or no_grad?",
        replace(plan, shortcut="cut"),
    )


def strides(plan: Plan) -> Mistakes:
    """Yield mistakes with the stride of a block that has one."""
    home, stride = max(enumerate(s.stride for s in plan.steps), key=lambda pair: pair[1])
    if stride == 1:
        return
    still = change(plan, home, stride=1)
    right = plan.steps[home].name
    for i, step in enumerate(plan.steps):
        if i == home:
            continue
        why = f"It belongs in {right}: there it makes the map small from the start."
        if home > 0:
            why = f"It belongs in {right}, whose windows overlap: a 1×1 with a stride skips pixels."
        if i < home:
            why = (
                "That is where the paper of 2016 had it (v1); there it skips three quarters of the "
                f"pixels unseen. The course, like torchvision, puts it in {right} (v1.5)."
            )
        yield f"The stride is in {step.name}. {why}", change(still, i, stride=stride)
    everywhere = plan
    for i in range(len(plan.steps)):
        everywhere = change(everywhere, i, stride=stride)
    yield f"Only {right} has the stride; the other convolutions have stride 1.", everywhere
    twice = change(plan, (home + 1) % len(plan.steps), stride=stride)
    yield f"Only {right} has the stride; the other convolutions have stride 1.", twice
    yield f"Is the stride used in {right}? It is only in the projection.", still
    ignored = "The stride is ignored. It belongs in " + right + " and in the projection."
    if plan.projection:
        yield ignored, change(still, -1, stride=1)
    yield ignored, replace(still, projection=None)


def batch_norms(plan: Plan) -> Mistakes:
    """Yield missing, misplaced and shared batch norms, and those in the wrong mode."""
    bare = plan
    for i, step in enumerate(plan.steps):
        without = step.order.replace("n", "")
        yield f"There is no batch norm behind {step.name}.", change(plan, i, order=without)
        bare = change(bare, i, order=without)
    no_norm = "There is no batch norm: one belongs behind every convolution."
    yield no_norm, bare
    if plan.projection:
        yield no_norm, change(bare, -1, order="c")
    late = plan
    for i, step in enumerate(plan.steps):
        late = change(late, i, order=step.order.replace("nr", "rn"))
    yield "ReLU comes before batch norm. The order is convolution, batch norm, ReLU.", late
    shared = (
        "One batch norm is used in two places. Each place has numbers of its own, so each needs "
        "its own batch norm, with its own mean and variance."
    )
    places = [*range(1, len(plan.steps)), *([-1] if plan.projection else [])]
    for where in places:
        step = plan.steps[where] if where > 0 else plan.projection
        for twin in range(where if where > 0 else len(plan.steps)):
            if plan.steps[twin].out == step.out:
                yield shared, change(plan, where, twin=twin)
    yield (
        "In evaluation mode batch norm still uses the mean of the batch. It should use its running "
        "mean and variance then: does it get the mode of the block, and does it track them?",
        replace(plan, statistics="batch"),
    )
    yield (
        "In training mode batch norm uses its running mean. It should use the mean of the batch: "
        "does it get the mode of the block?",
        replace(plan, statistics="running"),
    )


def small_things(plan: Plan) -> Mistakes:
    """Yield biases, missing ReLUs, wrong kernels, missing padding and one layer used twice."""
    bias = (
        "has a bias. Batch norm behind it subtracts the mean, and the bias with it: parameters "
        "without any effect."
    )
    branch = plan
    for i in range(len(plan.steps)):
        branch = change(branch, i, bias=True)
    if plan.projection:
        yield f"Every convolution {bias}", change(branch, -1, bias=True)
        yield f"The projection {bias}", change(plan, -1, bias=True)
    yield f"Each convolution of the branch {bias}", branch
    thin = plan
    for i, step in enumerate(plan.steps):
        yield f"{step.name.capitalize()} {bias}", change(plan, i, bias=True)
        if "r" in step.order:
            yield f"There is no ReLU behind {step.name}.", change(plan, i, order="cn")
            thin = change(thin, i, order="cn")
        if step.kernel == 3:
            yield (
                f"The padding is missing in {step.name}: a 3×3 window needs one ring of zeros to "
                "keep height and width.",
                change(plan, i, padded=False),
            )
        other = 4 - step.kernel
        yield (
            f"{step.name.capitalize()} has a {other}×{other} kernel: expected "
            f"{step.kernel}×{step.kernel}.",
            change(plan, i, kernel=other),
        )
    yield "There is no ReLU inside the branch: without one its layers are one linear map.", thin
    bare = plan
    for i in range(len(plan.steps)):
        bare = change(bare, i, padded=False)
    yield "The padding is missing: a 3×3 window needs one ring of zeros to keep its size.", bare
    if len(plan.steps) == 2 and plan.in_channels == plan.steps[0].out:
        for twin in (None, 0):
            yield (
                "One convolution is used twice. Each of the two needs weights of its own.",
                change(plan, 1, tied=0, twin=twin),
            )
