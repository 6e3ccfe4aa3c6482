//! The server's side: the transaction layer, the call and the dialogue, with a verdict that is always yes.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tsunagu::cti::{Call, CallInput, CallOutput, CallSettings};
use tsunagu::ivr::{self, Dialogue, DialogueSettings, Key, NextStep, Question, Verdict};
use tsunagu::media::events::EventReceiver;
use tsunagu::media::{Codec, CodecOrder, LocalMedia};
use tsunagu::sip::message::{Message, parse_datagram};
use tsunagu::sip::transaction::{Layer, Output, Timers, TransactionId};
use tsunagu::sip::{Flow, Transport};

use crate::network::{Network, Packet};

/// How long whatever is said takes.
const SPOKEN: Duration = Duration::from_secs(2);
const FLOW: Flow = Flow {
    transport: Transport::Udp,
    local: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1)), 5060),
    peer: SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2)), 5060),
};

pub struct Callee {
    layer: Layer,
    call: Option<(Call, TransactionId)>,
    dialogue: Dialogue,
    events: EventReceiver,
    said: Option<(Instant, ivr::PlayTag)>,
    ending: Option<&'static str>,
    is_over: bool,
    keys: usize,
    branches: u32,
}

impl Callee {
    pub fn new(now: Instant) -> Self {
        Self {
            layer: Layer::new(Timers::default(), 100),
            call: None,
            dialogue: Dialogue::new(DialogueSettings::default(), now),
            events: EventReceiver::new(),
            said: None,
            ending: None,
            is_over: false,
            keys: 0,
            branches: 0,
        }
    }

    pub fn ending(&self) -> Option<&'static str> {
        self.ending
    }

    /// True if there was no call, or it is over.
    pub fn is_over(&self) -> bool {
        self.call.is_none() || self.is_over
    }

    pub fn keys(&self) -> usize {
        self.keys
    }

    pub fn deadline(&self) -> Option<Instant> {
        let call = self.call.as_ref().and_then(|(call, _)| call.deadline());
        let said = self.said.map(|(at, _)| at);
        let dialogue = if self.is_over || self.call.is_none() { None } else { self.dialogue.deadline() };
        [self.layer.deadline(), call, said, dialogue].into_iter().flatten().min()
    }

    pub fn receive(&mut self, now: Instant, packet: Packet, network: &mut Network) {
        if packet.is_media {
            // SSRC and timestamp, then the event's payload.
            let (timestamp, payload) = packet.octets.split_at(4);
            let timestamp = u32::from_be_bytes(timestamp.try_into().unwrap());
            if let Some(digit) = self.events.receive(1, timestamp, payload, now) {
                self.keys += 1;
                self.converse(now, ivr::Input::Digit(Key::try_from(digit.as_char()).unwrap()), network);
            }
            return;
        }
        match parse_datagram(&packet.octets).unwrap() {
            Message::Request(request) => self.layer.receive_request(now, request, FLOW),
            Message::Response(response) => self.layer.receive_response(now, response),
        }
        self.carry_out(now, network);
    }

    pub fn elapsed(&mut self, now: Instant, network: &mut Network) {
        self.layer.elapsed(now);
        self.carry_out(now, network);
        if let Some((_, tag)) = self.said.take_if(|(at, _)| *at <= now) {
            self.converse(now, ivr::Input::PromptDone { tag }, network);
        }
        if !self.is_over && self.dialogue.deadline().is_some_and(|at| at <= now) && self.call.is_some() {
            self.converse(now, ivr::Input::Elapsed, network);
        }
        if let Some((call, id)) = &mut self.call
            && call.deadline().is_some_and(|at| at <= now)
        {
            let (outputs, id) = (call.handle(now, CallInput::Elapsed), *id);
            self.signal(now, outputs, id, network);
        }
    }

    fn carry_out(&mut self, now: Instant, network: &mut Network) {
        while let Some(output) = self.layer.next_output() {
            match output {
                Output::Ask(_, octets) | Output::Answer(_, octets) => {
                    network.send(now, Packet { towards_server: false, octets: octets.to_vec(), is_media: false });
                }
                Output::Request(id, request, _) => match &mut self.call {
                    None => {
                        let local = LocalMedia {
                            addr: SocketAddr::from(([127, 0, 0, 1], 20_000)),
                            codecs: vec![Codec::Pcmu],
                            order: CodecOrder::Ours,
                            session_id: 1,
                            version: 1,
                            previous: None,
                        };
                        let settings = CallSettings {
                            contact: "<sip:2000@127.0.0.1>".to_owned(),
                            tag: "server".to_owned(),
                            session_seconds: 1800,
                        };
                        let (call, outputs) = Call::answer(request, local, settings, now).expect("an offer to take");
                        self.call = Some((call, id));
                        self.signal(now, outputs, id, network);
                    }
                    Some((call, _)) => {
                        let outputs = call.handle(now, CallInput::Request(request));
                        self.signal(now, outputs, id, network);
                    }
                },
                Output::Acknowledged(ack, _) => {
                    if let Some((call, id)) = &mut self.call {
                        let (outputs, id) = (call.handle(now, CallInput::Acknowledged(ack)), *id);
                        self.signal(now, outputs, id, network);
                    }
                }
                Output::Cancelled(_)
                | Output::Response(..)
                | Output::TimedOut(_)
                | Output::NotSent(_)
                | Output::Ended(_) => {}
            }
        }
    }

    fn signal(&mut self, now: Instant, outputs: Vec<CallOutput>, answering: TransactionId, network: &mut Network) {
        for output in outputs {
            match output {
                CallOutput::Respond(response) => {
                    let invite = self.call.as_ref().map_or(answering, |(_, id)| *id);
                    self.layer.respond(now, invite, response);
                }
                CallOutput::Answer(response) => self.layer.respond(now, answering, response),
                CallOutput::Send(request) => {
                    self.branches += 1;
                    let branch = format!("z9hG4bKserver{}", self.branches);
                    self.layer.send_request(now, request, FLOW, &branch);
                }
                CallOutput::Established => self.converse(now, ivr::Input::Answered, network),
                CallOutput::Ended(_) => {
                    self.is_over = true;
                    self.said = None;
                }
                CallOutput::Acknowledge(_) | CallOutput::Media(_) | CallOutput::Digit(_) => {}
            }
        }
        self.carry_out(now, network);
    }

    fn converse(&mut self, now: Instant, input: ivr::Input, network: &mut Network) {
        for output in self.dialogue.handle(now, input) {
            match output {
                ivr::Output::Play { tag, .. } => self.said = Some((now + SPOKEN, tag)),
                ivr::Output::StopPlaying => self.said = None,
                ivr::Output::Ask(question) => {
                    let verdict = match question {
                        Question::Begin => Verdict::Proceed,
                        Question::Claim { .. } => {
                            Verdict::Bound { extension: "1001".parse().unwrap(), next: NextStep::Restart }
                        }
                    };
                    self.converse(now, ivr::Input::Verdict(verdict), network);
                }
                ivr::Output::HangUp(ending) => {
                    self.ending = Some(ending.code());
                    if let Some((call, id)) = &mut self.call {
                        let ending = tsunagu::cti::CallEnding::Released(ending.code());
                        let (outputs, id) = (call.handle(now, CallInput::Release(ending)), *id);
                        self.signal(now, outputs, id, network);
                    }
                }
            }
        }
    }
}
