//! A revision's fleet files, as objects.
//!
//! A repository may be hostile: a few kilobytes of objects can name the same large tree a hundred
//! thousand times. So every size is asked for before the object is read, and totals are kept
//! beside the limits of each folder. Over a limit is an error, never a shorter answer. A folder
//! that is too full is that tenant's mistake; a fleet that is too large is everyone's.

use git2::{ErrorCode, ObjectType, Oid, Tree, TreeEntry};

use super::{GitError, Repo, escaped};
use applecart_core::fleet::{
    Entry, EntryKind, FLEET_FILE, FileBytes, Folder, MAX_ENTRIES, MAX_SETTINGS_BYTES, MAX_TENANTS,
    Source,
};
use applecart_core::model::nearest;

pub(super) const TENANTS: &str = "tenants";
pub(super) const TENANT_FILE: &str = "tenant.yaml";

/// Most bytes of a tenant's tree object: [`MAX_ENTRIES`] names of 255 bytes, each with mode and
/// id. A larger tree is too full whatever it holds, and is not parsed.
const MAX_TREE_BYTES: u64 = MAX_ENTRIES as u64 * (255 + 28);

/// Most bytes of the tree object of `tenants`: as many folders as are read, with the longest
/// valid names, and room for strays.
pub(super) const MAX_TENANTS_TREE_BYTES: u64 = 2 * MAX_TENANTS as u64 * (64 + 28);

/// Most entries of all tenants' folders together: ten for each of the most tenants.
const MAX_TOTAL_ENTRIES: u64 = 10 * MAX_TENANTS as u64;

/// Most bytes of all tenant files together: 5 KiB for each of the most tenants.
const MAX_TOTAL_BYTES: u64 = 512 * 1024 * 1024;

/// What all folders together have used up.
#[derive(Default)]
pub(super) struct Totals {
    entries: u64,
    bytes: u64,
}

impl Totals {
    pub(super) fn count(&mut self, folder: &Folder) -> Result<(), GitError> {
        self.entries += folder.entries.len() as u64;
        if let Some(FileBytes::Read(bytes)) = &folder.tenant_file {
            self.bytes += bytes.len() as u64;
        }
        limit("the files of all tenants", MAX_TOTAL_ENTRIES, self.entries)?;
        limit("the bytes of all tenant.yaml files", MAX_TOTAL_BYTES, self.bytes)
    }
}

pub(super) fn limit(what: &str, limit: u64, found: u64) -> Result<(), GitError> {
    if found > limit {
        return Err(GitError::Limit { what: what.to_owned(), limit, found });
    }
    Ok(())
}

/// What was probably meant to be the settings file, among the names beside it.
pub(super) fn near_policy(names: impl Iterator<Item = String>) -> Option<String> {
    let names: Vec<String> = names.take(MAX_ENTRIES).collect();
    nearest(FLEET_FILE, names.iter().map(String::as_str)).map(str::to_owned)
}

impl Repo {
    /// Reads the fleet's files of a revision. Token files are named, not read.
    pub fn snapshot(&self, rev: &str) -> Result<Source, GitError> {
        let id = self.commit(rev)?.id();
        self.source(id, &self.root(rev)?)
    }

    /// Reads the fleet's files of a tree, such as the one that `git write-tree` makes of the index.
    pub fn tree_snapshot(&self, tree: &str) -> Result<Source, GitError> {
        let root = self.root(tree)?;
        self.source(root.id(), &root)
    }

    /// Reads the settings of a revision, and no tenant.
    pub fn settings_snapshot(&self, rev: &str) -> Result<Source, GitError> {
        let id = self.commit(rev)?.id();
        self.settings_source(id, &self.root(rev)?)
    }

    fn settings_source(&self, id: Oid, root: &Tree<'_>) -> Result<Source, GitError> {
        let mut source = Source {
            rev: Some(id.to_string()),
            policy: self.settings_file(root, FLEET_FILE)?,
            ..Source::default()
        };
        if source.policy.is_none() {
            source.near_policy =
                near_policy(root.iter().filter_map(|entry| entry.name().ok().map(str::to_owned)));
        }
        Ok(source)
    }

