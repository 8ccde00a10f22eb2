//! What speaks against a downloaded file, by the rules that `plan` follows after the merge.

use crate::apple::enrollment::is_same_server;
use crate::apple::{Finding, FindingCode, Inspection, push};
use crate::fleet::{Desired, Move, NewAllow, Owners, Tenant, Token};
use crate::ledger::{Maker, TenantLedger};
use crate::model::{Kind, LiveTenant, LiveToken, Reading, Record, Sha256, TenantName, Timestamp};
use crate::rules::allow::{self, Change};
use crate::rules::bindings::{self, Bindings};
use crate::rules::codes::Reason;
use crate::rules::downloads::{self, Downloads};
use crate::rules::judge::{self, Case, Objection};
use crate::rules::owners;
use crate::rules::requests::{self, Requests};
use crate::rules::subject::ABSENT;
use crate::rules::topics::{self, KnownTopic, Witness};
use crate::rules::verdicts::{self, Verdicts};

/// A downloaded file and the entry that it is for.
pub struct Judging<'a> {
    pub sha256: Sha256,
    /// The Apple Account that a person named.
    pub apple_id: Option<&'a str>,
    pub inspection: &'a Inspection,
    pub tenant: &'a Tenant,
    pub token: &'a Token,
    /// What Intune has of this token alone; `None` where it was not asked.
    pub live: Option<&'a LiveTenant>,
    /// What was recorded of the tenant, where the ledger was read.
    pub past: Option<&'a TenantLedger>,
    /// Every tenant's recorded requests for Apple.
    pub requests: &'a Requests,
    pub now: Timestamp,
    /// Whether Apple is asked about a VPP token.
    pub asks_apple: bool,
}

/// Whose a file is that was brought for another tenant.
pub struct Elsewhere {
    pub objection: Objection,
    /// The tenant that it may be brought for instead.
    pub owner: Option<TenantName>,
}

