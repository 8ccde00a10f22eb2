//! The order of one sitting: the fewest sign-ins, and enrollment tokens last.

use crate::model::Kind;
use crate::report::{Sheet, SignIn, SittingRenewal};
use crate::rules::owners::folded;

/// A place to sign in: whose renewals are done together. An account that nobody knows is another one
/// for each tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SignInPlace {
    /// Accounts that are known come first.
    unknown: Option<String>,
    account: Option<String>,
    portal: String,
}

impl SignInPlace {
    pub fn new(portal: &str, account: Option<&str>, tenant: &str) -> Self {
        let account = account.map(folded).filter(|account| !account.is_empty());
        let unknown = account.is_none().then(|| tenant.to_owned());
        Self { unknown, account, portal: portal.to_owned() }
    }

    fn of(sheet: &Sheet) -> Self {
        let portal = sheet.links.first().map(|link| link.title.as_str()).unwrap_or_default();
        Self::new(portal, sheet.facts.apple_id.as_deref(), sheet.tenant.as_str())
    }
}

/// Whether it is renewed at Apple at all: its new file may wait, or its folder be another tenant's.
fn is_done_at_apple(sheet: &Sheet) -> bool {
    !sheet.waiting && sheet.open.is_none() && sheet.wrong_destination.is_none()
}

/// Puts the sheets into the order of the sitting, and tells its sign-ins. Each account signs in once at
/// each portal. A sign-in with enrollment tokens comes after those without, and has them last.
pub fn order(sheets: &mut [Sheet]) -> Vec<SignIn> {
    let is_last = |sheet: &Sheet| sheet.token.kind == Kind::Enrollment;
    let with_enrollment: Vec<SignInPlace> = sheets
        .iter()
        .filter(|sheet| is_done_at_apple(sheet) && is_last(sheet))
        .map(SignInPlace::of)
        .collect();
    // The sort is stable: what is most urgent stays first where nothing else decides.
    sheets.sort_by_cached_key(|sheet| {
        let place = SignInPlace::of(sheet);
        (!is_done_at_apple(sheet), with_enrollment.contains(&place), place, is_last(sheet))
    });
    let mut sign_ins: Vec<(SignInPlace, SignIn)> = Vec::new();
    for sheet in sheets.iter().filter(|sheet| is_done_at_apple(sheet)) {
        let place = SignInPlace::of(sheet);
        let renewal = SittingRenewal {
            tenant: sheet.tenant.clone(),
            token: sheet.token.clone(),
            expires: sheet.facts.expires,
            at_once: sheet.dead
                || sheet.restore.is_some()
                || sheet.days_left.is_some_and(|days| days < 0),
            needs_reviewer: is_last(sheet),
        };
        match sign_ins.last_mut().filter(|(last, _)| *last == place) {
            Some((_, sign_in)) => sign_in.renewals.push(renewal),
            None => {
                let url = sheet.links.first().map(|link| link.url.clone()).unwrap_or_default();
                let (portal, account) = (place.portal.clone(), place.account.clone());
                sign_ins.push((place, SignIn { portal, url, account, renewals: vec![renewal] }));
            }
        }
    }
    sign_ins.into_iter().map(|(_, sign_in)| sign_in).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::fleet::Tenant;
    use crate::plan::world::{self, World};
    use crate::renewal::due::Due;

    fn tenant(name: &str, number: u8, accounts: [Option<&str>; 3]) -> Tenant {
        let mut tenant = world::tenant(name, number);
        tenant.watch = Kind::ALL.into_iter().collect();
        tenant.push = World::equal().tenant.push;
        tenant.enrollment = World::enrollment().tenant.enrollment;
        tenant.vpp = World::vpp().tenant.vpp;
        let Tenant { push, enrollment, vpp, .. } = &mut tenant;
        for (token, account) in push.iter_mut().chain(enrollment).chain(vpp).zip(accounts) {
            token.facts.apple_id = account.map(str::to_owned);
        }
        tenant
    }

    fn ordered(tenants: &[Tenant]) -> (Vec<Sheet>, Vec<SignIn>) {
        let policy = world::policy();
        let all = Due::all(tenants.iter(), &BTreeMap::new(), None, &policy);
        let now = world::at(world::NOW);
        let mut sheets: Vec<Sheet> = all.iter().map(|due| due.sheet(now)).collect();
        let sign_ins = order(&mut sheets);
        (sheets, sign_ins)
    }

    #[test]
    fn each_account_signs_in_once_at_each_portal_and_enrollment_tokens_come_last() {
        let (msp, abm) = (Some("Apple@msp.example"), Some("abm@contoso.example"));
        let tenants = [
            tenant("contoso", 1, [msp, abm, msp]),
            tenant("fabrikam", 2, [Some("apple@MSP.example"), abm, abm]),
        ];
        let (sheets, sign_ins) = ordered(&tenants);
        let told: Vec<(&str, Option<&str>, usize)> = sign_ins
            .iter()
            .map(|one| (one.portal.as_str(), one.account.as_deref(), one.renewals.len()))
            .collect();
        let msp = Some("apple@msp.example");
        let expected = [
            ("Apple Business", msp, 1),
            ("Apple Push Certificates Portal", msp, 2),
            ("Apple Business", abm, 3),
        ];
        assert_eq!(told, expected);
        let last: Vec<Kind> = sign_ins[2].renewals.iter().map(|one| one.token.kind).collect();
        assert_eq!(last, [Kind::Vpp, Kind::Enrollment, Kind::Enrollment]);
        assert!(sign_ins[2].renewals[1].needs_reviewer && !sign_ins[2].renewals[0].needs_reviewer);
        let kinds: Vec<Kind> = sheets.iter().map(|sheet| sheet.token.kind).collect();
        assert_eq!(kinds[kinds.len() - 2..], [Kind::Enrollment; 2], "the sheets have that order");
    }

    #[test]
    fn an_account_that_nobody_knows_is_a_sign_in_for_each_tenant_and_comes_after_the_known() {
        let known = Some("a@contoso.example");
        let tenants = [
            tenant("contoso", 1, [None, known, known]),
            tenant("fabrikam", 2, [None, known, known]),
        ];
        let (_, sign_ins) = ordered(&tenants);
        let accounts: Vec<Option<&str>> =
            sign_ins.iter().map(|one| one.account.as_deref()).collect();
        assert_eq!(accounts, [None, None, known]);
    }

    #[test]
    fn what_waits_in_git_needs_no_sign_in_and_comes_last() {
        let known = Some("a@contoso.example");
        let tenants = [tenant("contoso", 1, [known; 3])];
        let policy = world::policy();
        let all = Due::all(tenants.iter(), &BTreeMap::new(), None, &policy);
        let mut sheets: Vec<Sheet> =
            all.iter().map(|due| due.sheet(world::at(world::NOW))).collect();
        sheets[0].waiting = true;
        let sign_ins = order(&mut sheets);
        assert_eq!(sign_ins.iter().map(|one| one.renewals.len()).sum::<usize>(), 2);
        assert!(sheets[2].waiting);
    }
}
