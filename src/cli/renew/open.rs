//! Renewal sheets: whose turn it is, with what, by when.

use std::collections::BTreeMap;

use chrono::Duration;

use super::ground::Ground;
use super::{Args, Format, request, split};
use crate::app::session;
use crate::cli::download::judge;
use crate::cli::error::CliError;
use crate::cli::global::Context;
use crate::cli::output::Output;
use applecart_core::fleet::{Tenant, Token, parse_duration};
use applecart_core::model::{
    Facts, Kind, LiveTenant, Outcome, Problem, Reading, TenantName, Timestamp, TokenRef, shell_word,
};
use applecart_core::plan::Selection;
use applecart_core::report::{
    self, RENEW_FORMAT_VERSION, Sheet, Sheets, complete_sheet, sheet_links,
};

/// A token whose renewal may be opened.
pub(super) struct Due<'a> {
    pub(super) tenant: &'a Tenant,
    pub(super) token: Token,
    /// What is live; `None` where it is not known.
    pub(super) live: Option<Facts>,
    pub(super) problem: Option<Problem>,
    /// Whether it is a school's.
    school: bool,
}

impl Due<'_> {
    fn expires(&self) -> Option<Timestamp> {
        match &self.live {
            Some(live) => live.expires,
            None => self.token.facts.expires,
        }
    }
}

pub(super) fn run(
    args: &Args,
    selection: &Selection,
    context: &Context,
    output: &Output,
) -> Result<Outcome, CliError> {
    let within = args.due.as_deref().map(duration).transpose()?;
    let mut ground = Ground::load(context, selection)?;
    if args.no_csr {
        ground.loaded = ground.loaded.for_reading();
    }
    let named = args.token.as_deref().map(split);
    // Reading one tenant is reading a selection of one.
    let selection = match named {
        Some((name, _)) => Selection::parse(&[ground.tenant(name)?.name.to_string()])?,
        None => selection.clone(),
    };
    let connector = session::connector(context)?;
    let reading = session::read_live(context, &connector, &ground.loaded, &selection);
    let live = crate::app::block_on(reading)?;
    let now = context.now();
    let all = tokens(&ground, &selection, &live);
    let due: Vec<Due<'_>> = match (named, within) {
        (Some((name, wanted)), _) => {
            choose(all, name, wanted, ground.loaded.policy.renew_before, now)?
        }
        (None, Some(within)) => all.into_iter().filter(|due| is_due(due, within, now)).collect(),
        (None, None) => Vec::new(),
    };
    let mut due = due;
    due.sort_by_key(|due| (due.expires(), due.tenant.name.clone(), due.token.token.clone()));

    let mut sheets: Vec<Sheet> = due.iter().map(|due| sheet(due, now)).collect();
    if !args.no_csr {
        request::attach(args, &mut sheets, &due, &ground, &connector, context)?;
    }
    for sheet in &mut sheets {
        // They name the request's file.
        complete_sheet(sheet);
    }
    let outcome = outcome(&sheets);
    let sheets = Sheets {
        format_version: RENEW_FORMAT_VERSION.to_owned(),
        generated_at: now,
        base: ground.commit.clone(),
        sheets,
    };
    match args.format {
        Format::Human => output.result(&report::sheets_human(&sheets, output.width()))?,
        Format::Markdown => output.result(&report::sheets_markdown(&sheets))?,
        Format::Json => output.json(&sheets)?,
    }
    Ok(outcome)
}

fn duration(text: &str) -> Result<Duration, CliError> {
    parse_duration(text).ok_or_else(|| CliError::Duration(text.to_owned()))
}

/// 8 where nobody could be signed in to, 3 where something is not known or not recorded.
fn outcome(sheets: &[Sheet]) -> Outcome {
    let troubled = sheets.iter().filter(|sheet| !sheet.problems.is_empty()).count();
    let sign_in = |sheet: &&Sheet| sheet.problems.iter().any(|one| one.code.is_sign_in());
    match troubled {
        0 => Outcome::Done,
        _ if sheets.iter().filter(sign_in).count() == sheets.len() => Outcome::SignIn,
        _ => Outcome::Partial,
    }
}

/// Every token of the selected tenants that something can be renewed of.
fn tokens<'a>(
    ground: &'a Ground,
    selection: &'a Selection,
    live: &BTreeMap<TenantName, LiveTenant>,
) -> Vec<Due<'a>> {
    let mut all = Vec::new();
    for tenant in session::selected(&ground.loaded.fleet, selection) {
        let live = live.get(&tenant.name);
        // A certificate that nobody wrote an entry for lapses all the same.
        let unwritten =
            tenant.push.is_none() && live.is_some_and(|live| live.push.present().is_some());
        let unwritten = unwritten.then(|| Token::watched(TokenRef::push()));
        for token in tenant.tokens().cloned().chain(unwritten) {
            if !tenant.watches(token.token.kind) {
                continue;
            }
            let live = live.map(|live| judge::narrow(live.clone(), &token));
            let school = is_school(&token, live.as_ref());
            let (live, problem) = live.map_or((None, None), |live| facts(live, token.token.kind));
            all.push(Due { tenant, token, live, problem, school });
        }
    }
    all
}

