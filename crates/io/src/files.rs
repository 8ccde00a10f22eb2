//! Files that a person, an option or a variable names, read whole and never without end.
#![expect(clippy::disallowed_types, reason = "the one place that reads what somebody names")]

use std::fs::File;
use std::io::{self, Read as _};
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
}
