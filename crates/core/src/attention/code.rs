//! The causes of attention, their codes and how severe each is.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

use crate::model::ProblemCode;
use crate::plan::{HealthReason, Reason};

/// How soon somebody has to act.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Devices stop, or soon will: `plan --detailed-exitcode` counts it as a change.
    Critical,
    /// A schedule should fail because of it: `status --fail-on urgent`.
    Urgent,
    /// Worth a look.
    Notice,
}

impl Severity {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Critical => "critical",
            Self::Urgent => "urgent",
            Self::Notice => "notice",
        }
    }
}

/// Why a matter needs a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// Intune's push certificate has another topic than Git names for a watched one.
    TopicChanged,
    /// Downloading the token at Apple ended the one in use, and the new one is not uploaded yet.
    DeviceSyncDown,
    Expired,
    /// Less than the fleet's `critical` is left.
    Critical,
    /// A write that would be due must not happen.
    Held(Reason),
    /// The token that was to prove the wire encoding failed.
    CanaryFailed,
    /// Named in Git or watched, and proved absent in Intune.
    Missing,
    /// Intune reports that the token does not work.
    Failing(HealthReason),
    /// Something could not be read.
    Unobserved(ProblemCode),
    /// The suspension ran out, and its line is still there.
    SuspensionOver,
    /// Less than the fleet's `renewBefore` is left.
    RenewalDue,
    /// Nothing tells when the token expires.
    ExpiryUnknown,
    /// An upload or a change of settings waits for `apply`.
    OutOfSync,
    /// More than one token in Intune fits a watched entry.
    Ambiguous,
    /// The customer has not confirmed an upload yet.
    AwaitingConfirmation,
    /// A tenant is suspended.
    Suspended,
    /// The remote has commits that this clone lacks.
    CloneBehind,
    /// The clone has changes that are not committed.
    CloneDirty,
}

impl Cause {
    /// Every cause, most urgent first among those of one severity.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::TopicChanged, Self::DeviceSyncDown, Self::Expired, Self::Critical];
        all.extend(Reason::ALL.iter().copied().map(Self::Held));
        all.extend([Self::CanaryFailed, Self::Missing]);
        all.extend(HealthReason::ALL.iter().copied().map(Self::Failing));
        all.extend(ProblemCode::ALL.iter().copied().map(Self::Unobserved));
        all.extend([
            Self::SuspensionOver,
            Self::RenewalDue,
            Self::ExpiryUnknown,
            Self::OutOfSync,
            Self::Ambiguous,
            Self::AwaitingConfirmation,
            Self::Suspended,
            Self::CloneBehind,
            Self::CloneDirty,
        ]);
        all
    }

    /// The code in output and for `--fail-on`. A hold, a failure and a problem keep theirs.
    pub fn code(self) -> Code {
        Code(match self {
            Self::TopicChanged => "topic-changed",
            Self::DeviceSyncDown => "device-sync-down",
            Self::Expired => "expired",
            Self::Critical => "critical",
            Self::Held(reason) => reason.as_str(),
            Self::CanaryFailed => "canary-failed",
            Self::Missing => "missing",
            Self::Failing(reason) => reason.as_str(),
            Self::Unobserved(problem) => problem.as_str(),
            Self::SuspensionOver => Reason::SuspensionEnded.as_str(),
            Self::RenewalDue => "renewal-due",
            Self::ExpiryUnknown => "expiry-unknown",
            Self::OutOfSync => "out-of-sync",
            Self::Ambiguous => Reason::Ambiguous.as_str(),
            Self::AwaitingConfirmation => "awaiting-confirmation",
            Self::Suspended => Reason::Suspended.as_str(),
            Self::CloneBehind => "clone-behind",
            Self::CloneDirty => "clone-dirty",
        })
    }

    pub fn severity(self) -> Severity {
        match self {
            Self::TopicChanged
            | Self::DeviceSyncDown
            | Self::Expired
            | Self::Critical
            | Self::Held(Reason::TopicChange | Reason::WrongDestination) => Severity::Critical,
            Self::Held(Reason::Suspended) => Severity::Notice,
            Self::Held(_)
            | Self::CanaryFailed
            | Self::Missing
            | Self::Failing(_)
            | Self::Unobserved(_) => Severity::Urgent,
            Self::SuspensionOver
            | Self::RenewalDue
            | Self::ExpiryUnknown
            | Self::OutOfSync
            | Self::Ambiguous
            | Self::AwaitingConfirmation
            | Self::Suspended
            | Self::CloneBehind
            | Self::CloneDirty => Severity::Notice,
        }
    }
}

/// The stable name of a [`Cause`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Code(&'static str);

impl Code {
    /// Every code once, most urgent first among those of one severity.
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

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
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
        let codes: Vec<&str> = Self::all().into_iter().map(Self::as_str).collect();
        json_schema!({ "type": "string", "enum": codes })
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
