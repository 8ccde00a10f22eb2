use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::args::{Keys, Selected};
use super::error::CliError;
use super::output::Output;
use crate::app::Context;
use crate::app::reseal::{self, Fate, ResealOptions, Resealed};
use applecart_core::model::Outcome;
use applecart_core::report::{escape, plural};

/// Re-encrypt the fleet's token files to the recipients that applecart.yaml lists now
///
/// Opens every sealed file of the worktree with the available identities (SOPS_AGE_KEY_FILE,
/// SOPS_AGE_KEY, --identity), compares its content with the `sha256` in the tenant file, and
/// encrypts it to the fleet's recipients. Tenant files do not change, so nothing is uploaded again.
/// With --dry-run it only shows which files. SOPS files are left to `sops updatekeys`. Exit code 3
/// means that some files were left as they are.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart reseal --dry-run
  applecart reseal --select ring=pilot")]
pub(super) struct Args {
    #[command(flatten)]
    selected: Selected,
    #[command(flatten)]
    keys: Keys,
    /// Show which files, and write nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    let options = ResealOptions {
        selection: args.selected.selection()?,
        identity: args.keys.identity.clone(),
        dry_run: args.dry_run,
    };
    let resealed = reseal::reseal(&options, context)?;
    let count = |fits: fn(&Fate) -> bool| resealed.files.iter().filter(|(_, it)| fits(it)).count();
    let again = count(|fate| matches!(fate, Fate::Again { .. }));
    let closed = count(|fate| matches!(fate, Fate::Again { opens: false }));
    let left = count(|fate| matches!(fate, Fate::Left(_)));
    let already = count(|fate| matches!(fate, Fate::Already));
    let mut text = lines(&resealed, args.dry_run);
    text.push_str(&format!(
        "\n{} {} to {}, {already} skipped, {left} left as they are\n",
        plural(again, "file"),
        if args.dry_run { "to be re-encrypted" } else { "re-encrypted" },
        plural(resealed.recipients, "recipient"),
    ));
    if args.dry_run {
        text.push_str("nothing was written (--dry-run)\n");
    } else if again > 0 {
        text.push_str(
            "no sha256 changed: commit the files; a plan of them has nothing to upload\n",
        );
    }
    output.result(&text)?;
    for filtered in &resealed.filtered {
        output.note(&format!("warning: {filtered}"));
    }
    if closed > 0 {
        output.note(&format!(
            "warning: none of the available identities opens {} after that: it is not one of the recipients in applecart.yaml",
            plural(closed, "file")
        ));
    }
    if !args.dry_run && again > 0 {
        output.note("note: Git keeps the earlier files, and everyone who could open them still can. If a key was lost, renew the tokens as well");
    }
    Ok(if left > 0 { Outcome::Partial } else { Outcome::Done })
}

/// One line a file. What keeps several of them as they are is told at the first.
fn lines(resealed: &Resealed, dry_run: bool) -> String {
    let mut told: HashMap<String, &str> = HashMap::new();
    let mut text = String::new();
    for (path, fate) in &resealed.files {
        let what = match fate {
            Fate::Again { .. } if dry_run => "would be re-encrypted".to_owned(),
            Fate::Again { .. } => "re-encrypted".to_owned(),
            Fate::Already => {
                "skipped: it says that it is sealed to exactly these recipients".to_owned()
            }
            Fate::Left(why) => match told.entry(why.to_string()) {
                Entry::Occupied(first) => format!("left as it is, as {}", first.get()),
                Entry::Vacant(place) => {
                    place.insert(path);
                    format!("left as it is: {why}")
                }
            },
        };
        text.push_str(&format!("{}  {}\n", escape(path), escape(&what)));
    }
    text
}
