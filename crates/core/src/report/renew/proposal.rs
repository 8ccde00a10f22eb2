//! What became of downloaded files: the branch, the commit, and the pull request's text.

use std::fmt::Write as _;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::label;
use crate::fleet::Allow;
use crate::model::{Kind, Sha256, TenantName, Timestamp, TokenRef};
use crate::report::cell::cell;
use crate::report::text::{BAD, DIM, GOOD, HEAD, LOOK, day, escape, joined, short, styled, wrap};
use crate::rules::codes::Reason;
use crate::rules::verdicts::{Effect, Released, Verdicts};
use crate::words::kebab_enum;

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
    /// What the rules answered; `None` where they were not asked.
    pub verdicts: Option<&'a Verdicts>,
    /// What to know although it was taken.
    pub warnings: &'a [String],
}

/// The title and the text of a pull request. Whoever reviews it reads the title, the alarm and the
/// last sentence: each of them tells what the rules found that devices will notice.
pub fn proposal_text(text: &ProposalText<'_>) -> (String, String) {
    let mut body = text.alarm();
    body.push_str(&text.opening());
    body.push_str("| | in Intune now | after this |\n|---|---|---|\n");
    for row in text.facts {
        let mark = if row.old == row.new { "" } else { "**" };
        let value = |value: Option<&String>| value.map_or("–".to_owned(), |text| cell(text));
        let new =
            row.new.as_ref().map_or("–".to_owned(), |new| format!("{mark}{}{mark}", cell(new)));
        let _ = writeln!(body, "| {} | {} | {new} |", row.name, value(row.old.as_ref()));
    }
    let _ = writeln!(body, "| SHA-256 of the opened file | | `{}` |\n", text.sha256);
    for passed in text.verdicts.iter().flat_map(|verdicts| &verdicts.passed) {
        let _ = writeln!(body, "- ✅ {}", cell(&passed.to_string()));
    }
    for one in text.released() {
        let Allow { from, to, reason, until, .. } = &one.by;
        let _ = writeln!(
            body,
            "- ⚠️ {} is released by a reviewed `allow` line until {until}: from {} to {}, because: {}",
            one.reason,
            cell(from),
            cell(to),
            cell(reason)
        );
    }
    for warning in text.warnings {
        let _ = writeln!(body, "- ⚠️ {}", cell(warning));
    }
    let _ = writeln!(body, "\nOnce this is merged, `applecart apply` {}", text.ending());
    (text.title(), body)
}

