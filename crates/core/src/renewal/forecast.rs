//! The renewals to come, week by week, and which of them are best brought forward.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use chrono::{Datelike as _, Days, Months, NaiveDate};

use super::sitting::SignInPlace;
use crate::model::{Kind, TenantName, Timestamp, TokenRef};
use crate::report::{BringForward, Forecast, ForecastWeek};

/// Apple's credentials are valid for a year. What is renewed today is in the forecast once more.
const YEAR: Days = Days::new(365);
const AHEAD: Months = Months::new(13);
/// A renewal is brought forward by so many weeks at most: each gives up that much of a paid year.
const WEEKS_EARLIER: usize = 8;

/// A credential with the day on which it expires.
#[derive(Clone, Debug)]
pub struct Upcoming {
    pub tenant: TenantName,
    pub token: TokenRef,
    pub place: SignInPlace,
    /// `None` where nobody knows it.
    pub expires: Option<Timestamp>,
    /// Whether it is renewed in this sitting.
    pub in_sitting: bool,
}

/// One renewal in one week.
#[derive(Clone, Copy)]
struct Renewal<'a> {
    of: &'a Upcoming,
    day: NaiveDate,
    /// Whether it is the one after the next.
    again: bool,
}

impl Renewal<'_> {
    /// An enrollment token is never renewed for convenience: its download ends the one in use. What
    /// comes a year after another renewal moves with that one.
    fn can_move(&self) -> bool {
        self.of.token.kind != Kind::Enrollment && !self.again
    }

    fn forward(&self, to: Option<NaiveDate>, same_sign_in: bool) -> BringForward {
        let (tenant, token) = (self.of.tenant.clone(), self.of.token.clone());
        BringForward { tenant, token, expires: self.day, to, same_sign_in }
    }
}

/// The weeks of the coming 13 months. Same input, same forecast.
pub fn forecast(all: &[Upcoming], now: Timestamp, per_week: usize) -> Forecast {
    let today = now.date_time().date_naive();
    let until = today.checked_add_months(AHEAD).unwrap_or(NaiveDate::MAX);
    let mut weeks: BTreeMap<NaiveDate, Vec<Renewal<'_>>> = BTreeMap::new();
    let mut undated = 0;
    for of in all {
        let expires = of.expires.map(|at| at.date_time().date_naive().max(today));
        let first = match (of.in_sitting, expires) {
            (true, _) => None,
            (false, Some(day)) => Some(day),
            (false, None) => {
                undated += 1;
                continue;
            }
        };
        let again = first.unwrap_or(today).checked_add_days(YEAR);
        let renewals = [(first, false), (again, true)];
        for (day, again) in renewals.into_iter().filter_map(|(day, again)| Some((day?, again))) {
            if day <= until {
                weeks.entry(monday(day)).or_default().push(Renewal { of, day, again });
            }
        }
    }
    let mut moves = Moves::new(all, &weeks, (monday(today), per_week));
    moves.fill_the_sitting();
    moves.out_of_collisions();
    let week = |(monday, renewals): (&NaiveDate, &Vec<Renewal<'_>>)| {
        let count = |kind| renewals.iter().filter(|one| one.of.token.kind == kind).count();
        let places: HashSet<&SignInPlace> = renewals.iter().map(|one| &one.of.place).collect();
        ForecastWeek {
            monday: *monday,
            push: count(Kind::Push),
            enrollment: count(Kind::Enrollment),
            vpp: count(Kind::Vpp),
            again: renewals.iter().filter(|one| one.again).count(),
            sign_ins: places.len(),
            collision: renewals.len() > per_week,
            bring_forward: moves.made.remove(monday).unwrap_or_default(),
        }
    };
    let weeks = weeks.iter().map(week).collect();
    Forecast { per_week, until, weeks, undated }
}

/// Monday of the day's week.
fn monday(day: NaiveDate) -> NaiveDate {
    let since = u64::from(day.weekday().num_days_from_monday());
    day.checked_sub_days(Days::new(since)).unwrap_or(day)
}

/// What is brought forward, while it is decided.
struct Moves<'a> {
    this_week: NaiveDate,
    per_week: usize,
    /// How many renewals this sitting has so far.
    in_sitting: usize,
    sitting: HashSet<&'a SignInPlace>,
    /// What is left in each week, by the day of expiry.
    left: BTreeMap<NaiveDate, Vec<Renewal<'a>>>,
    /// By the week out of which they are brought.
    made: BTreeMap<NaiveDate, Vec<BringForward>>,
}

