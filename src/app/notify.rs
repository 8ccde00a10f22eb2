//! Tells those who are to be told, once, what needs a person.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::session::{self, Intune, Loaded, Made, Tree, Wanted, Which};
use super::telling::{self, Begun, Letter, LetterStep, Post, Posted, Way};
use super::{AppError, Context, Reach, block_on};
use applecart_core::attention::{Code, InGit, Matter, Severity};
use applecart_core::fleet::{Desired, Receiver, SinkPolicy};
use applecart_core::model::{
    Noticed, Outcome, Record, Telling, TenantId, TenantName, Timestamp, TokenRef, nearest,
};
use applecart_core::outlets::alert::{blind_key, is_blind};
use applecart_core::outlets::mail::Mail;
use applecart_core::outlets::memory::{self, Asker};
use applecart_core::outlets::message::{Message, Step, TenantMatters, Told};
use applecart_core::outlets::steps::{self, Delivery};
use applecart_core::outlets::words;
use applecart_core::plan::{Plan, Selection, Source, Sync};
use applecart_core::report::NotifyReport;
use applecart_core::report::notify::{FailedMessage, ShownMessage};
use applecart_io::git::Repo;
use applecart_io::outlets::{SinkError, ToldBlind};

#[derive(Debug)]
pub struct Options {
    pub selection: Selection,
    /// Send nothing, record nothing: show the messages as they would be sent.
    pub dry_run: bool,
    /// Asks it to begin no further message.
    pub stop: Arc<AtomicBool>,
    /// The sinks that are told; all of them where none is named.
    pub sinks: Vec<String>,
}

/// Why nobody was told.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    #[error("applecart.yaml names no sink {name:?}")]
    NoSink { name: String, near: Option<String> },
    #[error("applecart.yaml names nobody who is told")]
    NoSinks,
    /// The test message did not arrive.
    #[error("the test message to {sink} did not arrive: {why}")]
    Test { sink: String, why: SinkError },
}

/// What was told.
pub struct Notified {
    pub report: NotifyReport,
    pub outcome: Outcome,
}

pub fn run(context: &Context, options: &Options) -> Result<Notified, AppError> {
    let Begun { context, repo, author, lock } = telling::begin(context, options.dry_run)?;
    let mut made = plan(&context, options)?;
    let policies = wanted_sinks(&made.loaded.policy.notify, &options.sinks)?;
    let matters = made.attention().matters;
    let observed = session::observed(&made.planned.plan);
    let now = made.planned.plan.generated_at;
    let mut report = NotifyReport::new(now, options.dry_run);
    let way = Way::of(&context, (author, lock), &mut made, &policies, &options.stop)?;
    let nothing = BTreeMap::new();
    let seen = input(&made, &matters, &nothing, Asker::onlooker(context.real_now()));
    let clock_is_known = options.dry_run || made.clock_is_known(&context);
    let seen = steps::Input { clock_is_known, ..seen };
    match way {
        Way::Show(told) => {
            let due = due(&made, &steps::Input { told: &told, ..seen }, &policies);
            report.messages =
                due.iter().map(|letter| shown(letter, words_of(letter, &policies))).collect();
        }
        Way::Send(mut post) => {
            let sent = post.deliver(|post| due(&made, &by(&seen, post), &policies));
            tell(&mut report, &post.posted);
            sent?;
            if !clock_is_known {
                let all = steps::Input { clock_is_known: true, ..by(&seen, &post) };
                report.failed.extend(due(&made, &all, &policies).iter().map(held));
            }
            refresh(&post, &mut report, |sink| {
                let policy = policies.iter().find(|policy| policy.name == sink);
                let input = by(&seen, &post);
                policy.map(|policy| steps::standing(&input, policy)).unwrap_or_default()
            })?;
            if made.can_tell_of(TenantId::FLEET) {
                sight_again(&post, &repo, (&policies, now), &mut report)?;
            } else {
                tell_blind(&context, &repo, (&matters, now), &policies, &mut report)?;
            }
            let names = policies.iter().map(|policy| policy.name.as_str());
            let is_own = |event| event == Telling::Notified;
            report.claimed = memory::claimed(&post.told, names, is_own, post.asker());
        }
        Way::Unknown(why) => {
            report.unknown = Some(why);
            if !options.dry_run {
                tell_blind(&context, &repo, (&matters, now), &policies, &mut report)?;
            }
        }
    }
    let failed = !report.failed.is_empty() || report.unknown.is_some();
    let (exits, outcome) = telling::outcome(observed, failed, report.claimed.as_ref());
    report.exits = exits;
    Ok(Notified { report, outcome })
}

