use super::*;
use crate::fleet::Cloud;
use crate::model::{Facts, Problem, Sha256, Timestamp};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn sheet(kind: Kind) -> Sheet {
    let name = (kind != Kind::Push).then(|| "London".to_owned());
    let mut sheet = Sheet {
        tenant: "contoso".parse().unwrap(),
        display_name: Some("Contoso | Ltd".to_owned()),
        tenant_id: "6d1f0c5e-8a34-4b7a-9a51-0d6c2f6f1b11".parse().unwrap(),
        token: TokenRef { kind, id: None, name },
        facts: Facts {
            apple_id: Some("mdm@contoso.example".to_owned()),
            expires: Some(at("2026-12-01T09:00:00Z")),
            ..Facts::default()
        },
        other_account: None,
        live: true,
        waiting: false,
        open: None,
        wrong_destination: None,
        downloaded_by: None,
        dead: false,
        revoked: None,
        refused: None,
        devices: None,
        days_left: Some(8),
        server: None,
        school: false,
        contacts: vec!["it@contoso.example".to_owned()],
        csr: None,
        public_key: None,
        problems: Vec::new(),
        restore: None,
        first: false,
        links: Vec::new(),
        steps: Vec::new(),
        next: "applecart renew contoso/push --file FILE --push".to_owned(),
        title: String::new(),
        key: String::new(),
        markdown: String::new(),
    };
    sheet.links = sheet_links(kind, sheet.tenant_id, sheet.school, Cloud::Public);
    complete_sheet(&mut sheet);
    sheet
}

#[test]
fn a_sheet_keeps_its_key_until_the_token_has_another_expiry() {
    let changed = |change: fn(&mut Sheet)| {
        let mut sheet = sheet(Kind::Vpp);
        change(&mut sheet);
        complete_sheet(&mut sheet);
        sheet.key
    };
    let key = changed(|_| {});
    assert_eq!(key.len(), 20);
    assert_eq!(changed(|sheet| sheet.days_left = Some(3)), key);
    assert_eq!(changed(|sheet| sheet.display_name = None), key);
    assert_eq!(changed(|sheet| sheet.facts.apple_id = None), key);
    let others = [
        changed(|sheet| sheet.facts.expires = Some(at("2027-12-01T09:00:00Z"))),
        changed(|sheet| sheet.token.name = Some("Paris".into())),
        changed(|sheet| sheet.token = TokenRef::push()),
        changed(|sheet| {
            sheet.tenant_id = "11111111-1111-4111-8111-111111111111".parse().unwrap();
        }),
    ];
    assert!(!others.contains(&key));
}

fn sheets(sheet: Sheet) -> Sheets {
    Sheets {
        format_version: RENEW_FORMAT_VERSION.to_owned(),
        generated_at: at("2026-11-23T00:00:00Z"),
        base: "0".repeat(40),
        sheets: vec![sheet],
        selected: false,
        not_read: Vec::new(),
        sitting: None,
    }
}

#[test]
fn each_kind_says_what_must_not_be_pressed() {
    let text = |kind| sheets_markdown(&sheets(sheet(kind)));
    assert!(
        text(Kind::Push).contains("Never press Create: that makes another topic, and every device")
    );
    assert!(text(Kind::Push).contains("(https://identity.apple.com/pushcert)"));
    assert!(text(Kind::Enrollment).contains("Apple disables the token in use when"));
    assert!(text(Kind::Enrollment).contains("Do not add another one: the devices are assigned"));
    assert!(text(Kind::Vpp).contains("Another location's file looks the same"));
    let mut school = sheet(Kind::Vpp);
    school.school = true;
    complete_sheet(&mut school);
    assert!(sheets_human(&sheets(school), 100).contains("https://school.apple.com"));
}

#[test]
fn a_name_opens_no_cell_and_a_command_can_be_copied() {
    let text = sheets_markdown(&sheets(sheet(Kind::Push)));
    assert!(text.contains("Contoso \\| Ltd"), "{text}");
    assert!(
        text.contains("  ```sh\n  applecart renew contoso/push --file FILE --push\n  ```"),
        "{text}"
    );
}

#[test]
fn a_command_is_not_broken_into_lines() {
    let mut sheet = sheet(Kind::Vpp);
    sheet.next = "applecart renew 'contoso/A location with a long name' --file FILE --push".into();
    complete_sheet(&mut sheet);
    let text = sheets_human(&sheets(sheet.clone()), 60);
    assert!(text.lines().any(|line| line.trim() == sheet.next), "{text}");
    assert!(text.contains("run:\n     applecart renew"), "{text}");
}

