use super::error::CliError;
use super::format::{Chosen, Format, Formats};
use super::output::Output;
use crate::app::Context;
use crate::app::audit::{self, AuditOptions};
use applecart_core::model::Outcome;
use applecart_core::report::{self, AnnotationFormat, AppleIds, Audit, LostAccount};

/// Prove that the record is whole, that uploads were reviewed, and that no secret is readable in Git
///
/// Checks the ledger (chains, append-only over its whole history, signatures where the policy asks
/// for them, a head that was seen before), traces every upload to a commit of the protected branch
/// that has its digest and to a plan, looks at who changed the signers and recipients, at every blob
/// of every commit for tokens, private keys and age identities, and at whom token files are sealed
/// to. Writes nothing and needs no key. Ends with 7 when anything is wrong, else with 3 when something
/// is unknown, else with 0; notes fail nothing.
///
/// Keep the head that it prints somewhere outside the forge, and give it to the next audit with
/// --expect-head: that finds a ledger that was replaced by an older one.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  applecart audit
  applecart audit --expect-head 8c2f… --format json
  applecart audit --format sarif > audit.sarif
  applecart audit --base origin/main
  applecart audit --apple-ids
  applecart audit --apple-ids --lost vpp@contoso.example")]
pub(super) struct Args {
    /// The ledger's head as an earlier audit printed it: the present one must hold it
    #[arg(long, value_name = "COMMIT", value_parser = whole_commit)]
    expect_head: Option<String>,
    /// Contact nothing: audit what this clone has; without --policy-rev, --rev is taken for the
    /// protected branch
    #[arg(long)]
    offline: bool,
    /// Look only at what is new since the branch left this revision: secrets in its commits, and the
    /// recipients of its files. The ledger and the rest of the history are not looked at
    #[arg(long, value_name = "REV", conflicts_with = "expect_head")]
    base: Option<String>,
    /// Only show which tokens depend on which Apple Account, and what would be stranded without it
    #[arg(long, conflicts_with_all = ["expect_head", "base"])]
    apple_ids: bool,
    /// Rehearse the loss of this Apple Account: what ends when, in what order to renew it and with
    /// whom, and the letter to each customer. Nothing is contacted
    #[arg(long, value_name = "ACCOUNT", requires = "apple_ids")]
    lost: Option<String>,
    /// How to show it
    #[arg(short = 'o', long, value_parser = FORMATS, default_value = "human")]
    format: Chosen<Shown>,
}

enum Shown {
    Audit(Audit),
    AppleIds(AppleIds),
    Lost(LostAccount),
}

const FORMATS: Formats<Shown> = Formats(&[
    (Format::Human, |shown, output| {
        output.result(&match shown {
            Shown::Audit(audit) => report::audit_human(audit, output.width()),
            Shown::AppleIds(found) => report::apple_ids_human(found),
            Shown::Lost(lost) => report::lost_account_human(lost, output.width()),
        })
    }),
    (Format::Json, |shown, output| match shown {
        Shown::Audit(audit) => output.json(audit),
        Shown::AppleIds(found) => output.json(found),
        Shown::Lost(lost) => output.json(lost),
    }),
    (Format::Sarif, |shown, output| match shown {
        Shown::Audit(audit) => {
            output.result(&report::annotate(AnnotationFormat::Sarif, &audit.remarks(), "")?)
        }
        Shown::AppleIds(_) | Shown::Lost(_) => Err(CliError::AuditFormat),
    }),
]);

fn whole_commit(text: &str) -> Result<String, &'static str> {
    let is_whole = text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let needed = "a whole commit name is needed, 40 hexadecimal digits";
    is_whole.then(|| text.to_ascii_lowercase()).ok_or(needed)
}

pub(super) fn run(args: &Args, context: &Context, output: &Output) -> Result<Outcome, CliError> {
    if let Some(account) = &args.lost {
        let lost = audit::lost(context, account)?;
        let is_whole = lost.not_read.is_empty();
        args.format.write(&Shown::Lost(lost), output)?;
        return Ok(if is_whole { Outcome::Done } else { Outcome::Partial });
    }
    if args.apple_ids {
        let found = audit::apple_ids(context)?;
        let is_whole = found.not_read.is_empty();
        args.format.write(&Shown::AppleIds(found), output)?;
        return Ok(if is_whole { Outcome::Done } else { Outcome::Partial });
    }
    let context = &context.clone().based_on(args.base.as_deref());
    let options = AuditOptions {
        expect_head: args.expect_head.clone(),
        offline: args.offline,
        base: args.base.clone(),
    };
    let audit = audit::audit(&options, context)?;
    let outcome = match (audit.summary.findings, audit.summary.unknown) {
        (0, 0) => Outcome::Done,
        (0, _) => Outcome::Partial,
        _ => Outcome::Untrusted,
    };
    args.format.write(&Shown::Audit(audit), output)?;
    Ok(outcome)
}
