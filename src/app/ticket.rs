//! One ticket for each renewal, and the number that it has in its own system.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::acknowledge::load_tenant;
use super::renew::recorded_request;
use super::session::{self, Intune, Loaded, Made, Past, Tree, Wanted, Which};
use super::telling::{self, Begun, Letter, LetterStep, Post, Posted, Way};
use super::{AppError, Context, Reach};
use applecart_core::attention::{Cause, CloneState, Matter, MatterTenant, renewal_key};
use applecart_core::fleet::{Desired, Tenant, TicketPolicy, name_of};
use applecart_core::ledger::LedgerView;
use applecart_core::model::{
    EntryBody, Event, LedgerEntry, LiveTenant, Outcome, Record, Telling, TenantId, TenantName,
    TicketLink, TokenRef,
};
use applecart_core::outlets::memory::{self, Asker};
use applecart_core::outlets::ticket::{self, Delivery, Input, TicketRequest, TicketSheet};
use applecart_core::plan::{Selection, Source};
use applecart_core::renewal::due::Due;
use applecart_core::report::complete_sheet;
use applecart_core::report::ticket::{
    FailedTicket, ListedTicket, ShownTicket, TicketList, TicketReport,
};
use applecart_io::git::Repo;

/// Longest number, in characters.
pub const MAX_NUMBER: usize = 40;

#[derive(Debug)]
pub struct Options {
    pub selection: Selection,
    /// Send nothing, record nothing: show the messages as they would be sent.
    pub dry_run: bool,
    /// Asks it to begin no further message.
    pub stop: Arc<AtomicBool>,
}

/// Why no ticket was opened, followed or linked.
#[derive(Debug, thiserror::Error)]
pub enum TicketError {
    #[error("applecart.yaml names no sink that carries tickets")]
    NoSink,
    #[error(
        "{number:?} is not a ticket's number: use 1 to {MAX_NUMBER} letters, digits, spaces and `# : . _ / -`"
    )]
    Number { number: String },
    #[error("{what} means several tokens, or none; name one of {choices}")]
    NotOne { what: String, choices: String },
    #[error("nothing tells when {what} expires, so nothing tells which renewal the ticket is for")]
    NoPeriod { what: String },
    #[error(
        "the number {number} is linked to the ticket of {by}: what is told of this customer's would be read there"
    )]
    Taken { number: String, by: String },
    /// Nothing can be recorded while what is on record is unknown.
    #[error("the notes cannot be read, so nothing was recorded: {0}")]
    Unknown(String),
}

/// What tickets were told.
pub struct Ticketed {
    pub report: TicketReport,
    pub outcome: Outcome,
}

/// Opens, follows and closes the tickets of the selected tenants.
pub fn run(context: &Context, options: &Options) -> Result<Ticketed, AppError> {
    let Begun { context, author, lock, .. } = telling::begin(context, options.dry_run)?;
    let mut live = BTreeMap::new();
    let mut made = plan(&context, &options.selection, &mut live)?;
    let policy = made.loaded.policy.tickets.clone().ok_or(TicketError::NoSink)?;
    let matters = made.attention().matters;
    let observed = session::observed(&made.planned.plan);
    let mut report = TicketReport::new(made.planned.plan.generated_at, options.dry_run);
    let of_cause = |cause: Cause| matters.iter().filter(move |one| one.code == cause.code());
    let name = |matter: &Matter| matter.tenant.as_ref().map(|tenant| tenant.name.clone());
    report.unmapped = of_cause(Cause::TicketUnmapped).filter_map(name).collect();
    report.moved = of_cause(Cause::TicketMoved).map(Into::into).collect();
    report.unread = ticket::unread(&policy, &made.loaded.fleet, &made.planned.plan, &matters);
    let sinks = made.loaded.policy.notify.iter().filter(|sink| sink.name == policy.sink);
    let sinks: Vec<_> = sinks.cloned().collect();
    let way = Way::of(&context, (author, lock), &mut made, &sinks, &options.stop)?;
    let due = |told: &BTreeMap<TenantId, Vec<Record>>, asker: Asker<'_>| {
        due(&made, &live, (&policy, &matters), told, asker)
    };
    match way {
        Way::Show(told) => {
            let letters = due(&told, Asker::onlooker(context.real_now()));
            report.messages = letters.iter().map(|letter| shown(letter, true)).collect();
        }
        // Every ticket is of a date.
        Way::Send(post) if !made.clock_is_known(&context) => {
            let why = || telling::CLOCK_UNKNOWN.to_owned();
            let kept = |letter: &Letter| FailedTicket { ticket: shown(letter, false), why: why() };
            report.failed.extend(due(&post.told, post.asker()).iter().map(kept));
        }
        Way::Send(mut post) => {
            let sent = deliver(&mut post, due);
            tell(&mut report, &post.posted);
            sent?;
            let is_own = |event| event != Telling::Notified;
            let sink = std::iter::once(policy.sink.as_str());
            report.claimed = memory::claimed(&post.told, sink, is_own, post.asker());
        }
        Way::Unknown(why) => report.unknown = Some(why),
    }
    let is_short = !report.unmapped.is_empty() || !report.moved.is_empty();
    let failed = is_short || !report.failed.is_empty() || report.unknown.is_some();
    let (exits, outcome) = telling::outcome(observed, failed, report.claimed.as_ref());
    report.exits = exits;
    Ok(Ticketed { report, outcome })
}

