//! What the files of a fleet are, by their bytes.

use std::collections::HashSet;
use std::path::Path;

use git2::{AttrCheckFlags, AttrValue, ObjectType, Oid, Tree};

use super::program::GitProgram;
use super::{GitError, Repo, escaped};
use applecart_core::apple;
use applecart_core::fleet::{Entry, Folder, Source};
use applecart_core::sealed::{Form, MAX_SEALED};

/// A folder in a folder in a folder: more than any fleet has, and less than a stack.
const MAX_DEPTH: usize = 64;

impl Repo {
    /// What a token file of a source is; `None` where it is not in this clone.
    pub fn form(&self, source: &Source, folder: &Folder, entry: &Entry) -> Option<Form> {
        if source.rev.is_some() {
            return self.form_of_blob(&entry.id);
        }
        let path = format!("tenants/{}/{}", folder.name, entry.path);
        self.worktree_bytes(&path).ok().flatten().map(|bytes| apple::classify(&bytes))
    }

    /// What a blob is; `None` where it is not in this clone.
    pub fn form_of_blob(&self, id: &str) -> Option<Form> {
        match self.blob(id, MAX_SEALED as u64) {
            Ok(bytes) => Some(apple::classify(&bytes)),
            Err(GitError::BlobTooLarge { .. }) => Some(Form::TooLarge),
            Err(_) => None,
        }
    }

    /// The filter that `.gitattributes` names for a path, such as `lfs`: what Git commits is then not
    /// what lies in the folder.
    pub fn filter_of(&self, path: &str) -> Option<String> {
        let flags = AttrCheckFlags::default();
        let value = self.repo.get_attr_bytes(Path::new(path), "filter", flags).ok()??;
        match AttrValue::from_bytes(Some(value)) {
            AttrValue::String(name) => Some(name.to_owned()),
            AttrValue::Bytes(name) => Some(escaped(name)),
            AttrValue::True | AttrValue::False | AttrValue::Unspecified => None,
        }
    }

    /// Shows every file of a source with at most [`MAX_SEALED`] bytes, once for each content. Of a
    /// worktree those that Git has or would add: what it ignores is not committed by accident.
    pub fn each_file(
        &self,
        source: &Source,
        mut look: impl FnMut(&str, &[u8]),
    ) -> Result<(), GitError> {
        if let Some(rev) = &source.rev {
            let mut files = Files { repo: self, seen: HashSet::new(), look: &mut look };
            return files.tree(&self.root(rev)?, &mut String::new(), 0);
        }
        let args = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
        let listed = GitProgram::of(self).run(&args)?;
        for path in listed.split(|&byte| byte == 0).filter(|path| !path.is_empty()) {
            let path = escaped(path);
            if let Some(bytes) = self.worktree_bytes(&path)? {
                look(&path, &bytes);
            }
        }
        Ok(())
    }
}

struct Files<'a> {
    repo: &'a Repo,
    /// A few bytes of objects can name the same large tree a hundred thousand times.
    seen: HashSet<Oid>,
    look: &'a mut dyn FnMut(&str, &[u8]),
}

impl Files<'_> {
    fn tree(&mut self, tree: &Tree<'_>, path: &mut String, depth: usize) -> Result<(), GitError> {
        if depth > MAX_DEPTH {
            return Ok(());
        }
        for entry in tree {
            let is_link = entry.filemode() & 0o170_000 == 0o120_000;
            if is_link || !self.seen.insert(entry.id()) {
                continue;
            }
            let length = path.len();
            path.push_str(&escaped(entry.name_bytes()));
            match (entry.kind(), self.repo.header(entry.id())?) {
                (Some(ObjectType::Tree), Some((_, ObjectType::Tree))) => {
                    path.push('/');
                    self.tree(&self.repo.tree(entry.id())?, path, depth + 1)?;
                }
                (Some(ObjectType::Blob), Some((size, ObjectType::Blob)))
                    if size <= MAX_SEALED as u64 =>
                {
                    (self.look)(path, &self.repo.content(entry.id())?);
                }
                _ => {}
            }
            path.truncate(length);
        }
        Ok(())
    }
}
