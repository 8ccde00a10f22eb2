//! What a message tells of a ticket: how far the renewal is, in which words, and what is to be done.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::{Sha256, Telling, TokenRef};
use crate::report::Link;
use crate::words::kebab_enum;

kebab_enum! {
    /// Why a renewal that was under way, or over, is not.
    Relapse {
        /// Intune refused the file, or never showed it.
        Rejected => "rejected",
        /// The credential expired before it was renewed.
        Expired => "expired",
        /// Intune has the earlier credential again.
        Back => "back",
    }
}

/// How far the renewal is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Stage {
    Opened,
    /// The new file waits on a branch for review.
    Pushed,
    /// It is in Git and waits for its upload.
    Merged,
    /// It is in Git, and its upload is held.
    Held,
    /// It was uploaded, and no reading shows it yet.
    Uploaded,
    /// It is critical that nobody has renewed it yet, and this is the reminder of this number.
    Reminded(u32),
    /// Intune was read to have a credential that expires later.
    Closed,
    Reopened(Relapse),
}

/// A stage, and which time the ticket is open, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TicketStep {
    pub stage: Stage,
    pub time: u32,
}

impl TicketStep {
    pub const FIRST: Self = Self { stage: Stage::Opened, time: 1 };

    /// The event that records it.
    pub fn telling(self) -> Telling {
        match self.stage {
            Stage::Opened => Telling::TicketOpened,
            Stage::Pushed | Stage::Merged | Stage::Held | Stage::Uploaded | Stage::Reminded(_) => {
                Telling::TicketNoted
            }
            Stage::Closed => Telling::TicketClosed,
            Stage::Reopened(_) => Telling::TicketReopened,
        }
    }

    /// The step for machines: `opened`, `noted`, `closed` or `reopened`.
    pub fn word(self) -> &'static str {
        match self.telling() {
            Telling::TicketOpened => "opened",
            Telling::TicketClosed => "closed",
            Telling::TicketReopened => "reopened",
            Telling::TicketNoted | Telling::Notified => "noted",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Opened => "opened",
            Self::Pushed => "pushed",
            Self::Merged => "merged",
            Self::Held => "held",
            Self::Uploaded => "uploaded",
            Self::Reminded(count) => return f.pad(&format!("reminded-{count}")),
            Self::Closed => "closed",
            Self::Reopened(Relapse::Rejected) => "reopened-rejected",
            Self::Reopened(Relapse::Expired) => "reopened-expired",
            Self::Reopened(Relapse::Back) => "reopened-back",
        })
    }
}

/// `opened-1`, `uploaded-1`, `reminded-3-1`, `reopened-expired-2`.
impl fmt::Display for TicketStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.stage, self.time)
    }
}

/// The text names no step of a ticket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a step of a ticket, such as opened-1")]
pub struct TicketStepError;

impl FromStr for TicketStep {
    type Err = TicketStepError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (stage, time) = text.rsplit_once('-').ok_or(TicketStepError)?;
        let stage = match stage {
            "opened" => Stage::Opened,
            "pushed" => Stage::Pushed,
            "merged" => Stage::Merged,
            "held" => Stage::Held,
            "uploaded" => Stage::Uploaded,
            "closed" => Stage::Closed,
            "reopened-rejected" => Stage::Reopened(Relapse::Rejected),
            "reopened-expired" => Stage::Reopened(Relapse::Expired),
            "reopened-back" => Stage::Reopened(Relapse::Back),
            other => {
                let count = other.strip_prefix("reminded-").and_then(|count| count.parse().ok());
                Stage::Reminded(count.ok_or(TicketStepError)?)
            }
        };
        let step = Self { stage, time: time.parse().map_err(|_| TicketStepError)? };
        // `01` and `+1` would be two more texts for one step.
        if step.to_string() == text { Ok(step) } else { Err(TicketStepError) }
    }
}

/// What a ticket's message tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketTold {
    pub key: String,
    pub token: TokenRef,
    pub step: TicketStep,
    /// Which sentence says it, and what to do next.
    pub message: String,
    pub next: String,
    pub command: Option<String>,
    /// Its number in the ticket system, where it was recorded.
    pub number: Option<String>,
    /// The customer's number there, by the policy's key.
    pub client: Option<String>,
    /// The idempotency key of the message that opened it, where a sink took one.
    pub opening: Option<Sha256>,
    /// Whether it was to be opened for another customer's number before.
    pub is_corrected: bool,
    /// What to do, while there is something.
    pub sheet: Option<TicketSheet>,
}

/// The renewal sheet, as far as a ticket has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TicketSheet {
    pub steps: Vec<String>,
    /// Where it is done.
    pub links: Vec<Link>,
    /// Push: the request for Apple (CSR), where the notes have one that is given out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<TicketRequest>,
}

/// A request for Apple (CSR) that a ticket brings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TicketRequest {
    /// The request, as the file that Apple's push portal takes.
    pub text: String,
    /// Who recorded it, and what its form proves.
    pub told: String,
}

/// What a step says, beside what the matter says.
pub fn sentence(step: TicketStep, period: &str) -> String {
    match step.stage {
        Stage::Opened => format!("The renewal is due. The day of expiry is {period}."),
        Stage::Pushed => "The new file is on a branch and waits for review.".to_owned(),
        Stage::Merged => "The new file is reviewed and merged. It waits for its upload.".to_owned(),
        Stage::Held => "The new file is merged, and its upload is held.".to_owned(),
        Stage::Uploaded => "The new file was uploaded. Intune does not show it yet.".to_owned(),
        Stage::Reminded(_) => {
            format!("The renewal is not done, and it is critical. The day of expiry is {period}.")
        }
        Stage::Closed => {
            "Intune was read to have a credential that expires later. The renewal is done."
                .to_owned()
        }
        Stage::Reopened(Relapse::Rejected) => {
            "Intune refused the uploaded file, or never showed it. The renewal is open again."
                .to_owned()
        }
        Stage::Reopened(Relapse::Expired) => {
            format!("The credential expired on {period}, and it is not renewed.")
        }
        Stage::Reopened(Relapse::Back) => {
            "Intune has the earlier credential again. The renewal is open again.".to_owned()
        }
    }
}
