//! Whether what reviewers agreed to is still what the base says.
//!
//! A run that waited, a pipeline that is run again and a reviewed plan file all belong to a commit.
//! What was merged since then counts at once: a renewal that was reverted, an `allow` line that was
//! withdrawn, a tenant that was suspended.

use crate::fleet::{Tenant, Token};

/// Whether two revisions of a tenant ask for the same: entries with their exceptions and
/// suspensions, tenant id and consent. Names for people, labels and contacts decide nothing, and a
/// file that was encrypted again, or renamed, is the same when opened.
pub fn same_tenant(applied: &Tenant, now: &Tenant) -> bool {
    let decides = |tenant: &Tenant| {
        let entries: Vec<Token> = tenant.tokens().map(opened).collect();
        (tenant.tenant_id, tenant.consent_data_sharing, tenant.suspend.clone(), entries)
    };
    decides(applied) == decides(now)
}

/// The entry without what names the sealed bytes, and without who fetched them.
fn opened(token: &Token) -> Token {
    let mut token = Token { downloaded_by: None, ..token.clone() };
    if let Some(file) = &mut token.file {
        file.name.clear();
        file.blob.clear();
        file.shown = None;
    }
    token
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::*;
    use crate::fleet::{Allow, Suspension, TokenFile};
    use crate::model::Sha256;
    use crate::plan::world::{World, tenant};
    use crate::rules::codes::Reason;
    use crate::sealed::Addressees;

    fn is_in_force_after(change: impl FnOnce(&mut Tenant)) -> bool {
        let applied = World::renewal().tenant;
        let mut now = applied.clone();
        change(&mut now);
        same_tenant(&applied, &now)
    }

    fn entry(tenant: &mut Tenant) -> &mut Token {
        tenant.push.as_mut().unwrap()
    }

    fn file(tenant: &mut Tenant) -> &mut TokenFile {
        entry(tenant).file.as_mut().unwrap()
    }

    fn suspension() -> Option<Suspension> {
        Some(Suspension { reason: "migration".into(), until: NaiveDate::MAX })
    }

    #[test]
    fn what_a_file_shows_of_its_recipients_decides_nothing() {
        assert!(is_in_force_after(|tenant| file(tenant).shown = Some(Addressees::default())));
    }

    #[test]
    fn what_reviewers_changed_since_then_is_not_in_force_any_more() {
        assert!(is_in_force_after(|_| {}));
        assert!(!is_in_force_after(|now| now.tenant_id = tenant("x", 9).tenant_id));
        assert!(!is_in_force_after(|now| now.consent_data_sharing = !now.consent_data_sharing));
        assert!(!is_in_force_after(|now| now.suspend = suspension()));
        assert!(!is_in_force_after(|now| entry(now).suspend = suspension()));
        assert!(!is_in_force_after(|now| file(now).sha256 = Sha256::of(b"reverted")));
        assert!(!is_in_force_after(|now| entry(now).file = None));
        assert!(!is_in_force_after(|now| now.push = None));
        let allow = Allow {
            hold: Reason::TopicChange,
            from: "a".into(),
            to: "b".into(),
            reason: "agreed".into(),
            until: NaiveDate::MAX,
        };
        assert!(!is_in_force_after(|now| entry(now).allow.push(allow)));
    }

    #[test]
    fn what_decides_nothing_keeps_it_in_force() {
        assert!(is_in_force_after(|now| now.tree = "another".into()));
        assert!(is_in_force_after(|now| now.contacts.push("it@contoso.example".into())));
        assert!(is_in_force_after(|now| now.display_name = Some("Contoso".into())));
        assert!(is_in_force_after(|now| file(now).blob = "encrypted again".into()));
        assert!(is_in_force_after(|now| file(now).name = "push.pem.sops".into()));
    }
}
