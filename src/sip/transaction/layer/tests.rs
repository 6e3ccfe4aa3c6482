//! The layer, message by message.

use super::*;
use crate::sip::flow::Transport;
use crate::sip::message::{Message, parse_datagram};

const FLOW: Flow = Flow {
    transport: Transport::Udp,
    local: std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 5060),
    peer: std::net::SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 40000),
};

fn request(method: &str, branch: &str) -> Request {
    let text = format!(
        "{method} sip:2000@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:40000;branch={branch}\r\n\
         From: <sip:a@127.0.0.1>;tag=1\r\nTo: <sip:2000@127.0.0.1>\r\nCall-ID: c1\r\nCSeq: 1 {method}\r\n\
         Max-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    );
    match parse_datagram(text.as_bytes()).unwrap() {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request"),
    }
}

fn drain(layer: &mut Layer) -> Vec<Output> {
    std::iter::from_fn(|| layer.next_output()).collect()
}

fn statuses(outputs: &[Output]) -> Vec<u16> {
    let sent = outputs.iter().filter_map(|output| match output {
        Output::Answer(_, octets) => parse_datagram(octets).ok(),
        _ => None,
    });
    sent.filter_map(|message| match message {
        Message::Response(response) => Some(response.status),
        Message::Request(_) => None,
    })
    .collect()
}

/// A request to be sent by us: the layer puts its Via.
fn own(method: &str) -> Request {
    let mut request = request(method, "x");
    request.headers.remove("Via");
    request
}

/// The last request of ours that was sent.
fn asked(outputs: &[Output]) -> Request {
    let sent = outputs.iter().rev().find_map(|output| match output {
        Output::Ask(_, octets) => parse_datagram(octets).ok(),
        _ => None,
    });
    match sent {
        Some(Message::Request(request)) => request,
        other => panic!("a request: {other:?}"),
    }
}

#[test]
fn a_retransmitted_request_is_answered_again_and_not_delivered_twice() {
    let now = Instant::now();
    let mut layer = Layer::new(Timers::default(), 10);
    let register = request("REGISTER", "z9hG4bKa");
    layer.receive_request(now, register.clone(), FLOW);
    let Some(Output::Request(id, ..)) = layer.next_output() else { panic!("delivered") };
    layer.receive_request(now, register.clone(), FLOW);
    assert!(drain(&mut layer).is_empty());
    layer.respond(now, id, register.respond(200));
    layer.receive_request(now, register, FLOW);
    assert_eq!(statuses(&drain(&mut layer)), [200, 200]);
    layer.elapsed(now + Timers::default().patience());
    assert!(layer.is_empty());
}

#[test]
fn a_cancel_ends_an_open_invite_and_nothing_else() {
    let now = Instant::now();
    let mut layer = Layer::new(Timers::default(), 10);
    let invite = request("INVITE", "z9hG4bKb");
    layer.receive_request(now, invite, FLOW);
    layer.receive_request(now, request("CANCEL", "z9hG4bKb"), FLOW);
    let outputs = drain(&mut layer);
    assert_eq!(statuses(&outputs), [100, 200]);
    assert!(outputs.iter().any(|output| matches!(output, Output::Cancelled(_))));
    layer.receive_request(now, request("CANCEL", "z9hG4bKother"), FLOW);
    assert_eq!(statuses(&drain(&mut layer)), [481]);
}

#[test]
fn the_same_request_by_another_path_is_a_loop() {
    let now = Instant::now();
    let mut layer = Layer::new(Timers::default(), 10);
    layer.receive_request(now, request("OPTIONS", "z9hG4bKone"), FLOW);
    layer.receive_request(now, request("OPTIONS", "z9hG4bKtwo"), FLOW);
    assert_eq!(statuses(&drain(&mut layer)), [482]);
}

#[test]
fn refused_invites_over_a_connection_make_room_whether_they_are_acknowledged_or_not() {
    let now = Instant::now();
    let mut layer = Layer::new(Timers::default(), 2);
    let over = Flow { transport: Transport::Tcp, ..FLOW };
    for branch in ["z9hG4bKone", "z9hG4bKtwo", "z9hG4bKthree"] {
        let mut invite = request("INVITE", branch);
        invite.headers.set("Call-ID", branch);
        layer.receive_request(now, invite, over);
        let outputs = drain(&mut layer);
        let (id, invite) = outputs
            .iter()
            .find_map(|output| match output {
                Output::Request(id, request, _) => Some((*id, request)),
                _ => None,
            })
            .expect("it is taken");
        layer.respond(now, id, invite.respond(403));
        assert_eq!(statuses(&drain(&mut layer)), [403]);
    }
    // What still waits for its answer is not forgotten.
    for (branch, status) in [("z9hG4bKfour", 100), ("z9hG4bKfive", 100), ("z9hG4bKsix", 503)] {
        let mut invite = request("INVITE", branch);
        invite.headers.set("Call-ID", branch);
        layer.receive_request(now, invite, over);
        assert_eq!(statuses(&drain(&mut layer)), [status], "{branch}");
    }
}

#[test]
fn a_full_layer_answers_503_and_keeps_nothing() {
    let now = Instant::now();
    let mut layer = Layer::new(Timers::default(), 0);
    layer.receive_request(now, request("OPTIONS", "z9hG4bKone"), FLOW);
    assert_eq!(statuses(&drain(&mut layer)), [503]);
    assert!(layer.is_empty());
}

#[test]
fn a_full_layer_forgets_what_it_answered_longest_ago_and_nothing_it_owes_an_answer() {
    let now = Instant::now();
    let mut layer = Layer::new(Timers::default(), 2);
    let ask = |layer: &mut Layer, branch: &str| {
        let mut request = request("OPTIONS", branch);
        request.headers.set("Call-ID", branch);
        layer.receive_request(now, request, FLOW);
        drain(layer).into_iter().find_map(|output| match output {
            Output::Request(id, request, _) => Some((id, request)),
            _ => None,
        })
    };
    let (first, request) = ask(&mut layer, "z9hG4bKone").unwrap();
    ask(&mut layer, "z9hG4bKtwo").unwrap();
    assert!(ask(&mut layer, "z9hG4bKthree").is_none(), "both are still to be answered");
    layer.respond(now, first, request.respond(200));
    assert!(ask(&mut layer, "z9hG4bKthree").is_some());
    assert_eq!(layer.len(), 2);
    assert!(
        ask(&mut layer, "z9hG4bKone").is_none(),
        "the first was forgotten, and the other two are owed their answers"
    );
}

#[test]
fn a_request_that_could_not_be_sent_ends_at_once_unless_something_was_heard() {
    let now = Instant::now();
    let mut layer = Layer::new(Timers::default(), 10);
    let lost = layer.send_request(now, own("NOTIFY"), FLOW, "z9hG4bKlost");
    let heard = layer.send_request(now, own("NOTIFY"), FLOW, "z9hG4bKheard");
    let sent = asked(&drain(&mut layer));
    layer.receive_response(now, sent.respond(100));
    layer.transport_failed(lost);
    layer.transport_failed(heard);
    let outputs = drain(&mut layer);
    assert!(matches!(outputs.as_slice(), [Output::Response(..), Output::NotSent(id)] if *id == lost), "{outputs:?}");
    assert_eq!(layer.len(), 1);
}

#[test]
fn a_request_of_ours_gets_its_answer_once() {
    let now = Instant::now();
    let mut layer = Layer::new(Timers::default(), 10);
    let id = layer.send_request(now, own("NOTIFY"), FLOW, "z9hG4bKours");
    let sent = asked(&drain(&mut layer));
    layer.receive_response(now, sent.respond(200));
    layer.receive_response(now, sent.respond(200));
    let outputs = drain(&mut layer);
    assert!(matches!(outputs.as_slice(), [Output::Response(answered, _)] if *answered == id));
}

#[test]
fn a_request_that_is_left_unanswered_leaves_nothing_behind() {
    let now = Instant::now();
    let mut layer = Layer::new(Timers::default(), 10);
    layer.receive_request(now, request("INFO", "z9hG4bKleft"), FLOW);
    let Some(Output::Request(id, ..)) = layer.next_output() else { panic!("delivered") };
    layer.abandon(id);
    assert!(layer.is_empty() && layer.next_output().is_none());
    // One that was answered goes on answering its retransmissions.
    let info = request("INFO", "z9hG4bKanswered");
    layer.receive_request(now, info.clone(), FLOW);
    let Some(Output::Request(id, ..)) = layer.next_output() else { panic!("delivered") };
    layer.respond(now, id, info.respond(200));
    layer.abandon(id);
    assert_eq!(layer.len(), 1);
}

#[test]
fn an_invite_whose_cancel_nobody_answers_ends() {
    let now = Instant::now();
    let mut layer = Layer::new(Timers::default(), 10);
    let id = layer.send_request(now, own("INVITE"), FLOW, "z9hG4bKours");
    let sent = asked(&drain(&mut layer));
    layer.receive_response(now, sent.respond(180));
    assert!(layer.cancel_request(now, id, None));
    drain(&mut layer);
    layer.elapsed(now + Timers::default().patience());
    let told = drain(&mut layer);
    assert!(told.iter().any(|output| matches!(output, Output::TimedOut(timed_out) if *timed_out == id)), "{told:?}");
    assert!(layer.is_empty());
}
