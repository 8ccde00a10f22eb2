//! Runs the user's own `git`, for everything that needs a network.
//!
//! Their credentials, proxies, SSH settings and CI checkouts are set up for that program; a second
//! implementation would have to be set up again. So configuration and environment are left as
//! they are, except for what could make the run do something else than it was asked for:
//!
//! * variables by which a surrounding `git` (a hook, an alias) names *its* repository and index,
//!   and those that make `git` write what it sends into its messages;
//! * hooks: a `core.hooksPath` inside the worktree would run a program out of a pull request;
//! * secrets of this program: a helper, `ssh` or a hook of a remote on this machine gets none;
//! * background maintenance, pagers, colours, and the pushing of tags or submodules.
//!
//! A run that asks for a password without a terminal fails at once instead of waiting, and every
//! run has a time limit. What `git` says in an error is shown without credentials.

mod command;
mod scrub;
#[cfg(test)]
mod tests;
mod tool;

use std::io::{IsTerminal as _, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{GitError, Repo, escaped};
use crate::variables::keep_secrets;
pub(crate) use command::begun;
pub use command::{CommandError, printed};
use scrub::last_lines;
pub use tool::Tool;
pub use tool::ToolError;

/// How long a run may take, unless it says otherwise. Asking a remote takes seconds; two minutes
/// outlast a slow VPN and a typed passphrase.
pub const TIME_LIMIT: Duration = Duration::from_secs(120);

/// More than `git` ever prints for what it is asked here. What is beyond is read and dropped.
const MAX_OUTPUT: usize = 16 * 1024 * 1024;

/// How much of the end of standard error is kept.
const MAX_COMPLAINT: usize = 8 * 1024;

/// The longest time between two looks at a running `git`.
const MAX_GLANCE: Duration = Duration::from_millis(20);

/// How long to wait for the end of standard error once `git` has ended: a connection that SSH
/// keeps for the next command holds it open.
const LINGER: Duration = Duration::from_millis(500);

/// Settings of every run.
const SETTINGS: [&str; 6] = [
    // Exists nowhere as a folder, also for Git on Windows.
    "core.hooksPath=/dev/null",
    // A maintenance process in the background would outlive the run.
    "gc.auto=0",
    "maintenance.auto=false",
    "color.ui=false",
    "push.followTags=false",
    "submodule.recurse=false",
];

/// Variables that name another repository, or a state of one, than the one that is meant.
const FOREIGN: [&str; 18] = [
    "GIT_DIR",
    "GIT_COMMON_DIR",
    "GIT_WORK_TREE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_QUARANTINE_PATH",
    "GIT_NAMESPACE",
    "GIT_PREFIX",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_GRAFT_FILE",
    "GIT_SHALLOW_FILE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_REPLACE_REF_BASE",
    "GIT_CONFIG",
    "GIT_CURL_VERBOSE",
    "GIT_REFLOG_ACTION",
];

/// The user's `git`, for one repository.
#[derive(Debug)]
pub struct GitProgram {
    program: PathBuf,
    git_dir: PathBuf,
    folder: PathBuf,
    time_limit: Duration,
}

/// A run that came to its end, well or not.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; `None` where a signal ended it.
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    /// The last lines that it complained with, harmless and without credentials.
    pub complaint: String,
}

impl GitProgram {
    /// The `git` of the search path, for this repository.
    pub fn of(repo: &Repo) -> Self {
        let git_dir = repo.repo.path().to_owned();
        // A remote may be named by a path that is relative to the worktree.
        let folder = repo.worktree().unwrap_or(&git_dir).to_owned();
        Self::at(git_dir, folder)
    }

    /// The same for a Git directory that is not opened here.
    pub(super) fn at(git_dir: PathBuf, folder: PathBuf) -> Self {
        Self { program: PathBuf::from("git"), git_dir, folder, time_limit: TIME_LIMIT }
    }

