//! A folder of downloads.

use super::*;

fn batch(hub: &Hub, clone: &Clone<'_>, more: &[&str]) -> Run {
    let folder = hub.world.path("downloads");
    run(clone, &[&["renew", "--batch", text(&folder), "--push"], more].concat())
}

fn branches(hub: &Hub) -> Vec<String> {
    let refs = hub.git(&["for-each-ref", "--format=%(refname:lstrip=3)", "refs/heads/renew"]);
    refs.lines().map(|name| name[..name.len() - 11].to_owned()).collect()
}

#[test]
fn files_find_their_tenants_by_content_and_the_rest_is_told() {
    let hub = hub(&["contoso", "fabrikam", "litware"]);
    let clone = admin(&hub, "admin");
    let (contoso, _) = renewed(&hub, &clone, "contoso");
    let (fabrikam, _) = renewed(&hub, &clone, "fabrikam");
    // Named for each other.
    let folder = hub.world.path("downloads");
    std::fs::rename(&contoso, folder.join("x")).unwrap();
    std::fs::rename(&fabrikam, &contoso).unwrap();
    std::fs::rename(folder.join("x"), &fabrikam).unwrap();
    enrollment(&hub, "litware");
    // All three have this organisation.
    download(&hub.world, "sToken_for_contoso.vpptoken", &hub.world.vpp_file("London", 364).text);
    download(&hub.world, "invoice.pdf", "%PDF-1.7");
    download(&hub.world, "foreign.pem", &hub.world.issue(None, 364).pem);
    download(&hub.world, ".DS_Store", "hidden");

    let done = batch(&hub, &clone, &[]).ends_with(3);
    done.says("3 proposed, 3 unmatched")
        .says("its content fits contoso/London, fabrikam/London, litware/London")
        .says("no tenant of the fleet has this certificate's topic");
    assert_eq!(branches(&hub), ["contoso/push", "fabrikam/push", "litware/enrollment-abm"]);
    for name in ["contoso", "fabrikam"] {
        let branch =
            hub.git(&["for-each-ref", "--format=%(refname)", &format!("refs/heads/renew/{name}")]);
        let changed = hub.git(&["diff-tree", "-r", "--name-only", "main", &branch]);
        assert!(
            changed.lines().all(|path| path.starts_with(&format!("tenants/{name}/"))),
            "{changed}"
        );
        let tenant = hub.git(&["show", &format!("{branch}:tenants/{name}/tenant.yaml")]);
        assert!(tenant.contains(&topic(&hub.world, name)), "{tenant}");
    }
    // Again: nothing is made twice.
    let json = batch(&hub, &clone, &["--format", "json"]).ends_with(3).json();
    let statuses: Vec<_> =
        json["renewals"].as_array().unwrap().iter().map(|one| one["status"].clone()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == "exists").count(), 3, "{statuses:?}");
}

#[test]
fn one_refused_file_stops_no_other() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    renewed(&hub, &clone, "fabrikam");
    let expired = hub.world.issue(Some(&topic(&hub.world, "contoso")), -1);
    download(&hub.world, "a.pem", &expired.pem);
    let json = batch(&hub, &clone, &["--format", "json"]).ends_with(4).json();
    assert_eq!(json["renewals"][1]["status"], "refused");
    assert_eq!(json["renewals"][1]["tenant"], "contoso");
    assert_eq!(branches(&hub), ["fabrikam/push"]);
}

#[test]
fn a_tenant_that_cannot_be_read_stops_no_other() {
    use applecart_simulator::{Fault, FaultRule};
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    renewed(&hub, &clone, "contoso");
    renewed(&hub, &clone, "fabrikam");
    let down = FaultRule::always(Fault::status(403)).for_tenant(tenant_id("contoso"));
    hub.world.state().add_fault(down);
    batch(&hub, &clone, &[])
        .ends_with(3)
        .says("1 proposed, 1 failed")
        .says("Intune of contoso could not be read");
    assert_eq!(branches(&hub), ["fabrikam/push"]);
}