/// Tells the sinks that forget what stands open.
fn refresh(
    post: &Post<'_>,
    report: &mut NotifyReport,
    open: impl Fn(&str) -> Vec<Message>,
) -> Result<(), AppError> {
    for (sink, outcome) in post.refresh(open)? {
        if let Err(why) = outcome {
            let title = "What stands open".to_owned();
            report.failed.push(FailedMessage {
                sink,
                tenant: None,
                title,
                key: None,
                why: why.to_string(),
            });
        }
    }
    Ok(())
}

/// Tells the sinks that this clone told without a record that what was unknown is known again.
fn sight_again(
    post: &Post<'_>,
    repo: &Repo,
    (policies, now): (&[SinkPolicy], Timestamp),
    report: &mut NotifyReport,
) -> Result<(), AppError> {
    let mut memory = ToldBlind::of(&repo.path_common_dir());
    for SinkPolicy { name, .. } in policies {
        let Some(told) = memory.of_sink(name) else { continue };
        let over = told.codes.iter().filter_map(|code| {
            let matter =
                fleet_matter(&blind_key(code), code, Severity::Critical, "It can be read again.")?;
            Some(Told { matter, step: Step::Resolved(told.since) })
        });
        let over: Vec<Told> = over.collect();
        let messages = Message::each(name, &TenantMatters::of_fleet(&over), now);
        let mut is_told = true;
        for message in messages {
            let Some(outcome) = post.send_unrecorded(name, &message)? else {
                is_told = false;
                continue;
            };
            is_told &= outcome.is_ok();
            let letter = letter(None, name, Delivery { file: TenantId::FLEET, message });
            tell(
                report,
                &letter.map(|letter| Posted { letter, outcome }).into_iter().collect::<Vec<_>>(),
            );
        }
        if is_told {
            let kept = memory.forget(name);
            let path = memory.path().to_owned();
            kept.map_err(|source| AppError::File { path, doing: "write", source })?;
        }
    }
    Ok(())
}

/// A sink that took the test message.
pub struct Tested {
    /// Where it went instead, of a sink that writes to customers.
    pub instead: Option<String>,
}

/// Sends one sink a message that says that it is a test.
pub fn test(context: &Context, sink: &str) -> Result<Tested, AppError> {
    telling::check_clock(context, false)?;
    let context = &telling::on_base(context, &Repo::discover(&context.repo)?);
    let selection = Selection::default();
    let loaded = session::load(context, Tree::Commit, Reach::Remote, &selection)?;
    let policies = wanted_sinks(&loaded.policy.notify, &[sink.to_owned()])?;
    let mut sinks = telling::sinks(context, &policies)?;
    let failed = |why| NotifyError::Test { sink: sink.to_owned(), why };
    let (Some(made), [policy]) = (sinks.remove(sink), policies.as_slice()) else {
        return Err(NotifyError::NoSink { name: sink.to_owned(), near: None }.into());
    };
    let made = made.map_err(failed)?;
    // What stays open there until it is told to be over.
    let stays = made.forgets() || matches!(policy.receiver, Receiver::Issue { .. });
    let steps = [Step::Raised(1), Step::Resolved(1)].into_iter().take(if stays { 2 } else { 1 });
    let key = format!("fleet/-/{sink}/test/{}", context.ids.uuid());
    let instead = match &policy.receiver {
        Receiver::Email(email) if email.contacts => {
            Some(email.reply_to.as_ref().unwrap_or(&email.from).clone())
        }
        _ => None,
    };
    let text = match instead {
        Some(_) => {
            "This sink writes to each customer's own contacts. No customer got this message, and nothing has to be done."
        }
        None => "What needs a person is told here. Nothing has to be done.",
    };
    for step in steps {
        let told = fleet_matter(&key, "sink-failing", Severity::Notice, text);
        let told = told.map(|matter| Told { matter, step });
        let message = told.and_then(|told| Message::of_test(sink, &told, context.now()));
        let Some(message) = message else { continue };
        block_on(telling::send_one(context, &*made, &message))?.map_err(failed)?;
    }
    Ok(Tested { instead })
}

