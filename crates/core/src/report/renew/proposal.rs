//! What became of downloaded files: the branch, the commit, and the pull request's text.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::label;
use crate::model::{Kind, Sha256, TenantName, Timestamp, TokenRef};
use crate::plan::kebab_enum;
use crate::report::markdown::cell;
use crate::report::text::{BAD, DIM, GOOD, HEAD, LOOK, day, escape, short, styled, wrap};

/// Every file of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Renewals {
    pub format_version: String,
    /// The base, such as `origin/main`: where the pull requests go.
    pub base: String,
    /// The commit that the branches go on from.
    pub base_commit: String,
    /// One entry a file, in the order of their names.
    pub renewals: Vec<Proposal>,
}

/// What became of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Proposal {
    /// The downloaded file, as it was named.
    pub file: String,
    /// What became of it.
    pub status: ProposalStatus,
    /// The tenant that it is for, where that is known.
    pub tenant: Option<TenantName>,
    /// The token that it is for, where that is known.
    pub token: Option<TokenRef>,
    /// SHA-256 of the opened file.
    pub sha256: Option<Sha256>,
    pub branch: Option<String>,
    pub commit: Option<String>,
    /// Whether the remote has the branch; `null` where it was not pushed.
    pub pushed: Option<bool>,
    /// The files that the commit changes, from the repository's root.
    pub changes: Vec<String>,
    /// Whether devices are cut off until it is merged and applied.
    pub urgent: bool,
    /// The pull request's title.
    pub title: Option<String>,
    /// The pull request's text, Markdown.
    pub body: Option<String>,
    /// What to know although it was taken.
    pub warnings: Vec<String>,
    /// Why it was not taken, and what to do.
    pub reasons: Vec<String>,
}

kebab_enum! {
    /// What became of a file.
    ProposalStatus {
        /// A branch with it was made.
        Proposed => "proposed",
        /// A branch with this very file was there already.
        Exists => "exists",
        /// The base has this very file already.
        Merged => "merged",
        /// Something speaks against it; nothing was written.
        Refused => "refused",
        /// Nothing tells which token it is for; nothing was written.
        Unmatched => "unmatched",
        /// It could not be checked, written or pushed.
        Failed => "failed",
    }
}

/// One fact before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FactRow {
    pub name: &'static str,
    pub old: Option<String>,
    /// What the file says.
    pub new: Option<String>,
}

/// What the text of a pull request is made of.
#[derive(Clone, Debug)]
pub struct ProposalText<'a> {
    pub tenant: &'a TenantName,
    /// What people call it.
    pub display_name: Option<&'a str>,
    pub token: &'a TokenRef,
    /// The facts in Intune, and the new ones.
    pub facts: &'a [FactRow],
    /// When the new one expires, where the file tells.
    pub expires: Option<Timestamp>,
    /// Enrollment: when it was downloaded, which ended the token in use.
    pub downloaded: Option<Timestamp>,
    /// The opened file's digest.
    pub sha256: Sha256,
    /// What the file was compared with, as sentences.
    pub checks: &'a [String],
    /// What to know although it was taken.
    pub warnings: &'a [String],
}

/// The title and the text of a pull request.
pub fn proposal_text(text: &ProposalText<'_>) -> (String, String) {
    let what = label(text.token);
    let kind = text.token.kind;
    let title = match (kind, text.expires, text.downloaded) {
        (Kind::Enrollment, _, Some(at)) => {
            format!("Urgent: renew {what} of {}: device sync is down since {at}", text.tenant)
        }
        (Kind::Enrollment, _, None) => {
            format!(
                "Urgent: renew {what} of {}: device sync is down since its download",
                text.tenant
            )
        }
        (_, Some(at), _) => {
            format!("Renew {what} of {} until {}", text.tenant, day(at))
        }
        (_, None, _) => format!("Renew {what} of {}", text.tenant),
    };
    let mut body = String::new();
    if kind == Kind::Enrollment {
        body.push_str(
            "> 🚨 Downloading this token at Apple ended the one in use: devices neither sync nor enrol until this is merged and applied.\n\n",
        );
    }
    let name = text.display_name.unwrap_or(text.tenant.as_str());
    let _ = writeln!(body, "Brings the renewed {} of **{}**.\n", cell(&what), cell(name));
    body.push_str("| | in Intune now | after this |\n|---|---|---|\n");
    for row in text.facts {
        let mark = if row.old == row.new { "" } else { "**" };
        let value = |value: Option<&String>| value.map_or("–".to_owned(), |text| cell(text));
        let new =
            row.new.as_ref().map_or("–".to_owned(), |new| format!("{mark}{}{mark}", cell(new)));
        let _ = writeln!(body, "| {} | {} | {new} |", row.name, value(row.old.as_ref()));
    }
    let _ = writeln!(body, "| SHA-256 of the opened file | | `{}` |\n", text.sha256);
    for check in text.checks {
        let _ = writeln!(body, "- ✅ {}", cell(check));
    }
    for warning in text.warnings {
        let _ = writeln!(body, "- ⚠️ {}", cell(warning));
    }
    body.push_str(match kind {
        Kind::Push => {
            "\nOnce this is merged, `applecart apply` uploads the certificate; the topic stays the same, so enrolled devices are not affected.\n"
        }
        Kind::Enrollment => {
            "\nOnce this is merged, `applecart apply` uploads the token and starts a sync. Merge it soon.\n"
        }
        Kind::Vpp => {
            "\nOnce this is merged, `applecart apply` uploads the token and compares its location with the one in Intune.\n"
        }
    });
    (title, body)
}

