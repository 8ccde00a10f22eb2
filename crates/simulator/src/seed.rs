//! Tenants to begin with: from a file, or any number of made-up ones.

use chrono::{DateTime, Duration, Utc};
use serde::{Deserialize, Serialize};
use sha2::Digest as _;
use uuid::Uuid;

use super::fault::FaultRule;
use super::state::{Enrollment, Push, Tenant, Vpp};

/// The content of a `simulate --seed FILE`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Seed {
    /// Tenants, each with what it has.
    pub tenants: Vec<Tenant>,
    /// As many tenants as [`seed_fleet`] makes up.
    pub fleet: usize,
    /// Faults from the start.
    pub faults: Vec<FaultRule>,
}

/// Makes up `count` tenants, each with one push certificate, one enrollment token and two VPP
/// tokens. The same number gives the same ids and facts; expiries are spread over the year after
/// `now`.
pub fn seed_fleet(count: usize, now: DateTime<Utc>) -> Vec<Tenant> {
    (0..count).filter_map(|number| seed_tenant(number, now)).collect()
}

fn seed_tenant(number: usize, now: DateTime<Utc>) -> Option<Tenant> {
    let id = |what: &str| made_up(&format!("{what} of tenant {number}"));
    let day = i64::try_from(number % 365).unwrap_or_default();
    let expires = now + Duration::days(day) + Duration::hours(1);
    let name = format!("Tenant {number:05}");
    let [a, b, c, d, e, f, g, h, ..] = *id("push serial").as_bytes();
    let serial = [a & 0x7F, b, c, d, e, f, g, h];
    let mut enrollment = Enrollment::new(&format!("{name} ABM"), expires);
    enrollment.id = id("enrollment").to_string();
    enrollment.apple_identifier = format!("abm@tenant{number:05}.example");
    let vpp = |location: &str| {
        let mut vpp = Vpp::new(location, &name, expires);
        vpp.id = id(location).to_string();
        vpp.apple_id = format!("vpp@tenant{number:05}.example");
        vpp
    };
    let mut tenant = Tenant::new(id("directory"));
    tenant.apple_push_notification_certificate = Some(Push {
        apple_identifier: format!("mdm@tenant{number:05}.example"),
        topic_identifier: format!("com.apple.mgmt.External.{}", id("topic")),
        certificate_serial_number: hex::encode_upper(serial),
        expiration_date_time: expires,
        certificate_upload_failure_reason: None,
    });
    tenant.dep_onboarding_settings = vec![enrollment];
    tenant.vpp_tokens = vec![vpp("London"), vpp("Paris")];
    tenant.display_name = name;
    Some(tenant)
}

/// A GUID that depends on `text` only.
fn made_up(text: &str) -> Uuid {
    let digest: [u8; 32] = sha2::Sha256::digest(text).into();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(byte, digit)| *byte = digit);
    uuid::Builder::from_random_bytes(bytes).into_uuid()
}
