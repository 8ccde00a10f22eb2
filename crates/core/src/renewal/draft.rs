//! What the tenant file is to say of a downloaded file.

use crate::apple::FileFacts;
use crate::fleet::{
    self, Change, Desired, Diagnostic, EditError, Entry, EntryKind, FileBytes, Folder, NewAllow,
    NewValue, Policy, Source, Tenant, Token,
};
use crate::model::{Kind, LocationId, Sha256};

/// One token's place in a fleet, before the file is in it.
pub struct Place<'a> {
    /// The files of the revision or worktree that the change is made to.
    pub source: &'a Source,
    pub policy: &'a Policy,
    /// Every tenant of `source`, to find what other tokens have of the file.
    pub fleet: &'a [Desired],
    pub tenant: &'a Tenant,
    pub token: &'a Token,
    /// The Apple Account that is to be written, where a person named one.
    pub apple_id: Option<&'a str>,
    /// The line that is to be added, by which a reviewer releases the upload.
    pub allow: Option<&'a NewAllow>,
}

/// Why the tenant file cannot name the file.
#[derive(Debug, thiserror::Error)]
pub enum DraftError {
    #[error("{0} could not be read")]
    Unreadable(String),
    #[error(transparent)]
    Edit(#[from] EditError),
    /// The fleet would be invalid.
    #[error("nothing was written: {}", .0.join("; "))]
    Invalid(Vec<String>),
}

impl Place<'_> {
    fn folder(&self) -> Option<&Folder> {
        self.source.tenants.iter().find(|folder| folder.name == self.tenant.name.as_str())
    }

    /// What else is in the tenant's folder.
    pub fn entries(&self) -> &[Entry] {
        self.folder().map_or(&[], |folder| &folder.entries)
    }

    /// A file of the tenant's folder, from the repository's root.
    pub fn path_of(&self, name: &str) -> String {
        format!("tenants/{}/{name}", self.tenant.name)
    }

    /// The tenant file, from the repository's root.
    pub fn path(&self) -> String {
        self.path_of("tenant.yaml")
    }

    /// The tenant file's text.
    pub fn text(&self) -> Result<&str, DraftError> {
        let text = self.folder().and_then(Folder::text);
        text.ok_or_else(|| DraftError::Unreadable(self.path()))
    }

    /// The tenant file's text once it names the sealed file `name`, in a fleet that is valid with
    /// it. `size` is the sealed file's, where it is not in the folder yet; `location` is the one at Apple,
    /// where that was asked.
    pub fn named(
        &self,
        facts: &FileFacts,
        name: &str,
        size: Option<usize>,
        sha256: Sha256,
        location: Option<&LocationId>,
    ) -> Result<String, DraftError> {
        let mut changes = changes(facts, self.token, name, sha256);
        changes.extend(location.map(|id| Change::set("locationId", id.as_str())));
        // Nobody who brought this file said who downloaded it, and who downloaded the last one did not.
        let said = || Change::Remove("downloadedBy");
        changes.extend(self.apple_id.map(|apple_id| Change::set("appleId", apple_id)));
        changes.push(self.apple_id.map_or_else(said, |by| Change::set("downloadedBy", by)));
        let (path, token) = (self.path(), &self.token.token);
        let mut after = fleet::edit(&path, self.text()?, token, &changes)?;
        if let Some(line) = self.allow {
            after = fleet::add_allow(&path, &after, token, line)?;
        }
        let mistakes = self.mistakes(&after, name, size, sha256);
        if mistakes.is_empty() { Ok(after) } else { Err(DraftError::Invalid(mistakes)) }
    }

    /// The tenant file's text once it names another Apple Account, and permits what tells Intune, in a
    /// fleet that is valid with it.
    pub fn moved(&self, to: &str, line: Option<&NewAllow>) -> Result<String, DraftError> {
        let (path, token) = (self.path(), &self.token.token);
        let change = Change::set("appleId", to);
        let mut after = fleet::edit(&path, self.text()?, token, &[change])?;
        if let Some(line) = line {
            after = fleet::add_allow(&path, &after, token, line)?;
        }
        match self.read_again(&after, None) {
            Ok(_) => Ok(after),
            Err(mistakes) => Err(DraftError::Invalid(mistakes)),
        }
    }

    /// What would be wrong with the edited file: it may not describe what another tenant has, and
    /// must have all that a file needs.
    fn mistakes(
        &self,
        after: &str,
        name: &str,
        size: Option<usize>,
        sha256: Sha256,
    ) -> Vec<String> {
        let sealed = size.map(|size| Entry {
            path: name.to_owned(),
            kind: EntryKind::Blob,
            // Sealing is never twice the same, so no other file has this content.
            id: "the sealed file".to_owned(),
            size: Some(size as u64),
        });
        // What must be unique in the whole fleet is asked beside.
        match self.read_again(after, sealed) {
            Ok(tenant) => self.shared(&tenant, sha256),
            Err(mistakes) => mistakes,
        }
    }

    /// The tenant as the edited file says it, with a file that is new in its folder; or the mistakes.
    fn read_again(&self, after: &str, sealed: Option<Entry>) -> Result<Tenant, Vec<String>> {
        let mut folder = self.folder().cloned();
        if let Some(folder) = &mut folder {
            folder.tenant_file = Some(FileBytes::Read(after.as_bytes().to_vec()));
            if let Some(sealed) = sealed {
                folder.entries.retain(|entry| entry.path != sealed.path);
                folder.entries.push(sealed);
            }
        }
        match folder.and_then(|folder| fleet::load_folder(folder, Some(self.policy))) {
            Some(Desired::Valid(tenant)) => Ok(tenant),
            Some(Desired::Invalid { mistakes, .. }) => {
                let told = |mistake: &Diagnostic| format!("bad-file: {}", mistake.message);
                Err(mistakes.iter().map(told).collect())
            }
            None => Err(vec![format!("bad-file: {} is no longer there", self.path())]),
        }
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
fn changes(facts: &FileFacts, entry: &Token, file: &str, sha256: Sha256) -> Vec<Change> {
    let set = |field, value: Option<String>| value.map(|value| Change::set(field, value));
    let mut changes: Vec<Change> = match entry.token.kind {
        Kind::Push => [
            set("topic", facts.topic.as_ref().map(ToString::to_string)),
            set("serial", facts.serial.as_ref().map(ToString::to_string)),
            set("expires", facts.expires.map(|at| at.to_string())),
            set("publicKeySha256", facts.public_key_sha256.map(|key| key.to_string())),
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
            // What a person wrote of the server is kept; Apple's own name for it is learnt once.
            let server = facts.server.clone().filter(|_| entry.server.is_none());
            let learnt = set("server", server);
            let of_file = [
                // What is not known of this file is not what was known of the last one.
                facts.downloaded.map_or(Change::Remove("downloaded"), |at| {
                    Change::set("downloaded", at.to_string())
                }),
                named.map_or(Change::Remove("recipient"), |fields| {
                    Change::Set("recipient", NewValue::Fields(fields))
                }),
            ];
            learnt.into_iter().chain(of_file).collect()
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
