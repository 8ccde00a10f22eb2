//! What a renewal's branch, commit and pull request say.

use chrono::Duration;

use super::target::slug;
use crate::apple::Inspection;
use crate::fleet::{Tenant, Token};
use crate::model::{
    Kind, LiveTenant, LiveToken, LocationId, Reading, Sha256, TenantName, Timestamp,
};
use crate::report::{FactRow, escape};
use crate::rules::verdicts::{Effect, Verdicts};

/// What is remarkable about the file. What a reviewed line releases is told with that line instead.
pub fn remarks<'a>(
    inspection: &'a Inspection,
    verdicts: Option<&'a Verdicts>,
) -> impl Iterator<Item = String> + 'a {
    let released = move |code: &str| {
        let all = verdicts.map(|verdicts| verdicts.released.as_slice()).unwrap_or_default();
        all.iter().any(|one| one.reason.as_str() == code)
    };
    let findings = inspection.findings.iter();
    findings.filter(move |one| !released(one.code.as_str())).map(ToString::to_string)
}

/// That Intune takes a first push certificate only with the customer's consent.
pub fn consent(tenant: &Tenant, live: &LiveTenant, verdicts: Option<&Verdicts>) -> Option<String> {
    let is_first = verdicts.is_some_and(|verdicts| verdicts.effect == Effect::First);
    let is_given = tenant.consent_data_sharing || live.consent == Reading::Present(true);
    (is_first && !is_given).then(|| {
        "Intune takes a first push certificate only with the customer's consent to share data with Apple. Unless it was given in Intune already, the plan holds this upload (consent-missing) until the tenant file has `consent: {dataSharing: true}`".to_owned()
    })
}

/// Which other tokens the file could be for: nothing in a VPP token tells its location.
/// Apple's word on the location settles it where the entry's own is known.
pub fn siblings(
    tenant: &Tenant,
    token: &Token,
    inspection: &Inspection,
    at_apple: Option<&LocationId>,
) -> Option<String> {
    if at_apple.is_some() && token.location_id.as_ref() == at_apple {
        return None;
    }
    let organization = inspection.facts.organization.as_deref().map(str::trim)?;
    let name = |one: &Token| one.token.name.clone().or(one.token.id.clone()).unwrap_or_default();
    let others: Vec<String> = tenant
        .vpp
        .iter()
        .filter(|one| !one.token.same_token(&token.token))
        .filter(|one| one.facts.organization.as_deref().map(str::trim) == Some(organization))
        .map(name)
        .collect();
    let tells = match at_apple {
        Some(id) => format!(
            "Apple says that the file is of the location {id}, which Git does not name for this token yet"
        ),
        None => "nothing in the file tells its location".to_owned(),
    };
    (token.token.kind == Kind::Vpp && !others.is_empty()).then(|| {
        format!(
            "{tells}, and {} has other tokens of this organisation ({}): make sure that the one of {} was downloaded, or devices there lose the licences of their apps",
            tenant.name,
            others.join(", "),
            token.facts.location.clone().unwrap_or_else(|| name(token))
        )
    })
}

fn shown<T: ToString>(value: &Option<T>) -> Option<String> {
    value.as_ref().map(ToString::to_string)
}

/// The facts in Intune and the file's, side by side.
pub fn rows(
    token: &Token,
    live: &LiveTenant,
    inspection: &Inspection,
    apple_id: Option<&str>,
    at_apple: Option<&LocationId>,
) -> Vec<FactRow> {
    let new = &inspection.facts;
    let old = live.only(token.token.kind).map(LiveToken::facts).unwrap_or_default();
    // As it is sent: the one that a person named now, else Git's, else Intune's once more.
    let account = apple_id
        .map(str::to_owned)
        .or_else(|| token.facts.apple_id.clone())
        .or_else(|| old.apple_id.clone());
    let row = |name, old, new| FactRow { name, old, new };
    match token.token.kind {
        Kind::Push => vec![
            row("topic", shown(&old.topic), shown(&new.topic)),
            row("serial", shown(&old.serial), shown(&new.serial)),
            row("expires", shown(&old.expires), shown(&new.expires)),
            row("Apple Account", old.apple_id, account),
        ],
        Kind::Enrollment => vec![
            row("name", old.name.clone(), token.token.name.clone().or(old.name)),
            row("downloaded", shown(&token.downloaded), shown(&new.downloaded)),
            row(
                "expires",
                shown(&old.expires),
                Some("known after the upload; Apple gives a year".to_owned()),
            ),
            row("Apple Account", old.apple_id, account),
        ],
        Kind::Vpp => vec![
            row("organisation", old.organization, new.organization.clone()),
            // Apple's file does not name it, and what the tenant file says is not what it is.
            row(
                "location",
                old.location,
                Some(match at_apple {
                    Some(id) if token.location_id.as_ref() == Some(id) => {
                        format!("{id}, says Apple, as in Git; the token works")
                    }
                    Some(id) => format!("{id}, says Apple; the token works"),
                    None => "not in the file; compared after the upload".to_owned(),
                }),
            ),
            row("expires", shown(&old.expires), shown(&new.expires)),
            row("Apple Account", old.apple_id, account),
        ],
    }
}

