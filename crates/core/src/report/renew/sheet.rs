//! The renewal sheet: who does what, where and by when.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::label;
use crate::model::{Facts, Kind, Problem, Sha256, TenantId, TenantName, Timestamp, TokenRef};
use crate::report::markdown::cell;
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
    /// What Intune has, else what Git says: the Apple Account, the topic or organisation, the expiry.
    pub facts: Facts,
    /// Whether `facts` were read from Intune just now.
    pub live: bool,
    /// Whether a newer file for it is in Git, not uploaded yet: another download would waste it.
    #[serde(default)]
    pub waiting: bool,
    /// Whole days left, rounded down; negative once it expired.
    pub days_left: Option<i64>,
    /// Enrollment: the MDM server's name in Apple Business or Apple School Manager.
    pub server: Option<String>,
    /// Whether it is a school's token, which is renewed in Apple School Manager.
    pub school: bool,
    pub contacts: Vec<String>,
    /// Push: the request (CSR) to upload at Apple; `null` for other kinds and where it is not available.
    pub csr: Option<SheetCsr>,
    /// What could not be read or recorded.
    pub problems: Vec<Problem>,
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

/// 80 bits: no two renewals of a fleet are taken for each other.
const KEY_LENGTH: usize = 20;

/// Apple's push portal.
/// <https://learn.microsoft.com/en-us/intune/device-enrollment/apple/create-mdm-push-certificate>
const PUSH_PORTAL: &str = "https://identity.apple.com/pushcert";
/// <https://support.apple.com/guide/apple-business-manager/welcome/web>
const BUSINESS: &str = "https://business.apple.com";
/// <https://support.apple.com/guide/apple-school-manager/welcome/web>
const SCHOOL: &str = "https://school.apple.com";
/// The admin center takes a directory's id as its first path segment, so that it opens in the
/// customer's tenant. Deep links into its blades change, so their names are given instead.
const ADMIN_CENTER: &str = "https://intune.microsoft.com";

/// Where a renewal is done.
pub fn sheet_links(kind: Kind, tenant_id: TenantId, school: bool) -> Vec<Link> {
    let link = |title: &str, url: String| Link { title: title.to_owned(), url };
    let manager = if school {
        link("Apple School Manager", SCHOOL.to_owned())
    } else {
        link("Apple Business", BUSINESS.to_owned())
    };
    // <https://learn.microsoft.com/en-us/intune/device-enrollment/apple/create-mdm-push-certificate>,
    // …/setup-automated-ios, and …/app-management/deployment/manage-vpp-apple
    let (apple, blade) = match kind {
        Kind::Push => (
            link("Apple Push Certificates Portal", PUSH_PORTAL.to_owned()),
            "Devices > Enrollment > Apple > Apple MDM Push certificate",
        ),
        Kind::Enrollment => (manager, "Devices > Enrollment > Apple > Enrollment program tokens"),
        Kind::Vpp => (manager, "Tenant administration > Connectors and tokens > Apple VPP Tokens"),
    };
    let intune = link(&format!("Intune: {blade}"), format!("{ADMIN_CENTER}/{tenant_id}"));
    vec![apple, intune]
}

/// What to do, in order.
fn steps(sheet: &Sheet) -> Vec<String> {
    let account = match &sheet.facts.apple_id {
        Some(account) => account.clone(),
        None => "the Apple Account of last time (`appleId` does not name it)".to_owned(),
    };
    let manager = if sheet.school { SCHOOL } else { BUSINESS };
    let command = &sheet.next;
    if sheet.waiting {
        let spoilt = match sheet.token.kind {
            Kind::Enrollment => ": it would make the one in Git useless",
            Kind::Push | Kind::Vpp => "",
        };
        return vec![
            format!(
                "The new file is in Git already and not uploaded yet. Do not download another one{spoilt}."
            ),
            format!("See whether anything holds it, run: applecart plan --select {}", sheet.tenant),
            format!("Once it is merged, run: applecart apply --select {}", sheet.tenant),
        ];
    }
    match sheet.token.kind {
        Kind::Push => {
            let row = match (&sheet.facts.topic, sheet.facts.expires) {
                (Some(topic), Some(at)) => {
                    format!("the row that expires on {} (its details show {topic})", day(at))
                }
                (None, Some(at)) => format!("the row that expires on {}", day(at)),
                (Some(topic), None) => format!("the row whose details show {topic}"),
                (None, None) => "the row of this customer's certificate".to_owned(),
            };
            let file = match &sheet.csr {
                Some(csr) => csr.file.clone(),
                None if sheet.problems.is_empty() => format!(
                    "the request for Apple (CSR) that `applecart renew {}/push` saves",
                    sheet.tenant
                ),
                None => "the request for Apple (CSR), which is missing: see above".to_owned(),
            };
            vec![
                format!(
                    "Sign in at {PUSH_PORTAL} as {account}: no other account has the certificate."
                ),
                format!(
                    "Find {row} and press Renew on it. Never press Create: that makes another topic, and every device enrolled under this one would stop answering and have to be enrolled again."
                ),
                format!("Choose {file}, press Upload, then Download."),
                format!("Run: {command}"),
            ]
        }
        Kind::Enrollment => {
            let server = match &sheet.server {
                Some(server) => format!("the MDM server {server}"),
                None => "the MDM server of this Intune (`server` does not name it)".to_owned(),
            };
            vec![
                "Be ready before you press anything: Apple disables the token in use when a new one is downloaded, and device sync is down until the new one is in Intune. Have the reviewer ready.".to_owned(),
                format!("Sign in at {manager} as {account}, or as any administrator there who may manage MDM servers."),
                format!(
                    "Under your name > Preferences, choose {server} and press Download Token. Do not add another MDM server: the devices are assigned to this one. Do not upload a public key, unless Intune's has changed."
                ),
                format!("At once, run: {command}"),
            ]
        }
        Kind::Vpp => {
            let whose = match (&sheet.facts.location, &sheet.facts.organization) {
                (Some(location), _) => format!("the content token of the location {location}"),
                (None, Some(organization)) => format!("the content token of {organization}"),
                (None, None) => "this location's content token".to_owned(),
            };
            vec![
                format!(
                    "Sign in at {manager} as {account}, or as a content manager of the location."
                ),
                format!(
                    "Under your name > Preferences > Payments and Billing > Content Tokens, download {whose}. Another location's file looks the same, and its licences would be used."
                ),
                format!(
                    "Soon, because the token in use may stop working with the download, run: {command}"
                ),
            ]
        }
    }
}

