#![expect(clippy::disallowed_methods, reason = "cli writes the new fleet and its key")]

mod key;
mod pipelines;

use std::io;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use super::error::CliError;
use super::output::Output;
use applecart_core::model::Outcome;
use applecart_core::report::{escape, json};
use applecart_io::git::Repo;

/// Begin a fleet repository: settings, an example tenant, and a key to seal files with
///
/// Writes a skeleton that `validate` accepts at once, with a pre-commit hook, a sample of who must
/// review what and the pipelines of the host (pull request, apply, schedule), and makes the folder a Git repository if it is none. The private key is
/// written outside it, readable by you alone. Nothing that exists is overwritten.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart init fleet
  applecart init --host azure --client-id 2f6b2c1e-… --recipient age1… .")]
pub(super) struct Args {
    /// The fleet's folder; made where it does not exist
    #[arg(value_name = "DIR", default_value = ".")]
    dir: PathBuf,
    /// Where the repository will be hosted: decides which pipelines and which reviewers' file are written
    #[arg(long, value_enum, default_value = "github")]
    host: Host,
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
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Host {
    Github,
    Azure,
    Gitlab,
}

impl Host {
    /// The file that says who reviews what.
    fn reviewers(self) -> (&'static str, String) {
        let owners =
            |folder: &str| include_str!("init/skeleton/CODEOWNERS").replace("@own_path@", folder);
        match self {
            Self::Github => (".github/CODEOWNERS", owners("/.github/       ")),
            Self::Gitlab => (".gitlab/CODEOWNERS", owners("/.gitlab/       ")),
            Self::Azure => (
                ".azuredevops/required-reviewers.md",
                include_str!("init/skeleton/azure-reviewers.md").to_owned(),
            ),
        }
    }
}

const HOOK: &str = ".githooks/pre-commit";

pub(super) fn run(args: &Args, output: &Output) -> Result<Outcome, CliError> {
    let root =
        std::path::absolute(&args.dir).map_err(|source| failed(&args.dir, "find", source))?;
    let existing = repository(&root)?;
    let private = if args.recipient.is_empty() {
        Some(key::place(args.key.as_deref(), &root)?)
    } else {
        None
    };
    let identity = private.is_some().then(key::Identity::generate);
    let recipients = match &identity {
        Some(identity) => vec![identity.recipient()],
        None => args.recipient.clone(),
    };
    // Refuses what is no public key before anything is written.
    applecart_io::vault::seal(&applecart_io::vault::Secret::new(Vec::new()), &recipients)?;
    let files = skeleton(args, &recipients)?;
    let in_the_way: Vec<String> = files
        .iter()
        .filter(|(path, _)| root.join(path).symlink_metadata().is_ok())
        .map(|(path, _)| path.clone())
        .collect();
    if !in_the_way.is_empty() {
        return Err(CliError::InitExists { dir: root, files: in_the_way });
    }

    if let (Some(path), Some(identity)) = (&private, &identity) {
        identity.write(path)?;
    }
    for (path, text) in &files {
        write(&root.join(path), text, path == HOOK || pipelines::is_script(path))?;
    }
    if !existing {
        Repo::init(&root)?;
    }
    output.result(&told(&files, private.as_deref(), &root, args))?;
    if let Some((key, outer)) = private.as_deref().and_then(|key| Some((key, outer(key)?))) {
        output.note(&format!(
            "warning: the private key {} lies inside another repository, {}; move it, or never commit it there",
            key.display(),
            outer.display()
        ));
    }
    Ok(Outcome::Done)
}

/// The worktree that a file lies in, such as a home folder whose settings are kept in Git.
fn outer(file: &Path) -> Option<PathBuf> {
    Repo::discover(file.parent()?).ok()?.worktree().map(Path::to_owned)
}

/// Whether the folder is a repository's root already. A fleet is a repository of its own, so
/// inside of another it is refused.
fn repository(root: &Path) -> Result<bool, CliError> {
    let Some(there) = root.ancestors().find(|path| path.is_dir()) else { return Ok(false) };
    let Ok(repo) = Repo::discover(there) else { return Ok(false) };
    let same = |one: &Path| one.canonicalize().ok() == root.canonicalize().ok();
    match repo.worktree() {
        Some(worktree) if same(worktree) => Ok(true),
        _ => Err(CliError::InitInside {
            dir: root.to_owned(),
            outer: repo.worktree().map_or_else(|| repo.path_common_dir(), Path::to_owned),
        }),
    }
}

fn skeleton(args: &Args, recipients: &[String]) -> Result<Vec<(String, String)>, CliError> {
    let listed: Vec<String> = recipients.iter().map(|one| format!("  - {one}")).collect();
    let policy = include_str!("init/skeleton/applecart.yaml")
        .replace("@client_id@", &args.client_id.to_string())
        .replace("@recipients@", &listed.join("\n"));
    let (reviewers, who) = args.host.reviewers();
    let mut files: Vec<(String, String)> =
        pipelines::of(args.host).map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    files.extend([
        ("applecart.yaml".to_owned(), policy),
        (
            "tenants/example/tenant.yaml".to_owned(),
            include_str!("init/skeleton/tenant.yaml").to_owned(),
        ),
        (".gitattributes".to_owned(), include_str!("init/skeleton/gitattributes").to_owned()),
        (".gitignore".to_owned(), include_str!("init/skeleton/gitignore").to_owned()),
        (HOOK.to_owned(), include_str!("init/skeleton/pre-commit").to_owned()),
        (reviewers.to_owned(), who),
    ]);
    for (name, schema) in crate::schemas::all() {
        // What an editor checks; the others are for scripts.
        if ["fleet.schema.json", "tenant.schema.json"].contains(&name) {
            files.push((format!(".applecart/{name}"), json(&schema)?));
        }
    }
    Ok(files)
}

fn write(path: &Path, text: &str, program: bool) -> Result<(), CliError> {
    use io::Write as _;
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent).map_err(|source| failed(parent, "make", source))?;
    }
    let mut options = std::fs::OpenOptions::new();
    // Whatever came there meanwhile stays.
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(if program { 0o777 } else { 0o666 });
    }
    #[cfg(not(unix))]
    let _ = program;
    let mut file = options.open(path).map_err(|source| failed(path, "write", source))?;
    file.write_all(text.as_bytes()).map_err(|source| failed(path, "write", source))
}

