//! A home for `gpg` in which only the policy revision's keys are.

use std::collections::BTreeMap;
use std::path::Path;

use super::SignersError;
use crate::git::program::{Tool, ToolError};
use applecart_core::model::Timestamp;

/// No agent and no network: a key that is not here is not fetched from anywhere.
const SETTINGS: &str = "batch\nno-tty\nno-autostart\ndisable-dirmngr\nno-auto-key-retrieve\n\
    no-auto-key-locate\nno-greeting\ntrust-model pgp\n";

#[derive(Debug, Default)]
pub(super) struct Keyring {
    /// The fingerprints of primary keys.
    primary: Vec<String>,
    /// When each key, primary or not, expires, by fingerprint.
    expiry: BTreeMap<String, Timestamp>,
}

impl Keyring {
    /// Imports the keys into a fresh home below `folder`, each as one that is trusted fully: who is
    /// in the file was reviewed.
    #[expect(clippy::disallowed_methods, reason = "makes gpg's home")]
    pub(super) fn import(folder: &Path, keys: &[u8]) -> Result<Self, SignersError> {
        let home = folder.join("gnupg");
        make_private(&home)?;
        std::fs::write(home.join("gpg.conf"), SETTINGS)?;
        let gpg = Tool::new("gpg", folder);
        let doing = "import the OpenPGP keys";
        // It ends with 2 for a single key that it does not take; what counts is what is there then.
        let imported = gpg.ended(&["--import"], keys.to_vec())?;
        let listed = gpg.run(
            "list the OpenPGP keys",
            &["--with-colons", "--fixed-list-mode", "--list-keys"],
            Vec::new(),
        )?;
        let keyring = Self::of_list(&String::from_utf8_lossy(&listed));
        if keyring.primary.is_empty() {
            let complaint = imported.complaint;
            return Err(ToolError::Failed { program: "gpg", doing, complaint }.into());
        }
        let trust: String =
            keyring.primary.iter().map(|fingerprint| format!("{fingerprint}:6:\n")).collect();
        gpg.run(doing, &["--import-ownertrust"], trust.into_bytes())?;
        Ok(keyring)
    }

    /// The keys of a list with colons (see GnuPG's doc/DETAILS).
    fn of_list(list: &str) -> Self {
        let mut keyring = Self::default();
        let mut of = ("", None);
        for line in list.lines() {
            let fields: Vec<&str> = line.split(':').collect();
            let field = |index: usize| fields.get(index).copied().unwrap_or_default();
            match field(0) {
                kind @ ("pub" | "sub") => {
                    let expires = field(6).parse().ok().and_then(Timestamp::from_unix);
                    of = (kind, expires);
                }
                "fpr" if !of.0.is_empty() => {
                    let fingerprint = field(9).to_owned();
                    if let Some(expires) = of.1 {
                        keyring.expiry.insert(fingerprint.clone(), expires);
                    }
                    if of.0 == "pub" {
                        keyring.primary.push(fingerprint);
                    }
                    of = ("", None);
                }
                _ => {}
            }
        }
        keyring
    }

    /// Whether a primary key of this fingerprint was imported.
    pub(super) fn has(&self, primary: &str) -> bool {
        self.primary.iter().any(|one| one == primary)
    }

    pub(super) fn expiry_of(&self, fingerprint: &str) -> Option<Timestamp> {
        self.expiry.get(fingerprint).copied()
    }
}

/// `gpg` complains about a home that others may look into.
fn make_private(home: &Path) -> std::io::Result<()> {
    let builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    let builder = {
        let mut builder = builder;
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder
    };
    builder.create(home)
}
