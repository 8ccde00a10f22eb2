//! The renewal sheet: who does what, where and by when.

use chrono::Duration;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::label;
use super::restore::SheetRestore;
use crate::attention::OpenRenewal;
use crate::fleet::Cloud;
use crate::model::{
    Facts, Kind, Problem, Serial, Sha256, TenantId, TenantName, Timestamp, TokenRef, shell_word,
};
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
    /// What Intune has, else what Git says: the topic or organisation, the expiry. The Apple Account
    /// is Git's, which was reviewed, else Intune's, which is the one of the last upload.
    pub facts: Facts,
    /// The Apple Account that Intune names, where Git names another one.
    #[serde(default)]
    pub other_account: Option<String>,
    /// Whether `facts` were read from Intune just now.
    pub live: bool,
    /// Whether a newer file for it is in Git, not uploaded yet: another download would waste it.
    #[serde(default)]
    pub waiting: bool,
    /// The branch on which a new file waits for review: another download would waste it.
    #[serde(default)]
    pub open: Option<OpenRenewal>,
    /// Whether Intune calls the credential invalid: it is due at once, whatever its date says.
    #[serde(default)]
    pub dead: bool,
    /// Whole days left, rounded down; negative once it expired.
    pub days_left: Option<i64>,
    /// Enrollment: the MDM server's name in Apple Business or Apple School Manager.
    pub server: Option<String>,
    /// Whether it is a school's token, which is renewed in Apple School Manager.
    pub school: bool,
    pub contacts: Vec<String>,
    /// Push: the request (CSR) to upload at Apple; `null` for other kinds and where it is not available.
    pub csr: Option<SheetCsr>,
    /// Enrollment: Intune's public key, where it was asked for.
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
    /// Where it was saved; `null` where the last token was encrypted to it, so that nobody needs it.
    pub file: Option<String>,
    /// Whether the last token was encrypted to another key; `null` where Git does not say.
    pub changed: Option<bool>,
    /// The issuer of its certificate in RFC 4514; `null` where Intune gives the key alone.
    pub issuer: Option<String>,
    /// The certificate's number in upper-case hexadecimal.
    pub serial: Option<Serial>,
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

/// For how long after its expiry Apple is known to renew a push certificate.
const RENEWABLE: Duration = Duration::days(30);

/// 80 bits: no two renewals of a fleet are taken for each other.
const KEY_LENGTH: usize = 20;

/// Apple's push portal.
/// <https://learn.microsoft.com/en-us/intune/device-enrollment/apple/create-mdm-push-certificate>
pub(super) const PUSH_PORTAL: &str = "https://identity.apple.com/pushcert";
/// <https://support.apple.com/guide/apple-business-manager/welcome/web>
const BUSINESS: &str = "https://business.apple.com";
/// <https://support.apple.com/guide/apple-school-manager/welcome/web>
const SCHOOL: &str = "https://school.apple.com";
/// The admin center of the tenant's cloud. It takes a directory's id as its first path segment, so
/// that it opens in the customer's tenant. Deep links into its blades change, so their names are
/// given instead.
fn admin_center(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Public => "https://intune.microsoft.com",
        Cloud::Usgov | Cloud::Dod => "https://intune.microsoft.us",
        Cloud::China => "https://intune.microsoftonline.cn",
    }
}

/// Where a renewal is done.
pub fn sheet_links(kind: Kind, tenant_id: TenantId, school: bool, cloud: Cloud) -> Vec<Link> {
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
    let url = format!("{}/{tenant_id}", admin_center(cloud));
    vec![apple, link(&format!("Intune: {blade}"), url)]
}

/// The way on where the file on the branch is the wrong one.
fn again(open: &OpenRenewal) -> String {
    let branch = shell_word(&open.branch);
    let delete = match &open.remote {
        Some(remote) if open.pushed => {
            format!("git push {} --delete {branch}", shell_word(remote))
        }
        _ => format!("git branch -D {branch}"),
    };
    format!(
        "Only if its file is the wrong one, delete the branch and open this renewal again: {delete}"
    )
}

/// What to do, in order.
fn steps(sheet: &Sheet) -> Vec<String> {
    if let Some(open) = &sheet.open {
        let (next, command) = open.next();
        return vec![open.told(), format!("{next} {command}"), again(open)];
    }
    if sheet.waiting {
        return waiting_steps(sheet);
    }
    if let Some(restore) = &sheet.restore {
        return restore.steps(sheet);
    }
    match sheet.token.kind {
        Kind::Push => push_steps(sheet),
        Kind::Enrollment => enrollment_steps(sheet),
        Kind::Vpp => vpp_steps(sheet),
    }
}