impl ProposalText<'_> {
    fn effect(&self) -> &Effect {
        self.verdicts.map_or(&Effect::Unknown, |verdicts| &verdicts.effect)
    }

    fn released(&self) -> &[Released] {
        self.verdicts.map(|verdicts| verdicts.released.as_slice()).unwrap_or_default()
    }

    /// The organisation that the token is of now, where a reviewed line lets it be another one.
    fn renamed(&self) -> Option<&str> {
        let is_it = |one: &&Released| one.reason == Reason::OrganizationDiffers;
        self.released().iter().find(is_it)?;
        self.facts.iter().find(|row| row.name == "organisation")?.new.as_deref()
    }

    fn title(&self) -> String {
        let (what, tenant) = (label(self.token), self.tenant);
        let until = self.expires.map(|at| format!(" until {}", day(at))).unwrap_or_default();
        match (self.token.kind, self.effect()) {
            (Kind::Enrollment, _) => {
                let since = match self.downloaded {
                    Some(at) => at.to_string(),
                    None => "its download".to_owned(),
                };
                format!("Urgent: renew {what} of {tenant}: device sync is down since {since}")
            }
            (_, Effect::First) => format!("First {what} of {tenant}{until}"),
            (_, Effect::Restored(_)) => format!("Bring back the {what} of {tenant}{until}"),
            (_, Effect::BackTo { .. }) => {
                let until = self.expires.map(|at| format!(", until {}", day(at)));
                let until = until.unwrap_or_default();
                format!("Bring back the push topic that devices of {tenant} know{until}")
            }
            (_, Effect::CutOff { .. }) => {
                format!(
                    "Change the push topic of {tenant}: every enrolled device has to enrol again"
                )
            }
            (_, Effect::StaysForeign { .. }) => {
                format!(
                    "Renew {what} of {tenant}{until}, with a topic that its devices do not know"
                )
            }
            (_, Effect::Unnoticed(_) | Effect::Unsure(_) | Effect::Unknown) => match self.renamed()
            {
                Some(organization) => {
                    format!(
                        "Renew {what} of {tenant}{until}, now of the organisation {organization}"
                    )
                }
                None => format!("Renew {what} of {tenant}{until}"),
            },
        }
    }

    /// What must not be overlooked.
    fn alarm(&self) -> String {
        let text = match (self.token.kind, self.effect()) {
            (Kind::Enrollment, _) => "🚨 Downloading this token at Apple ended the one in use: devices neither sync nor enrol until this is merged and applied.".to_owned(),
            (_, Effect::CutOff { known, to }) => format!(
                "🚨 Devices know the topic {known}, and this certificate has {to}. Once it is uploaded, no device that is enrolled today answers any more: every one has to enrol again."
            ),
            (_, Effect::BackTo { known, from, .. }) => format!(
                "⚠️ Intune uses the topic {from}, but devices know {known}. Once this is uploaded, they answer again. A device that enrolled under {from} meanwhile has to enrol again."
            ),
            (_, Effect::StaysForeign { known, live }) => format!(
                "🚨 Intune uses the topic {live}, but devices know {known} and do not answer. This certificate changes nothing about that. To reach them again, renew the certificate with the topic {known} at Apple instead."
            ),
            (_, Effect::Unsure(why)) => format!("🚨 {why}."),
            (_, Effect::Unnoticed(_) | Effect::First | Effect::Restored(_) | Effect::Unknown) => {
                match self.renamed() {
                    Some(organization) => format!(
                        "⚠️ The token is of another organisation than the one in Intune. If {} is not a new name of the same customer, another customer's licences are used.",
                        cell(organization)
                    ),
                    None => return String::new(),
                }
            }
        };
        format!("> {text}\n\n")
    }

    fn opening(&self) -> String {
        let what = cell(&label(self.token));
        let name = cell(self.display_name.unwrap_or(self.tenant.as_str()));
        match self.effect() {
            Effect::First => format!("Brings the first {what} of **{name}**: Intune has none.\n\n"),
            Effect::Restored(_) => format!(
                "Brings a new {what} of **{name}**: Intune has none any more, and devices know its topic.\n\n"
            ),
            Effect::CutOff { .. } => {
                format!("Brings a {what} of **{name}** with another topic.\n\n")
            }
            Effect::BackTo { .. } => format!(
                "Brings the renewed {what} of **{name}** with the topic that devices know.\n\n"
            ),
            Effect::Unnoticed(_)
            | Effect::StaysForeign { .. }
            | Effect::Unsure(_)
            | Effect::Unknown => {
                format!("Brings the renewed {what} of **{name}**.\n\n")
            }
        }
    }

    /// What happens after the merge, and what devices notice of it.
    fn ending(&self) -> String {
        let held = self.verdicts.map(|verdicts| verdicts.held.as_slice()).unwrap_or_default();
        if !held.is_empty() {
            let is_releasable = |reason: &Reason| reason.explained().is_releasable();
            let until = match held.iter().all(is_releasable) {
                true => "a reviewed `allow` line has to be merged with it",
                false => "what speaks against it has to be corrected first",
            };
            return format!("still holds the upload ({}): {until}.", joined(held, ", "));
        }
        let text = match (self.token.kind, self.effect()) {
            (Kind::Enrollment, _) => "uploads the token and starts a sync. Merge it soon.",
            (Kind::Vpp, _) => match self.renamed() {
                Some(organization) => {
                    return format!(
                        "uploads the token, compares its location with the one in Intune, and from then on uses the licences of {}.",
                        cell(organization)
                    );
                }
                None => "uploads the token and compares its location with the one in Intune.",
            },
            (Kind::Push, effect) => match effect {
                Effect::Unnoticed(_) => {
                    "uploads the certificate. The topic stays the same, so enrolled devices notice nothing."
                }
                Effect::First => {
                    "uploads the certificate. From then on Apple devices can enrol, and every later renewal has to keep its topic."
                }
                Effect::Restored(_) => {
                    "uploads the certificate, and devices that are enrolled answer again."
                }
                Effect::BackTo { .. } => {
                    "uploads the certificate, and devices that know this topic answer again."
                }
                Effect::CutOff { .. } => {
                    "uploads the certificate, and every device that is enrolled today has to enrol again. Merge this only if that is meant."
                }
                Effect::StaysForeign { .. } => {
                    "uploads the certificate, and devices that know the other topic still do not answer."
                }
                Effect::Unsure(_) => {
                    "uploads the certificate. Merge this only once a device has told the topic that it knows."
                }
                Effect::Unknown => "uploads the certificate.",
            },
        };
        text.to_owned()
    }
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
