//! Programs of the user's own, which their environment names: a command line that prints something, and
//! one to talk with.

use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use zeroize::Zeroizing;

use super::{Left, Stopped, TIME_LIMIT, to_end};
use crate::variables::keep_secrets;

/// Why it printed nothing of use, to follow "the command". What it said is not shown: it may be
/// about a secret.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    #[error("has no program to start")]
    NoProgram,
    #[error("could not be started ({0})")]
    Start(std::io::ErrorKind),
    #[error("did not end within {} seconds and was stopped", TIME_LIMIT.as_secs())]
    TooSlow,
    #[error("ended with {}", .0.map_or_else(|| "a signal".to_owned(), |code| format!("exit code {code}")))]
    Failed(Option<i32>),
}

/// What it prints. It is started as the user would, with their environment and without a shell.
#[expect(clippy::disallowed_methods, reason = "starts what the user's environment names")]
pub fn printed(words: &[String]) -> Result<Zeroizing<Vec<u8>>, CommandError> {
    let (program, args) = words.split_first().ok_or(CommandError::NoProgram)?;
    let mut command = Command::new(program);
    command.args(args);
    match to_end(command, Vec::new(), TIME_LIMIT) {
        Ok(Left { code: Some(0), stdout, .. }) => Ok(Zeroizing::new(stdout)),
        Ok(Left { code, .. }) => Err(CommandError::Failed(code)),
        Err(Stopped::TooSlow) => Err(CommandError::TooSlow),
        Err(Stopped::Start(source)) => Err(CommandError::Start(source.kind())),
    }
}

/// Starts a program in this folder, to be talked with. It gets no secret of this one.
#[expect(clippy::disallowed_methods, reason = "starts what the user's environment names")]
pub(crate) fn begun(program: &Path, argument: &str, folder: &Path) -> io::Result<Child> {
    let mut command = Command::new(program.canonicalize()?);
    command.arg(argument).current_dir(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    keep_secrets(&mut command);
    command.spawn()
}
