//! From the downloaded file to the pushed branch.

use std::process::Command;

use applecart_core::model::Kind;

use super::*;

/// The only branch of renewals at the remote.
fn pushed(hub: &Hub) -> String {
    hub.git(&["for-each-ref", "--format=%(refname:short)", "refs/heads/renew"])
}

#[test]
fn a_push_certificate_goes_from_the_sheet_to_a_pushed_branch_and_is_applied() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let (file, issued) = renewed(&hub, &clone, "contoso");
    // Unfinished work lies about, some of it staged.
    std::fs::write(clone.folder.join("tenants/contoso/tenant.yaml"), "half written").unwrap();
    std::fs::write(clone.folder.join("notes.txt"), "call her").unwrap();
    clone.git(&["add", "notes.txt"]);
    let before = state(&hub, &clone);

    let done = run(&clone, &["renew", "contoso/push", "--file", text(&file), "--push"]);
    let branch = format!("renew/contoso/push-{}", date(Timestamp::new(issued.not_after)));
    done.ends_with(0)
        .says(&format!("branch {branch} at"))
        .says("pushed; open the pull request into origin/main")
        .says(&format!(
            "Renew push certificate of contoso until {}",
            date(Timestamp::new(issued.not_after))
        ))
        .says("its key is the one of the request for Apple (CSR)")
        .says(&format!("**{}**", issued.serial));
    let after = state(&hub, &clone);
    assert_eq!((&before.files, &before.index), (&after.files, &after.index), "not touched");
    assert_eq!(pushed(&hub), branch);
    assert_eq!(
        hub.git(&["diff-tree", "-r", "--name-status", "main", &branch]),
        "A\ttenants/contoso/push.pem.age\nM\ttenants/contoso/tenant.yaml"
    );
    let tenant = hub.git(&["show", &format!("{branch}:tenants/contoso/tenant.yaml")]);
    assert!(tenant.contains("# contoso: ask Ms Doe."), "{tenant}");
    assert!(tenant.contains("mdm@contoso.example   # the shared mailbox"), "{tenant}");
    let log = hub.git(&["log", "-1", "--format=%an <%ae>%n%B", &branch]);
    assert!(log.starts_with("Dana <dana@msp.example>\nRenew push certificate of contoso"), "{log}");
    assert!(log.contains("Opened-file-SHA-256: "), "{log}");
    assert!(!hub.git(&["show", &branch]).contains("BEGIN CERTIFICATE"));

    // Its plan needs no key, and shows this upload alone.
    let plan = run(&clone, &["plan", "--rev", &branch, "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["summary"]["uploads"], 1);
    assert_eq!(plan["summary"]["holds"], 0);
    hub.git(&["update-ref", "refs/heads/main", &format!("refs/heads/{branch}")]);
    let other = hub.clone("applier", &[]);
    other.run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(hub.world.live_serial("contoso"), Some(issued.serial));
    run(&clone, &["renew", "contoso/push", "--file", text(&file)])
        .ends_with(0)
        .says("origin/main has this very file already");
}

#[test]
fn a_file_that_git_lfs_would_take_is_refused_with_the_line_that_helps() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let (file, _) = renewed(&hub, &clone, "contoso");
    let attributes = clone.folder.join(".gitattributes");
    let before = state(&hub, &clone);
    let seal = ["seal", text(&file), "contoso/push", "--offline"];
    let renew = ["renew", "contoso/push", "--file", text(&file), "--push"];
    for filter in ["lfs", "git-crypt"] {
        std::fs::write(&attributes, format!("*.age filter={filter} -text\n")).unwrap();
        for command in [&seal[..], &renew] {
            let refused = run(&clone, command).ends_with(4);
            let told = format!("{}{}", refused.stdout, refused.stderr);
            assert!(told.contains(&format!("(filter={filter})")), "{told}");
            assert!(told.contains("*.age -filter -text -diff"), "{told}");
        }
        std::fs::remove_file(&attributes).unwrap();
        assert_eq!(before, state(&hub, &clone), "nothing was written");
    }
    std::fs::write(&attributes, "*.age filter=lfs -text\n*.age -filter -text -diff\n").unwrap();
    run(&clone, &renew).ends_with(0).says("pushed");
}

