//! A writer for many tenants at once: whatever waits is committed together.
//!
//! A commit costs a few flushes to disk and rewrites the list of all tenants, and a push costs a
//! connection, so a thousand tenants that each want to record something must not make a thousand
//! of either. One thread owns the [`Ledger`]; callers wait until their entries are where they have
//! to be: *outcomes* on disk in this clone, *intents* at the remote, where the other runs see
//! them. Outcomes are pushed along with the next intents, and at the latest [`PUSH_EVERY`] after
//! the first of them; what could not be pushed by the end is handed back.

use std::sync::Arc;
use std::time::Duration;

use git2::Oid;
use tokio::sync::{mpsc, oneshot};

use super::error::LedgerError;
use super::shared::{Announced, Ledger, Twice};
use crate::seams::{Clock, within};
use applecart_core::ledger::LedgerView;
use applecart_core::model::{Event, LedgerEntry, Record, TenantId};

/// How many callers may stand in the queue before the next one has to wait for room.
const QUEUE: usize = 1024;
/// The most entries of one commit; bounds the memory that a commit needs.
const MAX_BATCH: usize = 4096;
/// How long an outcome may be known to this clone only.
const PUSH_EVERY: Duration = Duration::from_secs(30);

type Entries = Vec<(TenantId, LedgerEntry)>;
type Written = Result<Vec<Record>, Arc<LedgerError>>;
type Landed = Result<Vec<Announced>, Arc<LedgerError>>;
type Changed = Result<LedgerView, Arc<LedgerError>>;

/// A handle on the thread that appends. Handles are cheap to clone; entries of one caller are
/// written in the order in which its calls were made.
#[derive(Clone, Debug)]
pub struct LedgerWriter {
    jobs: mpsc::Sender<Job>,
}

/// How a writer ended.
#[derive(Debug, Default)]
pub struct Closed {
    /// The tip of what was read and written; `None` when there is no ledger.
    pub head: Option<String>,
    /// Entries that are not at the remote, for [`save_unpushed`](super::save_unpushed); none where
    /// there is no remote. They are on this clone's branch too, unless that tenant's file is
    /// broken.
    pub unpushed: Vec<(TenantId, LedgerEntry)>,
    /// Why there are any.
    pub error: Option<Arc<LedgerError>>,
}

enum Job {
    Write { entries: Entries, reply: Reply },
    Changed { from: Option<String>, to: Oid, reply: oneshot::Sender<Changed> },
    Close { reply: oneshot::Sender<Result<Closed, Arc<LedgerError>>> },
}

/// Who waits for entries, and for what of them.
enum Reply {
    Records(oneshot::Sender<Written>),
    Chains(oneshot::Sender<Landed>),
}

impl LedgerWriter {
    /// Starts the thread. It ends on [`LedgerWriter::close`], or when all handles are gone and the
    /// queue is empty.
    pub fn start(ledger: Ledger) -> Result<Self, LedgerError> {
        Self::start_pushing_every(ledger, PUSH_EVERY)
    }

    fn start_pushing_every(ledger: Ledger, every: Duration) -> Result<Self, LedgerError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let path = ledger.common_dir().to_owned();
        let state = |source| LedgerError::State { path: path.clone(), source };
        // Only for its timer: the thread has nothing else to do while it writes.
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(state)?;
        let desk = Desk::new(ledger, every);
        std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || runtime.block_on(desk.run(queue)))
            .map_err(state)?;
        Ok(Self { jobs })
    }

    /// The same without a thread, for runs in memory: what waits is written while the future is polled.
    #[cfg(any(test, feature = "testing"))]
    pub fn beside(ledger: Ledger) -> (Self, impl Future<Output = ()>) {
        let (jobs, queue) = mpsc::channel(QUEUE);
        (Self { jobs }, Desk::new(ledger, PUSH_EVERY).run(queue))
    }

    /// Appends entries, together with whatever else waits, and returns their records once they are
    /// on disk; with an `intended` among them, once they are at the remote.
    ///
    /// Dropping the future does not take the entries back if they are already in the queue. An
    /// entry that cannot be written, and a tenant whose file is broken, fail their own callers
    /// only.
    pub async fn append(&self, entries: Vec<(TenantId, LedgerEntry)>) -> Written {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Write { entries, reply: Reply::Records(reply) }).await?;
        answer.await.map_err(|_| Arc::new(LedgerError::Closed))?
    }

    /// Appends entries and returns them once they are where every other run sees them, each with
    /// its tenant's chain as it was directly after that. An error means that nothing was
    /// announced, and nothing may be sent.
    pub async fn announce(&self, entries: Vec<(TenantId, LedgerEntry)>) -> Landed {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Write { entries, reply: Reply::Chains(reply) }).await?;
        answer.await.map_err(|_| Arc::new(LedgerError::Closed))?
    }

    /// What other runs recorded between the reading of `known` and the landing of an announcement:
    /// their lines stand before it in the ledger's one order, so every run judges alike who was
    /// first.
    pub async fn news(&self, known: &LedgerView, announced: &Announced) -> Changed {
        let Some(to) = announced.commit else { return Ok(LedgerView::default()) };
        let (reply, answer) = oneshot::channel();
        self.send(Job::Changed { from: known.head.clone(), to, reply }).await?;
        let mut news = answer.await.map_err(|_| Arc::new(LedgerError::Closed))??;
        for (&tenant, chain) in &mut news.tenants {
            let last = known.tenant(tenant).last_seq();
            chain.records.retain(|record| last < record.seq);
        }
        Ok(news)
    }

    /// Writes what is in the queue, pushes what is not pushed yet, and ends the thread. Appends
    /// through other handles fail from here on.
    ///
    /// # Errors
    /// When the ledger cannot be read any more, or the writer has ended already. A push that
    /// failed is no error here: its entries are in [`Closed::unpushed`].
    pub async fn close(self) -> Result<Closed, Arc<LedgerError>> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Close { reply }).await?;
        answer.await.map_err(|_| Arc::new(LedgerError::Closed))?
    }

    async fn send(&self, job: Job) -> Result<(), Arc<LedgerError>> {
        self.jobs.send(job).await.map_err(|_| Arc::new(LedgerError::Closed))
    }
}

