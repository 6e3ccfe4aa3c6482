//! The signalling of one call, message by message.

use super::repetition::T1;
use super::*;
use crate::media::{Codec, CodecOrder, LocalMedia};
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

fn local() -> LocalMedia {
    LocalMedia {
        addr: ([127, 0, 0, 1], 20_000).into(),
        codecs: vec![Codec::Pcmu, Codec::Pcma],
        order: CodecOrder::Ours,
        session_id: 1,
        version: 1,
        previous: None,
    }
}

fn settings() -> CallSettings {
    CallSettings { contact: "<sip:2000@127.0.0.1>".to_owned(), tag: "server".to_owned(), session_seconds: 1800 }
}

fn answer(invite: Request, now: Instant) -> (Call, Vec<Output>) {
    Call::answer(invite, local(), settings(), now).unwrap()
}

fn up(now: Instant) -> Call {
    let (mut call, _) = answer(request("INVITE", 1, "", OFFER), now);
    call.handle(now, Input::Acknowledged(request("ACK", 1, "", "")));
    call
}

/// A call that is up, and has been asked for an offer by a re-INVITE.
fn asked_for_an_offer(now: Instant) -> Call {
    let mut call = up(now);
    let outputs = call.handle(now, Input::Request(request("INVITE", 2, "", "")));
    let [Output::Answer(ok)] = &outputs[..] else { panic!("{outputs:?}") };
    let offer = String::from_utf8_lossy(&ok.body);
    assert!(offer.contains("m=audio 20000 RTP/AVP 0 8 101") && offer.contains("a=sendrecv"), "{offer}");
    call
}

