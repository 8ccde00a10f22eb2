//! One sitting: the sheets in the order of the fewest sign-ins, and the weeks to come.

use chrono::NaiveDate;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::label;
use crate::model::{Kind, TenantName, Timestamp, TokenRef, shell_word};
use crate::report::cell::cell;
use crate::report::text::{BAD, DIM, HEAD, day, escape, plural, styled};

/// What `renew --due TIME --by-account` adds to the sheets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Sitting {
    /// The sign-ins in their order; the sheets have the same order.
    pub sign_ins: Vec<SignIn>,
    pub forecast: Forecast,
}

/// One Apple Account at one portal, and what is renewed there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignIn {
    /// The portal's name.
    pub portal: String,
    pub url: String,
    /// `null` where neither Git nor Intune says it: such a renewal is a sign-in of its own.
    pub account: Option<String>,
    /// Enrollment tokens last.
    pub renewals: Vec<SittingRenewal>,
}

/// A renewal of a sitting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SittingRenewal {
    pub tenant: TenantName,
    pub token: TokenRef,
    pub expires: Option<Timestamp>,
    /// Whether it does not work any more, by its date or whatever that says, or is gone from Intune.
    #[serde(default)]
    pub at_once: bool,
    /// Whether its reviewer has to be ready before it is downloaded: Apple ends the token in use then.
    pub needs_reviewer: bool,
}

/// The renewals of the coming 13 months by the week in which the credentials expire.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Forecast {
    /// More renewals than this in one week collide.
    pub per_week: usize,
    /// The last day that is looked at.
    pub until: NaiveDate,
    /// The weeks that have renewals.
    pub weeks: Vec<ForecastWeek>,
    /// How many credentials have no known expiry date, so that they are in no week.
    pub undated: usize,
}

/// One week, from Monday on (UTC).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForecastWeek {
    pub monday: NaiveDate,
    pub push: usize,
    pub enrollment: usize,
    pub vpp: usize,
    /// How many of them are renewed before, in this sitting or the one of their week, and expire again
    /// a year later.
    pub again: usize,
    /// How many accounts and portals it takes.
    pub sign_ins: usize,
    /// Whether it has more renewals than one week can take.
    pub collision: bool,
    /// What is best renewed earlier: to settle the collision, or because its account is signed in.
    pub bring_forward: Vec<BringForward>,
}

/// A renewal that is best done earlier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BringForward {
    pub tenant: TenantName,
    pub token: TokenRef,
    pub expires: NaiveDate,
    /// The Monday of the week in which it is best renewed; `null` is this sitting.
    pub to: Option<NaiveDate>,
    /// Whether its account is signed in at its portal in that week anyway.
    pub same_sign_in: bool,
}

impl ForecastWeek {
    pub fn renewals(&self) -> usize {
        self.push + self.enrollment + self.vpp
    }
}

impl SignIn {
    /// `Sign in at Apple Business as vpp@contoso.example: 3 renewals`.
    pub(super) fn title(&self) -> String {
        let account =
            self.account.as_deref().unwrap_or("(the account is unknown: ask the customer)");
        let renewals = plural(self.renewals.len(), "renewal");
        format!("Sign in at {} ({}) as {account}: {renewals}", self.portal, self.url)
    }

    /// What must be so before the first of its enrollment tokens is downloaded.
    pub(super) fn caution(&self) -> Option<String> {
        let with = self.renewals.iter().filter(|one| one.needs_reviewer).count();
        (with > 0).then(|| {
            format!(
                "{} last, and only with the reviewer ready to merge at once: Apple ends the token in use with the download.",
                plural(with, "enrollment token")
            )
        })
    }

    /// The command that brings what was downloaded with this sign-in.
    pub(super) fn command(&self) -> Option<String> {
        let account = shell_word(self.account.as_deref()?);
        Some(format!("applecart renew --batch DIR --apple-id {account} --push"))
    }
}

/// What the sitting takes, above the sheets.
pub(super) fn human(sitting: &Sitting) -> String {
    let mut out = format!("{}\n", styled(HEAD, &overview(sitting)));
    for (number, one) in sitting.sign_ins.iter().enumerate() {
        out.push_str(&format!("{:>3}. {}\n", number + 1, escape(&one.title())));
        for renewal in &one.renewals {
            out.push_str(&format!("     - {}\n", escape(&renewal.told())));
        }
        if let Some(caution) = one.caution() {
            out.push_str(&format!("     {}\n", styled(BAD, &caution)));
        }
        if let Some(command) = one.command() {
            out.push_str("     With all of its files in the folder DIR:\n");
            out.push_str(&format!("     {}\n", escape(&command)));
        }
    }
    out
}

