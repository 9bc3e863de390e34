"""Where bench/compare/setup puts what it fetches."""
import os
import pathlib

CACHE = pathlib.Path(os.environ.get("IMAGO_CACHE") or
                     os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")) + "/imago")
BIN = CACHE / "compare" / "bin"