fn waiting_steps(sheet: &Sheet) -> Vec<String> {
    let spoilt = match sheet.token.kind {
        Kind::Enrollment => ": it would make the one in Git useless",
        Kind::Push | Kind::Vpp => "",
    };
    vec![
        format!(
            "The new file is in Git already and not uploaded yet. Do not download another one{spoilt}."
        ),
        format!("See whether anything holds it, run: applecart plan --select {}", sheet.tenant),
        format!("Once it is merged, run: applecart apply --select {}", sheet.tenant),
    ]
}

fn push_steps(sheet: &Sheet) -> Vec<String> {
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
        push_sign_in(sheet),
        format!(
            "Find {row} and press Renew on it. Never press Create: that makes another topic, and every device enrolled under this one would stop answering and have to be enrolled again."
        ),
        row_gone(sheet),
        format!(
            "Choose {file}, press Upload, then Download. If the portal does not take the file, rename it so that it ends in .txt instead of .csr."
        ),
        format!("Run: {}", sheet.next),
    ]
}

fn push_sign_in(sheet: &Sheet) -> String {
    match (&sheet.facts.apple_id, &sheet.other_account) {
        (Some(account), None) => {
            format!("Sign in at {PUSH_PORTAL} as {account}: no other account has the certificate.")
        }
        (Some(account), Some(other)) => format!(
            "Sign in at {PUSH_PORTAL} as {account}, which Git names. Intune still names {other}: if {account} does not show the row below, sign in as {other}. No other account has the certificate."
        ),
        (None, _) => format!(
            "Sign in at {PUSH_PORTAL} with the Apple Account that made this certificate: no other account has it. Which one is unknown, because neither Git nor Intune says it: ask the customer. Write it into the last command in place of ACCOUNT, so that Git knows it next year"
        ),
    }
}

/// Apple's own word on the period changed several times, and no page promises it.
pub(super) fn row_gone(sheet: &Sheet) -> String {
    let period = "Apple is known to renew a certificate for about 30 days after it expired";
    let until = match sheet.facts.expires.filter(|_| sheet.days_left.is_some_and(|left| left < 0)) {
        Some(expired) => format!(", here until about {}", day(expired.plus(RENEWABLE))),
        None => String::new(),
    };
    format!(
        "If the row is gone, stop and call Apple's support before anything else: only Apple may bring it back. {period}{until}."
    )
}

/// The token's account at Apple, and which other one Intune names.
fn account(sheet: &Sheet, role: &str) -> String {
    match (&sheet.facts.apple_id, &sheet.other_account) {
        (Some(account), None) => format!("as {account}, or as {role}"),
        (Some(account), Some(other)) => {
            format!("as {account}, which Git names (Intune still names {other}), or as {role}")
        }
        (None, _) => format!(
            "as {role}. Which account downloaded the last one is unknown, because neither Git nor Intune says it"
        ),
    }
}

/// A token works only as long as the account that downloaded it, so that account is written down.
fn downloader(sheet: &Sheet, ends: &str) -> String {
    let written = match &sheet.facts.apple_id {
        Some(account) => format!(
            "If you sign in with another account than {account}, add `--apple-id ACCOUNT` to the last command"
        ),
        None => "Write the account that you sign in with into the last command in place of ACCOUNT"
            .to_owned(),
    };
    format!(
        "The token belongs to the account that downloads it: {ends}. Prefer an account that only does this. {written}."
    )
}

fn enrollment_steps(sheet: &Sheet) -> Vec<String> {
    let server = match &sheet.server {
        Some(server) => format!("the MDM server {server}"),
        None => "the MDM server of this Intune (Git does not name it yet; Apple writes it into the file's name, and `renew` into Git)".to_owned(),
    };
    let role = "an administrator there who may manage MDM servers";
    let place = if sheet.school {
        format!(
            "Sign in at {SCHOOL} {}. Under your name > Preferences, choose {server}. Do not add another one: the devices are assigned to this one.",
            account(sheet, role)
        )
    } else {
        format!(
            "Sign in at {BUSINESS} {}. Under Devices > Management Services, open {server}. Do not add another one: the devices are assigned to this one.",
            account(sheet, role)
        )
    };
    vec![
        "Be ready before you press anything: Apple disables the token in use when a new one is downloaded, and device sync is down until the new one is in Intune. Have the reviewer ready.".to_owned(),
        place,
        key_step(sheet),
        format!(
            "Download its token. {}",
            downloader(sheet, "it ends when that person changes the password or leaves")
        ),
        format!("At once, run: {}", sheet.next),
    ]
}

