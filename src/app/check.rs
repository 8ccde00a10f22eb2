//! Apple, asked about every sealed VPP token: a job of its own, for it needs the key.

use std::path::PathBuf;

use futures::StreamExt as _;

use super::session::{self, Loaded, Past, Tree, Which};
use super::{AppError, Context, Reach, keys};
use applecart_core::apple::location::Answer;
use applecart_core::apple::vpp;
use applecart_core::fleet::{CheckWithApple, Desired, Policy, Tenant, Token};
use applecart_core::ledger::TenantLedger;
use applecart_core::model::{Sha256, sentence};
use applecart_core::plan::Selection;
use applecart_core::report::{AppleCheck, AppleToken};
use applecart_core::rules::at_apple::Asked;
use applecart_core::rules::bindings::Bindings;
use applecart_io::apple::Apple;
use applecart_io::vault::{self, Identities};
use zeroize::Zeroizing;

/// So many tokens are asked about at once; the pace is [`Apple`]'s.
const BESIDE: usize = 8;

pub struct Options {
    pub selection: Selection,
    /// Files of age identities.
    pub identities: Vec<PathBuf>,
}

/// Opens every sealed VPP token of the selected tenants, and asks Apple about it. Writes nothing but
/// into the clone's memory: a later run without the key tells which of them are dead.
pub fn run(context: &Context, options: &Options) -> Result<AppleCheck, AppError> {
    let identities = keys::available(context, &options.identities)?;
    let loaded = session::load(context, Tree::Commit, Reach::Remote, &options.selection)?;
    keys::must_open(&loaded, &options.selection, &identities)?;
    let files: Vec<(&Tenant, &Token)> = session::selected(&loaded.fleet, &options.selection)
        .flat_map(|tenant| tenant.vpp.iter().map(move |token| (tenant, token)))
        .filter(|(_, token)| token.file.is_some())
        .collect();
    if identities.is_empty() && !files.is_empty() {
        let usual = context.environment.usual_key_file();
        return Err(AppError::NoIdentities { files: files.len(), usual });
    }
    let past = session::past(&loaded, context, Which::Shared)?;
    let apple = session::apple(context)?;
    let known = past.known.as_ref().ok();
    let check = Check {
        policy: &asking(&loaded.policy),
        bindings: &Bindings::of(&loaded.fleet, None, known, &past.history),
        apple: &apple,
        past: &past,
        loaded: &loaded,
        identities: &identities,
        context,
    };
    let asked = files.into_iter().map(|(tenant, token)| check.one(tenant, token));
    let asked = futures::stream::iter(asked).buffered(BESIDE).collect::<Vec<_>>();
    let (tokens, said): (Vec<AppleToken>, Vec<Option<_>>) =
        super::block_on(asked)?.into_iter().unzip();
    session::remember_deaths(context, &loaded, &said.into_iter().flatten().collect());
    let is_left =
        |one: &&Desired| one.valid().is_none() && options.selection.may_match_invalid(one.name());
    let not_read = loaded.fleet.iter().filter(is_left).map(|one| one.name().to_owned()).collect();
    let rev = loaded.rev.clone().unwrap_or_default();
    Ok(AppleCheck::new(rev, tokens, not_read, apple.requests()))
}

/// Who runs this asks Apple, whatever the policy says of uploads; silence is no hold, for nothing is due.
fn asking(policy: &Policy) -> Policy {
    Policy { check_with_apple: CheckWithApple::Warn, ..policy.clone() }
}

struct Check<'a> {
    policy: &'a Policy,
    bindings: &'a Bindings<'a>,
    apple: &'a Apple,
    past: &'a Past,
    loaded: &'a Loaded,
    identities: &'a Identities,
    context: &'a Context,
}

impl Check<'_> {
    /// What came of asking about a token; and what Apple said, by the SHA-256 of the opened file.
    async fn one(&self, tenant: &Tenant, token: &Token) -> (AppleToken, Option<(Sha256, Answer)>) {
        let (name, of) = (tenant.name.clone(), token.token.clone());
        let (sha256, text) = match self.open(token) {
            Ok(opened) => opened,
            Err(why) => return (AppleToken::not_opened(name, of, why), None),
        };
        let answer = self.apple.location(&text).await;
        let nothing = TenantLedger::default();
        let known = self.past.known.as_ref().ok();
        let verdict = Asked {
            token,
            sha256,
            past: known.map_or(&nothing, |view| view.tenant(tenant.tenant_id)),
            before: None,
            destination: Some((tenant, self.bindings)),
            policy: self.policy,
            today: self.context.now().date_time().date_naive(),
        }
        .verdict(&answer);
        (AppleToken::of(name, of, answer.clone(), &verdict), Some((sha256, answer)))
    }

    /// The token's text; or why the file does not give one.
    fn open(&self, token: &Token) -> Result<(Sha256, Zeroizing<String>), String> {
        let Some(file) = &token.file else { return Err("it has no file".to_owned()) };
        let sealed = self.loaded.repo.blob(&file.blob, vault::MAX_SEALED as u64);
        let sealed = sealed.map_err(|error| sentence(&error))?;
        let content = vault::open(&sealed, self.identities).map_err(|error| sentence(&error))?;
        let sha256 = Sha256::of(content.expose());
        if sha256 != file.sha256 {
            return Err("bad-file: its content is not what the tenant file's sha256 says. Seal the right file again".to_owned());
        }
        let read = vpp::read(content.expose());
        let Some(opened) = read.token else {
            let told = read.findings.first().map(ToString::to_string);
            return Err(told.unwrap_or_else(|| "it is no VPP token".to_owned()));
        };
        Ok((sha256, Zeroizing::new(opened.expose_text().to_owned())))
    }
}
