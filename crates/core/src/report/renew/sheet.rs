//! The renewal sheet: who does what, where and by when.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::label;
use super::restore::SheetRestore;
use super::sitting::{self, Sitting};
use crate::attention::OpenRenewal;
use crate::model::{Facts, Problem, Serial, Sha256, TenantId, TenantName, Timestamp, TokenRef};
use crate::report::cell::cell;
use crate::report::text::{BAD, DIM, HEAD, LOOK, day, escape, plural, styled, wrap};

/// Every sheet of a run, most urgent first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sheets {
    pub format_version: String,
    /// When it was written.
    pub generated_at: Timestamp,
    /// The commit whose tenant files it was written from.
    pub base: String,
    pub sheets: Vec<Sheet>,
    /// Whether only some of the fleet's tenants were asked for: nothing is known of the others.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub selected: bool,
    /// The tenants of which not everything could be read: what is not among the sheets may be due all
    /// the same.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_read: Vec<String>,
    /// With `--by-account`: the order of the sheets as sign-ins, and the weeks to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sitting: Option<Sitting>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sheet {
    pub tenant: TenantName,
    /// What people call it.
    pub display_name: Option<String>,
    /// Its directory id in Entra.
    pub tenant_id: TenantId,
    pub token: TokenRef,
    /// What Intune has, else what Git says: the topic or organisation, the expiry. The Apple Account
    /// is Git's, which was reviewed, else Intune's, which is the one of the last upload.
    pub facts: Facts,
    /// The Apple Account that Intune names, where Git names another one.
    #[serde(default)]
    pub other_account: Option<String>,
    /// The Apple Account that downloaded the one in use, where Git says it: a token ends with that account's
    /// password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downloaded_by: Option<String>,
    /// Whether `facts` were read from Intune just now.
    pub live: bool,
    /// Whether a newer file for it is in Git, not uploaded yet: another download would waste it.
    #[serde(default)]
    pub waiting: bool,
    /// The branch on which a new file waits for review: another download would waste it.
    #[serde(default)]
    pub open: Option<OpenRenewal>,
    /// Why the tenant's folder is another tenant's: the file would not be uploaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrong_destination: Option<String>,
    /// Push: whether it is proved that the tenant never had one, so that Create is right at Apple.
    #[serde(default)]
    pub first: bool,
    /// Whether Intune calls the credential invalid or expired, or Apple revoked it: it is due at once,
    /// whatever its date says.
    #[serde(default)]
    pub dead: bool,
    /// Push: since when Apple has the certificate on its list of revoked ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked: Option<Timestamp>,
    /// That a run opened the file in Git and refused it, in a sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<String>,
    /// How many devices depend on it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devices: Option<u64>,
    /// Whole days left, rounded down; negative once it expired.
    pub days_left: Option<i64>,
    /// Enrollment: the MDM server's name in Apple Business or Apple School Manager.
    pub server: Option<String>,
    /// Whether it is a school's token, which is renewed in Apple School Manager.
    pub school: bool,
    pub contacts: Vec<String>,
    /// Push: the request (CSR) to upload at Apple; `null` for other kinds and where it is not available.
    pub csr: Option<SheetCsr>,
    /// Enrollment: Intune's public key, where it was asked for, or where Git does not say to which one
    /// the last token was encrypted.
    #[serde(default)]
    pub public_key: Option<SheetKey>,
    /// What could not be read or recorded.
    pub problems: Vec<Problem>,
    /// Push: the topic that devices know, where Intune does not have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restore: Option<SheetRestore>,
    pub links: Vec<Link>,
    /// What to do, in order.
    pub steps: Vec<String>,
    /// The command to run with the downloaded file.
    pub next: String,
    /// One line, such as for an issue's title.
    pub title: String,
    /// Twenty letters and digits that this renewal keeps until the token has another expiry, so that
    /// an issue about it is found again. Nothing can be read out of it.
    pub key: String,
    /// The sheet as Markdown.
    pub markdown: String,
}

/// A place on the web.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Link {
    pub title: String,
    pub url: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SheetCsr {
    /// Where it was saved.
    pub file: String,
    /// SHA-256 of the key that it asks a certificate for.
    pub public_key_sha256: Sha256,
    /// When the renewal was opened.
    pub opened_at: Timestamp,
    /// Whether Intune was asked now.
    pub origin: CsrOrigin,
    /// Who recorded it, and when: by the commit of the notes that brought it, else as the record says.
    pub recorded_by: String,
    /// What its form proves about who made it.
    pub maker: String,
}

