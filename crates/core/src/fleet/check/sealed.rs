//! `file`: which member of the folder it names, and whether it may be a token file.
//!
//! A token file is a plain blob directly in its own tenant's folder. The name is only ever
//! compared with the folder's entries, never joined to a path, so that it cannot lead anywhere
//! else; the rules below exist for good messages.

use super::super::at::At;
use super::super::diagnostic::Code;
use super::super::policy::Policy;
use super::super::source::{Entry, EntryKind, MAX_TOKEN_BYTES};
use super::super::text::{nearest, quote};
use super::token::Context;
use super::{Checks, Span};
use crate::sealed::{Addressees, Form, Seal};

impl Checks<'_, '_> {
    /// The entry that `file` names.
    pub(super) fn sealed<'e>(
        &mut self,
        raw: &At<String>,
        context: &Context<'e>,
    ) -> Option<(&'e Entry, Option<Addressees>)> {
        let At { value, span } = raw;
        // How many people write that a file is in this folder.
        let value = value.strip_prefix("./").unwrap_or(value);
        let folder = context.folder;
        let entry = self.plain_entry(value, *span, &folder.entries)?;
        match entry.size {
            Some(size) if size > MAX_TOKEN_BYTES => {
                let message = format!(
                    "{} has {size} bytes, more than the {MAX_TOKEN_BYTES} of a token file",
                    quote(value)
                );
                self.error(Code::FileTooLarge, *span, message);
                None
            }
            Some(0) => {
                self.error(Code::EmptyFile, *span, format!("{} is empty", quote(value)));
                None
            }
            Some(_) => match (context.look)(folder, entry) {
                Some(form) => {
                    let shown = self.is_sealed(*span, value, &form, context.policy)?;
                    Some((entry, Some(shown)))
                }
                None => Some((entry, None)),
            },
            None => {
                let message = format!("the content of {} is not in this clone", quote(value));
                let help = "clone without --filter, or fetch the object; git fsck shows damage";
                self.error_with_help(Code::ObjectMissing, *span, message, help);
                None
            }
        }
    }

    /// The entry of this name, where it can be a token file.
    fn plain_entry<'e>(
        &mut self,
        value: &str,
        span: Span,
        entries: &'e [Entry],
    ) -> Option<&'e Entry> {
        if let Some(fault) = path_fault(value) {
            let message = format!("`file` {fault}");
            let help = "put the token file beside tenant.yaml and write only its name";
            self.error_with_help(Code::FileOutsideFolder, span, message, help);
            return None;
        }
        if value == "tenant.yaml" {
            self.error(Code::FileNotPlain, span, "tenant.yaml itself is not a token file");
            return None;
        }
        let Some(entry) = entries.iter().find(|entry| entry.path == value) else {
            let files = entries.iter().filter(|entry| is_plain(entry)).map(|one| one.path.as_str());
            let near = nearest(value, files);
            let message = format!("{} is not in this tenant's folder", quote(value));
            let mistake = self.file.mistake(Code::MissingFile, span, message);
            self.file.add(match near {
                Some(near) => mistake.with_label(format!("did you mean {}?", quote(near))),
                None => mistake.with_help("commit the sealed file beside tenant.yaml"),
            });
            return None;
        };
        if !is_plain(entry) {
            let message = format!("{} is {}, not a file", quote(value), entry.kind.words());
            self.error_with_help(
                Code::FileNotPlain,
                span,
                message,
                "commit the sealed file itself, in this folder",
            );
            return None;
        }
        Some(entry)
    }
}

impl Checks<'_, '_> {
    /// For whom a file is that is encrypted for the fleet, so far as that shows; to others than it
    /// lists is only warned about. `None` where it is not encrypted, or damaged.
    fn is_sealed(
        &mut self,
        span: Span,
        name: &str,
        form: &Form,
        policy: Option<&Policy>,
    ) -> Option<Addressees> {
        let Form::Sealed(seal) = form else {
            let words = form.words();
            let message = format!("{} {}", quote(name), words.what);
            self.error_with_help(Code::NotSealed, span, message, words.next);
            return None;
        };
        let Some(shown) = seal.addressees() else {
            let message = format!(
                "{} cannot be read as an age or SOPS file: it is cut off, damaged, or of another version or store",
                quote(name)
            );
            let help = "encrypt it again from the original file: applecart seal";
            self.error_with_help(Code::NotSealed, span, message, help);
            return None;
        };
        let listed = policy.map(|policy| policy.recipients.as_slice()).unwrap_or_default();
        if !listed.is_empty() {
            let differences = shown.differences(listed);
            if !differences.is_empty() {
                let message = format!("{}: {}", quote(name), differences.join("; "));
                let mistake = self.file.mistake(Code::SealedToOthers, span, message);
                let help = match seal {
                    Seal::Age(_) => "encrypt it to the fleet's list: applecart reseal",
                    Seal::Sops(_) => {
                        "name the fleet's list in .sops.yaml, then encrypt it to that: sops updatekeys FILE"
                    }
                };
                self.file.add(mistake.with_help(help).as_warning());
            }
        }
        Some(shown)
    }
}

fn is_plain(entry: &Entry) -> bool {
    matches!(entry.kind, EntryKind::Blob | EntryKind::Executable)
}

/// What is wrong with a name, in words that follow "`file`".
fn path_fault(name: &str) -> Option<&'static str> {
    let drive = name.as_bytes().get(1) == Some(&b':');
    let lower = name.to_ascii_lowercase();
    Some(if name.is_empty() {
        "is empty"
    } else if name.len() > 255 {
        "is longer than a file's name can be"
    } else if name.chars().any(|c| c.is_control() || c == '\u{fffd}') {
        "has control characters"
    } else if name.starts_with(['/', '\\']) || drive {
        "is an absolute path"
    } else if name.split(['/', '\\']).any(|part| matches!(part, "." | "..")) {
        "leads out of the tenant's folder"
    } else if name.contains(['/', '\\']) {
        "names something in another folder"
    } else if name.contains(':') {
        "contains a colon, which some file systems give a meaning"
    // `git~1` is what Windows calls `.git`; it also ignores dots and spaces at the end.
    } else if lower.starts_with(".git") || lower.starts_with("git~") {
        "names one of Git's own files"
    } else if name.ends_with(['.', ' ']) {
        "ends with a dot or a space, which some file systems drop"
    } else {
        return None;
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_lead_elsewhere_are_refused() {
        for bad in [
            "",
            "..",
            ".",
            "../fabrikam/push.pem.age",
            "/etc/passwd",
            "//host/share",
            "a/b.age",
            "./a.age",
            "a\\b",
            "\\\\?\\C:\\x",
            "C:\\x",
            "c:x",
            "a.age:stream",
            ".git",
            ".GIT",
            ".git.",
            ".gitmodules",
            "GIT~1",
            "a\0b",
            "a\nb",
            "a.age ",
            "a.age.",
        ] {
            assert!(path_fault(bad).is_some(), "{bad:?}");
        }
        assert!(path_fault(&"x".repeat(4096)).is_some());
        for good in ["push.pem.age", "London – Süd.vpptoken", "no extension", "push..age"] {
            assert_eq!(path_fault(good), None, "{good:?}");
        }
    }
}
