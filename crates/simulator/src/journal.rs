//! What was asked of the simulator, counted and remembered for tests.
#![expect(clippy::disallowed_types, reason = "the audit file is appended to")]

use std::collections::VecDeque;
use std::fs::File;
use std::io::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use crate::apple::service::PREFIX;
use crate::words::TenantId;

/// How many requests are remembered one by one: enough for any test, and bounded for benchmarks.
/// The counters go on.
const REMEMBERED: usize = 100_000;

/// One request to the sign-in, to Graph or to Apple.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LoggedRequest {
    /// When it was answered.
    pub at: DateTime<Utc>,
    /// The tenant it was for, where the request says.
    pub tenant: Option<TenantId>,
    pub method: String,
    /// The path with API version, without query.
    pub path: String,
    /// The query, as sent.
    pub query: Option<String>,
    /// The status it was given, also where the answer was lost; `null` where nothing was done.
    pub status: Option<u16>,
    /// The fault that struck it.
    pub fault: Option<String>,
    /// Whether it was a part of a `$batch`.
    pub part: bool,
}

impl LoggedRequest {
    fn is_sign_in(&self) -> bool {
        self.path.ends_with("/oauth2/v2.0/token")
    }

    fn is_at_apple(&self) -> bool {
        self.path.starts_with(PREFIX)
    }

    /// Whether it asked Graph to change something, done or not.
    pub fn is_write(&self) -> bool {
        self.method != "GET" && !self.is_sign_in() && !self.path.ends_with("/$batch")
    }

    /// Whether it changed something.
    pub fn is_done_write(&self) -> bool {
        self.is_write() && self.status.is_some_and(|status| (200..300).contains(&status))
    }
}

/// A request that no careful client ever sends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Violation {
    pub at: DateTime<Utc>,
    /// Which: `delete`, `empty-certificate`, `private-key-sent`, `key-regenerated` and so on.
    pub what: String,
    /// The tenant, where the request had a valid access token.
    pub tenant: Option<TenantId>,
    pub method: String,
    pub path: String,
}

/// How much has happened since the start or since the journal was cleared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counters {
    /// HTTP requests to Microsoft; a `$batch` counts once.
    pub requests: u64,
    /// Requests to Apple.
    pub apple: u64,
    /// Requests for an access token.
    pub sign_ins: u64,
    /// Requests to `/$batch`, each counted once, whatever it holds.
    pub batches: u64,
    /// Requests that asked for a change, refused ones and parts of a `$batch` included.
    pub write_attempts: u64,
    /// Changes carried out, also those whose answer was lost.
    pub writes: u64,
    pub violations: u64,
}

/// One line of `audit.jsonl`: writes and violations, so that a restart does not forget them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) enum AuditLine {
    Write(LoggedRequest),
    Violation(Violation),
}

/// The audit file and the lines it had when it was opened.
#[derive(Debug)]
pub(super) struct AuditFile {
    pub(super) file: File,
    pub(super) lines: Vec<AuditLine>,
}

#[derive(Debug, Default)]
struct Book {
    requests: VecDeque<LoggedRequest>,
    violations: Vec<Violation>,
    counters: Counters,
    file: Option<File>,
}

/// The journal of one simulator.
#[derive(Debug)]
pub(super) struct Journal(Mutex<Book>);

impl Journal {
    pub(super) fn new(audit: Option<AuditFile>) -> Self {
        let mut book = Book::default();
        if let Some(AuditFile { file, lines }) = audit {
            for line in lines {
                match line {
                    AuditLine::Write(request) => book.remember(request),
                    AuditLine::Violation(violation) => book.count(violation),
                }
            }
            book.file = Some(file);
        }
        Self(Mutex::new(book))
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn log(&self, request: LoggedRequest) {
        let mut book = self.book();
        if request.is_write() {
            book.append(&AuditLine::Write(request.clone()));
        }
        book.remember(request);
    }

    pub(super) fn violation(&self, violation: Violation) {
        let mut book = self.book();
        book.append(&AuditLine::Violation(violation.clone()));
        book.count(violation);
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        self.book().requests.iter().cloned().collect()
    }

    pub(super) fn violations(&self) -> Vec<Violation> {
        self.book().violations.clone()
    }

    pub(super) fn counters(&self) -> Counters {
        self.book().counters
    }

    pub(super) fn clear(&self) {
        let mut book = self.book();
        let file = book.file.take();
        if let Some(file) = &file {
            // Appending starts at the new end; a failure only leaves old lines behind.
            let _ = file.set_len(0);
        }
        *book = Book { file, ..Book::default() };
    }
}

impl Book {
    fn remember(&mut self, request: LoggedRequest) {
        let counters = &mut self.counters;
        counters.requests += u64::from(!request.part && !request.is_at_apple());
        counters.apple += u64::from(request.is_at_apple());
        counters.sign_ins += u64::from(request.is_sign_in());
        counters.batches += u64::from(request.path.ends_with("/$batch"));
        counters.write_attempts += u64::from(request.is_write());
        counters.writes += u64::from(request.is_done_write());
        if self.requests.len() == REMEMBERED {
            self.requests.pop_front();
        }
        self.requests.push_back(request);
    }

    fn count(&mut self, violation: Violation) {
        self.counters.violations += 1;
        self.violations.push(violation);
    }

    fn append(&mut self, line: &AuditLine) {
        let Some(file) = &mut self.file else { return };
        if let Ok(mut text) = serde_json::to_vec(line) {
            text.push(b'\n');
            // The journal in memory is what tests read; the file is for after a restart.
            if let Err(error) = file.write_all(&text) {
                tracing::warn!(%error, "cannot append to the audit file");
            }
        }
    }
}
