//! A PIN that has to be changed is changed at the phone, with the bind or not at all.

use serde_json::json;
use tsunagu::phone::{Call, KeyPresses, SipTransport};

use crate::caller::{Handset, SOON, generic, wait};
use crate::records::enrolment_of;
use crate::records::{phone_named, steps};
use crate::support::server::{Server, USERS};
use crate::{place, server};

const NEW_PIN: &str = "739105";

/// Says who they are and proves it, and hears that the PIN has to be changed.
async fn as_far_as_the_new_pin(call: &mut Call) {
    let [id, pin] = [USERS[0].extension, USERS[0].pin].map(|digits| format!("{digits}#"));
    for (recording, keys) in [("welcome", id.as_str()), ("confirm-lead", "#"), ("ask-pin", pin.as_str())] {
        press_at(call, recording, keys).await;
    }
    assert_eq!(wait(call, &["pin-change"]).await.as_deref(), Ok("pin-change"));
}

async fn press_at(call: &mut Call, recording: &str, keys: &str) {
    assert_eq!(wait(call, &[recording]).await.as_deref(), Ok(recording));
    call.press_as(keys, KeyPresses::Events).await.unwrap();
}

async fn phone(server: &Server, name: &str) -> Handset {
    Handset::plug_in(generic(&place(server), name, SipTransport::Udp)).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pin_that_must_change_is_changed_at_the_phone_and_the_old_one_is_worth_nothing_then() {
    let server = server("calls.ring_back = false");
    let must_change = json!({ "pin_must_change": true });
    assert_eq!(server.api_patch("/users/sato", &must_change).status, 200);
    let one = phone(&server, "one").await;
    let mut call = one.call_in().await;
    as_far_as_the_new_pin(&mut call).await;
    // The old one once more, one anybody would guess, and then a good one.
    for (chosen, answer) in [(USERS[0].pin, "new-pin-is-old"), ("777777", "new-pin-too-easy"), (NEW_PIN, "new-pin-set")]
    {
        press_at(&mut call, "ask-new-pin", &format!("{chosen}#")).await;
        press_at(&mut call, "repeat-new-pin", &format!("{chosen}#")).await;
        assert_eq!(wait(&mut call, &[answer]).await.as_deref(), Ok(answer));
    }
    assert_eq!(wait(&mut call, &["extension-lead"]).await.as_deref(), Ok("extension-lead"));
    call.hang_up().await;
    call.wait_ended(SOON).await.unwrap();
    assert_eq!(server.api_get("/users/sato")["pin_must_change"], false);
    let enrolment = enrolment_of(&server, &phone_named(&server, "one"));
    assert!(steps(&enrolment).contains(&"pin-changed".to_owned()), "{enrolment:#}");

    let two = phone(&server, "two").await;
    assert_eq!(two.claim(USERS[0].extension, USERS[0].pin).await, Err("wrong-credentials".to_owned()));
    assert_eq!(two.claim(USERS[0].extension, NEW_PIN).await.as_deref(), Ok(USERS[0].extension));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_before_the_bind_keeps_the_old_pin_and_is_asked_again() {
    let server = server("calls.ring_back = false");
    assert_eq!(server.api_patch("/users/sato", &json!({ "pin_must_change": true })).status, 200);
    let handset = phone(&server, "one").await;
    let mut call = handset.call_in().await;
    as_far_as_the_new_pin(&mut call).await;
    press_at(&mut call, "ask-new-pin", &format!("{NEW_PIN}#")).await;
    call.hang_up().await;
    call.wait_ended(SOON).await.unwrap();
    assert_eq!(server.api_get("/users/sato")["pin_must_change"], true);
    as_far_as_the_new_pin(&mut handset.call_in().await).await;
}
