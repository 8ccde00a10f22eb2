//! What a ticket is told, row by row.

use super::*;
use crate::attention::MatterTenant;
use crate::fleet::Selection;
use crate::ledger::testing::{tenant, ticketed};
use crate::model::{LedgerEntry, Sha256};

const PERIOD: &str = "2027-01-15";
const KEY: &str = "00000000-0000-4000-8000-000000000001/push/-/renewal-due/2027-01-15";

fn at(day: &str) -> Timestamp {
    format!("{day}T08:00:00Z").parse().unwrap()
}

/// A ticket that was told these steps, opened before its credential expired.
fn ticket(steps: &[&str]) -> Ticket {
    Ticket {
        key: KEY.into(),
        token: TokenRef::push(),
        period: PERIOD.into(),
        number: Some("4711".into()),
        client: None,
        opened_at: Some(at("2026-12-01")),
        opening: None,
        shared_with: None,
        steps: steps.iter().map(|step| (step.parse().unwrap(), Standing::Sent)).collect(),
    }
}

fn matter(cause: Cause, in_git: InGit) -> Matter {
    Matter {
        key: String::new(),
        code: cause.code(),
        severity: cause.severity(),
        tenant: Some(MatterTenant { name: "contoso".into(), tenant_id: None }),
        token: Some(TokenRef::push()),
        since: None,
        due: None,
        message: String::new(),
        next: String::new(),
        command: None,
        as_of: None,
        suspended: false,
        command_for_all: None,
        in_git,
        devices: None,
        is_remembered: false,
        window: None,
    }
}

/// What a run read; the fields that a row does not name are calm.
#[derive(Clone)]
struct Read {
    live: Option<&'static str>,
    cause: Option<Cause>,
    in_git: InGit,
    pushed: bool,
    rejected: bool,
    /// Today.
    on: &'static str,
    /// Whether what Intune has is another credential than before.
    another: bool,
}

fn read() -> Read {
    Read {
        live: Some(PERIOD),
        cause: Some(Cause::RenewalDue),
        in_git: InGit::No,
        pushed: false,
        rejected: false,
        on: "2026-12-02",
        another: false,
    }
}

fn steps(tickets: &[Ticket], read: &Read) -> Vec<String> {
    let token = TokenRef::push();
    let matter = read.cause.map(|cause| matter(cause, read.in_git));
    let now = TokenNow {
        token: &token,
        key: KEY,
        live: read.live.map(at),
        proved_until: read.live.filter(|_| !read.another).map(at),
        matter: matter.as_ref(),
        pushed: read.pushed,
        rejected: read.rejected,
        now: at(read.on),
        remind: Duration::days(7),
    };
    due(tickets, &now).iter().map(|one| one.step.to_string()).collect()
}

