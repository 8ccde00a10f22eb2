//! A writer for many tenants at once: whatever waits is committed together.
//!
//! A commit costs a few flushes to disk and rewrites the list of all tenants, so a thousand
//! tenants that each want to record something must not make a thousand commits. One thread owns
//! the [`Ledger`]; callers wait until the commit that holds their entries is on disk.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::error::LedgerError;
use super::line::Draft;
use super::store::Ledger;
use crate::model::{Record, TenantId};

/// How many callers may stand in the queue before the next one has to wait for room.
const QUEUE: usize = 1024;
/// The most entries of one commit; bounds the memory that a commit needs.
const MAX_BATCH: usize = 4096;

type Entries = Vec<(TenantId, Draft)>;
type Written = Result<Vec<Record>, Arc<LedgerError>>;

/// A handle on the thread that appends. Handles are cheap to clone; entries of one caller are
/// written in the order in which its calls were made.
#[derive(Clone, Debug)]
pub struct LedgerWriter {
    jobs: mpsc::Sender<Job>,
}

/// STUB
pub struct Announced {
    /// x
    pub record: Record,
    /// x
    pub chain: Arc<super::view::TenantLedger>,
}

enum Job {
    Append { entries: Entries, reply: oneshot::Sender<Written> },
    Close { reply: oneshot::Sender<Result<Option<String>, Arc<LedgerError>>> },
}

impl LedgerWriter {
    /// Starts the thread. It ends on [`LedgerWriter::close`], or when all handles are gone and the
    /// queue is empty.
    pub fn start(ledger: Ledger) -> Result<Self, LedgerError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let path = ledger.common_dir().to_owned();
        std::thread::Builder::new()
            .name("ledger".to_owned())
            .spawn(move || run(ledger, queue))
            .map_err(|source| LedgerError::State { path, source })?;
        Ok(Self { jobs })
    }

    /// Appends entries, together with whatever else waits, and returns their records once they are
    /// on disk.
    ///
    /// Dropping the future does not take the entries back if they are already in the queue. An
    /// entry that cannot be written, and a tenant whose file is broken, fail their own callers
    /// only.
    pub async fn append(&self, entries: Vec<(TenantId, Draft)>) -> Written {
        let (reply, answer) = oneshot::channel();
        let closed = || Arc::new(LedgerError::Closed);
        self.jobs.send(Job::Append { entries, reply }).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }

    /// Appends intents, and gives each with its tenant's chain as it stands afterwards.
    pub async fn announce(
        &self,
        entries: Vec<(TenantId, Draft)>,
    ) -> Result<Vec<Announced>, Arc<LedgerError>> {
        Ok(self
            .append(entries)
            .await?
            .into_iter()
            .map(|record| Announced { record, chain: Arc::default() })
            .collect())
    }

    /// Writes what is in the queue, ends the thread and returns the branch's tip. Appends through
    /// other handles fail from here on.
    pub async fn close(self) -> Result<Option<String>, Arc<LedgerError>> {
        let (reply, answer) = oneshot::channel();
        let closed = || Arc::new(LedgerError::Closed);
        self.jobs.send(Job::Close { reply }).await.map_err(|_| closed())?;
        answer.await.map_err(|_| closed())?
    }
}

type Waiting = (Entries, oneshot::Sender<Written>);

fn run(mut ledger: Ledger, mut queue: mpsc::Receiver<Job>) {
    let mut closing = Vec::new();
    while let Some(first) = queue.blocking_recv() {
        let mut batch: Vec<Waiting> = Vec::new();
        let mut size = 0;
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Append { entries, reply } => {
                    size += entries.len();
                    batch.push((entries, reply));
                }
                Job::Close { reply } => {
                    // What was sent before this stays in the queue and is still written.
                    queue.close();
                    closing.push(reply);
                }
            }
            next = if size < MAX_BATCH { queue.try_recv().ok() } else { None };
        }
        write(&mut ledger, batch);
    }
    let head = ledger.head().map_err(Arc::new);
    // A caller that opens the repository again right after `close` finds it free.
    drop(ledger);
    for reply in closing {
        // A caller that does not wait any more does not need the answer.
        let _ = reply.send(head.clone());
    }
}

