//! One ticket for each renewal: opened when it is due, noted as it goes on, closed when Intune is read
//! to have a credential that expires later, opened again when that did not hold.
//!
//! What a ticket has been told stands in the notes; what it is told next follows from that and from
//! this run's reading alone. While its token could not be read, it is told nothing.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::attention::{Cause, InGit, Matter, advice};
use crate::model::{EntryBody, Phase, Record, Telling, Timestamp, TokenRef};
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
            Stage::Pushed | Stage::Merged | Stage::Held | Stage::Uploaded => Telling::TicketNoted,
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

/// `opened-1`, `uploaded-1`, `reopened-expired-2`.
impl fmt::Display for TicketStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stage = match self.stage {
            Stage::Opened => "opened",
            Stage::Pushed => "pushed",
            Stage::Merged => "merged",
            Stage::Held => "held",
            Stage::Uploaded => "uploaded",
            Stage::Closed => "closed",
            Stage::Reopened(why) => return write!(f, "reopened-{why}-{}", self.time),
        };
        write!(f, "{stage}-{}", self.time)
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
            _ => return Err(TicketStepError),
        };
        let step = Self { stage, time: time.parse().map_err(|_| TicketStepError)? };
        // `01` and `+1` would be two more texts for one step.
        if step.to_string() == text { Ok(step) } else { Err(TicketStepError) }
    }
}

/// A ticket as the notes have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ticket {
    pub key: String,
    pub token: TokenRef,
    /// The day on which the credential expires that is renewed, `2027-01-15`.
    pub period: String,
    /// Its number in the ticket system, as it was recorded last.
    pub number: Option<String>,
    /// When it was opened; `None` while no sink has taken that.
    pub opened_at: Option<Timestamp>,
    steps: BTreeMap<TicketStep, Phase>,
}

impl Ticket {
    fn sent(&self) -> impl Iterator<Item = TicketStep> {
        let sent = self.steps.iter().filter(|(_, phase)| **phase == Phase::Sent);
        sent.map(|(step, _)| *step)
    }

    /// Which time it is open, or was last.
    fn time(&self) -> u32 {
        self.sent().map(|step| step.time).max().unwrap_or(0)
    }

    fn has(&self, stage: Stage, time: u32) -> bool {
        self.sent().any(|step| step == TicketStep { stage, time })
    }

    /// Whether a sink took that it is open, and none that it is closed since.
    pub fn is_open(&self) -> bool {
        self.time() > 0 && !self.has(Stage::Closed, self.time())
    }

    /// The furthest that it was told, for people.
    pub fn stage(&self) -> Option<Stage> {
        let time = self.time();
        self.sent().filter(|step| step.time == time).map(|step| step.stage).max_by_key(|stage| {
            match stage {
                // It begins its own time.
                Stage::Reopened(_) => 0,
                other => rank(*other),
            }
        })
    }

    /// Whether another run is about to tell this step.
    fn is_claimed(&self, step: TicketStep, now: Timestamp) -> bool {
        matches!(self.steps.get(&step), Some(Phase::Claimed { until }) if *until > now)
    }
}

/// How far a stage is on the way; what is behind the last one told is not told any more.
fn rank(stage: Stage) -> u8 {
    match stage {
        Stage::Opened | Stage::Reopened(_) => 1,
        Stage::Pushed => 2,
        Stage::Merged => 3,
        Stage::Held => 4,
        Stage::Uploaded => 5,
        Stage::Closed => 6,
    }
}

/// The tickets of one tenant, by its lines of the notes. A line that names no step tells nothing.
pub fn tickets<'a>(records: impl IntoIterator<Item = &'a Record>) -> Vec<Ticket> {
    let mut tickets: BTreeMap<String, Ticket> = BTreeMap::new();
    for record in records {
        let key = match &record.body {
            EntryBody::TicketLinked { ticket } => &ticket.key,
            EntryBody::Told { event, notice } if *event != Telling::Notified => &notice.key,
            _ => continue,
        };
        let (Some(token), Some((_, period))) = (&record.token, key.rsplit_once('/')) else {
            continue;
        };
        let ticket = tickets.entry(key.clone()).or_insert_with(|| Ticket {
            key: key.clone(),
            token: token.clone(),
            period: period.to_owned(),
            number: None,
            opened_at: None,
            steps: BTreeMap::new(),
        });
        match &record.body {
            EntryBody::TicketLinked { ticket: link } => ticket.number = Some(link.number.clone()),
            EntryBody::Told { notice, .. } => {
                let Ok(step) = notice.step.parse::<TicketStep>() else { continue };
                // What a sink took stays taken, whatever another run writes of it afterwards.
                if ticket.steps.get(&step) != Some(&Phase::Sent) {
                    ticket.steps.insert(step, notice.phase.clone());
                }
                if step == TicketStep::FIRST && notice.phase == Phase::Sent {
                    ticket.opened_at.get_or_insert(record.at);
                }
            }
            _ => {}
        }
    }
    tickets.into_values().collect()
}

