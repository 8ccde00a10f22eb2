//! Three texts of the same files brought together, and what Git keeps of a program.

use std::collections::BTreeMap;

use git2::{
    Diff, DiffFormat, DiffOptions, FileMode, Index, IndexEntry, IndexTime, MergeOptions, Oid, Tree,
};

use super::{GitError, Repo};

/// Texts by their paths in the repository.
pub type Files = BTreeMap<String, String>;

/// What became of files that two sides changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedFiles {
    pub files: Files,
    /// How they differ from ours, as Git shows it.
    pub diff: String,
    /// The files that both sides changed at the same place: they are ours still. With what the other
    /// side changes in them.
    pub conflicts: BTreeMap<String, String>,
}

impl Repo {
    /// Brings what `theirs` changed since `base` into `ours`. Nothing is taken away while anything is in
    /// conflict, for that may need it. No file and no reference is touched; the texts become objects
    /// that nothing names, which Git cleans up.
    pub fn merge_files(
        &self,
        base: &Files,
        ours: &Files,
        theirs: &Files,
    ) -> Result<MergedFiles, GitError> {
        let failed = |error| GitError::reading("the files to bring together", error);
        let (base_tree, our_tree) = (self.tree_of(base)?, self.tree_of(ours)?);
        let their_tree = self.tree_of(theirs)?;
        let mut options = MergeOptions::new();
        // A file is itself, however much it looks like another one.
        options.find_renames(false);
        let index = self.repo.merge_trees(&base_tree, &our_tree, &their_tree, Some(&options));
        let index = index.map_err(failed)?;
        let in_conflict = conflicts(&index).map_err(failed)?;
        let mut files = Files::new();
        for entry in index.iter().filter(|entry| stage(entry) == 0) {
            let path = String::from_utf8_lossy(&entry.path).into_owned();
            files.insert(path, self.text(entry.id)?);
        }
        let kept = ours.iter().filter(|(path, _)| {
            in_conflict.contains(path) || (!in_conflict.is_empty() && !files.contains_key(*path))
        });
        let kept: Files = kept.map(|(path, text)| (path.clone(), text.clone())).collect();
        files.extend(kept);
        let merged = self.tree_of(&files)?;
        let diff = self.diff_of(&our_tree, &merged, None).map_err(failed)?;
        let told = in_conflict.into_iter().map(|path| {
            // Of what nobody knows what it was before, what is there is compared.
            let before = if base.contains_key(&path) { &base_tree } else { &our_tree };
            let diff = self.diff_of(before, &their_tree, Some(&path)).map_err(failed)?;
            Ok((path, diff))
        });
        let conflicts = told.collect::<Result<_, GitError>>()?;
        Ok(MergedFiles { files, diff, conflicts })
    }

    fn tree_of(&self, files: &Files) -> Result<Tree<'_>, GitError> {
        let failed = |error| GitError::writing("the files to bring together", error);
        let mut index = Index::new().map_err(failed)?;
        for (path, text) in files {
            let id = self.repo.blob(text.as_bytes()).map_err(failed)?;
            index.add(&entry(path, id, FileMode::Blob)).map_err(failed)?;
        }
        let id = index.write_tree_to(&self.repo).map_err(failed)?;
        self.repo.find_tree(id).map_err(failed)
    }

    fn text(&self, id: Oid) -> Result<String, GitError> {
        let blob = self.repo.find_blob(id);
        let blob = blob.map_err(|error| GitError::reading("a file to bring together", error))?;
        Ok(String::from_utf8_lossy(blob.content()).into_owned())
    }

    fn diff_of(
        &self,
        old: &Tree<'_>,
        new: &Tree<'_>,
        path: Option<&str>,
    ) -> Result<String, git2::Error> {
        let mut options = DiffOptions::new();
        options.disable_pathspec_match(true);
        if let Some(path) = path {
            options.pathspec(path);
        }
        let diff: Diff<'_> =
            self.repo.diff_tree_to_tree(Some(old), Some(new), Some(&mut options))?;
        let mut text = String::new();
        diff.print(DiffFormat::Patch, |_, _, line| {
            if matches!(line.origin(), '+' | '-' | ' ') {
                text.push(line.origin());
            }
            text.push_str(&String::from_utf8_lossy(line.content()));
            true
        })?;
        Ok(text)
    }

    /// Puts programs into the index as such where files here carry no execute bit, as on Windows: a clone
    /// elsewhere could not run them. Where they do, `git add` sees it by itself.
    pub fn stage_programs(&self, programs: &Files) -> Result<(), GitError> {
        let failed = |error| GitError::writing("the index", error);
        let config = self.repo.config().map_err(failed)?;
        if config.get_bool("core.fileMode").unwrap_or(true) {
            return Ok(());
        }
        let mut index = self.repo.index().map_err(failed)?;
        for (path, text) in programs {
            let id = self.repo.blob(text.as_bytes()).map_err(failed)?;
            index.add(&entry(path, id, FileMode::BlobExecutable)).map_err(failed)?;
        }
        index.write().map_err(failed)
    }
}

