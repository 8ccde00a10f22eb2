//! The made-up fleet: twelve customers, each in a situation that an admin knows.
#![expect(clippy::disallowed_methods, reason = "the demo writes its folder and starts git")]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use chrono::{DateTime, Duration, Utc};
use serde_yaml::Value;

use super::DemoError;
use crate::app::AppError;
use crate::app::init::Identity;
use applecart_core::apple::enrollment;
use applecart_core::model::{Sha256, Timestamp};
use applecart_io::vault::{Secret, seal};
use applecart_simulator::{
    Consent, Enrollment, Issued, Push, PushRequest, Running, SubjectKey, Tenant, TenantId, Vpp,
    VppRequest, WRITER_CLIENT_ID,
};

/// What the story needs to know of the fleet.
pub(super) struct Fleet {
    pub(super) repo: PathBuf,
    pub(super) key_file: PathBuf,
    pub(super) recipient: String,
}

/// One customer: a name, what people call it, and its situation.
struct Customer {
    name: &'static str,
    display: &'static str,
    situation: Situation,
}

enum Situation {
    /// Git has an enrollment token that was downloaded an hour ago: device sync is down.
    Enrollment,
    /// Git has the renewal of the VPP token.
    Vpp,
    /// Intune has the file in Git, which expires in this many days.
    InSync(i64),
    /// Git has the renewal of a certificate with this many days left.
    Renewal(i64),
    /// Git has the first certificate, and the customer consented.
    First,
    /// Watched only, with this many days left.
    Watched(i64),
    /// The application has no consent in the tenant.
    NoConsent,
}

const CUSTOMERS: [Customer; 12] = [
    Customer { name: "adatum", display: "Adatum Corporation", situation: Situation::First },
    Customer { name: "alpineski", display: "Alpine Ski House", situation: Situation::InSync(300) },
    Customer { name: "contoso", display: "Contoso Ltd", situation: Situation::Renewal(20) },
    Customer { name: "fabrikam", display: "Fabrikam GmbH", situation: Situation::InSync(40) },
    Customer { name: "fourthcoffee", display: "Fourth Coffee", situation: Situation::Watched(9) },
    Customer { name: "litware", display: "Litware Inc", situation: Situation::InSync(210) },
    Customer { name: "lucerne", display: "Lucerne Publishing", situation: Situation::Watched(160) },
    Customer { name: "northwind", display: "Northwind Traders", situation: Situation::Watched(-3) },
    Customer { name: "proseware", display: "Proseware SA", situation: Situation::Enrollment },
    Customer { name: "tailspin", display: "Tailspin Toys", situation: Situation::NoConsent },
    Customer { name: "trey", display: "Trey Research", situation: Situation::Watched(250) },
    Customer { name: "wingtip", display: "Wingtip Toys", situation: Situation::Vpp },
];

/// The tenant id of a customer: made up, the same in every demo.
pub(super) fn tenant_id(name: &str) -> Result<TenantId, AppError> {
    let digest = Sha256::of(name.as_bytes()).to_string();
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    format!("{}-{}-4{}-8{}-{}", part(0, 8), part(8, 12), part(13, 16), part(17, 20), part(20, 32))
        .parse()
        .map_err(DemoError::made)
}

/// Builds the repository, the keys and what the simulated Intune has.
pub(super) fn build(dir: &Path, simulator: &Running, now: Timestamp) -> Result<Fleet, AppError> {
    let identity = Identity::generate();
    let fleet = Fleet {
        repo: dir.join("fleet"),
        key_file: dir.join("fleet.agekey"),
        recipient: identity.recipient(),
    };
    identity.write(&fleet.key_file)?;
    write(
        &fleet.repo.join("applecart.yaml"),
        format!(
            "apiVersion: applecart/v1\nkind: Fleet\nauth:\n  clientId: {WRITER_CLIENT_ID}\n  credential: client-secret\nrecipients:\n  - {}\n",
            fleet.recipient
        )
        .as_bytes(),
    )?;
    for customer in &CUSTOMERS {
        add(&fleet, simulator, customer, now.date_time())?;
    }
    git(&fleet.repo, &["init", "--quiet", "--initial-branch=main"])?;
    // For the commits that `renew` makes; and this is a sample, so without the user's signing key.
    for (name, value) in [
        ("user.name", "Demo"),
        ("user.email", "demo@applecart.example"),
        ("commit.gpgSign", "false"),
        ("core.hooksPath", "/dev/null"),
        ("core.autocrlf", "false"),
    ] {
        git(&fleet.repo, &["config", name, value])?;
    }
    commit(&fleet.repo, "Twelve customers")?;
    Ok(fleet)
}

