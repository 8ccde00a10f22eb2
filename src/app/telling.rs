//! Telling people: what is due is claimed in the notes, sent, and its outcome recorded.
//!
//! All claims of a round stand in one commit that is pushed before the first message leaves; after the
//! push the notes are read as they then are, and an earlier claim of another run wins. So two runs at
//! once send everything once, and what cannot be recorded is not sent.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::join_all;

use super::{AppError, Context, Reach, block_on, session};
use applecart_core::fleet::SinkPolicy;
use applecart_core::ledger::{LEASE, tells};
use applecart_core::model::{
    Author, EntryBody, Facts, LedgerEntry, Notice, Noticed, Outcome, Phase, Record, Telling,
    TenantId, TenantName, Timestamp, TokenRef,
};
use applecart_core::outlets::memory::{self, Asker, Claimed};
use applecart_core::outlets::message::Message;
use applecart_core::outlets::steps;
use applecart_io::git::Repo;
use applecart_io::outlets::http::Http;
use applecart_io::outlets::{Sink, SinkError, make};
use applecart_io::store::{Announced, Holder, Ledger, LedgerError, TellingLock};

/// What `--rev` is where nobody names a revision.
const HEAD: &str = "HEAD";
/// How long another run of this clone is waited for.
const LOCK_WAIT: Duration = Duration::from_secs(60);
/// So many messages are claimed at once; a claim lasts 15 minutes.
const ROUND: usize = 500;
/// At most 20 messages a second go to one sink.
const PACE: Duration = Duration::from_millis(50);
/// So many messages are tried at a sink that failed the last time and refuses each for itself.
const PROBES: usize = 3;
/// What arrived is recorded after so long at the latest, besides the delivery that is under way.
const RECORDED: chrono::Duration = chrono::Duration::seconds(20);
/// A receiver that asks for no more than this is asked again within the run.
const SHORT: Duration = Duration::from_secs(30);

/// A step that a letter tells.
#[derive(Clone, Debug)]
pub struct LetterStep {
    pub token: Option<TokenRef>,
    /// The identity of the matter or of the ticket.
    pub key: String,
    pub step: String,
    /// Tickets: the customer's number in the ticket system.
    pub client: Option<String>,
    pub matter: Option<Noticed>,
    /// When the token expires, as this run read it.
    pub expires: Option<Timestamp>,
}

/// A message to a sink, and how the notes remember it.
#[derive(Clone, Debug)]
pub struct Letter {
    pub file: TenantId,
    pub name: TenantName,
    pub event: Telling,
    pub sink: String,
    pub steps: Vec<LetterStep>,
    pub message: Message,
}

/// What became of a letter.
#[derive(Clone, Debug)]
pub struct Posted {
    pub letter: Letter,
    pub outcome: Result<(), SinkError>,
}

/// What became of what a sink, which it names, is told again.
pub type Refreshed = (String, Result<(), SinkError>);

/// Everything that a run needs to tell people.
pub struct Post<'a> {
    context: &'a Context,
    notes: Ledger,
    author: Author,
    sinks: Made,
    /// Who was told of what, with what this run adds.
    pub told: BTreeMap<TenantId, Vec<Record>>,
    /// The instant by which everything is judged.
    now: Timestamp,
    /// The sinks that took something in this run, and those that will take nothing any more.
    up: BTreeSet<String>,
    down: BTreeSet<String>,
    tried: BTreeSet<String>,
    /// Whose messages a sink that failed the last time refused in this run, one by one.
    refused: BTreeMap<String, Vec<TenantId>>,
    /// What became of every letter that was tried.
    pub posted: Vec<Posted>,
    /// Whether no further message is to be begun.
    stop: Arc<AtomicBool>,
    _lock: TellingLock,
}

/// A run that tells people, or shows what it would tell.
pub struct Begun {
    /// At the base; see [`on_base`].
    pub context: Context,
    pub repo: Repo,
    pub author: Author,
    /// `None` where nothing is sent.
    pub lock: Option<TellingLock>,
}

/// Begins such a run.
pub fn begin(context: &Context, dry_run: bool) -> Result<Begun, AppError> {
    check_clock(context, dry_run)?;
    let repo = Repo::discover(&context.repo)?;
    let author = context.author(&repo)?;
    // Before the notes are read: what another run of this clone claimed, it will not send any more.
    let lock = (!dry_run).then(|| lock(context, &repo, &author)).transpose()?;
    let context = on_base(context, &repo);
    Ok(Begun { context, repo, author, lock })
}

