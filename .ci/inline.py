"""inline.py FOLDER PIPELINE...: writes each script that stands inside a pipeline into a file, for shellcheck."""
import pathlib
import sys

import yaml

LISTS = ("before_script", "script", "after_script")
TEXTS = ("run", "bash", "inlineScript")


def scripts(node):
    if isinstance(node, list):
        for item in node:
            yield from scripts(item)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key in TEXTS and isinstance(value, str):
                yield value
            elif key in LISTS and isinstance(value, list):
                yield "\n".join(value)
            else:
                yield from scripts(value)


folder = pathlib.Path(sys.argv[1])
written = 0
for name in sys.argv[2:]:
    path = pathlib.Path(name)
    for number, text in enumerate(scripts(yaml.safe_load(path.read_text())), 1):
        (folder / f"{path.stem.lstrip('.')}-{number}.sh").write_text(f"#!/bin/bash\n{text}\n")
        written += 1
if not written:
    sys.exit("inline.py: there is no script in these pipelines")
