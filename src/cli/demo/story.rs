//! The steps of the demo. Each says what an admin would see, prints its command, runs it, and
//! checks the exit code: a demo that does not end as told has failed.
#![expect(clippy::disallowed_methods, reason = "the demo starts this program")]

use std::path::Path;
use std::process::{Command, Stdio};

use chrono::{Duration, Utc};

use super::file;
use super::fleet::{Fleet, replace_certificate, tenant_id};
use crate::cli::environment::TARGET_BRANCH;
use crate::cli::error::CliError;
use crate::cli::output::Output;
use crate::model::Outcome;
use crate::simulator::{PortalUpload, PushRequest, Running, WRITER_SECRET};

struct Story<'a> {
    fleet: &'a Fleet,
    url: String,
    program: std::path::PathBuf,
    output: &'a Output,
    step: u32,
}

pub(super) fn tell(
    dir: &Path,
    fleet: &Fleet,
    simulator: &Running,
    output: &Output,
) -> Result<Outcome, CliError> {
    let program =
        std::env::current_exe().map_err(|source| file(Path::new("applecart"), "find", source))?;
    let url = simulator.url();
    let mut story = Story { fleet, url, program, output, step: 0 };
    let env = story.write_env(dir)?;
    output.result(&format!(
        "A fleet of 12 customers is in {}, a simulated Intune answers at {}.\n",
        fleet.repo.display(),
        story.url
    ))?;

    story.step(
        "Is everything in the repository well-formed? No key, no network.",
        &["validate"],
        Outcome::Done,
    )?;
    story.step(
        "What lapses when? tailspin never consented to the application: it is shown, not hidden, and the exit code is 3.",
        &["status"],
        Outcome::Partial,
    )?;
    story.step(
        "What would be done? Push certificates for contoso and adatum, an enrollment token for proseware (urgent: its download ended the one in use), a VPP token for wingtip.",
        &["plan"],
        Outcome::Partial,
    )?;
    story.step(
        "Four customers of twelve at once is over the safety limit of 30 %: refused, until somebody who looked at this very plan approves it by its digest.",
        &["apply"],
        Outcome::Refused,
    )?;
    let digest = story.digest()?;
    story.step(
        "Do it: open the four files, announce, re-read, send, read back, record. Of each kind one upload goes first, alone, and proves that Intune takes it. The exit code is 3 because of tailspin alone.",
        &["apply", "--approve", &digest],
        Outcome::Partial,
    )?;
    story.step(
        "Plan again: nothing to do.",
        &[
            "plan",
            "--select",
            "contoso",
            "--select",
            "adatum",
            "--select",
            "proseware",
            "--select",
            "wingtip",
            "--detailed-exitcode",
        ],
        Outcome::Done,
    )?;

    renew_in_portal(simulator)?;
    story.step(
        "Meanwhile somebody renewed contoso's certificate by hand in the portal. Git's file is now the older one: held, not uploaded.",
        &["plan", "--select", "contoso", "--detailed-exitcode"],
        Outcome::Changes,
    )?;

    let now = Utc::now();
    let created = simulator
        .apple()
        .issue(&PushRequest { not_after: Some(now + Duration::days(365)), ..PushRequest::new(now) })
        .map_err(|error| CliError::Demo(error.to_string()))?;
    replace_certificate(fleet, "fabrikam", &created, "Renew the push certificate of fabrikam")?;
    story.step(
        "For fabrikam somebody pressed Create instead of Renew at Apple and committed the file. Uploading it would silence every Apple device of that customer: held.",
        &["plan", "--select", "fabrikam", "--detailed-exitcode"],
        Outcome::Changes,
    )?;
    story.step(
        "Applying does not help, and no flag does.",
        &["apply", "--select", "fabrikam"],
        Outcome::Done,
    )?;

    story.step("Who sent what, and when?", &["ledger", "show"], Outcome::Done)?;
    story.step("Was the record edited?", &["ledger", "verify"], Outcome::Done)?;

    let uploads = ["contoso", "adatum", "proseware", "wingtip", "fabrikam"]
        .into_iter()
        .map(|name| tenant_id(name).map(|id| simulator.state().uploads(id).len()))
        .collect::<Result<Vec<_>, _>>()?;
    // contoso: one from Git and one by hand.
    if uploads != [2, 1, 1, 1, 0] {
        return Err(CliError::Demo(format!("expected 2, 1, 1, 1 and 0 uploads, saw {uploads:?}")));
    }
    output.result(&format!(
        "\nThat is the story. To run any of it again by hand:\n\n  . {}\n  applecart simulate --state {} --listen {} &\n  applecart status\n",
        env.display(),
        dir.join("simulator").display(),
        story.url.trim_start_matches("http://")
    ))?;
    Ok(Outcome::Done)
}

