//! Which paths there are in which API version, and which permission opens them.
//!
//! Permissions follow Microsoft's permission list, but for reading the push certificate: there,
//! live tenants ask for a ServiceConfig permission although the list also names others.

use axum::http::Method;

use super::Failure;
use super::shape::Version;

const READ: &str = "DeviceManagementServiceConfig.Read.All";
const WRITE: &str = "DeviceManagementServiceConfig.ReadWrite.All";
const CONFIGURATION_READ: &str = "DeviceManagementConfiguration.Read.All";
const CONFIGURATION_WRITE: &str = "DeviceManagementConfiguration.ReadWrite.All";
const APPS_READ: &str = "DeviceManagementApps.Read.All";
const DEVICES_READ: &str = "DeviceManagementManagedDevices.Read.All";
const DIRECTORY_READ: &str = "Directory.Read.All";
const DIRECTORY_WRITE: &str = "Directory.ReadWrite.All";
const APPS_WRITE: &str = "DeviceManagementApps.ReadWrite.All";

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Push,
    /// How many devices there are.
    Devices,
    PushRequest,
    PushRequestNew,
    Consent(String),
    ConsentGrant(String),
    Enrollments,
    Enrollment(String),
    EnrollmentUpload(String),
    EnrollmentSync(String),
    EnrollmentKey(String),
    EnrollmentKeyNew(String),
    /// The customers of a partner tenant.
    Contracts,
    Vpps,
    Vpp(String),
    VppSync(String),
    /// An action that takes something away from the customer; named for the journal.
    Harmful(&'static str),
}

/// Finds what `path` names; it begins with the API version.
pub(super) fn resolve(path: &str) -> Result<(Version, Target), Failure> {
    let mut segments = path.trim_start_matches('/').split('/');
    let version = match segments.next() {
        Some("v1.0") => Version::V1,
        Some("beta") => Version::Beta,
        _ => return Err(Failure::bad_request("Invalid version.")),
    };
    // Functions are written with and without `()`; both are documented.
    let segments: Vec<_> =
        segments.map(|segment| segment.strip_suffix("()").unwrap_or(segment)).collect();
    let target = match *segments.as_slice() {
        ["deviceManagement", ref rest @ ..] => management(version, rest),
        ["deviceAppManagement", ref rest @ ..] => apps(version, rest),
        // The metadata that Microsoft publishes has the type in v1.0 only.
        ["contracts"] if version == Version::V1 => Ok(Target::Contracts),
        [first, ..] => Err(first),
        [] => Err(""),
    };
    target.map(|target| (version, target)).map_err(Failure::segment)
}

fn management<'a>(version: Version, rest: &[&'a str]) -> Result<Target, &'a str> {
    let beta = version == Version::Beta;
    match *rest {
        ["applePushNotificationCertificate", ref rest @ ..] => match *rest {
            [] => Ok(Target::Push),
            ["downloadApplePushNotificationCertificateSigningRequest"] => Ok(Target::PushRequest),
            ["generateApplePushNotificationCertificateSigningRequest"] if beta => {
                Ok(Target::PushRequestNew)
            }
            [other, ..] => Err(other),
        },
        ["managedDeviceOverview"] => Ok(Target::Devices),
        ["dataSharingConsents", id] if beta => Ok(Target::Consent(id.to_owned())),
        ["dataSharingConsents", id, "consentToDataSharing"] if beta => {
            Ok(Target::ConsentGrant(id.to_owned()))
        }
        ["depOnboardingSettings"] if beta => Ok(Target::Enrollments),
        ["depOnboardingSettings", id] if beta => Ok(Target::Enrollment(id.to_owned())),
        ["depOnboardingSettings", id, action] if beta => {
            let id = id.to_owned();
            match action {
                "uploadDepToken" => Ok(Target::EnrollmentUpload(id)),
                "syncWithAppleDeviceEnrollmentProgram" => Ok(Target::EnrollmentSync(id)),
                "getEncryptionPublicKey" => Ok(Target::EnrollmentKey(id)),
                "generateEncryptionPublicKey" => Ok(Target::EnrollmentKeyNew(id)),
                "releaseAppleDevices" => Ok(Target::Harmful("release-devices")),
                other => Err(other),
            }
        }
        [first, ..] => Err(first),
        [] => Err("deviceManagement"),
    }
}

fn apps<'a>(version: Version, rest: &[&'a str]) -> Result<Target, &'a str> {
    match *rest {
        ["vppTokens"] => Ok(Target::Vpps),
        ["vppTokens", id] => Ok(Target::Vpp(id.to_owned())),
        ["vppTokens", id, "syncLicenses"] => Ok(Target::VppSync(id.to_owned())),
        ["vppTokens", _, "revokeLicenses"] if version == Version::Beta => {
            Ok(Target::Harmful("revoke-licenses"))
        }
        ["vppTokens", _, action, ..] => Err(action),
        [first, ..] => Err(first),
        [] => Err("deviceAppManagement"),
    }
}

/// Checks that the target takes the method and that one of `roles` opens it.
pub(super) fn permit(target: &Target, method: &Method, roles: &[String]) -> Result<(), Failure> {
    let needed = needed(target, method).ok_or_else(Failure::method)?;
    if needed.iter().any(|needed| roles.iter().any(|role| role == needed)) {
        Ok(())
    } else {
        Err(Failure::forbidden(needed))
    }
}

/// The permissions, each of which is enough; `None` where the target does not take the method.
fn needed(target: &Target, method: &Method) -> Option<&'static [&'static str]> {
    let needed: &[&str] = match (target, method.as_str()) {
        (Target::Push | Target::Enrollments | Target::Enrollment(_) | Target::EnrollmentKey(_), "GET")
        // Also the reader may do this, although it voids files made for the old key.
        | (Target::EnrollmentKeyNew(_), "POST") => &[READ, WRITE],
        // The download is a GET that needs the right to write.
        (Target::PushRequest, "GET")
        | (Target::Push, "PATCH")
        | (Target::PushRequestNew, "POST") => &[WRITE, CONFIGURATION_WRITE],
        (Target::Consent(_), "GET") => &[WRITE, CONFIGURATION_READ, CONFIGURATION_WRITE],
        (
            Target::ConsentGrant(_)
            | Target::Enrollments
            | Target::EnrollmentUpload(_)
            | Target::EnrollmentSync(_),
            "POST",
        )
        | (Target::Enrollment(_), "PATCH")
        | (Target::Harmful(_), "POST") => &[WRITE],
        (Target::Devices, "GET") => &[DEVICES_READ],
        (Target::Contracts, "GET") => &[DIRECTORY_READ, DIRECTORY_WRITE],
        (Target::Vpps | Target::Vpp(_), "GET") => {
            &[READ, WRITE, CONFIGURATION_READ, CONFIGURATION_WRITE, APPS_READ, APPS_WRITE]
        }
        (Target::Vpps | Target::VppSync(_), "POST") | (Target::Vpp(_), "PATCH") => {
            &[WRITE, CONFIGURATION_WRITE, APPS_WRITE]
        }
        _ => return None,
    };
    Some(needed)
}
