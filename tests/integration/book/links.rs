//! The book as mdbook makes it: every link leads to a page, and to a heading of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use super::pages;
use crate::interop::program;
use crate::world::project;

/// What the pages call the repository, whose files are not pages of the book.
const REPOSITORY: &str = "https://github.com/applecart/applecart/";

#[test]
fn every_page_stands_in_the_contents_once() {
    let contents = fs::read_to_string(project().join("docs/SUMMARY.md")).unwrap();
    for page in pages::book() {
        let name = page.path.strip_prefix("docs/").unwrap().to_owned();
        assert_eq!(contents.matches(&format!("({name})")).count(), 1, "{name}");
        assert!(page.text.starts_with("# "), "{name} has no title");
    }
}

#[test]
fn every_link_of_the_book_leads_somewhere() {
    let Some(mdbook) = program("mdbook", "APPLECART_MDBOOK") else { return };
    let folder = tempfile::tempdir().unwrap();
    let built = Command::new(mdbook)
        .arg("build")
        .arg(project())
        .arg("--dest-dir")
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[built.stdout, built.stderr].concat()).into_owned();
    assert!(built.status.success() && !said.contains("WARN") && !said.contains("ERROR"), "{said}");
    let pages = html(folder.path());
    assert!(pages.len() > 20, "{}", pages.len());
    let wrong = wrong_links(&pages, folder.path());
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_link_to_no_page_or_no_heading_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
    write("one.html", r##"<a id="here" href="two.html#there">x</a> <a href="#here">y</a>"##);
    write("two.html", r#"<h1 id="there"><a href="one.html">x</a>"#);
    assert!(wrong_links(&html(folder.path()), folder.path()).is_empty());
    write(
        "two.html",
        &format!(
            r##"<h1 id="these"><a href="gone.html">x</a><a href="#gone">y</a>
            <a href="{REPOSITORY}blob/main/src/gone.rs">z</a><a href="{REPOSITORY}blob/main/README.md">ok</a>"##
        ),
    );
    let wrong = wrong_links(&html(folder.path()), folder.path());
    assert_eq!(wrong.len(), 4, "{wrong:#?}");
}

#[test]
fn every_link_of_the_other_pages_leads_to_a_file() {
    let paths =
        ["README.md", "CONTRIBUTING.md", "ARCHITECTURE.md", "THREAT-MODEL.md", "CHANGELOG.md"];
    let mut pages = pages::all();
    pages.retain(|page| page.path.starts_with("examples/"));
    let others = pages.iter().map(|page| project().join(&page.path));
    for path in paths.iter().map(|path| project().join(path)).chain(others) {
        let text = fs::read_to_string(&path).unwrap();
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = link.split('#').next().unwrap();
            if link.starts_with("http") || file.is_empty() {
                continue;
            }
            let target = path.parent().unwrap().join(file);
            assert!(target.exists(), "{}: {link}", path.display());
        }
    }
}

/// Every page with its text, by its path.
fn html(folder: &Path) -> BTreeMap<PathBuf, String> {
    let mut pages = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            pages.extend(html(&path));
        } else if path.extension().is_some_and(|end| end == "html") {
            let text = fs::read_to_string(&path).unwrap();
            pages.insert(path, text);
        }
    }
    pages
}

/// The links that lead nowhere, each with its page.
fn wrong_links(pages: &BTreeMap<PathBuf, String>, top: &Path) -> Vec<String> {
    let headings: BTreeMap<&Path, BTreeSet<&str>> = pages
        .iter()
        .map(|(path, text)| (path.as_path(), attributes(text, " id=\"").collect()))
        .collect();
    let mut wrong = BTreeSet::new();
    for (path, text) in pages {
        // The contents and the page of missing pages stand at addresses of their own.
        if path.ends_with("404.html") || path.ends_with("toc.html") {
            continue;
        }
        for link in attributes(text, " href=\"").chain(attributes(text, " src=\"")) {
            let link = link.replace("&amp;", "&");
            if let Some(inside) = link.strip_prefix(REPOSITORY) {
                if !in_the_repository(inside) {
                    wrong.insert(format!("{}: {link}", path.display()));
                }
                continue;
            }
            if link.contains(':') || link.is_empty() {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link.as_str(), ""));
            let target = match file {
                "" => path.clone(),
                file => plain(&path.parent().unwrap().join(file)),
            };
            let here = match headings.get(target.as_path()) {
                Some(ids) => heading.is_empty() || ids.contains(heading),
                None => target.exists() && target.starts_with(top) && heading.is_empty(),
            };
            if !here {
                wrong.insert(format!("{}: {link}", path.display()));
            }
        }
    }
    wrong.into_iter().collect()
}

/// Whether the repository has the file that an address of the forge names.
fn in_the_repository(inside: &str) -> bool {
    let mut parts = inside.split('#').next().unwrap().splitn(3, '/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("blob" | "tree" | "edit"), Some("main"), Some(path)) => project().join(path).exists(),
        // The releases, the issues and so on are the forge's.
        (Some(_), ..) => true,
        (None, ..) => false,
    }
}

fn attributes<'a>(text: &'a str, before: &'a str) -> impl Iterator<Item = &'a str> {
    text.split(before).skip(1).filter_map(|rest| rest.split('"').next())
}

/// A path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => {
                plain.pop();
            }
            Component::CurDir => {}
            part => plain.push(part),
        }
    }
    plain
}
