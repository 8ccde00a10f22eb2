//! Moving a push certificate to another Apple Account.

use super::*;

const NEW: &str = "new@contoso.example";

/// Contoso's certificate, renewed, merged and applied.
pub(super) fn applied(hub: &Hub, clone: &Clone<'_>) -> (PathBuf, Issued) {
    let (file, issued) = renewed(hub, clone, "contoso");
    run(clone, &["renew", "contoso/push", "--file", text(&file), "--push"]).ends_with(0);
    merge(hub, &hub.git(&["for-each-ref", "--format=%(refname)", "refs/heads/renew"]));
    let branch = clone.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/renew"]);
    clone.git(&["branch", "-D", &branch]);
    hub.clone("applier", &[]).run(&["apply"]).ends_with(0).says("uploaded");
    (file, issued)
}

fn merge(hub: &Hub, branch: &str) {
    hub.git(&["update-ref", "refs/heads/main", branch]);
    hub.git(&["update-ref", "-d", branch]);
}

/// The account in Intune, and how many uploads of a certificate Intune took.
fn live(hub: &Hub) -> (String, usize) {
    let tenant = hub.world.state().tenant(tenant_id("contoso")).unwrap();
    let account = tenant.apple_push_notification_certificate.unwrap().apple_identifier;
    (account, hub.world.uploads("contoso"))
}

#[test]
fn a_certificate_moves_to_another_account_through_a_reviewed_line() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let (_, issued) = applied(&hub, &clone);
    assert_eq!(live(&hub), ("mdm@contoso.example".to_owned(), 1));

    let move_it = ["renew", "contoso/push", "--apple-id", NEW, "--push"];
    run(&clone, &move_it)
        .ends_with(0)
        .says(&format!("Move the push certificate of contoso to the Apple Account {NEW}"))
        .says(&format!(
            "the certificate in Git is the one that Intune has (serial {})",
            issued.serial
        ))
        .says("in Intune now | mdm&#64;contoso.example");
    let branch = hub.git(&["for-each-ref", "--format=%(refname)", "refs/heads/renew"]);
    assert!(
        branch.starts_with("refs/heads/renew/contoso/account-push-new-contoso-example"),
        "{branch}"
    );
    assert_eq!(
        hub.git(&["diff-tree", "-r", "--name-status", "main", &branch]),
        "M\ttenants/contoso/tenant.yaml"
    );
    let tenant = hub.git(&["show", &format!("{branch}:tenants/contoso/tenant.yaml")]);
    assert!(tenant.contains(&format!("appleId: {NEW}   # the shared mailbox")), "{tenant}");
    assert!(
        tenant.contains(&format!(
            "{{hold: apple-id-change, from: mdm@contoso.example, to: {NEW}, reason: "
        )),
        "{tenant}"
    );
    run(&clone, &move_it).ends_with(0).says("the branch has this very change already");
    let plan = run(&clone, &["plan", "--rev", &branch, "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["summary"]["configures"], 1);
    assert_eq!(plan["tenants"][0]["tokens"][0]["allows"][0], "apple-id-change");

    merge(&hub, &branch);
    let applier = hub.clone("second", &[]);
    applier.run(&["apply"]).ends_with(0).says("configured");
    assert_eq!(live(&hub), (NEW.to_owned(), 2), "the same certificate, with both fields");
    assert_eq!(hub.world.live_serial("contoso"), Some(issued.serial.clone()));
    applier.run(&["apply"]).ends_with(0);
    assert_eq!(live(&hub), (NEW.to_owned(), 2), "once");
    run(&clone, &move_it)
        .ends_with(0)
        .says("both name the Apple Account new@contoso.example already");
    applier.run(&["ledger", "verify"]).ends_with(0);
}

#[test]
fn an_account_that_is_given_with_a_merged_file_is_never_dropped() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let (file, _) = applied(&hub, &clone);
    let arguments = ["renew", "contoso/push", "--file", text(&file)];
    run(&clone, &[&arguments[..], &["--apple-id", "mdm@contoso.example"]].concat())
        .ends_with(0)
        .says("merged");
    run(&clone, &[&arguments[..], &["--apple-id", NEW, "--push"]].concat())
        .ends_with(0)
        .says("origin/main has this very file already")
        .says(&format!("Move the push certificate of contoso to the Apple Account {NEW}"));
    // A branch with the file and the earlier account is not the same proposal.
    let (file, _) = renewed(&hub, &clone, "contoso");
    run(&clone, &["renew", "contoso/push", "--file", text(&file), "--push"]).ends_with(0);
    run(&clone, &["renew", "contoso/push", "--file", text(&file), "--apple-id", NEW])
        .ends_with(4)
        .says("exists already, with another file or Apple Account");
}

#[test]
fn without_a_file_in_git_only_the_tenant_file_names_the_account() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    run(&clone, &["renew", "contoso/push", "--apple-id", NEW, "--push"]).ends_with(0).says(
        "Nothing is uploaded now, because it takes the account only together with the certificate",
    );
    let branch = hub.git(&["for-each-ref", "--format=%(refname)", "refs/heads/renew"]);
    let tenant = hub.git(&["show", &format!("{branch}:tenants/contoso/tenant.yaml")]);
    assert!(tenant.contains(&format!("appleId: {NEW} ")) && !tenant.contains("allow"), "{tenant}");
    merge(&hub, &branch);
    hub.clone("applier", &[]).run(&["apply"]).ends_with(0);
    assert_eq!(live(&hub).1, 0);
    // The sheet names the reviewed account first, and the one in Intune beside it.
    run(&clone, &["renew", "contoso/push", "--no-csr"])
        .ends_with(0)
        .says(&format!("as {NEW}, which Git names. Intune still names mdm@contoso.example"));
}

#[test]
fn an_account_is_written_to_no_token_that_was_not_named() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    run(&clone, &["renew", "contoso", "--apple-id", NEW])
        .ends_with(64)
        .says("several tokens, or none; name one of contoso/push");
    run(&clone, &["renew", "contoso/Paris", "--apple-id", NEW]).ends_with(64);
    run(&clone, &["renew", "contoso/push", "--apple-id", "no account"]).ends_with(4);
    run(&clone, &["renew", "--due", "60d", "--apple-id", NEW]).ends_with(64);
    assert_eq!(hub.git(&["for-each-ref", "refs/heads/renew"]), "");
}

#[test]
fn a_mistyped_account_or_another_customers_is_told_before_it_is_proposed() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let (file, _) = renewed(&hub, &clone, "contoso");
    let bring = |account: &str| {
        let bring = ["renew", "contoso/push", "--file", text(&file), "--apple-id", account];
        let done = run(&clone, &bring).ends_with(0);
        let branch = clone.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/renew"]);
        clone.git(&["branch", "-D", &branch]);
        done
    };
    bring("mdm@fabrikam.example").says("for the tenant fabrikam").says("in that account");
    bring("mdm@contoso").says("is no whole address");
    bring("new@contoso.example").says("names the Apple Account mdm@contoso.example so far");
    let same = bring("MDM@contoso.example");
    assert!(!same.stdout.contains("so far"), "{}", same.stdout);
}
