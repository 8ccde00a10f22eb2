//! What a repository holds, as plain data: the input of [`load`](super::load()).
//!
//! A reader (Git objects at a revision, or a worktree) fills it; nothing here says how. Token
//! files are named, never held: checking needs their names, kinds, sizes and, through [`Look`],
//! their form.

use crate::sealed::Form;

/// Largest `applecart.yaml` or `tenant.yaml`: 256 KiB is about a thousand times a usual tenant
/// file, and small enough that parsing the worst of that size takes well under a second.
pub const MAX_SETTINGS_BYTES: u64 = 256 * 1024;

/// Largest token file. Apple's files have 2 to 10 KiB, sealing adds less than 1 KiB a recipient.
pub const MAX_TOKEN_BYTES: u64 = 1024 * 1024;

/// Most tenants of a fleet: ten times the design point, split into runs far earlier.
pub const MAX_TENANTS: usize = 100_000;

/// Most tokens of a tenant, all kinds together. Intune itself takes one push certificate, 2,000
/// enrollment tokens and 3,000 VPP tokens, but no organisation renews more than a few by hand.
pub const MAX_TOKENS: usize = 64;

/// The most entries of any other list of a tenant file: labels, contacts, exceptions, scope tags.
/// Ten thousand files with thousands each would take gigabytes of memory.
pub(super) const MAX_LIST: usize = 64;

/// Most entries of a tenant's folder: every token in 15 generations, which is where last year's
/// files should have been left to Git's history.
pub const MAX_ENTRIES: usize = 1_024;

/// The files of a fleet at one revision.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The commit, or the tree that was named itself; `None` for a worktree.
    pub rev: Option<String>,
    /// The bytes of `applecart.yaml`; `None` where the revision has no such file.
    pub policy: Option<FileBytes>,
    /// Where there is no such file, the one beside it with nearly its name.
    pub near_policy: Option<String>,
    /// Everything directly under `tenants/` that is a folder, sorted by name.
    pub tenants: Vec<Folder>,
    /// Everything else directly under `tenants/`, sorted by path.
    pub strays: Vec<Entry>,
}

/// A file that is read whole, or why it was not.
#[derive(Clone, PartialEq, Eq)]
pub enum FileBytes {
    Read(Vec<u8>),
    /// It has more bytes than [`MAX_SETTINGS_BYTES`].
    TooLarge {
        /// How many it has.
        size: u64,
    },
    /// The object is named by its tree but is not in this clone (a partial or damaged one).
    NotHere,
}

/// Shows sizes, not content: a settings file is no secret, but a log is no place for it either.
impl std::fmt::Debug for FileBytes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Read(bytes) => write!(f, "Read({} bytes)", bytes.len()),
            Self::TooLarge { size } => write!(f, "TooLarge({size} bytes)"),
            Self::NotHere => f.write_str("NotHere"),
        }
    }
}

/// A folder under `tenants/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its name; bytes that are not UTF-8 are replaced, which no valid tenant name survives.
    pub name: String,
    /// The Git tree id; of a worktree, the digest of its files.
    pub tree: String,
    /// `tenant.yaml`, where it is a plain file.
    pub tenant_file: Option<FileBytes>,
    /// Everything else in the folder, sorted by path.
    pub entries: Vec<Entry>,
    /// How many entries the folder has, at least, when that is over [`MAX_ENTRIES`]; `entries` is
    /// then empty.
    pub overfull: Option<usize>,
}

impl Folder {
    /// The tenant file's text, where it was read and is UTF-8.
    pub fn text(&self) -> Option<&str> {
        match &self.tenant_file {
            Some(FileBytes::Read(bytes)) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
    }
}

/// Tells what a token file is by its first bytes; `None` where it is not looked at. Only files that a
/// tenant names are asked for, so that a fleet with many others costs no more.
pub type Look<'a> = &'a dyn Fn(&Folder, &Entry) -> Option<Form>;

/// Something in a folder that is named but not read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name inside the folder; folders are not descended into.
    pub path: String,
    pub kind: EntryKind,
    /// The Git object id (of a worktree's file: the id that it would get).
    pub id: String,
    /// The size of a blob; `None` for everything else, and for a blob that is not in this clone.
    pub size: Option<u64>,
}

/// What a tree entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EntryKind {
    Blob,
    /// A plain file with the executable bit.
    Executable,
    /// A symbolic link; never followed.
    Symlink,
    /// A commit of another repository.
    Submodule,
    Tree,
    /// Something with a mode that Git never writes: other tools may take it for something else.
    OddMode,
}

impl EntryKind {
    /// The kind in words, with article.
    pub fn words(self) -> &'static str {
        match self {
            Self::Blob => "a file",
            Self::Executable => "an executable file",
            Self::Symlink => "a symbolic link",
            Self::Submodule => "a submodule",
            Self::Tree => "a folder",
            Self::OddMode => "an entry with a mode that Git never writes",
        }
    }
}
