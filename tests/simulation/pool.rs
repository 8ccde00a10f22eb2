//! The credentials that seeds choose from: made and sealed once for all of them, because keys and
//! sealing are dear.

use std::collections::BTreeMap;
use std::sync::Arc;

use age::secrecy::ExposeSecret as _;
use applecart_core::model::{Sha256, Timestamp};
use applecart_io::vault::{Secret, seal};
use applecart_simulator::{
    Enrollment, EnrollmentRequest, InProcess, Push, PushRequest, Simulator, StateError, Tenant,
    Vpp, VppRequest,
};
use base64::Engine as _;
use chrono::{DateTime, Duration, Utc};
use git2::Repository;
use uuid::Uuid;

pub(crate) const TENANTS: usize = 4;
pub(crate) const ORIGIN: &str = "https://graph.example";
/// When every world begins.
pub(crate) const START: &str = "2026-11-20T10:00:00Z";

/// One entry of a tenant file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Slot {
    Push,
    Abm,
    London,
    /// A VPP token that Intune does not have at first.
    Paris,
}

impl Slot {
    pub(crate) const ALL: [Self; 4] = [Self::Push, Self::Abm, Self::London, Self::Paris];

    pub(crate) fn kind(self) -> &'static str {
        match self {
            Self::Push => "push",
            Self::Abm => "enrollment",
            Self::London | Self::Paris => "vpp",
        }
    }
}

/// A file as Apple hands it out.
pub(crate) struct Credential {
    /// What the journal calls it: tenant and role, the same in every process.
    pub(crate) name: String,
    pub(crate) slot: Slot,
    pub(crate) role: &'static str,
    /// For which tenant it was made.
    pub(crate) owner: usize,
    pub(crate) expires: DateTime<Utc>,
    /// Of a push certificate.
    pub(crate) topic: Option<String>,
    pub(crate) serial: Option<String>,
    pub(crate) downloaded: Option<DateTime<Utc>>,
    /// Of a VPP token: organisation and location that are stated of it.
    place: (String, String),
    pub(crate) text: String,
    /// How it looks in a request, without line ends.
    pub(crate) wire: String,
    pub(crate) sha256: String,
    /// Its sealed file in the store.
    pub(crate) blob: git2::Oid,
}

/// Everything that is made once.
pub(crate) struct Pool {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) store: std::path::PathBuf,
    pub(crate) key: String,
    pub(crate) recipient: String,
    pub(crate) before: Vec<Tenant>,
    pub(crate) credentials: Vec<Arc<Credential>>,
    pub(crate) names: BTreeMap<String, String>,
}

pub(crate) fn tenant_id(tenant: usize) -> Uuid {
    Uuid::from_u128(0x6d1f_0c5e_0000_4000_8000_0000_0000_0000 + tenant as u128)
}

pub(crate) fn tenant_name(tenant: usize) -> String {
    format!("tenant-{tenant}")
}

pub(crate) fn start() -> DateTime<Utc> {
    START.parse().unwrap()
}

/// Which files of which kind there are for every tenant, and when they end, in days.
const PUSH: [(&str, i64); 9] = [
    ("live", 20),
    ("new", 364),
    ("newer", 380),
    ("old", 10),
    ("topic", 364),
    ("expired", -1),
    ("future", 400),
    ("kind", 364),
    ("last", 420),
];
const VPP: [(&str, i64); 9] = [
    ("live", 20),
    ("new", 364),
    ("newer", 370),
    ("old", 10),
    ("place", 364),
    ("organization", 364),
    ("expired", -1),
    ("facts", 364),
    ("last", 420),
];
/// When an enrollment token is downloaded, in minutes after the start.
const ABM: [(&str, i64); 5] = [
    ("new", -30),
    ("newer", 600),
    ("other-key", -30),
    ("ageless", -20),
    ("last", LAST_DAY * 24 * 60),
];

/// The day on which the last files are downloaded, those that end every trouble. Few worlds last longer.
pub(crate) const LAST_DAY: i64 = 230;

/// A folder that is memory where the system has such.
pub(crate) fn in_memory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

impl Pool {
    pub(crate) fn new() -> Self {
        let folder = in_memory();
        let store = folder.path().join("store");
        let repo = Repository::init_bare(&store).unwrap();
        let identity = age::x25519::Identity::generate();
        let recipient = identity.to_public().to_string();
        let simulator = Simulator::in_process(ORIGIN, start()).unwrap();
        let topics: Vec<String> = (0..TENANTS).map(|tenant| topic(tenant, 0)).collect();
        for (tenant, topic) in topics.iter().enumerate() {
            simulator.state().add_tenant(at_first(&simulator, tenant, topic)).unwrap();
        }
        let mut credentials = Vec::new();
        for (tenant, topic) in topics.iter().enumerate() {
            let made = Maker { simulator: &simulator, repo: &repo, recipient: &recipient, tenant };
            credentials.extend(made.all(topic).into_iter().map(Arc::new));
        }
        let before = (0..TENANTS)
            .map(|tenant| {
                let id = tenant_id(tenant);
                let forget = |tenant: &mut Tenant| {
                    for setting in &mut tenant.dep_onboarding_settings {
                        setting.token_at_apple = None;
                    }
                    Ok::<_, StateError>(())
                };
                simulator.state().change(id, forget).unwrap();
                simulator.state().tenant(id).unwrap()
            })
            .collect();
        let names = credentials.iter().map(|one| (one.sha256.clone(), one.name.clone())).collect();
        let key = identity.to_string().expose_secret().to_owned();
        Self { folder, store, key, recipient, before, credentials, names }
    }

