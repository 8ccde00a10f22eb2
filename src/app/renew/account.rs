//! A credential that another Apple Account has from now on, proposed on a branch of its own.

use super::propose::{Bench, Failed, unknown};
use super::{BranchOptions, Ground, RenewError, Start};
use crate::app::download::{self, DownloadError};
use crate::app::{AppError, Context, session};
use applecart_core::fleet::{Tenant, Token};
use applecart_core::model::{Facts, LiveToken, shell_word};
use applecart_core::plan::Selection;
use applecart_core::renewal::account::{AccountMove, Told};
use applecart_core::renewal::due::DueError;
use applecart_core::renewal::{Place, proposal, spec, split_spec};
use applecart_core::report::{AccountText, Proposal, ProposalStatus, account_text};
use applecart_core::rules::identity;
use applecart_io::git::Change;

/// Which credential another account has.
pub struct AccountOptions {
    /// `TENANT`, or `TENANT/TOKEN`: the token whose Apple Account changes.
    pub token: String,
    pub apple_id: String,
    pub branch: BranchOptions,
}

/// Proposes another Apple Account; of one that is not proposed, as much as is known of it.
pub fn move_account(
    options: &AccountOptions,
    context: &Context,
) -> Result<(Start, Result<Proposal, Box<Failed>>), AppError> {
    let ground = Ground::load(context, &Selection::parse(&[])?)?;
    let (name, wanted) = split_spec(&options.token);
    let tenant = ground.tenant(name)?;
    let token = named(tenant, wanted)?;
    let mut past = ground.past(context)?;
    let bench = Bench::new(&ground, &mut past, options.branch, context)?;
    let about = unknown(&format!("--apple-id {}", shell_word(&options.apple_id)));
    let about =
        Proposal { tenant: Some(tenant.name.clone()), token: Some(token.token.clone()), ..about };
    let proposed = bench.move_account(tenant, token, &options.apple_id, about.clone());
    let proposed = proposed.map_err(|error| Box::new(Failed { about, error }));
    Ok((ground.start.clone(), proposed))
}

/// The one entry that a person means: no account is written anywhere by a guess.
fn named<'t>(tenant: &'t Tenant, wanted: Option<&str>) -> Result<&'t Token, RenewError> {
    let is_meant = |token: &&Token| wanted.is_none_or(|wanted| token.token.is_called(wanted));
    let mut meant = tenant.tokens().filter(is_meant);
    match (meant.next(), meant.next()) {
        (Some(only), None) => Ok(only),
        _ => {
            let all: Vec<String> =
                tenant.tokens().map(|token| spec(tenant, &token.token)).collect();
            let (tenant, wanted) = (tenant.name.to_string(), wanted.map(str::to_owned));
            Err(DueError::NotOne { tenant, wanted, choices: all.join(", ") }.into())
        }
    }
}

impl Bench<'_> {
    /// Proposes the account, and where Intune has the very certificate the line that tells Intune.
    pub(super) fn move_account(
        &self,
        tenant: &Tenant,
        token: &Token,
        to: &str,
        about: Proposal,
    ) -> Result<Proposal, AppError> {
        let policy = &self.ground.loaded.policy;
        let past = self.known.as_ref().ok().map(|view| view.tenant(tenant.tenant_id));
        let read = session::read_tenant(&self.connector, policy, tenant);
        let live = identity::narrow(crate::app::block_on(read)?, tenant, token, past);
        let kind = token.token.kind;
        if let Some(problem) = live.problem(kind) {
            return Err(download::unread(tenant, problem.clone()).into());
        }
        let live = live.only(kind).map(LiveToken::facts);
        let change = AccountMove { token, live: live.as_ref(), to, now: self.now };
        let told = change.told();
        let line = change.missing_line(&told);
        if change.is_stated() && line.is_none() {
            let (status, reasons) = (ProposalStatus::Merged, vec![self.nothing_to_move(to, &told)]);
            return Ok(Proposal { status, reasons, ..about });
        }
        let place = Place {
            source: &self.ground.source,
            policy,
            fleet: &self.ground.loaded.fleet,
            tenant,
            token,
            apple_id: None,
            allow: None,
        };
        let after = place.moved(to, line.as_ref()).map_err(DownloadError::from)?;
        let warnings = self.open_renewal(tenant, token, live.as_ref(), to);
        let (title, body) = account_text(&AccountText {
            tenant: &tenant.name,
            display_name: tenant.display_name.as_deref(),
            token: &token.token,
            in_git: token.facts.apple_id.as_deref(),
            live: live.as_ref(),
            to,
            told: &told,
            warnings: &warnings,
        });
        let message = proposal::account_message(&title, token);
        let about = Proposal { title: Some(title), body: Some(body), warnings, ..about };
        let branch = proposal::account_branch(tenant, token, to);
        if let Some(found) = self.find(&branch)? {
            let names_it = |one: &Token| {
                one.token.same_token(&token.token) && one.facts.apple_id.as_deref() == Some(to)
            };
            return self.existing(tenant, &names_it, about, branch, (&found, None));
        }
        let path = place.path();
        let changes = [Change { path: &path, bytes: after.as_bytes() }];
        self.branch_off(branch, &changes, &message, about)
    }

    fn nothing_to_move(&self, to: &str, told: &Told) -> String {
        let base = &self.ground.start.name;
        match told {
            Told::Already => format!(
                "{base} and Intune both name the Apple Account {to} already, so nothing is proposed"
            ),
            Told::Later(why) => format!(
                "{base} names the Apple Account {to} already, so nothing is proposed. Intune is told with the next upload, because {why}"
            ),
            Told::Now(_) => format!(
                "{base} names the Apple Account {to} already and permits telling Intune, so nothing is proposed. This does it: `applecart apply`"
            ),
        }
    }

    /// While a renewal is open, Intune may take only the certificate that is made for its request.
    fn open_renewal(
        &self,
        tenant: &Tenant,
        token: &Token,
        live: Option<&Facts>,
        to: &str,
    ) -> Vec<String> {
        let view = self.known.as_ref().ok();
        let past = view.map(|view| view.tenant(tenant.tenant_id));
        let opened = past.and_then(|past| past.renewal_opened(&token.token, live));
        let warning = opened.map(|opened| {
            format!(
                "a renewal was opened on {}, so Intune may take only the certificate of that request. It is safer to bring the account together with the new certificate: applecart renew {} --file FILE --apple-id {} --push",
                opened.at,
                spec(tenant, &token.token),
                shell_word(to)
            )
        });
        warning.into_iter().collect()
    }
}
