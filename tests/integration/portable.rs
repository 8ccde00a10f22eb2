//! What only Unix has is used only where only Unix is compiled.
//!
//! Windows is compiled by the release workflow alone, so that a call that it lacks would be found on the day
//! of a release. This reads every file that Cargo compiles, from the crates' roots along their `mod`s, and
//! follows `cfg` from an attribute to the end of what it stands before.

use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

use crate::world::project;

/// The beginnings of paths that Windows does not have.
const UNIX: [&str; 7] = [
    "std::os::unix",
    "std::os::fd",
    "std::os::linux",
    "tokio::signal::unix",
    "rustix",
    "libc",
    "nix",
];

/// What `target_os` is on Unix only.
const SYSTEMS: [&str; 3] = ["linux", "macos", "freebsd"];

/// Whether what stands in `cfg(…)` can hold on Unix only.
fn is_unix_only(condition: &[TokenTree]) -> bool {
    match condition {
        [TokenTree::Ident(name)] => name == "unix",
        [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Literal(value)] => {
            let value = value.to_string();
            name == "target_os" && SYSTEMS.contains(&value.trim_matches('"'))
        }
        [TokenTree::Ident(name), TokenTree::Group(list)] => {
            let list = trees(list.stream());
            let mut parts = list
                .split(|token| is_punct(token, ','))
                .filter(|part| !part.is_empty())
                .map(is_unix_only);
            match name.to_string().as_str() {
                "all" => parts.any(|one| one),
                "any" => parts.all(|one| one),
                _ => false,
            }
        }
        _ => false,
    }
}

/// Whether `[…]` of an attribute is a `cfg` that can hold on Unix only.
fn is_guard(attribute: &Group) -> bool {
    match trees(attribute.stream()).as_slice() {
        [TokenTree::Ident(name), TokenTree::Group(condition)] if name == "cfg" => {
            is_unix_only(&trees(condition.stream()))
        }
        _ => false,
    }
}

/// The file of `path = "…"`.
fn path_of(attribute: &Group) -> Option<String> {
    match trees(attribute.stream()).as_slice() {
        [TokenTree::Ident(name), TokenTree::Punct(_), TokenTree::Literal(file)]
            if name == "path" =>
        {
            Some(file.to_string().trim_matches('"').to_owned())
        }
        _ => None,
    }
}

fn trees(stream: TokenStream) -> Vec<TokenTree> {
    stream.into_iter().collect()
}

fn is_punct(token: &TokenTree, sign: char) -> bool {
    matches!(token, TokenTree::Punct(punct) if punct.as_char() == sign)
}

/// Reads a file, and those of its modules.
#[derive(Default)]
struct Reader {
    file: PathBuf,
    found: Vec<String>,
    files: usize,
}

impl Reader {
    /// `folder` is where the file's modules have theirs.
    fn read(&mut self, file: &Path, folder: &Path, is_unix: bool) {
        let text = std::fs::read_to_string(file).unwrap();
        let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("{file:?}: {error}"));
        let outer = std::mem::replace(&mut self.file, file.to_owned());
        self.files += 1;
        self.level(&trees(stream), folder, "", is_unix);
        self.file = outer;
    }

    /// What stands between two brackets. `prefix` is the path before them, in a `use`.
    fn level(&mut self, tokens: &[TokenTree], folder: &Path, prefix: &str, mut is_unix: bool) {
        // Until the end of what an attribute stands before.
        let mut is_guarded = false;
        let mut named = None;
        let mut path = prefix.to_owned();
        for (at, token) in tokens.iter().enumerate() {
            let before = |back: usize| at.checked_sub(back).and_then(|at| tokens.get(at));
            match token {
                TokenTree::Ident(name) => {
                    if !path.is_empty() && !path.ends_with("::") {
                        prefix.clone_into(&mut path);
                    }
                    path.push_str(&name.to_string());
                    if !is_unix && !is_guarded && UNIX.contains(&path.as_str()) {
                        self.found.push(format!("{}: {path}", self.file.display()));
                    }
                }
                TokenTree::Punct(sign) if sign.as_char() == ':' => {
                    let is_second = before(1).is_some_and(|one| is_punct(one, ':'));
                    if is_second && !path.is_empty() && !path.ends_with("::") {
                        path.push_str("::");
                    }
                }
                TokenTree::Group(group) if before(1).is_some_and(|one| is_punct(one, '#')) => {
                    is_guarded |= is_guard(group);
                    named = named.or_else(|| path_of(group));
                }
                TokenTree::Group(group)
                    if before(1).is_some_and(|one| is_punct(one, '!'))
                        && before(2).is_some_and(|one| is_punct(one, '#')) =>
                {
                    is_unix |= is_guard(group);
                }
                TokenTree::Group(group) => {
                    // `mod name { … }`: its modules have a folder of its own.
                    let inner = match (before(2), before(1)) {
                        (Some(TokenTree::Ident(word)), Some(TokenTree::Ident(name)))
                            if word == "mod" =>
                        {
                            folder.join(name.to_string())
                        }
                        _ => folder.to_owned(),
                    };
                    let prefix = if path.ends_with("::") { path.as_str() } else { "" };
                    self.level(&trees(group.stream()), &inner, prefix, is_unix || is_guarded);
                    is_guarded &= group.delimiter() != Delimiter::Brace;
                    path.clear();
                }
                TokenTree::Punct(sign) => {
                    let is_end = matches!(sign.as_char(), ';' | ',');
                    if let (';', Some(TokenTree::Ident(word)), Some(TokenTree::Ident(name))) =
                        (sign.as_char(), before(2), before(1))
                        && word == "mod"
                    {
                        match named.take() {
                            Some(path) => {
                                let file = self.file.parent().unwrap().join(path);
                                self.read(&file, file.parent().unwrap(), is_unix || is_guarded);
                            }
                            None => self.module(&name.to_string(), folder, is_unix || is_guarded),
                        }
                    }
                    is_guarded &= !is_end;
                    path = prefix.to_owned();
                }
                TokenTree::Literal(_) => path.clear(),
            }
        }
    }

    fn module(&mut self, name: &str, folder: &Path, is_unix: bool) {
        let inner = folder.join(name);
        let beside = folder.join(format!("{name}.rs"));
        let file = if beside.exists() { beside } else { inner.join("mod.rs") };
        self.read(&file, &inner, is_unix);
    }

    fn root(&mut self, file: &Path) {
        self.read(file, file.parent().unwrap(), false);
    }
}

