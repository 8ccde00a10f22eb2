//! What Git's helpers leave in place of a file: told by its first bytes, or, for a merge that
//! was not finished, by its lines.

use super::form::Form;
use crate::model::Sha256;

/// How a file begins that git-crypt encrypted.
const GIT_CRYPT: &[u8] = b"\0GITCRYPT\0";
/// How the files of other programs begin that encrypt.
const OTHER_CIPHERS: [&[u8]; 4] =
    [b"-----BEGIN PGP MESSAGE-----", b"$ANSIBLE_VAULT;", b"Salted__", b"U2FsdGVkX1"];
/// The first line of a pointer (<https://github.com/git-lfs/git-lfs/blob/main/docs/spec.md>), today
/// and before the project was renamed.
const LFS: [&[u8]; 2] =
    [b"version https://git-lfs.github.com/spec/", b"version https://hawser.github.com/spec/"];
/// A pointer has at most this many bytes.
const MAX_POINTER: usize = 1024;

/// What the bytes are, where one of these helpers wrote them.
pub(crate) fn of(bytes: &[u8]) -> Option<Form> {
    if bytes.starts_with(GIT_CRYPT) {
        return Some(Form::GitCrypt);
    }
    if OTHER_CIPHERS.iter().any(|mark| bytes.starts_with(mark)) {
        return Some(Form::OtherCipher);
    }
    if LFS.iter().any(|mark| bytes.starts_with(mark)) {
        return Some(pointer(bytes));
    }
    conflict(bytes).map(|line| Form::Conflict { line })
}

fn pointer(bytes: &[u8]) -> Form {
    let text =
        String::from_utf8_lossy(bytes.get(..MAX_POINTER.min(bytes.len())).unwrap_or_default());
    let value = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
    Form::LfsPointer {
        sha256: value("oid")
            .and_then(|oid| oid.strip_prefix("sha256:")?.trim().parse::<Sha256>().ok()),
        size: value("size").and_then(|size| size.trim().parse().ok()),
    }
}

/// The line, from 1, on which the first conflict begins: all three marks stand there, in order.
fn conflict(bytes: &[u8]) -> Option<usize> {
    let mut begun = None;
    let mut parted = false;
    for (number, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        match line {
            [b'<', b'<', b'<', b'<', b'<', b'<', b'<', b' ', ..] => {
                begun.get_or_insert(number + 1);
            }
            b"=======" | b"=======\r" => parted = begun.is_some(),
            [b'>', b'>', b'>', b'>', b'>', b'>', b'>', b' ', ..] if parted => return begun,
            _ => {}
        }
    }
    None
}
