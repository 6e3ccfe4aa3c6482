//! Tests of the phone's signalling.

use super::*;

fn caller() -> Caller {
    let server = "127.0.0.1:5060".parse().unwrap();
    Caller::new(Place { number: 3, ip: Ipv4Addr::new(127, 16, 0, 4), sip: 4000, rtp: 4002, server })
}

fn sent(out: &[Output]) -> &str {
    let text = out.iter().find_map(|output| match output {
        Output::Send(text) => Some(text.as_str()),
        _ => None,
    });
    text.unwrap()
}

/// The server's answer to what was sent.
fn answer(out: &[Output], status: &str, more: &str, body: &str) -> Vec<u8> {
    let request = sent(out).to_owned();
    let message = Message::parse(request.as_bytes()).unwrap();
    let head = message.answer(status).replace("Content-Length: 0\r\n\r\n", "");
    format!("{head}{more}\r\n{body}").into_bytes()
}

fn registered(now: Instant) -> Caller {
    let mut caller = caller();
    let out = caller.register(now, false);
    let challenge = "WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"\r\n";
    let out = caller.receive(now, &answer(&out, "401 Unauthorized", challenge, ""));
    assert!(sent(&out).contains("CSeq: 2 REGISTER") && sent(&out).contains("response=\""));
    assert_eq!(caller.receive(now, &answer(&out, "200 OK", "", "")), [Output::Registered]);
    caller
}

fn up(now: Instant) -> (Caller, Vec<u8>) {
    let mut caller = registered(now);
    let out = caller.call(now, "2000");
    let accepted = answer(&out, "200 OK", "Contact: <sip:2000@127.0.0.1:5060>\r\n", "m=audio 20000 RTP/AVP 0\r\n");
    let out = caller.receive(now, &accepted);
    assert!(sent(&out).starts_with("ACK sip:2000@127.0.0.1:5060 SIP/2.0"));
    assert!(sent(&out).contains("CSeq: 3 ACK"));
    assert_eq!(out[1], Output::Up("127.0.0.1:20000".parse().unwrap()));
    (caller, accepted)
}

#[test]
fn a_phone_registers_calls_and_hangs_up() {
    let now = Instant::now();
    let (mut caller, accepted) = up(now);
    assert!(sent(&caller.receive(now, &accepted)).starts_with("ACK "), "a repeated 200 is acknowledged again");
    let out = caller.hang_up(now);
    assert_eq!(out[0], Output::Over { by_server: false });
    assert!(sent(&out).contains("CSeq: 4 BYE"));
    assert_eq!(caller.receive(now, &answer(&out[1..], "200 OK", "", "")), [Output::Free]);
    assert!(caller.is_idle() && caller.deadline().is_none());
}

#[test]
fn the_server_may_hang_up() {
    let now = Instant::now();
    let (mut caller, _) = up(now);
    let bye = "BYE sip:bench SIP/2.0\r\nVia: v\r\nCall-ID: call-bench-3-0-1@127.16.0.4\r\nCSeq: 9 BYE\r\n\r\n";
    let out = caller.receive(now, bye.as_bytes());
    assert!(sent(&out).starts_with("SIP/2.0 200"));
    assert_eq!(out[1], Output::Over { by_server: true });
    assert!(sent(&caller.receive(now, bye.as_bytes())).starts_with("SIP/2.0 200"), "a repeated BYE is answered again");
}

#[test]
fn a_request_is_repeated_and_at_last_given_up() {
    let mut now = Instant::now();
    let mut caller = caller();
    caller.register(now, false);
    let mut repeated = 0;
    loop {
        now = caller.deadline().unwrap();
        match caller.elapsed(now).last() {
            Some(Output::Repeated) => repeated += 1,
            last => break assert_eq!(last, Some(&Output::Failed(0))),
        }
    }
    assert_eq!(repeated, 10);
    assert_eq!(caller.deadline(), None);
}

#[test]
fn a_refused_call_is_acknowledged_and_may_be_tried_again() {
    let now = Instant::now();
    let mut caller = registered(now);
    let out = caller.call(now, "2000");
    let out = caller.receive(now, &answer(&out, "486 Busy Here", "", ""));
    assert!(sent(&out).starts_with("ACK "));
    assert_eq!(out[1], Output::Failed(486));
    assert!(caller.is_idle());
}
