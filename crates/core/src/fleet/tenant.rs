//! The checked desired state of one tenant: what the rest of the program may rely on.
//!
//! A [`Tenant`] exists only when its folder had no mistake. The settings that a file leaves out
//! have their defaults here, so that no reader has to know them.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use crate::model::{
    BlobId, Facts, FileRef, Kind, LocationId, Serial, Sha256, TenantId, TenantName, Timestamp,
    TokenRef, Topic,
};
use crate::rules::codes::Reason;
use crate::sealed::Addressees;

/// A tenant as Git wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its name, equal to its folder.
    pub name: TenantName,
    /// What people call it.
    pub display_name: Option<String>,
    /// Its directory id in Entra.
    pub tenant_id: TenantId,
    /// The Git tree id of its folder; of a worktree, the digest of its files.
    pub tree: String,
    /// Labels such as `ring: pilot`, which `--select ring=pilot` finds.
    pub labels: BTreeMap<String, String>,
    pub contacts: Vec<String>,
    /// The customer's own mail domains, in lower case.
    pub domains: Vec<String>,
    /// The customer's number in ticket systems, by the system's key.
    pub tickets: BTreeMap<String, String>,
    /// Which kinds are read.
    pub watch: BTreeSet<Kind>,
    /// The sign-in profile, where it is not the fleet's default.
    pub auth: Option<String>,
    /// Whether the customer consented to data sharing with Apple in this file.
    pub consent_data_sharing: bool,
    pub push: Option<Token>,
    pub enrollment: Vec<Token>,
    pub vpp: Vec<Token>,
    /// Why and until when nothing may be written.
    pub suspend: Option<Suspension>,
}

impl Tenant {
    /// All tokens that the file names, push first.
    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.push.iter().chain(&self.enrollment).chain(&self.vpp)
    }

    /// The suspension that holds this token: one that is in force before one that has ended, and
    /// the token's own before the tenant's.
    pub(crate) fn suspension_of<'a>(
        &'a self,
        token: Option<&'a Token>,
        today: NaiveDate,
    ) -> Option<&'a Suspension> {
        let own = token.and_then(|token| token.suspend.as_ref());
        own.into_iter().chain(&self.suspend).min_by_key(|one| one.is_over(today))
    }

    /// Whether this kind is read.
    pub fn watches(&self, kind: Kind) -> bool {
        self.watch.contains(&kind)
    }
}

/// A token as Git wants it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Which token; `id` only where the file has it.
    pub token: TokenRef,
    /// The facts in the file, checked against the sealed file when it is opened.
    pub facts: Facts,
    /// The sealed file; `None` makes the token watched.
    pub file: Option<TokenFile>,
    /// Enrollment: when the file was downloaded at Apple, which killed the token in use.
    pub downloaded: Option<Timestamp>,
    /// The Apple Account that the file was downloaded with, as a person said.
    pub downloaded_by: Option<String>,
    /// Enrollment: the MDM server's name in Apple Business or Apple School Manager.
    pub server: Option<String>,
    /// Enrollment: the certificate the file is encrypted to.
    pub recipient: Option<Recipient>,
    /// Push: SHA-256 of the certificate's public key, checked against the sealed file when it is
    /// opened. It tells a plan, which opens nothing, whose request for Apple the certificate answers.
    pub public_key: Option<Sha256>,
    /// VPP: Apple's id of the location.
    pub location_id: Option<LocationId>,
    /// VPP: `business` or `education`.
    pub account_type: Option<String>,
    /// VPP: permits creating a token that Intune does not have yet.
    pub create: bool,
    /// VPP: permits taking the token over from another MDM.
    pub claim: bool,
    /// Push: the topic that Intune has is accepted in place of another one.
    pub topic_accepted: Option<TopicAccepted>,
    pub allow: Vec<Allow>,
    /// Why and until when this token alone is parked.
    pub suspend: Option<Suspension>,
}

/// A reviewed line that gives up a topic which devices know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicAccepted {
    /// The topic that is given up.
    pub from: Topic,
    pub reason: String,
}

impl Token {
    /// A watched token without facts.
    pub fn watched(token: TokenRef) -> Self {
        Self {
            token,
            facts: Facts::default(),
            file: None,
            downloaded: None,
            downloaded_by: None,
            server: None,
            recipient: None,
            public_key: None,
            location_id: None,
            account_type: None,
            create: false,
            claim: false,
            topic_accepted: None,
            allow: Vec::new(),
            suspend: None,
        }
    }

    /// How the ledger names its file, for a run that opened it.
    pub fn file_ref(&self) -> Option<FileRef> {
        let file = self.file.as_ref()?;
        Some(FileRef { sha256: file.sha256, downloaded: self.downloaded, blob: file.blob_id() })
    }

    /// The Apple Account that the credential depends on, as Git says. The row of a push certificate may
    /// be moved to another account; a token stays the one's who downloaded it.
    pub fn owner(&self) -> Option<&str> {
        let (stated, said) = (self.facts.apple_id.as_deref(), self.downloaded_by.as_deref());
        match self.token.kind {
            Kind::Push => stated.or(said),
            Kind::Enrollment | Kind::Vpp => said.or(stated),
        }
    }

    /// The location at Apple that its file is of; an entry without a file may name any.
    pub fn location(&self) -> Option<&LocationId> {
        self.location_id.as_ref().filter(|_| self.file.is_some())
    }

    /// The topic that the file states; push only.
    pub fn topic(&self) -> Option<&Topic> {
        self.facts.topic.as_ref()
    }
}

/// A sealed token file, as a blob in the tenant's own folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFile {
    /// Its name inside the tenant's folder, such as `push.pem.age`.
    pub name: String,
    /// SHA-256 of the *opened* file: sealing it again is not a change.
    pub sha256: Sha256,
    /// The Git blob id of the sealed file; the way to its bytes.
    pub blob: String,
    /// Whom its bytes show to be for, where they were looked at.
    pub shown: Option<Addressees>,
}

impl TokenFile {
    /// The sealed file's name in Git.
    pub fn blob_id(&self) -> Option<BlobId> {
        self.blob.parse().ok()
    }
}

/// A certificate named by issuer and serial number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipient {
    /// The issuer's distinguished name, RFC 4514.
    pub issuer: String,
    pub serial: Serial,
}

/// One reviewed exception: exactly this change of this token is released.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Allow {
    /// The hold that it releases.
    pub hold: Reason,
    /// The value in Intune that it may leave, or `absent`.
    pub from: String,
    /// The file's value it may reach.
    pub to: String,
    pub reason: String,
    /// The last day (UTC) on which it holds.
    pub until: NaiveDate,
}

/// Nothing is written to this tenant, or to this token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspension {
    pub reason: String,
    /// The last day (UTC) on which it holds; after it, the hold is `suspension-ended`.
    pub until: NaiveDate,
}

impl Suspension {
    /// Whether its last day has passed.
    pub fn is_over(&self, today: NaiveDate) -> bool {
        self.until < today
    }
}