#[test]
fn nothing_that_only_unix_has_is_used_where_windows_is_compiled() {
    let mut reader = Reader::default();
    let benches = std::fs::read_dir(project().join("benches")).unwrap();
    let benches = benches.map(|one| one.unwrap().path());
    let benches = benches.filter(|path| path.extension().is_some_and(|ending| ending == "rs"));
    let roots = [
        "src/lib.rs",
        "src/main.rs",
        "tests/integration/main.rs",
        "tests/simulation/main.rs",
        "crates/core/src/lib.rs",
        "crates/io/src/lib.rs",
        "crates/simulator/src/lib.rs",
    ];
    for root in roots.into_iter().map(|root| project().join(root)).chain(benches) {
        reader.root(&root);
    }
    assert!(reader.files > 300, "it read {} files only", reader.files);
    let none = Vec::<String>::new();
    assert_eq!(reader.found, none, "put it below #[cfg(unix)], and say what Windows does");
}

#[test]
fn a_call_that_only_unix_has_is_found_wherever_it_stands() {
    for (code, is_found) in [
        ("use std::os::unix::fs::PermissionsExt as _;", true),
        ("#[cfg(unix)] use std::os::unix::fs::PermissionsExt as _;", false),
        ("#[cfg(unix)] use std::fs; use std::os::unix::fs::symlink;", true),
        ("#[cfg(not(unix))] use std::os::unix::fs::PermissionsExt as _;", true),
        ("#[cfg(any(unix, windows))] use std::{fs, os::unix::fs::symlink};", true),
        ("use std::{fs, os::{unix::fs::symlink, windows}};", true),
        ("#[cfg(any(unix, target_os = \"linux\"))] use std::{fs, os::unix::fs::symlink};", false),
        ("#[cfg(all(test, unix))] mod tests { use std::os::unix::fs::symlink; }", false),
        ("#[cfg(target_os = \"linux\")] fn f() { rustix::process::getpid(); }", false),
        ("#[cfg(target_os = \"windows\")] fn f() { rustix::process::getpid(); }", true),
        ("#[cfg(unix)] #[test] fn f() { rustix::process::getpid(); }", false),
        ("#[cfg(unix)] fn f() {} fn g() { rustix::process::getpid(); }", true),
        ("fn f() { #[cfg(unix)] { rustix::process::getpid(); } }", false),
        ("fn f() { #[cfg(unix)] let x = rustix::process::getpid(); }", false),
        ("fn f() { #[cfg(unix)] rustix::process::getpid(); rustix::process::getpid(); }", true),
        ("fn f() { assert!(rustix::process::getpid() == 1); }", true),
        ("#![cfg(unix)] use std::os::unix::fs::symlink;", false),
        ("// std::os::unix\nconst TEXT: &str = \"std::os::unix\";", false),
        ("fn f() { matrix::libc(); }", false),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lib.rs");
        std::fs::write(&file, code).unwrap();
        let mut reader = Reader::default();
        reader.root(&file);
        assert_eq!(!reader.found.is_empty(), is_found, "{code}: {:?}", reader.found);
    }
}
