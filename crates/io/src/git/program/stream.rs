//! A run whose output is taken piece by piece, however much there is of it.

use std::io::Read as _;
use std::process::Stdio;

use super::{GitProgram, LINGER, MAX_COMPLAINT, Pipe, last_lines, name_of};
use crate::git::GitError;

impl GitProgram {
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
}
