//! What a renewal takes, step by step, and where it is done.

use chrono::Duration;

use super::restore::SheetRestore;
use super::sheet::{Link, Sheet, SheetKey, markdown, title};
use crate::attention::OpenRenewal;
use crate::fleet::Cloud;
use crate::model::{Kind, Sha256, TenantId, shell_word};
use crate::report::text::{day, escape};

/// For how long after its expiry Apple is known to renew a push certificate.
pub(in crate::report) const RENEWABLE: Duration = Duration::days(30);

/// 80 bits: no two renewals of a fleet are taken for each other.
const KEY_LENGTH: usize = 20;

/// Apple's push portal.
/// <https://learn.microsoft.com/en-us/intune/device-enrollment/apple/create-mdm-push-certificate>
const PUSH_PORTAL: &str = "https://identity.apple.com/pushcert";
/// The portal of Apple Business, where enrollment and VPP tokens are downloaded:
/// <https://support.apple.com/guide/apple-business-manager/welcome/web>
const BUSINESS: &str = "https://business.apple.com";
/// The portal of Apple School Manager, which schools use instead:
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

/// Apple's portal where a renewal is done: its name and address.
pub fn portal(kind: Kind, school: bool) -> (&'static str, &'static str) {
    match kind {
        Kind::Push => ("Apple Push Certificates Portal", PUSH_PORTAL),
        Kind::Enrollment | Kind::Vpp if school => ("Apple School Manager", SCHOOL),
        Kind::Enrollment | Kind::Vpp => ("Apple Business", BUSINESS),
    }
}

/// Where a renewal is done.
pub fn sheet_links(kind: Kind, tenant_id: TenantId, school: bool, cloud: Cloud) -> Vec<Link> {
    let link = |title: &str, url: String| Link { title: title.to_owned(), url };
    let (title, url) = portal(kind, school);
    let apple = link(title, url.to_owned());
    // <https://learn.microsoft.com/en-us/intune/device-enrollment/apple/create-mdm-push-certificate>,
    // …/setup-automated-ios, and …/app-management/deployment/manage-vpp-apple
    let blade = match kind {
        Kind::Push => "Devices > Enrollment > Apple > Apple MDM Push certificate",
        Kind::Enrollment => "Devices > Enrollment > Apple > Enrollment program tokens",
        Kind::Vpp => "Tenant administration > Connectors and tokens > Apple VPP Tokens",
    };
    let url = format!("{}/{tenant_id}", admin_center(cloud));
    vec![apple, link(&format!("Intune: {blade}"), url)]
}

/// The way on where the file on the branch is the wrong one. A branch that another program or person
/// named may hold more than the file.
fn again(open: &OpenRenewal) -> Option<String> {
    if open.is_uncommitted() {
        return None;
    }
    let branch = shell_word(&open.branch);
    if !open.branch.starts_with("renew/") {
        let told = format!(
            "Only if its file is the wrong one, close the pull request of {branch}, take the file out of that branch, and open this renewal again."
        );
        return Some(told);
    }
    let delete = match &open.remote {
        Some(remote) if open.pushed => {
            format!("git push {} --delete {branch}", shell_word(remote))
        }
        _ => format!("git branch -D {branch}"),
    };
    Some(format!(
        "Only if its file is the wrong one, delete the branch and open this renewal again: {delete}"
    ))
}

/// What to do, in order.
fn steps(sheet: &Sheet) -> Vec<String> {
    if let Some(why) = &sheet.wrong_destination {
        return vec![format!("{why}.")];
    }
    if let Some(open) = &sheet.open {
        let (next, command) = open.next();
        let steps = [open.told(), format!("{next} {command}")];
        return steps.into_iter().chain(again(open)).collect();
    }
    if sheet.waiting {
        return waiting_steps(sheet);
    }
    let spent = sheet.refused.as_ref().map(|refused| {
        format!("{refused} Do not apply it again. A new file takes its place, as follows.")
    });
    spent.into_iter().chain(steps_at_apple(sheet)).collect()
}

/// What it takes to get a new file.
fn steps_at_apple(sheet: &Sheet) -> Vec<String> {
    if let Some(restore) = &sheet.restore {
        return restore_steps(sheet, restore);
    }
    match sheet.token.kind {
        Kind::Push if sheet.first => first_push_steps(sheet),
        Kind::Push => push_steps(sheet),
        Kind::Enrollment => enrollment_steps(sheet),
        Kind::Vpp => vpp_steps(sheet),
    }
}

fn waiting_steps(sheet: &Sheet) -> Vec<String> {
    if let Some(refused) = &sheet.refused {
        return vec![
            refused.clone(),
            "Correct that in the tenant file and have it merged. A new download helps only where the file itself is at fault.".to_owned(),
            format!("Then run: applecart apply --select {}", sheet.tenant),
            format!("With a new file instead, run: {}", sheet.next),
        ];
    }
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
    vec![
        push_sign_in(sheet),
        format!(
            "Find {row} and press Renew on it. Never press Create: that makes another topic, and every device enrolled under this one would stop answering and have to be enrolled again."
        ),
        row_gone(sheet),
        send_request(sheet, ""),
        format!("Run: {}", sheet.next),
    ]
}

