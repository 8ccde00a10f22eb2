//! Everything the simulated world remembers: tenants, access tokens, the journal, faults, time.
//!
//! Tenants are locked one by one, so thousands of them do not wait for each other. With a folder,
//! a changed tenant is written to its own file at once, and a restart goes on from there; access
//! tokens are not kept, so clients sign in again, as they must at any time. Without a folder
//! nothing touches the disk.

mod approval;
mod books;
mod claims;
mod disk;
mod enrollment;
mod portal;
mod snapshot;
mod switches;
mod tenant;
mod upload;
mod vpp;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use chrono::{DateTime, Duration, Utc};
use uuid::Uuid;

use super::clock::Clock;
use super::fault::{FaultRule, Faults};
use super::journal::{Counters, Journal, LoggedRequest, Violation};
use super::login::SignIns;
use super::signing::{SigningError, Vendor};
use crate::words::TenantId;
use disk::Disk;

pub use approval::Approval;
use books::Books;
pub use books::{Location, location_id};
pub(super) use claims::{Claims, Permissions};
pub(super) use enrollment::Renewal;
pub use enrollment::{Enrollment, EnrollmentLag};
pub(super) use portal::push_from;
pub use portal::{PortalError, PortalUpload};
pub use switches::{
    ApprovalPolicy, DepEncoding, HeldElsewhereAnswer, PublicKeyForm, Switches, VppEncoding,
};
pub(super) use tenant::never;
pub use tenant::{
    AppRegistration, Consent, Customer, FederatedCredential, Push, READER_CLIENT_ID, READER_SECRET,
    Tenant, WRITER_CLIENT_ID, WRITER_SECRET,
};
pub(super) use upload::Incoming;
pub use upload::{Upload, Via};
pub(super) use vpp::HeldElsewhere;
pub use vpp::{Vpp, VppLag};

/// The state could not be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    #[error("cannot use {}", path.display())]
    File { path: PathBuf, source: io::Error },
    #[error("{} is not a file of the simulator", path.display())]
    Content { path: PathBuf, source: serde_json::Error },
    #[error("cannot write as JSON")]
    Json(#[from] serde_json::Error),
    #[error("no simulated tenant {0}")]
    NoTenant(TenantId),
    #[error(transparent)]
    Signing(#[from] SigningError),
}

/// What an access token stands for.
#[derive(Clone, Debug)]
pub(super) struct Grant {
    pub(super) tenant: TenantId,
    pub(super) roles: Arc<[String]>,
    expires: DateTime<Utc>,
}

/// Why an access token opens nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoGrant {
    Unknown,
    Expired,
}

#[derive(Debug)]
pub struct State {
    tenants: RwLock<HashMap<TenantId, Arc<Mutex<Tenant>>>>,
    grants: RwLock<HashMap<String, Grant>>,
    disk: Option<Disk>,
    clock: Clock,
    reads: AtomicU64,
    pub(super) journal: Journal,
    pub(super) faults: Faults,
    /// Sign-ins of people that have begun, and what they go on with.
    pub(super) sign_ins: Mutex<SignIns>,
    /// Who signs requests for Apple; made when the first is asked for.
    vendor: Mutex<Option<Vendor>>,
    /// What Apple knows beside what tenants have.
    books: Mutex<Books>,
}

impl State {
    /// Opens the state in `folder`, or one in memory only; `now` freezes the clock.
    pub fn open(folder: Option<&Path>, now: Option<DateTime<Utc>>) -> Result<Self, StateError> {
        let disk = folder.map(Disk::open).transpose()?;
        let tenants = match &disk {
            Some(disk) => disk.tenants()?,
            None => Vec::new(),
        };
        let journal = Journal::new(disk.as_ref().map(Disk::audit).transpose()?);
        Ok(Self {
            tenants: RwLock::new(
                tenants
                    .into_iter()
                    .map(|tenant| (tenant.tenant_id, Arc::new(Mutex::new(tenant))))
                    .collect(),
            ),
            grants: RwLock::default(),
            disk,
            clock: Clock::new(now),
            reads: AtomicU64::new(0),
            journal,
            faults: Faults::new(),
            sign_ins: Mutex::default(),
            vendor: Mutex::default(),
            books: Mutex::default(),
        })
    }

    /// The vendor that signs requests for Apple: the same for all tenants, and after a restart.
    pub(super) fn vendor(&self) -> Result<Vendor, StateError> {
        let mut vendor = self.vendor.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(vendor) = &*vendor {
            return Ok(vendor.clone());
        }
        let opened = match &self.disk {
            Some(disk) => disk.vendor(self.now())?,
            None => Vendor::new(self.now())?,
        };
        Ok(vendor.insert(opened).clone())
    }

    /// The time as the simulator sees it.
    pub fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    /// Freezes the clock at `at`, or lets it follow the machine's.
    pub fn set_clock(&self, at: Option<DateTime<Utc>>) {
        self.clock.set(at);
    }

    /// Adds a tenant, or replaces the one with the same id.
    pub fn add_tenant(&self, tenant: Tenant) -> Result<(), StateError> {
        self.save(&tenant)?;
        let id = tenant.tenant_id;
        self.tenants
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(id, Arc::new(Mutex::new(tenant)));
        Ok(())
    }

