//! Apple, asked about every sealed VPP token: a job of its own, for it needs the key.

use std::path::PathBuf;
use std::sync::LazyLock;

use futures::StreamExt as _;

use super::session::{self, Loaded, Past, Tree, Which};
use super::{AppError, Context, Reach, keys};
use applecart_core::apple::location::Answer;
use applecart_core::apple::vpp;
use applecart_core::fleet::{Desired, Policy, Tenant, Token};
use applecart_core::ledger::TenantLedger;
use applecart_core::model::{Sha256, sentence};
use applecart_core::plan::Selection;
use applecart_core::report::{AppleCheck, AppleToken};
use applecart_core::rules::answered::{Answered, Entry};
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
/// into the clone's memory: a later run without the key tells which of them are dead. Who runs this asks,
/// whatever the policy says of uploads; what would become of an upload is told by the policy as it is.
pub fn run(context: &Context, options: &Options) -> Result<AppleCheck, AppError> {
    let identities = keys::available(context, &options.identities)?;
    let loaded = session::load(context, Tree::Commit, Reach::Remote, &options.selection)?;
    keys::must_open(&loaded, &options.selection, &identities)?;
    let (files, without): (Vec<_>, Vec<_>) = session::selected(&loaded.fleet, &options.selection)
        .flat_map(|tenant| tenant.vpp.iter().map(move |token| (tenant, token)))
        .partition(|(_, token)| token.file.is_some());
    if identities.is_empty() && !files.is_empty() {
        let usual = context.environment.usual_key_file();
        return Err(AppError::NoIdentities { files: files.len(), usual });
    }
    let past = session::past(&loaded, context, Which::Shared)?;
    let apple = session::apple(context)?;
    let known = past.known.as_ref().ok();
    let check = Check {
        policy: &loaded.policy,
        bindings: &Bindings::of(&loaded.fleet, None, known, &past.history),
        apple: &apple,
        past: &past,
        loaded: &loaded,
        identities: &identities,
        context,
    };
    let asked = files.into_iter().map(|(tenant, token)| check.ask(tenant, token));
    let asked = futures::stream::iter(asked).buffered(BESIDE).collect::<Vec<_>>();
    let asked = super::block_on(asked)?;
    let answered = check.answered(&asked);
    let tokens = asked.iter().map(|one| check.judge(one, &answered)).collect();
    let said = asked.into_iter().filter_map(|one| one.said.ok()).collect();
    session::remember_deaths(context, &loaded, &said);
    let is_left =
        |one: &&Desired| one.valid().is_none() && options.selection.may_match_invalid(one.name());
    let not_read = loaded.fleet.iter().filter(is_left).map(|one| one.name().to_owned()).collect();
    let rev = loaded.rev.clone().unwrap_or_default();
    Ok(AppleCheck::new(rev, tokens, without.len(), not_read, apple.requests()))
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

/// A token, and what Apple said of it, by the SHA-256 of the opened file; or why nobody asked.
struct Said<'a> {
    tenant: &'a Tenant,
    token: &'a Token,
    said: Result<(Sha256, Answer), String>,
}

impl Check<'_> {
    async fn ask<'a>(&self, tenant: &'a Tenant, token: &'a Token) -> Said<'a> {
        let said = match self.open(token) {
            Ok((sha256, text)) => Ok((sha256, self.apple.location(&text).await)),
            Err(why) => Err(why),
        };
        Said { tenant, token, said }
    }

    fn entry<'a>(&'a self, one: &Said<'a>) -> Entry<'a> {
        static NOTHING: LazyLock<TenantLedger> = LazyLock::new(TenantLedger::default);
        let known = self.past.known.as_ref().ok();
        let past = known.map_or(&*NOTHING, |view| view.tenant(one.tenant.tenant_id));
        Entry { tenant: &one.tenant.name, token: one.token, past }
    }

    /// Which location each file is of, to be compared with the others.
    fn answered(&self, asked: &[Said<'_>]) -> Answered {
        let mut answered = Answered::default();
        for one in asked {
            if let Ok((_, Answer::Alive(location))) = &one.said {
                answered.note(&self.entry(one), &location.id);
            }
        }
        answered
    }

    fn judge(&self, one: &Said<'_>, answered: &Answered) -> AppleToken {
        let name = one.tenant.name.clone();
        let (sha256, answer) = match &one.said {
            Ok(said) => said,
            Err(why) => return AppleToken::not_opened(name, one.token, why.clone()),
        };
        let entry = self.entry(one);
        let mut verdict = Asked {
            token: one.token,
            sha256: *sha256,
            past: entry.past,
            before: None,
            destination: Some((one.tenant, self.bindings)),
            policy: self.policy,
            today: self.context.now().date_time().date_naive(),
        }
        .verdict(answer);
        if let Some(location) = &verdict.location {
            verdict.holds.extend(answered.hold(&entry, location, self.bindings));
        }
        AppleToken::of(name, one.token, answer.clone(), &verdict)
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