fn add(
    fleet: &Fleet,
    simulator: &Running,
    customer: &Customer,
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    let mut live = Tenant::new(tenant_id(customer.name)?);
    customer.display.clone_into(&mut live.display_name);
    let push = push(fleet, simulator, customer, &mut live, now)?;
    let mut enrollment =
        Enrollment::new(&format!("{} ABM", customer.display), now + Duration::days(200));
    enrollment.apple_identifier = format!("abm@{}.example", customer.name);
    enrollment.last_successful_sync_date_time = now - Duration::hours(6);
    enrollment.last_sync_triggered_date_time = now - Duration::hours(6);
    let mut vpp = Vpp::new("Head office", customer.display, now + Duration::days(140));
    vpp.apple_id = format!("vpp@{}.example", customer.name);
    vpp.last_sync_date_time = now - Duration::hours(6);
    match customer.situation {
        Situation::Enrollment => enrollment.token_expiration_date_time = now + Duration::days(12),
        Situation::Vpp => vpp.expiration_date_time = now + Duration::days(12),
        _ => {}
    }
    // Two customers with trouble that only health shows.
    match customer.name {
        "litware" => enrollment.last_sync_error_code = 3,
        "lucerne" => "invalid".clone_into(&mut vpp.state),
        _ => {}
    }
    let watched = (named(&enrollment.token_name), named(&vpp.display_name));
    let ids = (enrollment.id.clone(), vpp.id.clone());
    live.dep_onboarding_settings.push(enrollment);
    live.vpp_tokens.push(vpp);
    let id = live.tenant_id;
    simulator.state().add_tenant(live).map_err(DemoError::made)?;
    let (enrollment, vpp) = match customer.situation {
        Situation::Enrollment => {
            let issued = simulator
                .state()
                .download_enrollment(simulator.apple(), id, &ids.0, &Default::default())
                .map_err(DemoError::made)?;
            let downloaded = now - Duration::hours(1);
            let file = issued.file.as_bytes();
            (sealed_enrollment(fleet, customer, &ids.0, downloaded, file)?, watched.1)
        }
        Situation::Vpp => {
            let request = VppRequest {
                organization: customer.display.to_owned(),
                location: "Head office".to_owned(),
                expires: now + Duration::days(364),
            };
            let text = simulator.apple().vpp_token(&request);
            (watched.0, sealed_vpp(fleet, customer, &ids.1, request.expires, &text)?)
        }
        _ => watched,
    };
    write_tenant(fleet, customer, Entries { push, enrollment, vpp })
}

