//! The files that say who may sign, looked over: enough to notice a wrong file, a truncated paste
//! or a private key. What a signature is worth, `ssh-keygen` and `gpg` decide when it counts.
//!
//! The format of allowed-signers files is in ssh-keygen(1), ALLOWED SIGNERS.

use super::diagnostic::{Code, Diagnostic};
use super::source::FileBytes;
use super::text::quote;

/// The namespace in which Git signs commits and tags.
const NAMESPACE: &str = "git";

/// Which of the files it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignerFile {
    /// `signers`: SSH keys that may sign.
    Allowed,
    /// `openpgpKeys`: OpenPGP public keys that may sign.
    Openpgp,
    /// `revokedSigners`: SSH keys that count no more.
    Revoked,
}

impl SignerFile {
    /// The setting that names it.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Allowed => "signers",
            Self::Openpgp => "openpgpKeys",
            Self::Revoked => "revokedSigners",
        }
    }

    fn made_by(self) -> &'static str {
        match self {
            Self::Allowed => {
                "write a line for each key: name@contoso.example namespaces=\"git\" ssh-ed25519 AAAA…"
            }
            Self::Openpgp => "make it with: gpg --armor --export name@contoso.example",
            Self::Revoked => "write public keys, one a line, or make it with: ssh-keygen -k",
        }
    }
}

/// Every mistake in such a file; `None` when the revision has none at `path`.
pub fn check_signers(which: SignerFile, path: &str, file: Option<&FileBytes>) -> Vec<Diagnostic> {
    let whole = |message: String| {
        vec![Diagnostic::of_file(Code::BadSigners, path, message).with_help(which.made_by())]
    };
    let bytes = match file {
        None => {
            return whole(format!("`{}` names this file, but it does not exist", which.setting()));
        }
        Some(FileBytes::TooLarge { size }) => {
            return whole(format!("the file has {size} bytes, more than any list of signers"));
        }
        Some(FileBytes::NotHere) => {
            return whole("the file's content is not in this clone".to_owned());
        }
        Some(FileBytes::Read(bytes)) => bytes,
    };
    if holds_private_key(bytes) {
        return vec![
            Diagnostic::of_file(Code::BadSigners, path, "there is a private key in this file")
                .with_help("write the public key, and replace this key: Git keeps it forever"),
        ];
    }
    match which {
        SignerFile::Allowed => allowed(path, bytes),
        SignerFile::Openpgp if !is_armored(bytes) => {
            whole("this is not an armored OpenPGP public key".to_owned())
        }
        // A revocation list is binary, and may be empty.
        SignerFile::Openpgp | SignerFile::Revoked => Vec::new(),
    }
}

/// The mistake of a path that leads to no plain file.
pub fn wrong_signers(path: &str, why: &str) -> Vec<Diagnostic> {
    let help = "put a plain file there; links are never followed";
    vec![Diagnostic::of_file(Code::BadSigners, path, why).with_help(help)]
}

/// Whether the file names anybody.
pub fn names_anybody(which: SignerFile, bytes: &[u8]) -> bool {
    match which {
        SignerFile::Allowed => entries(&String::from_utf8_lossy(bytes)).next().is_some(),
        SignerFile::Openpgp => is_armored(bytes),
        SignerFile::Revoked => true,
    }
}

/// Whether a private key of SSH or OpenPGP stands in it, which never belongs into a repository.
pub fn holds_private_key(bytes: &[u8]) -> bool {
    let sign = b"PRIVATE KEY";
    bytes.windows(sign.len()).any(|window| window == sign)
}

fn is_armored(bytes: &[u8]) -> bool {
    let sign = b"-----BEGIN PGP PUBLIC KEY BLOCK-----";
    bytes.windows(sign.len()).any(|window| window == sign)
}

/// The lines that are neither empty nor comments, with their numbers from 1.
fn entries(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

fn allowed(path: &str, bytes: &[u8]) -> Vec<Diagnostic> {
    let text = String::from_utf8_lossy(bytes);
    let mut found = Vec::new();
    let mut count = 0;
    for (line, entry) in entries(&text) {
        count += 1;
        let mistake = match judge(entry) {
            Ok(None) => continue,
            Ok(Some(remark)) => Diagnostic::of_file(Code::BadSigners, path, remark)
                .with_help("Git signs in the namespace \"git\": add it, or leave `namespaces` out")
                .as_warning(),
            Err(why) => Diagnostic::of_file(Code::BadSigners, path, why)
                .with_help(SignerFile::Allowed.made_by()),
        };
        found.push(Diagnostic { line, ..mistake });
    }
    if count == 0 {
        let message = "the file names no signer";
        found.push(
            Diagnostic::of_file(Code::BadSigners, path, message)
                .with_help(SignerFile::Allowed.made_by()),
        );
    }
    found
}

/// What is wrong with a line, or worth a remark.
fn judge(entry: &str) -> Result<Option<String>, String> {
    let words = words(entry).ok_or("a quotation mark is not closed")?;
    let mut rest = words.iter().skip(1).map(String::as_str).peekable();
    let options = rest.next_if(|word| !is_key_type(word)).map(split_options).unwrap_or_default();
    let (Some(kind), Some(blob)) = (rest.next(), rest.next()) else {
        return Err("this is not `principals [options] key-type key`".to_owned());
    };
    if !is_key_type(kind) {
        return Err(format!("{} is not a type of SSH key", quote(kind)));
    }
    if !is_key(kind, blob) {
        return Err(format!("this is not a complete {} key", quote(kind)));
    }
    let mut remark = None;
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or((&option, ""));
        match name.to_ascii_lowercase().as_str() {
            "cert-authority" | "valid-after" | "valid-before" => {}
            "namespaces" => {
                let listed = value.trim_matches('"').split(',');
                if !listed.into_iter().any(|one| one == NAMESPACE || one.contains(['*', '?'])) {
                    remark = Some("this key may not sign commits".to_owned());
                }
            }
            _ => return Err(format!("{} is not an option of an allowed signer", quote(name))),
        }
    }
    Ok(remark)
}

