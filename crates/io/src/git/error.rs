//! What can go wrong with a repository.

use std::path::{Path, PathBuf};
use std::time::Duration;

/// Why a repository could not be read.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    #[error("{} is not in a Git repository", path.display())]
    NotARepository {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The repository belongs to another user; `git config --global --add safe.directory` names
    /// it as safe.
    #[error("the repository at {} belongs to another user", path.display())]
    Owner {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// A bare repository among another one's files: whoever wrote them wrote its configuration, too,
    /// which names programs to run.
    #[error(
        "{} is a bare repository inside the files of {}, so its configuration may come from anybody who can change those files; nothing of it was run",
        path.display(),
        outer.display()
    )]
    BareInside { path: PathBuf, outer: PathBuf },
    /// `safe.bareRepository` is `explicit`, and nobody named it.
    #[error(
        "{} is a bare repository, and your Git is set to use only those that are named (safe.bareRepository=explicit)",
        path.display()
    )]
    BareFound { path: PathBuf },
    #[error(
        "the repository at {} uses SHA-256 object names; only SHA-1 repositories are read",
        path.display()
    )]
    ObjectFormat {
        /// From the root of the file system.
        path: PathBuf,
    },
    /// Git 3 makes repositories so unless it is told otherwise.
    #[error(
        "the repository at {} keeps its references as a reftable, in which nothing can be recorded yet",
        path.display()
    )]
    RefStorage {
        /// From the root of the file system.
        path: PathBuf,
    },
    /// An older Git marked the repository as a partial clone.
    #[error(
        "the repository at {} is marked as a partial clone in an older way (extensions.partialClone), and nothing can be recorded in it",
        path.display()
    )]
    PartialClone {
        /// From the root of the file system.
        path: PathBuf,
        /// The remote that has what the clone lacks.
        remote: String,
    },
    #[error("the repository at {} uses {name}, which is not read", path.display())]
    Extension {
        /// From the root of the file system.
        path: PathBuf,
        name: String,
    },
    /// A reference names a commit that is not here, so the clone is damaged.
    #[error(
        "{rev} is at commit {id}, which is missing in this clone{}",
        lender.as_ref().map(|path| format!(
            ": it borrows its objects from {} (objects/info/alternates), which is not there any more",
            path.display()
        )).unwrap_or_default()
    )]
    MissingCommit {
        rev: String,
        id: String,
        /// The folder of objects that the clone borrowed from, where that is gone.
        lender: Option<PathBuf>,
    },
    #[error("the repository at {} cannot be opened", path.display())]
    Open {
        /// Where it was looked for.
        path: PathBuf,
        #[source]
        source: git2::Error,
    },
    #[error("there is no revision {rev:?} in this repository{}", if *shallow { " (a shallow clone)" } else { "" })]
    UnknownRevision {
        /// The revision as it was given.
        rev: String,
        /// Whether the clone is shallow, which may be why.
        shallow: bool,
    },
    #[error("the name {name:?} is ambiguous: it is both {one} and {other}")]
    AmbiguousName {
        /// As it was given.
        name: String,
        /// What it names, in full.
        one: String,
        /// What else it names, in full.
        other: String,
    },
    #[error("the revision {rev:?} is not a commit")]
    NotACommit {
        /// The revision as it was given.
        rev: String,
    },
    #[error("{path} is {is}; it must be {must_be}")]
    WrongKind {
        /// From the repository's root.
        path: String,
        /// What it is, in words.
        is: &'static str,
        /// What it must be, in words.
        must_be: &'static str,
    },
    #[error("{path:?} appears twice in its folder")]
    DuplicateEntry {
        /// From the repository's root.
        path: String,
    },
    #[error("{what}: {found}, more than the {limit} that are read")]
    Limit {
        /// What there is too much of.
        what: String,
        /// The most that is read.
        limit: u64,
        /// How much there is, at least.
        found: u64,
    },
    #[error("object {id} has {size} bytes, more than the {max} that are read")]
    BlobTooLarge {
        id: String,
        size: u64,
        /// The most that is read.
        max: u64,
    },
    #[error("object {id} is not in this clone")]
    NoSuchBlob {
        /// The blob, as it was asked for.
        id: String,
    },
    /// A partial clone lacks it, and its remote did not give it.
    #[error("object {id}, or what belongs to it, is not in this partial clone and was not fetched")]
    NotInClone {
        id: String,
        #[source]
        source: Box<Self>,
    },
    #[error("the repository at {} has no worktree, so there are no files to work on", path.display())]
    NoWorktree { path: PathBuf },
    #[error(
        "nothing is checked out in {} yet, so the files there do not show the fleet",
        path.display()
    )]
    NotCheckedOut { path: PathBuf },
    #[error(
        "{folder} is not checked out in {}: the checkout is sparse and leaves it out, so its files can be neither read nor replaced here",
        root.display()
    )]
    LeftOut {
        root: PathBuf,
        /// The folder that the sparse checkout leaves out, relative to the repository's root.
        folder: String,
    },
    #[error("{} cannot be read", path.display())]
    File {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the program `git` was not found; install it, because it is needed to reach a remote")]
    NoProgram,
    #[error("the program `git` could not be started")]
    Start {
        #[source]
        source: std::io::Error,
    },
    #[error(
        "`git {command}` ended with {}{}{complaint}",
        code.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}")),
        if complaint.is_empty() { "" } else { ": " }
    )]
    Program {
        command: String,
        /// Its exit code; `None` where a signal ended it.
        code: Option<i32>,
        /// The last lines it wrote to standard error, without credentials.
        complaint: String,
    },
    #[error("`git {command}` did not end within {} seconds and was stopped", limit.as_secs())]
    TooSlow {
        command: String,
        /// How long it had.
        limit: Duration,
    },
    #[error(
        "the remote's answer could not be read; only repositories with SHA-1 object names are supported"
    )]
    Answer,
    #[error("{name:?} is not a valid name of a remote")]
    RemoteName { name: String },
    #[error("{name:?} is not the full name of a reference")]
    RefName { name: String },
    /// A branch could not be made: another program made it meanwhile, or a branch has the name of
    /// one of its folders.
    #[error("the branch {branch} cannot be created")]
    Branch {
        branch: String,
        #[source]
        source: git2::Error,
    },
    #[error("{what} cannot be written")]
    Write {
        what: String,
        #[source]
        source: git2::Error,
    },
    #[error("the output of `git log` could not be read; try a newer Git")]
    Walk,
    #[error("{name:?} is not a valid name of a tenant's folder")]
    NotAFolder { name: String },
    #[error("{what} cannot be read")]
    Read {
        what: String,
        #[source]
        source: git2::Error,
    },
}

impl GitError {
    pub(super) fn reading(what: &str, source: git2::Error) -> Self {
        Self::Read { what: what.to_owned(), source }
    }

    pub(super) fn writing(what: &str, source: git2::Error) -> Self {
        Self::Write { what: what.to_owned(), source }
    }

    pub(super) fn file(path: &Path, source: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), source }
    }
}