    /// The same with another time limit.
    #[must_use]
    pub fn within(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    /// What `git` prints for these arguments.
    ///
    /// # Errors
    /// Anything but the exit code 0; see [`GitProgram::ended`] for the rest.
    pub fn run(&self, args: &[&str]) -> Result<Vec<u8>, GitError> {
        self.run_with(args, Vec::new())
    }

    /// The same for a command that reads this from standard input.
    pub(super) fn run_with(&self, args: &[&str], input: Vec<u8>) -> Result<Vec<u8>, GitError> {
        let ended = self.ended_with(args, input)?;
        match ended.code {
            Some(0) => Ok(ended.stdout),
            code => {
                Err(GitError::Program { command: name_of(args), code, complaint: ended.complaint })
            }
        }
    }

    /// Runs `git` to its end, whatever that is.
    ///
    /// # Errors
    /// When there is no `git`, or it did not end within the time limit.
    pub fn ended(&self, args: &[&str]) -> Result<Ended, GitError> {
        self.ended_with(args, Vec::new())
    }

    fn ended_with(&self, args: &[&str], input: Vec<u8>) -> Result<Ended, GitError> {
        match to_end(self.command(args), input, self.time_limit) {
            Ok(ended) => Ok(Ended {
                code: ended.code,
                stdout: ended.stdout,
                complaint: last_lines(&ended.stderr),
            }),
            Err(Stopped::TooSlow) => {
                Err(GitError::TooSlow { command: name_of(args), limit: self.time_limit })
            }
            Err(Stopped::Start(source)) => Err(match source.kind() {
                std::io::ErrorKind::NotFound if self.folder.is_dir() => GitError::NoProgram,
                _ => GitError::Start { source },
            }),
        }
    }

    /// Runs a local question to its end and gives each piece of the answer to `take` as it comes.
    ///
    /// Nothing is asked of a remote: a clone that lacks objects must not fetch them on the way. The
    /// time is not limited, for how long a walk takes depends on the history.
    pub(crate) fn stream(
        &self,
        args: &[&str],
        mut take: impl FnMut(&[u8]) -> Result<(), GitError>,
    ) -> Result<(), GitError> {
        let mut command = self.command(args);
        command.env("GIT_NO_LAZY_FETCH", "1");
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|source| match source.kind() {
            std::io::ErrorKind::NotFound if self.folder.is_dir() => GitError::NoProgram,
            _ => GitError::Start { source },
        })?;
        let stderr = Pipe::read(child.stderr.take(), |all, new| {
            all.extend_from_slice(new);
            all.drain(..all.len().saturating_sub(MAX_COMPLAINT));
        });
        let mut taken = Ok(());
        if let Some(mut stdout) = child.stdout.take() {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(count @ 1..) = stdout.read(&mut buffer) {
                taken = take(buffer.get(..count).unwrap_or_default());
                if taken.is_err() {
                    let _ = child.kill();
                    break;
                }
            }
        }
        let status = child.wait().map_err(|source| GitError::Start { source })?;
        taken?;
        match status.code() {
            Some(0) => Ok(()),
            code => Err(GitError::Program {
                command: name_of(args),
                code,
                complaint: last_lines(&stderr.content(LINGER)),
            }),
        }
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = undisturbed(&self.program);
        if !(std::io::stdin().is_terminal() && std::io::stderr().is_terminal()) {
            command.env("GIT_TERMINAL_PROMPT", "0").env("GCM_INTERACTIVE", "never");
        }
        command.arg("--no-pager");
        // Named outright, so that it is the repository that was opened and no other.
        command.arg("--git-dir").arg(&self.git_dir).current_dir(&self.folder);
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        command.args(args);
        command
    }
}

/// A command that nothing of the surroundings steers to another repository.
#[expect(clippy::disallowed_methods, reason = "the one place that starts the user's git")]
fn undisturbed(program: &Path) -> Command {
    let mut command = Command::new(program);
    for name in FOREIGN {
        command.env_remove(name);
    }
    for (name, _) in std::env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"GIT_TRACE") {
            command.env_remove(name);
        }
    }
    keep_secrets(&mut command);
    // Its texts are part of what is shown, and are compared in places.
    command.env("LC_ALL", "C");
    command
}

/// What the user's `git` says about a repository of another user.
#[derive(Debug)]
pub(super) enum Verdict {
    Trusted {
        git_dir: PathBuf,
        /// `None` in a bare repository.
        worktree: Option<PathBuf>,
    },
    Distrusted {
        /// The path that `safe.directory` has to name, where `git` tells.
        named: Option<PathBuf>,
    },
}

/// Asks the user's `git` whether it trusts the repository that a folder is in.
pub(super) fn trusts(folder: &Path) -> Verdict {
    let ask = |what: &[&str]| {
        let mut command = undisturbed(Path::new("git"));
        command.arg("-C").arg(folder).arg("rev-parse").args(what);
        to_end(command, Vec::new(), TIME_LIMIT).ok()
    };
    let line = |left: Option<Left>| {
        let left = left.filter(|left| left.code == Some(0))?;
        let text = String::from_utf8(left.stdout).ok()?;
        let text = text.strip_suffix('\n').unwrap_or(&text);
        (!text.is_empty()).then(|| PathBuf::from(text))
    };
    let asked = ask(&["--absolute-git-dir"]);
    let complaint = asked.as_ref().map(|left| String::from_utf8_lossy(&left.stderr).into_owned());
    match line(asked) {
        Some(git_dir) => Verdict::Trusted { git_dir, worktree: line(ask(&["--show-toplevel"])) },
        None => Verdict::Distrusted { named: complaint.as_deref().and_then(distrusted) },
    }
}

/// The path that `git` names as the one that it does not trust.
fn distrusted(complaint: &str) -> Option<PathBuf> {
    let line = complaint.lines().find(|line| line.contains("dubious ownership"))?;
    let (_, quoted) = line.split_once('\'')?;
    quoted.rsplit_once('\'').map(|(path, _)| PathBuf::from(path))
}