#[test]
fn two_downloads_for_one_token_are_not_guessed_at() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    let (first, _) = renewed(&hub, &clone, "contoso");
    std::fs::copy(&first, first.with_file_name("MDM_contoso (1).pem")).unwrap();
    batch(&hub, &clone, &[]).ends_with(0).says("it is the same file as");
    assert_eq!(branches(&hub), ["contoso/push"]);
    let topic = topic(&hub.world, "contoso");
    download(&hub.world, "MDM_contoso (1).pem", &hub.world.issue(Some(&topic), 200).pem);
    batch(&hub, &clone, &[]).ends_with(3).says("several files are for contoso/push");
}

#[test]
fn a_selection_narrows_who_may_be_meant() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    download(&hub.world, "sToken.vpptoken", &hub.world.vpp_file("London", 364).text);
    batch(&hub, &clone, &["--select", "fabrikam"]).ends_with(0);
    assert_eq!(branches(&hub), ["fabrikam/vpp-london"]);
}

#[test]
fn a_vpp_token_whose_organisation_git_does_not_name_is_found_by_what_intune_says() {
    use applecart_simulator::{Fault, FaultRule};
    let hub = hub(&["contoso"]);
    let tenant = hub.git(&["show", "main:tenants/contoso/tenant.yaml"]);
    let unsaid = tenant.replace("    organization: Contoso Ltd\n", "");
    assert_ne!(tenant, unsaid);
    hub.world.write("tenants/contoso/tenant.yaml", &format!("{unsaid}\n"));
    hub.world.commit("No organisation");
    hub.world.git(&["push", "--quiet", &hub.url(), "main"]);
    let clone = admin(&hub, "admin");
    download(&hub.world, "sToken.vpptoken", &hub.world.vpp_file("London", 364).text);
    let down = FaultRule::always(Fault::status(403)).for_tenant(tenant_id("contoso"));
    hub.world.state().add_fault(down);
    batch(&hub, &clone, &[]).ends_with(3).says("Intune of contoso could not be read, and the file");
    hub.world.state().clear_faults();
    batch(&hub, &clone, &[]).ends_with(0);
    assert_eq!(branches(&hub), ["contoso/vpp-london"]);
}

#[test]
fn what_landed_is_deleted_when_told_to_and_the_rest_stays() {
    let hub = hub(&["contoso", "fabrikam"]);
    let clone = admin(&hub, "admin");
    let (file, _) = renewed(&hub, &clone, "contoso");
    let twin = file.with_file_name("MDM_contoso (1).pem");
    std::fs::copy(&file, &twin).unwrap();
    // Both tenants have this organisation.
    let vpp = download(&hub.world, "s Token.vpptoken", &hub.world.vpp_file("London", 364).text);
    let expired = hub.world.issue(Some(&topic(&hub.world, "fabrikam")), -1);
    let expired = download(&hub.world, "expired.pem", &expired.pem);
    batch(&hub, &clone, &[])
        .ends_with(3)
        .says("2 files are no longer needed: delete them (--remove-download does)")
        .says(&format!("--file \"{}\"", text(&vpp)));
    assert!(file.exists() && twin.exists());
    batch(&hub, &clone, &["--remove-download"]).ends_with(3).says("deleted");
    assert!(!file.exists() && !twin.exists());
    assert!(vpp.exists() && expired.exists());
}

#[test]
fn an_empty_folder_is_the_wrong_one() {
    let hub = hub(&["contoso"]);
    let clone = admin(&hub, "admin");
    std::fs::create_dir(hub.world.path("downloads")).unwrap();
    batch(&hub, &clone, &[]).ends_with(64).says("there is no file to bring in ");
    run(&clone, &["renew", "--batch", "/nowhere"]).ends_with(1).says("read the folder");
}