/// A token is encrypted to the key that the MDM server has at that moment, and Intune opens only what
/// is encrypted to its own.
fn key_step(sheet: &Sheet) -> String {
    let upload = |file: &str| {
        format!(
            "upload the public key {file} there, in place of the one that the server has. Do that before you download: Intune can open only what is encrypted to this key."
        )
    };
    match &sheet.public_key {
        Some(SheetKey { file: Some(file), changed: Some(true), .. }) => format!(
            "Intune's public key is not the one that the last token was encrypted to, so {}",
            upload(file)
        ),
        Some(SheetKey { file: Some(file), changed: None, .. }) => format!(
            "Git does not say which public key the last token was encrypted to. Where you do not know that the server has Intune's, {}",
            upload(file)
        ),
        Some(SheetKey { file: Some(file), changed: Some(false), .. }) => format!(
            "The last token was encrypted to Intune's public key. Only where the server lost it since, {}",
            upload(file)
        ),
        Some(SheetKey { file: None, .. }) => {
            "Upload no public key: the last token was encrypted to the one that Intune has."
                .to_owned()
        }
        None => format!(
            "Upload a public key only where Intune's has changed. To save Intune's key, run: applecart renew {} --public-key",
            sheet.token.spec(&sheet.tenant)
        ),
    }
}

fn vpp_steps(sheet: &Sheet) -> Vec<String> {
    let whose = match (&sheet.facts.location, &sheet.facts.organization) {
        (Some(location), _) => format!("the content token of the location {location}"),
        (None, Some(organization)) => format!("the content token of {organization}"),
        (None, None) => "this location's content token".to_owned(),
    };
    let role = "a content manager of the location";
    let place = if sheet.school {
        format!(
            "Sign in at {SCHOOL} {}. Under your name > Preferences > Payments & Billing > Content Tokens, download {whose}.",
            account(sheet, role)
        )
    } else {
        format!(
            "Sign in at {BUSINESS} {}. Under Settings > Payments & Billing > Apps and Books, download {whose}.",
            account(sheet, role)
        )
    };
    vec![
        format!("{place} Another location's file looks the same, and its licences would be used."),
        downloader(sheet, "it ends when the password of that account changes"),
        format!(
            "Soon, because the token in use may stop working with the download, run: {}",
            sheet.next
        ),
    ]
}

/// How much time is left, in words, and how bad that is.
fn deadline(sheet: &Sheet) -> (String, anstyle::Style) {
    if let Some(restore) = &sheet.restore {
        return (restore.deadline(), BAD);
    }
    let source = match (sheet.live, sheet.problems.is_empty()) {
        (true, _) => "",
        (false, false) => " (as Git says; Intune could not be read)",
        (false, true) => {
            " (as Git says; Intune has no such token, or several: `applecart plan` shows which)"
        }
    };
    if sheet.dead {
        let date = sheet.facts.expires.map(|at| format!(", though its date is {at}"));
        let date = date.unwrap_or_default();
        return (format!("at once: Intune calls the one in use invalid{date}"), BAD);
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
        line("topic", sheet.facts.topic.as_ref().map(ToString::to_string));
        line("serial", sheet.facts.serial.as_ref().map(ToString::to_string));
    }
    line("MDM server", sheet.server.clone());
    line("organisation", sheet.facts.organization.clone());
    line("location", sheet.facts.location.clone());
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

fn title(sheet: &Sheet) -> String {
    let name = sheet.display_name.as_deref().unwrap_or(sheet.tenant.as_str());
    match sheet.restore {
        Some(_) => format!("Bring back the push topic that devices of {name} know"),
        None => format!("Renew the {} of {name}", label(&sheet.token)),
    }
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
    out
}

/// A step's words, and the command or the line to paste that it ends with.
fn command_of(step: &str) -> (&str, Option<&str>) {
    let at = step.rfind(": applecart ").or_else(|| step.find(": allow: [{"));
    let parts = at.and_then(|at| step.split_at_checked(at + 1));
    match parts {
        Some((words, command)) => (words, Some(command.trim_start())),
        None => (step, None),
    }
}

/// Fills in what is made of the rest.
pub fn complete(sheet: &mut Sheet) {
    sheet.steps = steps(sheet);
    let by = sheet.facts.expires.filter(|_| sheet.restore.is_none());
    let by = by.map(|at| format!(" by {}", day(at))).unwrap_or_default();
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
    if sheets.sheets.is_empty() {
        return "No renewal is due.\n".to_owned();
    }
    let all: Vec<&str> = sheets.sheets.iter().map(|sheet| sheet.markdown.as_str()).collect();
    all.join("\n")
}
