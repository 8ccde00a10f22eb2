//! What Apple said of every sealed VPP token, for people and for scripts.

use schemars::JsonSchema;
use serde::Serialize;

use crate::apple::location::Answer;
use crate::fleet::Token;
use crate::model::{LocationId, Outcome, TenantName, TokenRef};
use crate::plan::FORMAT_VERSION;
use crate::report::table::{Column, table};
use crate::report::text::{escape, plural};
use crate::rules::at_apple::{Remark, Verdict};
use crate::rules::codes::Reason;
use crate::words::kebab_enum;

kebab_enum! {
    /// What became of asking Apple about a token.
    AppleFound {
        /// It works, and nothing speaks against it.
        Alive => "alive",
        /// Apple says that it does not work.
        Dead => "dead",
        /// It works, and is another location's, or another MDM's: it must not be uploaded.
        Wrong => "wrong",
        /// Apple gave no answer.
        Unknown => "unknown",
        /// The sealed file could not be opened, or is no VPP token.
        NotOpened => "not-opened",
    }
}

/// One sealed VPP token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppleToken {
    pub tenant: TenantName,
    pub token: TokenRef,
    pub found: AppleFound,
    /// Apple's id of the location that the file is of.
    pub location_id: Option<LocationId>,
    /// How Apple calls the location.
    pub location: Option<String>,
    /// The MDM that claimed the location, by its own name.
    pub mdm: Option<String>,
    /// Why it must not be uploaded.
    pub holds: Vec<Reason>,
    /// What is worth knowing of Apple's answer, and holds nothing.
    pub remarks: Vec<Remark>,
    /// The same in sentences, each with its code in front.
    pub details: Vec<String>,
    /// The Apple Account that Git says downloaded it.
    pub account: Option<String>,
    /// The command that opens its renewal, where only another file helps.
    pub command: Option<String>,
}

impl AppleToken {
    /// One whose file was not opened.
    pub fn not_opened(tenant: TenantName, entry: &Token, why: String) -> Self {
        let (account, token) = (entry.owner().map(str::to_owned), entry.token.clone());
        let found = AppleFound::NotOpened;
        let (location_id, location, mdm) = (None, None, None);
        let (holds, remarks, details) = (Vec::new(), Vec::new(), vec![why]);
        let command = None;
        Self {
            tenant,
            token,
            found,
            location_id,
            location,
            mdm,
            holds,
            remarks,
            details,
            account,
            command,
        }
    }

    /// What Apple's answer says of it.
    pub fn of(tenant: TenantName, entry: &Token, answer: Answer, verdict: &Verdict) -> Self {
        let (account, token) = (entry.owner().map(str::to_owned), entry.token.clone());
        let found = match &answer {
            Answer::Dead(_) => AppleFound::Dead,
            Answer::Unknown(_) => AppleFound::Unknown,
            Answer::Alive(_) if verdict.holds.is_empty() => AppleFound::Alive,
            Answer::Alive(_) => AppleFound::Wrong,
        };
        let holds = verdict.holds.iter().map(|hold| format!("{}: {}", hold.reason, hold.detail));
        let details = holds.chain(verdict.told()).collect();
        let holds: Vec<Reason> = verdict.holds.iter().map(|hold| hold.reason).collect();
        let remarks = verdict.remarks.iter().map(|(remark, _)| *remark).collect();
        let (location_id, location, mdm) = match answer {
            Answer::Alive(it) => (Some(it.id), it.name, it.mdm),
            Answer::Dead(_) | Answer::Unknown(_) => (None, None, None),
        };
        let needs_another =
            holds.iter().any(|hold| matches!(hold, Reason::DeadAtApple | Reason::WrongLocation));
        let command = needs_another.then(|| format!("applecart renew {}", token.spec(&tenant)));
        Self {
            tenant,
            token,
            found,
            location_id,
            location,
            mdm,
            holds,
            remarks,
            details,
            account,
            command,
        }
    }
}