#[test]
fn a_ticket_follows_its_renewal() {
    let with = |change: &dyn Fn(&mut Read)| {
        let mut one = read();
        change(&mut one);
        one
    };
    let in_git = |state| with(&|one| one.in_git = state);
    let pushed = with(&|one| one.pushed = true);
    let renewed = with(&|one| (one.live, one.cause) = (Some("2028-01-15"), None));
    let another =
        with(&|one| (one.live, one.cause, one.another) = (Some("2028-01-15"), None, true));
    let unread = with(&|one| one.live = None);
    let expired = with(&|one| one.cause = Some(Cause::Expired));
    let rejected = with(&|one| (one.rejected, one.in_git) = (true, InGit::Held));
    let critical = |on| with(&|one| (one.cause, one.on) = (Some(Cause::Critical), on));
    let waits = with(&|one| {
        (one.cause, one.on, one.in_git) = (Some(Cause::Critical), "2026-12-16", InGit::Due)
    });
    type Row<'a> = (&'a str, Option<&'a [&'a str]>, &'a Read, &'a [&'a str]);
    let rows: &[Row<'_>] = &[
        ("it is opened when the renewal is due", None, &read(), &["opened-1"]),
        ("a calm token has none", None, &renewed, &[]),
        ("what was not read opens none", None, &unread, &[]),
        ("it is opened once", Some(&["opened-1"]), &read(), &[]),
        ("a branch is noted", Some(&["opened-1"]), &pushed, &["pushed-1"]),
        ("a branch is noted once", Some(&["opened-1", "pushed-1"]), &pushed, &[]),
        ("the merge is noted", Some(&["opened-1", "pushed-1"]), &in_git(InGit::Due), &["merged-1"]),
        ("only the furthest is told", Some(&["opened-1"]), &in_git(InGit::Sent), &["uploaded-1"]),
        ("nothing goes back", Some(&["opened-1", "merged-1"]), &pushed, &[]),
        ("a hold is noted", Some(&["opened-1", "merged-1"]), &in_git(InGit::Held), &["held-1"]),
        ("a hold is noted once", Some(&["opened-1", "held-1"]), &in_git(InGit::Held), &[]),
        ("a later expiry closes it", Some(&["opened-1", "uploaded-1"]), &renewed, &["closed-1"]),
        ("one renewed by hand is closed as well", Some(&["opened-1"]), &renewed, &["closed-1"]),
        ("another credential closes none", Some(&["opened-1"]), &another, &[]),
        ("it is closed once", Some(&["opened-1", "closed-1"]), &renewed, &[]),
        ("what was not read closes none", Some(&["opened-1", "uploaded-1"]), &unread, &[]),
        (
            "a refused file opens it again",
            Some(&["opened-1", "uploaded-1"]),
            &rejected,
            &["reopened-rejected-2"],
        ),
        (
            "it is opened again once",
            Some(&["opened-1", "uploaded-1", "reopened-rejected-2"]),
            &rejected,
            &["held-2"],
        ),
        (
            "the expiry opens it again",
            Some(&["opened-1", "pushed-1"]),
            &expired,
            &["reopened-expired-2"],
        ),
        (
            "the expiry is told once",
            Some(&["opened-1", "reopened-expired-2", "closed-2", "reopened-back-3"]),
            &expired,
            &[],
        ),
        (
            "a critical one is not reminded at once",
            Some(&["opened-1"]),
            &critical("2026-12-02"),
            &[],
        ),
        (
            "a critical one is reminded",
            Some(&["opened-1"]),
            &critical("2026-12-16"),
            &["reminded-2-1"],
        ),
        ("what is new goes before a reminder", Some(&["opened-1"]), &waits, &["merged-1"]),
        (
            "one that waits is reminded as well",
            Some(&["opened-1", "merged-1"]),
            &waits,
            &["reminded-2-1"],
        ),
        (
            "it is reminded once a week",
            Some(&["opened-1", "reminded-2-1"]),
            &critical("2026-12-17"),
            &[],
        ),
        (
            "it is reminded of the next week",
            Some(&["opened-1", "reminded-2-1"]),
            &critical("2026-12-23"),
            &["reminded-3-1"],
        ),
        (
            "the earlier credential opens it again",
            Some(&["opened-1", "closed-1"]),
            &read(),
            &["reopened-back-2"],
        ),
        (
            "and it is closed again",
            Some(&["opened-1", "closed-1", "reopened-back-2"]),
            &renewed,
            &["closed-2"],
        ),
    ];
    for (sentence, told, read, expected) in rows {
        let tickets: Vec<Ticket> = told.iter().map(|told| ticket(told)).collect();
        assert_eq!(steps(&tickets, read), *expected, "{sentence}");
    }
}

#[test]
fn what_had_expired_before_its_ticket_was_opened_is_not_opened_twice() {
    let mut late = ticket(&["opened-1"]);
    late.opened_at = Some(at("2027-01-20"));
    assert_eq!(
        steps(&[late], &Read { cause: Some(Cause::Expired), ..read() }),
        Vec::<String>::new()
    );
}

#[test]
fn what_another_run_is_about_to_tell_waits_and_what_failed_is_due_again() {
    let with = |standing: Standing| {
        let mut one = ticket(&[]);
        one.steps.insert(TicketStep::FIRST, standing);
        steps(&[one], &read())
    };
    assert!(with(Standing::Busy).is_empty());
    assert_eq!(with(Standing::Due), ["opened-1"]);
    assert!(with(Standing::Sent).is_empty());
}

/// The opening may have arrived all the same.
#[test]
fn a_ticket_whose_run_died_opening_it_is_closed_once_its_renewal_is_proved() {
    let with = |standing: Standing| {
        let mut one = ticket(&[]);
        one.steps.insert(TicketStep::FIRST, standing);
        steps(&[one], &Read { live: Some("2028-01-15"), cause: None, ..read() })
    };
    assert_eq!(with(Standing::Due), ["closed-1"]);
    assert!(with(Standing::Busy).is_empty(), "the other run may be opening it");
    let over = ticket(&["closed-1"]);
    assert!(steps(&[over], &Read { live: Some("2028-01-15"), cause: None, ..read() }).is_empty());
}

#[test]
fn the_next_renewal_has_a_ticket_of_its_own() {
    let old = Ticket {
        key: KEY.replace("2027", "2026"),
        period: "2026-01-15".into(),
        ..ticket(&["opened-1"])
    };
    assert_eq!(steps(&[old], &read()), ["closed-1", "opened-1"]);
}

#[test]
fn a_step_has_one_text() {
    for text in [
        "opened-1",
        "pushed-2",
        "merged-1",
        "held-1",
        "uploaded-1",
        "reminded-3-1",
        "closed-3",
        "reopened-expired-2",
    ] {
        assert_eq!(text.parse::<TicketStep>().unwrap().to_string(), text);
    }
    for text in [
        "",
        "opened",
        "opened-",
        "opened-01",
        "opened-+1",
        "reminded-01-1",
        "reminded-1",
        "reopened-2",
        "raised-1",
    ] {
        assert!(text.parse::<TicketStep>().is_err(), "{text}");
    }
}