    pub(crate) fn find(&self, tenant: usize, slot: Slot, role: &str) -> Option<&Arc<Credential>> {
        self.credentials
            .iter()
            .find(|one| one.owner == tenant && one.slot == slot && one.role == role)
    }
}

pub(crate) fn topic(tenant: usize, number: usize) -> String {
    format!("com.apple.mgmt.External.0000{number}{tenant}00-0000-4000-8000-000000000000")
}

/// What Intune has before anything happens.
fn at_first(simulator: &InProcess, tenant: usize, topic: &str) -> Tenant {
    let days = |days| start() + Duration::days(days);
    let request = PushRequest::new(days(20 - 365));
    let request = PushRequest {
        topic: Some(topic.to_owned()),
        serial: Some(serial(tenant, 0)),
        not_after: Some(days(20)),
        ..request
    };
    let old = simulator.apple().issue(&request).unwrap();
    let mut made = Tenant::new(tenant_id(tenant));
    made.apple_push_notification_certificate = Some(Push {
        apple_identifier: format!("mdm@{}.example", tenant_name(tenant)),
        topic_identifier: old.topic,
        certificate_serial_number: old.serial,
        expiration_date_time: old.not_after,
        certificate_upload_failure_reason: None,
    });
    made.dep_onboarding_settings = vec![Enrollment {
        id: format!("dep-{tenant}"),
        apple_identifier: "abm@contoso.example".to_owned(),
        ..Enrollment::new("ABM", days(20))
    }];
    made.vpp_tokens = vec![Vpp {
        id: format!("vpp-{tenant}"),
        apple_id: "vpp@contoso.example".to_owned(),
        ..Vpp::new("London", &organization(tenant), days(20))
    }];
    made
}

pub(crate) fn organization(tenant: usize) -> String {
    format!("Contoso {tenant} Ltd")
}

fn serial(tenant: usize, number: usize) -> [u8; 8] {
    [0x21, 0xae, 0x70, 0x3e, 0xb7, 0xc7, tenant as u8, number as u8]
}

struct Maker<'a> {
    simulator: &'a InProcess,
    repo: &'a Repository,
    recipient: &'a str,
    tenant: usize,
}

