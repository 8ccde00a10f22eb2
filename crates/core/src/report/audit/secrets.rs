//! What lies open in Git, and what to revoke for it.

use super::{AuditArea, AuditFinding, AuditPlace};
use crate::apple::SecretKind;

/// Where it came in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeakPlace {
    /// The commit that brought it in, or the reference that names it without any commit.
    pub commit: String,
    /// The path in that commit; empty where the text is in its message.
    pub path: String,
}

impl LeakPlace {
    /// As a finding names it.
    pub fn place(&self) -> AuditPlace {
        let file = Some(self.path.clone()).filter(|path| !path.is_empty());
        if self.commit.starts_with("refs/") {
            return AuditPlace {
                refname: Some(self.commit.clone()),
                file,
                ..AuditPlace::default()
            };
        }
        AuditPlace { commit: Some(self.commit.clone()), file, ..AuditPlace::default() }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeakPart {
    Blob,
    /// The names in a folder.
    Names,
    /// A commit or an annotated tag.
    Message,
}

/// One finding for each place; for what no reference reaches, one that says so. `id` is the
/// object's; of a message it is the place.
pub fn judge_secret(
    kind: SecretKind,
    part: LeakPart,
    id: &str,
    places: &[LeakPlace],
) -> Vec<AuditFinding> {
    let (code, what, advice) = words(kind);
    let finding =
        |place, message| AuditFinding::new(AuditArea::Secrets, code, place, message, advice);
    let object = match part {
        LeakPart::Blob => format!("blob {id}"),
        LeakPart::Names => format!("a name in folder {id}"),
        LeakPart::Message => {
            let message = format!(
                "{what} is in the message of this commit or tag; a later commit took nothing back"
            );
            return vec![finding(AuditPlace::commit(id), message)];
        }
    };
    let of_object = |place| AuditPlace { object: Some(id.to_owned()), ..place };
    if places.is_empty() {
        let message = format!(
            "{what} lies in {object}, which no branch, tag or other reference reaches (unreachable); it was in a commit that was removed, or was staged. A push or a backup may have taken it along"
        );
        return vec![finding(of_object(AuditPlace::default()), message)];
    }
    places
        .iter()
        .map(|at| {
            let by = if at.commit.starts_with("refs/") {
                format!("{what} is named by this reference without a commit ({object})")
            } else {
                format!("{what} came in with this commit ({object}); removing the file later took nothing back")
            };
            finding(of_object(at.place()), by)
        })
        .collect()
}

fn words(kind: SecretKind) -> (&'static str, &'static str, &'static str) {
    match kind {
        SecretKind::EnrollmentToken => (
            "plaintext-enrollment-token",
            "an enrollment program token",
            "download a new token at Apple Business, which ends this one, and replace Intune's key pair for it (a new token in Intune has a new public key to upload at Apple); seal the new file",
        ),
        SecretKind::EnrollmentCredentials => (
            "plaintext-enrollment-credentials",
            "the opened credentials of an enrollment program token",
            "download a new token at Apple Business at once: it ends these credentials",
        ),
        SecretKind::VppToken => (
            "plaintext-vpp-token",
            "a VPP content token",
            "download a new content token at Apple Business (Payments and Billing) and upload it: anyone who has it can assign the organisation's licences",
        ),
        SecretKind::PrivateKey => (
            "plaintext-private-key",
            "a private key",
            "treat it as known to every reader of the repository: make a new key pair and replace the old one wherever it counts. If it is a push certificate's, make a new request (CSR) and renew the certificate in place (never create a new one); if it signs commits, list it as revoked",
        ),
        SecretKind::KeyStore => (
            "plaintext-key-store",
            "a key store with a private key (PKCS#12)",
            "its password is all that protects the key: make a new key pair and replace the old one wherever it counts",
        ),
        SecretKind::ClientSecret => (
            "plaintext-client-secret",
            "a client secret of an application in Entra ID",
            "delete it at the app registration at once, because it may write to every tenant that consented; check the sign-in logs, and change to workload identity or a certificate",
        ),
        SecretKind::AgeIdentity => (
            "plaintext-age-identity",
            "an age identity",
            "make a new identity, replace its recipient in applecart.yaml and reseal; then renew at Apple every token that was ever encrypted to the old one, because Git's history keeps those files",
        ),
    }
}