/// `renew/contoso/push-2027-11-20`.
///
/// An enrollment file does not tell its expiry; Apple's tokens last a year from the download.
/// Where that is unknown too, its digest tells files apart.
pub fn branch(tenant: &Tenant, token: &Token, inspection: &Inspection, sha256: Sha256) -> String {
    let facts = &inspection.facts;
    let year = |at: Timestamp| at.plus(Duration::days(365));
    let date = match facts.expires.or(facts.downloaded.map(year)) {
        Some(at) => at.date_time().format("%Y-%m-%d").to_string(),
        None => sha256.to_string().get(..DIGITS).unwrap_or_default().to_owned(),
    };
    format!("{}-{date}", stem(tenant, token))
}

/// As many digits of a file's digest stand in a branch's name.
const DIGITS: usize = 12;

/// `renew/contoso/push`: what the branches of every renewal of a token begin with.
pub fn stem(tenant: &Tenant, token: &Token) -> String {
    let kind = token.token.kind;
    let label = |token: &Token| {
        let name = token.token.name.as_deref().or(token.token.id.as_deref()).unwrap_or_default();
        slug(name)
    };
    let own = label(token);
    let twins = tenant.tokens().filter(|one| one.token.kind == kind && label(one) == own).count();
    let name = match kind {
        Kind::Push => "push".to_owned(),
        _ if own.is_empty() || twins > 1 => {
            let name = token.token.id.as_deref().or(token.token.name.as_deref());
            let digest = Sha256::of(name.unwrap_or_default().as_bytes()).to_string();
            format!("{kind}-{}", digest.get(..8).unwrap_or_default())
        }
        _ => format!("{kind}-{own}"),
    };
    format!("renew/{}/{name}", folder(&tenant.name))
}

/// The stem of a branch of a renewal: without its day or digest, and the number of a further file
/// of one day. `None` where no renewal makes such a name.
pub fn stem_of(branch: &str) -> Option<&str> {
    let whole = strip_end(branch);
    whole.or_else(|| {
        let (first, number) = branch.rsplit_once('-')?;
        let is_number = !number.is_empty() && number.bytes().all(|c| c.is_ascii_digit());
        is_number.then(|| strip_end(first)).flatten()
    })
}

/// Without `-2027-11-20` or `-0123456789ab` at its end.
fn strip_end(branch: &str) -> Option<&str> {
    let at = |length: usize| {
        let (stem, end) = branch.split_at_checked(branch.len().checked_sub(length + 1)?)?;
        Some((stem, end.strip_prefix('-')?))
    };
    let day = at("2027-11-20".len())
        .filter(|(_, end)| chrono::NaiveDate::parse_from_str(end, "%Y-%m-%d").is_ok());
    let digest = || at(DIGITS).filter(|(_, end)| end.bytes().all(|c| c.is_ascii_hexdigit()));
    day.or_else(digest).map(|(stem, _)| stem).filter(|stem| stem.starts_with("renew/"))
}

/// `renew/contoso/account-push-mdm-contoso-example`: no token's own branch begins so, because this one
/// brings no file.
pub fn account_branch(tenant: &Tenant, token: &Token, to: &str) -> String {
    let name = token.token.name.as_deref().or(token.token.id.as_deref());
    let token = slug(&format!("{} {}", token.token.kind, name.unwrap_or_default()));
    // Two accounts may be written alike once their signs are gone.
    let digest = Sha256::of(to.to_lowercase().as_bytes()).to_string();
    let digest = digest.get(..8).unwrap_or_default();
    format!("renew/{}/account-{token}-{}-{digest}", folder(&tenant.name), slug(to))
}

/// The message of the commit that names another account.
pub fn account_message(title: &str, token: &Token) -> String {
    let token = escape(&token.token.to_string());
    format!("{}\n\nToken: {token}\n", escape(title))
}

