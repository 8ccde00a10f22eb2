//! What a read of Intune answered: present, absent or unknown, each resource by itself.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Facts, Kind, Serial, Timestamp, Topic};

/// One of three answers to a read, or that it was not asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reading<T> {
    Present(T),
    /// It is proved not to be there.
    Absent,
    /// It could not be read; never leads to a write.
    Unknown(Problem),
    /// The caller did not want to know (a kind outside `watch`).
    NotAsked,
}

impl<T> Reading<T> {
    /// The value, where it is present.
    pub fn present(&self) -> Option<&T> {
        match self {
            Self::Present(value) => Some(value),
            Self::Absent | Self::Unknown(_) | Self::NotAsked => None,
        }
    }

    /// The same answer about what is made of the value; `None` of that means absent.
    pub fn and_then<U>(&self, find: impl FnOnce(&T) -> Option<U>) -> Reading<U> {
        match self {
            Self::Present(value) => find(value).map_or(Reading::Absent, Reading::Present),
            Self::Absent => Reading::Absent,
            Self::Unknown(problem) => Reading::Unknown(problem.clone()),
            Self::NotAsked => Reading::NotAsked,
        }
    }

    /// The problem, where the answer is unknown.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Unknown(problem) => Some(problem),
            Self::Present(_) | Self::Absent | Self::NotAsked => None,
        }
    }
}

/// What a problem is about.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// Graph's `applePushNotificationCertificate`: one for each tenant.
    Push,
    /// Graph's `depOnboardingSettings`: a list of enrollment program tokens.
    Enrollment,
    /// Graph's `vppTokens`: a list, under `deviceAppManagement`.
    Vpp,
    /// Graph's `dataSharingConsents/appleMDMPushCertificate`, without which Intune takes no first
    /// certificate.
    Consent,
}

impl From<Kind> for Resource {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Push => Self::Push,
            Kind::Enrollment => Self::Enrollment,
            Kind::Vpp => Self::Vpp,
        }
    }
}

crate::code_enum! {
    /// Why an answer is unknown. Stable names, part of every machine output.
    ProblemCode [Problem] {
        SignInFailed = "sign-in-failed",
        TenantNotFound = "tenant-not-found",
        NoConsent = "no-consent",
        Forbidden = "forbidden",
        NoLicence = "no-licence",
        Throttled = "throttled",
        Timeout = "timeout",
        Unreachable = "unreachable",
        ServerError = "server-error",
        BadAnswer = "bad-answer",
        InvalidFile = "invalid-file",
        LedgerUnknown = "ledger-unknown",
        NotesUnknown = "notes-unknown",
        BaseUnknown = "base-unknown",
    }
}

impl ProblemCode {
    /// Whether it is the sign-in (or consent) that failed, which exit code 8 counts.
    pub fn is_sign_in(self) -> bool {
        matches!(self, Self::SignInFailed | Self::TenantNotFound | Self::NoConsent)
    }

    /// Whether it passes by itself as a rule, so that all there is to do is to read again.
    pub fn is_passing(self) -> bool {
        matches!(
            self,
            Self::Throttled
                | Self::Timeout
                | Self::Unreachable
                | Self::ServerError
                | Self::BadAnswer
        )
    }
}

/// Why something could not be observed, with what a person needs to fix it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Problem {
    /// Stable: scripts and exit code 8 read it.
    pub code: ProblemCode,
    /// The resource it is about; `null` when it is the whole tenant.
    pub resource: Option<Resource>,
    /// The missing Graph permission, on 403.
    pub permission: Option<String>,
    /// The request's id, for Microsoft's support: Graph's or Entra's, or the `client-request-id`
    /// that was sent along where they did not answer. `null` where nothing was sent.
    pub request_id: Option<String>,
    /// One sentence for a person; never raw input, never secret.
    pub detail: Option<String>,
}

impl Problem {
    /// A problem of the whole tenant.
    pub fn new(code: ProblemCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            resource: None,
            permission: None,
            request_id: None,
            detail: Some(detail.into()),
        }
    }

    /// The same problem, seen on one resource.
    #[must_use]
    pub fn on(mut self, resource: Resource) -> Self {
        self.resource = Some(resource);
        self
    }
}

