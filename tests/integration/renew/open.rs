//! A renewal that waits on a branch is known to everybody, until it is merged.

use super::*;

#[test]
fn an_open_renewal_is_told_and_not_downloaded_again() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let file = enrollment(&hub, "contoso");
    run(&clone, &["renew", "contoso/ABM", "--file", text(&file)]).ends_with(0);
    // In the clone that made it, before it is pushed.
    run(&clone, &["renew", "contoso/ABM"])
        .says("A new file waits for review on the branch renew/contoso/enrollment-abm-")
        .says("The branch is in this clone only.");
    run(&clone, &["renew", "contoso/ABM", "--file", text(&file), "--push"]).ends_with(0);

    let other = admin(&hub, "other");
    for command in [&["status"][..], &["plan"], &["renew", "contoso/ABM"]] {
        let told = run(&other, command).says("Do not download it again").says("git fetch origin");
        assert!(told.stdout.contains("renew/contoso/enrollment-abm-"), "{}", told.stdout);
    }
    run(&other, &["status"]).says("brought by Dana on").says("device sync is down");
    let sheet = run(&other, &["renew", "contoso/ABM", "-o", "json"]).ends_with(0).json();
    assert_eq!(sheet["sheets"][0]["open"]["by"], "Dana");
    let steps = sheet["sheets"][0]["steps"].to_string();
    assert!(!steps.contains("Download Token"), "{steps}");
    let status = run(&other, &["status", "-o", "json"]).json();
    let matters = status["attention"].as_array().unwrap();
    let open = matters.iter().find(|one| one["code"] == "renewal-open").unwrap();
    assert_eq!(open["severity"], "critical", "{open}");

    // Squashed: another commit with the same file. The branch is left over.
    let branch = hub.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/renew"]);
    clone.git(&["merge", "--quiet", "--squash", &branch]);
    clone.git(&["commit", "--quiet", "--message", "Renew ABM (#1)"]);
    clone.git(&["push", "--quiet", "origin", "HEAD:main"]);
    let fresh = hub.clone("fresh", &[]);
    let status = run(&fresh, &["status"]);
    assert!(!status.stdout.contains("renewal-open"), "{}", status.stdout);
}

#[test]
fn two_downloads_that_wait_are_both_told_and_no_third_is_asked_for() {
    let hub = hub(&["contoso"]);
    for (name, days) in [("dana", 300), ("lee", 364)] {
        let clone = admin(&hub, name);
        let file = download(&hub.world, "it.vpptoken", &hub.world.vpp_file("London", days).text);
        run(&clone, &["renew", "contoso/vpp", "--file", text(&file), "--push"]).ends_with(0);
    }
    let branches = hub.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/renew"]);
    assert_eq!(branches.lines().count(), 2, "{branches}");
    let other = admin(&hub, "other");
    for command in [&["status"][..], &["plan"], &["renew", "contoso/vpp"]] {
        run(&other, command).says("Do not download it again");
    }
    let sheet = run(&other, &["renew", "contoso/vpp", "-o", "json"]).json().to_string();
    assert!(!sheet.contains("Payments and Billing"), "{sheet}");
    let status = run(&other, &["status", "-o", "json"]).json().to_string();
    for branch in branches.lines() {
        assert!(status.contains(branch), "{branch}: {status}");
    }
    // The newest is the one to review, whoever was first.
    let newest = branches.lines().max().unwrap();
    assert!(status.contains(&format!("git fetch origin {newest} ")), "{status}");
    assert!(status.contains("Have only the newest merged"), "{status}");
}

#[test]
fn branches_under_renew_that_no_renewal_made_are_nobodys_open_renewal() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    for name in [
        "contoso",
        "notes",
        "nobody/push-2027-11-20",
        "contoso/push",
        "contoso/push-tomorrow",
        "contoso/paper-2027-11-20",
        "contoso/push-2027-11-20/more",
        // The right name, and no other file: anybody may push such a branch.
        "fabrikam/push-2027-11-20",
    ] {
        let branch = format!("refs/heads/renew/{name}");
        // One name that is a folder of another cannot be there beside it.
        let others = hub.git(&["for-each-ref", "--format=%(refname)", "refs/heads/renew"]);
        for other in others.lines() {
            hub.git(&["update-ref", "-d", other]);
        }
        hub.git(&["update-ref", &branch, "refs/heads/main"]);
        let status = run(&clone, &["status", "-o", "json"]).json().to_string();
        assert!(!status.contains("renewal-open"), "{name}: {status}");
        let sheet = run(&clone, &["renew", "contoso/ABM"]);
        assert!(!sheet.stdout.contains("waits for review"), "{name}: {}", sheet.stdout);
    }
}

#[test]
fn a_second_file_is_told_of_the_first_and_a_merged_branch_blocks_nothing() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let brought = |name: &str, days: i64| {
        let text_of = hub.world.vpp_file("London", days).text;
        let file = download(&hub.world, name, &text_of);
        run(&clone, &["renew", "contoso/vpp", "--file", text(&file), "--push"])
    };
    brought("first.vpptoken", 300).ends_with(0);
    brought("second.vpptoken", 364).ends_with(0).says("Only one of the two should be merged");
    let second = clone.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/renew"]);
    let second = second.lines().max().unwrap().to_owned();
    hub.git(&["update-ref", "refs/heads/main", &format!("refs/heads/{second}")]);
    brought("third.vpptoken", 364).ends_with(0).says(&format!("branch {second}-2 at"));
}