#[test]
fn an_enrollment_token_says_since_when_devices_are_cut_off() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let file = enrollment(&hub, "contoso");
    let arguments = ["renew", "contoso/ABM", "--file", text(&file), "--push", "--format", "json"];
    let json = run(&clone, &arguments).ends_with(0).json();
    let one = &json["renewals"][0];
    assert_eq!(one["status"], "proposed");
    assert_eq!(one["urgent"], true);
    assert_eq!(one["pushed"], true);
    let title = one["title"].as_str().unwrap();
    assert!(
        title.starts_with(
            "Urgent: renew enrollment token ABM of contoso: device sync is down since 2"
        ),
        "{title}"
    );
    let branch = pushed(&hub);
    let year = Timestamp::new(Utc::now() + chrono::Duration::days(365));
    assert_eq!(branch, format!("renew/contoso/enrollment-abm-{}", date(year)));
    let schema =
        std::fs::read_to_string(crate::world::project().join("schema/renew.schema.json")).unwrap();
    let schema = serde_json::from_str(&schema).unwrap();
    assert!(jsonschema::is_valid(&schema, &json), "{json}");
    let plan = run(&clone, &["plan", "--rev", &branch, "--format", "json"]).ends_with(0).json();
    assert_eq!(plan["summary"]["uploads"], 1);
    hub.git(&["update-ref", "refs/heads/main", &format!("refs/heads/{branch}")]);
    hub.clone("applier", &[]).run(&["apply"]).ends_with(0).says("uploaded");
}

#[test]
fn a_location_that_no_file_tells_is_not_claimed() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let body = |file: &Path| {
        let arguments = ["renew", "contoso/London", "--file", text(file), "--format", "json"];
        let json = run(&clone, &arguments).ends_with(0).json();
        json["renewals"][0]["body"].as_str().unwrap().to_owned()
    };
    let file = download(&hub.world, "sToken.vpptoken", &hub.world.vpp_file("London", 364).text);
    let alone = body(&file);
    assert!(alone.contains("| location | London | **not in the file"), "{alone}");
    assert!(!alone.contains("other tokens of this organisation"), "{alone}");

    clone.git(&["branch", "-D", clone.git(&["branch", "--list", "renew/*"]).trim()]);
    let path = hub.world.repo().join("tenants/contoso/tenant.yaml");
    let mut tenant = std::fs::read_to_string(&path).unwrap();
    tenant.push_str("  - name: Paris\n    organization: Contoso Ltd\n    location: Paris\n");
    hub.world.write("tenants/contoso/tenant.yaml", &tenant);
    hub.world.commit("Another location");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let two = body(&file);
    assert!(two.contains("other tokens of this organisation (Paris)"), "{two}");
}

#[test]
fn after_a_password_change_a_token_with_the_expiry_of_the_dead_one_is_a_renewal() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let token = hub.world.vpp_file("London", 300);
    let file = download(&hub.world, "sToken.vpptoken", &token.text);
    let arguments = ["renew", "contoso/London", "--file", text(&file), "--push"];
    hub.world.change("contoso", |tenant| tenant.vpp_tokens[0].expiration_date_time = token.expires);
    run(&clone, &arguments).ends_with(4).says("same-as-live");
    hub.world.change("contoso", |tenant| "invalid".clone_into(&mut tenant.vpp_tokens[0].state));
    run(&clone, &arguments).ends_with(0);
    let branch = pushed(&hub);
    hub.git(&["update-ref", "refs/heads/main", &format!("refs/heads/{branch}")]);
    hub.clone("applier", &[]).run(&["apply"]).ends_with(0).says("uploaded");
    assert_eq!(hub.world.uploads_of("contoso", Kind::Vpp), 1);
    // This very file is in Intune now, whatever Intune says of it: another download is needed.
    hub.world.change("contoso", |tenant| "invalid".clone_into(&mut tenant.vpp_tokens[0].state));
    hub.clone("again", &[]).run(&["apply"]).ends_with(0).says("nothing to upload");
    assert_eq!(hub.world.uploads_of("contoso", Kind::Vpp), 1);
}

#[test]
fn a_vpp_token_works_from_a_bare_clone_too() {
    let hub = hub(&["contoso"]);
    let clone = hub.clone("bare", &["--bare"]);
    clone.git(&["config", "user.name", "Dana"]);
    clone.git(&["config", "user.email", "dana@msp.example"]);
    let token = hub.world.vpp_file("London", 364);
    let file = download(&hub.world, "sToken.vpptoken", &token.text);
    run(&clone, &["renew", "contoso/London", "--file", text(&file), "--push"]).ends_with(0);
    let branch = pushed(&hub);
    let expires = Timestamp::new(token.expires);
    assert_eq!(branch, format!("renew/contoso/vpp-london-{}", date(expires)));
    let shown = hub.git(&["show", &branch]);
    assert!(!shown.contains(&token.text[..40]), "{shown}");
    hub.git(&["update-ref", "refs/heads/main", &format!("refs/heads/{branch}")]);
    hub.clone("applier", &[]).run(&["apply"]).ends_with(0).says("uploaded");
}

