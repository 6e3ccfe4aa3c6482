//! How phones are told to fetch their configuration: with a reboot where one is asked for, and shown their password where
//! they ask for it.

use secrecy::ExposeSecret;
use serde_json::json;
use tsunagu::phone::{Make, PhoneEvent, PhoneOptions};

use crate::caller::{Handset, Place, SOON, factory_new};
use crate::records::{detail, ended_enrolment_of, phone_of_mac, steps};
use crate::support::server::{Server, USERS, User};
use crate::{place, server};

/// From the box to the user. Gives the event of the notification and whether the phone restarted for it.
async fn enrolled(server: &Server, options: PhoneOptions, user: &User) -> (String, bool) {
    let mac = options.mac.to_string();
    let handset = Handset::plug_in(options).await.unwrap();
    assert_eq!(handset.claim(user.extension, user.pin).await.as_deref(), Ok(user.extension));
    handset.phone.wait_registered(SOON, |number| number == user.extension).await.unwrap();
    let told = handset.tells("the request to fetch", |event| match event {
        PhoneEvent::Resync { event, reboot } => Some((event.clone(), *reboot)),
        _ => None,
    });
    let told = told.await;
    let enrolment = ended_enrolment_of(server, &phone_of_mac(server, &mac)).await;
    assert_eq!(enrolment["ending"], "complete");
    assert_eq!(detail(&enrolment, "notified"), told.0);
    let steps = steps(&enrolment);
    assert_eq!(steps[5..], ["bound", "notified", "fetched-again", "registered-again", "complete"]);
    // A phone that asks for its password is told once, when it has seen it.
    assert_eq!(handset.events().iter().filter(|event| matches!(event, PhoneEvent::Resync { .. })).count(), 1);
    told
}

fn asking(place: &Place, make: Make, number: u16) -> PhoneOptions {
    PhoneOptions { challenges_notify: true, ..factory_new(place, make, number) }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_make_is_told_in_its_own_words_and_shown_its_password_if_it_asks() {
    let server = server("calls.ring_back = false");
    let place = place(&server);
    let (audiocodes, asking, yealink) = tokio::join!(
        enrolled(&server, factory_new(&place, Make::AudioCodes, 1), &USERS[0]),
        enrolled(&server, asking(&place, Make::AudioCodes, 2), &USERS[1]),
        enrolled(&server, factory_new(&place, Make::Yealink, 3), &USERS[2]),
    );
    // An AudioCodes sees for itself whether a new account needs a reboot, unless it is told not to.
    assert_eq!(audiocodes, ("check-sync".to_owned(), false));
    assert_eq!(asking, ("check-sync".to_owned(), false));
    assert_eq!(yealink, ("check-sync;reboot=false".to_owned(), false));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_whose_password_is_overwritten_is_told_and_registers_with_the_new_one() {
    let server = server("calls.ring_back = false");
    let handset = Handset::plug_in(factory_new(&place(&server), Make::Yealink, 5)).await.unwrap();
    let user = &USERS[0];
    assert_eq!(handset.claim(user.extension, user.pin).await.as_deref(), Ok(user.extension));
    handset.phone.wait_registered(SOON, |number| number == user.extension).await.unwrap();
    ended_enrolment_of(&server, &server.api_get("/phones")[0]).await;
    let before = handset.events().len();
    let overwritten = server.api_post(&format!("/lines/{}/password", user.extension), &json!({}));
    assert_eq!(overwritten.status, 200, "{overwritten:?}");
    let password = overwritten.json()["password"].as_str().unwrap().to_owned();
    let mut steps = Vec::new();
    handset
        .tells("that it registered anew", |_| {
            let told = handset.events().split_off(before);
            steps = told.iter().filter_map(step).collect();
            (steps.last() == Some(&"registered")).then_some(())
        })
        .await;
    assert_eq!(steps, ["told", "fetched", "registered"]);
    let account = handset.phone.account().expect("an account");
    assert_eq!(account.password.unwrap().expose_secret(), password);
}

fn step(event: &PhoneEvent) -> Option<&'static str> {
    match event {
        PhoneEvent::Resync { .. } => Some("told"),
        PhoneEvent::Fetched { .. } => Some("fetched"),
        PhoneEvent::Registered { .. } => Some("registered"),
        PhoneEvent::RegistrationFailed { .. } => Some("refused"),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_whose_template_asks_for_reboots_restarts_and_comes_back() {
    let server = server("calls.ring_back = false");
    let template = json!({ "name": "Reboots", "phone_name": "{model}", "settings": { "reboot_on_check_sync": true } });
    assert_eq!(server.api_post("/device-templates", &template).status, 201);
    let profile = json!({ "name": "Reboots", "desk_template": "Reboots", "allow_provisioning": true });
    assert_eq!(server.api_post("/user-profiles", &profile).status, 201);
    let user = User { user_id: "mori", name: "mori", extension: "1104", pin: "663912" };
    let new =
        json!({ "user_id": user.user_id, "pin": user.pin, "primary_extension": user.extension, "profile": "Reboots" });
    assert_eq!(server.api_post("/users", &new).status, 201);
    let told = enrolled(&server, factory_new(&place(&server), Make::Yealink, 4), &user).await;
    assert_eq!(told, ("check-sync;reboot=true".to_owned(), true));
}