    fn source(&self, id: Oid, root: &Tree<'_>) -> Result<Source, GitError> {
        let entries = [FLEET_FILE, TENANTS].into_iter().filter_map(|name| root.get_name(name));
        self.bring(&entries.map(|entry| entry.id()).collect::<Vec<_>>())?;
        let mut source = self.settings_source(id, root)?;
        let Some(tenants) = root.get_name(TENANTS) else {
            return Ok(source);
        };
        let kind = kind_of(&tenants);
        if kind != EntryKind::Tree {
            let (path, is) = (TENANTS.to_owned(), kind.words());
            return Err(GitError::WrongKind { path, is, must_be: EntryKind::Tree.words() });
        }
        let size = self.header(tenants.id())?.map_or(0, |(size, _)| size);
        limit("the bytes of the folder `tenants`", MAX_TENANTS_TREE_BYTES, size)?;
        let tenants = self.tree(tenants.id())?;
        limit("the entries of the folder `tenants`", MAX_TENANTS as u64, tenants.len() as u64)?;
        self.bring_folders(&tenants)?;
        let mut totals = Totals::default();
        for entry in tenants.iter() {
            if kind_of(&entry) == EntryKind::Tree {
                let folder = self.folder(&entry)?;
                totals.count(&folder)?;
                source.tenants.push(folder);
            } else {
                source.strays.push(self.entry(&entry)?);
            }
        }
        sort(&mut source)?;
        Ok(source)
    }

    /// Brings what a partial clone lacks of the tenants' folders, in two trips instead of one for each
    /// object.
    fn bring_folders(&self, tenants: &Tree<'_>) -> Result<(), GitError> {
        if !self.is_partial() {
            return Ok(());
        }
        let folders = tenants.iter().filter(|entry| kind_of(entry) == EntryKind::Tree);
        let folders: Vec<Oid> = folders.map(|entry| entry.id()).collect();
        self.bring(&folders)?;
        let mut files = Vec::new();
        for &id in &folders {
            // A folder that is too full is not read, and neither is one that is no folder.
            match self.header(id)? {
                Some((size, ObjectType::Tree)) if size <= MAX_TREE_BYTES => {}
                _ => continue,
            }
            let tree = self.tree(id)?;
            let blobs = tree.iter().filter(|entry| is_plain(kind_of(entry)));
            files.extend(blobs.map(|entry| entry.id()));
            limit("the files of all tenants", MAX_TOTAL_ENTRIES, files.len() as u64)?;
        }
        self.bring(&files)
    }

    /// One tenant's files of a revision; `None` where it has no such folder.
    pub fn tenant(&self, rev: &str, name: &str) -> Result<Option<Folder>, GitError> {
        let root = self.root(rev)?;
        let Some(tenants) = root.get_name(TENANTS).filter(|it| kind_of(it) == EntryKind::Tree)
        else {
            return Ok(None);
        };
        let size = self.header(tenants.id())?.map_or(0, |(size, _)| size);
        limit("the bytes of the folder `tenants`", MAX_TENANTS_TREE_BYTES, size)?;
        let tenants = self.tree(tenants.id())?;
        match tenants.get_name(name).filter(|entry| kind_of(entry) == EntryKind::Tree) {
            Some(entry) => self.folder(&entry).map(Some),
            None => Ok(None),
        }
    }

    fn folder(&self, entry: &TreeEntry<'_>) -> Result<Folder, GitError> {
        self.folder_at(escaped(entry.name_bytes()), entry.id())
    }

    /// A tenant's folder as it was when its tree was `tree`, under the name that it had.
    pub fn folder_of_tree(&self, name: &str, tree: &str) -> Result<Folder, GitError> {
        let id = Oid::from_str(tree).map_err(|error| GitError::reading("a tree's name", error))?;
        let mut folder = self.folder_at(name.to_owned(), id)?;
        folder.entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(folder)
    }

    fn folder_at(&self, name: String, id: Oid) -> Result<Folder, GitError> {
        let mut folder = Folder {
            name,
            tree: id.to_string(),
            tenant_file: None,
            entries: Vec::new(),
            overfull: None,
        };
        let size = self.header(id)?.map_or(0, |(size, _)| size);
        if size > MAX_TREE_BYTES {
            folder.overfull = Some(MAX_ENTRIES + 1);
            return Ok(folder);
        }
        let tree = self.tree(id)?;
        if tree.len() > MAX_ENTRIES {
            folder.overfull = Some(tree.len());
            return Ok(folder);
        }
        for entry in tree.iter() {
            let is_tenant_file = entry.name_bytes() == TENANT_FILE.as_bytes();
            let mut entries = folder.entries.iter();
            if is_tenant_file
                && (folder.tenant_file.is_some() || entries.any(|one| one.path == TENANT_FILE))
            {
                let path = format!("{TENANTS}/{}/{TENANT_FILE}", folder.name);
                return Err(GitError::DuplicateEntry { path });
            }
            if is_tenant_file && is_plain(kind_of(&entry)) {
                folder.tenant_file = Some(self.settings(entry.id())?);
            } else {
                folder.entries.push(self.entry(&entry)?);
            }
        }
        Ok(folder)
    }

