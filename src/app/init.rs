//! Begin a fleet repository: settings, an example tenant, pipelines, and a key to seal files with.
#![expect(clippy::disallowed_methods, reason = "writes the new fleet and its key")]

mod key;
mod pipelines;
mod update;

use std::io;
use std::path::{Path, PathBuf};

use super::ledger::CreateError;
use super::{AppError, Context};
use applecart_core::fleet::{self, FLEET_FILE, Forge, LEDGER_BRANCH, NOTES_BRANCH};
use applecart_core::report::json;
use applecart_io::git::{Files, Repo};
use applecart_io::store::{Create, Ledger, Role};
use applecart_io::vault::{self, Secret};
#[cfg(feature = "simulator")]
pub(in crate::app) use key::Identity;
pub use update::{UpdateOptions, Updated, update};

#[derive(Debug)]
pub struct Options {
    pub dir: PathBuf,
    /// Where the repository will be hosted.
    pub host: Forge,
    pub client_id: uuid::Uuid,
    /// Where the new private key goes, instead of the user's configuration folder.
    pub key: Option<PathBuf>,
    /// Public keys to seal to; then no key is made.
    pub recipients: Vec<String>,
}

/// The new repository, for the report of `init`.
pub struct Begun {
    pub root: PathBuf,
    /// The files that were written, within `root`.
    pub files: Vec<String>,
    /// The files that were there and differ, with what would have been written.
    pub kept: Vec<(String, String)>,
    /// Whether it was a fleet already: its settings name its recipients and its ledger.
    pub was_fleet: bool,
    /// The new private key, and another repository that it lies in.
    pub key: Option<(PathBuf, Option<PathBuf>)>,
}

/// Why nothing was begun.
#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("{} is no fleet: it has no applecart.yaml", .0.display())]
    NoFleet(PathBuf),
    #[error(
        "{}:{line}: this is not what `init` wrote there, so nothing was written",
        update::RECORD
    )]
    NoRecord { line: usize, source: serde_json::Error },
    #[error("{} is a link, and what is written through it would be elsewhere, so nothing was written", link.display())]
    Link { link: PathBuf },
    #[error("{path} is no file of these pipelines")]
    NotOurs { path: String },
    #[error("{} is inside the repository {}; nothing was written", dir.display(), outer.display())]
    Inside { dir: PathBuf, outer: PathBuf },
    #[error("there is no configuration folder to keep the private key in; nothing was written")]
    NoKeyFolder,
    #[error("the private key {} would be inside the repository; nothing was written", .0.display())]
    KeyInside(PathBuf),
    #[error("the file {} exists already, and a private key never replaces a file; nothing was written", .0.display())]
    KeyExists(PathBuf),
}

const HOOK: &str = ".githooks/pre-commit";

/// Writes what is missing of the skeleton, and the private key of a new fleet. Nothing that exists is
/// overwritten.
pub fn run(context: &Context, options: &Options) -> Result<Begun, AppError> {
    let root = std::path::absolute(&options.dir).map_err(AppError::file(&options.dir, "find"))?;
    let existing = repository(&root)?;
    let was_fleet = root.join(FLEET_FILE).symlink_metadata().is_ok();
    let private = if options.recipients.is_empty() && !was_fleet {
        Some(key::place(context, options.key.as_deref(), &root)?)
    } else {
        None
    };
    let identity = private.is_some().then(key::Identity::generate);
    let recipients = match &identity {
        Some(identity) => vec![identity.recipient()],
        None => options.recipients.clone(),
    };
    if !was_fleet {
        // Refuses what is no public key before anything is written.
        vault::seal(&Secret::new(Vec::new()), &recipients)?;
    }
    let mut files = skeleton(&root, options, &recipients)?;
    // Its settings, its tenants and its record are somebody's work.
    files.retain(|(path, _)| !was_fleet || !(path == FLEET_FILE || path.starts_with("tenants/")));
    let (mut new, there): (Vec<_>, Vec<_>) =
        files.into_iter().partition(|(path, _)| !is_in_the_way(&root, path));
    let (same, kept): (Vec<_>, Vec<_>) = there
        .into_iter()
        // What cannot be read is not the same.
        .partition(|(path, text)| update::read(&root, path).ok().flatten().as_ref() == Some(text));

    if let (Some(path), Some(identity)) = (&private, &identity) {
        identity.write(path)?;
    }
    let repo = if existing { Repo::discover(&root)? } else { Repo::init(&root)? };
    if !was_fleet {
        let (genesis, notes_genesis) = begin_record(&root)?;
        for (_, text) in new.iter_mut().filter(|(path, _)| path == FLEET_FILE) {
            for (name, commit) in [("genesis", &genesis), ("notesGenesis", &notes_genesis)] {
                *text = fleet::set_ledger(FLEET_FILE, text, name, commit).map_err(|source| {
                    CreateError::Edit { name, genesis: commit.clone(), source }
                })?;
            }
        }
    }
    let known: Files = new.iter().chain(&same).cloned().collect();
    new.extend(update::record(&root, options.host, known)?);
    write_all(&root, &repo, &new)?;
    let key = private.map(|key| {
        let outer = outer(&key);
        (key, outer)
    });
    let files = new.into_iter().map(|(path, _)| path).collect();
    Ok(Begun { root, files, kept, was_fleet, key })
}