fn has_sent(outputs: &[Output], method: &Method) -> bool {
    outputs.iter().any(|output| matches!(output, Output::Send(request) if request.method == *method))
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
            assert!(has_sent(&outputs, &Method::Bye));
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
    assert!(has_sent(&outputs, &Method::Bye));
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

#[test]
fn the_ack_of_a_re_invite_without_an_offer_moves_the_media_and_changes_the_codec() {
    let now = Instant::now();
    let mut call = asked_for_an_offer(now);
    let moved = OFFER.replace("audio 30000 RTP/AVP 0", "audio 40000 RTP/AVP 8").replace("127.0.0.2", "127.0.0.3");
    let outputs = call.handle(now, Input::Acknowledged(request("ACK", 2, "", &moved)));
    let [Output::Media(agreed)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((agreed.remote, agreed.codec), (([127, 0, 0, 3], 40_000).into(), Codec::Pcma));
    assert_eq!(call.deadline(), None, "nothing more is repeated");
}

#[test]
fn hold_in_the_ack_of_a_re_invite_without_an_offer_ends_the_call() {
    let now = Instant::now();
    for hold in ["sendonly", "inactive"] {
        let mut call = asked_for_an_offer(now);
        let held = OFFER.replace("m=audio", &format!("a={hold}\r\nm=audio"));
        let outputs = call.handle(now, Input::Acknowledged(request("ACK", 2, "", &held)));
        assert_eq!(ending(&outputs), Some(CallEnding::Held), "{hold}");
        assert!(has_sent(&outputs, &Method::Bye), "{hold}");
    }
}

#[test]
fn an_offer_of_ours_that_the_ack_does_not_answer_ends_the_call() {
    let now = Instant::now();
    let refused = OFFER.replace("m=audio 30000", "m=audio 0");
    for body in ["", "v=0", &refused] {
        let (mut late, _) = answer(request("INVITE", 1, "", ""), now);
        let first = late.handle(now, Input::Acknowledged(request("ACK", 1, "", body)));
        let again = asked_for_an_offer(now).handle(now, Input::Acknowledged(request("ACK", 2, "", body)));
        for outputs in [first, again] {
            assert_eq!(ending(&outputs), Some(CallEnding::Unusable), "{body}");
            assert!(has_sent(&outputs, &Method::Bye), "{body}");
        }
    }
}

#[test]
fn a_change_that_meets_another_one_or_cannot_be_taken_leaves_all_as_it_was() {
    let now = Instant::now();
    let mut call = asked_for_an_offer(now);
    let outputs = call.handle(now, Input::Request(request("UPDATE", 3, "", OFFER)));
    assert_eq!(statuses(&outputs), [491], "our offer is not answered yet");
    let mut call = up(now);
    let strange = OFFER.replace("RTP/AVP 0", "RTP/AVP 18");
    let headers = "Supported: timer\r\nSession-Expires: 90\r\n";
    let outputs = call.handle(now, Input::Request(request("INVITE", 2, headers, &strange)));
    assert_eq!(statuses(&outputs), [488]);
    assert_eq!(call.deadline(), None, "no timer was taken from it");
    let other = OFFER.replace("RTP/AVP 0", "RTP/AVP 8");
    let outputs = call.handle(now, Input::Request(request("INVITE", 3, "", &other)));
    assert!(matches!(&outputs[..], [Output::Answer(_), Output::Media(agreed)] if agreed.codec == Codec::Pcma));
}

#[test]
fn each_2xx_to_a_re_invite_of_ours_is_acknowledged_with_the_same_ack() {
    let start = Instant::now();
    let headers = "Supported: timer\r\nSession-Expires: 90;refresher=uas\r\nAllow: INVITE, BYE\r\n";
    let (mut call, _) = answer(request("INVITE", 1, headers, OFFER), start);
    call.handle(start, Input::Acknowledged(request("ACK", 1, "", "")));
    let now = call.deadline().unwrap();
    let outputs = call.handle(now, Input::Elapsed);
    let [Output::Send(refresh)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!((&refresh.method, refresh.body.is_empty()), (&Method::Invite, false));
    let glare = call.handle(now, Input::Request(request("INVITE", 2, "", OFFER)));
    assert_eq!(statuses(&glare), [491], "one of ours is under way");
    let moved = OFFER.replace("audio 30000", "audio 31000");
    let ok = refresh.respond(200).with_header("Contact", "<sip:b@127.0.0.5>").with_body(SDP, moved);
    let outputs = call.handle(now, Input::Answered(Method::Invite, ok.clone()));
    let [Output::Acknowledge(ack), Output::Media(agreed)] = &outputs[..] else { panic!("{outputs:?}") };
    assert_eq!(ack.uri.to_string(), "sip:b@127.0.0.5");
    assert_eq!(ack.headers.cseq().unwrap().number, refresh.headers.cseq().unwrap().number);
    assert_eq!(agreed.remote.port(), 31_000);
    call.handle(now, Input::Release(CallEnding::Released("spoken")));
    for _ in 0..2 {
        let outputs = call.handle(now, Input::Answered(Method::Invite, ok.clone()));
        assert!(matches!(&outputs[..], [Output::Acknowledge(again)] if again == ack), "{outputs:?}");
    }
}

#[test]
fn a_call_of_ours_is_acknowledged_each_time_and_ends_by_either_side() {
    let now = Instant::now();
    let placed = |body: &str| {
        let mut local = local();
        let offer = crate::media::negotiation::make_offer(&local).unwrap();
        local.previous = Some(offer.clone());
        let mut invite = request("INVITE", 1, "", "").with_body(SDP, offer);
        invite.headers.set("From", "<sip:2000@127.0.0.1>;tag=server");
        invite.headers.set("To", "<sip:a@127.0.0.1>");
        let ok = invite.respond(200).with_to_tag("phone").with_header("Contact", "<sip:a@127.0.0.2>");
        let ok = ok.with_body(SDP, body.to_owned());
        let (call, outputs) = Call::placed(invite, &ok, local, 1800).unwrap();
        (call, outputs, ok)
    };
    let (mut call, outputs, ok) = placed(OFFER);
    assert!(matches!(&outputs[..], [Output::Acknowledge(_), Output::Media(_), Output::Established]), "{outputs:?}");
    let again = call.handle(now, Input::Answered(Method::Invite, ok));
    assert!(
        matches!((&again[..], &outputs[0]), ([Output::Acknowledge(one)], Output::Acknowledge(other)) if one == other)
    );
    let outputs = call.handle(now, Input::Request(request("BYE", 2, "", "")));
    assert_eq!((statuses(&outputs), ending(&outputs)), (vec![200], Some(CallEnding::HungUp)));
    let (_, outputs, _) = placed("");
    assert!(
        matches!(&outputs[..], [Output::Acknowledge(_), Output::Send(bye), Output::Ended(CallEnding::Unusable)]
        if bye.headers.cseq().unwrap().number == 2),
        "{outputs:?}"
    );
}
