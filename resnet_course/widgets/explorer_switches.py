"""What can be switched off in a network: shortcuts, branches, whole blocks (Veit et al. 2016).

Each switch is one rule, `(row, source)`: the row passes on what the source gave. An addition that
passes on its branch has lost its shortcut; one that passes on the shortcut has a silent branch.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from torch import Tensor

from resnet_course.tracing.rows import Trace
from resnet_course.tracing.steps import Note

Change = tuple[int, int]  # row, source


def switches(table: Trace, folders: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the blocks of a network in which something can be switched off, in their order.

    Args:
        table: the rows.
        folders: of `network_data`.

    Returns:
        For each: "name", its "first" and "last" row, and "ways", each with "name", "words", "row"
        and "source".
    """
    found = []
    for each in table.shortcuts:
        end, layers = each.end, each.layers
        sources = [edge.source for edge in table.edges if edge.target == end]
        shortcut = layers[-1] if layers else each.start
        if len(sources) != 2 or shortcut not in sources or not _alike(table, end, sources):
            continue
        (branch,) = {*sources} - {shortcut} or {shortcut}
        block = _innermost(folders, end)
        name = block["name"] if block else table.rows[end].name
        first, last = (block["first"], block["last"]) if block else (end, end)
        passes = "only the shortcut's own layers pass" if layers else "the block passes x on"
        ways = [
            {"name": "shortcut off", "words": "only F(x) passes", "row": end, "source": branch},
            {"name": "branch silent", "words": passes, "row": end, "source": shortcut},
        ]
        found.append({"name": name, "first": first, "last": last, "ways": ways})
    taken = [(one["first"], one["last"]) for one in found]
    for folder in folders:
        first, last = folder["first"], folder["last"]
        if any(first <= b and a <= last for a, b in taken):
            continue  # it has a shortcut, or lies in a block that has one
        source = _can_go(table, folder, folders)
        if source is not None:
            words = "what comes before it goes straight to what comes after"
            way = {"name": "removed", "words": words, "row": last, "source": source}
            found.append({"name": folder["name"], "first": first, "last": last, "ways": [way]})
    return _told_apart(table, sorted(found, key=lambda one: one["ways"][0]["row"]))


def check_changes(changes: Iterable[Iterable[int]], offered: list[dict[str, Any]]) -> list[Change]:
    """Return rules that a page asks for.

    Raises:
        ValueError: one of them is no switch of the network.
    """
    allowed = {(way["row"], way["source"]) for one in offered for way in one["ways"]}
    rules = [tuple(map(int, rule)) for rule in changes]
    if not allowed.issuperset(rules):
        raise ValueError(f"{sorted({*rules} - allowed)[0]} is no switch of this network.")
    return rules


def with_changes(note: Note, changes: Iterable[Change], x: Tensor) -> Note:
    """Return a note for `trace_values` that changes what rows give, and then calls `note`."""
    takes = dict(changes)
    kept = {-1: x}

    def changed(row: int, came: Tensor, value: Tensor, field: Any) -> None:
        if row in takes:
            value.copy_(kept[takes[row]])
        if row in takes.values():
            kept[row] = value.clone()
        note(row, came, value, field)

    return changed if takes else note


def _told_apart(table: Trace, found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Give each of several additions in one block its own rows and name, as in a transformer."""
    places = [(one["first"], one["last"]) for one in found]
    names: Counter[str] = Counter()
    for number, one in enumerate(found):
        if places.count(places[number]) > 1:
            if number and places[number - 1] == places[number]:
                one["first"] = found[number - 1]["last"] + 1
            one["last"] = one["ways"][0]["row"]
            one["name"] = table.rows[one["last"]].name
        names[one["name"]] += 1
        if names[one["name"]] > 1:  # a module that works several times
            one["name"] += f" ({names[one['name']]})"
    return found


def _alike(table: Trace, row: int, sources: Iterable[int]) -> bool:
    """Do the sources give what has the shape of what the row gives? Of an input nobody knows."""
    shape = table.rows[row].out_shape
    return all(source >= 0 and table.rows[source].out_shape == shape for source in sources)


def _innermost(folders: list[dict[str, Any]], row: int) -> dict[str, Any] | None:
    """Return the smallest folder that holds a row; outer ones stand before inner ones."""
    return next((f for f in reversed(folders) if f["first"] <= row <= f["last"]), None)


def _can_go(table: Trace, folder: dict[str, Any], folders: list[dict[str, Any]]) -> int | None:
    """Return the row that feeds a block without shortcut that may be removed, None if it may not.

    It holds rows with weights and no other block, and what comes out has the shape of what goes in.
    """
    first, last = folder["first"], folder["last"]
    if any(f is not folder and first <= f["first"] and f["last"] <= last for f in folders):
        return None
    inside = range(first, last + 1)
    into = {e.source for e in table.edges if e.target in inside and e.source not in inside}
    out = {e.source for e in table.edges if e.source in inside and e.target not in inside}
    if len(into) != 1 or out != {last} or not any(table.rows[i].params for i in inside):
        return None
    (source,) = into
    return source if _alike(table, last, [source]) else None