impl Maker<'_> {
    fn all(&self, topic_of: &str) -> Vec<Credential> {
        let push = PUSH.iter().enumerate();
        let push = push.map(|(number, &(role, days))| self.push(topic_of, number, role, days));
        let abm = ABM.iter().map(|&(role, minutes)| self.abm(role, minutes));
        let vpp = VPP.iter().map(|&(role, days)| self.vpp(Slot::London, role, days));
        let paris = self.vpp(Slot::Paris, "new", 364);
        push.chain(abm).chain(vpp).chain([paris]).collect()
    }

    fn push(&self, topic_of: &str, number: usize, role: &'static str, days: i64) -> Credential {
        let until = start() + Duration::days(days);
        let begin = match role {
            "future" => start() + Duration::days(35),
            _ => (until - Duration::days(365)).min(start() - Duration::days(1)),
        };
        let other = (role == "topic").then(|| topic(self.tenant, 7));
        let request = PushRequest {
            topic: Some(other.unwrap_or_else(|| topic_of.to_owned())),
            serial: Some(serial(self.tenant, number)),
            not_after: Some(until),
            ..PushRequest::new(begin)
        };
        let issued = self.simulator.apple().issue(&request).unwrap();
        // What is named a certificate, and is none.
        let text = match role {
            "kind" => self.vpp(Slot::London, "kind", days).text,
            _ => issued.pem,
        };
        Credential {
            topic: Some(issued.topic),
            serial: Some(issued.serial),
            ..self.credential(Slot::Push, role, until, text)
        }
    }

    fn abm(&self, role: &'static str, minutes: i64) -> Credential {
        let at = start() + Duration::minutes(minutes);
        let to = if role == "other-key" { (self.tenant + 1) % TENANTS } else { self.tenant };
        let state = self.simulator.state();
        state.set_clock(Some(at));
        let request = EnrollmentRequest::default();
        let issued = state
            .download_enrollment(
                self.simulator.apple(),
                tenant_id(to),
                &format!("dep-{to}"),
                &request,
            )
            .unwrap();
        state.set_clock(Some(start()));
        let wire = base64::engine::general_purpose::STANDARD.encode(&issued.file);
        let downloaded = (role != "ageless").then_some(at);
        Credential {
            wire,
            downloaded,
            ..self.credential(Slot::Abm, role, issued.expires, issued.file)
        }
    }

    fn vpp(&self, slot: Slot, role: &'static str, days: i64) -> Credential {
        let expires = start() + Duration::days(days);
        let organization = match role {
            "organization" => "Fabrikam Ltd".to_owned(),
            _ => organization(self.tenant),
        };
        let location = match (slot, role) {
            (Slot::Paris, _) => "Paris",
            (_, "place") => "Rome",
            _ => "London",
        };
        let text = self.simulator.apple().vpp_token(&VppRequest {
            organization: organization.clone(),
            location: location.to_owned(),
            expires,
        });
        let stated = if slot == Slot::Paris { "Paris" } else { "London" };
        let place = (organization, stated.to_owned());
        // Not what the file says.
        let expires = if role == "facts" { expires + Duration::days(3) } else { expires };
        Credential { place, ..self.credential(slot, role, expires, text) }
    }

    fn credential(
        &self,
        slot: Slot,
        role: &'static str,
        expires: DateTime<Utc>,
        text: String,
    ) -> Credential {
        let sealed = seal(&Secret::new(text.clone().into_bytes()), &[self.recipient.to_owned()]);
        Credential {
            name: format!("{slot:?}-{role} of {}", self.tenant).to_lowercase(),
            slot,
            role,
            owner: self.tenant,
            expires,
            topic: None,
            serial: None,
            downloaded: None,
            place: Default::default(),
            wire: text.replace(['\r', '\n'], ""),
            sha256: Sha256::of(text.as_bytes()).to_string(),
            blob: self.repo.blob(&sealed.unwrap()).unwrap(),
            text,
        }
    }
}

impl Credential {
    /// Its lines in the entry of a tenant file.
    pub(crate) fn stated(&self, file: &str) -> String {
        let expires = Timestamp::new(self.expires);
        let mut text = format!("    file: {file}\n    sha256: {}\n", self.sha256);
        match self.slot {
            Slot::Push => {
                let (topic, serial) = (self.topic.as_deref(), self.serial.as_deref());
                text.push_str(&format!(
                    "    topic: {}\n    serial: '{}'\n    expires: {expires}\n",
                    topic.unwrap(),
                    serial.unwrap()
                ));
            }
            Slot::Abm => {
                if let Some(at) = self.downloaded {
                    text.push_str(&format!("    downloaded: {}\n", Timestamp::new(at)));
                }
            }
            Slot::London | Slot::Paris => {
                let (organization, location) = &self.place;
                text.push_str(&format!(
                    "    organization: {organization}\n    location: {location}\n    expires: {expires}\n"
                ));
            }
        }
        text
    }

    /// The reviewed line that releases the one hold that a file of this role has.
    pub(crate) fn allowed(&self, live_topic: &str) -> Option<String> {
        let (hold, from, to) = match (self.slot, self.role) {
            (Slot::Push, "topic") => ("topic-change", live_topic.to_owned(), self.topic.clone()?),
            (Slot::London, "organization") => {
                ("organization-differs", organization(self.owner), self.place.0.clone())
            }
            (Slot::Abm, "ageless") => {
                ("age-unknown", "2026-12-10T10:00:00Z".to_owned(), self.sha256.clone())
            }
            _ => return None,
        };
        Some(permits(hold, &from, &to))
    }

    /// The reviewed lines that a person writes who knows what Intune has, and that this file is right.
    pub(crate) fn released(&self, live: &Tenant) -> Vec<String> {
        let differs = |hold, live: &str, own: &str| (live != own).then(|| permits(hold, live, own));
        match self.slot {
            Slot::Push => {
                let live = live.apple_push_notification_certificate.as_ref();
                let own = self.topic.as_deref().unwrap_or_default();
                live.and_then(|live| differs("topic-change", &live.topic_identifier, own))
                    .into_iter()
                    .collect()
            }
            Slot::Abm => Vec::new(),
            Slot::London | Slot::Paris => {
                let (organization, location) = &self.place;
                let Some(live) = live.vpp_tokens.iter().find(|one| one.id.starts_with("vpp-"))
                else {
                    return Vec::new();
                };
                let organization =
                    differs("organization-differs", &live.organization_name, organization);
                let location = differs("wrong-location", &live.location_name, location);
                organization.into_iter().chain(location).collect()
            }
        }
    }
}

fn permits(hold: &str, from: &str, to: &str) -> String {
    format!(
        "      - {{hold: {hold}, from: '{from}', to: '{to}', reason: agreed, until: 2027-12-31}}\n"
    )
}
