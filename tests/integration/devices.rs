//! How many devices depend on a credential: asked only by an application that was given the right.

use applecart_simulator::{Fault, FaultRule};
use serde_json::Value;

use crate::world::{World, tenant_id};

const PERMISSION: &str = "DeviceManagementManagedDevices.Read.All";

/// Two customers whose certificates expire on one day, a small one and a large one.
fn fleet(permitted: bool) -> World {
    let world = World::new();
    for (name, devices) in [("adatum", (5, 0)), ("contoso", (2900, 100))] {
        let issued = world.issue(None, 10);
        world.live(name, Some(&issued));
        world.tenant(name, &issued);
        let change = |tenant: &mut applecart_simulator::Tenant| {
            tenant.managed_devices = devices;
            if permitted {
                for app in &mut tenant.apps {
                    app.roles.push(PERMISSION.to_owned());
                }
            }
            Ok::<_, applecart_simulator::StateError>(())
        };
        world.state().change(tenant_id(name), change).unwrap();
    }
    world.commit("Two customers");
    world
}

/// The customers whose certificate is critical, in order, with the devices behind it.
fn critical(world: &World) -> Vec<(String, Option<u64>)> {
    let status = world.run(&["status", "--format", "json"]).ends_with(0).json();
    let matters = status["attention"].as_array().unwrap();
    let critical = matters.iter().filter(|one| one["code"] == "critical");
    critical
        .map(|one| {
            let name = one["tenant"]["name"].as_str().unwrap().to_owned();
            (name, one["devices"].as_u64())
        })
        .collect()
}

fn asked(world: &World) -> usize {
    let requests = world.state().requests();
    requests.iter().filter(|one| one.path.ends_with("/managedDeviceOverview")).count()
}

#[test]
fn three_thousand_devices_come_before_five() {
    let world = fleet(true);
    let expected = [("contoso".to_owned(), Some(3000)), ("adatum".to_owned(), Some(5))];
    assert_eq!(critical(&world), expected);
    assert_eq!(asked(&world), 2, "one part of each customer's batch");
    world.run(&["status"]).says("3000 devices depend on it.");
    world
        .run(&["plan"])
        .says("critical, 2 tokens: contoso push (3000 devices), adatum push (5 devices)");
    let plan = world.run(&["plan", "--format", "json"]).json();
    let devices = |tenant: usize| plan["tenants"][tenant]["tokens"][0]["devices"].clone();
    assert_eq!((devices(0), devices(1)), (Value::from(5), Value::from(3000)));
    let sheet = world.run(&["renew", "contoso/push"]).ends_with(0);
    sheet.says("devices that depend on it").says("3000");
}

#[test]
fn whoever_was_not_given_the_right_asks_for_nothing() {
    let world = fleet(false);
    let expected = [("adatum".to_owned(), None), ("contoso".to_owned(), None)];
    assert_eq!(critical(&world), expected);
    assert_eq!(asked(&world), 0);
    assert!(world.state().requests().iter().all(|one| !one.path.ends_with("/$batch")));
}

#[test]
fn a_number_that_cannot_be_read_is_no_problem_and_is_not_asked_for_again() {
    for fault in [Fault::status(403), Fault::status(503), Fault::WrongJson] {
        let world = fleet(true);
        let route = "/beta/deviceManagement/managedDeviceOverview";
        world.state().add_fault(FaultRule::always(fault).on(route));
        let expected = [("adatum".to_owned(), None), ("contoso".to_owned(), None)];
        assert_eq!(critical(&world), expected);
        assert_eq!(asked(&world), 2);
    }
}
