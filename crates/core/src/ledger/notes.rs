//! What people record, read together with the ledger.
#![forbid(clippy::disallowed_methods, clippy::disallowed_types)]

use super::view::LedgerView;

impl LedgerView {
    /// Takes in the notes: each at its time between the ledger's records, so that the questions of a
    /// view see one story. Only what notes may record is taken: whoever may write them can neither
    /// cause an upload nor end one.
    pub fn take_notes(&mut self, notes: Self) {
        for (tenant, notes) in notes.tenants {
            if self.broken.contains_key(&tenant) {
                continue;
            }
            let mut told = notes.records;
            let notes: Vec<_> =
                told.extract_if(.., |record| !record.event().is_telling()).collect();
            if !told.is_empty() {
                self.told.insert(tenant, told);
            }
            for note in notes.into_iter().filter(|record| record.event().is_note()) {
                let records = &mut self.tenants.entry(tenant).or_default().records;
                let before = records.iter().rposition(|record| record.at <= note.at);
                records.insert(before.map_or(0, |index| index + 1), note);
            }
        }
        self.broken_notes = notes.broken;
    }

    /// Notes that nothing is known of what people recorded, and why.
    pub fn lose_notes(&mut self, why: String) {
        self.lost_notes = Some(why);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::testing::{draft, sha, tenant, view_of};
    use crate::model::Event;

    fn events(view: &LedgerView) -> Vec<Event> {
        view.tenant(tenant(1)).records.iter().map(|record| record.event()).collect()
    }

    #[test]
    fn notes_stand_between_the_ledgers_records_at_their_time() {
        let mut view = view_of(
            1,
            &[
                draft(Event::Applied, 10, "run-1", Some(sha("a"))),
                draft(Event::Confirmed, 20, "run-1", Some(sha("a"))),
            ],
        );
        view.take_notes(view_of(
            1,
            &[
                draft(Event::RenewalOpened, 5, "dana", None),
                draft(Event::Acknowledged, 20, "dana", Some(sha("a"))),
            ],
        ));
        use Event::{Acknowledged, Applied, Confirmed, RenewalOpened};
        assert_eq!(events(&view), [RenewalOpened, Applied, Confirmed, Acknowledged]);
    }

    #[test]
    fn what_decides_about_writes_is_not_taken_from_the_notes() {
        let mut view = view_of(1, &[]);
        view.take_notes(view_of(
            1,
            &[
                draft(Event::Intended, 1, "mallory", Some(sha("a"))),
                draft(Event::Confirmed, 2, "mallory", Some(sha("a"))),
                draft(Event::Adopted, 3, "mallory", None),
            ],
        ));
        assert_eq!(events(&view), []);
    }

    #[test]
    fn who_was_told_stands_apart_from_every_token_s_past() {
        let mut view = view_of(1, &[draft(Event::Applied, 10, "run-1", Some(sha("a")))]);
        let told = Event::ALL.iter().filter(|event| event.is_telling());
        let told: Vec<_> = told.map(|&event| draft(event, 20, "notify", None)).collect();
        view.take_notes(view_of(1, &told));
        assert_eq!(events(&view), [Event::Applied]);
        assert_eq!(view.told[&tenant(1)].len(), told.len());
    }

    #[test]
    fn a_broken_ledger_is_not_mended_by_notes() {
        let mut view = LedgerView::default();
        view.breaks(tenant(1), "line 1 is broken".into());
        view.take_notes(view_of(1, &[draft(Event::RenewalOpened, 1, "dana", None)]));
        assert_eq!(events(&view), []);
    }
}
