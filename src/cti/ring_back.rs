//! Calling a phone back when it is its user's: it rings, and says its number.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::METHODS;
use super::call::{Call, Input, Output};
use super::dialogs::{Dialogs, ForCall};
use super::ending::CallEnding;
use super::leg::Surroundings;
use super::media_addresses::MediaAddresses;
use super::phase::{self, Phase};
use super::speaker::Speaker;
use super::wire::Wire;
use crate::ivr::{Line, PlayTag, Sentence};
use crate::media::negotiation::make_offer;
use crate::media::{Codec, CodecOrder, LocalMedia, MediaEvent};
use crate::registrar::Binding;
use crate::sip::message::{Method, Request, Response};
use crate::sip::{Exchange, SipError};
use crate::vocab::{DirectoryNumber, Language};

/// The longest a phone is spoken to.
const LONGEST: Duration = Duration::from_secs(60);
/// How long a cancelled call may take to be over.
const UNANSWERED: Duration = Duration::from_secs(40);
/// Events of the media that may wait.
const MEDIA_EVENTS: usize = 16;
/// All that is said, is said once.
const SPOKEN: PlayTag = PlayTag(1);

/// Whom to call back, and what to say.
#[derive(Clone, Copy, Debug)]
pub struct RingBackCall<'a> {
    /// Where the phone is.
    pub binding: &'a Binding,
    /// The address it registered from.
    pub signalling_ip: IpAddr,
    /// Its number.
    pub extension: &'a DirectoryNumber,
    /// The number the call comes from.
    pub caller: &'a DirectoryNumber,
    /// The language to speak.
    pub language: &'a Language,
    /// How long to ring.
    pub patience: Duration,
}

/// Rings a phone, says its number, and hangs up.
pub(super) async fn ring_back(
    surroundings: Surroundings,
    addresses: MediaAddresses,
    dialogs: &Dialogs,
    ring_back: RingBackCall<'_>,
) -> Result<CallEnding, SipError> {
    let RingBackCall { signalling_ip, extension, language, patience, .. } = ring_back;
    let Surroundings { endpoint, engine, voice, phase, session_seconds, .. } = surroundings;
    let binding = &ring_back.binding.over(&endpoint)?;
    let ring_back = RingBackCall { binding, ..ring_back };
    let flow = binding.flow;
    let port = engine.open(addresses.bound(&flow)).map_err(unusable)?;
    let mut local = LocalMedia {
        addr: SocketAddr::new(addresses.shown(&flow), port.local_addr().port()),
        codecs: vec![Codec::Pcmu, Codec::Pcma, Codec::G722],
        order: CodecOrder::Ours,
        session_id: rand::random::<u32>().into(),
        version: 1,
        previous: None,
    };
    let offer = make_offer(&local).map_err(unusable)?;
    local.previous = Some(offer.clone());
    let invite = invite(ring_back, offer)?;
    let exchange = endpoint.request_along(invite.clone(), flow).await?;
    let mut ringing = Ringing { exchange, phase: phase.clone(), is_heard: false, is_called_off: false };
    let Some(answer) = ringing.answer(patience).await? else { return Ok(CallEnding::NotAnswered(408)) };
    if answer.status >= 300 {
        return Ok(CallEnding::NotAnswered(if ringing.is_called_off { 408 } else { answer.status }));
    }
    let (call, outputs) = Call::placed(invite, &answer, local, session_seconds)?;
    let (_entry, inbox) = dialogs.enter(call.id().clone());
    let (wire, answers) = Wire::new(endpoint, flow, None);
    let (events, media) = mpsc::channel(MEDIA_EVENTS);
    let line = Line { language: language.clone(), sentence: Sentence::RingBack { extension: extension.clone() } };
    let mut talk = Talk {
        call,
        wire,
        speaker: Speaker::new(engine, voice, port, signalling_ip, events),
        line,
        ending: None,
        inbox,
        answers,
        media,
    };
    talk.carry_out(outputs).await;
    if ringing.is_called_off {
        // Picked up at the very moment it was given up.
        talk.signal(Input::Release(CallEnding::NotAnswered(408))).await;
    }
    Ok(talk.run(ringing.exchange, phase).await)
}