/// What a run does about what is due.
pub enum Way<'a> {
    /// Nothing is sent: it shows what would be, by what was told before.
    Show(BTreeMap<TenantId, Vec<Record>>),
    Send(Box<Post<'a>>),
    /// What was told before is unknown, for this reason, so nothing can be claimed.
    Unknown(String),
}

impl<'a> Way<'a> {
    pub fn of(
        context: &'a Context,
        (author, lock): (Author, Option<TellingLock>),
        made: &mut session::Made,
        sinks: &[SinkPolicy],
        stop: &Arc<AtomicBool>,
    ) -> Result<Self, AppError> {
        let notes = made.notes.take();
        let clock =
            made.planned.clock_error().filter(|_| lock.is_some() && context.frozen.is_none());
        if let Some(seconds) = clock {
            return Err(AppError::ClockOff { seconds });
        }
        let view = match &made.known {
            Ok(view) => view,
            Err(why) => return Ok(Self::Unknown(why.to_string())),
        };
        if let Some(why) = &view.lost_notes {
            return Ok(Self::Unknown(why.clone()));
        }
        let told = view.told.clone();
        let now = made.planned.plan.generated_at;
        Ok(match (lock, notes) {
            (None, _) => Self::Show(told),
            (Some(lock), Some(notes)) => {
                let sinks = self::sinks(context, sinks)?;
                Self::Send(Box::new(Post {
                    context,
                    notes,
                    author,
                    sinks,
                    told,
                    now,
                    up: BTreeSet::new(),
                    down: BTreeSet::new(),
                    tried: BTreeSet::new(),
                    refused: BTreeMap::new(),
                    posted: Vec::new(),
                    stop: Arc::clone(stop),
                    _lock: lock,
                }))
            }
            (Some(_), None) => Self::Unknown("there is no branch for notes".to_owned()),
        })
    }
}

/// Why what depends on the date is not sent; see [`session::Made::clock_is_known`].
pub const CLOCK_UNKNOWN: &str = "No answer of Microsoft's told the time, and nobody read Intune in the last day, so nothing shows that this machine's clock is right";

/// How a run ended that told what it could, beside what Intune answered.
pub fn outcome(observed: Outcome, failed: bool, claimed: Option<&Claimed>) -> (Vec<u8>, Outcome) {
    let own = match (failed, claimed) {
        (true, _) => Outcome::Partial,
        (false, Some(_)) => Outcome::Elsewhere,
        (false, None) => Outcome::Done,
    };
    (Outcome::exits([observed, own]), observed.and(own))
}

/// The lock that only one run of a clone holds. It is taken before the notes are read.
pub fn lock(context: &Context, repo: &Repo, author: &Author) -> Result<TellingLock, AppError> {
    let host = author.actor.host.clone();
    let holder = Holder { run: author.run.clone(), host, since: context.real_now() };
    let wait = (&*context.clock, LOCK_WAIT);
    Ok(TellingLock::acquire(&repo.path_common_dir(), &holder, wait)?)
}

/// The same at the base's newest commit, unless a revision is named: people are told of the fleet as it
/// was reviewed, whatever is checked out here. That base is never the branch that a pipeline names, which
/// whoever opens a pull request chooses: its sinks would get the messages, and the secrets of the sinks.
pub fn on_base(context: &Context, repo: &Repo) -> Context {
    let environment = context.environment.clone().outside_pipelines();
    let context = Context { environment, ..context.clone() };
    // What keeps it from being found is told by the plan, which asks for it as well.
    let base = super::find_base(repo, &context, Reach::Remote).ok().flatten();
    match base.filter(|_| context.rev == HEAD) {
        Some(base) => {
            super::session::say_what_only_this_clone_has(&context, repo, &base);
            Context { rev: base.commit, ..context }
        }
        None => context,
    }
}

/// Allows telling by a made-up date where Graph is on this machine, for tests that tell for years: what is
/// told is never taken back, so an address alone does not allow it.
const TELL_MADE_UP: &str = "APPLECART_TEST_TELLS_BY_NOW";

/// Nobody is told by a made-up date: what would be sent then can be shown.
pub fn check_clock(context: &Context, dry_run: bool) -> Result<(), AppError> {
    if context.frozen.is_none() || dry_run {
        return Ok(());
    }
    let environment = &context.environment;
    let is_test = environment.variable(TELL_MADE_UP).is_some();
    if !is_test || !environment.overrides()?.graph_is_loopback() {
        return Err(AppError::FrozenTelling);
    }
    Ok(())
}

