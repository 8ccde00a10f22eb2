//! One step of the demo: it says what an admin would see, prints its command, runs it, and checks
//! the exit code. A demo that does not end as told has failed.
#![expect(clippy::disallowed_methods, reason = "the demo starts this program")]

use std::path::Path;
use std::process::{Command, Stdio};

use super::again::{Built, Shell};
use super::fleet::Fleet;
use super::{DemoError, Narrator};
use crate::app::AppError;
use crate::app::TARGET_BRANCH;
use applecart_core::model::{Outcome, shell_word};
use applecart_simulator::WRITER_SECRET;

pub(super) struct Story<'a> {
    pub(super) fleet: &'a Fleet,
    pub(super) url: String,
    program: std::path::PathBuf,
    pub(super) narrator: &'a dyn Narrator,
    step: u32,
}

impl<'a> Story<'a> {
    pub(super) fn new(
        fleet: &'a Fleet,
        url: String,
        narrator: &'a dyn Narrator,
    ) -> Result<Self, AppError> {
        let program =
            std::env::current_exe().map_err(AppError::file(Path::new("applecart"), "find"))?;
        Ok(Self { fleet, url, program, narrator, step: 0 })
    }

    /// Writes what a shell needs to run the commands again, and gives the lines that a person types.
    pub(super) fn write_env(&self, dir: &Path) -> Result<String, AppError> {
        let path = dir.join(Shell::HERE.file());
        let built = Built {
            program: &self.program,
            url: &self.url,
            key: &self.fleet.key_file,
            repo: &self.fleet.repo,
            state: &dir.join("simulator"),
        };
        std::fs::write(&path, Shell::HERE.setting_up(&built))
            .map_err(AppError::file(&path, "write"))?;
        Ok(Shell::HERE.lines(&path, &built))
    }

    /// The digest of the plan as it is now, as a reviewer copies it from the plan's last line.
    pub(super) fn digest(&self) -> Result<String, AppError> {
        let output = self
            .command(&["plan", "--format", "json"])
            .output()
            .map_err(AppError::file(&self.program, "start"))?;
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let digest = plan.get("digest").and_then(serde_json::Value::as_str);
        digest.map(str::to_owned).ok_or_else(|| DemoError::NoDigest.into())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        for name in TARGET_BRANCH {
            // A pipeline that runs the demo is about another repository.
            command.env_remove(name);
        }
        command
            .current_dir(&self.fleet.repo)
            .args(arguments)
            .env("APPLECART_GRAPH_URL", &self.url)
            .env("APPLECART_LOGIN_URL", &self.url)
            .env("APPLECART_APPLE_URL", format!("{}/apple", self.url))
            .env("AZURE_CLIENT_SECRET", WRITER_SECRET)
            .env("SOPS_AGE_KEY_FILE", &self.fleet.key_file)
            .env_remove("SOPS_AGE_KEY")
            .stdin(Stdio::null());
        command
    }

    pub(super) fn step(
        &mut self,
        says: &str,
        arguments: &[&str],
        expected: Outcome,
    ) -> Result<(), AppError> {
        self.step += 1;
        self.narrator.step(self.step, says, &shown(arguments))?;
        let status =
            self.command(arguments).status().map_err(AppError::file(&self.program, "start"))?;
        let code = status.code();
        if code == Some(i32::from(expected.code())) {
            return Ok(());
        }
        let (command, expected) = (shown(arguments), expected.code());
        Err(DemoError::Step { command, code, expected }.into())
    }
}

/// The arguments as a person types them.
fn shown(arguments: &[&str]) -> String {
    arguments.iter().copied().map(shell_word).collect::<Vec<_>>().join(" ")
}