#[test]
fn the_same_file_again_finds_its_branch_and_another_file_is_refused() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let token = hub.world.vpp_file("London", 364);
    let file = download(&hub.world, "sToken.vpptoken", &token.text);
    let again = |file: &Path, more: &[&str]| {
        run(&clone, &[&["renew", "contoso/vpp", "--file", text(file)], more].concat())
    };
    again(&file, &[]).ends_with(0).says("not pushed: --push does that");
    assert_eq!(pushed(&hub), "", "only --push pushes");
    let made = clone.git(&["for-each-ref", "refs/heads/renew"]);
    // It is found, and pushed now; nothing is sealed or committed again.
    again(&file, &["--push"])
        .ends_with(0)
        .says("had this very change already, and was pushed now")
        .says("pushed; open");
    assert_eq!(clone.git(&["for-each-ref", "refs/heads/renew"]), made);
    assert_ne!(pushed(&hub), "");
    // A colleague finds it at the remote.
    let other = admin(&hub, "other");
    run(&other, &["renew", "contoso/vpp", "--file", text(&file), "--push"])
        .ends_with(0)
        .says("has this very change already");
    let second = hub.world.vpp_file("London", 364);
    assert_ne!(second.text, token.text);
    let second = download(&hub.world, "second.vpptoken", &second.text);
    let before = state(&hub, &clone);
    again(&second, &["--push"])
        .ends_with(4)
        .says("exists already, with another file or Apple Account than this one")
        .says("git fetch origin renew/contoso/vpp-london-")
        .says("git push origin --delete renew/contoso/vpp-london-")
        .says("&& git branch -D renew/contoso/vpp-london-");
    assert_eq!(state(&hub, &clone), before);
    // Who has not made the branch has none to delete; the lines that are shown work.
    let told = run(&other, &["renew", "contoso/vpp", "--file", text(&second), "--push"]);
    let told = told.ends_with(4).stderr;
    assert!(!told.contains("git branch -D"), "{told}");
    let mut lines = told.lines().skip_while(|line| !line.contains("Look at it:"));
    let line = lines.nth(1).unwrap().trim();
    let look = Command::new("sh").args(["-c", line]).current_dir(&other.folder).output().unwrap();
    assert!(String::from_utf8_lossy(&look.stdout).contains("Opened-file-SHA-256"), "{line}");
}

#[test]
#[cfg(unix)]
fn a_remote_that_declines_the_branch_is_told_with_the_way_out() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let hook = hub.protect("pre-receive");
    let file = download(&hub.world, "sToken.vpptoken", &hub.world.vpp_file("London", 364).text);
    let arguments = ["renew", "contoso/vpp", "--file", text(&file), "--push", "--remove-download"];
    run(&clone, &arguments)
        .ends_with(1)
        .says("origin did not take it")
        .says("Protected branch update failed")
        .says("git push origin renew/contoso/vpp-london-");
    assert!(file.exists(), "the download goes only when the remote has it");
    std::fs::remove_file(hook).unwrap();
    run(&clone, &arguments)
        .ends_with(0)
        .says("pushed; open the pull request")
        .says(&format!("deleted {}", text(&file)));
    assert!(!file.exists());
}

#[test]
fn a_download_is_deleted_when_told_to_and_only_where_it_landed() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    // In the repository, which whoever reads the pull request need not know.
    let file = clone.folder.join("sToken.vpptoken");
    std::fs::write(&file, hub.world.vpp_file("London", 364).text).unwrap();
    let arguments = ["renew", "contoso/vpp", "--file", text(&file), "--format", "json"];
    let json = run(&clone, &arguments).ends_with(0).says("delete it (--remove-download does)");
    assert!(file.exists());
    let one = &json.json()["renewals"][0];
    let warnings = one["warnings"].to_string();
    assert!(warnings.contains("is inside the repository"), "{warnings}");
    assert!(!one["body"].to_string().contains("repository"), "{}", one["body"]);
    run(&clone, &[&arguments[..], &["--remove-download"]].concat()).ends_with(0).says("deleted");
    assert!(!file.exists());

    let page = download(&hub.world, "page.html", "<html>Sign in</html>");
    run(&clone, &["renew", "contoso/vpp", "--file", text(&page), "--remove-download"]).ends_with(4);
    assert!(page.exists());
    run(&clone, &["renew", "contoso/vpp", "--file", "-", "--remove-download"]).ends_with(64);
    // What is about a download is no word of a sheet's.
    for flag in ["--push", "--remove-download", "--age"] {
        run(&clone, &["renew", "contoso/vpp", flag]).ends_with(64).says("--file");
    }
    let folder = hub.world.path("downloads");
    run(&clone, &["renew", "contoso/vpp", "--file", text(&folder)]).ends_with(64).says("--batch");
}

