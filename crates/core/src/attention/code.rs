//! The causes of attention, their codes and how severe each is.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};

use crate::model::ProblemCode;
use crate::plan::{Expiry, HealthReason, Reason, Sync, Warning};
use crate::rules::codes::{Appearance, Weight, entry, explain, schema};
use crate::words::kebab_enum;

kebab_enum! {
    /// How soon somebody has to act.
    Severity {
        /// Devices stop, or soon will: `plan --detailed-exitcode` counts it as a change.
        Critical => "critical",
        /// A schedule should fail because of it: `status --fail-on urgent`.
        Urgent => "urgent",
        /// It can wait for working hours, and stops nothing.
        Notice => "notice",
    }
}

/// A code that only attention has.
macro_rules! own {
    ($code:literal) => {
        const { entry($code, &[Appearance::Attention]).code }
    };
}

/// Makes [`Cause`] of one line each, so that none of its parts can be forgotten.
macro_rules! causes {
    ($($(#[doc = $doc:literal])* $variant:ident = $severity:ident, $code:expr;)+) => {
        /// Why a matter needs a person.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Cause {
            $($(#[doc = $doc])* $variant,)+
            /// A write that would be due must not happen.
            Held(Reason),
            /// Intune reports that the token does not work.
            Failing(HealthReason),
            /// Something could not be read.
            Unobserved(ProblemCode),
        }

        impl Cause {
            const PLAIN: &[Self] = &[$(Self::$variant,)+];

            /// The code in output and for `--fail-on`. It stands in [`crate::rules::codes`], or the
            /// program does not compile.
            pub fn code(self) -> Code {
                Code(match self {
                    $(Self::$variant => $code,)+
                    Self::Held(reason) => reason.as_str(),
                    Self::Failing(reason) => reason.as_str(),
                    Self::Unobserved(problem) => problem.as_str(),
                })
            }

            pub fn severity(self) -> Severity {
                match self {
                    $(Self::$variant => Severity::$severity,)+
                    Self::Held(
                        Reason::TopicChange | Reason::WrongDestination | Reason::Duplicate,
                    ) => Severity::Critical,
                    Self::Held(Reason::Suspended) => Severity::Notice,
                    // A credential that Apple no longer takes is dead, whatever its date says.
                    Self::Failing(reason) if reason.explained().severity == Weight::Critical => {
                        Severity::Critical
                    }
                    Self::Held(_) | Self::Failing(_) | Self::Unobserved(_) => Severity::Urgent,
                }
            }
        }
    };
}

causes! {
    /// Intune's push certificate has another topic than the one that devices know.
    TopicChanged = Critical, HealthReason::TopicChanged.as_str();
    /// Intune has no push certificate any more, and devices know the topic of the last one.
    PushGone = Critical, Sync::Missing.as_str();
    /// Downloading the token at Apple ended the one in use, and the new one is not uploaded yet.
    DeviceSyncDown = Critical, own!("device-sync-down");
    /// Named in Git or watched, and proved absent in Intune.
    Missing = Critical, Sync::Missing.as_str();
    /// Intune has another token than the one that was watched or uploaded: another organisation's, or
    /// one that ends earlier.
    Replaced = Critical, Reason::ChangedOutsideGit.as_str();
    Expired = Critical, Expiry::Expired.as_str();
    /// Less than the fleet's `critical` is left.
    Critical = Critical, Expiry::Critical.as_str();
    /// A reviewed line lets an upload happen after which no enrolled device answers.
    DevicesCutOff = Critical, own!("devices-cut-off");
    /// This revision changes which record or whose signatures decide, or what may move.
    RecordChanges = Critical, own!("record-changes");
    /// This revision's own settings cannot be read.
    SettingsInvalid = Critical, own!("settings-invalid");
    /// This revision's own limits tell less of tokens that expire.
    AlarmsEnd = Urgent, own!("alarms-end");
    /// The settings named another record before, which has lines that the one they name lacks; or
    /// they no longer say how it begins.
    LedgerMoved = Urgent, own!("ledger-moved");
    /// The base has other content for the tenant than this older revision.
    TenantOutdated = Urgent, own!("tenant-outdated");
    /// The tenant file says of a watched token what no reading of Intune has ever shown.
    FactsDiffer = Urgent, Warning::FactsDiffer.as_str();
    /// This revision stops watching tokens.
    NoLongerWatched = Urgent, own!("no-longer-watched");
    /// The token that was to prove the wire encoding failed.
    CanaryFailed = Urgent, Warning::CanaryFailed.as_str();
    /// The upload of a file failed three times in a row or more.
    CannotLand = Urgent, own!("cannot-land");
    /// Several requests of a renewal are open and nothing tells which of them Intune made, or one key
    /// is recorded for two tenants.
    RequestDisputed = Urgent, own!("request-disputed");
    /// Three runs in a row or more announced an upload, and none recorded what came of it.
    IntentWithoutOutcome = Urgent, own!("intent-without-outcome");
    /// A line of the ledger that has no effect, because no run writes such a line.
    LedgerLineBroken = Urgent, own!("ledger-line-broken");
    /// No reading of the tenant is known that is as new as the settings ask for.
    ReadingStale = Urgent, own!("reading-stale");
    /// A renewal is due, and the settings ask for the customer's number in the ticket system, which the
    /// tenant file does not have.
    TicketUnmapped = Urgent, own!("ticket-unmapped");
    /// A ticket is open at another customer of the ticket system than the tenant file names.
    TicketMoved = Urgent, own!("ticket-moved");
    /// Nothing that is sent to a sink has arrived for a day.
    SinkFailing = Urgent, own!("sink-failing");
    /// This machine's clock differs from Microsoft's by so much that nobody is told of anything.
    ClockOff = Urgent, Warning::ClockSkew.as_str();
    /// A sink selects nobody, or a customer whom it is to write to names no address.
    ToldNobody = Urgent, own!("told-nobody");
    /// The suspension ran out, and its line is still there.
    SuspensionOver = Notice, Reason::SuspensionEnded.as_str();
    /// Less than the fleet's `renewBefore` is left.
    RenewalDue = Notice, Expiry::RenewalDue.as_str();
    /// Apple's list of revoked certificates could not be had.
    RevocationUnknown = Notice, own!("revocation-unknown");
    /// Another hand changed it in Intune, and nothing that is compared differs.
    TouchedOutsideGit = Notice, own!("touched-outside-git");
    /// The Apple Account in Git is not the one in Intune.
    AppleIdDiffers = Notice, Warning::AppleIdDiffers.as_str();
    /// The Apple Account that a credential depends on may go, or is nobody's of the customer.
    OwnerRisk = Notice, own!("owner-risk");
    /// Nothing tells when the token expires.
    ExpiryUnknown = Notice, own!("expiry-unknown");
    /// A reviewed line lets an upload happen that would be held.
    HoldReleased = Notice, own!("hold-released");
    /// This revision takes a token's file back.
    FileWithdrawn = Notice, own!("file-withdrawn");
    /// An upload or a change of settings waits for `apply`.
    OutOfSync = Notice, Sync::OutOfSync.as_str();
    /// No run has opened the file in Git yet and found that it is what Intune has.
    Unverified = Notice, Sync::Unverified.as_str();
    /// More than one token in Intune fits a watched entry.
    Ambiguous = Notice, Reason::Ambiguous.as_str();
    /// Intune has it, and no entry names it.
    Unmanaged = Notice, Sync::Unmanaged.as_str();
    /// The customer has not confirmed an upload yet.
    AwaitingConfirmation = Notice, own!("awaiting-confirmation");
    /// A new file waits on a branch to be reviewed and merged.
    RenewalOpen = Notice, own!("renewal-open");
    Suspended = Notice, Reason::Suspended.as_str();
    /// The remote has commits that this clone does not have.
    CloneBehind = Notice, own!("clone-behind");
    /// The fleet's branch has commits in this clone that the remote does not have.
    CloneAhead = Notice, own!("clone-ahead");
    /// The clone has changes that are not committed.
    CloneDirty = Notice, own!("clone-dirty");
}

impl Cause {
    /// Whether it takes a reading of Intune to say that it is so, and so to say that it is over. All
    /// else is told by Git, the record and the clone, which every run has.
    fn is_of_intune(self) -> bool {
        match self {
            Self::TopicChanged
            | Self::PushGone
            | Self::DeviceSyncDown
            | Self::Missing
            | Self::Replaced
            | Self::Expired
            | Self::Critical
            | Self::DevicesCutOff
            | Self::FactsDiffer
            | Self::CanaryFailed
            | Self::CannotLand
            | Self::RenewalDue
            | Self::AppleIdDiffers
            | Self::OwnerRisk
            | Self::TouchedOutsideGit
            | Self::ExpiryUnknown
            | Self::HoldReleased
            | Self::OutOfSync
            | Self::Unverified
            | Self::Ambiguous
            | Self::Unmanaged
            | Self::Failing(_) => true,
            Self::Held(reason) => !matches!(reason, Reason::Suspended | Reason::SuspensionEnded),
            Self::RecordChanges
            | Self::RevocationUnknown
            | Self::SettingsInvalid
            | Self::AlarmsEnd
            | Self::LedgerMoved
            | Self::TenantOutdated
            | Self::NoLongerWatched
            | Self::RequestDisputed
            | Self::IntentWithoutOutcome
            | Self::LedgerLineBroken
            | Self::ReadingStale
            | Self::TicketUnmapped
            | Self::TicketMoved
            | Self::SinkFailing
            | Self::ClockOff
            | Self::ToldNobody
            | Self::SuspensionOver
            | Self::FileWithdrawn
            | Self::AwaitingConfirmation
            | Self::RenewalOpen
            | Self::Suspended
            | Self::CloneBehind
            | Self::CloneAhead
            | Self::CloneDirty
            | Self::Unobserved(_) => false,
        }
    }

    /// Every cause, most urgent first.
    pub fn all() -> Vec<Self> {
        let mut all = Self::PLAIN.to_vec();
        all.extend(Reason::ALL.iter().copied().map(Self::Held));
        all.extend(HealthReason::ALL.iter().copied().map(Self::Failing));
        all.extend(ProblemCode::ALL.iter().copied().map(Self::Unobserved));
        all.sort_by_key(|cause| cause.severity());
        all
    }
}

/// The stable name of a [`Cause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Code(&'static str);

impl Code {
    /// Every code once, most urgent first.
    pub fn all() -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        for cause in Cause::all() {
            if !all.contains(&cause.code()) {
                all.push(cause.code());
            }
        }
        all
    }

    pub fn as_str(self) -> &'static str {
        self.0
    }

    /// Whether a cause of this code needs a reading of Intune.
    pub(crate) fn is_of_intune(self) -> bool {
        Cause::all().into_iter().any(|cause| cause.code() == self && cause.is_of_intune())
    }

    /// Its place among all codes.
    pub(super) fn rank(self) -> usize {
        Cause::all().iter().position(|cause| cause.code() == self).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.0)
    }
}

impl FromStr for Code {
    type Err = FailOnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Cause::all().into_iter().map(Cause::code).find(|code| code.0 == text);
        known.ok_or_else(|| FailOnError { unknown: text.to_owned() })
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<'_, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Code {
    fn schema_name() -> Cow<'static, str> {
        "AttentionCode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let explained = Self::all().into_iter().filter_map(|code| explain(code.0));
        schema("What needs a person", explained)
    }
}

/// What makes `status --fail-on` end with 9: `urgent`, or one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailOn {
    /// The set that a schedule should use.
    Urgent,
    Code(Code),
}

/// No cause has this code.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{unknown:?} is neither `urgent` nor a code; `applecart explain` lists the codes")]
pub struct FailOnError {
    unknown: String,
}

impl FailOn {
    pub fn fails(self, matter: &super::Matter) -> bool {
        match self {
            Self::Urgent => matter.is_urgent(),
            Self::Code(code) => matter.code == code,
        }
    }
}

impl FromStr for FailOn {
    type Err = FailOnError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "urgent" { Ok(Self::Urgent) } else { text.parse().map(Self::Code) }
    }
}