impl Judging<'_> {
    fn kind(&self) -> Kind {
        self.token.token.kind
    }

    /// Push: the topic that enrolled devices know.
    fn devices_know(&self) -> Option<KnownTopic> {
        let nothing = TenantLedger::default();
        let past = self.past.unwrap_or(&nothing);
        let in_intune = match self.subject() {
            Some(LiveToken::Push(live)) => Some(&live.topic),
            _ => None,
        };
        topics::devices_know(past, &self.token.token, None, Some(self.token), in_intune)
    }

    /// That the file has the topic which devices know, while Intune has another one, and the line
    /// that lets it be uploaded.
    pub fn brings_back(&self) -> Option<Finding> {
        let known = self.devices_know()?;
        let Some(LiveToken::Push(live)) = self.subject() else { return None };
        let topic = self.inspection.facts.topic.as_ref()?;
        if *topic == live.topic || !known.may_be(topic) {
            return None;
        }
        let today = self.now.date_time().date_naive();
        let told = topics::told(&known, live);
        let message = match topics::way_back(&live.topic, &known, today) {
            Some(line) => format!(
                "{told}. This certificate brings that topic back. Its upload is held until this line is on the push entry, which belongs into the same pull request: {line}"
            ),
            None => format!(
                "{told}. This certificate has the topic {topic}. Its upload is held (topic-change) until a colleague who has looked at a device releases it. This says how: `applecart explain topic-change`"
            ),
        };
        Some(Finding::new(FindingCode::TopicChange, message))
    }

    /// The line that lets such a file be uploaded, where the entry has none and it is certain which topic
    /// devices know.
    pub fn way_back(&self) -> Option<NewAllow> {
        let known = self.devices_know()?;
        let Some(LiveToken::Push(live)) = self.subject() else { return None };
        let topic = self.inspection.facts.topic.as_ref()?;
        let change = Change::of(&live.topic, topic, self.sha256);
        let today = self.now.date_time().date_naive();
        let is_released = allow::releases(&self.token.allow, Reason::TopicChange, &change, today);
        let is_needed = *topic == known.topic && *topic != live.topic && !is_released;
        topics::release(&live.topic, &known, today).filter(|_| is_needed)
    }

    fn subject(&self) -> Option<LiveToken<'_>> {
        self.live.and_then(|live| live.only(self.kind()))
    }

    /// What the rules answer, for the text of a pull request; `None` where Intune was not asked.
    pub fn verdicts(&self) -> Option<Verdicts> {
        self.live?;
        let topic = self.token.topic();
        Some(self.with_case(|case| verdicts::verdicts(case, self.inspection, topic)))
    }

    /// Every reason not to take the file; empty when it may be taken.
    pub fn objections(&self) -> Vec<Objection> {
        let (facts, sha256) = (&self.inspection.facts, self.sha256);
        let today = self.now.date_time().date_naive();
        let mut all: Vec<Objection> = if self.live.is_some() {
            self.with_case(|case| judge::opened(case, &self.inspection.findings))
        } else {
            let refusing = self.inspection.findings.iter().filter(|finding| finding.refuses());
            refusing
                .map(|finding| Objection::new(finding.code.as_str(), finding.message.clone()))
                .chain(self.forgotten_topic())
                .chain(self.other_request())
                .collect()
        };
        // The plan holds it until a reviewed line says so; without the file there is none to review.
        if self.brings_back().is_some() {
            all.retain(|objection| objection.code != Reason::TopicChange.as_str());
        }
        // The line that releases it belongs into the pull request that brings the certificate.
        let is_disputed = self.disputed_request().is_some();
        if self.answers_disputed() {
            all.retain(|objection| objection.code != Reason::KeyMismatch.as_str());
        }
        let mismatch = |one: &&mut Objection| one.code == Reason::KeyMismatch.as_str();
        if !is_disputed
            && let Some(objection) = all.iter_mut().find(mismatch)
            && let (Some(past), Some(asked)) = (self.past, self.open_requests().last())
        {
            let who = requests::recorder(past, asked);
            objection.detail.push_str(&format!(". That request was recorded by {who}"));
        }
        for objection in judge::against_entry(self.token, facts, sha256, today) {
            if !all.iter().any(|told| told.code == objection.code) {
                all.push(objection);
            }
        }
        all
    }

    /// That devices know another topic, where only the record tells: an edit of `topic:` does not
    /// change it.
    fn forgotten_topic(&self) -> Option<Objection> {
        let known = self.devices_know().filter(|known| known.by != Witness::Git)?;
        let topic = self.inspection.facts.topic.as_ref().filter(|topic| !known.may_be(topic))?;
        let change = Change::of(&known.topic, topic, self.sha256);
        let (allows, today) = (&self.token.allow, self.now.date_time().date_naive());
        if known.is_given_up_for(topic, self.token)
            || allow::releases(allows, Reason::TopicChange, &change, today)
        {
            return None;
        }
        let detail = format!(
            "the certificate's topic is {topic}, but the enrolled devices know {} ({}), whatever the tenant file says since: they do not answer under another one. At Apple's push portal press Renew on {}, never Create",
            known.topic,
            known.shown_by(),
            known.row()
        );
        Some(Objection::new(Reason::TopicChange.as_str(), detail))
    }

    /// That the certificate answers none of the requests that are on record for this renewal, where
    /// Intune was not asked. A certificate that Intune had when one was opened was made for an earlier one.
    fn other_request(&self) -> Option<Objection> {
        let facts = &self.inspection.facts;
        let serial_before =
            |record: &Record| record.before.as_ref().and_then(|before| before.serial.clone());
        let open = self.open_requests();
        let is_renewed = |record: &&Record| {
            serial_before(record).is_some_and(|before| Some(&before) == facts.serial.as_ref())
        };
        if self.answers_request() || open.iter().any(is_renewed) {
            return None;
        }
        let asked = open.last()?;
        let (_, key) = asked.request()?;
        let finding = push::against_request(facts.public_key_sha256?, Some(key))?;
        let from = serial_before(asked).map_or(ABSENT.to_owned(), |serial| serial.to_string());
        let change = Change::of(&from, facts.serial.as_ref()?, self.sha256);
        let today = self.now.date_time().date_naive();
        if allow::releases(&self.token.allow, Reason::KeyMismatch, &change, today) {
            return None;
        }
        let detail = format!(
            "{}. Intune was not asked: if it has another certificate since that request, leave out --offline",
            finding.message
        );
        Some(Objection::new(finding.code.as_str(), detail))
    }

    /// That nothing proves which of several open requests Intune made, and the line that says so.
    fn disputed_request(&self) -> Option<String> {
        self.live?;
        let hold = self.with_case(|case| case.disputed_request())?;
        Some(hold.detail)
    }

    /// The open requests of this renewal, oldest first.
    fn open_requests(&self) -> Vec<&Record> {
        let live = self.subject().map(LiveToken::facts);
        let token = &self.token.token;
        self.past.map_or_else(Vec::new, |past| past.requests_open(token, live.as_ref()))
    }

    /// The open request that the certificate answers, with what was recorded of the tenant.
    fn answered(&self) -> Option<(&TenantLedger, &Record)> {
        let key = self.inspection.facts.public_key_sha256?;
        let is_it = |record: &&Record| record.request().is_some_and(|(_, asked)| asked == key);
        Some((self.past?, self.open_requests().into_iter().find(is_it)?))
    }

    /// Whether the certificate answers one of several open requests of which nothing proves which one
    /// Intune made. That its key is not the newest one's says nothing then.
    pub fn answers_disputed(&self) -> bool {
        self.answers_request() && self.disputed_request().is_some()
    }

    /// Whether the certificate answers an open request that Intune may have made.
    fn answers_request(&self) -> bool {
        self.answered().is_some_and(|(past, record)| {
            !matches!(requests::maker_of(past, record), Maker::Other { .. })
        })
    }

    /// Whose word it is that the certificate answers Intune's request, where no signature proves it.
    fn request_told(&self) -> Option<String> {
        let (past, record) = self.answered().filter(|_| self.answers_request())?;
        let maker = requests::maker_of(past, record);
        if matches!(maker, Maker::Vendor { .. }) {
            return None;
        }
        Some(format!(
            "its key is the one of the request for Apple (CSR) that was recorded by {}; {}. Ask them if you do not know of it",
            requests::recorder(past, record),
            requests::told_maker(maker)
        ))
    }

    /// Asks the rules about the entry as it would be.
    fn with_case<T>(&self, ask: impl FnOnce(&Case<'_>) -> T) -> T {
        let facts = &self.inspection.facts;
        let entry = judge::entry_with(self.token, facts, self.sha256, self.apple_id);
        let entry = downloads::redate(&entry, self.past, &Downloads::default(), self.live)
            .map_or(entry, |(dated, _)| dated);
        let (nothing, devices_know) = (TenantLedger::default(), self.devices_know());
        ask(&Case {
            now: self.now,
            tenant: self.tenant,
            token: &entry,
            sha256: self.sha256,
            of: &self.token.token,
            live: self.subject(),
            past: self.past.unwrap_or(&nothing),
            devices_know: devices_know.as_ref(),
            // Apple is asked where nothing else speaks against the file.
            revoked: None,
            asks_apple: self.asks_apple,
        })
    }

    /// What speaks against the file as a renewal: there has to be something in Intune that it
    /// follows, and it has to be a later one. A push certificate may be the first one, or follow one
    /// that was deleted: which topic it may have then is a rule of its own.
    pub fn against_renewal(&self) -> Vec<Objection> {
        let Some(live) = self.subject() else {
            if self.live.is_some_and(|live| live.push == Reading::Absent)
                && self.kind() == Kind::Push
            {
                return Vec::new();
            }
            return vec![Objection::new(
                "not-live",
                format!(
                    "Intune has nothing that this file would follow for {}, so it is no renewal. Bring a first one with `applecart seal`. Where several tokens could be meant, or Intune has it under another id, correct `id` in the tenant file",
                    self.token.token
                ),
            )];
        };
        let findings = &self.inspection.findings;
        if findings.iter().any(|finding| finding.code == FindingCode::SameAsLive)
            || self.with_case(|case| case.is_same())
        {
            return vec![Objection::new(
                "same-as-live",
                "Intune has this very credential already, so nothing would be renewed. Look for the newer download, or download it again",
            )];
        }
        // After a password change Apple's new token expires with the dead one that it replaces.
        let replaces_a_dead_one = matches!(live, LiveToken::Vpp(live) if !live.is_valid());
        match (live.expires(), self.inspection.facts.expires) {
            (Some(live), Some(found)) if found == live && !replaces_a_dead_one => {
                vec![Objection::new(
                    "not-later",
                    format!(
                        "it expires on {found}, as the one in Intune does, so nothing would be renewed. Look for the newer download"
                    ),
                )]
            }
            _ => Vec::new(),
        }
    }

    /// Whether Intune had this very file and does not have it any more.
    pub fn has_left_intune(&self) -> bool {
        self.live.is_some() && self.with_case(|case| case.was_confirmed() && !case.is_same())
    }

    /// That the file would not be uploaded here, because the folder, it or its topic is another tenant's by
    /// the base's history or the ledger.
    pub fn wrong_destination(&self, bindings: &Bindings<'_>, moves: &[Move]) -> Vec<Objection> {
        let conflicts =
            self.with_case(|case| bindings.conflicts(case.tenant, case.token, moves, case.today()));
        let code = Reason::WrongDestination.as_str();
        conflicts.into_iter().map(|detail| Objection::new(code, detail)).collect()
    }

    /// What is wrong with the Apple Account that a person named for the file.
    pub fn account_doubts(&self, fleet: &[Desired], owners: &Owners) -> Vec<String> {
        let is = |one: Option<&str>, other: &str| {
            one.is_some_and(|one| one.to_lowercase() == other.to_lowercase())
        };
        let Some(named) = self.apple_id else { return Vec::new() };
        let stated = self.token.facts.apple_id.as_deref();
        let at_risk = owners::risk(named, self.tenant, owners).map(|risk| {
            format!(
                "the Apple Account {named} {risk}. What depends on it ends, or cannot be renewed, when its password changes or it goes (owner-risk)"
            )
        });
        let mut doubts = Vec::from_iter(at_risk);
        if is(stated, named) {
            return doubts;
        }
        let domain = named.rsplit_once('@').map_or("", |(_, domain)| domain);
        if !domain.contains('.') {
            doubts.push(format!(
                "{named:?} is no whole address, and Apple Accounts are addresses such as mdm@contoso.example. If it is mistyped, next year's person cannot sign in: run this again with the right --apple-id"
            ));
        }
        let uses = |tenant: &Tenant| {
            tenant.tokens().any(|token| is(token.facts.apple_id.as_deref(), named))
        };
        let mut others = fleet.iter().filter_map(Desired::valid);
        let other = others.find(|other| other.name != self.tenant.name && uses(other));
        if let Some(other) = other.filter(|_| !uses(self.tenant)) {
            doubts.push(format!(
                "the fleet names the Apple Account {named} for the tenant {}, and for no token of {} so far. Make sure that the credential is really in that account",
                other.name, self.tenant.name
            ));
        }
        if let Some(stated) = stated {
            doubts.push(format!(
                "the entry names the Apple Account {stated} so far, and names {named} after the merge. The next renewal is done with that one"
            ));
        }
        doubts
    }

    /// Whose the file is, where that is plainly another tenant of the fleet. A certificate with that
    /// tenant's topic is of no use to it either where it answers the request of a third one.
    pub fn elsewhere(&self, fleet: &[Desired]) -> Vec<Elsewhere> {
        let key = self.inspection.facts.public_key_sha256;
        bindings::owners(fleet, self.tenant, &self.inspection.facts)
            .map(|other| {
                let wrong_row = key.and_then(|key| {
                    self.requests.on_wrong_row(self.tenant.tenant_id, key, &other.name)
                });
                if let Some(detail) = wrong_row {
                    return Elsewhere {
                        objection: Objection::new("wrong-row", detail),
                        owner: None,
                    };
                }
                let asked = key.and_then(|key| self.requests.with_key(key));
                let is_theirs = asked.is_none_or(|request| request.tenant_id == other.tenant_id);
                let detail = format!(
                    "the file is for the tenant {}, not for {}",
                    other.name, self.tenant.name
                );
                Elsewhere {
                    objection: Objection::new("wrong-tenant", detail),
                    owner: is_theirs.then(|| other.name.clone()),
                }
            })
            .collect()
    }

    /// Whose request a certificate answers, where that is another tenant's and the file is not
    /// simply that tenant's own.
    pub fn foreign(&self, elsewhere: &[Elsewhere]) -> Option<Finding> {
        let key = self.inspection.facts.public_key_sha256?;
        if elsewhere.iter().any(|one| one.owner.is_some()) {
            return None;
        }
        self.requests.foreign(self.tenant.tenant_id, &self.tenant.name, key)
    }

    /// What a person should know although the file is taken.
    pub fn doubts(&self) -> Vec<String> {
        let mut doubts = Vec::new();
        let told = self.objections();
        let is_held = |hold: Reason| told.iter().any(|one| one.code == hold.as_str());
        let is_held_for_age = self.kind() == Kind::Enrollment && is_held(Reason::AgeUnknown);
        let is_dated = self.inspection.facts.downloaded.is_some();
        let is_unread = self.kind() == Kind::Enrollment && self.live.is_none();
        if is_held_for_age && is_dated {
            doubts.push("it was downloaded within a day of the token in Intune, and nothing proves which of the two is newer, so a plan holds it (age-unknown); if Intune has this very file, run `applecart import --update` instead".to_owned());
        } else if is_held_for_age || (is_unread && !is_dated) {
            doubts.push("nothing tells when this token was downloaded, so a plan holds it (age-unknown) while Intune has another one; give --downloaded TIME".to_owned());
        }
        if self.token.facts.apple_id.is_none() && self.apple_id.is_none() {
            doubts.push("the entry has no `appleId`; write the Apple Account that the file was downloaded with: next year's person needs it (--apple-id writes it)".to_owned());
        }
        if self.token.create && self.token.facts.location.is_none() {
            doubts.push("the entry is for a token that Intune does not have yet, and names no `location`: where Intune has one of the same organisation and Apple Account, a plan holds it (create-not-permitted). Write `location` on the entry, as Apple names it".to_owned());
        }
        doubts.extend(self.other_server());
        doubts.extend(self.disputed_request().filter(|_| self.answers_request()));
        doubts.extend(self.request_told());
        doubts
    }

    /// Apple writes the MDM server into the file's name. Two servers of one organisation may have
    /// the same key, so nothing in the file tells them apart.
    fn other_server(&self) -> Option<String> {
        let (ours, theirs) = (self.token.server.as_ref()?, self.inspection.facts.server.as_ref()?);
        (!is_same_server(ours, theirs)).then(|| {
            format!(
                "the file's name says that it is for the MDM server {theirs:?}, and `server` in the tenant file says {ours:?}. Uploading another server's token takes every device of {ours:?} out of Intune's sync. If the file is the right one, correct `server`; else download the token of {ours:?}"
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Event;
    use crate::plan::world::{OTHER_TOPIC, TOPIC, World};
    use crate::rules::verdicts::tests::push_file;

    /// Asks about a certificate for the push entry of a world.
    fn judged<T>(world: &World, topic: &str, ask: impl FnOnce(&Judging<'_>) -> T) -> T {
        let requests = Requests::default();
        let ledger = world.ledger.as_ref().unwrap();
        ask(&Judging {
            sha256: Sha256::of(b"file"),
            apple_id: Some("sam@gmail.com"),
            inspection: &push_file(topic),
            tenant: &world.tenant,
            token: world.tenant.push.as_ref().unwrap(),
            live: Some(&world.live),
            past: Some(ledger.tenant(world.tenant.tenant_id)),
            requests: &requests,
            now: world.now,
            asks_apple: false,
        })
    }

    fn way_back(world: &World, topic: &str) -> Option<NewAllow> {
        judged(world, topic, |one| one.way_back())
    }

    /// Create was pressed, and Intune has what came of it.
    fn created() -> World {
        let mut world = World::renewal();
        world.first_in_git(TOPIC);
        world.live_push(|push| push.topic = OTHER_TOPIC.parse().unwrap());
        world
    }

    #[test]
    fn the_line_of_the_way_back_names_exactly_this_change_and_is_not_added_twice() {
        let mut world = created();
        let line = way_back(&world, TOPIC).unwrap();
        assert_eq!((line.from.as_str(), line.to.as_str()), (OTHER_TOPIC, TOPIC));
        assert_eq!(line.hold, Reason::TopicChange);
        world.entry().allow.push(line.into());
        assert_eq!(way_back(&world, TOPIC), None);
    }

    #[test]
    fn no_line_lets_a_topic_come_that_devices_do_not_know_or_that_nobody_is_sure_of() {
        assert_eq!(way_back(&created(), OTHER_TOPIC), None, "the created one");
        assert_eq!(way_back(&World::renewal(), TOPIC), None, "an ordinary renewal");
        let mut disputed = World::renewal();
        disputed.first_in_git(OTHER_TOPIC);
        disputed.recorded(Event::Observed, "99", "run-0", "2026-10-01T11:00:00Z");
        disputed.live_push(|push| push.topic = OTHER_TOPIC.parse().unwrap());
        assert_eq!(way_back(&disputed, TOPIC), None, "ledger and history differ");
    }

    #[test]
    fn a_risky_account_is_told_while_the_file_is_brought() {
        let mut world = World::renewal();
        let doubts = |world: &World| {
            judged(world, TOPIC, |one| one.account_doubts(&[], &world.policy.owners)).join(" ")
        };
        assert!(doubts(&world).contains("sam@gmail.com is at a free mail provider"));
        world.entry().facts.apple_id = Some("sam@gmail.com".into());
        assert!(doubts(&world).contains("owner-risk"), "also where Git names it already");
        world.policy.owners.accepted.push("sam@gmail.com".into());
        assert_eq!(doubts(&world), "");
    }
}
