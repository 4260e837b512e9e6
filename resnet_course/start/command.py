"""`resnet-course`: look at the computer, make the learner's copy, open JupyterLab in it."""

from __future__ import annotations

import argparse
import itertools
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

from resnet_course.start.copies import FIRST, RECORD, FolderError, make_copy
from resnet_course.start.environment import command_line

# In a process of its own: it loads torch, which JupyterLab does not need.
LOOK = """
import sys
sys.stdout.reconfigure(errors="replace")  # a pipe of Windows has no arrows
from resnet_course import check_environment
report = check_environment()
print(report)
sys.exit(not report)
"""
WORDS = {
    "new": "copied",
    "updated": "replaced by a newer version (you had not changed them)",
    "same": "unchanged",
    "changed": "left as they are, with your changes",
    "beside": "newer than yours, which you have changed; they lie beside yours",
}
DESCRIPTION = """
Start the course: look at this computer, make your own copy of the chapters, and open JupyterLab at
chapter 00. Give the same command again to go on: whatever you have changed in your copy stays.
To get a chapter as it was, delete or rename yours first.
"""
EPILOG = "What stands after -- goes to JupyterLab: resnet-course -- --no-browser"


def parser() -> argparse.ArgumentParser:
    """Return what the command understands."""
    parser = argparse.ArgumentParser("resnet-course", description=DESCRIPTION, epilog=EPILOG)
    parser.add_argument(
        "--folder",
        type=Path,
        help="your copy of the course (default: my-course in the present folder; "
        "if that is a copy itself, it is used)",
    )
    parser.add_argument("--no-lab", action="store_true", help="make the copy, open nothing")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Start the course; returns 0, or 1 with a message if something is in the way.

    Args:
        arguments: of the command line; None: those that this program was started with.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    own = list(itertools.takewhile(lambda word: word != "--", arguments))
    options = parser().parse_args(own)
    try:
        folder = options.folder or Path("" if Path(RECORD).is_file() else "my-course")
        folder = folder.expanduser().resolve()
    # The present folder is gone or may not be entered, or nobody has ~name.
    except (OSError, RuntimeError) as error:
        print(
            f"There is no such folder: {error}. Go to another one, or name it with --folder.",
            file=sys.stderr,
        )
        return 1
    print("1. Looking at this computer. This takes some seconds.\n", flush=True)
    if subprocess.run([sys.executable, "-c", LOOK]).returncode:
        print("\nThe course has not started. Repair what the lines above say.", file=sys.stderr)
        return 1
    print(f"\n2. Your copy of the course: {folder}")
    try:
        done = make_copy(folder)
    except FolderError as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(
            f"The copy could not be made: {error.strerror or error}: {error.filename or folder}. "
            "Is the disk full, or may you not write there? --folder chooses another place.",
            file=sys.stderr,
        )
        return 1
    for what, words in WORDS.items():
        if what in done:
            print(f"   {words}: {', '.join(done[what])}")
    if options.no_lab:
        print(f'\n3. To begin: jupyter lab "{folder / FIRST}"')
        return 0
    print("\n3. JupyterLab opens in your browser. To end it, press Ctrl + C twice in this window.")
    # With its whole path: a new window does not know the environment.
    again = [sys.executable, "-m", "resnet_course", "--folder", str(folder)]
    where = "Command Prompt" if sys.platform == "win32" else "terminal"
    print(f"   To go on another day, in a new {where}:\n   {command_line(again)}\n", flush=True)
    # For its terminals, and for `!pip` in a cell.
    beside = (str(Path(sys.executable).parent), sysconfig.get_path("scripts"))  # differ in conda
    os.environ["PATH"] = os.pathsep.join((*dict.fromkeys(beside), os.environ.get("PATH", "")))
    from jupyterlab.labapp import LabApp  # takes a second to load

    root = f"--ServerApp.root_dir={folder}"
    LabApp.launch_instance([root, str(folder / FIRST), *arguments[len(own) + 1 :]])
    return 0
