//! Enrolments by an administrator: started without a call, cancelled during one, undone.

use serde_json::{Value, json};
use tsunagu::phone::{KeyPresses, Make, PhoneEvent, Side, SipTransport};

use crate::caller::{Handset, SOON, factory_new, generic, key_in};
use crate::records::{
    detail, ended_call_of, ended_enrolment_of, enrolment_of, eventually, phone_named, phone_of_mac, steps,
};
use crate::support::server::{Server, USERS};
use crate::{place, server};

const QUIET: &str = "calls.ring_back = false";

fn start(server: &Server, phone: &str, user: &str) -> (u16, Value) {
    let answer = server.api_post("/enrolments", &json!({ "phone": phone, "user": user }));
    (answer.status, answer.json())
}

fn act(server: &Server, enrolment: &Value, what: &str, body: &Value) -> (u16, Value) {
    let answer = server.api_post(&format!("/enrolments/{}/{what}", enrolment["id"].as_str().unwrap()), body);
    (answer.status, answer.json())
}

/// The phone's newest enrolment, once it is complete.
async fn completed(server: &Server, phone: &Value) -> Value {
    eventually("a complete enrolment", || {
        let enrolment = enrolment_of(server, phone);
        (enrolment["ending"] == "complete").then_some(enrolment)
    })
    .await
}