impl<'a> Moves<'a> {
    fn new(
        all: &'a [Upcoming],
        weeks: &BTreeMap<NaiveDate, Vec<Renewal<'a>>>,
        (this_week, per_week): (NaiveDate, usize),
    ) -> Self {
        let in_sitting = || all.iter().filter(|one| one.in_sitting);
        let mut left = weeks.clone();
        left.values_mut().for_each(|week| {
            week.sort_by_key(|one| (one.day, one.of.tenant.clone(), one.of.token.clone()));
        });
        Self {
            this_week,
            per_week,
            in_sitting: in_sitting().count(),
            sitting: in_sitting().map(|one| &one.place).collect(),
            left,
            made: BTreeMap::new(),
        }
    }

    /// Whoever signs in now spares the sign-in of the coming weeks.
    fn fill_the_sitting(&mut self) {
        for ahead in 0..=WEEKS_EARLIER {
            let Some(week) = weeks_after(self.this_week, ahead) else { return };
            while self.in_sitting < self.per_week {
                let left = self.left.get_mut(&week).map(std::mem::take).unwrap_or_default();
                let place = left
                    .iter()
                    .position(|one| one.can_move() && self.sitting.contains(&one.of.place));
                let Some(renewal) = self.put_back(week, left, place) else { break };
                self.in_sitting += 1;
                self.made.entry(week).or_default().push(renewal.forward(None, true));
            }
        }
    }

    /// Later weeks first, so that what they push forward is settled with the weeks before.
    fn out_of_collisions(&mut self) {
        let weeks: Vec<NaiveDate> = self.left.keys().rev().copied().collect();
        for week in weeks {
            while self.count(week) > self.per_week {
                let Some(to) = self.room_before(week) else { break };
                let there: BTreeSet<&SignInPlace> =
                    self.left.get(&to).into_iter().flatten().map(|one| &one.of.place).collect();
                let left = self.left.get_mut(&week).map(std::mem::take).unwrap_or_default();
                let shares = |one: &Renewal<'_>| there.contains(&one.of.place);
                let place = left.iter().position(|one| one.can_move() && shares(one));
                let place = place.or_else(|| left.iter().position(Renewal::can_move));
                let same = place.and_then(|at| left.get(at)).is_some_and(shares);
                let Some(renewal) = self.put_back(week, left, place) else { break };
                self.left.entry(to).or_default().push(renewal);
                self.made.entry(week).or_default().push(renewal.forward(Some(to), same));
            }
        }
    }

    /// Puts a week back without the renewal at this place, which it returns.
    fn put_back(
        &mut self,
        week: NaiveDate,
        mut left: Vec<Renewal<'a>>,
        place: Option<usize>,
    ) -> Option<Renewal<'a>> {
        let taken = place.filter(|at| *at < left.len()).map(|at| left.remove(at));
        self.left.insert(week, left);
        taken
    }

    fn count(&self, week: NaiveDate) -> usize {
        self.left.get(&week).map_or(0, Vec::len)
    }

    /// The nearest earlier week that can take one more; this one belongs to the sitting.
    fn room_before(&self, week: NaiveDate) -> Option<NaiveDate> {
        (1..=WEEKS_EARLIER)
            .filter_map(|back| week.checked_sub_days(Days::new(7 * back as u64)))
            .take_while(|earlier| *earlier > self.this_week)
            .find(|earlier| self.count(*earlier) < self.per_week)
    }
}

