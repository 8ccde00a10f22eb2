//! Pure renderers of one result model: plans, statuses and apply results as text for people and
//! for machines.
//!
//! Every renderer takes values and gives text. Colour is written as ANSI codes and taken out
//! again at the edge where it is not wanted; the width comes as an argument. Names from Git and
//! Intune are shown with their control characters escaped, so that no tenant's name can rewrite
//! a terminal or a pull request comment; and what leaves the program passes [`without_commands`],
//! so that none can command a pipeline's runner.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

mod annotations;
mod apple_check;
mod applied;
mod apply;
mod attention;
mod audit;
mod cell;
mod codes;
mod csv;
mod doctor;
pub mod entra;
mod facts;
mod history;
mod import;
mod inspect;
mod json;
mod markdown;
pub mod notify;
pub mod onboard;
mod page;
mod plan;
mod renew;
pub(crate) mod revision;
mod status;
mod table;
pub mod tenants;
mod text;
pub mod ticket;
pub mod version;

pub use annotations::{
    Annotation, AnnotationFormat, Level, annotate, of_attention, of_diagnostics,
};
pub use apple_check::{AppleCheck, AppleFound, AppleToken, apple_check_human};
pub use applied::{ApplyReport, ApplyResult, ApplySummary, Done, Happened, NotPushed};
pub use apply::apply_human;
pub use audit::{
    AUDIT_VERSION, AppleId, AppleIdToken, AppleIds, Audit, AuditAcceptance, AuditArea,
    AuditFinding, AuditLedger, AuditLevel, AuditObjects, AuditPlace, AuditSummary, Fit, Held,
    LeakPart, LeakPlace, LostAccount, LostLetter, LostToken, NoSuchAccount, OnceSealed, SealedFile,
    Trace, apple_ids, apple_ids_human, audit_human, former_recipients, judge_bindings,
    judge_once_sealed, judge_recipients, judge_secret, judge_uploads, lost_account,
    lost_account_human, strangers, unnamed,
};
pub(crate) use cell::cell as markdown_text;
pub use codes::{codes_listed, explained};
pub use csv::for_excel;
pub use doctor::{
    Area, Check, CheckState, ConsentState, Doctor, DoctorSummary, TenantHealth, Trouble,
    doctor_human,
};
pub use history::{
    CommitEntry, FactChange, ForceState, Happening, Heading, History, HistorySummary, InForce,
    LiveNow, Origin, Period, RecordEntry, RequestKind, Review, TenantPast, TimelineEntry,
    TokenHistory, Version, history_csv, history_html, history_human, history_markdown, tokens_of,
    with_live,
};
pub use import::{
    IMPORT_VERSION, ImportNote, ImportNoteCode, ImportReport, ImportSummary, Imported,
    ImportedTenant, import_human,
};
pub use inspect::{inspection_human, inspection_json};
pub use json::{json, write_json};
pub use markdown::plan_markdown;
pub use notify::{NotifyReport, notify_human};
pub use page::{PageView, STATUS_PATH, Served, page_policy, status_html, token_html, token_path};
pub use plan::{PlanOutput, plan_human, plan_summary};
pub(crate) use renew::command_of;
pub use renew::{
    AccountText, BringForward, CsrOrigin, FactRow, Forecast, ForecastWeek, Link, OtherTopic,
    Proposal, ProposalStatus, ProposalText, RENEW_FORMAT_VERSION, RenewalIssue, Renewals, Sheet,
    SheetCsr, SheetKey, SheetRestore, Sheets, SignIn, Sitting, SittingRenewal, ToldRenewals,
    account_text, complete_sheet, portal, proposal_text, renewal_title, renewals_human,
    renewals_markdown, sheet_links, sheets_human, sheets_markdown,
};
pub use status::{
    AttentionList, Recorded, Status, StatusSummary, StatusTenant, StatusToken, StatusView,
    status_csv, status_human, status_markdown, status_of,
};
pub(crate) use text::at_most as at_most_in_words;
pub use text::names as names_in_line;
pub(crate) use text::wrap;
pub use text::{escape, plural, without_commands};

#[cfg(test)]
mod tests;
