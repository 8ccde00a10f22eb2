//! The worktree's fleet files, for previews of what is not committed yet.
//!
//! The same shape as a snapshot of a commit, and for an unchanged tenant the same ids: a plan of
//! the worktree differs from one of `HEAD` only where the files do. Links are seen and never
//! followed; ignore rules, filters and attributes are not applied. What a sparse checkout leaves out
//! was not removed by anybody: it counts as the index has it.
#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "this file is the adapter to the worktree"
)]

use std::collections::BTreeSet;
use std::fs::{self, File, Metadata};
use std::io::Read as _;
use std::path::Path;

use git2::{ObjectType, Oid};

use super::program::GitProgram;
use super::snapshot::{TENANT_FILE, TENANTS, Totals, is_plain, limit, near_policy, sort};
use super::{GitError, Repo, escaped};
use applecart_core::fleet::{
    Entry, EntryKind, FLEET_FILE, FileBytes, Folder, MAX_ENTRIES, MAX_SETTINGS_BYTES, MAX_TENANTS,
    MAX_TOKEN_BYTES, Source,
};
use applecart_core::sealed::MAX_SEALED;

impl Repo {
    /// Reads the fleet's files of the worktree, committed or not.
    pub fn worktree_snapshot(&self) -> Result<Source, GitError> {
        let Some(root) = self.worktree() else {
            return Err(GitError::NoWorktree { path: self.repo.path().to_owned() });
        };
        if self.is_unchecked_out() {
            return Err(GitError::NotCheckedOut { path: root.to_owned() });
        }
        let mut source = Source::default();
        if let Some(kind) = kind_at(&root.join(FLEET_FILE))? {
            expect(FLEET_FILE, kind, EntryKind::Blob)?;
            let (bytes, _) = settings(&root.join(FLEET_FILE))?;
            source.policy = Some(bytes);
        } else if let Ok(beside) = children(root, MAX_ENTRIES)? {
            source.near_policy =
                near_policy(beside.into_iter().map(|child| escaped(child.name.as_encoded_bytes())));
        }
        let mut totals = Totals::default();
        self.tenants_of_worktree(&root.join(TENANTS), &mut source, &mut totals)?;
        self.add_left_out(root, &mut source, &mut totals)?;
        sort(&mut source)?;
        Ok(source)
    }

    /// Whether nothing was ever checked out here (`git clone --no-checkout`): its files say nothing of
    /// the fleet, and nobody removed any.
    pub(super) fn is_unchecked_out(&self) -> bool {
        let has = |path: &Path| std::fs::symlink_metadata(path).is_ok();
        let root = self.worktree();
        let is_empty =
            root.is_some_and(|root| !has(&root.join(FLEET_FILE)) && !has(&root.join(TENANTS)));
        is_empty && !has(&self.repo.path().join("index")) && self.repo.head().is_ok()
    }

    fn tenants_of_worktree(
        &self,
        tenants: &Path,
        source: &mut Source,
        totals: &mut Totals,
    ) -> Result<(), GitError> {
        let Some(kind) = kind_at(tenants)? else { return Ok(()) };
        expect(TENANTS, kind, EntryKind::Tree)?;
        let children = children(tenants, MAX_TENANTS)?;
        let count = children.as_ref().map_or_else(|count| *count, Vec::len);
        limit("the entries of the folder `tenants`", MAX_TENANTS as u64, count as u64)?;
        for child in children.unwrap_or_default() {
            if child.kind == EntryKind::Tree {
                let folder = folder(tenants, &child)?;
                totals.count(&folder)?;
                source.tenants.push(folder);
            } else {
                source.strays.push(child.entry(tenants)?.0);
            }
        }
        Ok(())
    }