/// How much time is left, in words, and how bad that is.
fn deadline(sheet: &Sheet) -> (String, anstyle::Style) {
    let source = match (sheet.live, sheet.problems.is_empty()) {
        (true, _) => "",
        (false, false) => " (as Git says; Intune could not be read)",
        (false, true) => {
            " (as Git says; Intune has no such token, or several: `applecart plan` shows which)"
        }
    };
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
    line("Apple Account", Some(sheet.facts.apple_id.clone().unwrap_or_else(|| "unknown".into())));
    line("topic", sheet.facts.topic.as_ref().map(ToString::to_string));
    line("serial", sheet.facts.serial.as_ref().map(ToString::to_string));
    line("MDM server", sheet.server.clone());
    line("organisation", sheet.facts.organization.clone());
    line("location", sheet.facts.location.clone());
    line("contacts", (!sheet.contacts.is_empty()).then(|| sheet.contacts.join(", ")));
    if let Some(csr) = &sheet.csr {
        let from = match csr.origin {
            CsrOrigin::Intune => "read from Intune and recorded",
            CsrOrigin::Ledger => "of the renewal opened",
        };
        line("request", Some(format!("{} ({from} at {})", csr.file, csr.opened_at)));
    }
    lines
}

fn title(sheet: &Sheet) -> String {
    let name = sheet.display_name.as_deref().unwrap_or(sheet.tenant.as_str());
    format!("Renew the {} of {name}", label(&sheet.token))
}

/// The sheets for a terminal.
pub fn sheets_human(sheets: &Sheets, width: usize) -> String {
    let mut out = String::new();
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
            let (words, command) = match step.split_once(&sheet.next) {
                Some((before, _)) => (before, Some(&sheet.next)),
                None => (step.as_str(), None),
            };
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
    out
}

/// Fills in what is made of the rest.
pub fn complete(sheet: &mut Sheet) {
    sheet.steps = steps(sheet);
    let by = sheet.facts.expires.map(|at| format!(" by {}", day(at))).unwrap_or_default();
    sheet.title = escape(&format!("{}{by}", title(sheet)));
    let token = &sheet.token;
    let which = token.id.as_deref().or(token.name.as_deref()).unwrap_or_default();
    let expires = sheet.facts.expires.map(|at| at.to_string()).unwrap_or_default();
    let all = [&sheet.tenant_id.to_string(), token.kind.as_str(), which, &expires].join("\n");
    sheet.key = Sha256::of(all.as_bytes()).to_string().chars().take(KEY_LENGTH).collect();
    sheet.markdown = markdown(sheet);
}

fn markdown(sheet: &Sheet) -> String {
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
        match step.split_once(&sheet.next) {
            Some((before, _)) => {
                let command = escape(&sheet.next).replace("```", "'''");
                out.push_str(&format!(
                    "- [ ] {}\n\n  ```sh\n  {command}\n  ```\n",
                    cell(before.trim_end())
                ));
            }
            None => out.push_str(&format!("- [ ] {}\n", cell(step))),
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
    if sheets.sheets.is_empty() {
        return "No renewal is due.\n".to_owned();
    }
    let all: Vec<&str> = sheets.sheets.iter().map(|sheet| sheet.markdown.as_str()).collect();
    all.join("\n")
}