/// One message a ticket and run: what follows from it, the next run tells.
fn deliver(
    post: &mut Post<'_>,
    due: impl Fn(&BTreeMap<TenantId, Vec<Record>>, Asker<'_>) -> Vec<Letter>,
) -> Result<(), AppError> {
    let is_new = |post: &Post<'_>, letter: &Letter| {
        let thread = letter.message.thread();
        post.posted.iter().all(|one| one.letter.message.thread() != thread)
    };
    post.deliver(|post| {
        let letters = due(&post.told, post.asker()).into_iter();
        letters.filter(|letter| is_new(post, letter)).collect()
    })
}

fn tell(report: &mut TicketReport, posted: &[Posted]) {
    for Posted { letter, outcome } in posted {
        let ticket = shown(letter, false);
        match outcome {
            Ok(()) => report.messages.push(ticket),
            Err(why) => report.failed.push(FailedTicket { ticket, why: why.to_string() }),
        }
    }
}

/// The plan, and what Intune has, which renewal sheets are written from.
fn plan(
    context: &Context,
    selection: &Selection,
    live: &mut BTreeMap<TenantName, LiveTenant>,
) -> Result<Made, AppError> {
    let wanted =
        Wanted { tree: Tree::Commit, reach: Reach::Remote, which: Which::Shared, reading: true };
    session::plan(context, selection, &wanted, |loaded: &Loaded| {
        // Intune is asked for no ticket that nobody carries.
        if loaded.policy.tickets.is_none() {
            return Err(TicketError::NoSink.into());
        }
        *live = session::look(context, loaded, selection)?;
        Ok(Intune::Read(live.clone(), Source::Live))
    })
}

fn due(
    made: &Made,
    live: &BTreeMap<TenantName, LiveTenant>,
    (policy, matters): (&TicketPolicy, &[Matter]),
    told: &BTreeMap<TenantId, Vec<Record>>,
    asker: Asker<'_>,
) -> Vec<Letter> {
    let fleet = made.loaded.other.as_ref().map_or(&made.loaded.fleet, |other| &other.tenants);
    let plan = &made.planned.plan;
    let now = plan.generated_at;
    let clone: &CloneState = &made.clone;
    let input = Input { policy, matters, plan, fleet, clone, told, now, asker };
    let sheet = |tenant: &Tenant, token: &TokenRef| sheet(made, live, tenant, token);
    let due = ticket::deliveries(&input, sheet).into_iter();
    due.filter(|one| made.can_tell_of(one.file)).filter_map(|one| letter(policy, one)).collect()
}

/// The renewal sheet of one token, with the request for Apple where the notes give one out.
fn sheet(
    made: &Made,
    live: &BTreeMap<TenantName, LiveTenant>,
    tenant: &Tenant,
    token: &TokenRef,
) -> Option<TicketSheet> {
    let view = made.known.as_ref().ok();
    let all = Due::all(std::iter::once(tenant), live, view, &made.loaded.policy);
    let due = all.into_iter().find(|due| due.token.token.same_token(token))?;
    let mut sheet = due.sheet(made.planned.plan.generated_at);
    complete_sheet(&mut sheet);
    let request = view.filter(|_| due.is_push()).and_then(|view| recorded_request(view, &due));
    let request = request.map(|(text, told)| TicketRequest { text, told });
    Some(TicketSheet { steps: sheet.steps, links: sheet.links, request })
}

fn letter(policy: &TicketPolicy, Delivery { file, message }: Delivery) -> Option<Letter> {
    let told = message.ticket()?;
    let step = LetterStep {
        token: Some(told.token.clone()),
        key: told.key.clone(),
        step: told.step.to_string(),
        client: told.client.clone(),
        matter: None,
        expires: None,
    };
    let name: TenantName = message.customer()?.name.parse().ok()?;
    let event = told.step.telling();
    Some(Letter { file, name, event, sink: policy.sink.clone(), steps: vec![step], message })
}