fn failed(path: &Path, doing: &'static str, source: io::Error) -> CliError {
    CliError::File { path: path.to_owned(), doing, source }
}

fn told(files: &[(String, String)], key: Option<&Path>, root: &Path, args: &Args) -> String {
    let mut text = format!("{}\n", escape(&root.display().to_string()));
    for (path, _) in files {
        text.push_str(&format!("  {path}\n"));
    }
    let mut steps = Vec::new();
    if let Some(key) = key {
        let key = escape(&key.display().to_string());
        text.push_str(&format!(
            "\nprivate key: {key}\n  it opens every token file of this fleet. Keep a copy where your team keeps secrets, and\n  give it to `apply` as SOPS_AGE_KEY_FILE or SOPS_AGE_KEY\n"
        ));
    }
    if args.client_id.is_nil() {
        steps.push("write your application's clientId into applecart.yaml");
    }
    steps.push(
        "adopt your customers: applecart import --from customers.csv, or --customers PARTNER_TENANT;\n     or copy tenants/example for each, with the customer's tenantId; then remove tenants/example",
    );
    steps.push("write into the pipelines where Applecart is built from, and at which commit");
    steps.push("git config core.hooksPath .githooks");
    steps.push("applecart validate --worktree, then commit");
    text.push_str("\nnext:\n");
    for (number, step) in steps.iter().enumerate() {
        text.push_str(&format!("  {}. {step}\n", number + 1));
    }
    text
}
