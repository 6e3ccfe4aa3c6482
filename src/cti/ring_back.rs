//! Calling a phone back when it is its user's: it rings, and says its number.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::ending::CallEnding;
use super::leg::stream_params;
use super::switchboard::MediaAddresses;
use super::voice::Voice;
use crate::ivr::{Line, Sentence};
use crate::media::negotiation::{accept_answer, make_offer};
use crate::media::{Codec, CodecOrder, LocalMedia, MediaEngine, MediaEvent};
use crate::registrar::Binding;
use crate::sip::dialog::Dialog;
use crate::sip::endpoint::Exchange;
use crate::sip::message::{Host, Method, NameAddr, Request, RequestUri, Response, SipUri};
use crate::sip::{Endpoint, Flow, SipError, new_tag};
use crate::vocab::{DirectoryNumber, Language};

/// The longest a phone is spoken to.
const LONGEST: Duration = Duration::from_secs(60);
/// How long a cancelled call may take to be over.
const UNANSWERED: Duration = Duration::from_secs(40);

/// Whom to call back, and what to say.
#[derive(Clone, Copy, Debug)]
pub struct RingBackCall<'a> {
    /// Where the phone is.
    pub binding: &'a Binding,
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
pub async fn ring_back(
    endpoint: &Endpoint,
    engine: &MediaEngine,
    voice: &Voice,
    addresses: MediaAddresses,
    call: RingBackCall<'_>,
) -> Result<CallEnding, SipError> {
    let RingBackCall { binding, extension, caller, language, patience } = call;
    let unusable = |fault: String| SipError::Unusable(fault);
    let port = engine.open(addresses.bound(&binding.flow)).map_err(|error| unusable(error.to_string()))?;
    let local = LocalMedia {
        addr: SocketAddr::new(addresses.shown(&binding.flow), port.local_addr().port()),
        codecs: vec![Codec::Pcmu, Codec::Pcma, Codec::G722],
        order: CodecOrder::Ours,
        session_id: rand::random::<u32>().into(),
        version: 1,
        previous: None,
    };
    let offer = make_offer(&local).map_err(|fault| unusable(fault.to_string()))?;
    let invite = invite(binding, extension, caller, &offer)?;
    let mut exchange = endpoint.send(invite.clone(), binding.flow).await?;
    let Some(answer) = answered(&mut exchange, patience).await? else {
        tokio::spawn(call_off(endpoint.clone(), exchange, invite, binding.flow));
        return Ok(CallEnding::NotAnswered(408));
    };
    if answer.status >= 300 {
        return Ok(CallEnding::NotAnswered(answer.status));
    }
    let mut dialog = Dialog::answered(&invite, &answer)?;
    let acknowledgement = dialog.request(Method::Ack);
    endpoint.acknowledge(acknowledgement.clone(), binding.flow).await?;
    let (events, mut media) = mpsc::channel(16);
    let ending = match accept_answer(offer.as_bytes(), &answer.body) {
        Ok(negotiated) => {
            let params = stream_params(&negotiated, binding.flow.peer.ip(), events);
            let stream = engine.start_stream(port, params).map_err(|error| unusable(error.to_string()))?;
            let line =
                Line { language: language.clone(), sentence: Sentence::RingBack { extension: extension.clone() } };
            let recordings = voice.recordings_of(&[line], stream.codec());
            stream.play(recordings, 1).map_err(|error| unusable(error.to_string()))?;
            let spoken = async {
                loop {
                    tokio::select! {
                        event = media.recv() => match event {
                            Some(MediaEvent::PlaybackFinished { .. }) | None => return,
                            Some(MediaEvent::Digit(_)) => {}
                        },
                        // The 2xx came again: so must the ACK (RFC 3261 section 13.2.2.4).
                        Ok(_) = exchange.next() => {
                            let _ = endpoint.acknowledge(acknowledgement.clone(), binding.flow).await;
                        }
                    }
                }
            };
            // A phone that hung up meanwhile answers the BYE with 481, which is as good.
            let _ = timeout(LONGEST, spoken).await;
            CallEnding::Released("spoken")
        }
        Err(_) => CallEnding::Unusable,
    };
    let bye = dialog.request(Method::Bye);
    endpoint.send(bye, binding.flow).await?.answer().await?;
    Ok(ending)
}

/// The final answer, or none after `patience`.
async fn answered(exchange: &mut Exchange, patience: Duration) -> Result<Option<Response>, SipError> {
    let deadline = Instant::now() + patience;
    match timeout_at(deadline, exchange.answer()).await {
        Ok(answer) => answer.map(Some),
        Err(_) => Ok(None),
    }
}

/// Cancels a call nobody took. Should the phone be picked up at that very moment, it is hung up.
async fn call_off(endpoint: Endpoint, mut exchange: Exchange, invite: Request, flow: Flow) {
    exchange.cancel().await;
    let Ok(Ok(answer)) = timeout(UNANSWERED, exchange.answer()).await else { return };
    if answer.status >= 300 {
        return;
    }
    let Ok(mut dialog) = Dialog::answered(&invite, &answer) else { return };
    let _ = endpoint.acknowledge(dialog.request(Method::Ack), flow).await;
    if let Ok(mut bye) = endpoint.send(dialog.request(Method::Bye), flow).await {
        let _ = bye.answer().await;
    }
}

fn invite(
    binding: &Binding,
    extension: &DirectoryNumber,
    caller: &DirectoryNumber,
    offer: &str,
) -> Result<Request, SipError> {
    let target: RequestUri =
        binding.contact.parse().map_err(|fault: crate::sip::message::Fault| SipError::Unusable(fault.to_string()))?;
    let host = Host::from(binding.flow.local.ip());
    let us = SipUri::new(Some(caller.as_str()), host.clone(), Some(binding.flow.local.port()));
    let mut from = NameAddr::new(us.clone());
    from.params.set("tag", Some(new_tag()));
    let mut contact = us;
    contact.params.set("transport", Some(binding.flow.transport.as_param().to_owned()));
    let to = NameAddr::new(SipUri::new(Some(extension.as_str()), host, None));
    let mut request = Request::new(Method::Invite, target);
    request.headers.set("From", &from.to_string());
    request.headers.set("To", &to.to_string());
    request.headers.set("Call-ID", &format!("{:032x}", rand::random::<u128>()));
    request.headers.set("CSeq", "1 INVITE");
    request.headers.set("Max-Forwards", "70");
    request.headers.set("Contact", &NameAddr::new(contact).to_string());
    Ok(request.with_body("application/sdp", offer.to_owned()))
}