/// Gives the tenant in Intune its certificate; the push entry that goes with it.
fn push(
    fleet: &Fleet,
    simulator: &Running,
    customer: &Customer,
    live: &mut Tenant,
    now: DateTime<Utc>,
) -> Result<Value, AppError> {
    let apple_id = format!("mdm@{}.example", customer.name);
    let issue = |topic: Option<String>, left: i64| {
        let until = now + Duration::days(left);
        let request = PushRequest {
            topic,
            serial: None,
            not_before: until - Duration::days(365),
            not_after: Some(until),
            key: SubjectKey::Shared,
        };
        simulator.apple().issue(&request).map_err(DemoError::made)
    };
    let mut put = |certificate: &Issued| {
        live.apple_push_notification_certificate = Some(pushed(certificate, &apple_id));
    };
    let sealed = |certificate| sealed_push(fleet, customer.name, certificate, &apple_id);
    match customer.situation {
        Situation::InSync(left) => {
            let certificate = issue(None, left)?;
            put(&certificate);
            sealed(&certificate)
        }
        Situation::Renewal(left) => {
            let old = issue(None, left)?;
            put(&old);
            sealed(&issue(Some(old.topic), 364)?)
        }
        Situation::First => {
            live.data_sharing_consent = Consent { granted: false, ..Consent::default() };
            live.switches.require_consent = true;
            sealed(&issue(None, 364)?)
        }
        Situation::Watched(_) | Situation::Enrollment | Situation::Vpp => {
            let left = match customer.situation {
                Situation::Watched(left) => left,
                _ => 250,
            };
            let certificate = issue(None, left)?;
            put(&certificate);
            Ok(mapping(facts(&certificate, &apple_id)))
        }
        Situation::NoConsent => {
            live.apps.clear();
            Ok(mapping([("appleId", apple_id.as_str().into())]))
        }
    }
}

/// To whom Apple encrypted an enrollment token.
fn recipient(file: &[u8]) -> Result<Value, AppError> {
    let read = enrollment::read(file).token;
    match read.and_then(|token| token.recipients().into_iter().next()) {
        Some(enrollment::Recipient::IssuerAndSerial { issuer, serial }) => {
            Ok(mapping([("issuer", issuer.as_str().into()), ("serial", serial.to_string().into())]))
        }
        _ => Err(DemoError::NoRecipient.into()),
    }
}

/// What a tenant file says of the three kinds.
struct Entries {
    push: Value,
    enrollment: Value,
    vpp: Value,
}

fn named(name: &str) -> Value {
    mapping([("name", name.into())])
}

fn write_tenant(fleet: &Fleet, customer: &Customer, entries: Entries) -> Result<(), AppError> {
    let id = tenant_id(customer.name)?.to_string();
    let mut fields = vec![
        ("apiVersion", "applecart/v1".into()),
        ("kind", "Tenant".into()),
        ("name", customer.name.into()),
        ("displayName", customer.display.into()),
        ("tenantId", id.as_str().into()),
        ("labels", mapping([("ring", if customer.name < "g" { "pilot" } else { "broad" }.into())])),
    ];
    if matches!(customer.situation, Situation::First) {
        fields.push(("consent", mapping([("dataSharing", true.into())])));
    }
    fields.push(("push", entries.push));
    fields.push(("enrollment", Value::from(vec![entries.enrollment])));
    fields.push(("vpp", Value::from(vec![entries.vpp])));
    let text = serde_yaml::to_string(&mapping(fields)).map_err(DemoError::made)?;
    write(&folder(fleet, customer.name).join("tenant.yaml"), text.as_bytes())
}

fn facts(certificate: &Issued, apple_id: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("appleId", apple_id.into()),
        ("topic", certificate.topic.as_str().into()),
        ("serial", certificate.serial.as_str().into()),
        ("expires", Timestamp::new(certificate.not_after).to_string().into()),
    ]
}

/// Seals a certificate into the tenant's folder; the push entry that goes with it.
fn sealed_push(
    fleet: &Fleet,
    name: &str,
    certificate: &Issued,
    apple_id: &str,
) -> Result<Value, AppError> {
    let sha256 = seal_file(fleet, name, "push.pem.age", certificate.pem.as_bytes())?;
    let mut entry = facts(certificate, apple_id);
    entry.push(("file", "push.pem.age".into()));
    entry.push(("sha256", sha256.to_string().into()));
    Ok(mapping(entry))
}