/// What became of the files, for a terminal: with one file its pull request whole, with several a
/// table.
pub fn renewals_human(renewals: &Renewals, width: usize) -> String {
    let mut out = String::new();
    if let [only] = renewals.renewals.as_slice() {
        out.push_str(&line(only, renewals));
        out.push_str(&remarks(only, width));
        if let (Some(title), Some(body)) = (&only.title, &only.body) {
            out.push_str(&format!("\n{}\n\n", styled(HEAD, &escape(title))));
            // Made of escaped names, for Markdown; its line ends are its own.
            out.push_str(body);
        }
        return out;
    }
    for one in &renewals.renewals {
        out.push_str(&line(one, renewals));
        out.push_str(&remarks(one, width));
    }
    let count = |status| renewals.renewals.iter().filter(|one| one.status == status).count();
    let counts: Vec<String> = ProposalStatus::ALL
        .iter()
        .filter(|status| count(**status) > 0)
        .map(|status| format!("{} {status}", count(*status)))
        .collect();
    if counts.is_empty() {
        out.push_str("No files.\n");
    } else {
        out.push_str(&format!("\n{}\n", counts.join(", ")));
    }
    out
}

fn line(one: &Proposal, renewals: &Renewals) -> String {
    let style = match one.status {
        ProposalStatus::Proposed | ProposalStatus::Exists => GOOD,
        ProposalStatus::Merged => DIM,
        ProposalStatus::Unmatched => LOOK,
        ProposalStatus::Refused | ProposalStatus::Failed => BAD,
    };
    let mut text = format!("{}  {}", styled(style, one.status.as_str()), escape(&one.file));
    if let (Some(tenant), Some(token)) = (&one.tenant, &one.token) {
        text.push_str(&format!("  {tenant}: {}", escape(&label(token))));
    }
    text.push('\n');
    if let (Some(branch), Some(commit)) = (&one.branch, &one.commit) {
        let pushed = match one.pushed {
            Some(true) => "pushed; open the pull request into",
            _ => "not pushed: --push does that; then open the pull request into",
        };
        text.push_str(&format!(
            "  branch {} at {} ({pushed} {})\n",
            escape(branch),
            short(commit),
            escape(&renewals.base)
        ));
    }
    text
}

fn remarks(one: &Proposal, width: usize) -> String {
    let mut text = String::new();
    for reason in &one.reasons {
        text.push_str(&wrap(&escape(reason), 2, width));
    }
    for warning in &one.warnings {
        text.push_str(&wrap(&format!("warning: {}", escape(warning)), 2, width));
    }
    text
}

/// What became of the files, as Markdown: the text for a pull request alone where there is one.
pub fn renewals_markdown(renewals: &Renewals) -> String {
    let mut out = String::new();
    for one in &renewals.renewals {
        match (&one.title, &one.body) {
            (Some(title), Some(body)) => {
                let _ = write!(out, "# {}\n\n{body}\n", cell(title));
            }
            _ => {
                let _ = writeln!(out, "# {}: {}\n", cell(&one.file), one.status.as_str());
                for reason in &one.reasons {
                    let _ = writeln!(out, "- {}", cell(reason));
                }
                out.push('\n');
            }
        }
    }
    out
}