/// The tenant's name as a part of a branch's. Git takes neither two dots nor the ending `.lock`.
pub fn folder(tenant: &TenantName) -> String {
    let name = tenant.as_str();
    if !name.contains("..") && !name.ends_with(".lock") {
        return name.to_owned();
    }
    let digest = Sha256::of(name.as_bytes()).to_string();
    format!("{}-{}", name.replace('.', "-"), digest.get(..8).unwrap_or_default())
}

/// The commit's message: what a log shows, and what an auditor looks for.
pub fn message(title: &str, token: &Token, sha256: Sha256) -> String {
    // Names come from the tenant file; a line break in one would end the title.
    let title = escape(title);
    let token = escape(&token.token.to_string());
    format!("{title}\n\nToken: {token}\nOpened-file-SHA-256: {sha256}\n")
}

#[cfg(test)]
mod tests {
    use insta::assert_snapshot;

    use super::*;
    use crate::apple::FileFacts;
    use crate::model::{Event, Facts};
    use crate::plan::world::{self, OTHER_TOPIC, TOPIC, World};
    use crate::report::{ProposalText, proposal_text};
    use crate::rules::verdicts::tests::{file, push_file, verdicts_of};

    /// The title and the text of the pull request that brings a file for the world's token.
    fn text(world: &World, file: &Inspection) -> String {
        let kind = file.kind.unwrap();
        let tenant = &world.tenant;
        let token = tenant.tokens().find(|token| token.token.kind == kind).unwrap();
        let verdicts = verdicts_of(world, file);
        let warnings: Vec<String> = remarks(file, Some(&verdicts))
            .chain(siblings(tenant, token, file, None))
            .chain(consent(tenant, &world.live, Some(&verdicts)))
            .collect();
        let (title, body) = proposal_text(&ProposalText {
            tenant: &tenant.name,
            display_name: Some("Contoso Ltd"),
            token: &token.token,
            facts: &rows(token, &world.live, file, None, None),
            expires: file.facts.expires,
            downloaded: file.facts.downloaded,
            sha256: Sha256::of(b"file"),
            verdicts: Some(&verdicts),
            warnings: &warnings,
        });
        format!("{title}\n\n{body}")
    }

    #[test]
    fn the_text_of_an_ordinary_renewal() {
        assert_snapshot!(text(&World::renewal(), &push_file(TOPIC)));
    }

    #[test]
    fn the_text_of_a_released_topic_change() {
        let mut world = World::renewal();
        world.allow("topic-change", TOPIC, OTHER_TOPIC);
        let text = text(&world, &push_file(OTHER_TOPIC));
        for calm in ["stays the same", "notice nothing", "✅ the topic"] {
            assert!(!text.contains(calm), "{calm}: {text}");
        }
        assert_eq!(text.matches("enrol again").count(), 3, "title, alarm and last sentence");
        assert_snapshot!(text);
    }

    #[test]
    fn a_reviewer_sees_that_apple_was_asked_and_what_it_said() {
        let mut world = World::vpp_renewal();
        let other =
            Token { location_id: None, ..world::vpp_entry("Paris", None, "BB", world::NEXT_YEAR) };
        world.tenant.vpp.push(other);
        let id: LocationId = "2049025000431439".parse().unwrap();
        let said = |world: &World, at_apple: Option<&LocationId>| {
            let token = &world.tenant.vpp[0];
            let file = file(
                Kind::Vpp,
                FileFacts { organization: Some("Contoso Ltd".into()), ..FileFacts::default() },
            );
            let rows = rows(token, &world.live, &file, None, at_apple);
            let row = rows.into_iter().find(|row| row.name == "location").unwrap().new.unwrap();
            (row, siblings(&world.tenant, token, &file, at_apple))
        };
        let (row, doubt) = said(&world, None);
        assert!(row.contains("compared after") && doubt.unwrap().contains("nothing in the file"));
        let (row, doubt) = said(&world, Some(&id));
        assert_eq!(row, "2049025000431439, says Apple; the token works");
        assert!(doubt.unwrap().starts_with("Apple says that the file is of the location 2049"));
        world.entry().location_id = Some(id.clone());
        let (row, doubt) = said(&world, Some(&id));
        assert_eq!(row, "2049025000431439, says Apple, as in Git; the token works");
        assert_eq!(doubt, None);
    }

    #[test]
    fn the_text_of_a_first_certificate() {
        let mut world = World::first_upload();
        let apple_id = Some("mdm@contoso.example".to_owned());
        world.entry().facts = Facts { apple_id, ..Facts::default() };
        world.entry().file = None;
        assert_snapshot!(text(&world, &push_file(TOPIC)));
    }