/// Intune's public key of an enrollment token, to which Apple encrypts what is downloaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SheetKey {
    /// Where it was saved; `null` where the last token was encrypted to it, so that nobody needs it, and
    /// where it was not asked for.
    pub file: Option<String>,
    /// Whether the last token was encrypted to another key; `null` where Git does not say.
    pub changed: Option<bool>,
    /// The issuer of its certificate in RFC 4514; `null` where Intune gives the key alone.
    pub issuer: Option<String>,
    /// The certificate's number in upper-case hexadecimal.
    pub serial: Option<Serial>,
}

impl SheetKey {
    /// Of a token of which Git does not say to which key it was encrypted, until Intune was asked.
    pub fn not_asked() -> Self {
        Self { file: None, changed: None, issuer: None, serial: None }
    }
}

/// Where a request for Apple (CSR) comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CsrOrigin {
    /// Intune, now; recorded in the ledger.
    Intune,
    /// The ledger: the renewal is open already.
    Ledger,
}

/// How much time is left, in words, and how bad that is.
fn deadline(sheet: &Sheet) -> (String, anstyle::Style) {
    if let Some(restore) = &sheet.restore {
        return (restore.deadline(), BAD);
    }
    if sheet.first {
        return ("before the first device is enrolled".to_owned(), LOOK);
    }
    let source = match (sheet.live, sheet.problems.is_empty()) {
        (true, _) => "",
        (false, false) => " (as Git says; Intune could not be read)",
        (false, true) => {
            " (as Git says; Intune has no such token, or several: `applecart plan` shows which)"
        }
    };
    // One that has expired by its date is told by that.
    if sheet.dead && sheet.days_left.is_none_or(|days| days >= 0) {
        let date = sheet.facts.expires.map(|at| format!(", though its date is {at}"));
        let date = date.unwrap_or_default();
        let why = match sheet.revoked {
            Some(at) => format!("Apple revoked the one in use on {}", day(at)),
            None => "Intune calls the one in use invalid or expired".to_owned(),
        };
        return (format!("at once: {why}{date}"), BAD);
    }
    match (sheet.facts.expires, sheet.days_left) {
        // Days are rounded down, so one day less than nothing began within the last 24 hours.
        (Some(at), Some(days)) if days < 0 => {
            (format!("expired on {at}, {} ago{source}", whole_days(-days - 1)), BAD)
        }
        (Some(at), Some(days)) => {
            let style = if days < 14 { BAD } else { LOOK };
            (format!("by {at}, {} left{source}", whole_days(days)), style)
        }
        _ => (format!("expiry unknown{source}"), LOOK),
    }
}

fn whole_days(days: i64) -> String {
    match usize::try_from(days) {
        Ok(0) | Err(_) => "less than a day".to_owned(),
        Ok(days) => plural(days, "day"),
    }
}

/// Who has what, as names and values.
fn people(sheet: &Sheet) -> Vec<(&'static str, String)> {
    let mut lines = Vec::new();
    let mut line = |name, value: Option<String>| lines.extend(value.map(|value| (name, value)));
    let unknown = || "unknown: neither Git nor Intune says it".to_owned();
    if let Some(restore) = &sheet.restore {
        restore.people().into_iter().for_each(|(name, value)| line(name, Some(value)));
    } else {
        line("Apple Account", Some(sheet.facts.apple_id.clone().unwrap_or_else(unknown)));
        line("Apple Account in Intune", sheet.other_account.clone());
        line("downloaded by", sheet.downloaded_by.clone());
        line("topic", sheet.facts.topic.as_ref().map(ToString::to_string));
        line("serial", sheet.facts.serial.as_ref().map(ToString::to_string));
    }
    line("MDM server", sheet.server.clone());
    line("organisation", sheet.facts.organization.clone());
    line("location", sheet.facts.location.clone());
    line("devices that depend on it", sheet.devices.map(|count| count.to_string()));
    line("contacts", (!sheet.contacts.is_empty()).then(|| sheet.contacts.join(", ")));
    if let Some(csr) = &sheet.csr {
        let from = match csr.origin {
            CsrOrigin::Intune => format!("read from Intune and recorded at {}", csr.opened_at),
            CsrOrigin::Ledger => format!(
                "of the renewal opened at {}, recorded by {}; Intune was not asked, and {}",
                csr.opened_at, csr.recorded_by, csr.maker
            ),
        };
        line("request", Some(format!("{} ({from})", csr.file)));
        line("request's key", Some(format!("SHA-256 {}", csr.public_key_sha256)));
    }
    if let Some(key) = &sheet.public_key {
        line("public key", key.file.clone());
        line("public key's issuer", key.issuer.clone());
        line("public key's number", key.serial.as_ref().map(ToString::to_string));
    }
    lines
}

