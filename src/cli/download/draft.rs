//! What the tenant file is to say of a downloaded file.

use crate::cli::error::CliError;
use applecart_core::apple::FileFacts;
use applecart_core::fleet::{
    self, Change, Desired, Entry, EntryKind, FileBytes, Folder, NewValue, Policy, Source, Tenant,
    Token,
};
use applecart_core::model::{Kind, Sha256, TokenRef};

/// One token's place in a fleet, before the file is in it.
pub(in crate::cli) struct Draft<'a> {
    /// The files of the revision (or worktree) that is gone on from.
    pub(in crate::cli) source: &'a Source,
    pub(in crate::cli) policy: &'a Policy,
    /// Everything that the source wants, to find what other tokens have of the file.
    pub(in crate::cli) fleet: &'a [Desired],
    pub(in crate::cli) tenant: &'a Tenant,
    pub(in crate::cli) token: &'a Token,
    /// The Apple Account that is to be written, where a person named one.
    pub(in crate::cli) apple_id: Option<&'a str>,
}

impl Draft<'_> {
    fn folder(&self) -> Option<&Folder> {
        self.source.tenants.iter().find(|folder| folder.name == self.tenant.name.as_str())
    }

    /// What else lies in the tenant's folder.
    pub(in crate::cli) fn entries(&self) -> &[Entry] {
        self.folder().map_or(&[], |folder| &folder.entries)
    }

    /// Where the tenant file is, from the repository's root.
    pub(in crate::cli) fn path(&self) -> String {
        format!("tenants/{}/tenant.yaml", self.tenant.name)
    }

    /// The tenant file's text.
    pub(in crate::cli) fn tenant_file(&self) -> Result<&str, CliError> {
        // A valid tenant has a file, of UTF-8.
        match self.folder().and_then(|folder| folder.tenant_file.as_ref()) {
            Some(FileBytes::Read(bytes)) => std::str::from_utf8(bytes).ok(),
            _ => None,
        }
        .ok_or_else(|| CliError::SealUsage(format!("{} could not be read", self.path())))
    }

    /// The tenant file's text once it names the file.
    pub(in crate::cli) fn edited(
        &self,
        facts: &FileFacts,
        file: &str,
        sha256: Sha256,
    ) -> Result<String, CliError> {
        let mut changes = changes(facts, &self.token.token, file, sha256);
        changes.extend(self.apple_id.map(|apple_id| Change::set("appleId", apple_id)));
        Ok(fleet::edit(&self.path(), self.tenant_file()?, &self.token.token, &changes)?)
    }

    /// Whether the fleet would be valid with the edited file: it may not describe what another
    /// tenant has, and must have all that a file needs. `size` is the sealed file's, where it is
    /// not in the folder yet.
    pub(in crate::cli) fn check(
        &self,
        after: &str,
        name: &str,
        size: Option<usize>,
        sha256: Sha256,
    ) -> Result<(), CliError> {
        let mut folder = self.folder().cloned();
        if let Some(folder) = &mut folder {
            folder.tenant_file = Some(FileBytes::Read(after.as_bytes().to_vec()));
            if let Some(size) = size {
                folder.entries.retain(|entry| entry.path != name);
                folder.entries.push(Entry {
                    path: name.to_owned(),
                    kind: EntryKind::Blob,
                    // Sealing is never twice the same, so no other file has this content.
                    id: "the sealed file".to_owned(),
                    size: Some(size as u64),
                });
            }
        }
        // Only this folder changes, and what must be unique in the whole fleet is asked below.
        let alone = Source { tenants: folder.into_iter().collect(), ..Source::default() };
        let (tenants, _) = fleet::load_tenants(&alone, Some(self.policy));
        let mistakes: Vec<String> = match tenants.first() {
            Some(Desired::Valid(tenant)) => self.shared(tenant, sha256),
            Some(Desired::Invalid { mistakes, .. }) => {
                mistakes.iter().map(|mistake| format!("bad-file: {}", mistake.message)).collect()
            }
            None => vec![format!("bad-file: {} is not there any more", self.path())],
        };
        if mistakes.is_empty() { Ok(()) } else { Err(CliError::SealRefused(mistakes)) }
    }

    /// What other tokens have of this file; `own` is the tenant as it would be.
    fn shared(&self, own: &Tenant, sha256: Sha256) -> Vec<String> {
        let topic = own.push.as_ref().and_then(Token::topic);
        let others = self.fleet.iter().filter_map(Desired::valid);
        let mut told = Vec::new();
        for tenant in others.filter(|tenant| tenant.name != own.name).chain([own]) {
            for token in tenant.tokens() {
                if tenant.name == own.name && token.token.same_token(&self.token.token) {
                    continue;
                }
                let is_file = token.file.as_ref().is_some_and(|file| file.sha256 == sha256);
                let is_topic = self.token.token.kind == Kind::Push
                    && topic.is_some()
                    && token.topic() == topic;
                if is_file || is_topic {
                    told.push(format!(
                        "duplicate: {} of the tenant {} has {} already: the file is for that one. Download this one's own",
                        token.token,
                        tenant.name,
                        if is_file { "this very file" } else { "this push topic" }
                    ));
                }
            }
        }
        told
    }
}

/// What the tenant file is to say of the file.
fn changes(facts: &FileFacts, token: &TokenRef, file: &str, sha256: Sha256) -> Vec<Change> {
    let set = |field, value: Option<String>| value.map(|value| Change::set(field, value));
    let mut changes: Vec<Change> = match token.kind {
        Kind::Push => [
            set("topic", facts.topic.as_ref().map(ToString::to_string)),
            set("serial", facts.serial.as_ref().map(ToString::to_string)),
            set("expires", facts.expires.map(|at| at.to_string())),
        ]
        .into_iter()
        .flatten()
        .collect(),
        Kind::Enrollment => {
            let named = facts.recipient.as_ref().and_then(|recipient| {
                Some(vec![
                    ("issuer", recipient.issuer.clone()?),
                    ("serial", recipient.serial.as_ref()?.to_string()),
                ])
            });
            vec![
                // What is not known of this file is not what was known of the last one.
                facts.downloaded.map_or(Change::Remove("downloaded"), |at| {
                    Change::set("downloaded", at.to_string())
                }),
                named.map_or(Change::Remove("recipient"), |fields| {
                    Change::Set("recipient", NewValue::Fields(fields))
                }),
            ]
        }
        Kind::Vpp => [
            set("organization", facts.organization.clone()),
            set("expires", facts.expires.map(|at| at.to_string())),
        ]
        .into_iter()
        .flatten()
        .collect(),
    };
    changes.push(Change::set("file", file));
    changes.push(Change::set("sha256", sha256.to_string()));
    changes
}