    /// Adds what the index has and a sparse checkout leaves out: the settings, and tenants whose
    /// folder is not here. A folder that is here in part is completed.
    fn add_left_out(
        &self,
        root: &Path,
        source: &mut Source,
        totals: &mut Totals,
    ) -> Result<(), GitError> {
        let left_out = self.left_out()?;
        if left_out.is_empty() {
            return Ok(());
        }
        self.bring(&left_out.iter().map(|one| one.id).collect::<Vec<_>>())?;
        let counted = source.tenants.len();
        for one in left_out {
            // Somebody wrote it here all the same; then that counts.
            if kind_at(&root.join(&one.path))?.is_some() {
                continue;
            }
            if one.path == FLEET_FILE {
                source.policy = Some(self.settings(one.id)?);
                continue;
            }
            let parts: Vec<&str> = one.path.split('/').collect();
            let [TENANTS, name, file] = parts.as_slice() else { continue };
            let at = source.tenants.iter().position(|folder| folder.name == *name);
            let at = at.unwrap_or_else(|| {
                source.tenants.push(Folder {
                    name: (*name).to_owned(),
                    tree: Oid::ZERO_SHA1.to_string(),
                    tenant_file: None,
                    entries: Vec::new(),
                    overfull: None,
                });
                source.tenants.len() - 1
            });
            limit("the entries of the folder `tenants`", MAX_TENANTS as u64, at as u64 + 1)?;
            let Some(folder) = source.tenants.get_mut(at) else { continue };
            if *file == TENANT_FILE && is_plain(one.kind) {
                folder.tenant_file = Some(self.settings(one.id)?);
            } else if folder.entries.len() < MAX_ENTRIES {
                let size = self.blob_size(one.id)?;
                let (path, id) = ((*file).to_owned(), one.id.to_string());
                folder.entries.push(Entry { path, kind: one.kind, id, size });
            } else {
                folder.overfull = Some(MAX_ENTRIES + 1);
            }
        }
        self.name_trees(source)?;
        source.tenants.iter().skip(counted).try_for_each(|folder| totals.count(folder))
    }

    /// Folders that are as the commit has them get its name for them, so that a preview differs from
    /// a plan of the commit only where the files do.
    fn name_trees(&self, source: &mut Source) -> Result<(), GitError> {
        let none = Oid::ZERO_SHA1.to_string();
        if !source.tenants.iter().any(|folder| folder.tree == none) {
            return Ok(());
        }
        // Without a commit there is nothing to compare with.
        let Ok(root) = self.root("HEAD") else { return Ok(()) };
        let tenants = root.get_name(TENANTS).map(|entry| self.tree(entry.id())).transpose()?;
        for folder in source.tenants.iter_mut().filter(|folder| folder.tree == none) {
            let entry = tenants.as_ref().and_then(|tenants| tenants.get_name(&folder.name));
            if let Some(entry) = entry {
                folder.tree = entry.id().to_string();
            }
        }
        Ok(())
    }

    /// The tenants of whose files a sparse checkout leaves some out, so that they can be neither read
    /// nor replaced here.
    pub fn tenants_left_out(&self) -> Result<BTreeSet<String>, GitError> {
        let Some(root) = self.worktree() else { return Ok(BTreeSet::new()) };
        let mut tenants = BTreeSet::new();
        for one in self.left_out()? {
            let mut parts = one.path.split('/');
            if let (Some(TENANTS), Some(name), Some(_)) = (parts.next(), parts.next(), parts.next())
                && kind_at(&root.join(&one.path))?.is_none()
            {
                tenants.insert(name.to_owned());
            }
        }
        Ok(tenants)
    }

    /// The fleet's files of the index that are not checked out, because the checkout is sparse.
    fn left_out(&self) -> Result<Vec<LeftOut>, GitError> {
        let config = self.repo.config().and_then(|mut config| config.snapshot());
        let is_sparse = config.and_then(|config| config.get_bool("core.sparseCheckout"));
        if !is_sparse.unwrap_or(false) {
            return Ok(Vec::new());
        }
        // The user's Git reads every form of index; libgit2 knows no sparse one.
        let args = ["ls-files", "-z", "-t", "--stage", "--", FLEET_FILE, TENANTS];
        let listed = GitProgram::of(self).run(&args)?;
        Ok(listed.split(|&byte| byte == 0).filter_map(LeftOut::parse).collect())
    }

    /// A plain file of the worktree, named from the root with `/`; `None` when there is none. A
    /// link on the way is an error, never followed.
    pub fn worktree_file(&self, path: &str) -> Result<Option<FileBytes>, GitError> {
        let Some(root) = self.worktree() else {
            return Err(GitError::NoWorktree { path: self.repo.path().to_owned() });
        };
        let mut at = root.to_owned();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            at.push(part);
            let Some(kind) = kind_at(&at)? else { return Ok(None) };
            let must_be = if parts.peek().is_some() { EntryKind::Tree } else { EntryKind::Blob };
            expect(path, kind, must_be)?;
        }
        settings(&at).map(|(bytes, _)| Some(bytes))
    }
}