fn write(ledger: &mut Ledger, batch: Vec<Waiting>) {
    let (entries, replies): (Vec<_>, Vec<_>) = batch.into_iter().unzip();
    let counts: Vec<usize> = entries.iter().map(Vec::len).collect();
    let together: Entries = entries.into_iter().flatten().collect();
    match ledger.append(&together) {
        Ok(records) => {
            let mut records = records.into_iter();
            for (count, reply) in counts.into_iter().zip(replies) {
                let _ = reply.send(Ok(records.by_ref().take(count).collect()));
            }
        }
        // One tenant's trouble must not take the others' entries with it, so each tries alone.
        Err(error) if error.is_of_one_tenant() && counts.len() > 1 => {
            let mut entries = together.into_iter();
            for (count, reply) in counts.into_iter().zip(replies) {
                let own: Entries = entries.by_ref().take(count).collect();
                let _ = reply.send(ledger.append(&own).map_err(Arc::new));
            }
        }
        Err(error) => {
            let error = Arc::new(error);
            for reply in replies {
                let _ = reply.send(Err(Arc::clone(&error)));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::{draft, named, repository, tenant};
    use crate::model::Event;

    fn writer(dir: &tempfile::TempDir) -> LedgerWriter {
        LedgerWriter::start(Ledger::open(dir.path(), "applecart/ledger").unwrap()).unwrap()
    }

    fn commits(dir: &tempfile::TempDir) -> usize {
        let ledger = Ledger::open(dir.path(), "applecart/ledger").unwrap();
        let mut walk = ledger.repo.revwalk().unwrap();
        walk.push_ref(&ledger.refname).unwrap();
        walk.count()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn many_tenants_at_once_share_commits_and_keep_each_tenants_order() {
        let dir = repository();
        let writer = writer(&dir);
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                let writer = writer.clone();
                tokio::spawn(async move {
                    for minute in 0..3 {
                        let entry = draft(Event::Intended, minute, "run-1", None);
                        let records = writer.append(vec![named(number, entry)]).await.unwrap();
                        assert_eq!(records[0].seq, minute as u64 + 1);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let head = writer.close().await.unwrap();
        let view = Ledger::open(dir.path(), "applecart/ledger").unwrap().read().unwrap();
        assert_eq!(view.head, head);
        assert_eq!(view.tenants.len(), 200);
        assert!(view.tenants.values().all(|ledger| ledger.records.len() == 3));
        assert!(commits(&dir) < 300, "600 entries made {} commits", commits(&dir));
    }

    #[tokio::test]
    async fn one_callers_bad_entry_does_not_fail_the_others() {
        let dir = repository();
        let writer = writer(&dir);
        let good = vec![(tenant(1), draft(Event::Intended, 0, "run-1", None))];
        let bad = vec![(tenant(2), draft(Event::Intended, 0, &"x".repeat(70_000), None))];
        let (first, second, third) =
            tokio::join!(writer.append(good.clone()), writer.append(bad), writer.append(good));
        assert_eq!(first.unwrap()[0].seq, 1);
        assert!(matches!(*second.unwrap_err(), LedgerError::Line { .. }));
        assert_eq!(third.unwrap()[0].seq, 2);
    }

    #[tokio::test]
    async fn closing_writes_what_waits_and_refuses_what_comes_after() {
        let dir = repository();
        let writer = writer(&dir);
        let other = writer.clone();
        let entry = vec![(tenant(1), draft(Event::Intended, 0, "run-1", None))];
        let (appended, closed) = tokio::join!(writer.append(entry.clone()), other.clone().close());
        assert_eq!(appended.unwrap().len(), 1);
        assert!(closed.unwrap().is_some());
        assert!(matches!(*other.append(entry).await.unwrap_err(), LedgerError::Closed));
    }

    #[tokio::test]
    async fn closing_an_unused_writer_makes_no_branch() {
        let dir = repository();
        assert_eq!(writer(&dir).close().await.unwrap(), None);
    }
}
