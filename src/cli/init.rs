use std::path::{Path, PathBuf};

use super::ci::HostName;
use super::error::CliError;
use super::output::Output;
use crate::app::Context;
use crate::app::init::{self, Begun, UpdateOptions, Updated};
use applecart_core::model::Outcome;
use applecart_core::report::escape;

/// Begin a fleet repository: settings, an example tenant, and a key to seal files with
///
/// Writes a skeleton that `validate` accepts at once, with a pre-commit hook, a sample file of who
/// must review what, and the pipelines of the host (pull request, apply, schedule). Makes the folder
/// a Git repository if it is none, and begins the ledger and the notes, each on a branch of its own. The private key is written outside of it, readable by you alone.
///
/// In a folder that has files it writes what is missing, shows the text of what differs, and overwrites
/// nothing. In one that is a fleet already it makes no key and begins no ledger.
///
/// --pipelines brings those of an existing fleet to what this version writes: what was edited stays, and
/// what this version changes is shown. With --yes it is written. A file that was edited where this
/// version changes it is left alone, and the exit code is 4.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart init fleet
  applecart init --host azure --client-id 2f6b2c1e-… --recipient age1… .
  applecart init --pipelines github --update
  applecart init --pipelines github --update --yes")]
pub(super) struct Args {
    /// The fleet's folder; made where it does not exist
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Where the repository will be hosted: decides which pipelines and which reviewers' file are written
    #[arg(long, value_enum, default_value = "github")]
    host: HostName,
    /// The application (client) id in Entra ID
    #[arg(long, value_name = "GUID", default_value_t = uuid::Uuid::nil())]
    client_id: uuid::Uuid,
    /// Where to write the new private key; by default `applecart/<folder>.agekey` in your
    /// configuration folder
    #[arg(long, value_name = "PATH")]
    key: Option<PathBuf>,
    /// Seal to this public key and make none; repeat to add more
    #[arg(long, value_name = "AGE", conflicts_with = "key")]
    recipient: Vec<String>,
    /// Bring the pipelines of this host up to date (with --update)
    #[arg(long, value_enum, requires = "update", conflicts_with_all = ["host", "client_id", "key", "recipient"])]
    pipelines: Option<HostName>,
    /// Show what this version changes in the pipelines
    #[arg(long, requires = "pipelines")]
    update: bool,
    /// Write it
    #[arg(short, long, requires = "update")]
    yes: bool,
    /// This file is right as it is: its edits hold what this version changes; repeat for more
    #[arg(long, value_name = "PATH", requires = "update")]
    keep: Vec<String>,
}

pub(super) fn run(args: Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    if let Some(host) = args.pipelines {
        let (dir, write, keep) = (args.dir, args.yes, args.keep);
        let updated = init::update(&UpdateOptions { dir, host: host.into(), write, keep })?;
        return show_update(&updated, host, output);
    }
    let has_client_id = !args.client_id.is_nil();
    let options = init::Options {
        dir: args.dir,
        host: args.host.into(),
        client_id: args.client_id,
        key: args.key,
        recipients: args.recipient,
    };
    let begun = init::run(context, &options)?;
    output.result(&told(&begun, has_client_id))?;
    if let Some((key, Some(outer))) = &begun.key {
        output.note(&format!(
            "warning: the private key {} is inside another repository, {}. Move it, or never commit it there",
            key.display(),
            outer.display()
        ));
    }
    let profile = context.environment.variable("USERPROFILE").map(PathBuf::from);
    if let Some((key, _)) = &begun.key
        && cfg!(windows)
        && let Some(note) = readable_by_others(key, profile.as_deref())
    {
        output.note(&note);
    }
    Ok(Outcome::Done)
}

/// What is told of a new key on Windows, where a file has the permissions of its folder: below the user's
/// profile only they can read it.
fn readable_by_others(key: &Path, profile: Option<&Path>) -> Option<String> {
    if profile.is_some_and(|profile| key.starts_with(profile)) {
        return None;
    }
    let key = key.display().to_string();
    Some(format!(
        "warning: other users of this machine may be able to read the private key, because it is outside of your profile. Let nobody but yourself, in PowerShell:\n  icacls '{}' /inheritance:r /grant:r \"${{env:USERNAME}}:F\"",
        key.replace('\'', "''")
    ))
}

