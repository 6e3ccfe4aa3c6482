//! A changed directory reaches phones that are set up: numbers, labels, templates, and users who may do nothing any more.

use serde_json::{Value, json};
use tsunagu::phone::{Make, PhoneError, PhoneEvent, SipTransport};

use crate::caller::{Handset, SOON, factory_new, generic};
use crate::records::{ended_enrolment_of, eventually, phone_named, phone_of_mac};
use crate::support::server::{Server, USERS};
use crate::{place, server};

const QUIET: &str = "calls.ring_back = false";

/// A phone of this make that is the first user's.
async fn phone_of_sato(server: &Server, make: Make, number: u16) -> (Handset, String) {
    let options = factory_new(&place(server), make, number);
    let mac = options.mac.to_string();
    let handset = Handset::plug_in(options).await.unwrap();
    let order = json!({ "phone": mac, "user": USERS[0].user_id });
    assert_eq!(server.api_post("/enrolments", &order).status, 201);
    handset.phone.wait_registered(SOON, |number| number == USERS[0].extension).await.unwrap();
    assert_eq!(ended_enrolment_of(server, &phone_of_mac(server, &mac)).await["ending"], "complete");
    (handset, mac)
}

fn change(server: &Server, path: &str, patch: &Value) {
    let answer = server.api_patch(path, patch);
    assert_eq!(answer.status, 200, "{answer:?}");
}

fn numbers(phone: &Value) -> Vec<&str> {
    phone["registrations"].as_array().unwrap().iter().filter_map(|it| it["number"].as_str()).collect()
}