#[test]
fn a_new_file_goes_where_the_old_one_is() {
    let hub = Hub::new();
    hub.world.live_of_all_kinds("contoso");
    hub.world
        .tokens("contoso")
        .vpp("London", Some("vpp-contoso"), &hub.world.vpp_file("London", 20), "")
        .commit();
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let clone = admin(&hub, "admin");
    let file = download(&hub.world, "sToken.vpptoken", &hub.world.vpp_file("London", 364).text);
    run(&clone, &["renew", "contoso", "--file", text(&file), "--push"]).ends_with(0);
    assert_eq!(
        hub.git(&["diff-tree", "-r", "--name-status", "main", &pushed(&hub)]),
        "M\ttenants/contoso/London.vpptoken.age\nM\ttenants/contoso/tenant.yaml"
    );
}

#[test]
fn a_branch_in_the_way_is_told_here_and_at_the_remote() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let file = download(&hub.world, "sToken.vpptoken", &hub.world.vpp_file("London", 364).text);
    let arguments = ["renew", "contoso/vpp", "--file", text(&file), "--push"];
    clone.git(&["branch", "renew"]);
    run(&clone, &arguments).ends_with(1).says("git for-each-ref refs/heads/renew");
    clone.git(&["branch", "-D", "renew"]);
    hub.git(&["branch", "renew", "main"]);
    run(&clone, &arguments).ends_with(1).says("git ls-remote origin lists them");
    hub.git(&["branch", "-D", "renew"]);
    run(&clone, &arguments).ends_with(0);
}

#[test]
fn what_is_not_merged_does_not_come_along() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    std::fs::write(clone.folder.join("unreviewed"), "x").unwrap();
    clone.git(&["add", "unreviewed"]);
    clone.git(&["commit", "--quiet", "-m", "Not reviewed"]);
    let file = download(&hub.world, "sToken.vpptoken", &hub.world.vpp_file("London", 364).text);
    run(&clone, &["renew", "contoso/vpp", "--file", text(&file), "--push"]).ends_with(0);
    assert_eq!(
        hub.git(&["rev-parse", &format!("{}^", pushed(&hub))]),
        hub.git(&["rev-parse", "main"])
    );
}

#[test]
#[cfg(unix)]
fn a_commit_is_signed_where_git_signs() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let key = hub.world.path("id_ed25519");
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "dana@msp.example", "-f", text(&key)])
        .status()
        .unwrap();
    assert!(made.success());
    let public = std::fs::read_to_string(key.with_extension("pub")).unwrap();
    let signers = hub.world.path("signers");
    std::fs::write(&signers, format!("dana@msp.example {public}")).unwrap();
    let file = download(&hub.world, "sToken.vpptoken", &hub.world.vpp_file("London", 364).text);
    for (name, value) in [
        ("gpg.format", "ssh"),
        ("user.signingKey", text(&key)),
        ("commit.gpgSign", "yes"),
        ("gpg.ssh.allowedSignersFile", text(&signers)),
    ] {
        clone.git(&["config", name, value]);
    }
    run(&clone, &["renew", "contoso/vpp", "--file", text(&file), "--push"]).ends_with(0);
    let branch = clone.git(&["for-each-ref", "--format=%(refname)", "refs/heads/renew"]);
    clone.git(&["verify-commit", &branch]);

    // A key that is not there: no unsigned commit instead, and no branch.
    clone.git(&["update-ref", "-d", &branch]);
    hub.git(&["update-ref", "-d", &branch]);
    std::fs::remove_file(&key).unwrap();
    run(&clone, &["renew", "contoso/vpp", "--file", text(&file), "--push"])
        .ends_with(1)
        .says("`git commit-tree` ended with")
        .says("No commit and no branch was made");
    assert_eq!(clone.git(&["for-each-ref", "refs/heads/renew"]), "");
}

#[test]
fn a_git_that_knows_nobody_is_told() {
    let hub = hub(&["contoso"]);
    let clone = hub.clone("nobody", &[]);
    clone.git(&["config", "user.useConfigOnly", "true"]);
    let file = download(&hub.world, "sToken.vpptoken", &hub.world.vpp_file("London", 364).text);
    run(&clone, &["renew", "contoso/vpp", "--file", text(&file)]).ends_with(1).says("git config");
    assert_eq!(clone.git(&["for-each-ref", "refs/heads/renew"]), "");
}