impl Repo {
    /// The bytes of a plain file of the worktree that is no larger than a sealed file can be; `None`
    /// for everything else. A link on the way is not followed.
    pub(super) fn worktree_bytes(&self, path: &str) -> Result<Option<Vec<u8>>, GitError> {
        let Some(root) = self.worktree() else { return Ok(None) };
        let mut at = root.to_owned();
        let mut parts = path.split('/').peekable();
        while let Some(part) = parts.next() {
            at.push(part);
            let must_be = if parts.peek().is_some() { EntryKind::Tree } else { EntryKind::Blob };
            match kind_at(&at)? {
                Some(kind) if kind == must_be || (is_plain(kind) && is_plain(must_be)) => {}
                _ => return Ok(None),
            }
        }
        read(&at, MAX_SEALED as u64)
    }
}

fn expect(path: &str, kind: EntryKind, must_be: EntryKind) -> Result<(), GitError> {
    if kind == must_be || (is_plain(kind) && is_plain(must_be)) {
        return Ok(());
    }
    Err(GitError::WrongKind { path: path.to_owned(), is: kind.words(), must_be: must_be.words() })
}

/// A file of the index that a sparse checkout leaves out.
struct LeftOut {
    /// From the root, with `/`.
    path: String,
    kind: EntryKind,
    id: Oid,
}

impl LeftOut {
    /// One line of `git ls-files -t --stage`, `S 100644 ID 0<tab>PATH`; `None` for what is checked
    /// out.
    fn parse(line: &[u8]) -> Option<Self> {
        let tab = line.iter().position(|&byte| byte == b'\t')?;
        let (head, path) = line.split_at(tab);
        let head = std::str::from_utf8(head).ok()?;
        let mut words = head.strip_prefix("S ")?.split(' ');
        let kind = match words.next()? {
            "100644" => EntryKind::Blob,
            "100755" => EntryKind::Executable,
            "120000" => EntryKind::Symlink,
            _ => return None,
        };
        let id = Oid::from_str(words.next()?).ok()?;
        Some(Self { path: escaped(path.get(1..)?), kind, id })
    }
}

/// A member of a folder, as `lstat` shows it.
struct Child {
    name: std::ffi::OsString,
    kind: EntryKind,
    size: u64,
}

/// The members of a folder, or how many there are at least when that is over `max`. Sockets,
/// pipes and devices are left out, as Git leaves them out.
fn children(folder: &Path, max: usize) -> Result<Result<Vec<Child>, usize>, GitError> {
    let mut children = Vec::new();
    for member in fs::read_dir(folder).map_err(|error| GitError::file(folder, error))? {
        let member = member.map_err(|error| GitError::file(folder, error))?;
        let path = member.path();
        let metadata = fs::symlink_metadata(&path).map_err(|error| GitError::file(&path, error))?;
        let Some(kind) = kind_of(&path, &metadata) else { continue };
        children.push(Child { name: member.file_name(), kind, size: metadata.len() });
        if children.len() > max {
            return Ok(Err(children.len()));
        }
    }
    Ok(Ok(children))
}

fn folder(parent: &Path, child: &Child) -> Result<Folder, GitError> {
    let path = parent.join(&child.name);
    let mut folder = Folder {
        name: escaped(child.name.as_encoded_bytes()),
        tree: Oid::ZERO_SHA1.to_string(),
        tenant_file: None,
        entries: Vec::new(),
        overfull: None,
    };
    let members = match children(&path, MAX_ENTRIES)? {
        Ok(members) => members,
        Err(count) => {
            folder.overfull = Some(count);
            return Ok(folder);
        }
    };
    let mut listed = Vec::with_capacity(members.len());
    for member in members {
        let id;
        if member.name == TENANT_FILE && is_plain(member.kind) {
            let (bytes, blob) = settings(&path.join(&member.name))?;
            folder.tenant_file = Some(bytes);
            id = blob;
        } else {
            let (entry, blob) = member.entry(&path)?;
            folder.entries.push(entry);
            id = blob;
        }
        listed.push((member, id));
    }
    folder.tree = tree_id(listed)?.to_string();
    Ok(folder)
}