/// Whether the token is renewed in Apple School Manager.
fn is_school(token: &Token, live: Option<&LiveTenant>) -> bool {
    let only = match live.map(|live| &live.enrollment) {
        Some(Reading::Present(all)) if token.token.kind == Kind::Enrollment => all.first(),
        _ => None,
    };
    token.account_type.as_deref() == Some("education")
        || only.is_some_and(|live| live.token_type.as_deref() == Some("appleSchoolManager"))
}

/// The live facts of the only token of this kind, or why they are not known.
fn facts(live: LiveTenant, kind: Kind) -> (Option<Facts>, Option<Problem>) {
    fn only<T>(all: Reading<Vec<T>>, facts: fn(&T) -> Facts) -> (Option<Facts>, Option<Problem>) {
        match all {
            Reading::Present(all) => match all.as_slice() {
                [only] => (Some(facts(only)), None),
                _ => (None, None),
            },
            Reading::Unknown(problem) => (None, Some(problem)),
            Reading::Absent | Reading::NotAsked => (None, None),
        }
    }
    match kind {
        Kind::Push => match live.push {
            Reading::Present(push) => (Some(push.facts()), None),
            Reading::Unknown(problem) => (None, Some(problem)),
            Reading::Absent | Reading::NotAsked => (None, None),
        },
        Kind::Enrollment => only(live.enrollment, applecart_core::model::LiveEnrollment::facts),
        Kind::Vpp => only(live.vpp, applecart_core::model::LiveVpp::facts),
    }
}

fn is_due(due: &Due<'_>, within: Duration, now: Timestamp) -> bool {
    match due.expires() {
        Some(at) => at.since(now) < within,
        // Nobody can tell; what is simply not live has nothing to renew.
        None => due.problem.is_some() || due.live.is_some(),
    }
}

/// The token that the person named; without a name the ones that are due, or the only one.
fn choose<'a>(
    mut all: Vec<Due<'a>>,
    tenant: &str,
    wanted: Option<&str>,
    renew_before: Duration,
    now: Timestamp,
) -> Result<Vec<Due<'a>>, CliError> {
    let listed = all.iter().map(|due| spec(due.tenant, &due.token.token)).collect::<Vec<_>>();
    let names = || match listed.is_empty() {
        true => format!("{tenant} names no token"),
        false => format!("name one of {}", listed.join(", ")),
    };
    if let Some(wanted) = wanted {
        all.retain(|due| is_named(&due.token.token, wanted));
        if all.is_empty() {
            return Err(CliError::SealUsage(format!(
                "{tenant} has no token {wanted:?}; {}",
                names()
            )));
        }
    } else if all.len() > 1 {
        all.retain(|due| is_due(due, renew_before, now));
        if all.is_empty() {
            let days = renew_before.num_days();
            return Err(CliError::SealUsage(format!(
                "nothing of {tenant} lapses within {days} days; {}",
                names()
            )));
        }
    }
    match all.first() {
        None => Err(CliError::SealUsage(names())),
        Some(due) if all.len() == 1 && due.live.is_none() && due.problem.is_none() => {
            Err(CliError::SealUsage(format!(
                "{} is not live in Intune, so there is nothing to renew; a first one is created at Apple and brought with `applecart seal`",
                spec(due.tenant, &due.token.token)
            )))
        }
        Some(_) => Ok(all),
    }
}

fn is_named(token: &TokenRef, wanted: &str) -> bool {
    let is_id = |id: &String| id.eq_ignore_ascii_case(wanted);
    token.kind.as_str() == wanted
        || token.kind != Kind::Push
            && (token.name.as_deref() == Some(wanted) || token.id.as_ref().is_some_and(is_id))
}

/// `contoso/London`, as the command line takes it.
pub(super) fn spec(tenant: &Tenant, token: &TokenRef) -> String {
    let name = match token.kind {
        Kind::Push => None,
        _ => token.name.as_deref().or(token.id.as_deref()),
    };
    shell_word(&format!("{}/{}", tenant.name, name.unwrap_or(token.kind.as_str())))
}

fn sheet(due: &Due<'_>, now: Timestamp) -> Sheet {
    let Due { tenant, token, live, school, .. } = due;
    let stated = token.facts.clone();
    // What Intune shows was true at the last upload; what Git says fills in what it does not show.
    let facts = match live.clone() {
        Some(live) => Facts {
            apple_id: live.apple_id.clone().or(stated.apple_id),
            organization: live.organization.clone().or(stated.organization),
            location: live.location.clone().or(stated.location),
            ..live
        },
        None => stated,
    };
    let kind = token.token.kind;
    Sheet {
        tenant: tenant.name.clone(),
        display_name: tenant.display_name.clone(),
        tenant_id: tenant.tenant_id,
        token: token.token.clone(),
        days_left: facts.expires.map(|at| at.since(now).num_seconds().div_euclid(24 * 3600)),
        facts,
        live: live.is_some(),
        server: token.server.clone(),
        school: *school,
        contacts: tenant.contacts.clone(),
        csr: None,
        problems: due.problem.clone().into_iter().collect(),
        links: sheet_links(kind, tenant.tenant_id, *school),
        steps: Vec::new(),
        next: format!("applecart renew {} --file FILE --push", spec(tenant, &token.token)),
        title: String::new(),
        key: String::new(),
        markdown: String::new(),
    }
}

/// How a signing request's file is called.
pub(super) fn request_name(tenant: &TenantName) -> String {
    format!("IntuneCSR-{tenant}.csr")
}