/// An INVITE on its way to a final answer.
struct Ringing {
    exchange: Exchange,
    phase: watch::Receiver<Phase>,
    /// It was answered provisionally, so that it can be cancelled (RFC 3261 section 9.1).
    is_heard: bool,
    is_called_off: bool,
}

impl Ringing {
    /// The final answer. After `patience`, and when the service closes, the call is called off; none if nothing comes of that.
    async fn answer(&mut self, patience: Duration) -> Result<Option<Response>, SipError> {
        let mut deadline = Instant::now() + patience;
        loop {
            tokio::select! {
                response = self.exchange.next() => {
                    let response = response?;
                    if response.status >= 200 {
                        return Ok(Some(response));
                    }
                    let is_first = !std::mem::replace(&mut self.is_heard, true);
                    if is_first && self.is_called_off {
                        self.exchange.cancel().await;
                    }
                    continue;
                }
                () = sleep_until(deadline) => {}
                () = phase::reached(&mut self.phase, Phase::Draining), if !self.is_called_off => {}
            }
            if std::mem::replace(&mut self.is_called_off, true) {
                return Ok(None);
            }
            deadline = Instant::now() + UNANSWERED;
            if self.is_heard {
                self.exchange.cancel().await;
            }
        }
    }
}

/// The call, once it is taken.
struct Talk {
    call: Call,
    wire: Wire,
    speaker: Speaker,
    line: Line,
    ending: Option<CallEnding>,
    inbox: mpsc::Receiver<ForCall>,
    answers: mpsc::Receiver<(Method, Response)>,
    media: mpsc::Receiver<MediaEvent>,
}

impl Talk {
    /// Speaks, and says how the call ended.
    async fn run(&mut self, mut exchange: Exchange, mut phase: watch::Receiver<Phase>) -> CallEnding {
        let longest = Instant::now() + LONGEST;
        loop {
            if let Some(ending) = &self.ending {
                return ending.clone();
            }
            let deadline = self.call.deadline().map_or(longest, |deadline| longest.min(deadline.into()));
            tokio::select! {
                Some(message) = self.inbox.recv() => match message {
                    ForCall::Acknowledged(ack) => self.signal(Input::Acknowledged(ack)).await,
                    ForCall::Request(request, responder) => {
                        self.wire.answer_by(responder);
                        self.signal(Input::Request(request)).await;
                    }
                },
                Some((method, response)) = self.answers.recv() => self.signal(Input::Answered(method, response)).await,
                // The 2xx came again.
                Ok(response) = exchange.next() => self.signal(Input::Answered(Method::Invite, response)).await,
                Some(event) = self.media.recv() => {
                    if matches!(event, MediaEvent::PlaybackFinished { .. }) {
                        self.speaker.finished(SPOKEN);
                        self.signal(Input::Release(CallEnding::Released("spoken"))).await;
                    }
                }
                () = phase::reached(&mut phase, Phase::Closing) => {
                    self.signal(Input::Release(CallEnding::Released("service-closing"))).await;
                }
                () = sleep_until(deadline) => self.elapsed(longest).await,
            }
        }
    }

    async fn elapsed(&mut self, longest: Instant) {
        self.signal(Input::Elapsed).await;
        if Instant::now() >= longest {
            self.signal(Input::Release(CallEnding::Released("too-long"))).await;
        }
    }

    async fn signal(&mut self, input: Input) {
        let outputs = self.call.handle(Instant::now().into(), input);
        self.carry_out(outputs).await;
    }

    async fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match self.wire.carry_out(output).await {
                Some(Output::Media(agreed)) => self.speaker.follow(agreed),
                Some(Output::Established) => self.speaker.play(SPOKEN, vec![self.line.clone()]),
                Some(Output::Ended(ending)) => {
                    self.speaker.close();
                    self.ending = Some(ending);
                }
                _ => {}
            }
        }
    }
}

fn invite(call: RingBackCall<'_>, offer: String) -> Result<Request, SipError> {
    let RingBackCall { binding, extension, caller, .. } = call;
    let (from, to) = (Some(caller.as_str()), Some(extension.as_str()));
    let mut invite = binding.request(Method::Invite, from, to).map_err(unusable)?;
    invite.headers.set("Allow", &METHODS.each_ref().map(Method::as_str).join(", "));
    Ok(invite.with_body("application/sdp", offer))
}

fn unusable(fault: impl std::fmt::Display) -> SipError {
    SipError::Unusable(fault.to_string())
}
