//! Transactions as seen from outside (RFC 3261 section 17): what is said again, how soon, and until when.

use std::time::{Duration, Instant};

use crate::phone::{QUIET, header, status, two_phones};
use crate::support::server::Server;

const T1: Duration = Duration::from_millis(500);

/// What comes again, as it came first: T1 after it was sent, and after twice as long each time. `began` is before that.
fn comes_again(first: &str, began: Instant, mut next: impl FnMut() -> String) {
    for turn in 1..=3 {
        assert_eq!(next(), first);
        let waited = began.elapsed();
        assert!(waited >= T1 * (2_u32.pow(turn) - 1), "{turn}: {waited:?}");
    }
}

#[test]
fn an_invite_nobody_answers_is_sent_again_each_time_after_twice_as_long() {
    let server = Server::start(QUIET);
    let (mut one, mut two) = two_phones(&server);
    let began = Instant::now();
    let mut calling = one.calls("1002", "");
    let invite = two.next("INVITE ");
    comes_again(&invite, began, || two.next("INVITE "));
    // A provisional answer is enough for it to be sent no more.
    two.answers(&invite, "180 Ringing", "", "");
    two.answers(&invite, "486 Busy Here", "", "");
    assert_eq!(status(&one.hears(&mut calling)), 486);
    assert!(two.next("").starts_with("ACK "));
    // A refusal that comes again is acknowledged again (section 17.1.1.2).
    two.answers(&invite, "486 Busy Here", "", "");
    assert!(two.next("").starts_with("ACK "));
    assert!(two.link.is_silent(T1));
}

#[test]
fn a_refusal_is_sent_again_until_it_is_acknowledged_and_an_invite_sent_again_is_the_same() {
    let server = Server::start(QUIET);
    let (mut one, _two) = two_phones(&server);
    let began = Instant::now();
    let mut calling = one.calls("4711", "");
    let refusal = one.next("SIP/2.0 404");
    comes_again(&refusal, began, || one.next("SIP/2.0 "));
    assert_eq!(one.hears(&mut calling), refusal, "acknowledged now");
    assert!(one.link.is_silent(9 * T1), "the next would have come after 8 T1");
}

#[test]
fn a_request_sent_again_is_answered_again_and_carried_out_once() {
    let server = Server::start(QUIET);
    let (mut one, _two) = two_phones(&server);
    let (to, from) = ("<sip:one@tsunagu>", "<sip:one@tsunagu>;tag=9");
    let challenged = one.asks("REGISTER", "sip:tsunagu", to, "again", "");
    let credentials = one.credentials(&challenged, "REGISTER", "sip:tsunagu");
    let mut send = |branch: &str, cseq: &str| {
        let named = [("From", from), ("To", to), ("Call-ID", "again"), ("CSeq", cseq)];
        one.sends_as(branch, "REGISTER", "sip:tsunagu", &named, &credentials, "");
        one.next("SIP/2.0 ")
    };
    let first = send("z9hG4bKsame", "70 REGISTER");
    assert_eq!(status(&first), 200, "{first}");
    assert_eq!(send("z9hG4bKsame", "70 REGISTER"), first);
    // By another way it is merged (section 8.2.2.2), and as another request a replay: its nonce count is used up.
    assert_eq!(status(&send("z9hG4bKmerged", "70 REGISTER")), 482);
    let other = send("z9hG4bKother", "71 REGISTER");
    assert_eq!((status(&other), header(&other, "WWW-Authenticate").is_some()), (401, true), "{other}");
}
