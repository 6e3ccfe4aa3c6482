//! Running the service while people talk to it: restarts cut no call, and what can't run leaves what runs alone.

use std::time::Duration;

use serde_json::{Value, json};
use tsunagu::phone::{KeyPresses, Side, SipTransport};

use crate::bare_call::BareCall;
use crate::caller::{Handset, SOON, generic};
use crate::records::{ended_call_of, eventually, phone_named};
use crate::support::server::{Server, USERS};
use crate::{place, server};

/// Calls in the conversation at once.
const CALLS: usize = 200;
/// Restarts in a row.
const RESTARTS: usize = 10;

fn act(server: &Server, what: &str, body: &Value) -> (u16, Value) {
    let answer = server.api_post(&format!("/self-provisioning/{what}"), body);
    (answer.status, answer.json())
}

fn save(server: &Server, apply: &str, body: &Value) -> (u16, Value) {
    let answer = server.api_patch(&format!("/self-provisioning?apply={apply}"), body);
    (answer.status, answer.json())
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_restarts_under_two_hundred_calls_drop_none_and_keep_nobody_waiting() {
    let server = server("route_point.ports = 1000\ncalls = { rtp_first_port = 20000, rtp_last_port = 20999 }\n");
    let _caller = Handset::plug_in(generic(&place(&server), "crowd", SipTransport::Udp)).await.unwrap();
    let sip = server.sip;
    let call = move || BareCall::place(sip, "crowd");
    let calls: Vec<BareCall> =
        tokio::task::spawn_blocking(move || (0..CALLS).map(|_| call().unwrap()).collect()).await.unwrap();
    for restart in 0..RESTARTS {
        // A new setting with each, so that half-old settings would show.
        let ports = json!({ "ports": 1000 + restart });
        let (status, saved) = save(&server, "restart-now", &ports);
        assert_eq!(
            (status, &saved["restarted"], &saved["waits_for_restart"]),
            (200, &json!(true), &json!([])),
            "{saved:#}"
        );
        assert_eq!(server.api_get("/self-provisioning/status")["generation"], 2 + restart);
        // Whoever calls at once is answered at once.
        tokio::task::spawn_blocking(move || call().unwrap().hang_up()).await.unwrap();
    }
    let still_up = tokio::task::spawn_blocking(move || {
        let up = calls.iter().filter(|call| call.press("1").is_ok()).count();
        calls.into_iter().for_each(BareCall::hang_up);
        up
    });
    assert_eq!(still_up.await.unwrap(), CALLS);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_ends_on_the_settings_it_began_with_and_a_new_one_begins_on_the_new() {
    let server = server("");
    let place = place(&server);
    let early = Handset::plug_in(generic(&place, "early", SipTransport::Udp)).await.unwrap();
    let late = Handset::plug_in(generic(&place, "late", SipTransport::Udp)).await.unwrap();
    let mut call = early.call_in().await;
    call.wait_prompt(&["welcome"], SOON).await.unwrap();
    let code = json!({ "authentication": "administrators-only", "authentication_code": "918273645" });
    let (status, saved) = save(&server, "restart-now", &code);
    assert_eq!(
        (status, &saved["message"]),
        (200, &json!("Save successful. Self-Provisioning IVR service restarted successfully"))
    );
    assert!(!saved.to_string().contains("918273645") && !saved["code_set_at"].is_null());
    // The one who was in the conversation proves it with a PIN; who calls now needs the code.
    let [user, other, ..] = USERS;
    let early_verdict = crate::caller::key_in(&mut call, user.extension, user.pin, KeyPresses::Events).await;
    assert_eq!(early_verdict.as_deref(), Ok(user.extension));
    assert!(late.claim(other.extension, other.pin).await.is_err());
    assert_eq!(late.claim(other.extension, "918273645").await.as_deref(), Ok(other.extension));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_right_now_apologises_and_hangs_up() {
    let server = server("");
    let handset = Handset::plug_in(generic(&place(&server), "cut", SipTransport::Udp)).await.unwrap();
    let mut call = handset.call_in().await;
    call.wait_prompt(&["welcome"], SOON).await.unwrap();
    assert_eq!(act(&server, "restart", &json!({ "mode": "now" })).0, 200);
    call.wait_prompt(&["service-closing"], SOON).await.unwrap();
    assert_eq!(call.wait_ended(SOON).await.unwrap().by, Side::Server);
    assert_eq!(ended_call_of(&server, &phone_named(&server, "cut")).await["ending"], "service-closed");
    handset.call_in().await.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_that_fails_leaves_the_service_as_it_was_and_says_why() {
    let server = server("");
    let handset = Handset::plug_in(generic(&place(&server), "patient", SipTransport::Udp)).await.unwrap();
    assert_eq!(server.api_patch("/route-points/self-provisioning", &json!({ "numbers": [] })).status, 200);
    let settings = server.api_get("/self-provisioning");
    let no_number = "No DN is assigned to the Route Point. Please assign a DN to the Route Point.";
    assert_eq!(settings["warnings"], json!([{ "code": "no-number", "text": no_number }]));
    assert_eq!(settings["waits_for_restart"], json!(["route_point"]));
    let (status, problem) = act(&server, "restart", &json!({}));
    assert!(status == 409 && problem["detail"].as_str().unwrap().contains("no number"), "{problem:#}");
    let (status, saved) = save(&server, "restart-now", &json!({ "ports": 7 }));
    assert!(status == 200 && saved["restarted"] == false, "{saved:#}");
    assert!(saved["message"].as_str().unwrap().starts_with("Save successful. Failed to restart"), "{saved:#}");
    handset.call_in().await.hang_up().await;
    assert_eq!(server.api_get("/self-provisioning/status")["generation"], 1);
    // What can't be taken is refused whole.
    assert_eq!(save(&server, "later", &json!({ "dialogue": { "languages": [] } })).0, 422);
    assert_eq!(save(&server, "dry-run", &json!({ "ports": 8 })).1["saved"], false);
    assert_eq!(server.api_get("/self-provisioning")["ports"], 7);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_is_off_until_it_is_activated_and_takes_no_calls_while_it_is_off() {
    let server = server("self_provisioning.active = false");
    let status = || server.api_get("/self-provisioning/status");
    assert_eq!(
        (&status()["ready"], &status()["message"]),
        (&json!(false), &json!("Off: Self-Provisioning IVR service"))
    );
    let handset = Handset::plug_in(generic(&place(&server), "early", SipTransport::Udp)).await.unwrap();
    let refused = || async {
        let mut call = handset.phone.dial("2000").await.unwrap();
        call.wait_ended(SOON).await.unwrap().reason
    };
    assert_eq!(refused().await, "480 Self-provisioning is not active");
    // It is configured while it is off.
    assert_eq!(save(&server, "restart-now", &json!({ "ports": 5 })).1["restarted"], true);
    assert_eq!(act(&server, "activate", &json!({})).1["message"], "Ready");
    handset.call_in().await.hang_up().await;
    assert_eq!(act(&server, "deactivate", &json!({})).1["service"], false);
    assert_eq!(refused().await, "480 Self-provisioning is not active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hang_up_signal_takes_up_the_settings() {
    let server = server("");
    assert_eq!(save(&server, "later", &json!({ "ports": 5 })).1["waits_for_restart"], json!(["ports"]));
    server.signal("HUP");
    let taken = eventually("the restart", || {
        (server.api_get("/self-provisioning")["waits_for_restart"] == json!([])).then_some(())
    });
    tokio::time::timeout(Duration::from_secs(20), taken).await.unwrap();
    let trail = server.api_get("/audit?action=act&name=self-provisioning");
    assert_eq!(trail[0]["actor"], "SIGHUP");
}
