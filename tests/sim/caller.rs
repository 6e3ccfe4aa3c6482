//! The phone's side: one INVITE, keys pressed at times a person would, and an end to whatever the server does.

use std::collections::{BTreeSet, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tsunagu::media::Digit;
use tsunagu::media::events::EventPayload;
use tsunagu::sip::dialog::Dialog;
use tsunagu::sip::message::{Message, Method, Request, parse_datagram};
use tsunagu::sip::transaction::{Layer, Output, Timers};
use tsunagu::sip::{Flow, Transport};

use crate::network::{Network, Packet};

const FLOW: Flow = Flow {
    transport: Transport::Udp,
    local: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2)), 5060),
    peer: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1)), 5060),
};
const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.2\r\ns=-\r\nc=IN IP4 127.0.0.2\r\nt=0 0\r\n\
    m=audio 30000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";
/// From one entry to the next: what is said in between has been heard.
const BETWEEN_ENTRIES: Duration = Duration::from_secs(3);
/// From one key to the next.
const BETWEEN_KEYS: Duration = Duration::from_millis(250);

enum State {
    Calling,
    Up,
    Over,
}

pub struct Caller {
    layer: Layer,
    state: State,
    invite: Option<Request>,
    dialog: Option<Dialog>,
    finals: BTreeSet<u16>,
    entries: [&'static str; 3],
    /// Event packets still to be sent.
    keys: VecDeque<(Instant, Vec<u8>)>,
    pressed: usize,
}

impl Caller {
    pub fn new(id: &'static str, confirmation: &'static str, pin: &'static str) -> Self {
        Self {
            layer: Layer::new(Timers::default(), 100),
            state: State::Calling,
            invite: None,
            dialog: None,
            finals: BTreeSet::new(),
            entries: [id, confirmation, pin],
            keys: VecDeque::new(),
            pressed: 0,
        }
    }

    pub fn is_over(&self) -> bool {
        matches!(self.state, State::Over)
    }

    pub fn finals(&self) -> Vec<u16> {
        self.finals.iter().copied().collect()
    }

    pub fn pressed(&self) -> usize {
        self.pressed
    }

    pub fn start(&mut self, now: Instant, network: &mut Network) {
        let mut invite = Request::new(Method::Invite, "sip:2000@127.0.0.1".parse().unwrap());
        invite.headers.set("From", "<sip:9001@127.0.0.1>;tag=phone");
        invite.headers.set("To", "<sip:2000@127.0.0.1>");
        invite.headers.set("Call-ID", "simulated");
        invite.headers.set("CSeq", "1 INVITE");
        invite.headers.set("Max-Forwards", "70");
        invite.headers.set("Contact", "<sip:9001@127.0.0.2>");
        let invite = invite.with_body("application/sdp", OFFER);
        self.invite = Some(invite.clone());
        self.layer.send_request(now, invite, FLOW, "z9hG4bKphone");
        self.carry_out(now, network);
    }

    pub fn deadline(&self) -> Option<Instant> {
        let key = self.keys.front().map(|(at, _)| *at);
        self.layer.deadline().into_iter().chain(key).min()
    }

    pub fn receive(&mut self, now: Instant, packet: Packet, network: &mut Network) {
        match parse_datagram(&packet.octets).unwrap() {
            Message::Request(request) => self.layer.receive_request(now, request, FLOW),
            Message::Response(response) => self.layer.receive_response(now, response),
        }
        self.carry_out(now, network);
    }

    pub fn elapsed(&mut self, now: Instant, network: &mut Network) {
        self.layer.elapsed(now);
        self.carry_out(now, network);
        while let Some((_, octets)) = self.keys.pop_front_if(|(at, _)| *at <= now) {
            network.send(now, Packet { towards_server: true, octets, is_media: true });
        }
    }

    fn carry_out(&mut self, now: Instant, network: &mut Network) {
        while let Some(output) = self.layer.next_output() {
            match output {
                Output::Ask(_, octets) | Output::Answer(_, octets) => {
                    network.send(now, Packet { towards_server: true, octets: octets.to_vec(), is_media: false });
                }
                Output::Response(_, response) if response.status >= 200 => {
                    self.finals.insert(response.status);
                    if response.status >= 300 {
                        self.state = State::Over;
                        continue;
                    }
                    let invite = self.invite.as_ref().unwrap();
                    let dialog = self.dialog.get_or_insert_with(|| Dialog::answered(invite, &response).unwrap());
                    let ack = dialog.acknowledgement(response.headers.cseq().unwrap().number);
                    let branch = format!("z9hG4bKack{}", self.finals.len());
                    self.layer.send_acknowledgement(ack, FLOW, &branch);
                    if matches!(self.state, State::Calling) {
                        self.state = State::Up;
                        self.press(now);
                    }
                }
                Output::Request(id, request, _) => {
                    if request.method == Method::Bye {
                        self.state = State::Over;
                        self.keys.clear();
                    }
                    self.layer.respond(now, id, request.respond(200));
                }
                Output::TimedOut(_) | Output::NotSent(_) => self.state = State::Over,
                Output::Response(..) | Output::Acknowledged(..) | Output::Cancelled(_) | Output::Ended(_) => {}
            }
        }
    }

    /// Plans every key: five packets of 20 ms each and the end three times, as RFC 4733 section 2.5 has it.
    fn press(&mut self, now: Instant) {
        let mut at = now + BETWEEN_ENTRIES;
        let mut timestamp = 0_u32;
        for entry in self.entries {
            for key in entry.chars() {
                let digit = Digit::from_char(key).unwrap();
                for packet in 0..8_u16 {
                    let payload = EventPayload { digit, end: packet >= 5, duration: (packet.min(5) + 1) * 160 };
                    let mut octets = timestamp.to_be_bytes().to_vec();
                    octets.extend_from_slice(&payload.octets());
                    self.keys.push_back((at + Duration::from_millis(20) * u32::from(packet), octets));
                }
                self.pressed += 1;
                at += BETWEEN_KEYS;
                timestamp += 2000;
            }
            at += BETWEEN_ENTRIES;
        }
    }
}
