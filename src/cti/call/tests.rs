//! The signalling of one call, message by message.

use super::repetition::T1;
use super::*;
use crate::media::{Codec, CodecOrder};
use crate::sip::message::{Message, parse_datagram};

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

fn request(method: &str, cseq: u32, headers: &str, body: &str) -> Request {
    let tag = if cseq > 1 { ";tag=server" } else { "" };
    let content = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
    let text = format!(
        "{method} sip:2000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bK{method}{cseq}\r\n\
         From: <sip:a@127.0.0.1>;tag=phone\r\nTo: <sip:2000@127.0.0.1>{tag}\r\nCall-ID: c1\r\n\
         CSeq: {cseq} {method}\r\nMax-Forwards: 70\r\nContact: <sip:a@127.0.0.2>\r\n{headers}{content}\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    );
    match parse_datagram(text.as_bytes()).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request"),
    }
}

fn answer(invite: Request, now: Instant) -> (Call, Vec<Output>) {
    let local = LocalMedia {
        addr: ([127, 0, 0, 1], 20_000).into(),
        codecs: vec![Codec::Pcmu],
        order: CodecOrder::Ours,
        session_id: 1,
        version: 1,
        previous: None,
    };
    let contact = "<sip:2000@127.0.0.1>".to_owned();
    let settings = CallSettings { contact, tag: "server".to_owned(), session_seconds: 1800 };
    Call::answer(invite, local, settings, now).unwrap()
}

fn up(now: Instant) -> Call {
    let (mut call, _) = answer(request("INVITE", 1, "", OFFER), now);
    call.handle(now, Input::Acknowledged(request("ACK", 1, "", "")));
    call
}

fn statuses(outputs: &[Output]) -> Vec<u16> {
    let status = |output: &Output| match output {
        Output::Respond(response) | Output::Answer(response) => Some(response.status),
        _ => None,
    };
    outputs.iter().filter_map(status).collect()
}

fn ending(outputs: &[Output]) -> Option<CallEnding> {
    outputs.iter().find_map(|output| match output {
        Output::Ended(ending) => Some(ending.clone()),
        _ => None,
    })
}

#[test]
fn the_2xx_is_repeated_until_it_is_acknowledged_and_the_call_given_up_after_32_seconds() {
    let start = Instant::now();
    let (mut call, outputs) = answer(request("INVITE", 1, "", OFFER), start);
    assert_eq!(statuses(&outputs), [200]);
    let mut repeated = 0;
    loop {
        let now = call.deadline().unwrap();
        let outputs = call.handle(now, Input::Elapsed);
        repeated += statuses(&outputs).len();
        if let Some(ending) = ending(&outputs) {
            assert_eq!(ending, CallEnding::NotAcknowledged);
            assert!(outputs.iter().any(|output| matches!(output, Output::Send(bye) if bye.method == Method::Bye)));
            assert_eq!((now - start).as_secs(), 32);
            break;
        }
    }
    assert_eq!(repeated, 10);
}

#[test]
fn an_invite_that_requires_100rel_is_rung_reliably_and_answered_after_its_prack() {
    let now = Instant::now();
    let (mut call, outputs) = answer(request("INVITE", 1, "Require: 100rel\r\n", OFFER), now);
    assert_eq!(statuses(&outputs), [180]);
    let outputs = call.handle(now + T1, Input::Elapsed);
    assert_eq!(statuses(&outputs), [180], "repeated until acknowledged");
    let outputs = call.handle(now + T1, Input::Request(request("PRACK", 2, "RAck: 9 1 INVITE\r\n", "")));
    assert_eq!(statuses(&outputs), [481]);
    let outputs = call.handle(now + T1, Input::Request(request("PRACK", 3, "RAck: 1 1 INVITE\r\n", "")));
    assert_eq!(statuses(&outputs), [200, 200]);
}

#[test]
fn a_late_offer_is_ours_and_its_answer_comes_with_the_ack() {
    let now = Instant::now();
    let (mut call, outputs) = answer(request("INVITE", 1, "", ""), now);
    assert!(matches!(&outputs[..], [Output::Respond(ok)] if !ok.body.is_empty()));
    let outputs = call.handle(now, Input::Acknowledged(request("ACK", 1, "", OFFER)));
    assert!(matches!(&outputs[..], [Output::Media(agreed), Output::Established] if agreed.remote.port() == 30_000));
}

#[test]
fn hold_ends_the_call_once_the_re_invite_is_acknowledged() {
    let now = Instant::now();
    let mut call = up(now);
    let held = OFFER.replace("m=audio", "a=sendonly\r\nm=audio");
    let outputs = call.handle(now, Input::Request(request("INVITE", 2, "", &held)));
    assert_eq!(statuses(&outputs), [200]);
    assert_eq!(ending(&outputs), None);
    let outputs = call.handle(now, Input::Acknowledged(request("ACK", 2, "", "")));
    assert_eq!(ending(&outputs), Some(CallEnding::Held));
    assert!(outputs.iter().any(|output| matches!(output, Output::Send(bye) if bye.method == Method::Bye)));
}

#[test]
fn a_transfer_is_declined_and_ends_the_call() {
    let now = Instant::now();
    let outputs = up(now).handle(now, Input::Request(request("REFER", 2, "Refer-To: <sip:b@127.0.0.1>\r\n", "")));
    assert_eq!(statuses(&outputs), [603]);
    assert_eq!(ending(&outputs), Some(CallEnding::Transferred));
}

#[test]
fn a_call_can_be_cancelled_while_it_rings_and_not_after() {
    let now = Instant::now();
    let (mut call, _) = answer(request("INVITE", 1, "Require: 100rel\r\n", OFFER), now);
    let outputs = call.handle(now, Input::Cancelled);
    assert_eq!((statuses(&outputs), ending(&outputs)), (vec![487], Some(CallEnding::Cancelled)));
    let mut answered = up(now);
    assert!(answered.handle(now, Input::Cancelled).is_empty());
}

#[test]
fn a_request_older_than_one_seen_is_refused_and_changes_nothing() {
    let now = Instant::now();
    let mut call = up(now);
    call.handle(now, Input::Request(request("INFO", 9, "", "")));
    let outputs = call.handle(now, Input::Request(request("BYE", 8, "", "")));
    assert_eq!((statuses(&outputs), ending(&outputs)), (vec![500], None));
}
