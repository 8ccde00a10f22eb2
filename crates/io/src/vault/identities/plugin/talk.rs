//! A running plugin: stanzas go to its standard input and come from its standard output.
//!
//! age-core has this, too, but gives the program every variable there is and waits for it without end.
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use age_core::format::{Stanza, read};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tempfile::TempDir;
use zeroize::Zeroizing;

use crate::git::program::{begun, wait};

/// How a plugin is told what it is there for: to open a file.
const PHASE: &str = "--age-plugin=identity-v1";

/// More than any message for a person and any key has.
const MAX_STANZA: u64 = 64 * 1024;

/// The width of a stanza's lines.
const WIDTH: usize = 64;

/// How long it has to end by itself, after the last word.
const LINGER: Duration = Duration::from_millis(500);

/// Why a plugin gave no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum TalkError {
    #[error("cannot be started or talked to ({0})")]
    Io(#[from] io::Error),
    #[error("ended before it had answered")]
    Ended,
    #[error("said something that is no answer of a plugin")]
    Garbled,
    #[error(
        "did not answer within {} seconds and was stopped. If its key waited to be touched, run the command again and touch it",
        limit.as_secs()
    )]
    Silent { limit: Duration },
}

/// A conversation. It ends with the program.
pub(super) struct Talk {
    child: Child,
    input: Option<ChildStdin>,
    said: Receiver<Result<Stanza, TalkError>>,
    _folder: TempDir,
}

impl Talk {
    /// Starts a plugin, in an empty folder and without the secrets of this program.
    pub(super) fn open(program: &Path) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut child = begun(program, PHASE, folder.path())?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let (tell, said) = sync_channel(1);
        // Nothing else can stop to wait for a pipe.
        std::thread::spawn(move || output.map(|output| listen(output, &tell)));
        Ok(Self { child, input, said, _folder: folder })
    }

    /// Says something: a tag, words and a body.
    pub(super) fn send(&mut self, tag: &str, words: &[&str], body: &[u8]) -> io::Result<()> {
        // The body may be a PIN.
        let body = Zeroizing::new(STANDARD_NO_PAD.encode(body));
        let mut text = Zeroizing::new(Vec::with_capacity(2 * body.len() + 1024));
        text.extend_from_slice(b"->");
        for word in std::iter::once(&tag).chain(words) {
            text.push(b' ');
            text.extend_from_slice(word.as_bytes());
        }
        text.push(b'\n');
        for line in body.as_bytes().chunks(WIDTH) {
            text.extend_from_slice(line);
            text.push(b'\n');
        }
        // The last line is a short one.
        if body.len().is_multiple_of(WIDTH) {
            text.push(b'\n');
        }
        let input = self.input.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
        input.write_all(&text)?;
        input.flush()
    }

    /// What the plugin says next; `None` when it says nothing for so long.
    pub(super) fn hear(&mut self, limit: Duration) -> Result<Option<Stanza>, TalkError> {
        match self.said.recv_timeout(limit) {
            Ok(said) => said.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(TalkError::Ended),
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        drop(self.input.take());
        if !matches!(wait(&mut self.child, LINGER), Ok(Some(_))) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// Reads stanzas until the output ends or nobody listens any more.
fn listen(output: ChildStdout, tell: &SyncSender<Result<Stanza, TalkError>>) {
    let mut lines = BufReader::new(output);
    while let Some(said) = stanza(&mut lines) {
        let is_last = said.is_err();
        if tell.send(said).is_err() || is_last {
            return;
        }
    }
}

/// The next stanza; `None` at the end.
fn stanza(lines: &mut BufReader<ChildStdout>) -> Option<Result<Stanza, TalkError>> {
    // It may hold a file's key.
    let mut text = Zeroizing::new(Vec::with_capacity(1024));
    loop {
        let room = MAX_STANZA.saturating_sub(text.len() as u64);
        match lines.by_ref().take(room).read_until(b'\n', &mut text) {
            Ok(0) if text.is_empty() => return None,
            Ok(0) => return Some(Err(TalkError::Garbled)),
            Ok(_) => {}
            Err(error) => return Some(Err(error.into())),
        }
        match read::age_stanza(&text) {
            Ok((_, stanza)) => return Some(Ok(stanza.into())),
            Err(error) if error.is_incomplete() => {}
            Err(_) => return Some(Err(TalkError::Garbled)),
        }
    }
}
