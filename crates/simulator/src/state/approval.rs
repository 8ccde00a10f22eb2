//! Multi admin approval: writes that wait for a second admin.

use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use uuid::Uuid;

use super::{PortalError, State, Tenant};
use crate::message::Call;
use crate::words::TenantId;

/// A write that waits for, or has, a second admin's approval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Approval {
    /// What the client sends along when it asks again.
    pub code: String,
    /// Whether it is given.
    pub approved: bool,
    /// SHA-256 in hex of method, path and body: it is for this request and no other.
    pub request_sha256: String,
}

fn digest(call: &Call) -> String {
    let head = format!("{} {}\n", call.method, call.path);
    hex::encode(sha2::Sha256::digest([head.as_bytes(), &call.body].concat()))
}

impl Tenant {
    /// Files a request; the same one gets the same code.
    pub(crate) fn ask_approval(&mut self, call: &Call) -> String {
        let request_sha256 = digest(call);
        if let Some(known) = self.approvals.iter().find(|it| it.request_sha256 == request_sha256) {
            return known.code.clone();
        }
        let code = Uuid::new_v4().to_string();
        self.approvals.push(Approval { code: code.clone(), approved: false, request_sha256 });
        code
    }

    /// Whether this very request was approved under this code.
    pub(crate) fn is_approved(&self, call: &Call, code: &str) -> bool {
        let request = digest(call);
        self.approvals
            .iter()
            .any(|it| it.approved && it.code == code && it.request_sha256 == request)
    }
}

impl State {
    /// A second admin approves a request.
    pub fn approve(&self, tenant: impl Into<TenantId>, code: &str) -> Result<(), PortalError> {
        self.change(tenant, |tenant| {
            let approval = tenant.approvals.iter_mut().find(|approval| approval.code == code);
            approval.ok_or_else(|| PortalError::NoToken(code.to_owned()))?.approved = true;
            Ok(())
        })
    }
}
