use std::path::{Path, PathBuf};

use super::error::CliError;
use super::global::Context;
use super::inspect;
use super::output::Output;
use super::plan::Selected;
use crate::app::replace::{self, New};
use crate::app::session;
use applecart_core::fleet::{self, Desired, Policy, Tenant, TokenFile};
use applecart_core::model::{Outcome, Sha256};
use applecart_core::report::{escape, plural};
use applecart_io::git::{GitError, Repo};
use applecart_io::vault::{self, Form, Identities, OpenError, Secret};

/// Seal the fleet's token files again, to the recipients that applecart.yaml lists now
///
/// Opens every sealed file of the worktree with the identities at hand (SOPS_AGE_KEY_FILE,
/// SOPS_AGE_KEY, --identity), compares what is inside with its `sha256` in the tenant file, and
/// seals it to the fleet's recipients; tenant files do not change, so nothing is uploaded again.
/// Shows what it would do; --write does it. SOPS files are left to `sops updatekeys`. Exit code 3
/// means that some files were left as they are.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart reseal
  applecart reseal --write --select ring=pilot")]
pub(super) struct Args {
    #[command(flatten)]
    selected: Selected,
    /// A file of age identities that open the files; repeat to add more
    #[arg(long, value_name = "FILE")]
    identity: Vec<PathBuf>,
    /// Write the files; without it, only show which
    #[arg(long)]
    write: bool,
}

/// What became of one file.
enum Done {
    /// It is, or would be, sealed again; whether the identities at hand open it then.
    Again { opens: bool },
    /// The file says that it is sealed to exactly these.
    Already,
    /// It was left as it is, for this reason.
    Left(String),
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let selection = args.selected.selection()?;
    let repo = Repo::discover(&context.repo)?;
    let Some(root) = repo.worktree().map(Path::to_owned) else {
        return Err(GitError::NoWorktree { path: repo.path_common_dir() }.into());
    };
    let source = repo.worktree_snapshot()?;
    let policy = session::policy_of(context, &source)?;
    // Whether there is anybody to seal to is one question for the whole fleet.
    vault::seal(&Secret::new(Vec::new()), &policy.recipients)?;
    let identities = context.environment.identities(&args.identity)?;
    let (tenants, _) = fleet::load_tenants(&source, Some(&policy));
    let work = Work { root: &root, policy: &policy, identities: &identities, write: args.write };

    let mut told = Told::default();
    let mut selected = 0;
    for desired in &tenants {
        match desired {
            Desired::Valid(tenant) if selection.matches(tenant) => {
                selected += 1;
                for file in tenant.tokens().filter_map(|token| token.file.as_ref()) {
                    told.add(
                        &format!("tenants/{}/{}", tenant.name, file.name),
                        work.file(tenant, file)?,
                        args.write,
                    );
                }
            }
            Desired::Invalid { name, .. } if selection.may_match_invalid(name) => {
                selected += 1;
                let why =
                    "the tenant file has mistakes; `applecart validate --worktree` shows them";
                told.add(&format!("tenants/{name}"), Done::Left(why.to_owned()), args.write);
            }
            Desired::Valid(_) | Desired::Invalid { .. } => {}
        }
    }
    if selected == 0 {
        return Err(CliError::NothingSelected);
    }
    output.result(&told.text(policy.recipients.len(), args.write))?;
    if told.blind > 0 {
        output.note(&format!(
            "warning: none of the identities at hand opens {} after that: it is not one of the recipients in applecart.yaml",
            plural(told.blind, "file")
        ));
    }
    if args.write && told.again > 0 {
        output.note("note: Git keeps the files as they were, and whoever could open them still can. If a key was lost, renew the tokens as well");
    }
    Ok(if told.left > 0 { Outcome::Partial } else { Outcome::Done })
}

struct Work<'a> {
    root: &'a Path,
    policy: &'a Policy,
    identities: &'a Identities,
    write: bool,
}

impl Work<'_> {
    /// Seals one file again. What is wrong with it keeps none of the others back.
    fn file(&self, tenant: &Tenant, file: &TokenFile) -> Result<Done, CliError> {
        let shown = format!("tenants/{}/{}", tenant.name, file.name);
        let path = self.root.join("tenants").join(tenant.name.as_str()).join(&file.name);
        let sealed = inspect::read(&path, inspect::MAX_READ)?;
        match vault::form(&sealed) {
            Some(Form::Age) => {}
            Some(Form::Sops { recipients }) => {
                let exact = recipients.is_some_and(|stated| same(&stated, &self.policy.recipients));
                return Ok(if exact {
                    Done::Already
                } else {
                    Done::Left(format!(
                        "a SOPS file; correct .sops.yaml and run: sops updatekeys --yes {shown}"
                    ))
                });
            }
            None => return Ok(Done::Left(OpenError::NotSealed.to_string())),
        }
        let content = match vault::open(&sealed, self.identities) {
            Ok(content) => content,
            Err(error) => return Ok(Done::Left(error.to_string())),
        };
        if Sha256::of(content.expose()) != file.sha256 {
            return Ok(Done::Left(
                "bad-file: what is inside is not what the tenant file's sha256 says; seal the right file again".to_owned(),
            ));
        }
        let bytes = vault::seal(&content, &self.policy.recipients)?;
        let opens = match vault::open(&bytes, self.identities) {
            Ok(again) if Sha256::of(again.expose()) == file.sha256 => true,
            Err(OpenError::NoMatchingIdentity { .. }) => false,
            _ => {
                return Ok(Done::Left("the file sealed anew does not open to the same".to_owned()));
            }
        };
        if self.write {
            replace::replace(&[New { path, bytes }])?;
        }
        Ok(Done::Again { opens })
    }
}

fn same(one: &[String], other: &[String]) -> bool {
    let sorted = |all: &[String]| {
        let mut all: Vec<String> = all.iter().map(|one| one.trim().to_owned()).collect();
        all.sort();
        all.dedup();
        all
    };
    sorted(one) == sorted(other)
}

#[derive(Default)]
struct Told {
    lines: String,
    again: usize,
    already: usize,
    left: usize,
    blind: usize,
}

impl Told {
    fn add(&mut self, path: &str, done: Done, write: bool) {
        let what = match done {
            Done::Again { opens } => {
                self.again += 1;
                self.blind += usize::from(!opens);
                if write { "sealed again".to_owned() } else { "would be sealed again".to_owned() }
            }
            Done::Already => {
                self.already += 1;
                "skipped: sealed to exactly these recipients, as it says".to_owned()
            }
            Done::Left(why) => {
                self.left += 1;
                format!("left as it is: {why}")
            }
        };
        self.lines.push_str(&format!("{}  {}\n", escape(path), escape(&what)));
    }

    fn text(&self, recipients: usize, write: bool) -> String {
        let mut text = self.lines.clone();
        text.push_str(&format!(
            "\n{} {} to {}, {} skipped, {} left as they are\n",
            plural(self.again, "file"),
            if write { "sealed again" } else { "to be sealed again" },
            plural(recipients, "recipient"),
            self.already,
            self.left
        ));
        if self.again > 0 {
            text.push_str(if write {
                "no sha256 changed: commit the files; a plan of them has nothing to upload\n"
            } else {
                "nothing was written; --write does it\n"
            });
        }
        text
    }
}
