//! Thirteen months of expiries, week by week, so that weeks with many of them are seen early.

use std::collections::BTreeMap;

use chrono::{Datelike as _, Days, NaiveDate};
use maud::{Markup, html};

use super::Word;
use super::scene::Scene;
use crate::report::text::{label, plural};

const MONTHS: u32 = 13;
/// The weeks that may begin in one month.
const COLUMNS: u32 = 5;
/// As many names as a week shows.
const MAX_NAMES: usize = 3;
/// The shades of a week with renewals.
const SHADES: usize = 4;

/// The expiries of one week.
#[derive(Default)]
struct Week {
    count: usize,
    /// The first of them, each once.
    names: Vec<String>,
}

/// What expires when, seen from one day.
struct Calendar {
    /// The Monday of this week.
    first: NaiveDate,
    /// By their Monday.
    weeks: BTreeMap<NaiveDate, Week>,
    expired: usize,
    unknown: usize,
    later: usize,
}

pub(super) fn section(scene: &Scene<'_>) -> Markup {
    let calendar = Calendar::of(scene);
    html! {
        section aria-labelledby="calendar" {
            h2 #calendar { "Thirteen months of expiries" }
            p { (calendar.told()) }
            table.calendar {
                caption { "Each cell is a week, Monday to Sunday, in the row of the month in which it begins. The number says how many tokens expire in it; a week of a stronger colour has more of them." }
                thead {
                    tr {
                        th scope="col" { "Month" }
                        @for number in 1..=COLUMNS {
                            th scope="col" { span.wide { "Week " } (number) }
                        }
                        th scope="col" { "Sum" }
                    }
                }
                tbody {
                    @for month in calendar.months() {
                        (calendar.row(month))
                    }
                }
            }
        }
    }
}

fn monday(day: NaiveDate) -> NaiveDate {
    day.week(chrono::Weekday::Mon).first_day()
}

/// The first days of this month and the ones after it.
fn month_after(day: NaiveDate, months: u32) -> NaiveDate {
    let first = day.with_day(1).unwrap_or(day);
    first.checked_add_months(chrono::Months::new(months)).unwrap_or(NaiveDate::MAX)
}

impl Calendar {
    fn of(scene: &Scene<'_>) -> Self {
        let first = monday(scene.now().date_time().date_naive());
        let mut calendar = Self { first, weeks: BTreeMap::new(), expired: 0, unknown: 0, later: 0 };
        let end = month_after(first, MONTHS);
        for tenant in &scene.status.tenants {
            for token in &tenant.tokens {
                let state = &token.state;
                let Some(expires) = state.expires else {
                    calendar.unknown += 1;
                    continue;
                };
                let week = monday(expires.date_time().date_naive());
                if expires <= scene.now() {
                    calendar.expired += 1;
                } else if week >= end {
                    calendar.later += 1;
                } else {
                    let week = calendar.weeks.entry(week).or_default();
                    week.count += 1;
                    if week.names.len() < MAX_NAMES {
                        let token = label(state.kind, state.name.as_deref());
                        week.names.push(format!("{} {token}", tenant.name));
                    }
                }
            }
        }
        calendar
    }

    fn busiest(&self) -> Option<(&NaiveDate, &Week)> {
        // The earliest of equal ones.
        self.weeks.iter().rev().max_by_key(|(_, week)| week.count)
    }

    /// What the picture shows, in words.
    fn told(&self) -> String {
        let mut parts = Vec::new();
        if let Some((week, Week { count, .. })) = self.busiest() {
            let tokens = plural(*count, "token");
            parts.push(match count {
                1 => "No two tokens expire in the same week.".to_owned(),
                _ => format!("The fullest week begins on {week}: {tokens} expire in it."),
            });
        } else {
            parts.push("Nothing expires in this time.".to_owned());
        }
        for (count, what) in [
            (self.expired, "expired before"),
            (self.later, "expires later"),
            (self.unknown, "expires at an unknown time"),
        ] {
            if count > 0 {
                let what =
                    if count > 1 { what.replacen("expires", "expire", 1) } else { what.into() };
                parts.push(format!("{} {what}.", plural(count, "token")));
            }
        }
        parts.join(" ")
    }

    fn months(&self) -> impl Iterator<Item = NaiveDate> {
        let first = self.first;
        (0..MONTHS).map(move |number| month_after(first, number))
    }

    fn row(&self, month: NaiveDate) -> Markup {
        let from_first = (7 - month.weekday().num_days_from_monday()) % 7;
        let first = month.checked_add_days(Days::new(from_first.into())).unwrap_or(month);
        let weeks: Vec<NaiveDate> = (0..COLUMNS)
            .filter_map(|number| first.checked_add_days(Days::new(u64::from(number) * 7)))
            .filter(|week| week.month() == month.month())
            .collect();
        let sum: usize =
            weeks.iter().filter_map(|week| self.weeks.get(week)).map(|week| week.count).sum();
        html! {
            tr {
                th scope="row" { (month.format("%b")) " " span.wide { (month.format("%Y")) } }
                @for number in 0..COLUMNS {
                    (self.cell(weeks.get(number as usize).copied()))
                }
                td.sum { @if sum > 0 { (sum) } }
            }
        }
    }

    fn cell(&self, monday: Option<NaiveDate>) -> Markup {
        let Some(monday) = monday.filter(|monday| *monday >= self.first) else {
            return html! { td.off {} };
        };
        let Some(week) = self.weeks.get(&monday) else {
            return html! { td { span.day { (monday.day()) } } };
        };
        let sunday = monday.checked_add_days(Days::new(6)).unwrap_or(monday);
        let most = self.busiest().map_or(1, |(_, week)| week.count);
        let shade = (week.count * SHADES).div_ceil(most).clamp(1, SHADES);
        let more = week.count - week.names.len();
        html! {
            td class={ "shade" (shade) } {
                span.day { (monday.day()) } " "
                a href="#tokens" data-from=(monday.to_string()) data-to=(sunday.to_string())
                    aria-label={ (plural(week.count, "token")) " from " (monday) " to " (sunday) } {
                    (week.count)
                }
                span.names {
                    @for (place, name) in week.names.iter().enumerate() {
                        @if place > 0 { ", " }
                        bdi { (Word(name)) }
                    }
                    @if more > 0 { " +" (more) }
                }
            }
        }
    }
}