fn weeks_after(monday: NaiveDate, weeks: usize) -> Option<NaiveDate> {
    monday.checked_add_days(Days::new(7 * weeks as u64))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::world::at;

    /// A Sunday.
    const NOW: &str = "2026-11-22T12:00:00Z";

    fn upcoming(tenant: &str, kind: Kind, account: &str, expires: &str) -> Upcoming {
        let portal = if kind == Kind::Push { "push" } else { "business" };
        Upcoming {
            tenant: tenant.parse().unwrap(),
            token: TokenRef { kind, id: None, name: None },
            place: SignInPlace::new(portal, Some(account), tenant),
            expires: Some(at(&format!("{expires}T10:00:00Z"))),
            in_sitting: false,
        }
    }

    fn date(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn week<'f>(forecast: &'f Forecast, monday: &str) -> &'f ForecastWeek {
        forecast.weeks.iter().find(|week| week.monday == date(monday)).unwrap()
    }

    #[test]
    fn what_expires_is_in_the_week_of_its_day_and_thirteen_months_are_looked_at() {
        let all = [
            upcoming("a", Kind::Push, "x", "2027-01-03"),
            upcoming("b", Kind::Vpp, "x", "2027-01-04"),
            upcoming("c", Kind::Vpp, "x", "2027-12-22"),
            upcoming("d", Kind::Vpp, "x", "2027-12-23"),
            Upcoming { expires: None, ..upcoming("e", Kind::Vpp, "x", "2027-01-01") },
        ];
        let found = forecast(&all, at(NOW), 10);
        let mondays: Vec<NaiveDate> = found.weeks.iter().map(|week| week.monday).collect();
        assert_eq!(mondays, ["2026-12-28", "2027-01-04", "2027-12-20"].map(date));
        assert_eq!((found.until, found.undated), (date("2027-12-22"), 1));
    }

    #[test]
    fn what_is_renewed_in_this_sitting_expires_again_a_year_later() {
        let now = Upcoming { in_sitting: true, ..upcoming("a", Kind::Push, "x", "2026-12-01") };
        let found = forecast(&[now], at(NOW), 10);
        assert_eq!(found.weeks.len(), 1);
        let week = week(&found, "2027-11-22");
        assert_eq!((week.renewals(), week.again, week.collision), (1, 1, false));
    }

    #[test]
    fn what_comes_a_year_after_another_renewal_is_not_brought_forward_by_itself() {
        let now = |tenant| {
            let day = "2026-12-01";
            Upcoming { in_sitting: true, ..upcoming(tenant, Kind::Push, tenant, day) }
        };
        let found = forecast(&["a", "b", "c"].map(now), at(NOW), 2);
        let week = week(&found, "2027-11-22");
        assert!(week.collision && week.bring_forward.is_empty(), "{week:?}");
    }

    #[test]
    fn a_week_with_too_many_brings_certificates_forward_to_the_nearest_week_with_room() {
        let mut all: Vec<Upcoming> =
            ["a", "b", "c"].map(|name| upcoming(name, Kind::Push, name, "2027-03-10")).into();
        all.push(upcoming("d", Kind::Push, "d", "2027-03-03"));
        all.push(upcoming("e", Kind::Push, "e", "2027-03-03"));
        let found = forecast(&all, at(NOW), 2);
        let full = week(&found, "2027-03-08");
        assert!(full.collision);
        let [forward] = full.bring_forward.as_slice() else { panic!("{full:?}") };
        assert_eq!(forward.to, Some(date("2027-02-22")), "the week between is full");
        assert!(!week(&found, "2027-03-01").collision);
    }

    #[test]
    fn of_a_full_week_what_shares_a_sign_in_is_brought_forward_first() {
        let mut all: Vec<Upcoming> =
            ["a", "b", "c"].map(|name| upcoming(name, Kind::Vpp, name, "2027-03-10")).into();
        all.push(upcoming("c", Kind::Vpp, "C", "2027-03-03"));
        let found = forecast(&all, at(NOW), 2);
        let [forward] = week(&found, "2027-03-08").bring_forward.as_slice() else { panic!() };
        assert_eq!((forward.tenant.as_str(), forward.same_sign_in), ("c", true));
        assert_eq!(forward.to, Some(date("2027-03-01")));
    }

    #[test]
    fn an_enrollment_token_is_never_brought_forward() {
        let all = ["a", "b", "c"].map(|name| upcoming(name, Kind::Enrollment, "x", "2027-03-10"));
        let found = forecast(&all, at(NOW), 2);
        let full = week(&found, "2027-03-08");
        assert!(full.collision && full.bring_forward.is_empty(), "{full:?}");
    }

    #[test]
    fn whoever_signs_in_now_takes_what_the_same_account_needs_in_the_coming_weeks() {
        let now = Upcoming { in_sitting: true, ..upcoming("a", Kind::Vpp, "x", "2026-12-01") };
        let soon = upcoming("b", Kind::Vpp, "X", "2026-12-30");
        let other = upcoming("c", Kind::Vpp, "y", "2026-12-30");
        let later = upcoming("d", Kind::Vpp, "x", "2027-06-30");
        let found = forecast(&[now, soon, other, later], at(NOW), 10);
        let forward: Vec<&BringForward> =
            found.weeks.iter().flat_map(|week| &week.bring_forward).collect();
        let [only] = forward.as_slice() else { panic!("{forward:?}") };
        assert_eq!((only.tenant.as_str(), only.to, only.same_sign_in), ("b", None, true));
    }

    #[test]
    fn a_sitting_takes_no_more_than_a_week_can() {
        let mut all: Vec<Upcoming> = ["a", "b"]
            .map(|name| Upcoming {
                in_sitting: true,
                ..upcoming(name, Kind::Vpp, "x", "2026-12-01")
            })
            .into();
        all.extend(["c", "d"].map(|name| upcoming(name, Kind::Vpp, "x", "2026-12-30")));
        let found = forecast(&all, at(NOW), 3);
        assert_eq!(found.weeks.iter().map(|week| week.bring_forward.len()).sum::<usize>(), 1);
    }
}