fn plan(context: &Context, Options { selection, sinks, .. }: &Options) -> Result<Made, AppError> {
    let wanted =
        Wanted { tree: Tree::Commit, reach: Reach::Remote, which: Which::Shared, reading: true };
    session::plan(context, selection, &wanted, |loaded: &Loaded| {
        // Intune is asked for nobody who is not told.
        wanted_sinks(&loaded.policy.notify, sinks)?;
        Ok(Intune::Read(session::look(context, loaded, selection)?, Source::Live))
    })
}

/// The sinks that are told.
fn wanted_sinks(all: &[SinkPolicy], named: &[String]) -> Result<Vec<SinkPolicy>, NotifyError> {
    if all.is_empty() {
        return Err(NotifyError::NoSinks);
    }
    let names = || all.iter().map(|sink| sink.name.as_str());
    if let Some(name) = named.iter().find(|name| !names().any(|known| known == name.as_str())) {
        let near = nearest(name, names()).map(str::to_owned);
        return Err(NotifyError::NoSink { name: name.clone(), near });
    }
    let is_wanted = |sink: &&SinkPolicy| named.is_empty() || named.contains(&sink.name);
    Ok(all.iter().filter(is_wanted).cloned().collect())
}

/// The fleet as the base has it: what is in it is watched, whatever the planned revision says.
fn watched(made: &Made) -> &[Desired] {
    made.loaded.other.as_ref().map_or(&made.loaded.fleet, |other| &other.tenants)
}

/// What the steps follow from, before anything was told.
fn input<'a>(
    made: &'a Made,
    matters: &'a [Matter],
    told: &'a BTreeMap<TenantId, Vec<Record>>,
    asker: Asker<'a>,
) -> steps::Input<'a> {
    let plan = &made.planned.plan;
    let tickets = made.loaded.policy.tickets.as_ref();
    let now = plan.generated_at;
    let fleet = watched(made);
    steps::Input { matters, plan, fleet, tickets, told, now, asker, clock_is_known: true }
}

/// The same by what a run has told so far.
fn by<'a>(seen: &steps::Input<'a>, post: &'a Post<'_>) -> steps::Input<'a> {
    steps::Input { told: &post.told, asker: post.asker(), ..*seen }
}

/// The letters that are due at all sinks.
fn due(made: &Made, input: &steps::Input<'_>, policies: &[SinkPolicy]) -> Vec<Letter> {
    let plan = input.plan;
    // What waits for a tenant that was not selected waits for the run that selects it.
    let is_selected = |file: TenantId| {
        let is_planned = || plan.tenants.iter().any(|one| one.tenant_id == Some(file));
        let selects_all = plan.selection.select.is_empty() && plan.selection.touched.is_none();
        file == TenantId::FLEET || selects_all || is_planned()
    };
    let of_sink = |policy: &SinkPolicy| {
        let due = steps::due(input, policy).into_iter();
        let due = due.filter(|one| made.can_tell_of(one.file) && is_selected(one.file));
        due.filter_map(|one| letter(Some(&made.planned.plan), &policy.name, one))
            .collect::<Vec<_>>()
    };
    policies.iter().flat_map(of_sink).collect()
}

/// A delivery with what this run read of its tokens.
fn letter(plan: Option<&Plan>, sink: &str, Delivery { file, message }: Delivery) -> Option<Letter> {
    let mut planned = plan.into_iter().flat_map(|plan| &plan.tenants);
    let planned = planned.find(|one| one.tenant_id == Some(file));
    let expires = |token: &TokenRef| {
        let mut tokens = planned?.tokens.iter().map(|one| &one.state);
        let state = tokens.find(|state| state.token().same_token(token))?;
        state.live.as_ref().filter(|_| state.sync != Sync::Unobserved)?.expires
    };
    let step = |told: &Told| LetterStep {
        expires: told.matter.token.as_ref().and_then(expires),
        token: told.matter.token.clone(),
        key: told.matter.key.clone(),
        step: told.step.to_string(),
        client: None,
        matter: Some(Noticed {
            code: told.matter.code.to_string(),
            severity: told.matter.severity.to_string(),
            since: told.matter.since,
            due: told.matter.due,
        }),
    };
    // A folder's name is a tenant's name, or the tenant would be no tenant.
    let name: TenantName =
        message.customer().map_or("fleet", |one| one.name.as_str()).parse().ok()?;
    let steps = message.told().iter().map(step).collect();
    let (event, sink) = (Telling::Notified, sink.to_owned());
    Some(Letter { file, name, event, sink, steps, message })
}

