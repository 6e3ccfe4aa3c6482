//! SIPp changes a call that is up, and has the server refresh one.

use super::signalling::admitted;
use super::story::{assert_enrolled, call_ending, claim_keys};
use crate::support::server::USERS;

#[test]
fn a_call_goes_on_in_the_codec_that_answers_an_offer_it_was_asked_for() {
    let (server, phone) = admitted("");
    phone.write_keys(&claim_keys(&USERS[0]));
    let mut call = phone.play("asks-for-offer-and-claims", &[("other_codec", "8"), ("direction", "sendrecv")]);
    call.await_word("answered CSeq: 1 OPTIONS");
    assert_enrolled(&server, &USERS[0], "ja");
}

#[test]
fn hold_in_the_answer_to_an_offer_asked_for_ends_the_call() {
    for direction in ["sendonly", "inactive"] {
        let (server, phone) = admitted("");
        phone.play("asks-for-offer", &[("other_codec", "0"), ("direction", direction)]).finish();
        assert_eq!(call_ending(&server), "held", "{direction}");
    }
}

#[test]
fn an_offer_asked_for_and_not_answered_ends_the_call() {
    let (server, phone) = admitted("");
    phone.play("ignores-offer", &[]).finish();
    assert_eq!(call_ending(&server), "unusable");
}

#[test]
fn a_refresh_of_the_servers_is_acknowledged_as_often_as_it_is_answered() {
    // The refresh is due after 45 seconds, in which the caller says nothing.
    let (server, phone) = admitted("dialogue = { first_digit = \"30s\" }");
    let mut call = phone.play("refreshed-by-re-invite", &[]);
    call.await_word("ACKs 1 1 1 of 1");
    call.finish();
    assert_eq!(call_ending(&server), "hung-up");
}
