//! Gives each SIP request to the room it is for. Must not know how a room answers.

use tokio::sync::mpsc;

use super::registering::Registering;
use crate::cti::{self, EXTENSIONS, METHODS, Switchboard};
use crate::registrar::{self, Registrar, Subscriptions};
use crate::sip::message::{Method, Understood, check_request};
use crate::sip::{Answerer, Incoming, IncomingKind, new_tag};

/// What is understood of a request: the registrar has extensions of its own.
fn understood(method: &Method) -> Understood<'static> {
    let extensions: &[&str] = if *method == Method::Register { &registrar::EXTENSIONS } else { &EXTENSIONS };
    Understood { methods: &METHODS, extensions, session_bodies: &["application/sdp"] }
}

/// What is answered without keeping anything of the request: a REGISTER, or the beginning of a call, that shows nothing.
pub(super) fn answer_at_once(registrar: Registrar, switchboard: Switchboard) -> Box<Answerer> {
    Box::new(move |request, flow| match request.method {
        Method::Register if check_request(request, &understood(&request.method)).is_ok() => {
            registrar.challenge(request, flow)
        }
        Method::Invite if !cti::is_in_dialog(request) => {
            let fit = match switchboard.is_passing(request) {
                true => cti::check_passing(request),
                false => check_request(request, &understood(&request.method)),
            };
            match fit {
                Ok(()) => switchboard.challenge(request, flow),
                // An INVITE that is refused is told so again and again: whoever is said to have sent it must not have that.
                Err(refusal) => Some(refusal.with_to_tag(&registrar.tag_of(request))),
            }
        }
        _ => None,
    })
}

/// Routes until the endpoint stops.
pub(super) async fn route(
    mut incoming: mpsc::Receiver<Incoming>,
    registrar: Registrar,
    subscriptions: Subscriptions,
    switchboard: Switchboard,
) {
    let mut registering = Registering::start(&registrar);
    while let Some(Incoming { flow, kind }) = incoming.recv().await {
        match kind {
            // Where it goes on to may have to be looked up.
            IncomingKind::Acknowledged(ack) if switchboard.is_passing(&ack) => {
                let switchboard = switchboard.clone();
                tokio::spawn(async move { switchboard.acknowledge(ack).await });
            }
            IncomingKind::Acknowledged(ack) => switchboard.acknowledge(ack).await,
            IncomingKind::Request(request, responder) if switchboard.is_passing(&request) => {
                let switchboard = switchboard.clone();
                tokio::spawn(async move {
                    match cti::is_in_dialog(&request) {
                        true => switchboard.pass(request, responder).await,
                        false => switchboard.invite(request, flow, responder).await,
                    }
                });
            }
            IncomingKind::CertificateRefused(refusal) => {
                let registrar = registrar.clone();
                tokio::spawn(async move { registrar.note_certificate(flow, refusal).await });
            }
            IncomingKind::Request(request, mut responder) => {
                if let Err(refusal) = check_request(&request, &understood(&request.method)) {
                    if (&request.method, refusal.status) == (&Method::Register, 420) {
                        registrar.note_unsupported(&request, flow);
                    }
                    responder.respond(refusal.with_to_tag(&new_tag())).await;
                    continue;
                }
                let switchboard = switchboard.clone();
                match request.method {
                    Method::Register => registering.take(request, flow, responder).await,
                    Method::Subscribe => {
                        let subscriptions = subscriptions.clone();
                        tokio::spawn(async move { subscriptions.subscribe(&request, flow, responder).await });
                    }
                    _ if cti::is_in_dialog(&request) => switchboard.in_dialog(request, responder).await,
                    Method::Invite => {
                        tokio::spawn(async move { switchboard.invite(request, flow, responder).await });
                    }
                    Method::Options => {
                        let answer = request
                            .respond(200)
                            .with_header("Allow", &understood(&request.method).allow())
                            .with_header("Accept", "application/sdp")
                            .with_header("Supported", &[&registrar::EXTENSIONS[..], &EXTENSIONS].concat().join(", "));
                        responder.respond(answer.with_to_tag(&new_tag())).await;
                    }
                    Method::Refer => responder.respond(request.respond(603).with_to_tag(&new_tag())).await,
                    // BYE, INFO, PRACK and UPDATE mean nothing outside a dialog.
                    _ => responder.respond(request.respond(481).with_to_tag(&new_tag())).await,
                }
            }
        }
    }
}