impl Child {
    fn entry(&self, parent: &Path) -> Result<(Entry, Oid), GitError> {
        let path = parent.join(&self.name);
        let (id, size) = match self.kind {
            EntryKind::Tree | EntryKind::Submodule | EntryKind::OddMode => (Oid::ZERO_SHA1, None),
            EntryKind::Symlink => {
                let target = fs::read_link(&path).map_err(|error| GitError::file(&path, error))?;
                (blob_id(target.as_os_str().as_encoded_bytes())?, Some(self.size))
            }
            // Too large to be a token file, so its content is never asked for.
            _ if self.size > MAX_TOKEN_BYTES => (Oid::ZERO_SHA1, Some(self.size)),
            _ => match read(&path, MAX_TOKEN_BYTES)? {
                Some(bytes) => (blob_id(&bytes)?, Some(bytes.len() as u64)),
                None => (Oid::ZERO_SHA1, Some(MAX_TOKEN_BYTES + 1)),
            },
        };
        let name = escaped(self.name.as_encoded_bytes());
        Ok((Entry { path: name, kind: self.kind, id: id.to_string(), size }, id))
    }
}

fn settings(path: &Path) -> Result<(FileBytes, Oid), GitError> {
    Ok(match read(path, MAX_SETTINGS_BYTES)? {
        Some(bytes) => {
            let id = blob_id(&bytes)?;
            (FileBytes::Read(bytes), id)
        }
        None => {
            let metadata = fs::metadata(path).map_err(|error| GitError::file(path, error))?;
            (FileBytes::TooLarge { size: metadata.len() }, Oid::ZERO_SHA1)
        }
    })
}

/// The bytes of a file; `None` when there are more than `max`, also if it grows meanwhile.
fn read(path: &Path, max: u64) -> Result<Option<Vec<u8>>, GitError> {
    let file = File::open(path).map_err(|error| GitError::file(path, error))?;
    let mut bytes = Vec::new();
    file.take(max + 1).read_to_end(&mut bytes).map_err(|error| GitError::file(path, error))?;
    Ok((bytes.len() as u64 <= max).then_some(bytes))
}

fn kind_at(path: &Path) -> Result<Option<EntryKind>, GitError> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(kind_of(path, &metadata)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(GitError::file(path, error)),
    }
}

fn kind_of(path: &Path, metadata: &Metadata) -> Option<EntryKind> {
    let kind = metadata.file_type();
    if kind.is_symlink() {
        Some(EntryKind::Symlink)
    } else if kind.is_dir() {
        // Git takes a folder with a repository in it as a submodule.
        let nested = fs::symlink_metadata(path.join(".git")).is_ok();
        Some(if nested { EntryKind::Submodule } else { EntryKind::Tree })
    } else if kind.is_file() {
        Some(if is_executable(metadata) { EntryKind::Executable } else { EntryKind::Blob })
    } else {
        None
    }
}

#[cfg(unix)]
fn is_executable(metadata: &Metadata) -> bool {
    std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o100 != 0
}

#[cfg(not(unix))]
fn is_executable(_: &Metadata) -> bool {
    false
}

fn blob_id(bytes: &[u8]) -> Result<Oid, GitError> {
    Oid::hash_object(ObjectType::Blob, bytes)
        .map_err(|error| GitError::reading("a file's object name", error))
}

/// The id of the tree that Git would write for a folder without folders in it. With folders it is
/// still a digest of the files, only not Git's.
fn tree_id(mut listed: Vec<(Child, Oid)>) -> Result<Oid, GitError> {
    let key = |child: &Child| {
        let mut key = child.name.as_encoded_bytes().to_vec();
        if child.kind == EntryKind::Tree {
            key.push(b'/');
        }
        key
    };
    listed.sort_by_cached_key(|(child, _)| key(child));
    let mut tree = Vec::new();
    for (child, id) in &listed {
        let mode: &[u8] = match child.kind {
            EntryKind::Blob => b"100644 ",
            EntryKind::Executable => b"100755 ",
            EntryKind::Symlink => b"120000 ",
            EntryKind::Submodule => b"160000 ",
            EntryKind::Tree => b"40000 ",
            // No file system has one.
            EntryKind::OddMode => b"0 ",
        };
        tree.extend_from_slice(mode);
        tree.extend_from_slice(child.name.as_encoded_bytes());
        tree.push(0);
        tree.extend_from_slice(id.as_bytes());
    }
    Oid::hash_object(ObjectType::Tree, &tree)
        .map_err(|error| GitError::reading("a folder's object name", error))
}