pub(super) fn markdown(sitting: &Sitting) -> String {
    let mut out = format!("## {}\n\n", overview(sitting));
    for one in &sitting.sign_ins {
        out.push_str(&format!("- [ ] {}\n", cell(&one.title())));
        for renewal in &one.renewals {
            out.push_str(&format!("  - [ ] {}\n", cell(&renewal.told())));
        }
        if let Some(caution) = one.caution() {
            out.push_str(&format!("\n  ⚠️ {}\n", cell(&caution)));
        }
        if let Some(command) = one.command() {
            let command = escape(&command).replace("```", "'''");
            out.push_str(&format!("\n  ```sh\n  {command}\n  ```\n"));
        }
    }
    out
}

fn overview(sitting: &Sitting) -> String {
    let renewals: usize = sitting.sign_ins.iter().map(|one| one.renewals.len()).sum();
    format!(
        "One sitting: {} with {}",
        plural(renewals, "renewal"),
        plural(sitting.sign_ins.len(), "sign-in")
    )
}

impl SittingRenewal {
    fn told(&self) -> String {
        let expires = match self.at_once {
            true => Some(", at once".to_owned()),
            false => self.expires.map(|at| format!(", expires on {}", day(at))),
        };
        format!("{}: {}{}", self.tenant, label(&self.token), expires.unwrap_or_default())
    }
}

/// The weeks to come, below the sheets.
pub(super) fn forecast_human(forecast: &Forecast) -> String {
    let mut out = format!("\n{}\n", styled(HEAD, &forecast.title()));
    for week in &forecast.weeks {
        let style = if week.collision { BAD } else { DIM };
        out.push_str(&format!("  {}\n", styled(style, &week.told())));
        for one in &week.bring_forward {
            out.push_str(&format!("    {}\n", escape(&one.told())));
        }
    }
    out.push_str(&forecast.rest());
    out
}

pub(super) fn forecast_markdown(forecast: &Forecast) -> String {
    let mut out = format!("\n## {}\n\n", forecast.title());
    for week in &forecast.weeks {
        out.push_str(&format!("- {}\n", week.told()));
        for one in &week.bring_forward {
            out.push_str(&format!("  - {}\n", cell(&one.told())));
        }
    }
    out.push_str(&forecast.rest());
    out
}

impl Forecast {
    fn title(&self) -> String {
        format!(
            "Renewals until {} by the week in which they expire, as if this sitting were done (more than {} in a week collide)",
            self.until, self.per_week
        )
    }

    fn rest(&self) -> String {
        match self.undated {
            0 => String::new(),
            undated => format!(
                "\n{} no known expiry date, and so no week.\n",
                match undated {
                    1 => "1 credential has".to_owned(),
                    many => format!("{many} credentials have"),
                }
            ),
        }
    }
}

impl ForecastWeek {
    fn told(&self) -> String {
        let kinds =
            [(self.push, Kind::Push), (self.vpp, Kind::Vpp), (self.enrollment, Kind::Enrollment)];
        let kinds: Vec<String> = kinds
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, kind)| format!("{count} {kind}"))
            .collect();
        let again = match self.again {
            0 => String::new(),
            again => format!(", {again} of them for the second time"),
        };
        let collision = if self.collision { ": collision" } else { "" };
        format!(
            "{}: {} ({}), {}{again}{collision}",
            self.monday,
            plural(self.renewals(), "renewal"),
            kinds.join(", "),
            plural(self.sign_ins, "sign-in")
        )
    }
}

impl BringForward {
    fn told(&self) -> String {
        let to = match self.to {
            None => "into this sitting".to_owned(),
            Some(monday) => format!("to the week of {monday}"),
        };
        let why = if self.same_sign_in { ", whose sign-in it shares" } else { "" };
        format!(
            "Bring {} forward {to}{why}: it expires on {}",
            self.token.spec(&self.tenant),
            self.expires
        )
    }
}
