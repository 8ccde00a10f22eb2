//! Pipelines brought up to date, without touching what was edited.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{InitError, is_program, pipelines, write_all};
use crate::app::AppError;
use crate::app::files::link_on_the_way;
use applecart_core::fleet::{FLEET_FILE, Forge};
use applecart_core::model::safe_text;
use applecart_core::report::json;
use applecart_io::git::{Files, MergedFiles, Repo};

/// What `init` wrote last, so that it is known what was edited since.
pub(super) const RECORD: &str = ".applecart/pipelines.json";
/// No pipeline is longer, nor are all of them together.
const MAX_FILE: u64 = 8 << 20;

#[derive(Debug)]
pub struct UpdateOptions {
    pub dir: PathBuf,
    pub host: Forge,
    /// Write it, instead of only showing it.
    pub write: bool,
    /// Files that are right as they are: their edits hold already what this version changes.
    pub keep: Vec<String>,
}

/// What an update changes.
#[derive(Debug)]
pub struct Updated {
    pub diff: String,
    /// The files that were edited where this version changes them, with what it changes; they stay.
    pub conflicts: Vec<(String, String)>,
    pub is_written: bool,
}

/// The texts of the pipelines as `init` wrote them.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Recorded {
    /// The version that wrote them.
    applecart: String,
    host: Forge,
    files: BTreeMap<OwnPath, String>,
}

/// A path that a pipeline of this program has. Whoever may change the record says by it what an update
/// writes and removes, so that every other path is refused where it is read.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String")]
struct OwnPath(String);

impl TryFrom<String> for OwnPath {
    type Error = String;

    fn try_from(path: String) -> Result<Self, String> {
        match pipelines::is_one(&path) {
            true => Ok(Self(path)),
            false => Err(format!("{} is no file of these pipelines", safe_text(&path))),
        }
    }
}

/// Brings the pipelines of a host to what this version writes. What was edited stays edited; what is
/// edited where this version changes it stays as it is, and is told.
pub fn update(options: &UpdateOptions) -> Result<Updated, AppError> {
    let root = std::path::absolute(&options.dir).map_err(AppError::file(&options.dir, "find"))?;
    if !root.join(FLEET_FILE).is_file() {
        return Err(InitError::NoFleet(root).into());
    }
    let repo = Repo::discover(&root)?;
    let new: Files = own(options.host);
    let mut base =
        recorded(&root)?.filter(|one| one.host == options.host).map_or_else(Files::new, |one| {
            one.files.into_iter().map(|(path, text)| (path.0, text)).collect()
        });
    for path in base.keys().chain(new.keys()) {
        no_link(&root, path)?;
    }
    if let Some(path) = options.keep.iter().find(|path| !new.contains_key(*path)) {
        return Err(InitError::NotOurs { path: path.clone() }.into());
    }
    for path in &options.keep {
        // As if this version had written what was edited since.
        base.extend(new.get(path).map(|text| (path.clone(), text.clone())));
    }
    let mut ours = Files::new();
    for path in base.keys().chain(new.keys()) {
        ours.extend(read(&root, path)?.map(|text| (path.clone(), text)));
    }
    let merged = repo.merge_files(&base, &ours, &new)?;
    if options.write {
        let removed: Vec<&String> =
            ours.keys().filter(|path| !merged.files.contains_key(*path)).collect();
        replace(&root, &repo, &ours, &merged.files)?;
        for path in removed {
            let path = root.join(path);
            std::fs::remove_file(&path).map_err(AppError::file(&path, "remove"))?;
        }
        write_record(&root, options.host, taken_over(new, base, &merged))?;
    }
    let conflicts = merged.conflicts.into_iter().collect();
    Ok(Updated { diff: merged.diff, conflicts, is_written: options.write })
}

/// What the next update compares with: of what stayed as it was, what was taken over last.
fn taken_over(mut new: Files, mut base: Files, merged: &MergedFiles) -> Files {
    for path in merged.conflicts.keys() {
        new.remove(path);
    }
    let stays =
        |path: &String| merged.files.contains_key(path) || merged.conflicts.contains_key(path);
    base.retain(|path, _| !new.contains_key(path) && stays(path));
    new.extend(base);
    new
}

/// The record of pipelines that were written now, where there is none.
pub(super) fn record(
    root: &Path,
    host: Forge,
    known: Files,
) -> Result<Option<(String, String)>, AppError> {
    if super::is_in_the_way(root, RECORD) {
        return Ok(None);
    }
    let own = own(host);
    let files = known.into_iter().filter(|(path, _)| own.contains_key(path)).collect();
    Ok(Some((RECORD.to_owned(), text_of(host, files)?)))
}

fn own(host: Forge) -> Files {
    pipelines::of(host).map(|(path, text)| (path.to_owned(), text.to_owned())).collect()
}

fn text_of(host: Forge, files: Files) -> Result<String, AppError> {
    let applecart = env!("CARGO_PKG_VERSION").to_owned();
    let files = files.into_iter().map(|(path, text)| (OwnPath(path), text)).collect();
    Ok(json(&Recorded { applecart, host, files })?)
}

fn write_record(root: &Path, host: Forge, files: Files) -> Result<(), AppError> {
    let (path, text) = (root.join(RECORD), text_of(host, files)?);
    applecart_io::files::replace(&path, text.as_bytes()).map_err(AppError::file(&path, "write"))
}

fn recorded(root: &Path) -> Result<Option<Recorded>, AppError> {
    no_link(root, RECORD)?;
    let Some(text) = read(root, RECORD)? else { return Ok(None) };
    let recorded = serde_json::from_str(&text);
    let wrong = |source: serde_json::Error| InitError::NoRecord { line: source.line(), source };
    Ok(Some(recorded.map_err(wrong)?))
}

/// Refuses a link in the place of a file, or of one of its folders.
fn no_link(root: &Path, path: &str) -> Result<(), AppError> {
    let at = root.join(path);
    match link_on_the_way(&at, root).map_err(AppError::file(&at, "find"))? {
        Some(link) => Err(InitError::Link { link }.into()),
        None => Ok(()),
    }
}

/// A file of the worktree with the line ends that Git keeps; `None` where there is none.
pub(super) fn read(root: &Path, path: &str) -> Result<Option<String>, AppError> {
    let path = root.join(path);
    match applecart_io::files::read_text(&path, MAX_FILE) {
        Ok(text) => Ok(Some(text.replace("\r\n", "\n"))),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(AppError::file(&path, "read")(error)),
    }
}

/// Writes what changed: what is new as `init` writes it, what was there with its own line ends.
fn replace(root: &Path, repo: &Repo, ours: &Files, merged: &Files) -> Result<(), AppError> {
    let (there, new): (Vec<_>, Vec<_>) = merged
        .iter()
        .filter(|(path, text)| ours.get(*path) != Some(*text))
        .map(|(path, text)| (path.clone(), text.clone()))
        .partition(|(path, _)| ours.contains_key(path));
    write_all(root, repo, &new)?;
    for (path, text) in &there {
        let at = root.join(path);
        let failed = AppError::file(&at, "write");
        let has_crlf =
            applecart_io::files::read_text(&at, MAX_FILE).map_err(failed)?.contains("\r\n");
        let text = if has_crlf { text.replace('\n', "\r\n") } else { text.clone() };
        applecart_io::files::replace(&at, text.as_bytes()).map_err(failed)?;
    }
    let programs = there.into_iter().filter(|(path, _)| is_program(path)).collect();
    Ok(repo.stage_programs(&programs)?)
}