/// What `check --apple --format json` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AppleCheck {
    pub format_version: &'static str,
    /// The commit whose files were opened.
    pub rev: String,
    /// Those that need a person first.
    pub tokens: Vec<AppleToken>,
    /// How many VPP tokens have no file in Git, so that Apple was not asked about them.
    pub not_asked: usize,
    /// Tenants whose files are invalid, so that nothing is known of them.
    pub not_read: Vec<String>,
    /// How many requests were sent to Apple.
    pub requests: u64,
}

impl AppleCheck {
    pub fn new(
        rev: String,
        mut tokens: Vec<AppleToken>,
        not_asked: usize,
        not_read: Vec<String>,
        requests: u64,
    ) -> Self {
        let urgency = |found| match found {
            AppleFound::Dead => 0,
            AppleFound::Wrong => 1,
            AppleFound::NotOpened => 2,
            AppleFound::Unknown => 3,
            AppleFound::Alive => 4,
        };
        // Those of one urgency stay in the fleet's order.
        tokens.sort_by_key(|token| urgency(token.found));
        Self { format_version: FORMAT_VERSION, rev, tokens, not_asked, not_read, requests }
    }

    /// Dead and wrong ones refuse; what nobody knows leaves the answer open.
    pub fn outcome(&self) -> Outcome {
        let of = |token: &AppleToken| match token.found {
            AppleFound::Alive => Outcome::Done,
            AppleFound::Dead | AppleFound::Wrong => Outcome::Refused,
            AppleFound::Unknown | AppleFound::NotOpened => Outcome::Partial,
        };
        let unread = if self.not_read.is_empty() { Outcome::Done } else { Outcome::Partial };
        self.tokens.iter().map(of).fold(unread, Outcome::and)
    }

    fn count(&self, found: AppleFound) -> usize {
        self.tokens.iter().filter(|token| token.found == found).count()
    }
}

/// Counts, then every token that needs a person, and with `all` the others as well.
pub fn apple_check_human(check: &AppleCheck, all: bool) -> String {
    const COLUMNS: [Column; 4] = [
        Column::Name("TOKEN"),
        Column::Fixed("AT APPLE"),
        Column::Name("LOCATION"),
        Column::Name("LOCATION ID"),
    ];
    let count = |found| check.count(found);
    let mut text = format!(
        "{} asked about: {} alive, {} dead, {} of another location or MDM, {} unknown, {} not opened\n",
        plural(check.tokens.len(), "VPP token"),
        count(AppleFound::Alive),
        count(AppleFound::Dead),
        count(AppleFound::Wrong),
        count(AppleFound::Unknown),
        count(AppleFound::NotOpened),
    );
    if check.not_asked > 0 {
        text.push_str(&format!(
            "Not asked about, for want of a file in Git: {}. What Intune says of those:\n  applecart status\n",
            plural(check.not_asked, "VPP token")
        ));
    }
    let needs = |token: &&AppleToken| token.found != AppleFound::Alive || !token.details.is_empty();
    let shown: Vec<&AppleToken> = check.tokens.iter().filter(|token| all || needs(token)).collect();
    let rows: Vec<_> = shown
        .iter()
        .map(|token| {
            let none = || "-".to_owned();
            let id = token.location_id.as_ref().map_or_else(none, ToString::to_string);
            let location = token.location.clone().unwrap_or_else(none);
            (None, vec![token.token.spec(&token.tenant), token.found.to_string(), location, id])
        })
        .collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&table(&COLUMNS, &rows, None));
    }
    for token in shown {
        for detail in &token.details {
            text.push_str(&format!("\n{}: {}\n", token.token.spec(&token.tenant), escape(detail)));
        }
        if let Some(command) = &token.command {
            let account = token.account.as_ref().map(|one| format!("It was downloaded as {one}. "));
            text.push_str(&format!(
                "{}What to do, step by step:\n  {}\n",
                account.map(|told| escape(&told)).unwrap_or_default(),
                escape(command)
            ));
        }
    }
    for name in &check.not_read {
        text.push_str(&format!("\nnot read, because its file is invalid: {}\n", escape(name)));
    }
    text
}