/// The push certificate in Intune. Graph's `id` and `lastModifiedDateTime` drift and are not kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LivePush {
    /// `topicIdentifier`, which the enrolled devices know; another one cuts them off.
    pub topic: Topic,
    /// `certificateSerialNumber`, in hexadecimal; it differs after every renewal.
    pub serial: Serial,
    /// `expirationDateTime`, which Intune reads from the certificate.
    pub expires: Timestamp,
    /// `appleIdentifier`: the Apple Account, typed by whoever uploaded; Intune does not check it.
    pub apple_id: Option<String>,
    /// `certificateUploadFailureReason`, null when healthy.
    pub failure: Option<String>,
    /// Whether Apple took it back. Apple tells, not Intune.
    pub revocation: Revocation,
}

/// What Apple's list of revoked certificates says of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Revocation {
    /// Nobody asked.
    #[default]
    NotAsked,
    /// It is proved not to be revoked.
    No,
    Since(Timestamp),
    /// And why.
    Unknown(String),
}

impl LivePush {
    /// The facts that plans and the ledger hold.
    pub fn facts(&self) -> Facts {
        Facts {
            topic: Some(self.topic.clone()),
            serial: Some(self.serial.clone()),
            expires: Some(self.expires),
            apple_id: self.apple_id.clone(),
            ..Facts::default()
        }
    }
}

/// An enrollment program token in Intune (`depOnboardingSetting`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveEnrollment {
    /// Graph's `id`, stable over renewals.
    pub id: String,
    /// `tokenName`, which administrators choose and may change.
    pub name: Option<String>,
    /// `tokenType`: `dep` or `appleSchoolManager`; words that Graph adds are kept.
    pub token_type: Option<String>,
    /// `appleIdentifier`: the Apple Account, typed by whoever uploaded; Intune does not check it.
    pub apple_id: Option<String>,
    /// `tokenExpirationDateTime`; `None` when Graph has no plausible one (year 1 for "never").
    pub expires: Option<Timestamp>,
    /// `lastModifiedDateTime`, which any change of the object moves, not only an upload.
    pub last_modified: Option<Timestamp>,
    /// `lastSuccessfulSyncDateTime`; `None` before the first sync with Apple.
    pub last_successful_sync: Option<Timestamp>,
    /// `lastSyncTriggeredDateTime`; a sync that began after the last success may have failed.
    pub last_sync_triggered: Option<Timestamp>,
    /// `lastSyncErrorCode`: 0 is well, 3 means new Apple terms await acceptance.
    pub last_sync_error_code: i64,
    /// `roleScopeTagIds`, in the order that Graph gives; `None` where Graph leaves the property
    /// out.
    pub role_scope_tag_ids: Option<Vec<String>>,
    /// `shareTokenWithSchoolDataSyncService`, of use for a school alone.
    pub school_data_sync: Option<bool>,
    /// `syncedDeviceCount`: how many devices came with it.
    pub devices: Option<u64>,
    /// The public key that Apple encrypts this token to (`getEncryptionPublicKey`), as Graph
    /// gives it; `None` when it was not asked for.
    pub encryption_public_key: Option<String>,
}

impl LiveEnrollment {
    /// The facts that plans and the ledger hold.
    pub fn facts(&self) -> Facts {
        Facts {
            name: self.name.clone(),
            apple_id: self.apple_id.clone(),
            expires: self.expires,
            role_scope_tag_ids: self.role_scope_tag_ids.clone(),
            ..Facts::default()
        }
    }
}

/// A VPP token in Intune.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveVpp {
    /// Graph's `id`, stable over renewals.
    pub id: String,
    /// `displayName`, which administrators choose and may change.
    pub display_name: Option<String>,
    /// `organizationName`, which Intune reads from the token.
    pub organization: Option<String>,
    /// `locationName`, which Apple tells Intune; no token file states it.
    pub location: Option<String>,
    /// `appleId`: the Apple Account, typed by whoever uploaded; Intune does not check it.
    pub apple_id: Option<String>,
    /// `countryOrRegion`: the store that licences come from, in two letters.
    pub country_or_region: Option<String>,
    /// `vppTokenAccountType`: `business` or `education`; words that Graph adds are kept.
    pub account_type: Option<String>,
    pub automatically_update_apps: Option<bool>,
    /// `claimTokenManagementFromExternalMdm`: takes the token over from another MDM service.
    pub claim: Option<bool>,
    pub data_sharing_consent_granted: Option<bool>,
    /// `expirationDateTime`; `None` where Graph has no plausible one.
    pub expires: Option<Timestamp>,
    /// `lastModifiedDateTime`, which any change of the object moves, not only an upload.
    pub last_modified: Option<Timestamp>,
    /// `lastSyncDateTime`; `None` before the first sync with Apple.
    pub last_sync: Option<Timestamp>,
    /// `lastSyncStatus`, such as `completed` or `failed`; words that Graph adds are kept.
    pub last_sync_status: Option<String>,
    /// Graph's word, such as [`Self::VALID`] or `assignedToExternalMDM`; words that Graph adds are
    /// kept.
    pub state: String,
    /// `roleScopeTagIds`, in the order that Graph gives; `None` where Graph leaves the property
    /// out.
    pub role_scope_tag_ids: Option<Vec<String>>,
}