/// A tenant's first certificate, which has no row at Apple yet.
fn first_push_steps(sheet: &Sheet) -> Vec<String> {
    let account = match &sheet.facts.apple_id {
        Some(account) => format!("as {account}"),
        None => "with the customer's Apple Account for this. Write it into the last command in place of ACCOUNT, so that Git knows it next year".to_owned(),
    };
    vec![
        "Intune has no push certificate, and neither the ledger nor any revision of the tenant file names one: this is the first.".to_owned(),
        format!(
            "Sign in at {PUSH_PORTAL} {account}. The certificate can be renewed only with this account, every year, so it must outlive the person: prefer a Managed Apple Account or a shared mailbox of the customer."
        ),
        "Look at the list before anything else. If it has a row that this Intune used before, devices may know its topic: press Renew on that row. Only if there is none, press Create a Certificate.".to_owned(),
        send_request(sheet, ""),
        "Intune takes a first certificate only with the customer's consent to share data with Apple. When the customer has agreed, `consent: {dataSharing: true}` stands in the tenant file.".to_owned(),
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

/// How Apple gets the request, and gives the certificate for it.
fn send_request(sheet: &Sheet, option: &str) -> String {
    let file = match &sheet.csr {
        Some(csr) => csr.file.clone(),
        None if sheet.problems.is_empty() => format!(
            "the request for Apple (CSR) that `applecart renew {}/push{option}` saves",
            sheet.tenant
        ),
        None => "the request for Apple (CSR), which is missing: see above".to_owned(),
    };
    format!(
        "Choose {file}, press Upload, then Download. If the portal does not take the file, rename it so that it ends in .txt instead of .csr."
    )
}

/// Apple's own word on the period changed several times, and no page promises it.
fn row_gone(sheet: &Sheet) -> String {
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
    /// The same on a sheet that has read Intune's key and in a ticket, which has not.
    const UNSAID: &str = "Git does not say which public key the last token was encrypted to. Where you do not know that the server has Intune's";
    let save = |what: &str| {
        format!("{what}: applecart renew {} --public-key", sheet.token.spec(&sheet.tenant))
    };
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
        Some(SheetKey { file: Some(file), changed: None, .. }) => {
            format!("{UNSAID}, {}", upload(file))
        }
        Some(SheetKey { file: Some(file), changed: Some(false), .. }) => format!(
            "The last token was encrypted to Intune's public key. Only where the server lost it since, {}",
            upload(file)
        ),
        Some(SheetKey { file: None, changed: None, .. }) => {
            format!("{UNSAID}, {} {}", upload("of Intune"), save("To save it"))
        }
        Some(SheetKey { file: None, .. }) => {
            "Upload no public key: the last token was encrypted to the one that Intune has."
                .to_owned()
        }
        None => format!(
            "Intune was not asked whether its public key is another one since the last token. If it is, {} {}",
            upload("of Intune"),
            save("This says whether it is, and saves it")
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

/// How the topic that devices know comes back.
fn restore_steps(sheet: &Sheet, restore: &SheetRestore) -> Vec<String> {
    let known = &restore.devices_know;
    if let Some(unsure) = known.unsure() {
        return vec![
            format!("{unsure}."),
            "Only then renew that row, and bring its file; or, if devices know the topic that Intune has, have it accepted (`applecart import --update`).".to_owned(),
            format!("Run: {}", sheet.next),
        ];
    }
    let sign_in = match &known.apple_id {
        Some(account) => format!(
            "Sign in at {PUSH_PORTAL} as {account}: that account has the certificate that devices know."
        ),
        None => format!(
            "Sign in at {PUSH_PORTAL} with the Apple Account that made the certificate which devices know. Which one is unknown: ask the customer."
        ),
    };
    let leave = match &restore.in_intune {
        Some(other) => {
            let account = other.apple_id.as_ref().filter(|id| !id.trim().is_empty());
            let account = account.map(|id| format!(", Apple Account {id}")).unwrap_or_default();
            format!(" Do not renew the row with {}{account}: no device knows it.", other.topic)
        }
        None => String::new(),
    };
    let mut steps = vec![
        sign_in,
        format!(
            "Find the row whose details show {} and press Renew on it. Never press Create: that makes one more topic that no device knows.{leave}",
            known.topic
        ),
        row_gone(sheet),
        send_request(sheet, " --restore"),
        format!("Run: {}", sheet.next),
    ];
    if let Some(line) = &restore.allow {
        steps.push(format!(
            "That command also adds this line to the push entry of tenants/{}/tenant.yaml. Without it the upload is held (topic-change), so its reviewer decides: {line}",
            sheet.tenant
        ));
    }
    steps
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