/// The first line of a small file inside a Git directory; `None` where there is none.
#[expect(clippy::disallowed_methods, reason = "reads a file of Git's own")]
pub(super) fn first_line(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()?.lines().next().map(str::to_owned)
}

/// A remote's name as it may stand on a command line.
pub fn checked_remote(name: &str) -> Result<&str, GitError> {
    let odd = name.is_empty()
        || name.starts_with('-')
        || name.chars().any(|c| c.is_control() || c.is_whitespace());
    // A URL or path would be taken as one, with whatever credentials it holds.
    if odd || !git2::Remote::is_valid_name(name) {
        return Err(GitError::RemoteName { name: escaped(name.as_bytes()) });
    }
    Ok(name)
}

/// A reference's full name (`refs/…`, or `HEAD`) as it may stand on a command line.
pub fn checked_ref(name: &str) -> Result<&str, GitError> {
    let full = name.starts_with("refs/") && git2::Reference::is_valid_name(name);
    if full || name == "HEAD" {
        return Ok(name);
    }
    Err(GitError::RefName { name: escaped(name.as_bytes()) })
}

/// The subcommand, for messages: arguments may hold anything.
fn name_of(args: &[&str]) -> String {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match *arg {
            // The argument behind `-c` is a setting, which may be a secret.
            "-c" => drop(args.next()),
            arg if arg.starts_with('-') => {}
            arg => return arg.to_owned(),
        }
    }
    String::new()
}

/// What a program left behind.
#[derive(Debug)]
struct Left {
    /// The exit code; `None` where a signal ended it.
    code: Option<i32>,
    stdout: Vec<u8>,
    /// The end of it.
    stderr: Vec<u8>,
}

/// Why there is nothing that it left behind.
#[derive(Debug)]
enum Stopped {
    Start(std::io::Error),
    TooSlow,
}

/// Runs a program to its end and gives it this input.
fn to_end(mut command: Command, input: Vec<u8>, limit: Duration) -> Result<Left, Stopped> {
    let stdin = if input.is_empty() { Stdio::null() } else { Stdio::piped() };
    command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(Stopped::Start)?;
    if let Some(mut stdin) = child.stdin.take() {
        // It may be a token's plaintext.
        let input = zeroize::Zeroizing::new(input);
        // A program that does not read its input says why in its complaint.
        std::thread::spawn(move || stdin.write_all(&input));
    }
    let stdout = Pipe::read(child.stdout.take(), |all, new| {
        let room = MAX_OUTPUT.saturating_sub(all.len()).min(new.len());
        all.extend_from_slice(new.get(..room).unwrap_or_default());
    });
    let stderr = Pipe::read(child.stderr.take(), |all, new| {
        all.extend_from_slice(new);
        all.drain(..all.len().saturating_sub(MAX_COMPLAINT));
    });
    let Some(status) = wait(&mut child, limit).map_err(Stopped::Start)? else {
        // Its helpers end when they find it gone; they are not waited for.
        let _ = child.kill();
        let _ = child.wait();
        return Err(Stopped::TooSlow);
    };
    Ok(Left { code: status.code(), stdout: stdout.content(limit), stderr: stderr.content(LINGER) })
}

/// Waits for the end; `None` when the time is over.
///
/// On the machine's clock, not the run's: another program takes its own time, however fast a test lets
/// the run's pass. Pauses are not counted instead: on a busy machine each takes longer than it says.
#[expect(clippy::disallowed_methods, reason = "waits for another program")]
pub(crate) fn wait(child: &mut Child, limit: Duration) -> std::io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let left = limit.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        std::thread::sleep(pause.min(left));
        pause = (pause * 2).min(MAX_GLANCE);
    }
}

/// What a pipe has given so far. It is read on a thread of its own, so that neither pipe can fill
/// up and stop the program.
struct Pipe {
    content: Arc<Mutex<Vec<u8>>>,
    /// Disconnected at the pipe's end.
    end: Receiver<()>,
}

impl Pipe {
    fn read(
        pipe: Option<impl Read + Send + 'static>,
        add: impl Fn(&mut Vec<u8>, &[u8]) + Send + 'static,
    ) -> Self {
        let content = Arc::new(Mutex::new(Vec::new()));
        let (open, end) = channel();
        let shared = Arc::clone(&content);
        std::thread::spawn(move || {
            let _open: Sender<()> = open;
            let Some(mut pipe) = pipe else { return };
            let mut buffer = [0; 8192];
            while let Ok(count @ 1..) = pipe.read(&mut buffer) {
                let mut content = shared.lock().unwrap_or_else(PoisonError::into_inner);
                add(&mut content, buffer.get(..count).unwrap_or_default());
            }
        });
        Self { content, end }
    }

    /// The content, once the pipe has ended or the time is over.
    fn content(self, limit: Duration) -> Vec<u8> {
        let _ = self.end.recv_timeout(limit);
        std::mem::take(&mut self.content.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
