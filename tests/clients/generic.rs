//! SIPp as a phone that takes no configuration: it registers with any name, calls, and is its user's.

use super::sipp::Phone;
use super::story::{assert_enrolled, call_ending, claim_keys, steps};
use crate::support::server::{Server, USERS};

/// Registers, is admitted to quarantine, calls, keys in ID and PIN; then the server finds it there and rings it back.
fn claim(settings: &str, language: &str, play: impl FnOnce(&Phone) -> super::sipp::Playing) {
    let server = Server::start(settings);
    let phone = Phone::new(&server, "desk");
    let registered = phone.register();
    let admitted = registered.received("SIP/2.0 200");
    assert!(admitted[0].contains("P-Associated-URI: <sip:9000@127.0.0.1>"), "{admitted:?}");

    let mut call = play(&phone);
    call.await_word("released");
    call.await_word("answered CSeq: 1 OPTIONS");
    let enrolment = assert_enrolled(&server, &USERS[0], language);
    let expected = ["registered", "called", "identified", "authenticated", "bound", "answered", "complete"];
    assert_eq!(steps(&enrolment), expected);
    let told = call.await_word("rung back");
    assert!(told.received("SIP/2.0 401").is_empty(), "a call from where the phone registered needs no challenge");
    assert_eq!(call_ending(&server), "bound");
}

#[test]
fn a_generic_sip_phone_becomes_its_users_phone_in_japanese() {
    claim("dialogue = { languages = [\"ja\"] }", "ja", |phone| phone.play_keying("claim", &claim_keys(&USERS[0])));
}

#[test]
fn a_generic_sip_phone_becomes_its_users_phone_in_english_with_sipps_own_events() {
    claim("dialogue = { languages = [\"en\"] }", "en", |phone| {
        phone.play("claim-dtmf", &[("keys", &claim_keys(&USERS[0]))])
    });
}

#[test]
fn a_caller_chooses_english_where_both_languages_are_offered() {
    claim("dialogue = { languages = [\"ja\", \"en\"] }", "en", |phone| {
        phone.play_keying("claim", &format!("2{}", claim_keys(&USERS[0])))
    });
}