pub(super) fn title(sheet: &Sheet) -> String {
    let name = sheet.display_name.as_deref().unwrap_or(sheet.tenant.as_str());
    match sheet.restore {
        Some(_) => format!("Bring back the push topic that devices of {name} know"),
        None if sheet.first => format!("The first push certificate of {name}"),
        None => format!("Renew the {} of {name}", label(&sheet.token)),
    }
}

/// The sheets for a terminal.
pub fn sheets_human(sheets: &Sheets, width: usize) -> String {
    let sitting = sheets.sitting.as_ref().filter(|_| !sheets.sheets.is_empty());
    let mut out = sitting.map(sitting::human).unwrap_or_default();
    for sheet in &sheets.sheets {
        if !out.is_empty() {
            out.push('\n');
        }
        let (deadline, style) = deadline(sheet);
        out.push_str(&format!(
            "{}  {}\n",
            styled(HEAD, &escape(&title(sheet))),
            styled(DIM, sheet.tenant.as_str())
        ));
        out.push_str(&format!("  {}\n", styled(style, &deadline)));
        for (name, value) in people(sheet) {
            out.push_str(&format!("  {} {}\n", styled(DIM, &format!("{name}:")), escape(&value)));
        }
        for problem in &sheet.problems {
            let detail = problem.detail.as_deref().unwrap_or_default();
            out.push_str(&format!("  {}\n", styled(BAD, problem.code.as_str())));
            out.push_str(&wrap(&escape(detail), 4, width));
        }
        out.push('\n');
        for (number, step) in sheet.steps.iter().enumerate() {
            // A command is copied: it stands on a line of its own, however long.
            let (words, command) = command_of(step);
            let text = wrap(&escape(words), 5, width);
            out.push_str(&format!("  {}. {}", number + 1, text.trim_start()));
            if let Some(command) = command {
                out.push_str(&format!("     {}\n", escape(command)));
            }
        }
        out.push('\n');
        for link in &sheet.links {
            out.push_str(&format!("  {} {}\n", styled(DIM, &escape(&link.title)), link.url));
        }
    }
    if sheets.sheets.is_empty() {
        out.push_str("No renewal is due.\n");
    }
    out.extend(sheets.sitting.iter().map(|it| sitting::forecast_human(&it.forecast)));
    out
}

/// A step's words, and the command or the line to paste that it ends with.
pub(crate) fn command_of(step: &str) -> (&str, Option<&str>) {
    let at = step.rfind(": applecart ").or_else(|| step.find(": allow: [{"));
    let parts = at.and_then(|at| step.split_at_checked(at + 1));
    match parts {
        Some((words, command)) => (words, Some(command.trim_start())),
        None => (step, None),
    }
}

pub(super) fn markdown(sheet: &Sheet) -> String {
    let mut out = format!("## {}\n\n**{}**\n\n", cell(&title(sheet)), cell(&deadline(sheet).0));
    out.push_str("| | |\n|---|---|\n");
    out.push_str(&format!("| tenant | {} |\n", cell(sheet.tenant.as_str())));
    for (name, value) in people(sheet) {
        out.push_str(&format!("| {name} | {} |\n", cell(&value)));
    }
    out.push('\n');
    for problem in &sheet.problems {
        let detail = problem.detail.as_deref().unwrap_or_default();
        out.push_str(&format!("> ⚠️ {}: {}\n\n", problem.code, cell(detail)));
    }
    for step in &sheet.steps {
        // A command is copied: it stands in a code block, where nothing is escaped.
        let (words, command) = command_of(step);
        out.push_str(&format!("- [ ] {}\n", cell(words)));
        if let Some(command) = command {
            let command = escape(command).replace("```", "'''");
            out.push_str(&format!("\n  ```sh\n  {command}\n  ```\n"));
        }
    }
    out.push('\n');
    for link in &sheet.links {
        out.push_str(&format!("- [{}]({})\n", cell(&link.title), link.url));
    }
    out
}

/// The sheets as Markdown, for an issue.
pub fn sheets_markdown(sheets: &Sheets) -> String {
    let sitting = sheets.sitting.as_ref().filter(|_| !sheets.sheets.is_empty());
    let mut all: Vec<String> = sitting.map(sitting::markdown).into_iter().collect();
    all.extend(sheets.sheets.iter().map(|sheet| sheet.markdown.clone()));
    if all.is_empty() {
        all.push("No renewal is due.\n".to_owned());
    }
    let forecast = sheets.sitting.iter().map(|it| sitting::forecast_markdown(&it.forecast));
    all.join("\n") + &forecast.collect::<String>()
}