/// Sinks by their names, each with what keeps it from being used.
pub type Made = BTreeMap<String, Result<Box<dyn Sink>, SinkError>>;

/// The sinks of a policy.
pub fn sinks(context: &Context, policies: &[SinkPolicy]) -> Result<Made, SinkError> {
    let http = Arc::new(Http::new()?);
    let read = |name: &str| context.environment.secret(name);
    let made = policies
        .iter()
        .map(|policy| (policy.name.clone(), make(policy, read, &http, &context.clock)));
    Ok(made.collect())
}

impl<'a> Post<'a> {
    /// Who asks what the notes remember.
    pub fn asker(&self) -> Asker<'_> {
        let Author { run, clone, .. } = &self.author;
        Asker { real_now: self.context.real_now(), run, clone }
    }

    /// Sends whatever is due, until nothing is.
    ///
    /// # Errors
    /// When nothing could be claimed, or an outcome not be recorded. What was sent stays in
    /// [`Post::posted`].
    pub fn deliver(&mut self, due: impl Fn(&Self) -> Vec<Letter>) -> Result<(), AppError> {
        loop {
            let all = due(self);
            let put_off = self.put_off(&all);
            let letters = self.next_round(all, &put_off);
            if letters.is_empty() || self.is_stopped() {
                self.posted.extend(put_off);
                return Ok(());
            }
            self.round(letters)?;
        }
    }

    /// What a sink refused to take is not asked of it in every run.
    fn put_off(&self, due: &[Letter]) -> Vec<Posted> {
        let names = self.sinks.keys().map(String::as_str);
        let refused: BTreeMap<&str, _> =
            names.map(|sink| (sink, memory::refused(&self.told, sink, |_, _| true))).collect();
        let put_off = |letter: &Letter| {
            let of_sink = refused.get(letter.sink.as_str())?;
            let refused = of_sink.get(&letter.message.delivery())?;
            let is_waiting =
                !refused.is_due(self.now) && !self.tried.contains(letter.message.key());
            let error = || SinkError::PutOff { why: refused.why.to_owned() };
            is_waiting.then(|| Posted { letter: letter.clone(), outcome: Err(error()) })
        };
        due.iter().filter_map(put_off).collect()
    }

    /// What of the due letters is sent now: of a sink that failed the last time one, to see whether it
    /// takes anything again. What failed less often goes first, and another customer's before one of
    /// whom something was refused, so that no message keeps others from being tried.
    fn next_round(&self, due: Vec<Letter>, put_off: &[Posted]) -> Vec<Letter> {
        let waiting: BTreeSet<&str> = put_off.iter().map(|one| one.letter.message.key()).collect();
        let after = behind_others(&due);
        let is_open = |letter: &Letter| {
            !after.contains(letter.message.key())
                && !self.down.contains(&letter.sink)
                && !self.tried.contains(letter.message.key())
                && !waiting.contains(letter.message.key())
        };
        let mut open: Vec<Letter> = due.into_iter().filter(is_open).collect();
        let failures = memory::failures(&self.told);
        open.sort_by_cached_key(|letter| {
            let refused = self.refused.get(&letter.sink);
            let is_of_refused = refused.is_some_and(|files| files.contains(&letter.file));
            let count = |step: &LetterStep| {
                let place = (letter.file, &*step.key, &*letter.sink);
                failures.get(&place).copied().unwrap_or(0)
            };
            (is_of_refused, letter.steps.iter().map(count).max())
        });
        let failing: BTreeSet<&String> =
            self.sinks.keys().filter(|sink| self.is_failing(sink)).collect();
        let mut probed: BTreeSet<String> = BTreeSet::new();
        let is_next =
            |letter: &Letter| !failing.contains(&letter.sink) || probed.insert(letter.sink.clone());
        open.into_iter().filter(is_next).take(ROUND).collect()
    }

    /// Whether the last that a sink was sent did not arrive, and nothing has in this run.
    fn is_failing(&self, sink: &str) -> bool {
        !self.up.contains(sink) && memory::failing_since(&self.told, sink, |_, _| true).is_some()
    }

    fn round(&mut self, letters: Vec<Letter>) -> Result<(), AppError> {
        let until = self.context.real_now().plus(LEASE);
        let claims: Vec<_> = letters
            .iter()
            .flat_map(|letter| self.lines(letter, &Phase::Claimed { until }))
            .collect();
        let mut announced = self.notes.announce(&claims).map_err(Arc::new)?.into_iter();
        let mut won = Vec::new();
        let judged = self.told.clone();
        for letter in letters {
            let own: Vec<Announced> = announced.by_ref().take(letter.steps.len()).collect();
            let judged = judged.get(&letter.file).map(Vec::as_slice).unwrap_or_default();
            let is_won = |one: &Announced| {
                let known = (one.chain.records.as_slice(), judged);
                memory::is_won(letter.file, known, &one.record, self.asker())
            };
            let is_ours = own.iter().all(is_won);
            if let Some(one) = own.into_iter().next() {
                let now = self.context.real_now();
                let told = one.chain.records.iter().filter(|record| {
                    record.event().is_telling() && tells(letter.file, record, now)
                });
                self.told.insert(letter.file, told.cloned().collect());
            }
            if is_ours {
                won.push(letter);
            } else {
                self.tried.insert(letter.message.key().to_owned());
            }
        }
        let until = until.plus(-chrono::Duration::minutes(1));
        let mut left = won;
        // What arrived is recorded while slow receivers have the rest, or a run that is ended would have
        // all of it sent again. What could not be begun in time is claimed again.
        while !left.is_empty() && self.context.real_now() < until && !self.is_stopped() {
            let pause = until.min(self.context.real_now().plus(RECORDED));
            let posted = self.send(&left, pause)?;
            self.record(&posted)?;
            let is_tried = |letter: &Letter| self.tried.contains(letter.message.key());
            left.retain(|letter| !is_tried(letter));
            self.posted.extend(posted);
        }
        if self.is_stopped() && !left.is_empty() {
            self.hand_back(&left)?;
        }
        Ok(())
    }

    /// Ends the claims on what is not begun any more, so that another machine tells it at once.
    fn hand_back(&mut self, letters: &[Letter]) -> Result<(), AppError> {
        let phase = Phase::Claimed { until: self.context.real_now() };
        let lines = letters.iter().flat_map(|letter| self.lines(letter, &phase)).collect();
        self.write(lines).map_err(Arc::new)?;
        self.notes.push().map_err(Arc::new)?;
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Sends, to each sink one after the other and to all sinks at once. At each sink one at least is tried
    /// of those that are left.
    fn send(&mut self, letters: &[Letter], until: Timestamp) -> Result<Vec<Posted>, AppError> {
        let mut of_sink: BTreeMap<String, Vec<Letter>> = BTreeMap::new();
        for letter in letters {
            of_sink.entry(letter.sink.clone()).or_default().push(letter.clone());
        }
        let work = of_sink.into_iter().filter_map(|(name, letters)| {
            Some(send_to(self.context, self.sinks.get(&name)?, letters, (until, &self.stop)))
        });
        let posted: Vec<Posted> = block_on(join_all(work))?.into_iter().flatten().collect();
        for Posted { letter, outcome } in &posted {
            self.tried.insert(letter.message.key().to_owned());
            let sink = letter.sink.clone();
            match outcome {
                Ok(()) => drop(self.up.insert(sink)),
                Err(error) if error.is_of_the_sink() => drop(self.down.insert(sink)),
                // Nobody is left to whom the sink could have sent it.
                Err(SinkError::Nobody { .. }) => {}
                // That one message is refused says nothing about those of others; that several are does.
                Err(_) if self.is_failing(&sink) => {
                    let refused = self.refused.entry(sink.clone()).or_default();
                    refused.push(letter.file);
                    if refused.len() >= PROBES {
                        self.down.insert(sink);
                    }
                }
                Err(_) => {}
            }
        }
        Ok(posted)
    }

    fn record(&mut self, posted: &[Posted]) -> Result<(), AppError> {
        let lines: Vec<_> = posted
            .iter()
            .flat_map(|one| {
                let phase = match &one.outcome {
                    Ok(()) => Phase::Sent,
                    Err(error @ SinkError::Nobody { .. }) => {
                        Phase::Dropped { why: error.to_string() }
                    }
                    Err(error) if error.is_of_the_message() => {
                        Phase::Refused { why: error.to_string() }
                    }
                    Err(error) => Phase::Failed { why: error.to_string() },
                };
                self.lines(&one.letter, &phase)
            })
            .collect();
        let sent = posted.iter().filter(|one| one.outcome.is_ok()).count();
        let unrecorded = |source: LedgerError| match (sent, Arc::new(source)) {
            (0, source) => AppError::Ledger(source),
            (sent, source) => AppError::Unrecorded { sent, source },
        };
        self.write(lines).map_err(unrecorded)?;
        // It is recorded here, and is pushed by this clone's next run at the latest.
        self.notes.push().map_err(Arc::new)?;
        Ok(())
    }

    fn write(&mut self, lines: Vec<(TenantId, LedgerEntry)>) -> Result<(), LedgerError> {
        let records = self.notes.append(&lines)?;
        for ((file, _), record) in lines.into_iter().zip(records) {
            self.told.entry(file).or_default().push(record);
        }
        Ok(())
    }

    /// The lines that say how far a letter has come.
    fn lines(&self, letter: &Letter, phase: &Phase) -> Vec<(TenantId, LedgerEntry)> {
        let line = |step: &LetterStep| {
            let notice = Notice {
                key: step.key.clone(),
                sink: letter.sink.clone(),
                step: step.step.clone(),
                delivery: letter.message.delivery(),
                on: self.now,
                phase: phase.clone(),
                client: step.client.clone(),
                matter: step.matter.clone(),
            };
            let body = EntryBody::Told { event: letter.event, notice };
            let (at, name) = (self.context.real_now(), letter.name.clone());
            let mut entry = LedgerEntry::new(at, name, step.token.clone(), &self.author, body);
            let read = |expires| Facts { expires: Some(expires), ..Facts::default() };
            entry.after = step.expires.map(read);
            (letter.file, entry)
        };
        letter.steps.iter().map(line).collect()
    }

    /// Sends what no line of the notes tells of; `None` where the sink takes nothing in this run.
    pub fn send_unrecorded(
        &self,
        sink: &str,
        message: &Message,
    ) -> Result<Option<Result<(), SinkError>>, AppError> {
        let sink = self.sinks.get(sink).filter(|_| !self.down.contains(sink));
        match sink {
            Some(Ok(sink)) => Ok(Some(block_on(send_one(self.context, &**sink, message))?)),
            Some(Err(error)) => Ok(Some(Err(error.clone()))),
            None => Ok(None),
        }
    }

    /// Tells the sinks that forget what stands open at them.
    pub fn refresh(&self, open: impl Fn(&str) -> Vec<Message>) -> Result<Vec<Refreshed>, AppError> {
        let mut told = Vec::new();
        for (name, sink) in &self.sinks {
            let Ok(sink) = sink else { continue };
            if !sink.forgets() || self.down.contains(name) {
                continue;
            }
            let open = open(name);
            told.push((name.clone(), block_on(sink.refresh(&open))?));
        }
        Ok(told)
    }
}

