//! The words of `applecart` as types: identities, public facts, what Intune has, and ledger records.
//!
//! Everything here is plain data that is parsed once and then trusted. The module knows no Git,
//! no HTTP, no clock and no file; every other module may depend on it, and it depends on none
//! but the table of codes ([`crate::rules::codes`]).
//!
//! * [`TenantName`], [`TenantId`], [`TokenRef`]: who and which.
//! * [`Topic`], [`Serial`], [`Sha256`], [`Timestamp`]: what Apple's files and Intune state.
//! * [`Facts`]: a token's public attributes, as plans, the ledger and reports show them.
//! * [`Reading`], [`LiveTenant`]: the three answers to a read of Intune.
//! * [`Setting`], [`SettingChange`]: what an administrator sets, and what changed unasked.
//! * [`Record`]: one line of the ledger.
//! * [`Commit`]: a commit's public facts.
//! * [`safe_text`], [`without_secrets`]: text from elsewhere, safe to show.
//! * [`Outcome`]: the exit codes, and which one wins.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod commit;
mod facts;
mod identity;
mod live;
mod outcome;
mod record;
mod secret_words;
mod settings;
mod text;
mod time;

pub use commit::{Commit, Person, Signature, SignatureFormat, Verification};
pub use facts::Facts;
pub use identity::{
    BlobId, IdentityError, Kind, LocationId, Serial, Sha256, TenantId, TenantName, TokenRef, Topic,
};
pub use live::{
    LiveEnrollment, LivePush, LiveTenant, LiveToken, LiveVpp, Problem, ProblemCode, Reading,
    Resource, Revocation,
};
pub use outcome::Outcome;
pub use record::{
    Actor, Author, Cause, EntryBody, Event, Evidence, FailureCode, FileRef, LedgerEntry,
    LineMisfit, Notice, Noticed, Phase, Record, Telling, TicketLink, Write, Written,
};
pub(crate) use record::{LineFields, ToldFields};
pub use secret_words::{looks_secret, without_secrets};
pub use settings::{Setting, SettingChange};
pub use text::{
    closing_command, is_hostile, nearest, push_safe, safe_text, sentence, shell_word, short,
};
pub use time::{Timestamp, TimestampError};
