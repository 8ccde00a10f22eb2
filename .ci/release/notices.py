#!/usr/bin/env python3
"""Writes the licences of everything that a released binary contains, as the crates' packages hold them.

    cargo metadata --locked --format-version 1 | .ci/release/notices.py OUT

Which licences may come in at all is `deny.toml`'s business. This is what those licences ask of whoever hands
the binary on: their texts and copyright lines. A crate whose package has no text is named with what its
manifest says, and counted at the top.
"""

import hashlib
import json
import pathlib
import re
import sys

NAMES = re.compile(r"^(licen[cs]e|copying|copyright|notice|unlicense)([-._].*)?$", re.IGNORECASE)
CODE = {".rs", ".py", ".c", ".h", ".toml", ".json", ".html"}


def linked(metadata):
    """The packages that are compiled into the program: no tests, and no tools that build others."""
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    found, ahead = set(), [metadata["resolve"]["root"]]
    while ahead:
        package = ahead.pop()
        if package in found:
            continue
        found.add(package)
        for dep in nodes[package]["deps"]:
            # A build script's crates stay on the machine that builds; a system's own are all listed.
            if any(kind["kind"] is None for kind in dep["dep_kinds"]):
                ahead.append(dep["pkg"])
    ours = set(metadata["workspace_members"])
    packages = [one for one in metadata["packages"] if one["id"] in found - ours]
    is_macro = lambda one: any("proc-macro" in target["kind"] for target in one["targets"])
    return sorted((one for one in packages if not is_macro(one)), key=lambda one: (one["name"], one["version"]))


def texts(package):
    """The licence files of a package, those of C code that it brings included."""
    folder = pathlib.Path(package["manifest_path"]).parent
    files = [file for depth in ("*", "*/*", "*/*/*") for file in folder.glob(depth)]
    named = package.get("license_file")
    files += [folder / named] if named and (folder / named).is_file() else []
    for file in sorted(set(files)):
        is_named = NAMES.match(file.name) or (named and file == folder / named)
        if is_named and file.suffix not in CODE and file.is_file():
            yield file.read_text(encoding="utf-8", errors="replace").replace("\r\n", "\n").strip()


def main():
    metadata = json.load(sys.stdin)
    by_text, without = {}, []
    packages = linked(metadata)
    for package in packages:
        label = f"{package['name']} {package['version']}"
        own = list(texts(package))
        if not own:
            authors = ", ".join(package["authors"]) or "authors not named"
            without.append(f"{label}: {package['license']} ({authors})")
        for text in own:
            # The same text with other line breaks is the same text.
            key = hashlib.sha256(" ".join(text.split()).encode()).hexdigest()
            by_text.setdefault(key, (text, set()))[1].add(label)
    rule = "\n" + "=" * 100 + "\n"
    parts = [
        "Third-party notices of Applecart\n\n"
        f"The program contains {len(packages)} other packages. Their licences, each with the packages it came with:",
        "Packages that bring no licence text, with what they say of themselves:\n\n" + "\n".join(without),
    ]
    for text, labels in sorted(by_text.values(), key=lambda one: sorted(one[1])):
        parts.append("\n".join(sorted(labels)) + "\n\n" + text)
    pathlib.Path(sys.argv[1]).write_text(rule.join(parts) + "\n", encoding="utf-8")
    print(f"{len(packages)} packages, {len(by_text)} texts, {len(without)} packages without one")


if __name__ == "__main__":
    main()