    fn entry(&self, entry: &TreeEntry<'_>) -> Result<Entry, GitError> {
        let kind = kind_of(entry);
        // The size of a submodule's commit or of a folder says nothing.
        let size = match kind {
            EntryKind::Tree | EntryKind::Submodule | EntryKind::OddMode => None,
            _ => self.blob_size(entry.id())?,
        };
        Ok(Entry { path: escaped(entry.name_bytes()), kind, id: entry.id().to_string(), size })
    }

    pub(super) fn blob_size(&self, id: Oid) -> Result<Option<u64>, GitError> {
        // A tree that calls something a file that is none is damaged; like an object that is not
        // here, it has no content that could be read.
        Ok(self.header(id)?.filter(|&(_, kind)| kind == ObjectType::Blob).map(|(size, _)| size))
    }

    /// A plain file of a revision, named from the root with `/`; `None` when there is none. A link
    /// on the way is an error, never followed.
    pub fn plain_file(&self, rev: &str, path: &str) -> Result<Option<FileBytes>, GitError> {
        let mut tree = self.root(rev)?;
        let (folders, name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut so_far = String::new();
        for part in folders.split('/').filter(|part| !part.is_empty()) {
            so_far.push_str(part);
            let Some((kind, id)) = tree.get_name(part).map(|entry| (kind_of(&entry), entry.id()))
            else {
                return Ok(None);
            };
            if kind != EntryKind::Tree {
                let (is, must_be) = (kind.words(), EntryKind::Tree.words());
                return Err(GitError::WrongKind { path: so_far, is, must_be });
            }
            tree = self.tree(id)?;
            so_far.push('/');
        }
        self.settings_file(&tree, name)
    }

    /// A settings file of a tree; `None` when it has none by that name.
    pub(super) fn settings_file(
        &self,
        tree: &Tree<'_>,
        name: &str,
    ) -> Result<Option<FileBytes>, GitError> {
        let Some(entry) = tree.get_name(name) else { return Ok(None) };
        let kind = kind_of(&entry);
        if !is_plain(kind) {
            let (path, is) = (name.to_owned(), kind.words());
            return Err(GitError::WrongKind { path, is, must_be: EntryKind::Blob.words() });
        }
        self.settings(entry.id()).map(Some)
    }

    pub(super) fn settings(&self, id: Oid) -> Result<FileBytes, GitError> {
        self.bring(&[id])?;
        Ok(match self.blob_size(id)? {
            None => FileBytes::NotHere,
            Some(size) if size > MAX_SETTINGS_BYTES => FileBytes::TooLarge { size },
            Some(_) => FileBytes::Read(self.content(id)?),
        })
    }

    pub(super) fn tree(&self, id: Oid) -> Result<Tree<'_>, GitError> {
        self.bring(&[id])?;
        self.repo.find_tree(id).map_err(|error| match error.code() {
            ErrorCode::NotFound => GitError::NoSuchBlob { id: id.to_string() },
            _ => GitError::reading(&format!("tree {id}"), error),
        })
    }
}

/// Sorts by name (Git sorts a folder as if its name ended with `/`), and refuses twins, of which
/// Git's tools and this program might each take another one.
pub(super) fn sort(source: &mut Source) -> Result<(), GitError> {
    source.tenants.sort_by(|a, b| a.name.cmp(&b.name));
    source.strays.sort_by(|a, b| a.path.cmp(&b.path));
    let names = source.tenants.iter().map(|folder| &folder.name);
    let mut names: Vec<&String> = names.chain(source.strays.iter().map(|one| &one.path)).collect();
    names.sort();
    if let Some([twin, _]) = names.array_windows().find(|[a, b]| a == b) {
        return Err(GitError::DuplicateEntry { path: format!("{TENANTS}/{twin}") });
    }
    for folder in &mut source.tenants {
        folder.entries.sort_by(|a, b| a.path.cmp(&b.path));
        let twin = folder.entries.array_windows().find(|[a, b]| a.path == b.path);
        if let Some([twin, _]) = twin {
            let path = format!("{TENANTS}/{}/{}", folder.name, twin.path);
            return Err(GitError::DuplicateEntry { path });
        }
    }
    Ok(())
}

pub(super) fn is_plain(kind: EntryKind) -> bool {
    matches!(kind, EntryKind::Blob | EntryKind::Executable)
}

pub(super) fn kind_of(entry: &TreeEntry<'_>) -> EntryKind {
    match entry.filemode_raw() {
        0o040_000 => EntryKind::Tree,
        0o120_000 => EntryKind::Symlink,
        0o160_000 => EntryKind::Submodule,
        0o100_755 => EntryKind::Executable,
        // The first versions of Git wrote the second.
        0o100_644 | 0o100_664 => EntryKind::Blob,
        _ => EntryKind::OddMode,
    }
}