impl LiveVpp {
    /// Intune's `state` of a token that works.
    pub const VALID: &str = "valid";

    /// Whether the token works, as far as Intune tells.
    pub fn is_valid(&self) -> bool {
        self.state == Self::VALID
    }

    /// The facts that plans and the ledger hold.
    pub fn facts(&self) -> Facts {
        Facts {
            organization: self.organization.clone(),
            location: self.location.clone(),
            apple_id: self.apple_id.clone(),
            expires: self.expires,
            state: Some(self.state.clone()),
            display_name: self.display_name.clone(),
            country_or_region: self.country_or_region.clone(),
            automatically_update_apps: self.automatically_update_apps,
            role_scope_tag_ids: self.role_scope_tag_ids.clone(),
            ..Facts::default()
        }
    }
}

/// Everything that was read of one tenant. One resource's failure leaves the others as they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveTenant {
    /// The push certificate, one object per tenant.
    pub push: Reading<LivePush>,
    /// All enrollment program tokens; a complete collection, maybe empty.
    pub enrollment: Reading<Vec<LiveEnrollment>>,
    /// All VPP tokens; a complete collection, maybe empty.
    pub vpp: Reading<Vec<LiveVpp>>,
    /// Whether data sharing with Apple was consented to; read only for a first push upload.
    pub consent: Reading<bool>,
    /// Intune's outstanding push signing request, as Graph gives it; `None` when it is not known.
    /// Only a snapshot has it: reading it from Intune is left to the command that opens a renewal.
    pub push_signing_request: Option<String>,
    /// What Apple's list of revoked certificates says of the push certificate that lies in Git; `None` where
    /// nobody asked.
    pub push_in_git: Option<(Serial, Revocation)>,
    /// How many Apple devices Intune manages; `None` where that is not known, or the application may not
    /// read it.
    pub devices: Option<u64>,
    /// Seconds by which the `Date` of Graph's answer, or else of Entra's, is ahead of the local clock; `None`
    /// when not measured.
    pub clock_skew: Option<i64>,
}

impl LiveTenant {
    /// A tenant of which nothing could be read, for one reason.
    pub fn unknown(problem: &Problem) -> Self {
        Self {
            push: Reading::Unknown(problem.clone()),
            enrollment: Reading::Unknown(problem.clone()),
            vpp: Reading::Unknown(problem.clone()),
            ..Self::not_asked()
        }
    }

    /// A tenant of which nothing was asked.
    pub fn not_asked() -> Self {
        Self {
            push: Reading::NotAsked,
            enrollment: Reading::NotAsked,
            vpp: Reading::NotAsked,
            consent: Reading::NotAsked,
            push_signing_request: None,
            push_in_git: None,
            devices: None,
            clock_skew: None,
        }
    }

    /// Since when Apple's list names the push certificate of this serial number that lies in Git.
    pub fn revoked_in_git(&self, serial: Option<&Serial>) -> Option<Timestamp> {
        match &self.push_in_git {
            Some((listed, Revocation::Since(since))) if Some(listed) == serial => Some(*since),
            _ => None,
        }
    }

    /// How many devices depend on one of its tokens, where that is known and there are any: what came with
    /// an enrollment token, else every Apple device that Intune manages. They outlive their push
    /// certificate: where Intune has none any more, they are what is cut off.
    pub fn behind(&self, kind: Kind, token: Option<LiveToken<'_>>) -> Option<u64> {
        let devices = match (token, kind) {
            (Some(LiveToken::Enrollment(one)), _) => one.devices,
            (Some(LiveToken::Push(_) | LiveToken::Vpp(_)), _) | (None, Kind::Push) => self.devices,
            (None, Kind::Enrollment | Kind::Vpp) => None,
        };
        devices.filter(|count| *count > 0)
    }