fn shown(letter: &Letter, whole: bool) -> ShownTicket {
    let message = &letter.message;
    let told = message.ticket();
    ShownTicket {
        tenant: letter.name.to_string(),
        token: told.map(|told| told.token.clone()),
        step: told.map(|told| told.step.to_string()).unwrap_or_default(),
        title: message.title(),
        key: message.key().to_owned(),
        text: whole.then(|| applecart_core::outlets::words::of_provider(message).text()),
    }
}

/// Every ticket that this clone's notes know of the selected tenants; without a selection also those of
/// tenants that have left the fleet.
pub fn list(context: &Context, selection: &Selection) -> Result<TicketList, AppError> {
    let loaded = session::load(context, Tree::Commit, Reach::Remote, selection)?;
    let policy = loaded.policy.tickets.clone().ok_or(TicketError::NoSink)?;
    let Past { known, .. } = session::past(&loaded, context, Which::Shared)?;
    let view = readable(known)?;
    let asker = Asker::onlooker(context.real_now());
    let all = ticket::tickets(&view.told, &policy, context.now(), asker);
    let selected: BTreeSet<TenantId> =
        session::selected(&loaded.fleet, selection).map(|tenant| tenant.tenant_id).collect();
    let mut tickets = Vec::new();
    for (&id, records) in &view.told {
        let left = !loaded.fleet.iter().any(|one| one.tenant_id() == Some(id));
        if !selection.is_all() && !selected.contains(&id) {
            continue;
        }
        let of = |token: &TokenRef| {
            let recorded = records.iter().rev().find(|record| record.is_of(token));
            name_of(&loaded.fleet, id, recorded.map_or("", |record| record.name.as_str()))
        };
        let own = all.get(&id).map(Vec::as_slice).unwrap_or_default();
        tickets.extend(own.iter().map(|ticket| ListedTicket {
            tenant: of(&ticket.token),
            token: ticket.token.clone(),
            period: ticket.period.clone(),
            number: ticket.number.clone(),
            open: ticket.is_open(),
            stage: ticket.stage().map(|stage| stage.to_string()),
            opened_at: ticket.opened_at,
            by_hand: false,
            left,
            key: ticket.key.clone(),
        }));
        let linked = ticket::links(records, &policy.sink).into_iter();
        let by_hand = linked.filter(|(key, _)| own.iter().all(|ticket| ticket.key != *key));
        tickets.extend(by_hand.filter_map(|(key, (record, link))| {
            let token = record.token.clone()?;
            let (_, period) = key.rsplit_once('/')?;
            Some(ListedTicket {
                tenant: of(&token),
                token,
                period: period.to_owned(),
                number: Some(link.number.clone()),
                open: false,
                stage: None,
                opened_at: None,
                by_hand: true,
                left,
                key: key.to_owned(),
            })
        }));
    }
    tickets.sort_by(|one, other| one.tenant.cmp(&other.tenant));
    Ok(TicketList::new(context.now(), tickets))
}

fn readable(known: Result<LedgerView, session::Unknown>) -> Result<LedgerView, AppError> {
    let view = known.map_err(|why| TicketError::Unknown(why.to_string()))?;
    match &view.lost_notes {
        Some(why) => Err(TicketError::Unknown(why.clone()).into()),
        None => Ok(view),
    }
}

/// The number that a ticket was recorded to have.
pub struct Linked {
    pub tenant: TenantName,
    pub token: TokenRef,
    /// The day on which the credential expires whose renewal the ticket is for.
    pub period: String,
    pub number: String,
    /// The notes' newest commit.
    pub head: Option<String>,
}

/// Records the number of the newest ticket of a token; of a renewal without one, of the ticket that
/// somebody opened by hand.
pub fn link(context: &Context, target: &str, number: &str) -> Result<Linked, AppError> {
    let number = number.trim();
    if !is_number(number) {
        return Err(TicketError::Number { number: number.to_owned() }.into());
    }
    let (name, wanted) = applecart_core::renewal::split_spec(target);
    // The customer's number is the one that was reviewed, whatever is checked out here.
    let context = &telling::on_base(context, &Repo::discover(&context.repo)?);
    let (loaded, tenant) = load_tenant(context, name)?;
    let name = tenant.name.clone();
    let author = context.author(&loaded.repo)?;
    let _lock = telling::lock(context, &loaded.repo, &author)?;
    let Past { notes, known, .. } = session::past(&loaded, context, Which::Shared)?;
    let view = readable(known)?;
    let policy = loaded.policy.tickets.as_ref().ok_or(TicketError::NoSink)?;
    let token = one_token(&view, &tenant, wanted, target)?;
    let key = newest_key(&view, &tenant, &token)
        .ok_or_else(|| TicketError::NoPeriod { what: target.to_owned() })?;
    let period = key.rsplit_once('/').map(|(_, day)| day.to_owned()).unwrap_or_default();
    // A number belongs to the ticket system that it is linked for, and the ticket to the customer there.
    let own = (tenant.tenant_id, policy);
    check_is_free(&view.told, &loaded.fleet, own, number)?;
    let client = policy.client_of(&tenant).cloned();
    let sink = Some(policy.sink.clone());
    let ticket = TicketLink { key, number: number.to_owned(), sink, client };
    let body = EntryBody::TicketLinked { ticket };
    let entry = LedgerEntry::new(context.real_now(), name.clone(), token.clone(), &author, body);
    let head = match notes {
        Some(mut notes) => {
            // Another clone may have linked the same number meanwhile.
            let is_free = |view: &LedgerView| -> Result<(), AppError> {
                Ok(check_is_free(&links_of(view), &loaded.fleet, own, number)?)
            };
            notes.deliver_where(&[(tenant.tenant_id, entry)], is_free)?.head
        }
        None => None,
    };
    Ok(Linked { tenant: name, token, period, number: number.to_owned(), head })
}