fn renew_in_portal(simulator: &Running) -> Result<(), CliError> {
    let id = tenant_id("contoso")?;
    let wrong = |error: &dyn std::fmt::Display| CliError::Demo(error.to_string());
    let live = simulator
        .state()
        .tenant(id)
        .and_then(|tenant| tenant.apple_push_notification_certificate)
        .ok_or_else(|| CliError::Demo("contoso has no live certificate".to_owned()))?;
    let now = Utc::now();
    let renewed = simulator
        .apple()
        .issue(&PushRequest {
            topic: Some(live.topic_identifier),
            not_after: Some(now + Duration::days(365)),
            ..PushRequest::new(now)
        })
        .map_err(|error| wrong(&error))?;
    let upload =
        PortalUpload::Push { apple_identifier: live.apple_identifier, certificate: renewed.pem };
    simulator.state().portal_upload(id, &upload).map_err(|error| wrong(&error))
}

impl Story<'_> {
    /// Writes what a shell needs to run the commands again.
    fn write_env(&self, dir: &Path) -> Result<std::path::PathBuf, CliError> {
        let path = dir.join("env");
        let text = format!(
            "export APPLECART_GRAPH_URL={url}\nexport APPLECART_LOGIN_URL={url}\nexport AZURE_CLIENT_SECRET={WRITER_SECRET}\nexport SOPS_AGE_KEY_FILE='{key}'\napplecart() {{ '{program}' \"$@\"; }}\ncd '{repo}'\n",
            url = self.url,
            key = self.fleet.key_file.display(),
            program = self.program.display(),
            repo = self.fleet.repo.display(),
        );
        std::fs::write(&path, text).map_err(|source| file(&path, "write", source))?;
        Ok(path)
    }

    /// The digest of the plan as it is now, as a reviewer copies it from the plan's last line.
    fn digest(&self) -> Result<String, CliError> {
        let output = self
            .command(&["plan", "--format", "json"])
            .output()
            .map_err(|source| file(&self.program, "start", source))?;
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout)?;
        let digest = plan.get("digest").and_then(serde_json::Value::as_str);
        digest.map(str::to_owned).ok_or_else(|| CliError::Demo("the plan has no digest".to_owned()))
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
            .env("AZURE_CLIENT_SECRET", WRITER_SECRET)
            .env("SOPS_AGE_KEY_FILE", &self.fleet.key_file)
            .env_remove("SOPS_AGE_KEY")
            .stdin(Stdio::null());
        command
    }

    fn step(&mut self, says: &str, arguments: &[&str], expected: Outcome) -> Result<(), CliError> {
        self.step += 1;
        let bold = anstyle::Style::new().bold();
        self.output.result(&format!(
            "\n{bold}{}. {says}{bold:#}\n$ applecart {}\n\n",
            self.step,
            arguments.join(" ")
        ))?;
        let status = self
            .command(arguments)
            .status()
            .map_err(|source| file(&self.program, "start", source))?;
        let code = status.code();
        if code == Some(i32::from(expected.code())) {
            return Ok(());
        }
        Err(CliError::Demo(format!(
            "`applecart {}` ended with {}, not {}",
            arguments.join(" "),
            code.map_or_else(|| "a signal".to_owned(), |code| code.to_string()),
            expected.code()
        )))
    }
}