/// Writes new files, and sees to it that a clone elsewhere can run the programs among them.
fn write_all(root: &Path, repo: &Repo, files: &[(String, String)]) -> Result<(), AppError> {
    for (path, text) in files {
        write(&root.join(path), text, is_program(path))?;
    }
    let programs = files.iter().filter(|(path, _)| is_program(path)).cloned();
    Ok(repo.stage_programs(&programs.collect())?)
}

fn is_program(path: &str) -> bool {
    path == HOOK || pipelines::is_script(path)
}

/// Whether something is where a file would go, or a file or a link where one of its folders would.
fn is_in_the_way(root: &Path, path: &str) -> bool {
    let mut at = root.to_owned();
    let mut names = path.split('/').peekable();
    while let Some(name) = names.next() {
        at.push(name);
        match at.symlink_metadata() {
            Err(_) => return false,
            Ok(found) if names.peek().is_none() || !found.is_dir() => return true,
            Ok(_) => {}
        }
    }
    true
}

/// Begins the ledger and the notes on their usual branches, in this clone only, and gives the first
/// commit of each.
fn begin_record(root: &Path) -> Result<(String, String), AppError> {
    let mut ledger = Ledger::open(root, LEDGER_BRANCH)?;
    let begun = ledger.create(&Create::Missing)?;
    let mut notes = Ledger::open(root, NOTES_BRANCH)?;
    notes.play(Role::Notes { genesis: None });
    let noted = notes.create(&Create::Missing)?;
    Ok((begun.genesis, noted.genesis))
}

/// The file that says who reviews what at a host.
fn reviewers(host: Forge) -> (&'static str, String) {
    let owners =
        |folder: &str| include_str!("init/skeleton/CODEOWNERS").replace("@own_path@", folder);
    match host {
        Forge::Github => (".github/CODEOWNERS", owners("/.github/       ")),
        // Where GitLab looks first: in .gitlab, any CODEOWNERS that somebody adds would overrule it.
        Forge::Gitlab => {
            ("CODEOWNERS", owners("/.gitlab-ci.yml  @your-org/apple-mdm-owners\n/.gitlab/       "))
        }
        Forge::AzureDevops => (
            ".azuredevops/required-reviewers.md",
            include_str!("init/skeleton/azure-reviewers.md").to_owned(),
        ),
    }
}

/// The worktree that a file lies in, such as a home folder whose settings are kept in Git.
fn outer(file: &Path) -> Option<PathBuf> {
    Repo::discover(file.parent()?).ok()?.worktree().map(Path::to_owned)
}

/// Whether the folder is a repository's root already. A fleet is a repository of its own, so
/// inside of another it is refused.
fn repository(root: &Path) -> Result<bool, AppError> {
    let Some(there) = root.ancestors().find(|path| path.is_dir()) else { return Ok(false) };
    let Ok(repo) = Repo::discover(there) else { return Ok(false) };
    let same = |one: &Path| one.canonicalize().ok() == root.canonicalize().ok();
    match repo.worktree() {
        Some(worktree) if same(worktree) => Ok(true),
        _ => Err(InitError::Inside {
            dir: root.to_owned(),
            outer: repo.worktree().map_or_else(|| repo.path_common_dir(), Path::to_owned),
        }
        .into()),
    }
}

fn skeleton(
    root: &Path,
    options: &Options,
    recipients: &[String],
) -> Result<Vec<(String, String)>, AppError> {
    let listed: Vec<String> = recipients.iter().map(|one| format!("  - {one}")).collect();
    let policy = include_str!("init/skeleton/applecart.yaml")
        .replace("@client_id@", &options.client_id.to_string())
        .replace("@recipients@", &listed.join("\n"));
    let (usual, who) = reviewers(options.host);
    // A second one would overrule that which is there, or count for nothing.
    let places = options.host.codeowners().iter();
    let there = places.copied().find(|path| root.join(path).symlink_metadata().is_ok());
    let reviewers = there.unwrap_or(usual);
    let mut files: Vec<(String, String)> = pipelines::of(options.host)
        .map(|(path, text)| (path.to_owned(), text.to_owned()))
        .collect();
    files.extend([
        ("applecart.yaml".to_owned(), policy),
        (
            "tenants/example/tenant.yaml".to_owned(),
            include_str!("init/skeleton/tenant.yaml").to_owned(),
        ),
        (".gitattributes".to_owned(), include_str!("init/skeleton/gitattributes").to_owned()),
        (".gitignore".to_owned(), include_str!("init/skeleton/gitignore").to_owned()),
        (HOOK.to_owned(), include_str!("init/skeleton/pre-commit").to_owned()),
        (reviewers.to_owned(), who),
    ]);
    for (name, schema) in crate::schemas::all() {
        // What an editor checks; the others are for scripts.
        if ["fleet.schema.json", "tenant.schema.json"].contains(&name) {
            files.push((format!(".applecart/{name}"), json(&schema)?));
        }
    }
    Ok(files)
}

fn write(path: &Path, text: &str, program: bool) -> Result<(), AppError> {
    use io::Write as _;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(AppError::file(parent, "make"))?;
    }
    let mut options = std::fs::OpenOptions::new();
    // Whatever came there meanwhile stays.
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if program { 0o777 } else { 0o666 });
    }
    #[cfg(not(unix))]
    let _ = program;
    let mut file = options.open(path).map_err(AppError::file(path, "write"))?;
    file.write_all(text.as_bytes()).map_err(AppError::file(path, "write"))
}
