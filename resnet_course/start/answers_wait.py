"""A chapter as a learner gets it: nothing has run, and every answer waits until it is unfolded."""

from __future__ import annotations

import json
import re

from resnet_course.start.glossary import explained

# From these words to the end of the cell, or to the next heading or question in it.
ANSWER = re.compile(
    r"^\*\*What happened\.\*\*\s*(.+?)\s*(?=^#{2,6} |^> \*\*Predict\.\*\*|\Z)", re.M | re.S
)
COLLAPSED = {"solution", "hide-input"}  # tags of cells whose code is not to be seen at first
SOLUTION = "The course's answer"


def learners_form(text: str, terms: dict[str, str] | None = None) -> str:
    """Return a notebook without outputs and with its answers folded.

    Args:
        text: of the course's own file: JSON of nbformat 4.
        terms: what the links to the glossary say too, as `glossary.sentences` returns it.
    """
    notebook = json.loads(text)
    for cell in notebook["cells"]:
        tags = set(cell["metadata"].get("tags", []))
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            source = explained(_fold(source, "solution" in tags), terms or {})
        elif cell["cell_type"] == "code":
            cell |= {"outputs": [], "execution_count": None}
            if tags & COLLAPSED:
                cell["metadata"]["jupyter"] = {"source_hidden": True}  # JupyterLab's own word
            if "solution" in tags:  # JupyterLab shows the first line of what it hides
                source = f"# {SOLUTION}\n{source}"
        cell["source"] = source.splitlines(keepends=True)
    return json.dumps(notebook, indent=1, ensure_ascii=False) + "\n"


def _fold(source: str, solution: bool) -> str:
    """Fold what must wait in a text cell; of a solution everything but its heading."""
    if solution:
        heading, words = re.fullmatch(r"((?:#[^\n]*\n*)?)(.*)", source.strip(), re.S).groups()
        source = heading + (_details(SOLUTION, words) if words else "")
    else:
        source = ANSWER.sub(lambda found: _details("What happened", found[1]), source)
    return source.rstrip()


def _details(summary: str, words: str) -> str:
    # The empty lines let the text inside be Markdown.
    return f"<details>\n<summary><b>{summary}</b></summary>\n\n{words}\n\n</details>\n\n"
