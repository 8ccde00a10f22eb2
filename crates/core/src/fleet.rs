//! The desired state: bytes of a fleet repository → checked [`Tenant`]s, or every mistake with
//! its place.
//!
//! Two steps, so that checks only ever see well-formed data: *raw* (the files' own shape, from
//! which the JSON Schemas are generated) and *checked* ([`Policy`], [`Tenant`]). A mistake in one
//! tenant's folder makes that tenant invalid and leaves the others alone; a mistake in
//! `applecart.yaml` makes the fleet invalid.
//!
//! The module gets bytes and gives values. Where the bytes come from (Git objects at a revision,
//! or a worktree) is `git`'s business.

mod at;
mod audience;
mod check;
mod codeowners;
mod dates;
mod diagnostic;
mod document;
mod edit;
mod load;
mod notify;
mod owned;
mod places;
mod policy;
pub mod raw;
mod schema;
mod selection;
mod shape;
mod signers;
mod source;
mod tenant;
mod text;

pub use audience::{Silence, silences, told_nobody};
pub use check::{MAX_TEXT, is_apple_id, is_country, is_device_name, is_text, parse_duration};
pub use codeowners::{codeowners_places, overruled};
pub use dates::{downloaded_in_future, long_suspensions};
pub use diagnostic::{
    Code, Diagnostic, REPORT_VERSION, Severity, ValidateReport, ValidateSummary, render, render_all,
};
pub use edit::{
    Change, EditError, NewAllow, NewField, NewTenant, NewToken, NewValue, add_allow, add_token,
    diff, edit, new_tenant, set_ledger,
};
pub use load::{
    Desired, FLEET_FILE, Loaded, load, load_folder, load_looking, load_policy, load_tenants,
    load_tenants_looking, name_of,
};
pub use notify::{
    Codes, Digest, Email, Forge, MailTls, Receiver, SinkPolicy, TicketPolicy, Webhook, WebhookAuth,
    WebhookUrl,
};
pub use owned::{NotOwned, Owned, Stated, stated_in};
pub use places::{TokenLines, token_lines};
pub use policy::{
    Accepted, AcceptedFinding, Auth, CheckWithApple, Cloud, CredentialKind, DepTokenWire,
    INTUNE_MDM_NAMES, LEDGER_BRANCH, LedgerSigning, Move, NOTES_BRANCH, Owners, Policy,
    PushCertificateWire, Signing, SyncStale, VppTokenWire, Wire,
};
pub use raw::API_VERSION;
pub use schema::{schema_of, schemas};
pub use selection::{Selection, SelectionError, SelectionReport, Touched};
pub use signers::{SignerFile, check_signers, wrong_signers};
pub use signers::{holds_private_key, names_anybody};
pub use source::{
    Entry, EntryKind, FileBytes, Folder, Look, MAX_ENTRIES, MAX_SETTINGS_BYTES, MAX_TENANTS,
    MAX_TOKEN_BYTES, MAX_TOKENS, Source,
};
pub use tenant::{Allow, Recipient, Suspension, Tenant, Token, TokenFile, TopicAccepted};
pub use text::shown_folder;