fn entry(path: &str, id: Oid, mode: FileMode) -> IndexEntry {
    IndexEntry {
        ctime: IndexTime::new(0, 0),
        mtime: IndexTime::new(0, 0),
        dev: 0,
        ino: 0,
        mode: u32::from(mode),
        uid: 0,
        gid: 0,
        file_size: 0,
        id,
        flags: 0,
        flags_extended: 0,
        path: path.as_bytes().to_vec(),
    }
}

/// The side of a conflict that an entry is of; 0 for none.
fn stage(entry: &IndexEntry) -> u16 {
    (entry.flags >> 12) & 3
}

fn conflicts(index: &Index) -> Result<Vec<String>, git2::Error> {
    let mut paths = Vec::new();
    for conflict in index.conflicts()? {
        let conflict = conflict?;
        let side = conflict.our.or(conflict.their).or(conflict.ancestor);
        paths.extend(side.map(|entry| String::from_utf8_lossy(&entry.path).into_owned()));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(list: &[(&str, &str)]) -> Files {
        list.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
    }

    #[test]
    fn what_was_edited_stays_and_what_was_not_follows() {
        let folder = tempfile::tempdir().unwrap();
        let repo = Repo::init(folder.path()).unwrap();
        let long = |first: &str, last: &str| format!("{first}\n2\n3\n4\n5\n6\n7\n{last}\n");
        let base = files(&[("a.yml", &long("1", "8")), ("old.sh", "old\n"), ("same", "x\n")]);
        let theirs = files(&[("a.yml", &long("one", "8")), ("new.sh", "new\n"), ("same", "x\n")]);
        // Edited at another place, and one that somebody did not want.
        let ours = files(&[("a.yml", &long("1", "eight")), ("old.sh", "old\n")]);
        let merged = repo.merge_files(&base, &ours, &theirs).unwrap();
        assert_eq!(merged.files, files(&[("a.yml", &long("one", "eight")), ("new.sh", "new\n")]));
        assert!(merged.conflicts.is_empty());
        for line in ["-1\n", "+one\n", "+new\n", "-old\n"] {
            assert!(merged.diff.contains(line), "{}", merged.diff);
        }

        // At the same place: it stays, and so does what it may call.
        let ours = files(&[("a.yml", &long("ONE", "8")), ("old.sh", "old\n"), ("same", "x\n")]);
        let merged = repo.merge_files(&base, &ours, &theirs).unwrap();
        assert_eq!(merged.files["a.yml"], ours["a.yml"]);
        assert!(merged.files.contains_key("old.sh") && merged.files.contains_key("new.sh"));
        let told = &merged.conflicts["a.yml"];
        assert!(told.contains("-1\n+one\n") && !told.contains("ONE"), "{told}");

        // Nobody knows what it was before.
        let merged = repo.merge_files(&Files::new(), &ours, &theirs).unwrap();
        assert_eq!(merged.files["a.yml"], ours["a.yml"]);
        assert!(merged.conflicts["a.yml"].contains("-ONE\n+one\n"));
    }
}