/// The changes of a record in the audit, oldest first.
fn trail(server: &Server, phone: &Value) -> Vec<Value> {
    let found = server.admin_get(&format!("/api/v1/audit?sort=created_at&record={}", phone["id"].as_str().unwrap()));
    found.json()["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_is_given_without_a_call_taken_back_and_given_to_somebody_else() {
    let server = server(QUIET);
    let options = factory_new(&place(&server), Make::AudioCodes, 1);
    let mac = options.mac.to_string();
    let handset = Handset::plug_in(options).await.unwrap();
    let temporary = handset.phone.registered_as().unwrap();
    let back_as = |number: &str| {
        let number = number.to_owned();
        handset.phone.wait_registered(SOON, move |registered| registered == number)
    };
    let [sato, smith, ..] = USERS;

    // By its hardware address as the label has it, to a user by their user ID.
    let phone = phone_of_mac(&server, &mac);
    let is_noted = || steps(&enrolment_of(&server, &phone)).contains(&"registered".to_owned());
    eventually("a phone that is seen to be registered", || is_noted().then_some(())).await;
    let label = mac.to_uppercase().as_bytes().chunks(2).map(String::from_utf8_lossy).collect::<Vec<_>>().join(":");
    let (status, started) = start(&server, &label, sato.user_id);
    assert_eq!((status, &started["user_id"]), (201, &json!(sato.user_id)), "{started:#}");
    back_as(sato.extension).await.unwrap();
    let phone = phone_of_mac(&server, &mac);
    let first = completed(&server, &phone).await;
    let way = ["fetched", "registered", "bound", "notified", "fetched-again", "registered-again", "complete"];
    assert_eq!(steps(&first), way);
    assert_eq!(detail(&first, "bound"), "first administrator");
    assert_eq!(phone["lines"][0]["label"], format!("{} {}", sato.extension, sato.name));
    // What a rule forbids a caller it forbids here.
    let (status, refused) = start(&server, &mac, smith.user_id);
    assert_eq!((status, &refused["reason"], &refused["field"]), (409, &json!("already-provisioned"), &json!("phone")));

    // Undone: it is nobody's again, on the number it had.
    let (status, undone) = act(&server, &first, "undo", &json!({}));
    assert_eq!((status, &undone["ending"]), (200, &json!("undone")), "{undone:#}");
    assert_eq!(
        (steps(&undone).last().unwrap().as_str(), detail(&undone, "undone").as_str()),
        ("undone", "first administrator")
    );
    let phone = phone_of_mac(&server, &mac);
    assert_eq!((&phone["state"], &phone["temporary_number"]), (&json!("quarantine"), &json!(temporary)));
    assert_eq!((&phone["lines"], &phone["user"]), (&json!([]), &Value::Null));
    back_as(&temporary).await.unwrap();
    assert_eq!(act(&server, &first, "undo", &json!({})).1["reason"], "undone");
    let registered = eventually("one registration", || {
        let phone = phone_of_mac(&server, &mac);
        (phone["registrations"].as_array()?.len() == 1).then_some(phone)
    });
    assert_eq!(registered.await["registrations"][0]["number"], temporary);

    // Given to somebody else, by its temporary number; then taken over by the first one, and given back.
    assert_eq!(start(&server, &temporary, smith.extension).0, 201);
    back_as(smith.extension).await.unwrap();
    completed(&server, &phone).await;
    let rebind = json!({ "phone": phone["id"], "user": sato.user_id, "rebind": true });
    assert_eq!(server.api_post("/enrolments", &rebind).status, 201);
    back_as(sato.extension).await.unwrap();
    let third = completed(&server, &phone).await;
    assert_eq!(act(&server, &third, "undo", &json!({})).0, 200);
    back_as(smith.extension).await.unwrap();
    let phone = phone_of_mac(&server, &mac);
    assert_eq!((&phone["user_id"], &phone["lines"][0]["number"]), (&json!(smith.user_id), &json!(smith.extension)));

    // Who had the phone when, and by whom.
    let trail = trail(&server, &phone);
    let owners: Vec<(Value, Value)> = trail
        .iter()
        .filter(|entry| entry["action"] == "change")
        .map(|entry| (entry["before"]["user_id"].clone(), entry["after"]["user_id"].clone()))
        .collect();
    let (nobody, sato, smith) = (json!(null), json!(sato.user_id), json!(smith.user_id));
    let expected = [(&nobody, &sato), (&sato, &nobody), (&nobody, &smith), (&smith, &sato), (&sato, &smith)];
    assert_eq!(owners.iter().map(|(before, after)| (before, after)).collect::<Vec<_>>(), expected);
    assert!(trail.iter().any(|entry| entry["after"] == "complete" && entry["actor_kind"] == "phone"), "{trail:#?}");
    assert!(!json!(trail).to_string().contains("sealed"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_caller_does_is_in_the_audit_and_can_be_undone_for_a_generic_phone_too() {
    let server = server(QUIET);
    let handset = Handset::plug_in(generic(&place(&server), "by-voice", SipTransport::Udp)).await.unwrap();
    let [user, ..] = USERS;
    assert_eq!(handset.claim(user.extension, user.pin).await.as_deref(), Ok(user.extension));
    let phone = phone_named(&server, "by-voice");
    let enrolment = completed(&server, &phone).await;
    let bound = trail(&server, &phone).remove(0);
    assert_eq!((&bound["actor_kind"], &bound["actor"]), (&json!("user"), &json!(user.user_id)));
    assert_eq!((&bound["before"]["state"], &bound["after"]["state"]), (&json!("quarantine"), &json!("enrolled")));
    let limit = |limit: u8| server.api_patch("/user-profiles/Everybody", &json!({ "device_limit": limit })).status;
    assert_eq!(limit(1), 200);
    let other = Handset::plug_in(generic(&place(&server), "another", SipTransport::Udp)).await.unwrap();
    let another = phone_named(&server, "another");
    let (status, refused) = start(&server, another["id"].as_str().unwrap(), user.user_id);
    assert_eq!((status, &refused["reason"]), (409, &json!("device-limit")), "{refused:#}");
    // The count is right again once it is undone.
    assert_eq!(act(&server, &enrolment, "undo", &json!({})).0, 200);
    assert_eq!(phone_named(&server, "by-voice")["state"], "quarantine");
    assert_eq!(start(&server, another["id"].as_str().unwrap(), user.user_id).0, 201);
    handset.call_in().await.hang_up().await;
    drop(other);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_can_not_be_undone_or_started_says_why() {
    let server = server("calls.ring_back = false\nself_provisioning.undo_seconds = 0");
    let handset = Handset::plug_in(generic(&place(&server), "old", SipTransport::Udp)).await.unwrap();
    let phone = phone_named(&server, "old");
    let waiting = eventually("its enrolment", || {
        server.api_get("/enrolments").as_array()?.iter().find(|it| it["phone"] == phone["id"]).cloned()
    });
    assert_eq!(act(&server, &waiting.await, "undo", &json!({})).1["reason"], "not-bound");
    let id = phone["id"].as_str().unwrap();
    for (user, phone, status, reason) in [
        ("nobody", id, 422, "no-such-user"),
        (USERS[0].user_id, "00908f00ffff", 422, "no-such-phone"),
        (USERS[0].user_id, "9099", 422, "no-such-phone"),
    ] {
        let (answered, problem) = start(&server, phone, user);
        assert_eq!((answered, &problem["reason"]), (status, &json!(reason)), "{problem:#}");
    }
    assert_eq!(server.api_post("/users", &json!({ "user_id": "1001", "primary_extension": "1909" })).status, 201);
    assert_eq!(start(&server, id, "1001").1["reason"], "several-users");
    assert_eq!(server.api_patch("/users/sato", &json!({ "status": "inactive" })).status, 200);
    assert_eq!(start(&server, id, "sato").1["reason"], "not-enabled");
    assert_eq!(start(&server, id, "smith").0, 201);
    let done = ended_enrolment_of(&server, &phone).await;
    let (status, problem) = act(&server, &done, "undo", &json!({}));
    assert_eq!((status, &problem["reason"]), (409, &json!("too-late")), "{problem:#}");
    assert_eq!(act(&server, &done, "cancel", &json!({})).1["reason"], "ended");
    assert_eq!(act(&server, &json!({ "id": "01a201b9c6d67b5a8a2f3f2f6a1f8b2c" }), "undo", &json!({})).0, 404);
    // A user whose phone was released is deleted, and the enrolment still says whose it was.
    let in_use = server.api_delete("/users/smith");
    assert!(in_use.status == 409 && in_use.json()["detail"].as_str().unwrap().contains("in use"), "{in_use:?}");
    assert_eq!(server.api_post(&format!("/phones/{id}/release"), &json!({})).status, 204);
    assert_eq!(server.api_delete("/users/smith").status, 204);
    let kept = enrolment_of(&server, &phone);
    assert_eq!((&kept["user"], &kept["user_id"]), (&Value::Null, &json!("smith")));
    drop(handset);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_enrolment_is_cancelled_ends_with_an_apology_before_the_bind_and_after_it() {
    let server = server(QUIET);
    let options = factory_new(&place(&server), Make::Yealink, 2);
    let mac = options.mac.to_string();
    let handset = Handset::plug_in(options).await.unwrap();
    let phone = phone_of_mac(&server, &mac);
    let mut call = handset.call_in().await;
    call.wait_prompt(&["welcome"], SOON).await.unwrap();
    let (status, cancelled) = act(&server, &enrolment_of(&server, &phone), "cancel", &json!({}));
    assert_eq!((status, &cancelled["ending"]), (200, &json!("cancelled")), "{cancelled:#}");
    call.wait_prompt(&["not-now"], SOON).await.unwrap();
    assert_eq!(call.wait_ended(SOON).await.unwrap().by, Side::Server);
    assert_eq!(ended_call_of(&server, &phone).await["ending"], "called-off");
    assert_eq!(phone_of_mac(&server, &mac)["state"], "quarantine");

    // Bound, and cancelled while the extension is being said.
    let mut call = handset.call_in().await;
    let [user, ..] = USERS;
    assert_eq!(key_in(&mut call, user.extension, user.pin, KeyPresses::Events).await.as_deref(), Ok(user.extension));
    let (status, cancelled) = act(&server, &enrolment_of(&server, &phone), "cancel", &json!({}));
    assert_eq!((status, &cancelled["ending"]), (200, &json!("cancelled")), "{cancelled:#}");
    call.wait_ended(SOON).await.unwrap();
    // It is told to fetch what it is now, with its secrets, and goes on waiting.
    handset.tells("the request to fetch", |event| matches!(event, PhoneEvent::Resync { .. }).then_some(())).await;
    let record = phone_of_mac(&server, &mac);
    assert_eq!((&record["state"], &record["lines"]), (&json!("quarantine"), &json!([])));
    let back = eventually("the phone's way back", || {
        let steps = steps(&enrolment_of(&server, &phone));
        steps.contains(&"fetched".to_owned()).then_some(())
    });
    back.await;
    let (status, released) = act(&server, &enrolment_of(&server, &phone), "cancel", &json!({ "phone": "release" }));
    assert_eq!(status, 200, "{released:#}");
    let shown = server.api_get(&format!("/phones/{}", phone["id"].as_str().unwrap()));
    assert_eq!(shown["state"], "released");
}