type Waiting = (Entries, Reply);

/// What the thread works with.
struct Desk {
    clock: Arc<dyn Clock>,
    ledger: Ledger,
    every: Duration,
    /// Entries of this writer that may not be at the remote.
    pending: Entries,
    /// When they have to be, by the clock's elapsed time.
    push_at: Option<Duration>,
}

impl Desk {
    fn new(ledger: Ledger, every: Duration) -> Self {
        let clock = Arc::clone(&ledger.clock);
        Self { clock, ledger, every, pending: Vec::new(), push_at: None }
    }

    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut closing = Vec::new();
        while let Some(first) = self.next(&mut queue).await {
            let mut batch: Vec<Waiting> = Vec::new();
            let mut size = 0;
            let mut next = Some(first);
            while let Some(job) = next {
                match job {
                    Job::Write { entries, reply } => {
                        size += entries.len();
                        batch.push((entries, reply));
                    }
                    Job::Changed { from, to, reply } => {
                        let changed = self.ledger.changed(from.as_deref(), to);
                        // A caller that does not wait any more does not need the answer.
                        drop(reply.send(changed.map_err(Arc::new)));
                    }
                    Job::Close { reply } => {
                        // What was sent before this stays in the queue and is still written.
                        queue.close();
                        closing.push(reply);
                    }
                }
                next = if size < MAX_BATCH { queue.try_recv().ok() } else { None };
            }
            self.write(batch);
        }
        let mut closed = self.end();
        // A caller that opens the repository again right after `close` finds it free.
        drop(self);
        for reply in closing {
            // A caller that does not wait any more does not need the answer.
            let _ = reply.send(std::mem::replace(&mut closed, Ok(Closed::default())));
        }
    }

    /// The next job; pushes meanwhile when it is time to.
    async fn next(&mut self, queue: &mut mpsc::Receiver<Job>) -> Option<Job> {
        loop {
            let Some(push_at) = self.push_at else { return queue.recv().await };
            let left = push_at.saturating_sub(self.clock.elapsed());
            match within(&*self.clock, left, queue.recv()).await {
                Some(job) => return job,
                None => self.push(),
            }
        }
    }

    /// Pushes what is pending. If that fails, it stays so until the next time.
    fn push(&mut self) {
        match self.ledger.land(&[], Twice::Append) {
            Ok(_) => self.push_at = None,
            Err(error) => {
                tracing::warn!("ledger entries are not pushed yet: {}", error.sentence());
                self.push_at = Some(self.clock.elapsed() + self.every);
            }
        }
    }

    /// Writes a batch: first what only has to be on disk, then what others must see, which takes
    /// the former along.
    fn write(&mut self, batch: Vec<Waiting>) {
        // A ledger that does not exist yet is made at the remote: a first commit that only this
        // clone has would look like a ledger that was lost there.
        let ground = match self.ledger.has_ground() {
            Ok(ground) => ground,
            Err(error) => return refuse(batch, &Arc::new(error)),
        };
        let shared = self.ledger.asked_remote().is_some();
        let lands = |(entries, reply): &Waiting| {
            let intends = || entries.iter().any(|(_, draft)| draft.event() == Event::Intended);
            matches!(reply, Reply::Chains(_)) || !ground || (shared && intends())
        };
        let (landing, here): (Vec<_>, Vec<_>) = batch.into_iter().partition(lands);
        self.put(here, Self::append);
        self.put(landing, Self::announce);
    }

    fn put(&mut self, batch: Vec<Waiting>, how: fn(&mut Self, &Entries) -> Put) {
        let (entries, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
        let counts: Vec<usize> = entries.iter().map(Vec::len).collect();
        let together: Entries = entries.into_iter().flatten().collect();
        if replies.is_empty() {
            return;
        }
        match how(self, &together) {
            Ok(written) => {
                let mut written = written.into_iter();
                for (count, reply) in counts.into_iter().zip(replies) {
                    reply.send(Ok(written.by_ref().take(count).collect()));
                }
            }
            // One tenant's trouble must not take the others' entries with it, so each tries alone.
            Err(error) if error.is_of_one_tenant() && counts.len() > 1 => {
                let mut entries = together.into_iter();
                for (count, reply) in counts.into_iter().zip(replies) {
                    let own: Entries = entries.by_ref().take(count).collect();
                    reply.send(how(self, &own).map_err(Arc::new));
                }
            }
            Err(error) => refuse_all(replies, &Arc::new(error)),
        }
    }

    /// On disk in this clone.
    fn append(&mut self, entries: &Entries) -> Put {
        let records = self.ledger.append(entries)?;
        if self.ledger.asked_remote().is_some() && !entries.is_empty() {
            self.pending.extend_from_slice(entries);
            self.push_at.get_or_insert(self.clock.elapsed() + self.every);
        }
        let chain = Arc::default();
        Ok(records
            .into_iter()
            .map(|record| Announced { record, chain: Arc::clone(&chain), commit: None })
            .collect())
    }

    /// At the remote, with everything that waits to get there.
    fn announce(&mut self, entries: &Entries) -> Put {
        let announced = self.ledger.announce(entries)?;
        self.push_at = None;
        Ok(announced)
    }

    /// The last push, and a look at whether everything has arrived.
    fn end(&mut self) -> Result<Closed, Arc<LedgerError>> {
        let mut error = None;
        if self.ledger.asked_remote().is_some() && !self.pending.is_empty() {
            error = self.ledger.land(&[], Twice::Append).err();
            // Also after a failure: some of it may have been pushed before.
            if let Err(left) = self.bring_the_rest(error.is_none()) {
                error = error.or(Some(left));
            }
        }
        let head = self.ledger.head().map_err(Arc::new)?;
        let unpushed = std::mem::take(&mut self.pending);
        // A push that failed after all had arrived has failed nobody.
        let error = error.filter(|_| !unpushed.is_empty()).map(Arc::new);
        Ok(Closed { head, unpushed, error })
    }

    /// Leaves in `pending` what has not arrived. With `again`, first appends it once more: all was
    /// pushed, so somebody took it off this clone's branch, or it belongs to a tenant whose file
    /// is broken over there.
    fn bring_the_rest(&mut self, again: bool) -> Result<(), LedgerError> {
        self.pending = self.ledger.missing(&self.pending)?;
        if self.pending.is_empty() || !again {
            return Ok(());
        }
        let mut left = Entries::new();
        let mut trouble = None;
        let mut of_tenant = std::collections::BTreeMap::<TenantId, Entries>::new();
        for (tenant, draft) in self.pending.drain(..) {
            of_tenant.entry(tenant).or_default().push((tenant, draft));
        }
        for entries in of_tenant.into_values() {
            if let Err(error) = self.ledger.land(&entries, Twice::Append) {
                left.extend(entries);
                trouble = Some(error);
            }
        }
        self.pending = left;
        trouble.map_or(Ok(()), Err)
    }
}

type Put = Result<Vec<Announced>, LedgerError>;

impl Reply {
    fn send(self, written: Landed) {
        // A caller that does not wait any more does not need the answer.
        match self {
            Self::Chains(reply) => drop(reply.send(written)),
            Self::Records(reply) => {
                let records = |written: Vec<Announced>| {
                    written.into_iter().map(|announced| announced.record).collect()
                };
                drop(reply.send(written.map(records)));
            }
        }
    }
}

fn refuse(batch: Vec<Waiting>, error: &Arc<LedgerError>) {
    refuse_all(batch.into_iter().map(|(_, reply)| reply), error);
}

fn refuse_all(replies: impl IntoIterator<Item = Reply>, error: &Arc<LedgerError>) {
    for reply in replies {
        reply.send(Err(Arc::clone(error)));
    }
}

#[cfg(test)]
mod tests;