/// What the chains of all tenants say of numbers.
fn links_of(view: &LedgerView) -> BTreeMap<TenantId, Vec<Record>> {
    let is_link = |record: &&Record| record.event() == Event::TicketLinked;
    let links = |records: &[Record]| records.iter().filter(is_link).cloned().collect();
    view.tenants.iter().map(|(id, chain)| (*id, links(&chain.records))).collect()
}

/// That no other customer's ticket has the number: what is told of the one would be read by the other.
fn check_is_free(
    told: &BTreeMap<TenantId, Vec<Record>>,
    fleet: &[Desired],
    (own, policy): (TenantId, &TicketPolicy),
    number: &str,
) -> Result<(), TicketError> {
    let numbers = ticket::numbers(told, &policy.sink);
    let mut taken = numbers.get(number).into_iter().flatten();
    let Some((id, record)) = taken.find(|(id, _)| *id != own) else { return Ok(()) };
    let name = name_of(fleet, *id, record.name.as_str());
    let token = record.token.as_ref().map(ToString::to_string).unwrap_or_default();
    Err(TicketError::Taken { number: number.to_owned(), by: format!("{name} {token}") })
}

/// What ticket systems number tickets with; it stands in subjects.
fn is_number(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " #:._/-".contains(c);
    (1..=MAX_NUMBER).contains(&text.len()) && text.chars().all(plain)
}

/// The token that is meant, as Git or the record knows it.
fn one_token(
    view: &LedgerView,
    tenant: &Tenant,
    wanted: Option<&str>,
    what: &str,
) -> Result<TokenRef, TicketError> {
    let past = view.tenant(tenant.tenant_id).records.iter().rev();
    let told = view.told.get(&tenant.tenant_id).into_iter().flatten().rev();
    let recorded = past.chain(told).filter_map(|record| record.token.clone());
    let mut tokens: Vec<TokenRef> = Vec::new();
    for token in recorded.chain(tenant.tokens().map(|token| token.token.clone())) {
        if !tokens.iter().any(|known| known.same_token(&token)) {
            tokens.push(token);
        }
    }
    let is_called = |token: &&TokenRef| wanted.is_none_or(|wanted| token.is_called(wanted));
    let found: Vec<&TokenRef> = tokens.iter().filter(is_called).collect();
    match found.as_slice() {
        [one] => Ok((*one).clone()),
        _ => {
            let specs: Vec<String> = tokens.iter().map(|token| token.spec(&tenant.name)).collect();
            Err(TicketError::NotOne { what: what.to_owned(), choices: specs.join(", ") })
        }
    }
}

/// The renewal that the newest ticket is for; without a ticket, the one that comes next.
fn newest_key(view: &LedgerView, tenant: &Tenant, token: &TokenRef) -> Option<String> {
    let told = view.told.get(&tenant.tenant_id).into_iter().flatten();
    let of_ticket = |record: &Record| match record.notice() {
        Some((event, notice)) if event != applecart_core::model::Telling::Notified => {
            record.is_of(token).then(|| notice.key.clone())
        }
        _ => None,
    };
    let by_day = |key: &String| key.rsplit_once('/').map(|(_, day)| day.to_owned());
    let newest = told.filter_map(of_ticket).max_by_key(by_day);
    newest.or_else(|| {
        let past = view.tenant(tenant.tenant_id);
        let seen = past.of(token).rfind(|record| record.is_reading());
        let seen = seen.and_then(|record| record.after.as_ref()?.expires);
        let in_git = tenant.tokens().find(|one| one.token.same_token(token));
        let expires = seen.or_else(|| in_git.and_then(|one| one.facts.expires))?;
        let of = MatterTenant { name: tenant.name.to_string(), tenant_id: Some(tenant.tenant_id) };
        Some(renewal_key(&of, token, expires))
    })
}
