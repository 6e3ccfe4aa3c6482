//! What a call can't do, and what ends it: hold, the limit of calls, quarantine, a dry pool.

use std::time::{Duration, Instant};

use serde_json::json;
use sqlx::Row;
use tsunagu::phone::{Make, PhoneError, Side, SipTransport};

use crate::caller::{Handset, SOON, factory_new, generic};
use crate::records::{ended_call_of, phone_named};
use crate::support::server::{Server, USERS};
use crate::{place, server};

/// Dials something that is refused; gives status and reason phrase as the phone shows them.
async fn refusal(handset: &Handset, number: &str) -> String {
    let mut call = handset.phone.dial(number).await.unwrap();
    let ending = call.wait_ended(SOON).await.unwrap();
    assert_eq!(ending.by, Side::Server);
    ending.reason
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hold_key_ends_the_call_within_twenty_seconds() {
    let server = server("");
    let handset = Handset::plug_in(generic(&place(&server), "holder", SipTransport::Udp)).await.unwrap();
    let mut call = handset.call_in().await;
    call.wait_prompt(&["welcome"], SOON).await.unwrap();
    let held_at = Instant::now();
    call.hold().await.unwrap();
    let ending = call.wait_ended(SOON).await.unwrap();
    assert!(held_at.elapsed() < Duration::from_secs(20), "{:?}", held_at.elapsed());
    assert_eq!(ending.by, Side::Server);
    assert_eq!(ended_call_of(&server, &phone_named(&server, "holder")).await["ending"], "held");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_over_the_limit_is_refused_with_486_and_a_reason() {
    let server = server("route_point.ports = 1");
    let place = place(&server);
    let (first, second) = tokio::join!(
        Handset::plug_in(generic(&place, "first", SipTransport::Udp)),
        Handset::plug_in(generic(&place, "second", SipTransport::Udp)),
    );
    let (first, second) = (first.unwrap(), second.unwrap());
    let mut call = first.call_in().await;
    assert_eq!(refusal(&second, "2000").await, "486 All 1 ports are in use");
    assert!(server.figure("calls_refused_total") >= 1.0);
    // A place that is given back is somebody else's.
    call.hang_up().await;
    call.wait_ended(SOON).await.unwrap();
    ended_call_of(&server, &phone_named(&server, "first")).await;
    second.call_in().await.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_phone_in_quarantine_reaches_the_route_point_and_nothing_else() {
    let server = server("");
    let place = place(&server);
    let generic = Handset::plug_in(generic(&place, "eager", SipTransport::Udp)).await.unwrap();
    let managed = Handset::plug_in(factory_new(&place, Make::AudioCodes, 1)).await.unwrap();
    for handset in [&generic, &managed] {
        for number in [USERS[0].extension, "9000", "9001", "0312345678", "2001", "20000", "*21"] {
            let reason = refusal(handset, number).await;
            assert_eq!(reason, "403 This phone can only call the set-up number until it is assigned", "{number}");
        }
    }
    generic.call_in().await.hang_up().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_pool_is_alarmed_before_and_refused_with_a_reason_and_a_warning() {
    let server = server(
        "auto_registration.first = \"9000\"\nauto_registration.last = \"9002\"\nauto_registration.alarm_percent = 40",
    );
    let place = place(&server);
    let plug_in = async |name: &str| Handset::plug_in(generic(&place, name, SipTransport::Udp)).await;
    let first = plug_in("one").await.unwrap();
    assert_eq!(server.figure("temporary_numbers_free"), 2.0);
    assert_eq!((server.figure("temporary_numbers_alarm"), alarms(&server).await), (0.0, 0));
    let second = plug_in("two").await.unwrap();
    assert_eq!(server.figure("temporary_numbers_free"), 1.0);
    assert_eq!((server.figure("temporary_numbers_alarm"), alarms(&server).await), (1.0, 1));
    assert!(server.log().contains("few temporary numbers are free"));
    let third = plug_in("three").await.unwrap();
    match plug_in("four").await.err() {
        Some(PhoneError::Refused { status, reason, warning, .. }) => {
            assert_eq!((status, reason.as_str()), (403, "No temporary number is free"));
            let warning = warning.unwrap();
            assert!(warning.starts_with("399 ") && warning.ends_with("\"No temporary number is free\""), "{warning}");
        }
        other => panic!("{other:?}"),
    }
    // A phone that fetches first is told to come back later, and how much later.
    let answer = server.handset_get("/00908f200001.cfg", "AUDC-IPPhone/2.2.8.61 (420HD; 00908F200001)");
    assert_eq!(answer.status, 503);
    assert!(answer.headers.contains_key("Retry-After"));
    assert_eq!(server.api_get("/auto-registration")["free"], json!(0));
    drop((first, second, third));
}

/// How many alarms of a pool that runs dry there are.
async fn alarms(server: &Server) -> i64 {
    let file = format!("sqlite://{}?mode=ro", server.data_dir().join("tsunagu.db").display());
    let pool = sqlx::SqlitePool::connect(&file).await.unwrap();
    let row = sqlx::query("SELECT count(*) FROM events WHERE severity = 'alarm' AND type = 'pool.low'")
        .fetch_one(&pool)
        .await
        .unwrap();
    row.get(0)
}