#[test]
fn the_time_left_is_said_and_a_lapsed_one_too() {
    let mut late = sheet(Kind::Push);
    late.days_left = Some(-1);
    late.live = false;
    let text = sheets_human(&sheets(late), 100);
    assert!(
        text.contains("expired on 2026-12-01T09:00:00Z, less than a day ago (as Git says"),
        "{text}"
    );
    assert!(text.contains("Intune has no such token, or several"), "{text}");
    let mut unread = sheet(Kind::Push);
    unread.live = false;
    unread.problems = vec![Problem::new(crate::model::ProblemCode::Forbidden, "403")];
    assert!(sheets_human(&sheets(unread), 100).contains("Intune could not be read"));
    let left = |days: i64| {
        let mut sheet = sheet(Kind::Push);
        sheet.days_left = Some(days);
        sheets_human(&sheets(sheet), 100)
    };
    assert!(left(-2).contains("1 day ago"));
    assert!(left(0).contains("less than a day left"), "an hour is not no time");
    assert!(left(1).contains("1 day left"));
    assert!(sheets_human(&sheets(sheet(Kind::Push)), 100).contains("8 days left"));
}

#[test]
fn a_pull_request_puts_old_and_new_side_by_side() {
    let tenant = "contoso".parse().unwrap();
    let token = TokenRef { kind: Kind::Enrollment, id: None, name: Some("ABM".to_owned()) };
    let row = |name, old: &str, new: &str| FactRow {
        name,
        old: Some(old.to_owned()),
        new: Some(new.to_owned()),
    };
    let facts = [row("name", "ABM", "ABM"), row("expires", "2026-12-01", "2027-11-20")];
    let text = ProposalText {
        tenant: &tenant,
        display_name: None,
        token: &token,
        facts: &facts,
        expires: None,
        downloaded: Some(at("2026-11-20T10:11:12Z")),
        sha256: Sha256::of(b"x"),
        verdicts: None,
        warnings: &[],
    };
    let (title, body) = proposal_text(&text);
    assert_eq!(
        title,
        "Urgent: renew enrollment token ABM of contoso: device sync is down since 2026-11-20T10:11:12Z"
    );
    assert!(body.contains("| expires | 2026-12-01 | **2027-11-20** |"), "{body}");
    assert!(body.contains("| name | ABM | ABM |"), "{body}");
    let push = TokenRef::push();
    let later = Some(at("2027-11-20T10:11:12Z"));
    let text = ProposalText { token: &push, expires: later, downloaded: None, ..text };
    assert_eq!(proposal_text(&text).0, "Renew push certificate of contoso until 2027-11-20");
}

#[test]
fn the_row_that_is_gone_is_apples_to_bring_back_and_the_period_is_told() {
    let text = sheets_markdown(&sheets(sheet(Kind::Push)));
    assert!(text.contains("stop and call Apple's support before anything else"), "{text}");
    assert!(text.contains("for about 30 days after it expired.\n"), "{text}");
    let mut late = sheet(Kind::Push);
    late.days_left = Some(-10);
    complete_sheet(&mut late);
    assert!(late.markdown.contains("here until about 2026-12-31."), "{}", late.markdown);
}

#[test]
fn each_portal_has_its_own_way_to_the_token() {
    let text = |kind, school| {
        let mut sheet = sheet(kind);
        sheet.school = school;
        complete_sheet(&mut sheet);
        sheet.steps.join(" ")
    };
    assert!(
        text(Kind::Vpp, false).contains("Under Settings > Payments & Billing > Apps and Books")
    );
    assert!(text(Kind::Vpp, true).contains("Preferences > Payments & Billing > Content Tokens"));
    assert!(text(Kind::Enrollment, false).contains("Under Devices > Management Services"));
    assert!(text(Kind::Enrollment, true).contains("Under your name > Preferences"));
    assert!(text(Kind::Push, false).contains("ends in .txt instead of .csr"));
    assert!(text(Kind::Vpp, false).contains("it ends when the password of that account changes"));
    assert!(text(Kind::Enrollment, false).contains("changes the password or leaves"));
}

#[test]
fn a_public_key_is_uploaded_before_the_token_is_downloaded() {
    let plain = sheet(Kind::Enrollment);
    assert!(
        plain.markdown.contains(
            "This says whether it is, and saves it:\n\n  ```sh\n  applecart renew contoso/London --public-key\n"
        ),
        "{}",
        plain.markdown
    );
    let mut sheet = sheet(Kind::Enrollment);
    sheet.public_key = Some(SheetKey {
        file: Some("IntunePublicKey-contoso-london.pem".to_owned()),
        changed: Some(true),
        issuer: Some("CN=Intune".to_owned()),
        serial: Some("5050".parse().unwrap()),
    });
    complete_sheet(&mut sheet);
    let place = |part: &str| sheet.markdown.find(part).unwrap();
    assert!(place("so upload the public key IntunePublicKey") < place("Download its token."));
    assert!(sheet.markdown.contains("| public key's number | 5050 |"), "{}", sheet.markdown);
    sheet.public_key =
        Some(SheetKey { file: None, changed: Some(false), issuer: None, serial: None });
    complete_sheet(&mut sheet);
    assert!(sheet.markdown.contains("Upload no public key"), "{}", sheet.markdown);
}