fn show_update(updated: &Updated, host: HostName, output: &Output) -> Result<Outcome, CliError> {
    let command = format!("applecart init --pipelines {} --update --yes", host.name());
    let mut text = updated.diff.clone();
    if updated.diff.is_empty() && updated.conflicts.is_empty() {
        text.push_str("The pipelines are up to date.\n");
    }
    for (path, diff) in &updated.conflicts {
        text.push_str(&format!(
            "\n{path} was edited where this version changes it, and stays as it is. Take this over by hand:\n\n{diff}\nThen tell that it is done:\n  {command} --keep {path}\n"
        ));
    }
    output.result(&text)?;
    if updated.is_written && !updated.diff.is_empty() {
        output.note("The changes are written. Review and commit them.");
    } else if !updated.diff.is_empty() {
        output.note(&format!("Nothing was written. This writes it:\n  {command}"));
    }
    Ok(if updated.conflicts.is_empty() { Outcome::Done } else { Outcome::Refused })
}

fn told(begun: &Begun, has_client_id: bool) -> String {
    let mut text = format!("{}\n", escape(&begun.root.display().to_string()));
    for path in &begun.files {
        text.push_str(&format!("  {path}\n"));
    }
    if begun.files.is_empty() {
        text.push_str("  nothing is missing\n");
    }
    for (path, wanted) in &begun.kept {
        if path.ends_with(".schema.json") {
            text.push_str(&format!(
                "\n{path} is another version's. This writes that of this version:\n  applecart schema --out .applecart\n"
            ));
            continue;
        }
        text.push_str(&format!(
            "\n{path} exists, and was left as it is. For a new fleet it would be:\n\n{wanted}"
        ));
    }
    if begun.was_fleet {
        text.push_str("\nThis is a fleet already: no key was made, and no ledger begun.\n");
        return text;
    }
    let mut steps = Vec::new();
    if let Some((key, _)) = &begun.key {
        let key = escape(&key.display().to_string());
        text.push_str(&format!(
            "\nprivate key: {key}\n  it opens every token file of this fleet. Keep a copy where your team keeps secrets, and\n  give it to `apply` as SOPS_AGE_KEY_FILE or SOPS_AGE_KEY\n"
        ));
    }
    if !has_client_id {
        steps.push("write your application's clientId into applecart.yaml");
    }
    steps.push("import your customers (or --customers PARTNER_TENANT), then remove tenants/example:\n       applecart import --from customers.csv");
    steps.push("write into the pipelines which release they fetch: its URL, and its SHA-256");
    steps.push("turn on the pre-commit hook, here and in each clone:\n       cp .githooks/pre-commit .git/hooks/");
    steps.push("check everything, then commit:\n       applecart validate --worktree\n       git add --all\n       git commit -m 'Begin the fleet'");
    steps.push("protect the branches at your host: main by reviewed pull requests, applecart/ledger for\n       the pipeline that applies alone, applecart/notes for your technicians; no force pushes and\n       no deletions of any. Then push all three:\n       git push origin main applecart/ledger applecart/notes");
    text.push_str("\nnext:\n");
    for (number, step) in steps.iter().enumerate() {
        text.push_str(&format!("  {}. {step}\n", number + 1));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_outside_of_the_users_profile_is_told_with_the_command_that_closes_it() {
        let profile = Path::new("/Users/ada");
        assert_eq!(readable_by_others(Path::new("/Users/ada/fleet.agekey"), Some(profile)), None);
        for profile in [Some(profile), None] {
            let note = readable_by_others(Path::new("/keys/O'Neill.agekey"), profile).unwrap();
            let command = note.lines().last().unwrap();
            assert_eq!(
                command,
                "  icacls '/keys/O''Neill.agekey' /inheritance:r /grant:r \"${env:USERNAME}:F\""
            );
        }
    }
}