    /// The ids of all tenants, sorted.
    pub fn tenants(&self) -> Vec<TenantId> {
        let tenants = self.tenants.read().unwrap_or_else(PoisonError::into_inner);
        let mut ids: Vec<_> = tenants.keys().copied().collect();
        ids.sort_unstable();
        ids
    }

    /// A copy of a tenant as it is now.
    pub fn tenant(&self, id: impl Into<TenantId>) -> Option<Tenant> {
        self.look(id, Tenant::clone)
    }

    /// Reads something off a tenant without copying all of it.
    pub fn look<T>(&self, id: impl Into<TenantId>, view: impl FnOnce(&Tenant) -> T) -> Option<T> {
        let tenant = self.entry(id.into())?;
        let tenant = tenant.lock().unwrap_or_else(PoisonError::into_inner);
        Some(view(&tenant))
    }

    /// Changes a tenant; nothing changes where `change` fails or the disk does.
    pub fn change<T, E: From<StateError>>(
        &self,
        id: impl Into<TenantId>,
        change: impl FnOnce(&mut Tenant) -> Result<T, E>,
    ) -> Result<T, E> {
        let id = id.into();
        let entry = self.entry(id).ok_or(StateError::NoTenant(id))?;
        let mut tenant = entry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut next = tenant.clone();
        let answer = change(&mut next)?;
        self.save(&next)?;
        *tenant = next;
        Ok(answer)
    }

    /// Sets or removes a push certificate behind everybody's back.
    pub fn set_push(&self, id: impl Into<TenantId>, push: Option<Push>) -> Result<(), StateError> {
        self.change(id, |tenant| {
            tenant.apple_push_notification_certificate = push;
            Ok(())
        })
    }

    /// What Intune does by itself every night: it asks Apple about every token of a tenant.
    pub fn sync_with_apple(&self, id: impl Into<TenantId>) -> Result<(), StateError> {
        let now = self.now();
        self.change(id, |tenant| {
            for setting in &mut tenant.dep_onboarding_settings {
                setting.sync(now);
            }
            for vpp in &mut tenant.vpp_tokens {
                vpp.sync(now);
            }
            Ok(())
        })
    }

    /// All uploads into a tenant, oldest first.
    pub fn uploads(&self, id: impl Into<TenantId>) -> Vec<Upload> {
        self.look(id, |tenant| tenant.uploads.clone()).unwrap_or_default()
    }

    pub fn add_fault(&self, rule: FaultRule) {
        self.faults.add(rule);
    }

    /// Removes all faults and closes the connections of requests that hang.
    pub fn clear_faults(&self) {
        self.faults.clear();
    }

    /// The latest requests, oldest first; parts of a `$batch` stand before it.
    pub fn requests(&self) -> Vec<LoggedRequest> {
        self.journal.requests()
    }

    /// How much has happened.
    pub fn counters(&self) -> Counters {
        self.journal.counters()
    }

    /// How many writes were carried out.
    pub fn writes(&self) -> u64 {
        self.counters().writes
    }

    /// Requests that no careful client ever sends.
    pub fn violations(&self) -> Vec<Violation> {
        self.journal.violations()
    }

    /// Forgets requests, counters and violations; the tenants stay.
    pub fn clear_journal(&self) {
        self.journal.clear();
    }

    /// A number that is different on every call, for what drifts on every read.
    pub(super) fn next_read(&self) -> u64 {
        self.reads.fetch_add(1, Ordering::Relaxed)
    }

    /// An access token in the form that Entra gives Graph's: a JWT, whose signature here is a random
    /// number that begins so that a test can look for it in logs.
    pub(super) fn grant(&self, claims: &Claims<'_>, seconds: i64) -> String {
        let now = self.now();
        let expires = now + Duration::seconds(seconds);
        // 244 random bits.
        let (one, two) = (Uuid::new_v4().simple(), Uuid::new_v4().simple());
        let token = format!("{}.simulated-access-token-{one}{two}", claims.unsigned(now, expires));
        let roles = claims.permissions.all();
        let grant = Grant { tenant: claims.tenant, roles: roles.into(), expires };
        let mut grants = self.grants.write().unwrap_or_else(PoisonError::into_inner);
        // Long-running simulators would otherwise collect every token ever issued.
        if grants.len() >= 1024 && grants.len().is_power_of_two() {
            grants.retain(|_, grant| grant.expires > now);
        }
        grants.insert(token.clone(), grant);
        token
    }

    pub(super) fn granted(&self, token: &str) -> Result<Grant, NoGrant> {
        let grants = self.grants.read().unwrap_or_else(PoisonError::into_inner);
        let grant = grants.get(token).ok_or(NoGrant::Unknown)?;
        if grant.expires <= self.now() { Err(NoGrant::Expired) } else { Ok(grant.clone()) }
    }

    /// Lets an access token expire before its time.
    pub(super) fn expire(&self, token: &str) {
        let mut grants = self.grants.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(grant) = grants.get_mut(token) {
            grant.expires = DateTime::<Utc>::MIN_UTC;
        }
    }

    fn entry(&self, id: TenantId) -> Option<Arc<Mutex<Tenant>>> {
        self.tenants.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    fn save(&self, tenant: &Tenant) -> Result<(), StateError> {
        self.disk.as_ref().map_or(Ok(()), |disk| disk.save(tenant))
    }
}
