//! Files that change together: all of them, or none.
#![expect(clippy::disallowed_methods, reason = "cli writes the files of the worktree")]

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use super::AppError;

/// A file and what it is to hold.
pub struct New {
    pub path: PathBuf,
    pub bytes: Vec<u8>,
}

/// Writes all files beside their places first and then renames each into its place, in order. What
/// was renamed is put back where a later one fails.
pub fn replace(files: &[New]) -> Result<(), AppError> {
    let mut waiting = Vec::new();
    let result = files.iter().try_for_each(|file| {
        let beside = beside(&file.path);
        waiting.push(beside.clone());
        write_beside(&beside, file).map_err(AppError::file(&file.path, "write"))
    });
    let result = result.and_then(|()| rename(files, &waiting));
    for left in waiting {
        // Renamed ones are gone already.
        let _ = fs::remove_file(left);
    }
    result
}

fn rename(files: &[New], waiting: &[PathBuf]) -> Result<(), AppError> {
    let mut done: Vec<(&Path, Option<Vec<u8>>)> = Vec::new();
    for (file, beside) in files.iter().zip(waiting) {
        let before = match fs::read(&file.path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        let moved = before.and_then(|before| {
            fs::rename(beside, &file.path)?;
            Ok(before)
        });
        match moved {
            Ok(before) => done.push((&file.path, before)),
            Err(source) => {
                for (path, before) in done {
                    // The first error is the one to tell.
                    let _ = match before {
                        Some(bytes) => fs::write(path, bytes),
                        None => fs::remove_file(path),
                    };
                }
                return Err(AppError::file(&file.path, "write")(source));
            }
        }
    }
    Ok(())
}

/// A name that no other process has, and that neither Git nor the fleet takes for a token file.
fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let unique = uuid::Uuid::new_v4().simple().to_string();
    path.with_file_name(format!(".{}.{unique}.tmp", name.unwrap_or_default()))
}

fn write_beside(beside: &Path, file: &New) -> io::Result<()> {
    let mut new = OpenOptions::new().write(true).create_new(true).open(beside)?;
    new.write_all(&file.bytes)?;
    if let Ok(old) = fs::metadata(&file.path) {
        new.set_permissions(old.permissions())?;
    }
    new.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_or_none() {
        let folder = tempfile::tempdir().unwrap();
        let (first, second) = (folder.path().join("a"), folder.path().join("b"));
        fs::write(&first, "old").unwrap();
        let new = |path: &Path, text: &str| New { path: path.to_owned(), bytes: text.into() };
        replace(&[new(&first, "new"), new(&second, "new")]).unwrap();
        assert_eq!(fs::read_to_string(&first).unwrap(), "new");

        // A folder stands where the second file should go: the first is put back.
        let folder_there = folder.path().join("c");
        fs::create_dir(&folder_there).unwrap();
        fs::write(folder_there.join("x"), "x").unwrap();
        replace(&[new(&first, "newer"), new(&folder_there, "new")]).unwrap_err();
        assert_eq!(fs::read_to_string(&first).unwrap(), "new");
        let names = fs::read_dir(folder.path()).unwrap().count();
        assert_eq!(names, 3, "nothing is left beside");
    }
}
