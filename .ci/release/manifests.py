#!/usr/bin/env python3
"""Writes the manifests of winget and Scoop for a release, from the files of that release.

    .ci/release/manifests.py VERSION FOLDER-WITH-THE-FILES OUT

Every digest is computed from the file itself and must be the one that its `.sha256` says. winget takes the three
YAML files as a pull request to microsoft/winget-pkgs (`wingetcreate submit OUT/winget`), Scoop the JSON file
in a bucket. `test_manifests.py` holds what their schemas ask for.
"""

import datetime
import hashlib
import json
import pathlib
import sys

REPOSITORY = "https://github.com/applecart/applecart"
PACKAGE = "Applecart.Applecart"
WINGET = "1.10.0"
# What Windows calls a processor here and there.
ARCHITECTURES = {"x86_64-pc-windows-msvc": ("x64", "64bit"), "aarch64-pc-windows-msvc": ("arm64", "arm64")}
SHORT = "Keeps the Apple credentials of many Microsoft Intune tenants equal to what a Git repository says"


class Unusable(Exception):
    """A release that no manifest can be written for."""


def sha256(folder, name):
    """The digest of a file of the release."""
    path = folder / name
    if not path.is_file():
        raise Unusable(f"{name} is not in {folder}")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    beside = folder / f"{name}.sha256"
    if not beside.is_file():
        raise Unusable(f"{beside.name} is not in {folder}")
    said = beside.read_text(encoding="utf-8").split()[0]
    if said != digest:
        raise Unusable(f"{name} has sha256 {digest}, and {beside.name} says {said}")
    return digest


def url(version, name):
    return f"{REPOSITORY}/releases/download/v{version}/{name}"


def winget(version, folder):
    """The three files that winget wants, by name."""
    installers = []
    for target, (architecture, _) in ARCHITECTURES.items():
        name = f"applecart-{target}.msi"
        installers.append(
            {
                "Architecture": architecture,
                "InstallerType": "wix",
                "Scope": "machine",
                "InstallerUrl": url(version, name),
                "InstallerSha256": sha256(folder, name).upper(),
            }
        )
    head = {"PackageIdentifier": PACKAGE, "PackageVersion": version}
    tail = {"ManifestVersion": WINGET}
    installer = {
        **head,
        "InstallerLocale": "en-US",
        "MinimumOSVersion": "10.0.17763.0",
        "Commands": ["applecart"],
        "UpgradeBehavior": "install",
        # Fetching, pushing and signed commits are the user's own Git.
        "Dependencies": {"PackageDependencies": [{"PackageIdentifier": "Git.Git"}]},
        "ReleaseDate": datetime.date.today().isoformat(),
        "Installers": installers,
        "ManifestType": "installer",
        **tail,
    }
    locale = {
        **head,
        "PackageLocale": "en-US",
        "Publisher": "Applecart",
        "PublisherUrl": "https://github.com/applecart",
        "PublisherSupportUrl": f"{REPOSITORY}/issues",
        "PackageName": "Applecart",
        "PackageUrl": REPOSITORY,
        "License": "MIT OR Apache-2.0",
        "LicenseUrl": f"{REPOSITORY}/blob/v{version}/LICENSE-MIT",
        "ShortDescription": SHORT,
        "Moniker": "applecart",
        "Tags": ["apple", "gitops", "intune", "mdm"],
        "ReleaseNotesUrl": f"{REPOSITORY}/releases/tag/v{version}",
        "ManifestType": "defaultLocale",
        **tail,
    }
    default = {**head, "DefaultLocale": "en-US", "ManifestType": "version", **tail}
    return {
        f"{PACKAGE}.installer.yaml": installer,
        f"{PACKAGE}.locale.en-US.yaml": locale,
        f"{PACKAGE}.yaml": default,
    }


def scoop(version, folder):
    """The manifest of Scoop, which can also find the next version by itself."""
    files = {name: f"applecart-{target}.zip" for target, (_, name) in ARCHITECTURES.items()}
    return {
        "version": version,
        "description": SHORT,
        "homepage": REPOSITORY,
        "license": "MIT|Apache-2.0",
        "suggest": {"Git": "git"},
        "architecture": {
            name: {"url": url(version, file), "hash": sha256(folder, file)} for name, file in files.items()
        },
        "bin": "applecart.exe",
        "checkver": "github",
        "autoupdate": {
            "architecture": {name: {"url": url("$version", file)} for name, file in files.items()},
            "hash": {"url": "$url.sha256"},
        },
    }


def main(version, folder, out):
    folder, out = pathlib.Path(folder), pathlib.Path(out)
    try:
        files = winget(version, folder)
        bucket = scoop(version, folder)
    except Unusable as error:
        sys.exit(f"no manifests: {error}")
    (out / "winget").mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        kind = content["ManifestType"]
        schema = f"# yaml-language-server: $schema=https://aka.ms/winget-manifest.{kind}.{WINGET}.schema.json\n"
        # JSON is YAML, and needs no other program to be written.
        text = schema + json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        (out / "winget" / name).write_text(text, encoding="utf-8")
    (out / "applecart.json").write_text(json.dumps(bucket, indent=4) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