    #[test]
    fn the_text_of_the_way_back_to_the_topic_that_devices_know() {
        let mut world = World::renewal();
        world.first_in_git(TOPIC);
        world.live_push(|push| push.topic = OTHER_TOPIC.parse().unwrap());
        world.allow("topic-change", OTHER_TOPIC, TOPIC);
        assert_snapshot!(text(&world, &push_file(TOPIC)));
    }

    #[test]
    fn a_text_does_not_promise_an_upload_that_is_held() {
        let mut world = World::renewal();
        world.live_push(|push| push.topic = OTHER_TOPIC.parse().unwrap());
        let text = text(&world, &push_file(TOPIC));
        assert!(
            text.ends_with(
                "`applecart apply` still holds the upload (topic-change): a reviewed `allow` line has to be merged with it.\n"
            ),
            "{text}"
        );
    }

    #[test]
    fn the_text_of_a_renamed_organisation() {
        let mut world = World::vpp_renewal();
        world.allow("organization-differs", "Contoso Ltd", "Contoso plc");
        let facts = FileFacts {
            organization: Some("Contoso plc".to_owned()),
            expires: Some(world::at(world::NEXT_YEAR)),
            ..FileFacts::default()
        };
        assert_snapshot!(text(&world, &file(Kind::Vpp, facts)));
    }

    #[test]
    fn a_topic_that_devices_do_not_know_is_no_ordinary_renewal() {
        let mut world = World::renewal();
        world.first_in_git(TOPIC);
        world.live_push(|push| push.topic = OTHER_TOPIC.parse().unwrap());
        let text = text(&world, &push_file(OTHER_TOPIC));
        assert!(text.starts_with("Renew push certificate of contoso until 2027-11-20, with a topic that its devices do not know\n"), "{text}");
        assert!(!text.contains("notice nothing") && !text.contains("✅ the topic"), "{text}");
    }

    #[test]
    fn while_nobody_knows_the_topic_the_text_sends_the_reviewer_to_a_device() {
        let mut world = World::renewal();
        world.first_in_git(OTHER_TOPIC);
        world.recorded(Event::Observed, "99", "run-0", "2026-10-01T11:00:00Z");
        let text = text(&world, &push_file(TOPIC));
        assert!(text.contains("🚨 It is unknown which push topic"), "{text}");
        assert!(text.contains("Look at an enrolled device"), "{text}");
        assert!(!text.contains("✅ the topic") && !text.contains("notice nothing"), "{text}");
    }

    #[test]
    fn a_deleted_certificate_comes_back_with_its_topic() {
        let mut world = World::first_upload();
        world.first_in_git(TOPIC);
        let text = text(&world, &push_file(TOPIC));
        assert!(text.starts_with("Bring back the push certificate of contoso"), "{text}");
        assert!(text.contains("✅ the topic is the one that devices know"), "{text}");
    }

    #[test]
    fn a_branch_tells_which_renewal_it_is_of() {
        for (branch, stem) in [
            ("renew/contoso/push-2027-11-20", Some("renew/contoso/push")),
            ("renew/contoso/push-2027-11-20-2", Some("renew/contoso/push")),
            ("renew/contoso/vpp-london-2-2027-11-20", Some("renew/contoso/vpp-london-2")),
            ("renew/contoso/vpp-london-0123456789ab", Some("renew/contoso/vpp-london")),
            ("renew/contoso/push", None),
            ("renew/contoso/push-tomorrow", None),
            ("feature/push-2027-11-20", None),
            ("renew/contoso/é-2027-13-20", None),
        ] {
            assert_eq!(stem_of(branch), stem, "{branch}");
        }
    }

    #[test]
    fn every_tenants_name_is_a_part_of_a_branchs() {
        let part = |name: &str| folder(&name.parse().unwrap());
        assert_eq!(part("contoso.co-uk_1"), "contoso.co-uk_1");
        let odd = ["a..b", "a.-b", "a--b", "key.lock", "key-lock"].map(part);
        let mut different = odd.to_vec();
        different.sort();
        different.dedup();
        assert_eq!(different.len(), odd.len(), "{odd:?}");
        for name in odd {
            let whole = format!("refs/heads/renew/{name}/push-2027-11-20");
            // The rules of `git check-ref-format` that a tenant's name could break.
            assert!(!whole.contains("..") && !whole.contains(".lock/"), "{whole}");
        }
    }
}
