//! Programs that judge or make signatures (`git` without its configuration, `gpg`, `ssh-keygen`), and
//! `sops`, which seals where a fleet uses it.
//!
//! What they say must depend on what they are given and on nothing that happens to be set up for
//! the user, the machine or the repository. So they start with an empty environment but for the
//! search path, in a folder that was made for them and is their home.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::{Left, Stopped, last_lines, to_end};

/// How long a run may take. A key on a token may want to be touched; otherwise it is milliseconds
/// for each signature.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// What a program cannot do without, where the system has it.
const KEPT: [&str; 7] =
    ["PATH", "PATHEXT", "SYSTEMROOT", "SYSTEMDRIVE", "COMSPEC", "WINDIR", "LD_LIBRARY_PATH"];

/// Where programs with a home of their own look for it.
const HOMES: [&str; 6] = ["HOME", "USERPROFILE", "XDG_CONFIG_HOME", "TMPDIR", "TMP", "TEMP"];

/// A program of the search path, started where nothing is set up.
#[derive(Debug)]
pub struct Tool {
    program: &'static str,
    folder: PathBuf,
    agent: bool,
}

/// Why a program did not run to its end.
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    #[error("the program `{program}` was not found; {}", install(program))]
    Missing { program: &'static str },
    #[error("`{program}` is too old{}: {needs} is needed", found.as_ref().map(|found| format!(" ({found})")).unwrap_or_default())]
    TooOld {
        program: &'static str,
        /// Its version, where it tells.
        found: Option<String>,
        /// The first version that can.
        needs: &'static str,
    },
    #[error("the program `{program}` could not be started")]
    Start {
        program: &'static str,
        #[source]
        source: std::io::Error,
    },
    #[error("`{program}` did not end within {} seconds and was stopped", TIME_LIMIT.as_secs())]
    TooSlow { program: &'static str },
    #[error("`{program}` could not {doing}{}{complaint}", if complaint.is_empty() { "" } else { ": " })]
    Failed {
        program: &'static str,
        /// What it was to do.
        doing: &'static str,
        /// The last lines of what it said.
        complaint: String,
    },
}

/// How to get it.
fn install(program: &str) -> &'static str {
    match program {
        "gpg" => "install GnuPG 2.2 or newer (gnupg, https://gnupg.org/download)",
        "sops" => "install SOPS 3.9 or newer (https://getsops.io)",
        "ssh-keygen" => "install OpenSSH 8.9 or newer (openssh-client, https://www.openssh.com)",
        _ => "install Git 2.34 or newer (https://git-scm.com/downloads)",
    }
}

/// A run that came to its end, well or not.
#[derive(Debug)]
pub struct Done {
    pub is_ok: bool,
    pub stdout: Vec<u8>,
    /// The last lines that it complained with, harmless.
    pub complaint: String,
}

impl Tool {
    /// The program, with this folder as its home and working folder.
    pub fn new(program: &'static str, folder: &Path) -> Self {
        Self { program, folder: folder.to_owned(), agent: false }
    }

    /// The same with the user's SSH agent within reach.
    pub(crate) fn with_agent(self) -> Self {
        Self { agent: true, ..self }
    }

    /// Runs it to its end, whatever that is.
    pub fn ended<A: AsRef<OsStr>>(&self, args: &[A], input: Vec<u8>) -> Result<Done, ToolError> {
        let program = self.program;
        match to_end(self.command(args), input, TIME_LIMIT) {
            Ok(Left { code, stdout, stderr }) => {
                Ok(Done { is_ok: code == Some(0), stdout, complaint: last_lines(&stderr) })
            }
            Err(Stopped::TooSlow) => Err(ToolError::TooSlow { program }),
            Err(Stopped::Start(source)) => Err(match source.kind() {
                std::io::ErrorKind::NotFound if self.folder.is_dir() => {
                    ToolError::Missing { program }
                }
                _ => ToolError::Start { program, source },
            }),
        }
    }

    /// What it prints. Anything but the exit code 0 is an error, with what it was `doing`.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        doing: &'static str,
        args: &[A],
        input: Vec<u8>,
    ) -> Result<Vec<u8>, ToolError> {
        let done = self.ended(args, input)?;
        if done.is_ok {
            return Ok(done.stdout);
        }
        Err(ToolError::Failed { program: self.program, doing, complaint: done.complaint })
    }

    #[expect(clippy::disallowed_methods, reason = "the one place that starts these programs")]
    fn command<A: AsRef<OsStr>>(&self, args: &[A]) -> Command {
        let mut command = Command::new(self.program);
        command.env_clear().current_dir(&self.folder).args(args);
        let kept = KEPT.iter().chain(self.agent.then_some(&"SSH_AUTH_SOCK"));
        for name in kept {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        for name in HOMES {
            command.env(name, &self.folder);
        }
        command
            .env("GNUPGHOME", self.folder.join("gnupg"))
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .env("GIT_TERMINAL_PROMPT", "0")
            // Nobody sits there; a passphrase belongs to an agent.
            .env("SSH_ASKPASS_REQUIRE", "never")
            .env("LC_ALL", "C")
            // Dates in allowed-signers files without a zone mean the same everywhere.
            .env("TZ", "UTC");
        command
    }
}
