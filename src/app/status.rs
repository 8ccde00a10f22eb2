//! What expires when, what works, and what differs from Git.

use chrono::Duration;

use super::session::{self, Intune, Loaded, Made, Tree, Wanted, Which};
use super::{AppError, Context, Reach};
use applecart_core::attention::FailOn;
use applecart_core::model::{LiveTenant, Outcome, Problem, ProblemCode, Reading};
use applecart_core::plan::{Selection, Source};
use applecart_core::report::{self, Status};

#[derive(Debug)]
pub struct Options {
    pub selection: Selection,
    /// Contact nothing: look at Git and at the ledger that this clone has.
    pub offline: bool,
    /// By what is in force at the remote, whatever a pipeline's environment names: as `apply` does.
    pub in_force: bool,
    /// Leave out the tokens that certainly expire later, and how the user wrote that time.
    pub within: Option<(Duration, String)>,
    /// Judge whether a token expires within this time.
    pub fail_within: Option<Duration>,
    /// Judge whether something of these needs attention.
    pub fail_on: Vec<FailOn>,
}

/// The state of the selected tokens.
pub struct Surveyed {
    pub status: Status,
    /// How the command ends: something could not be read, a token expires within `fail_within`, or
    /// something of `fail_on` needs attention, shown or not.
    pub outcome: Outcome,
}

pub fn run(context: &Context, options: &Options) -> Result<Surveyed, AppError> {
    let Options { selection, offline, .. } = options;
    let wanted = Wanted {
        tree: Tree::Commit,
        reach: match (*offline, options.in_force) {
            (true, _) => Reach::Revision,
            (false, true) => Reach::InForce,
            (false, false) => Reach::Remote,
        },
        which: Which::of(*offline),
        reading: true,
    };
    let intune = |loaded: &Loaded| {
        let live = if *offline {
            let tenants = session::selected(&loaded.fleet, selection);
            tenants.map(|tenant| (tenant.name.clone(), not_asked())).collect()
        } else {
            session::look(context, loaded, selection)?
        };
        Ok(Intune::Read(live, Source::Live))
    };
    let mut made = session::plan(context, selection, &wanted, intune)?;
    if *offline {
        // Intune was not asked, so nothing went wrong; a ledger that cannot be read still did.
        for tenant in &mut made.planned.plan.tenants {
            tenant.problems.retain(|problem| problem.code != ProblemCode::Unreachable);
        }
    }
    let attention = made.attention();
    let Made { loaded, known, planned, .. } = made;
    let plan = &planned.plan;
    let failing =
        options.fail_on.iter().any(|on| attention.matters.iter().any(|matter| on.fails(matter)));
    let ledger = known.as_ref().ok();
    let mut status = report::status_of(plan, &loaded.fleet, ledger, attention, *offline);
    // Judged before anything is left out: what is shown decides nothing.
    let expiring =
        failing || options.fail_within.is_some_and(|within| status.expires_within(within));
    if let Some((within, text)) = &options.within {
        status.keep_within(*within, text);
    }
    let observed = if *offline { Outcome::Done } else { session::observed(plan) };
    let due = if expiring { Outcome::Expiring } else { Outcome::Done };
    status.exits = Outcome::exits([observed, due]);
    Ok(Surveyed { status, outcome: observed.and(due) })
}

fn not_asked() -> LiveTenant {
    let unasked = || Problem::new(ProblemCode::Unreachable, "offline");
    LiveTenant {
        push: Reading::Unknown(unasked()),
        enrollment: Reading::Unknown(unasked()),
        vpp: Reading::Unknown(unasked()),
        ..LiveTenant::not_asked()
    }
}