/// The keys of the letters that tell how a matter went on of which the same sink has an earlier step to be
/// told yet. They are due in the next round if that step arrives, and else in the next run.
fn behind_others(due: &[Letter]) -> BTreeSet<String> {
    let mut first: BTreeMap<(&str, TenantId, String), &str> = BTreeMap::new();
    let mut behind = BTreeSet::new();
    for letter in due {
        let own = letter.message.key();
        for step in &letter.steps {
            let place = (letter.sink.as_str(), letter.file, steps::course(&step.key));
            if *first.entry(place).or_insert(own) != own {
                behind.insert(own.to_owned());
            }
        }
    }
    behind
}

async fn send_to(
    context: &Context,
    sink: &Result<Box<dyn Sink>, SinkError>,
    letters: Vec<Letter>,
    (until, stop): (Timestamp, &AtomicBool),
) -> Vec<Posted> {
    let mut posted: Vec<Posted> = Vec::new();
    let mut down: Option<SinkError> = None;
    for letter in letters {
        let outcome = match (&down, sink) {
            (Some(error), _) | (None, Err(error)) => Err(error.clone()),
            (None, Ok(_)) if stop.load(Ordering::SeqCst) => break,
            (None, Ok(_)) if context.real_now() >= until && !posted.is_empty() => break,
            (None, Ok(sink)) => {
                if !posted.is_empty() {
                    context.clock.sleep(PACE).await;
                }
                send_one(context, &**sink, &letter.message).await
            }
        };
        if let Err(error) = &outcome
            && error.is_of_the_sink()
        {
            down = Some(error.clone());
        }
        posted.push(Posted { letter, outcome });
    }
    posted
}

/// Sends a message; once more where the receiver asks for a moment.
pub async fn send_one(
    context: &Context,
    sink: &dyn Sink,
    message: &Message,
) -> Result<(), SinkError> {
    match sink.deliver(message).await {
        Err(SinkError::Busy { retry_after: Some(after), .. }) if after <= SHORT => {
            context.clock.sleep(after).await;
            sink.deliver(message).await
        }
        outcome => outcome,
    }
}