/// The message in words, as its sink would send it.
fn words_of(letter: &Letter, policies: &[SinkPolicy]) -> Option<String> {
    let message = &letter.message;
    let policy = policies.iter().find(|policy| policy.name == letter.sink);
    match policy.map(|policy| &policy.receiver) {
        Some(Receiver::Email(email)) => Some(match Mail::of(message, email) {
            Ok(mail) => {
                format!("To: {}\nSubject: {}\n\n{}", mail.to.join(", "), mail.subject, mail.text)
            }
            Err(why) => format!("This mail cannot be sent: {why}."),
        }),
        _ => Some(words::of_provider(message).text()),
    }
}

fn shown(letter: &Letter, text: Option<String>) -> ShownMessage {
    let message = &letter.message;
    ShownMessage {
        sink: letter.sink.clone(),
        tenant: message.customer().map(|customer| customer.name.clone()),
        title: message.title(),
        key: message.key().to_owned(),
        steps: message.told().iter().map(|told| told.step).collect(),
        text,
    }
}

/// A letter that is kept until the clock is known.
fn held(letter: &Letter) -> FailedMessage {
    FailedMessage {
        sink: letter.sink.clone(),
        tenant: letter.message.customer().map(|customer| customer.name.clone()),
        title: letter.message.title(),
        key: Some(letter.message.key().to_owned()),
        why: telling::CLOCK_UNKNOWN.to_owned(),
    }
}

fn tell(report: &mut NotifyReport, posted: &[Posted]) {
    for Posted { letter, outcome } in posted {
        let unsent = |why: &SinkError| FailedMessage {
            sink: letter.sink.clone(),
            tenant: letter.message.customer().map(|customer| customer.name.clone()),
            title: letter.message.title(),
            key: Some(letter.message.key().to_owned()),
            why: why.to_string(),
        };
        match outcome {
            Ok(()) => report.messages.push(shown(letter, None)),
            Err(why @ SinkError::Nobody { .. }) => report.dropped.push(unsent(why)),
            Err(why) => report.failed.push(unsent(why)),
        }
    }
}

/// Where nothing can be claimed, only that is told, at most once a day by each clone.
fn tell_blind(
    context: &Context,
    repo: &Repo,
    (matters, now): (&[Matter], Timestamp),
    policies: &[SinkPolicy],
    report: &mut NotifyReport,
) -> Result<(), AppError> {
    let Some(matter) = matters.iter().find(|matter| is_blind(matter)) else { return Ok(()) };
    let mut memory = ToldBlind::of(&repo.path_common_dir());
    let today = now.date_time().timestamp().div_euclid(86_400);
    let today = u32::try_from(today).unwrap_or_default();
    let code = matter.code.as_str();
    for (name, sink) in telling::sinks(context, policies)? {
        let is_for_customers =
            policies.iter().any(|one| one.name == name && one.writes_to_customers());
        // One that forgets is told in every run, as of all that stands open.
        let forgets = sink.as_ref().is_ok_and(|sink| sink.forgets());
        if (memory.was_told(&name, code, today) && !forgets) || is_for_customers {
            continue;
        }
        // The first day tells one outage from the next.
        let step = match memory.of_sink(&name) {
            Some(told) if told.codes.contains(code) && told.since < today => {
                Step::Again(today - told.since, told.since)
            }
            Some(told) => Step::Raised(told.since),
            None => Step::Raised(today),
        };
        let told = [Told { matter: matter.clone(), step }];
        let Some(message) = Message::digest(&name, TenantMatters::of_fleet(&told), now) else {
            continue;
        };
        let kept = memory.remember(&name, code, today);
        let path = memory.path().to_owned();
        kept.map_err(|source| AppError::File { path, doing: "write", source })?;
        let sent = match &sink {
            Ok(sink) => block_on(telling::send_one(context, &**sink, &message))?,
            Err(error) => Err(error.clone()),
        };
        let letter = letter(None, &name, Delivery { file: TenantId::FLEET, message });
        tell(
            report,
            &letter.map(|letter| Posted { letter, outcome: sent }).into_iter().collect::<Vec<_>>(),
        );
    }
    Ok(())
}

fn fleet_matter(key: &str, code: &str, severity: Severity, text: &str) -> Option<Matter> {
    let code: Code = code.parse().ok()?;
    Some(Matter {
        key: key.to_owned(),
        code,
        severity,
        tenant: None,
        token: None,
        since: None,
        due: None,
        message: text.to_owned(),
        next: String::new(),
        command: None,
        as_of: None,
        suspended: false,
        command_for_all: None,
        in_git: InGit::No,
        devices: None,
        is_remembered: false,
        window: None,
    })
}
