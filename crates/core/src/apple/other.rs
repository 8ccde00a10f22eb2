//! What a file is, whatever it is, and why one that is not the wanted token cannot be used.

use super::content::{self, Content, Look};
use super::{Finding, FindingCode, MAX_FILE, mime, radix64, secrets_in, utf16};
use crate::model::Kind;
use crate::sealed::form::REPLACE;
use crate::sealed::{Form, MAX_SEALED, SecretKind, marks, seal};

/// What a file in the fleet's repository is, told by its bytes without a key. It is the one
/// classifier, so that commands cannot disagree.
pub fn classify(bytes: &[u8]) -> Form {
    if bytes.len() > MAX_SEALED {
        return Form::TooLarge;
    }
    match utf16(bytes) {
        Some(text) => Form::Utf16(Box::new(narrow(text.as_bytes()))),
        None => narrow(bytes),
    }
}

fn narrow(bytes: &[u8]) -> Form {
    marks::of(bytes).or_else(|| seal(bytes).map(Form::Sealed)).unwrap_or_else(|| form(bytes))
}

/// Why a file cannot be read as this kind at all. `None` where the content is of this kind and
/// its own parser has the word.
pub(super) fn unusable(look: &Look, wanted: Option<Kind>) -> Option<Finding> {
    if let (Some(wanted), Some(kind)) = (wanted, look.kind())
        && wanted != kind
    {
        let what = format!("is {}, not {}; it belongs under `{kind}`", noun(kind), noun(wanted));
        return Some(wrong(&what, REPLACE, Some(wanted)));
    }
    let of = |code, form: Form| {
        let words = form.words();
        Some(Finding::new(
            code,
            format!("the file {}. {}", words.what, words.next.trim_end_matches('.')),
        ))
    };
    match &look.content {
        Content::TooLarge => Some(Finding::new(
            FindingCode::TooLarge,
            format!(
                "the file has over {MAX_FILE} bytes; a token file has a few thousand. Check what it is, then download it again from Apple"
            ),
        )),
        Content::Empty => Some(Finding::new(
            FindingCode::Empty,
            "the file is empty. Uploading an empty certificate would remove the one in Intune. Download the file again from Apple",
        )),
        Content::Broken(kind) => Some(Finding::new(
            FindingCode::Malformed,
            format!(
                "the file begins like {}, but is cut off or was changed on the way. Download it again from Apple, and copy it as a file, not as text",
                noun(*kind)
            ),
        )),
        Content::SeveralVpp => Some(Finding::new(
            FindingCode::SeveralTokens,
            "the file holds several VPP tokens, so it is unclear which one to upload. Keep each token in its own file",
        )),
        Content::Credentials => {
            of(FindingCode::PlaintextCredentials, Form::Secret(SecretKind::EnrollmentCredentials))
        }
        Content::Other(form) => {
            let words = form.words();
            let what = match form {
                Form::AppleError { number: Some(number) } => {
                    format!("{} (error {number})", words.what)
                }
                _ => words.what.to_owned(),
            };
            Some(wrong(&what, words.next, wanted))
        }
        Content::Certificates(_) | Content::Cms(_) | Content::Vpp(_) => None,
    }
}

fn wrong(what: &str, next: &str, wanted: Option<Kind>) -> Finding {
    let expected = match wanted {
        Some(Kind::Push) => "the .pem that Apple's push portal hands out",
        Some(Kind::Enrollment) => {
            "the .p7m that Apple Business or Apple School Manager hands out for an MDM server"
        }
        Some(Kind::Vpp) => {
            "the .vpptoken that Apple Business or Apple School Manager hands out for a location"
        }
        None => "a push certificate (.pem), an enrollment token (.p7m) or a VPP token (.vpptoken)",
    };
    // What is expected says the same, and which file.
    let next = if next == REPLACE { String::new() } else { format!("{next} ") };
    Finding::new(FindingCode::WrongKind, format!("the file {what}. {next}Expected {expected}"))
}

fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::Push => "a certificate",
        Kind::Enrollment => "an enrollment program token (.p7m)",
        Kind::Vpp => "a VPP token (.vpptoken)",
    }
}

/// A mail with more than these holds something else than a token.
const MAX_ATTACHMENTS: usize = 64;

/// Tells what a file is, mails with their attachments among them.
fn form(bytes: &[u8]) -> Form {
    let found = of(&content::look(bytes), bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) if mime::is_message(bytes) => Form::Mail(Box::new(attached(text, found))),
        _ => found,
    }
}

/// What is attached to a mail, where the mail as a whole did not show it.
fn attached(text: &str, whole: Form) -> Form {
    if !matches!(whole, Form::Unknown | Form::Mail(_)) {
        return whole;
    }
    let islands = radix64::islands(text);
    let mut forms =
        islands.iter().take(MAX_ATTACHMENTS).map(|one| of(&content::look(&one.bytes), &one.bytes));
    forms.find(|form| *form != Form::Unknown).unwrap_or(Form::Unknown)
}

fn of(look: &Look, bytes: &[u8]) -> Form {
    match &look.content {
        Content::Empty => Form::Empty,
        Content::TooLarge => Form::TooLarge,
        Content::Cms(_) => Form::Secret(SecretKind::EnrollmentToken),
        Content::Credentials => Form::Secret(SecretKind::EnrollmentCredentials),
        Content::Vpp(_) | Content::SeveralVpp | Content::Broken(Kind::Vpp) => {
            Form::Secret(SecretKind::VppToken)
        }
        Content::Broken(kind) => Form::Broken(*kind),
        Content::Certificates(_) if !look.private_key => Form::Certificate,
        Content::Certificates(_) => secret(bytes).unwrap_or(Form::Certificate),
        // The mark of a key stands in texts about keys, too: only a key with a body counts.
        Content::Other(Form::Secret(_)) => secret(bytes).unwrap_or(Form::Unknown),
        Content::Other(form) => secret(bytes).unwrap_or_else(|| form.clone()),
    }
}

fn secret(bytes: &[u8]) -> Option<Form> {
    secrets_in(bytes).kinds.first().copied().map(Form::Secret)
}
