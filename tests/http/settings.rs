//! Settings that are in force as soon as they are saved: auto-registration and the credential policy.

use std::time::Duration;

use serde_json::{Value, json};
use tsunagu::directory::{Actor, CredentialPolicyKind};
use tsunagu::enrolment::{ClaimVerdict, NewPinReason};
use tsunagu::vocab::UnixMillis;

use crate::house::House;
use crate::support::http::{Answer, get, patch};
use crate::support::server::{Server, USERS};

const AGENT: &str = "AUDC/3.2.1.577 AUDC-IPPhone-420HD_UC_3.2.1.577/1.0 00908f000001";

fn changed(server: &Server, path: &str, body: &Value) -> Value {
    let answer = server.api_patch(path, body);
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

/// The field, the status and the code of a refusal.
fn refused(answer: &Answer) -> (u16, String) {
    (answer.status, answer.json()["field"].as_str().unwrap_or_default().to_owned())
}

fn fetch(server: &Server, mac: &str) -> u16 {
    server.handset_get(&format!("/{mac}.cfg"), AGENT).status
}

#[test]
fn auto_registration_is_switched_off_and_on_and_moved_to_other_numbers_without_a_restart() {
    let server = Server::start("");
    let before = server.api_get("/auto-registration");
    assert_eq!((&before["enabled"], &before["total"], &before["free"]), (&json!(true), &json!(100), &json!(100)));
    changed(&server, "/auto-registration", &json!({ "enabled": false }));
    assert_eq!(fetch(&server, "00908f000001"), 404);
    assert_eq!(server.api_get("/self-provisioning/status")["auto_registration"], false);
    let after = changed(
        &server,
        "/auto-registration",
        &json!({ "enabled": true, "first": "8000", "last": "8001", "networks": ["127.0.0.0/8"] }),
    );
    assert_eq!((&after["total"], &after["free"]), (&json!(2), &json!(2)));
    assert_eq!(fetch(&server, "00908f000001"), 200);
    assert_eq!(server.api_get("/phones")[0]["temporary_number"], "8000");
    changed(&server, "/auto-registration", &json!({ "networks": ["10.0.0.0/8"] }));
    assert_eq!(fetch(&server, "00908f000002"), 404);
    assert_eq!(server.api_get("/auto-registration")["free"], 1);
}

#[test]
fn the_settings_of_auto_registration_survive_a_restart_whatever_the_file_says() {
    let mut server = Server::start("");
    changed(&server, "/auto-registration", &json!({ "enabled": false, "last": "9009" }));
    server.restart();
    let kept = server.api_get("/auto-registration");
    assert_eq!((&kept["enabled"], &kept["last"], &kept["total"]), (&json!(false), &json!("9009"), &json!(10)));
}

#[test]
fn a_setting_that_could_never_work_is_refused_by_its_name_and_a_dry_run_keeps_nothing() {
    let server = Server::start("");
    let refusals = [
        (json!({ "first": "9100" }), "last"),
        (json!({ "last": "90990" }), "last"),
        (json!({ "networks": ["10.0.0.0/33"] }), "networks[0]"),
        (json!({ "lease_seconds": 1 }), "lease_seconds"),
        (json!({ "alarm_percent": 101 }), "alarm_percent"),
        (json!({ "numbers_per_address": 0 }), "numbers_per_address"),
        (json!({ "device_template": "none such" }), "device_template"),
        (json!({ "colour": "red" }), "colour"),
    ];
    for (body, field) in refusals {
        assert_eq!(refused(&server.api_patch("/auto-registration", &body)), (422, field.to_owned()), "{body}");
    }
    let tried = changed(&server, "/auto-registration?dry_run=true", &json!({ "last": "9999" }));
    assert_eq!(tried["total"], 1000);
    assert_eq!(server.api_get("/auto-registration")["total"], 100);
    let url = format!("http://{}/api/v1/auto-registration", server.admin);
    let bearer = format!("Bearer {}", server.token);
    let shown = get(&url, &[("Authorization", &bearer)]).unwrap();
    let tag = shown.headers["ETag"].to_str().unwrap().to_owned();
    let one = patch(&url, &[("Authorization", &bearer), ("If-Match", &tag)], &json!({ "alarm_percent": 10 })).unwrap();
    let two = patch(&url, &[("Authorization", &bearer), ("If-Match", &tag)], &json!({ "alarm_percent": 30 })).unwrap();
    assert_eq!((one.status, two.status), (200, 412));
    let audit = server.api_get("/audit");
    let noted = audit.as_array().unwrap().iter().filter(|record| record["kind"] == "auto-registration").count();
    assert_eq!(noted, 2, "the first start and one change: {audit}");
}

#[test]
fn a_first_start_with_auto_registration_makes_the_templates_new_phones_are_made_from() {
    let server = Server::start_empty("");
    let name = server.api_get("/auto-registration")["device_template"].clone();
    assert_eq!(name, "auto-registration");
    assert_eq!(server.api_get("/device-templates")[0]["name"], name);
    assert_eq!(server.api_get("/line-templates")[0]["name"], name);
    assert_eq!(server.api_delete("/device-templates/auto-registration").status, 409);
    let renamed = server.api_patch("/device-templates/auto-registration", &json!({ "name": "Desk" }));
    assert_eq!(renamed.status, 200, "{renamed:?}");
    assert_eq!(server.api_get("/auto-registration")["device_template"], "Desk");
    let off = Server::start_empty("auto_registration.enabled = false");
    assert_eq!(off.api_get("/device-templates"), json!([]));
}

#[test]
fn the_credential_policy_holds_for_the_next_pin_and_password() {
    let server = Server::start("");
    let user = |pin: &str| server.api_patch("/users/sato", &json!({ "pin": pin }));
    assert_eq!(user("4711").status, 200);
    changed(&server, "/credential-policy", &json!({ "pin_digits": 6, "password_characters": 12 }));
    assert_eq!(refused(&user("4711")), (422, "pin".to_owned()));
    assert_eq!(user("471183").status, 200);
    assert_eq!(refused(&user("111111")), (422, "pin".to_owned()));
    changed(&server, "/credential-policy", &json!({ "refuse_trivial_pins": false }));
    assert_eq!(user("111111").status, 200);
    let password = server.api_patch("/application-users/self-provisioning", &json!({ "password": "elevenchars" }));
    assert_eq!(refused(&password), (422, "password".to_owned()));
    for (field, value) in [("pin_digits", 3), ("pin_digits", 21), ("pin_days", 5000), ("password_characters", 7)] {
        let answer = server.api_patch("/credential-policy", &json!({ field: value }));
        assert_eq!(refused(&answer), (422, field.to_owned()), "{value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_older_than_the_policy_allows_has_to_be_changed_at_the_next_claim() {
    let house = House::open("[auto_registration]\nenabled = true\n").await;
    let user = USERS[0];
    let (actor, now) = (Actor::system("test"), UnixMillis::now());
    let days = json!({ "pin_days": 30 });
    house.running.directory.change_settings::<CredentialPolicyKind>(&days, None, &actor, now).await.unwrap();
    let phone = house.new_phone(1).await;
    let day = Duration::from_secs(24 * 3600);
    let due = house.claim(phone, user.extension, user.pin, now.after(day * 31)).await;
    assert_eq!(due, ClaimVerdict::NewPin(NewPinReason::Due));
    let in_time = house.claim(phone, user.extension, user.pin, now.after(day * 29)).await;
    assert!(matches!(in_time, ClaimVerdict::Bound { .. }), "{in_time:?}");
    house.close().await;
}

#[test]
fn the_only_token_that_administers_can_be_neither_revoked_nor_taken_its_role() {
    let server = Server::start_empty("");
    let first = "/tokens/first%20administrator";
    assert_eq!(refused(&server.api_delete(first)), (422, "name".to_owned()));
    assert_eq!(refused(&server.api_patch(first, &json!({ "role": "view" }))), (422, "role".to_owned()));
    let past = json!({ "expires_at": "2020-01-01T00:00:00Z" });
    assert_eq!(refused(&server.api_patch(first, &past)), (422, "expires_at".to_owned()));
    let second = json!({ "name": "second", "role": "administer" });
    assert_eq!(server.api_post("/tokens", &second).status, 201);
    assert_eq!(server.api_delete(first).status, 204);
}
