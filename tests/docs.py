#!/usr/bin/env python3
"""Documents that outlive what they describe: checks each link and each path in README.md and docs/.

A link must lead to a file, and to a heading if it names one; a path in `backquotes` that begins with a folder of the tree
must exist (with * for any name). Other sites are not asked.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else __file__).resolve()
ROOT = ROOT if ROOT.is_dir() else ROOT.parent.parent
LINK = re.compile(r"\]\(([^)\s]+)\)")
PATH = re.compile(r"`((?:\./)?(?:src|include|tests|bench|docs|\.ci)/[\w./*+-]+|\./[\w.-]+)[^`]*`")
HEADING = re.compile(r"^#+\s+(.*)$", re.M)
FENCE = re.compile(r"^```.*?^```", re.M | re.S)


def anchors(text):
    """The anchors of a document's headings, as forges make them."""
    slugs = (re.sub(r"[^\w\- ]", "", h.strip().lower()).replace(" ", "-") for h in HEADING.findall(FENCE.sub("", text)))
    return set(slugs)


def wrong_link(document, text, target):
    if re.match(r"[a-z]+:", target):
        return None
    path, _, anchor = target.partition("#")
    to = (document.parent / path).resolve() if path else document
    if not to.exists():
        return f"links to {target}, which is not there"
    if anchor and to.suffix == ".md" and anchor not in anchors(to.read_text() if path else text):
        return f"links to {target}, which has no such heading"
    return None


def problems(document):
    text = document.read_text()
    prose = FENCE.sub("", text)
    for target in LINK.findall(prose):
        problem = wrong_link(document, text, target)
        if problem:
            yield problem
    for path in PATH.findall(prose):
        clean = path.rstrip(".").rstrip("/")
        if not any(ROOT.glob(clean.removeprefix("./"))):
            yield f"names {path}, which is not there"


def main():
    documents = [d for d in [ROOT / "README.md", *sorted(ROOT.glob("docs/**/*.md"))] if d.exists()]
    found = [f"{d.relative_to(ROOT)} {p}" for d in documents for p in problems(d)]
    print("\n".join(found) if found else f"docs: {len(documents)} documents, every link and path leads somewhere")
    return 1 if found else 0


sys.exit(main())
