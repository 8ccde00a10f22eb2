//! Renewals for people: the sheet that opens one, and the pull request that brings its file.

mod account;
mod issues;
mod proposal;
mod restore;
mod sheet;
mod sitting;
mod steps;

pub use account::{AccountText, account_text};
pub use issues::{RenewalIssue, ToldRenewals};
pub use proposal::{
    FactRow, Proposal, ProposalStatus, ProposalText, Renewals, proposal_text, renewals_human,
    renewals_markdown,
};
pub use restore::{OtherTopic, SheetRestore};
pub(crate) use sheet::command_of;
pub use sheet::{
    CsrOrigin, Link, Sheet, SheetCsr, SheetKey, Sheets, sheets_human, sheets_markdown,
};
pub use sitting::{BringForward, Forecast, ForecastWeek, SignIn, Sitting, SittingRenewal};
pub(in crate::report) use steps::RENEWABLE;
pub use steps::{complete as complete_sheet, portal, sheet_links};

use crate::model::{Kind, TokenRef};
use crate::outlets::letter::clipped;

/// The version of [`Sheets`] and [`Renewals`] as JSON.
pub const RENEW_FORMAT_VERSION: &str = "1.0";

/// `Renew the push certificate of Contoso Ltd`, on one line however long the token's name is.
pub fn renewal_title(token: &TokenRef, customer: &str) -> String {
    format!("Renew the {} of {customer}", clipped(&label(token), 80))
}

/// `push certificate`, `enrollment token Contoso ABM`.
pub(super) fn label(token: &TokenRef) -> String {
    let kind = match token.kind {
        Kind::Push => "push certificate",
        Kind::Enrollment => "enrollment token",
        Kind::Vpp => "VPP token",
    };
    match token.name.as_ref().or(token.id.as_ref()) {
        Some(name) if token.kind != Kind::Push => format!("{kind} {name}"),
        _ => kind.to_owned(),
    }
}

#[cfg(test)]
mod tests;