/// Seals an enrollment token into the tenant's folder; the entry that goes with it.
fn sealed_enrollment(
    fleet: &Fleet,
    customer: &Customer,
    id: &str,
    downloaded: DateTime<Utc>,
    file: &[u8],
) -> Result<Value, AppError> {
    let sha256 = seal_file(fleet, customer.name, "abm.p7m.age", file)?;
    Ok(mapping([
        ("name", format!("{} ABM", customer.display).as_str().into()),
        ("id", id.into()),
        ("appleId", format!("abm@{}.example", customer.name).as_str().into()),
        ("downloaded", Timestamp::new(downloaded).to_string().into()),
        ("file", "abm.p7m.age".into()),
        ("sha256", sha256.to_string().into()),
        ("recipient", recipient(file)?),
    ]))
}

/// Seals a VPP token into the tenant's folder; the entry that goes with it.
fn sealed_vpp(
    fleet: &Fleet,
    customer: &Customer,
    id: &str,
    expires: DateTime<Utc>,
    text: &str,
) -> Result<Value, AppError> {
    let file = "head-office.vpptoken.age";
    let sha256 = seal_file(fleet, customer.name, file, text.as_bytes())?;
    Ok(mapping([
        ("name", "Head office".into()),
        ("id", id.into()),
        ("appleId", format!("vpp@{}.example", customer.name).as_str().into()),
        ("organization", customer.display.into()),
        ("location", "Head office".into()),
        ("automaticallyUpdateApps", true.into()),
        ("expires", Timestamp::new(expires).to_string().into()),
        ("file", file.into()),
        ("sha256", sha256.to_string().into()),
    ]))
}

/// Seals a file into the tenant's folder.
fn seal_file(fleet: &Fleet, name: &str, file: &str, bytes: &[u8]) -> Result<Sha256, AppError> {
    let sealed = seal(&Secret::new(bytes.to_vec()), std::slice::from_ref(&fleet.recipient))
        .map_err(DemoError::made)?;
    write(&folder(fleet, name).join(file), &sealed)?;
    Ok(Sha256::of(bytes))
}

/// Puts another certificate into a tenant's folder and file, as an admin would, and commits it.
pub(super) fn replace_certificate(
    fleet: &Fleet,
    name: &str,
    certificate: &Issued,
    message: &str,
) -> Result<(), AppError> {
    let entry = sealed_push(fleet, name, certificate, &format!("mdm@{name}.example"))?;
    let path = folder(fleet, name).join("tenant.yaml");
    let text = std::fs::read_to_string(&path).map_err(AppError::file(&path, "read"))?;
    let mut tenant: serde_yaml::Mapping = serde_yaml::from_str(&text).map_err(DemoError::made)?;
    tenant.insert("push".into(), entry);
    let text = serde_yaml::to_string(&tenant).map_err(DemoError::made)?;
    write(&path, text.as_bytes())?;
    commit(&fleet.repo, message)
}

fn pushed(certificate: &Issued, apple_id: &str) -> Push {
    Push {
        apple_identifier: apple_id.to_owned(),
        topic_identifier: certificate.topic.clone(),
        certificate_serial_number: certificate.serial.clone(),
        expiration_date_time: certificate.not_after,
        certificate_upload_failure_reason: None,
    }
}

fn mapping(fields: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    Value::Mapping(fields.into_iter().map(|(key, value)| (Value::from(key), value)).collect())
}

fn folder(fleet: &Fleet, name: &str) -> PathBuf {
    fleet.repo.join("tenants").join(name)
}

pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), AppError> {
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(AppError::file(parent, "make"))?;
    }
    std::fs::write(path, bytes).map_err(AppError::file(path, "write"))
}

pub(super) fn commit(repo: &Path, message: &str) -> Result<(), AppError> {
    git(repo, &["add", "--all"])?;
    git(repo, &["commit", "--quiet", "--message", message])
}

/// Runs git in the sample, with what the sample's own configuration says.
pub(super) fn git(repo: &Path, arguments: &[&str]) -> Result<(), AppError> {
    let status = Command::new("git")
        .current_dir(repo)
        .args(arguments)
        .stdin(Stdio::null())
        .status()
        .map_err(AppError::file(Path::new("git"), "start"))?;
    if status.success() { Ok(()) } else { Err(DemoError::Git(arguments.join(" ")).into()) }
}