/// What this run read of a token, as far as tickets ask.
#[derive(Clone, Copy, Debug)]
pub struct TokenNow<'a> {
    pub token: &'a TokenRef,
    /// The identity of the renewal that is due or would be.
    pub key: &'a str,
    /// When Intune's credential expires; `None` where Intune was not read to have one.
    pub live: Option<Timestamp>,
    /// What needs a person because it expires.
    pub matter: Option<&'a Matter>,
    /// Whether a branch that others see brings a new file.
    pub pushed: bool,
    /// Whether Intune refused the file in Git, or never showed it.
    pub rejected: bool,
}

/// A step that is due for a ticket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DueStep {
    pub key: String,
    pub token: TokenRef,
    pub step: TicketStep,
    pub number: Option<String>,
}

/// What the tickets of a token are told now. Of several stages since the last run only the furthest.
pub fn due(tickets: &[Ticket], token: &TokenNow<'_>, now: Timestamp) -> Vec<DueStep> {
    // What was not read proves nothing: neither that a renewal is due nor that it is over.
    let Some(live) = token.live else { return Vec::new() };
    let mut due = Vec::new();
    let own = tickets.iter().filter(|one| one.token.same_token(token.token));
    for ticket in own.clone().filter(|one| one.is_open() && one.period < advice::day(live)) {
        due.push((Some(ticket), Stage::Closed, ticket.time()));
    }
    if let Some(matter) = token.matter {
        let ticket = own.clone().find(|one| one.key == token.key);
        match ticket {
            Some(ticket) if ticket.is_open() => {
                due.extend(
                    next_of(ticket, token, matter).map(|(stage, time)| (Some(ticket), stage, time)),
                );
            }
            Some(ticket) if ticket.time() > 0 => {
                due.push((Some(ticket), Stage::Reopened(Relapse::Back), ticket.time() + 1));
            }
            ticket => due.push((ticket, Stage::Opened, 1)),
        }
    }
    let step = |(ticket, stage, time): (Option<&Ticket>, Stage, u32)| {
        let step = TicketStep { stage, time };
        let is_claimed = ticket.is_some_and(|ticket| ticket.is_claimed(step, now));
        (!is_claimed).then(|| DueStep {
            key: ticket.map_or(token.key, |ticket| ticket.key.as_str()).to_owned(),
            token: token.token.clone(),
            step,
            number: ticket.and_then(|ticket| ticket.number.clone()),
        })
    };
    due.into_iter().filter_map(step).collect()
}

/// What an open ticket is told next.
fn next_of(ticket: &Ticket, token: &TokenNow<'_>, matter: &Matter) -> Option<(Stage, u32)> {
    let time = ticket.time();
    let was = |stage| (1..=time).any(|time| ticket.has(stage, time));
    if token.rejected && ticket.has(Stage::Uploaded, time) {
        return Some((Stage::Reopened(Relapse::Rejected), time + 1));
    }
    let is_expired = matter.code == Cause::Expired.code();
    // One that had expired before it was opened says so from the start.
    if is_expired && !was(Stage::Reopened(Relapse::Expired)) && was_in_time(ticket) {
        return Some((Stage::Reopened(Relapse::Expired), time + 1));
    }
    let stage = match matter.in_git {
        InGit::Due => Stage::Merged,
        InGit::Held => Stage::Held,
        InGit::Sent => Stage::Uploaded,
        InGit::No if token.pushed => Stage::Pushed,
        InGit::No => return None,
    };
    let told = ticket.sent().filter(|step| step.time == time).map(|step| rank(step.stage)).max();
    (told.is_none_or(|told| rank(stage) > told)).then_some((stage, time))
}

/// Whether the ticket was opened before the credential expired.
fn was_in_time(ticket: &Ticket) -> bool {
    ticket.opened_at.is_some_and(|at| advice::day(at) < ticket.period)
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
    /// What to do, while there is something.
    pub sheet: Option<TicketSheet>,
    /// Push: the request for Apple (CSR), where the notes have it.
    pub request: Option<String>,
}

/// The renewal sheet, as far as a ticket has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TicketSheet {
    pub steps: Vec<String>,
    /// Where it is done: what is there, and its address.
    pub links: Vec<(String, String)>,
    pub next: String,
}

/// What a step says, beside what the matter says.
pub fn sentence(step: TicketStep, period: &str) -> String {
    match step.stage {
        Stage::Opened => format!("The renewal is due: the credential expires on {period}."),
        Stage::Pushed => "The new file is on a branch and waits for review.".to_owned(),
        Stage::Merged => "The new file is reviewed and merged. It waits for its upload.".to_owned(),
        Stage::Held => "The new file is merged, and its upload is held.".to_owned(),
        Stage::Uploaded => "The new file was uploaded. Intune does not show it yet.".to_owned(),
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

#[cfg(test)]
mod tests;
