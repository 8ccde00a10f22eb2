//! What works around a fleet and what does not: the machine, the repository, the keys, and each
//! tenant's sign-in, with the next step for everything that failed.

mod human;
mod tenants;
#[cfg(test)]
mod tests;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Problem, ProblemCode, TenantId, Timestamp};
use crate::plan::FORMAT_VERSION;
use crate::words::kebab_enum;

pub use human::doctor_human;
use tenants::tenant_checks;

kebab_enum! {
    /// What is looked at.
    Area {
        /// The user's own `git`, the repository and the planned revision.
        Git => "git",
        /// The remote, and the revision that the policy is read from.
        Remote => "remote",
        /// The files of the fleet.
        Fleet => "fleet",
        /// Who signed the planned commit, and what the ledger is signed with.
        Signatures => "signatures",
        Ledger => "ledger",
        /// The keys that open token files.
        Identities => "identities",
        /// Who is told what needs a person: whether their secrets are at hand.
        Sinks => "sinks",
        /// This machine's clock against Graph's.
        Clock => "clock",
        /// Signing in to the tenants.
        SignIn => "sign-in",
        /// What the application may read there.
        Permissions => "permissions",
        Licence => "licence",
        /// Everything else that Graph can answer with.
        Graph => "graph",
        /// The customers' consent to sharing data with Apple, for first push certificates.
        Consent => "consent",
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CheckState {
    /// It works as it should.
    Ok,
    /// Works, and is worth a look.
    Warning,
    /// Failed; the next step is given.
    Failed,
    /// Not checked, because something before it failed or there was nothing to check.
    NotChecked,
}

/// Tenants with the same trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Trouble {
    pub code: ProblemCode,
    /// The missing Graph permission.
    pub permission: Option<String>,
    pub tenants: Vec<String>,
    /// What the first of them was told.
    pub detail: Option<String>,
    /// What to do, for the first of them.
    pub next: Vec<String>,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Check {
    pub area: Area,
    pub state: CheckState,
    pub text: String,
    /// What to do next.
    pub next: Vec<String>,
    /// The tenants with trouble, grouped by it.
    pub troubles: Vec<Trouble>,
}

impl Check {
    /// A check without tenants.
    pub fn new(area: Area, state: CheckState, text: impl Into<String>) -> Self {
        Self { area, state, text: text.into(), next: Vec::new(), troubles: Vec::new() }
    }

    /// The same with a next step.
    #[must_use]
    pub fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next.push(next.into());
        self
    }
}

/// What was found of the customer's consent to sharing data with Apple.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ConsentState {
    /// An administrator gave it in Intune.
    Granted,
    /// Not given in Intune; the tenant's file gives it, so `apply` does.
    InFile,
    /// Not given: the first push certificate will be held.
    Missing,
    /// It could not be read.
    Unknown,
    /// Not needed: there is a push certificate, or no file to upload.
    NotNeeded,
}

/// What was found of one tenant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct TenantHealth {
    pub name: String,
    pub tenant_id: TenantId,
    /// What could not be read, and why.
    pub problems: Vec<Problem>,
    /// Where an administrator of the tenant consents to the application.
    pub consent_link: Option<String>,
    /// The customer's consent to sharing data with Apple.
    pub data_sharing: ConsentState,
    /// Seconds by which Microsoft's clock is ahead, by Graph's answer or Entra's; `null` when neither told.
    pub clock_skew: Option<i64>,
}

/// Counts over a [`Doctor`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DoctorSummary {
    pub ok: usize,
    /// Checks that work, and are worth a look.
    pub warnings: usize,
    /// Checks that failed; a single one makes the exit code 3.
    pub failed: usize,
    /// Checks that could not be made.
    pub not_checked: usize,
    /// Tenants that were looked at.
    pub tenants: usize,
    /// Those where no sign-in worked.
    pub sign_in_failed: usize,
}

/// The machine output of `doctor`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Doctor {
    pub format_version: String,
    /// Version of the program.
    pub applecart: String,
    pub generated_at: Timestamp,
    /// What was looked at.
    pub checks: Vec<Check>,
    /// Every selected tenant that was asked.
    pub tenants: Vec<TenantHealth>,
    pub summary: DoctorSummary,
}

impl Doctor {
    /// The whole, of what was looked at around the tenants and of the tenants.
    pub fn new(now: Timestamp, mut checks: Vec<Check>, tenants: Vec<TenantHealth>) -> Self {
        checks.extend(tenant_checks(&tenants));
        let count = |state| checks.iter().filter(|check| check.state == state).count();
        let summary = DoctorSummary {
            ok: count(CheckState::Ok),
            warnings: count(CheckState::Warning),
            failed: count(CheckState::Failed),
            not_checked: count(CheckState::NotChecked),
            tenants: tenants.len(),
            sign_in_failed: tenants.iter().filter(|tenant| tenant.sign_in_failed()).count(),
        };
        Self {
            format_version: FORMAT_VERSION.to_owned(),
            applecart: env!("CARGO_PKG_VERSION").to_owned(),
            generated_at: now,
            checks,
            tenants,
            summary,
        }
    }
}

impl TenantHealth {
    fn sign_in_failed(&self) -> bool {
        self.problems.iter().any(|problem| problem.code.is_sign_in())
    }
}
