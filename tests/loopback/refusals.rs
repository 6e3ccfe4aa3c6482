//! Every refusal is heard by its own recording, and is on record with its own ending.

use serde_json::json;

use crate::caller::{Handset, SOON, factory_new, generic, key_in};
use crate::records::{detail, ended_call_of, enrolment_of, phone_named, phone_of_mac, steps};
use crate::support::server::{Server, USERS};
use crate::{place, server};
use tsunagu::phone::{KeyPresses, Make, SipTransport};

/// Nobody's self-service ID.
const NOBODY: &str = "7777";
/// The PIN of users added here.
const PIN: &str = "246810";
/// Nobody's PIN.
const WRONG: &str = "000000";

/// Adds a profile that differs from the default one by this.
fn add_profile(server: &Server, profile: serde_json::Value) {
    let mut whole = json!({ "desk_template": "Desk phone", "line_template": "Line", "allow_provisioning": true });
    whole.as_object_mut().unwrap().extend(profile.as_object().unwrap().clone());
    let answer = server.api_post("/user-profiles", &whole);
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Adds a user with the PIN [`PIN`].
fn add_user(server: &Server, user: serde_json::Value) {
    let mut whole = json!({ "pin": PIN });
    whole.as_object_mut().unwrap().extend(user.as_object().unwrap().clone());
    let answer = server.api_post("/users", &whole);
    assert_eq!(answer.status, 201, "{answer:?}");
}

/// Calls from a new phone and claims it: refused with this recording, and with this ending on record.
async fn is_refused(server: &Server, name: &str, id: &str, pin: &str, refusal: &str) {
    let handset = Handset::plug_in(generic(&place(server), name, SipTransport::Udp)).await.unwrap();
    assert_eq!(handset.claim(id, pin).await, Err(refusal.to_owned()));
    let phone = phone_named(server, name);
    assert_eq!((&phone["state"], &phone["lines"]), (&json!("quarantine"), &json!([])));
    let call = ended_call_of(server, &phone).await;
    assert_eq!((&call["ending"], &call["ended_by"]), (&json!(refusal), &json!("server")));
    let enrolment = enrolment_of(server, &phone);
    assert_eq!(detail(&enrolment, "refused"), refusal);
    assert!(!steps(&enrolment).contains(&"bound".to_owned()) && enrolment["user"].is_null(), "{enrolment:#}");
}

async fn a_user_who_lacks_a_precondition_is_told_which_and_whom_to_ask() {
    let server = server("");
    add_profile(&server, json!({ "name": "Guests", "allow_provisioning": false }));
    add_profile(&server, json!({ "name": "Bare", "desk_template": null }));
    add_profile(&server, json!({ "name": "None", "device_limit": 0 }));
    for (user, profile, extension) in [("guest", "Guests", "1201"), ("bare", "Bare", "1202"), ("none", "None", "1203")]
    {
        add_user(&server, json!({ "user_id": user, "primary_extension": extension, "profile": profile }));
    }
    add_user(&server, json!({ "user_id": "unnumbered", "self_service_id": "1204" }));
    tokio::join!(
        is_refused(&server, "of-guest", "1201", PIN, "not-enabled"),
        is_refused(&server, "of-bare", "1202", PIN, "no-device-template"),
        is_refused(&server, "of-none", "1203", PIN, "device-limit"),
        is_refused(&server, "of-unnumbered", "1204", PIN, "no-primary-extension"),
    );
}

async fn a_phone_that_belongs_to_somebody_is_not_given_to_somebody_else() {
    let server = server("calls.ring_back = false");
    let options = factory_new(&place(&server), Make::AudioCodes, 1);
    let mac = options.mac.to_string();
    let handset = Handset::plug_in(options).await.unwrap();
    assert_eq!(handset.claim(USERS[0].extension, USERS[0].pin).await.as_deref(), Ok(USERS[0].extension));
    handset.phone.wait_registered(SOON, |number| number == USERS[0].extension).await.unwrap();

    let mut call = handset.call_in().await;
    call.wait_prompt(&["already-provisioned"], SOON).await.unwrap();
    call.wait_ended(SOON).await.unwrap();
    let phone = phone_of_mac(&server, &mac);
    assert_eq!(phone["lines"][0]["number"], USERS[0].extension);
    assert_eq!(ended_call_of(&server, &phone).await["ending"], "already-provisioned");
    assert_eq!(enrolment_of(&server, &phone)["ending"], "complete");
}

async fn a_wrong_id_and_a_wrong_pin_sound_the_same_and_the_third_ends_the_call() {
    let server = server("");
    let handset = Handset::plug_in(generic(&place(&server), "guesser", SipTransport::Udp)).await.unwrap();
    let mut call = handset.call_in().await;
    for (id, pin) in [(NOBODY, USERS[0].pin), (USERS[0].extension, WRONG)] {
        let verdict = key_in(&mut call, id, pin, KeyPresses::Events).await;
        assert_eq!(verdict, Err("wrong-credentials".to_owned()));
    }
    let verdict = key_in(&mut call, USERS[0].extension, WRONG, KeyPresses::Events).await;
    assert_eq!(verdict, Err("too-many-tries".to_owned()));
    call.wait_ended(SOON).await.unwrap();
    let phone = phone_named(&server, "guesser");
    let ended = ended_call_of(&server, &phone).await;
    assert_eq!((&ended["ending"], &ended["ended_by"]), (&json!("too-many-tries"), &json!("server")));
    let enrolment = enrolment_of(&server, &phone);
    assert_eq!(detail(&enrolment, "refused"), "wrong-credentials");
    assert_eq!(steps(&enrolment).iter().filter(|step| *step == "refused").count(), 3);
    assert!(!steps(&enrolment).contains(&"authenticated".to_owned()));
}

async fn who_is_locked_out_hears_so_even_with_the_right_pin() {
    let server = server("self_provisioning.lockout.attempts = 2");
    let place = place(&server);
    let handset = Handset::plug_in(generic(&place, "guesser", SipTransport::Udp)).await.unwrap();
    let mut call = handset.call_in().await;
    for _ in 0..2 {
        let verdict = key_in(&mut call, USERS[0].extension, WRONG, KeyPresses::Events).await;
        assert_eq!(verdict, Err("wrong-credentials".to_owned()));
    }
    let verdict = key_in(&mut call, USERS[0].extension, USERS[0].pin, KeyPresses::Events).await;
    assert_eq!(verdict, Err("locked-out".to_owned()));
    call.wait_ended(SOON).await.unwrap();
    let phone = phone_named(&server, "guesser");
    assert_eq!(ended_call_of(&server, &phone).await["ending"], "locked-out");
    // The phone is told before it can try; the user is locked out at every other phone.
    let again = async {
        let mut call = handset.call_in().await;
        call.wait_prompt(&["locked-out"], SOON).await.unwrap();
        call.hang_up().await;
    };
    tokio::join!(again, is_refused(&server, "another", USERS[0].extension, USERS[0].pin, "locked-out"));
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_in_a_conversation_when_the_service_closes_is_told_so() {
    let mut server = server("");
    let handset = Handset::plug_in(generic(&place(&server), "late", SipTransport::Udp)).await.unwrap();
    let mut call = handset.call_in().await;
    call.wait_prompt(&["welcome"], SOON).await.unwrap();
    let stopping = tokio::task::spawn_blocking(move || server.stop());
    call.wait_prompt(&["service-closing"], SOON).await.unwrap();
    call.wait_ended(SOON).await.unwrap();
    assert!(stopping.await.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn every_refusal_has_a_recording_and_an_ending_of_its_own() {
    tokio::join!(
        a_user_who_lacks_a_precondition_is_told_which_and_whom_to_ask(),
        a_phone_that_belongs_to_somebody_is_not_given_to_somebody_else(),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_credentials_are_told_as_such_and_then_lock_out() {
    tokio::join!(
        a_wrong_id_and_a_wrong_pin_sound_the_same_and_the_third_ends_the_call(),
        who_is_locked_out_hears_so_even_with_the_right_pin(),
    );
}