/// Whoever may push notes writes what they like.
#[test]
fn a_forged_opening_keeps_no_critical_credential_from_its_ticket_for_longer_than_a_reminder() {
    let policy = TicketPolicy {
        sink: "desk".into(),
        client: None,
        require: false,
        remind: Duration::days(7),
        select: Selection::default(),
    };
    let tenant = tenant(1);
    let now = at("2026-12-20");
    let remembered = |lines: &[(&str, &str)]| {
        let line = |(seq, (step, on)): (u64, &(&str, &str))| {
            let line = ticketed(tenant, "desk", step, "7", at(on));
            // Written today, whatever day they claim to be of.
            LedgerEntry { at: now, ..line }.at_place(seq, Sha256::ZERO)
        };
        let told = [(tenant, (1..).zip(lines).map(line).collect())].into();
        let all = tickets(&told, &policy, now, Asker::onlooker(now));
        let ticket = all.get(&tenant)?.first()?.clone();
        let critical = Read { cause: Some(Cause::Critical), on: "2026-12-20", ..read() };
        Some(steps(&[Ticket { key: KEY.into(), period: PERIOD.into(), ..ticket }], &critical))
    };
    let is_told = |lines: &[(&str, &str)]| remembered(lines).unwrap();
    assert_eq!(is_told(&[("opened-1", "2026-12-01")]), ["reminded-2-1"]);
    assert!(is_told(&[("opened-1", "2026-12-19")]).is_empty(), "it is believed for a week");
    let ahead: &[_] = &[
        ("opened-1", "2026-12-01"),
        ("reminded-1-1", "2026-12-08"),
        ("reminded-2-1", "2026-12-09"),
    ];
    assert_eq!(is_told(ahead), ["reminded-2-1"], "no run reminds so early");
    assert_eq!(remembered(&[("opened-1", "2027-12-01")]), None, "nobody told anything next year");
    assert_eq!(remembered(&[("merged-1", "2026-12-01")]), None, "what was not opened has no step");
}

#[test]
fn a_forged_opening_keeps_no_expiry_from_its_ticket() {
    let forged = ticket(&["opened-1", "pushed-1", "merged-1", "uploaded-1"]);
    assert_eq!(steps(std::slice::from_ref(&forged), &read()), Vec::<String>::new());
    let expired = Read { cause: Some(Cause::Expired), ..read() };
    assert_eq!(steps(&[forged], &expired), ["reopened-expired-2"]);
    let closed = ticket(&["opened-1", "closed-1"]);
    assert_eq!(steps(&[closed], &read()), ["reopened-back-2"]);
}

#[test]
fn a_ticket_is_at_the_number_that_its_opening_arrived_with_and_at_none_before() {
    let policy = TicketPolicy {
        sink: "desk".into(),
        client: Some("halo".into()),
        require: true,
        remind: Duration::days(7),
        select: Selection::default(),
    };
    let (id, now) = (tenant(1), at("2026-12-20"));
    let line = |client: &str, phase: Phase| {
        let mut line = ticketed(id, "desk", "opened-1", client, now);
        if let EntryBody::Told { notice, .. } = &mut line.body {
            notice.phase = phase;
        }
        line
    };
    let until = now.plus(-Duration::minutes(1));
    let client = |lines: &[LedgerEntry]| {
        let placed = (1..).zip(lines).map(|(seq, line)| line.clone().at_place(seq, Sha256::ZERO));
        let told = [(id, placed.collect())].into();
        let all = tickets(&told, &policy, now, Asker::onlooker(now));
        all[&id][0].client.clone()
    };
    let refused = line("7", Phase::Refused { why: "unknown customer".into() });
    let claimed = |client: &str| line(client, Phase::Claimed { until });
    assert_eq!(client(&[claimed("7"), refused.clone()]), None);
    let sent = line("8", Phase::Sent);
    let all = [claimed("7"), refused, claimed("8"), sent];
    assert_eq!(client(&all).as_deref(), Some("8"));
    let waiting = |lines: &[LedgerEntry]| {
        let placed = (1..).zip(lines).map(|(seq, line)| line.clone().at_place(seq, Sha256::ZERO));
        memory::refused(&[(id, placed.collect())].into(), "desk", |_, _| true).len()
    };
    assert_eq!(waiting(&all[..3]), 1);
    assert_eq!(waiting(&all), 0, "nobody waits for what was refused any more");
    let lost = [all.as_slice(), &[claimed("9")]].concat();
    assert_eq!(client(&lost).as_deref(), Some("8"), "a claim puts it nowhere");
}
