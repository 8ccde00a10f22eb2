#!/usr/bin/env python3
"""The manifests of winget and Scoop, held against what their schemas ask for.

The rules are those of microsoft/winget-cli, schemas/JSON/manifests/v1.10.0 (manifest.installer, .defaultLocale
and .version), and of ScoopInstaller/Scoop, schema.json: the fields that are required, and the patterns and
lists of those that are written here.
"""

import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(__file__).with_name("manifests.py")
TARGETS = ("x86_64-pc-windows-msvc", "aarch64-pc-windows-msvc")
URL = re.compile(r"https://.{1,2040}")
IDENTIFIER = re.compile(r"[^.\s\\/:*?\"<>|]{1,32}(\.[^.\s\\/:*?\"<>|]{1,32}){1,7}")
# Field: what its value must match as a whole. A field that is not here is none that winget knows.
WINGET = {
    "installer": {
        "PackageIdentifier": IDENTIFIER,
        "PackageVersion": re.compile(r"[^\\/:*?\"<>|]{1,128}"),
        "InstallerLocale": re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z]{1,8})*"),
        "MinimumOSVersion": re.compile(r"\d{1,5}(\.\d{1,5}){0,3}"),
        "Commands": None,
        "UpgradeBehavior": re.compile(r"install|uninstallPrevious|deny"),
        "Dependencies": None,
        "ReleaseDate": re.compile(r"\d{4}-\d\d-\d\d"),
        "Installers": None,
        "ManifestType": re.compile(r"installer"),
        "ManifestVersion": re.compile(r"1\.10\.0"),
    },
    "defaultLocale": {
        "PackageIdentifier": IDENTIFIER,
        "PackageVersion": re.compile(r"[^\\/:*?\"<>|]{1,128}"),
        "PackageLocale": re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z]{1,8})*"),
        "Publisher": re.compile(r".{2,256}"),
        "PublisherUrl": URL,
        "PublisherSupportUrl": URL,
        "PackageName": re.compile(r".{2,256}"),
        "PackageUrl": URL,
        "License": re.compile(r".{3,512}"),
        "LicenseUrl": URL,
        "ShortDescription": re.compile(r".{3,256}"),
        "Moniker": re.compile(r".{1,40}"),
        "Tags": None,
        "ReleaseNotesUrl": URL,
        "ManifestType": re.compile(r"defaultLocale"),
        "ManifestVersion": re.compile(r"1\.10\.0"),
    },
    "version": {
        "PackageIdentifier": IDENTIFIER,
        "PackageVersion": re.compile(r"[^\\/:*?\"<>|]{1,128}"),
        "DefaultLocale": re.compile(r"[a-zA-Z]{2,3}(-[a-zA-Z]{1,8})*"),
        "ManifestType": re.compile(r"version"),
        "ManifestVersion": re.compile(r"1\.10\.0"),
    },
}
INSTALLER = {
    "Architecture": re.compile(r"x86|x64|arm|arm64|neutral"),
    "InstallerType": re.compile(r"msix|msi|appx|exe|zip|inno|nullsoft|wix|burn|pwa|portable"),
    "Scope": re.compile(r"user|machine"),
    "InstallerUrl": URL,
    "InstallerSha256": re.compile(r"[A-Fa-f0-9]{64}"),
}


class Manifests(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.release = pathlib.Path(self.folder.name) / "release"
        self.out = pathlib.Path(self.folder.name) / "out"
        self.release.mkdir()
        for target in TARGETS:
            for ending in ("msi", "zip"):
                name = f"applecart-{target}.{ending}"
                content = f"the bytes of {name}".encode()
                (self.release / name).write_bytes(content)
                digest = hashlib.sha256(content).hexdigest()
                (self.release / f"{name}.sha256").write_text(f"{digest} *{name}\n", encoding="utf-8")

    def tearDown(self):
        self.folder.cleanup()

    def run_script(self):
        command = [sys.executable, SCRIPT, "1.2.3", self.release, self.out]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    def digest(self, name):
        return hashlib.sha256((self.release / name).read_bytes()).hexdigest()

    def hold(self, rules, fields):
        self.assertEqual(set(fields), set(rules))
        for name, rule in rules.items():
            if rule is not None:
                self.assertRegex(fields[name], re.compile(rf"\A(?:{rule.pattern})\Z"), name)

    def test_the_three_files_of_winget_are_what_its_schemas_ask_for(self):
        run = self.run_script()
        self.assertEqual(run.returncode, 0, run.stderr)
        kinds = set()
        for path in (self.out / "winget").iterdir():
            first, rest = path.read_text(encoding="utf-8").split("\n", 1)
            fields = json.loads(rest)
            kind = fields["ManifestType"]
            self.assertIn(f"winget-manifest.{kind}.1.10.0.schema.json", first)
            self.hold(WINGET[kind], fields)
            kinds.add(kind)
            if kind == "installer":
                self.assertEqual(len(fields["Installers"]), 2)
                for installer in fields["Installers"]:
                    self.hold(INSTALLER, installer)
                    name = installer["InstallerUrl"].rsplit("/", 1)[1]
                    self.assertEqual(installer["InstallerSha256"].lower(), self.digest(name))
        self.assertEqual(kinds, set(WINGET))

    def test_scoop_gets_the_archives_of_both_processors_and_finds_the_next_version(self):
        self.run_script()
        bucket = json.loads((self.out / "applecart.json").read_text(encoding="utf-8"))
        for field in ("version", "homepage", "license"):
            self.assertTrue(bucket[field])
        self.assertEqual(set(bucket["architecture"]), {"64bit", "arm64"})
        for name, one in bucket["architecture"].items():
            self.assertRegex(one["url"], r"\Ahttps://[^$]+/v1\.2\.3/applecart-[^/$]+\.zip\Z")
            self.assertEqual(one["hash"], self.digest(one["url"].rsplit("/", 1)[1]))
            next_one = bucket["autoupdate"]["architecture"][name]["url"]
            self.assertEqual(next_one.replace("$version", "1.2.3"), one["url"])

    def test_a_file_that_is_another_than_its_digest_says_gets_no_manifest(self):
        for name in ("applecart-x86_64-pc-windows-msvc.msi", "applecart-aarch64-pc-windows-msvc.zip"):
            before = (self.release / name).read_bytes()
            (self.release / name).write_bytes(b"other bytes")
            run = self.run_script()
            self.assertNotEqual(run.returncode, 0)
            self.assertIn(f"{name}.sha256 says", run.stderr)
            self.assertFalse(self.out.exists())
            (self.release / name).write_bytes(before)

    def test_a_release_that_lacks_a_file_or_its_digest_gets_no_manifest(self):
        for name in ("applecart-aarch64-pc-windows-msvc.msi", "applecart-x86_64-pc-windows-msvc.zip.sha256"):
            (self.release / name).rename(self.release / "elsewhere")
            run = self.run_script()
            self.assertNotEqual(run.returncode, 0)
            self.assertIn(f"{name} is not in", run.stderr)
            (self.release / "elsewhere").rename(self.release / name)


if __name__ == "__main__":
    unittest.main()
