//! Files that a person, an option or a variable names: read whole and never without end, and written
//! whole or not at all.
#![expect(
    clippy::disallowed_types,
    reason = "the one place that reads and replaces what somebody names"
)]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::Path;

use zeroize::Zeroizing;

/// Where an open descriptor has a name. A shell's `<(…)` is one of them, and its other end writes.
const DESCRIPTORS: [&str; 3] = ["/dev/fd/", "/dev/stdin", "/proc/self/fd/"];

/// The bytes of a file, at most one more than `max`, so that a longer one is seen to be longer.
///
/// # Errors
/// Also for a named pipe, a device and a socket: opening one may wait for ever, and reading it
/// may never end.
pub fn read(path: &Path, max: u64) -> io::Result<Zeroizing<Vec<u8>>> {
    let metadata = std::fs::metadata(path)?;
    let is_descriptor = path
        .to_str()
        .is_some_and(|name| DESCRIPTORS.iter().any(|beginning| name.starts_with(beginning)));
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() && !is_descriptor {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a pipe, a device or a socket, which may never end. Save what it gives in a file, and name that",
        ));
    }
    // Large enough at once: a buffer that grows leaves pieces of a key behind.
    let room = usize::try_from(metadata.len().min(max) + 1).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(room));
    File::open(path)?.take(max.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The same as text.
///
/// # Errors
/// Those of [`read`], [`io::ErrorKind::FileTooLarge`], and [`io::ErrorKind::InvalidData`] for what
/// is not UTF-8.
pub fn read_text(path: &Path, max: u64) -> io::Result<Zeroizing<String>> {
    let bytes = read(path, max)?;
    if bytes.len() as u64 > max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let text = std::str::from_utf8(&bytes);
    let text = text.map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
    Ok(Zeroizing::new(text.to_owned()))
}

/// Writes a file that others may read at any moment: they see what it held before or all of this, and
/// never a part. A device or a pipe is written to as it is.
///
/// # Errors
/// Those of the file system; the file is then as it was.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link stays, and what it leads to is replaced.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let before = std::fs::metadata(path).ok();
    if before.as_ref().is_some_and(|metadata| !metadata.is_file()) {
        return File::options().write(true).open(path)?.write_all(bytes);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Collectors take every file of a folder that has their ending.
    let mut fresh = tempfile::Builder::new();
    fresh.prefix(".applecart-").suffix(".tmp");
    // Whoever the file is for may read it, as far as the user's mask allows.
    #[cfg(unix)]
    fresh.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut fresh = fresh.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    if let Some(before) = before {
        fresh.as_file().set_permissions(before.permissions())?;
    }
    fresh.write_all(bytes)?;
    fresh.as_file().sync_all()?;
    fresh.persist(path).map(|_| ()).map_err(|error| error.error)
}

#[cfg(all(test, unix))]
#[expect(clippy::disallowed_methods, reason = "a file for the test")]
mod tests {
    use super::*;

    #[test]
    fn a_device_that_never_ends_is_refused_and_a_long_file_is_cut_where_it_is_too_long() {
        let refused = read(Path::new("/dev/zero"), 10).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidInput);
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read(folder.path(), 10).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        let long = folder.path().join("long");
        std::fs::write(&long, "twelve bytes").unwrap();
        assert_eq!(read(&long, 10).unwrap().len(), 11);
        assert_eq!(read_text(&long, 10).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        assert_eq!(*read_text(&long, 12).unwrap(), "twelve bytes");
    }

    #[test]
    fn a_file_is_replaced_whole_and_stays_readable_to_those_it_is_for() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("applecart.prom"), folder.path().join("link"));
        replace(&file, b"one").unwrap();
        let mode = |path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&file) & 0o600, 0o600);
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        // Somebody reads the earlier one while it is replaced.
        let mut reader = File::open(&file).unwrap();
        replace(&link, b"two").unwrap();
        let mut seen = String::new();
        reader.read_to_string(&mut seen).unwrap();
        assert_eq!(seen, "one");
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "two");
        assert_eq!(mode(&file), 0o644);
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left over");
        replace(Path::new("/dev/null"), b"gone").unwrap();
        let missing = replace(&folder.path().join("no/such/file"), b"").unwrap_err();
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
