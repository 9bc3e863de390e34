#!/usr/bin/env python3
"""Holds the code in docs/client.md to the examples: a block after <!-- examples/X.cc --> is what X.cc has between
// [X] and // [/X]. With --update it is put there; without, a difference is an error.

usage: documented.py [--update] [ROOT]
"""
import pathlib
import re
import sys


def main():
    arguments = [each for each in sys.argv[1:] if each != "--update"]
    root = pathlib.Path(arguments[0]) if arguments else pathlib.Path(__file__).resolve().parents[2]
    document = root / "docs" / "client.md"
    text = document.read_text()
    seen = 0

    def code_of(match):
        nonlocal seen
        seen += 1
        name = match[1]
        source = (root / "examples" / f"{name}.cc").read_text()
        part = re.search(rf"// \[{name}\]\n(.*?)// \[/{name}\]", source, re.S)
        if part is None:
            sys.exit(f"examples/{name}.cc has no part [{name}]")
        return f"<!-- examples/{name}.cc -->\n```cpp\n{part[1]}```\n"

    wanted = re.sub(r"<!-- examples/(\w+)\.cc -->\n```cpp\n.*?```\n", code_of, text, flags=re.S)
    if seen == 0:
        sys.exit("docs/client.md shows no example")
    if "--update" in sys.argv:
        document.write_text(wanted)
    elif wanted != text:
        sys.exit("docs/client.md is not what the examples are: tests/examples/documented.py --update")


main()