/// Splits at spaces outside of quotation marks.
fn words(line: &str) -> Option<Vec<String>> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        quoted ^= c == '"';
        if c.is_whitespace() && !quoted {
            words.push(String::new());
        } else if let Some(word) = words.last_mut() {
            word.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    (!quoted).then_some(words)
}

/// Splits at commas outside of quotation marks.
fn split_options(word: &str) -> Vec<String> {
    let mut options = vec![String::new()];
    let mut quoted = false;
    for c in word.chars() {
        quoted ^= c == '"';
        if c == ',' && !quoted {
            options.push(String::new());
        } else if let Some(option) = options.last_mut() {
            option.push(c);
        }
    }
    options
}

fn is_key_type(word: &str) -> bool {
    ["ssh-", "ecdsa-sha2-", "sk-"].iter().any(|prefix| word.starts_with(prefix))
}

/// Whether the blob is Base64 and names its own algorithm, so that a truncated paste is noticed.
fn is_key(kind: &str, blob: &str) -> bool {
    use base64::Engine as _;
    let Ok(blob) = base64::engine::general_purpose::STANDARD.decode(blob) else { return false };
    let Some((length, rest)) = blob.split_first_chunk::<4>() else { return false };
    let name = rest.get(..u32::from_be_bytes(*length) as usize);
    name == Some(kind.as_bytes()) && (kind != "ssh-ed25519" || blob.len() == 51)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ8e3w0hJ2dH0m2iT7xTn9mGqkq0y8tD6o4kqv0dW5aG";

    fn found(text: &str) -> Vec<(usize, bool)> {
        let file = FileBytes::Read(text.as_bytes().to_vec());
        let found = check_signers(SignerFile::Allowed, ".applecart/allowed_signers", Some(&file));
        found.iter().map(|one| (one.line, one.is_error())).collect()
    }

    #[test]
    fn lines_as_ssh_keygen_takes_them_are_well() {
        for line in [
            format!("dana@example.com {KEY}"),
            format!("dana@example.com,lee@example.com {KEY} a comment"),
            format!("dana namespaces=\"git,file\",valid-before=\"20300101Z\" {KEY}"),
            format!("* cert-authority {KEY}"),
            format!("\"with space\" namespaces=\"g*\" {KEY}"),
            format!("# a comment\n\ndana {KEY}\r\n"),
        ] {
            assert_eq!(found(&line), [], "{line}");
        }
    }

    #[test]
    fn what_is_no_line_of_it_is_named_with_its_number() {
        for line in [
            "dana",
            "dana ssh-ed25519",
            "dana ssh-ed25519 AAAAC3NzaC1lZDI1NTE5",
            "dana ssh-ed25519 !!!!",
            "dana ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIJ8e3w0hJ2dH0m2iT7xTn9mGqkq0y8tD6o4kqv0dW5aG",
            "dana trusted AAAA",
            &format!("dana command=\"sh\" {KEY}"),
            &format!("dana namespaces=\"git {KEY}"),
            KEY,
        ] {
            assert_eq!(found(&format!("# first\n{line}\n")), [(2, true)], "{line}");
        }
    }

    #[test]
    fn a_key_for_another_namespace_is_only_remarked() {
        assert_eq!(found(&format!("dana namespaces=\"file\" {KEY}")), [(1, false)]);
    }

    #[test]
    fn a_file_that_names_nobody_is_a_mistake() {
        assert_eq!(found(""), [(1, true)]);
        assert_eq!(found("# nobody yet\n"), [(1, true)]);
        assert_eq!(check_signers(SignerFile::Allowed, "a", None).len(), 1);
        let large = FileBytes::TooLarge { size: 1 << 30 };
        assert_eq!(check_signers(SignerFile::Revoked, "a", Some(&large)).len(), 1);
    }

    #[test]
    fn private_keys_are_named_and_not_shown() {
        let text = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA\n";
        let file = FileBytes::Read(text.as_bytes().to_vec());
        for which in [SignerFile::Allowed, SignerFile::Openpgp, SignerFile::Revoked] {
            let found = check_signers(which, "a", Some(&file));
            assert_eq!(found.len(), 1);
            assert!(found[0].message.contains("private key"));
            assert!(!format!("{found:?}").contains("b3BlbnNzaA"));
        }
    }

    #[test]
    fn openpgp_keys_are_armored() {
        let file = FileBytes::Read(b"\x99\x01".to_vec());
        assert_eq!(check_signers(SignerFile::Openpgp, "a", Some(&file)).len(), 1);
    }
}
