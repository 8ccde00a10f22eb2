//! Entries of a calendar as iCalendar (RFC 5545).
//!
//! The crate escapes and folds. It would fill in the time and a random identity where they are
//! missing, so both are given everywhere, also to alarms: the same entries give the same bytes.

use applecart_core::model::Timestamp;
use applecart_core::outlets::calendar::Entry;
use chrono::{Days, Duration};
use icalendar::{
    Alarm, Calendar, Component as _, Event, EventLike as _, EventStatus, Property, Trigger,
};

/// How to serve it over HTTP.
pub const CONTENT_TYPE: &str = "text/calendar; charset=utf-8";

/// A calendar that wants no time zone alarms people in the morning of their day.
const MORNING: Duration = Duration::hours(8);

/// The calendar, as it stands at this time.
pub fn ics(entries: &[Entry], now: Timestamp) -> String {
    let mut calendar = Calendar::empty();
    for (name, value) in [
        ("VERSION", "2.0"),
        ("PRODID", "-//Applecart//Applecart//EN"),
        ("CALSCALE", "GREGORIAN"),
        // For reading: nobody is asked to accept anything.
        ("METHOD", "PUBLISH"),
    ] {
        calendar.append_property(Property::new(name, value));
    }
    calendar.name("Apple credentials (Applecart)");
    calendar.ttl(&Duration::hours(1));
    calendar.extend(entries.iter().map(|entry| event(entry, now)));
    calendar.to_string()
}

fn event(entry: &Entry, now: Timestamp) -> Event {
    let mut event = Event::with_uid(&entry.uid);
    event
        .timestamp(now.date_time())
        .last_modified(now.date_time())
        .sequence(entry.sequence)
        .summary(&entry.summary)
        .description(&entry.description)
        .priority(entry.priority)
        .status(EventStatus::Confirmed)
        .starts(entry.day)
        .ends(entry.day.checked_add_days(Days::new(1)).unwrap_or(entry.day))
        .categories(["Applecart"])
        // It takes nobody's day.
        .add_property("TRANSP", "TRANSPARENT");
    let mut alarm = Alarm::display(&entry.summary, Trigger::after_start(MORNING));
    alarm.uid(&format!("{}-alarm", entry.uid)).timestamp(now.date_time());
    event.alarm(alarm);
    event.done()
}

#[cfg(test)]
mod tests;