    /// The tokens that Intune has of a kind; none where that is not known.
    pub fn tokens(&self, kind: Kind) -> Vec<LiveToken<'_>> {
        match kind {
            Kind::Push => self.push.present().map(LiveToken::Push).into_iter().collect(),
            Kind::Enrollment => {
                self.enrollment.present().into_iter().flatten().map(LiveToken::Enrollment).collect()
            }
            Kind::Vpp => self.vpp.present().into_iter().flatten().map(LiveToken::Vpp).collect(),
        }
    }

    /// The token of a kind, where Intune has exactly one.
    pub fn only(&self, kind: Kind) -> Option<LiveToken<'_>> {
        match self.tokens(kind).as_slice() {
            [only] => Some(*only),
            _ => None,
        }
    }

    /// Why the tokens of a kind are not known.
    pub fn problem(&self, kind: Kind) -> Option<&Problem> {
        match kind {
            Kind::Push => self.push.problem(),
            Kind::Enrollment => self.enrollment.problem(),
            Kind::Vpp => self.vpp.problem(),
        }
    }
}

/// One token as Intune has it.
#[derive(Clone, Copy, Debug)]
pub enum LiveToken<'a> {
    Push(&'a LivePush),
    Enrollment(&'a LiveEnrollment),
    Vpp(&'a LiveVpp),
}

impl<'a> LiveToken<'a> {
    /// Whether Intune calls the credential invalid or expired, whatever its expiry date says.
    pub fn is_invalid(self) -> bool {
        match self {
            Self::Push(live) => live.failure.is_some(),
            Self::Enrollment(_) => false,
            Self::Vpp(live) => matches!(live.state.as_str(), "invalid" | "expired"),
        }
    }

    pub fn kind(self) -> Kind {
        match self {
            Self::Push(_) => Kind::Push,
            Self::Enrollment(_) => Kind::Enrollment,
            Self::Vpp(_) => Kind::Vpp,
        }
    }

    /// Graph's id; the push certificate has none that lasts.
    pub fn id(self) -> Option<&'a str> {
        match self {
            Self::Push(_) => None,
            Self::Enrollment(live) => Some(&live.id),
            Self::Vpp(live) => Some(&live.id),
        }
    }

    /// The name that administrators gave it.
    pub fn name(self) -> Option<&'a str> {
        match self {
            Self::Push(_) => None,
            Self::Enrollment(live) => live.name.as_deref(),
            Self::Vpp(live) => live.display_name.as_deref(),
        }
    }

    /// The facts that plans and the ledger hold.
    pub fn facts(self) -> Facts {
        match self {
            Self::Push(live) => live.facts(),
            Self::Enrollment(live) => live.facts(),
            Self::Vpp(live) => live.facts(),
        }
    }

    pub fn expires(self) -> Option<Timestamp> {
        match self {
            Self::Push(live) => Some(live.expires),
            Self::Enrollment(live) => live.expires,
            Self::Vpp(live) => live.expires,
        }
    }

    /// The Apple Account it belongs to.
    pub fn apple_id(self) -> Option<&'a str> {
        match self {
            Self::Push(live) => live.apple_id.as_deref(),
            Self::Enrollment(live) => live.apple_id.as_deref(),
            Self::Vpp(live) => live.apple_id.as_deref(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::world::World;

    #[test]
    fn an_enrollment_token_has_devices_of_its_own_and_no_device_is_no_number() {
        let behind = |mut world: World, of_token: Option<u64>, of_tenant: Option<u64>| {
            if world.kind == Kind::Enrollment {
                world.live_enrollment(|live| live.devices = of_token);
            }
            world.live.devices = of_tenant;
            world.live.behind(world.kind, world.live.only(world.kind))
        };
        assert_eq!(behind(World::enrollment(), Some(5), Some(3000)), Some(5));
        assert_eq!(behind(World::enrollment(), None, Some(3000)), None);
        assert_eq!(behind(World::enrollment(), Some(0), Some(3000)), None);
        for start in [World::equal, World::vpp] {
            assert_eq!(behind(start(), None, Some(3000)), Some(3000));
            assert_eq!(behind(start(), None, Some(0)), None);
        }
        let mut gone = World::equal();
        gone.live.push = Reading::Absent;
        assert_eq!(behind(gone, None, Some(3000)), Some(3000), "cut off, and not fewer");
        let mut gone = World::vpp();
        gone.live_vpps().clear();
        assert_eq!(behind(gone, None, Some(3000)), None, "it may never have been there");
    }
}
