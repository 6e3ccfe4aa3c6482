//! A softphone people use, baresip: the whole main job as its user lives it.

use std::time::{Duration, Instant};

use super::baresip::Baresip;
use super::story::{assert_enrolled, call_ending, claim_keys, steps};
use crate::support::server::{Server, USERS};

/// Registers, calls, listens, keys in ID and PIN, is told its number, and is rung back.
fn live(language: &str, codec: &str) {
    let server = Server::start(&format!("dialogue = {{ languages = [\"{language}\"] }}"));
    let phone = Baresip::start(&server, "soft", codec);
    live_on(&server, &server.sip.to_string(), phone, language, codec);
}

/// The same on a phone that is registered.
fn live_on(server: &Server, place: &str, mut phone: Baresip, language: &str, codec: &str) {
    phone.tell("dial", &format!("sip:2000@{place}"));
    phone.await_event("CALL_ESTABLISHED", 1);
    std::thread::sleep(Duration::from_secs(1));
    phone.press(&claim_keys(&USERS[2]));
    phone.await_event("CALL_CLOSED", 1);

    let enrolment = assert_enrolled(server, &USERS[2], language);
    let expected = ["registered", "called", "identified", "authenticated", "bound", "answered", "complete"];
    assert_eq!(steps(&enrolment), expected);
    assert_eq!(call_ending(server), "bound");

    let incoming = phone.await_event("CALL_INCOMING", 1);
    assert!(incoming["peeruri"].as_str().unwrap().starts_with("sip:2000@"), "{incoming:#}");
    phone.tell("accept", "");
    phone.await_event("CALL_ESTABLISHED", 2);
    phone.await_event("CALL_CLOSED", 2);

    let heard = phone.heard();
    assert!(heard.len() == 2 && heard.iter().all(|call| call.is_speech(4.0)), "{heard:?}");
    assert!(phone.told().contains(&format!("Set audio decoder: {codec}")), "{}", phone.told());
}

/// The same over a transport of its account.
fn live_over(server: &Server, transport: &str) {
    let place = server.sip_at(transport).to_string();
    let account = format!("{place};transport={}", transport.to_ascii_lowercase());
    let phone = Baresip::start_at(server, &account, "soft", "PCMU");
    let registered = server.api_get("/phones")[0]["registrations"][0]["transport"].clone();
    assert_eq!(registered, transport);
    // It dials over its account's transport, which it adds itself.
    live_on(server, &place, phone, "en", "PCMU");
}

#[test]
fn baresip_becomes_its_users_phone_in_japanese_with_pcmu() {
    live("ja", "PCMU");
}

#[test]
fn baresip_becomes_its_users_phone_in_english_with_pcma() {
    live("en", "PCMA");
}

#[test]
fn baresip_becomes_its_users_phone_within_tls() {
    let files = tempfile::tempdir().unwrap();
    let authority = crate::authority::Authority::new("softphones");
    authority.issue("server").write(files.path());
    let shown = files.path().display();
    let server = Server::start(&format!(
        "dialogue = {{ languages = [\"en\"] }}\nlisten.sip_tls = [\"127.0.0.1:0\"]\n\
         tls = {{ certificate = \"{shown}/server.pem\", key = \"{shown}/server.key\" }}"
    ));
    live_over(&server, "TLS");
}

#[test]
fn baresip_becomes_its_users_phone_over_tcp() {
    live_over(&Server::start("dialogue = { languages = [\"en\"] }"), "TCP");
}

#[test]
fn baresip_becomes_its_users_phone_over_ipv6() {
    let server = Server::start("dialogue = { languages = [\"en\"] }\nlisten.sip_udp = [\"[::1]:0\"]");
    let place = server.sip_at("UDP").to_string();
    let phone = Baresip::start_at(&server, &place, "soft", "PCMU");
    let source = server.api_get("/phones")[0]["registrations"][0]["from"].to_string();
    assert!(source.contains("[::1]:"), "{source}");
    live_on(&server, &place, phone, "en", "PCMU");
}

#[test]
fn hold_pressed_during_the_dialogue_ends_the_call_cleanly() {
    let server = Server::start("");
    let mut phone = Baresip::start(&server, "soft", "PCMU");
    phone.tell("dial", &format!("sip:2000@{}", server.sip));
    phone.await_event("CALL_ESTABLISHED", 1);
    phone.press(USERS[2].extension);
    let pressed = Instant::now();
    phone.tell("hold", "");
    phone.await_event("CALL_CLOSED", 1);
    assert_eq!(call_ending(&server), "held");
    // What the seed asks for; it takes a moment only.
    assert!(pressed.elapsed() < Duration::from_secs(20));
    // The phone is still there to be claimed: another call is answered.
    phone.tell("dial", &format!("sip:2000@{}", server.sip));
    phone.await_event("CALL_ESTABLISHED", 2);
}