fn told(handset: &Handset) -> usize {
    handset.events().iter().filter(|event| matches!(event, PhoneEvent::Resync { .. })).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_comes_back_as_its_users_new_number_even_over_a_restart() {
    let mut server = server(QUIET);
    let (handset, mac) = phone_of_sato(&server, Make::AudioCodes, 1).await;
    change(&server, "/users/sato", &json!({ "primary_extension": "1050" }));
    // From this moment the old number rings nowhere, and the phone can still be told.
    let phone = phone_of_mac(&server, &mac);
    assert_eq!(phone["lines"][0]["number"], "1050");
    assert!(!numbers(&phone).contains(&USERS[0].extension) && !numbers(&phone).is_empty(), "{phone:#}");
    handset.phone.wait_registered(SOON, |number| number == "1050").await.unwrap();
    let settled = |number: &'static str| {
        let (server, mac) = (&server, &mac);
        eventually("one registration", move || {
            let phone = phone_of_mac(server, mac);
            (numbers(&phone) == [number]).then_some(())
        })
    };
    settled("1050").await;
    // Somebody else may have the old one.
    change(&server, "/users/smith", &json!({ "primary_extension": USERS[0].extension }));
    // What was not told yet is told after a restart.
    change(&server, "/users/sato", &json!({ "primary_extension": "1060" }));
    server.restart();
    handset.phone.wait_registered(SOON, |number| number == "1060").await.unwrap();
    let line = eventually("the line's registration", || {
        let line = server.admin_get("/api/v1/lines?user=sato").json()["items"][0].clone();
        (line["is_registered"] == true).then_some(line)
    });
    let line = line.await;
    assert_eq!((&line["number"], &line["mac"], &line["position"]), (&json!("1060"), &json!(mac), &json!(1)));
    assert!(line["registered_from"][0].as_str().unwrap().starts_with("127.0.0.1:"), "{line:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_labels_transports_and_profiles_reach_phones_and_what_phones_are_not_told_tells_none() {
    let server = server(QUIET);
    let (handset, mac) = phone_of_sato(&server, Make::Yealink, 2).await;
    let mut count = told(&handset);
    let mut another = async |what: &str| {
        count += 1;
        eventually(what, || (told(&handset) >= count).then_some(())).await;
        count = told(&handset);
    };
    change(&server, "/users/sato", &json!({ "name": "佐藤 華" }));
    another("the new name").await;
    let line = || server.admin_get("/api/v1/lines?user=sato").json()["items"][0].clone();
    assert_eq!((&line()["label"], &line()["display"]), (&json!("1001 佐藤 華"), &json!("佐藤 華")));
    assert_eq!(phone_of_mac(&server, &mac)["name"], "T46S 佐藤 華");

    change(&server, "/line-templates/Line", &json!({ "label": "{user_id}" }));
    another("the new label").await;
    assert_eq!(line()["label"], "sato");

    // One line's own label goes before the template's, until it is taken away.
    let path = format!("/lines/{}", line()["id"].as_str().unwrap());
    change(&server, &path, &json!({ "label": "Reception" }));
    another("the own label").await;
    change(&server, "/line-templates/Line", &json!({ "label": "{extension}" }));
    assert_eq!((&line()["label"], &line()["has_own_label"]), (&json!("Reception"), &json!(true)));
    change(&server, &path, &json!({ "label": null }));
    another("the template's label").await;
    assert_eq!((&line()["label"], &line()["has_own_label"]), (&json!("1001"), &json!(false)));
    assert_eq!(server.api_patch(&path, &json!({ "number": "1" })).json()["field"], "number");
    let entry = server.admin_get("/api/v1/audit?kind=line&sort=-created_at").json()["items"][0].clone();
    assert_eq!((&entry["before"]["label"], &entry["actor"]), (&json!("Reception"), &json!("first administrator")));

    change(&server, "/device-templates/Desk%20phone", &json!({ "settings": { "talk_event": false } }));
    another("the new setting").await;
    change(&server, "/device-templates/Desk%20phone", &json!({ "transport": "tcp" }));
    another("the new transport").await;
    eventually("the way over TCP", || {
        let phone = phone_of_mac(&server, &mac);
        let is_there = |it: &Value| it["transport"].as_str().unwrap().eq_ignore_ascii_case("tcp");
        phone["registrations"].as_array()?.iter().any(is_there).then_some(())
    })
    .await;

    // Another profile, with another template.
    let template = json!({ "name": "Plain", "phone_name": "{user_id}" });
    assert_eq!(server.api_post("/device-templates", &template).status, 201);
    let profile = json!({ "name": "Plain", "desk_template": "Plain", "allow_provisioning": true });
    assert_eq!(server.api_post("/user-profiles", &profile).status, 201);
    change(&server, "/users/sato", &json!({ "profile": "Plain" }));
    another("the new profile").await;
    let phone = phone_of_mac(&server, &mac);
    assert_eq!((&phone["name"], &phone["transport"]), (&json!("sato"), &json!("udp")));

    // What is for people only, and what is as it was, wakes no phone.
    let quiet = figure_of_due(&server).await;
    change(&server, "/device-templates/Plain", &json!({ "description": "For everybody", "phone_name": "{user_name}" }));
    change(&server, "/users/sato", &json!({ "mail": "sato@example.com" }));
    assert_eq!(phone_of_mac(&server, &mac)["name"], "佐藤 華");
    assert_eq!(figure_of_due(&server).await, quiet);
}

/// How many phones are to be told, once that has come to nothing.
async fn figure_of_due(server: &Server) -> f64 {
    eventually("nobody left to tell", || (server.figure("phones_to_be_told") == 0.0).then_some(0.0)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_phones_of_somebody_inactive_do_nothing_until_they_are_active_again() {
    let server = server(QUIET);
    let (handset, mac) = phone_of_sato(&server, Make::AudioCodes, 3).await;
    let soft = Handset::plug_in(generic(&place(&server), "softphone", SipTransport::Udp)).await.unwrap();
    let softphone = phone_named(&server, "softphone");
    let order = json!({ "phone": softphone["id"], "user": USERS[0].user_id });
    assert_eq!(server.api_post("/enrolments", &order).status, 201);
    change(&server, "/users/sato", &json!({ "status": "inactive" }));
    for (handset, mine) in [(&handset, "mac"), (&soft, "auth_name")] {
        let record = if mine == "mac" { phone_of_mac(&server, &mac) } else { phone_named(&server, "softphone") };
        assert_eq!((&record["state"], &record["registrations"]), (&json!("enrolled"), &json!([])), "{record:#}");
        match handset.phone.register().await {
            Err(PhoneError::Refused { status, reason, .. }) => {
                assert_eq!((status, reason.as_str()), (403, "The user of this phone is inactive"));
            }
            other => panic!("{other:?}"),
        }
        let mut call = handset.phone.dial("2000").await.unwrap();
        assert!(call.wait_ended(SOON).await.unwrap().reason.starts_with("403 "));
    }
    change(&server, "/users/sato", &json!({ "status": "active" }));
    handset.phone.register().await.unwrap();
    soft.phone.register().await.unwrap();
    assert_eq!(numbers(&phone_of_mac(&server, &mac)), [USERS[0].extension]);
    let refused = server.api_delete("/users/sato");
    assert_eq!(refused.status, 409, "{refused:?}");
}
