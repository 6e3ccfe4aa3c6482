//! Offers and answers of a call (RFC 3264), and requests that change it: re-INVITE, UPDATE, the refresh of its session.

use std::time::Instant;

use super::repetition::Again;
use super::{Call, Output, SDP, State};
use crate::cti::EXTENSIONS;
use crate::cti::ending::CallEnding;
use crate::cti::session_timer::SessionTimer;
use crate::media::Codec;
use crate::media::negotiation::{self, LocalMedia, SdpError};
use crate::sip::message::{Method, Request, Response};

impl Call {
    /// The session description of our 2xx: the answer to their offer, or an offer of ours (a late offer).
    pub(super) fn describe(&mut self) -> Result<String, SdpError> {
        if self.invite.body.is_empty() {
            return negotiation::make_offer(&self.local);
        }
        let answer = negotiation::answer(&self.invite.body, &self.local)?;
        self.negotiated = Some(answer.negotiated);
        Ok(answer.body)
    }

    pub(super) fn refuse(&self, request: &Request, refusal: &SdpError) -> Response {
        let status = match refusal {
            SdpError::Malformed(_) | SdpError::TooLarge => 400,
            _ => 488,
        };
        let warning = format!("399 tsunagu \"{}\"", refusal.to_string().replace('"', "'"));
        request.respond(status).with_header("Warning", &warning).with_to_tag(&self.settings.tag)
    }

    /// A re-INVITE or UPDATE: a refresh, a new address, or the hold key.
    pub(super) fn modify(&mut self, now: Instant, request: &Request) {
        if request.method == Method::Invite && !matches!(self.state, State::Established) {
            return self.out.push(Output::Answer(request.respond(500).with_header("Retry-After", "3")));
        }
        match SessionTimer::answering(request, self.settings.session_seconds, now) {
            Err(least) => {
                let refusal = request.respond(422).with_header("Min-SE", &least.to_string());
                return self.out.push(Output::Answer(refusal));
            }
            Ok(Some((timer, header))) => (self.timer, self.session_expires) = (Some(timer), Some(header)),
            Ok(None) => (self.timer, self.session_expires) = (None, None),
        }
        let mut answer = self.with_timer(self.ours(request.respond(200)));
        let mut is_hold = false;
        if !request.body.is_empty() {
            let local = self.in_use();
            match negotiation::answer(&request.body, &local) {
                Ok(agreed) => {
                    is_hold = agreed.negotiated.on_hold();
                    self.out.push(Output::Redirect(agreed.negotiated.remote));
                    self.local.previous = Some(agreed.body);
                    self.negotiated = Some(agreed.negotiated);
                }
                Err(refusal) => {
                    let refusal = self.refuse(request, &refusal);
                    return self.out.push(Output::Answer(refusal));
                }
            }
        }
        if request.method == Method::Invite || !request.body.is_empty() {
            answer = answer.with_body(SDP, self.local.previous.clone().unwrap_or_default());
        }
        self.out.push(Output::Answer(answer.clone()));
        if request.method == Method::Invite {
            self.invite = request.clone();
            self.state = State::Answered { answer, again: Again::starting(now) };
        }
        match (is_hold, request.method == Method::Invite) {
            // Only once the re-INVITE is acknowledged may the dialog be ended (RFC 3261 section 15).
            (true, true) => self.ending = Some(CallEnding::Held),
            (true, false) => self.release(CallEnding::Held),
            (false, _) => {}
        }
    }

    /// Our side as it is now: the codec in use does not change in the middle of a conversation.
    fn in_use(&self) -> LocalMedia {
        let codecs: Vec<Codec> = match &self.negotiated {
            Some(negotiated) => vec![negotiated.codec],
            None => self.local.codecs.clone(),
        };
        LocalMedia { codecs, ..self.local.clone() }
    }

    pub(super) fn answered(&mut self, now: Instant, method: &Method, response: &Response) {
        if *method == Method::Invite && (200..300).contains(&response.status) {
            let ack = self.dialog.request(Method::Ack);
            self.out.push(Output::Acknowledge(ack));
        }
        match response.status {
            200..300 => {
                if let Some(timer) = &mut self.timer {
                    timer.refreshed(now);
                }
            }
            // RFC 3261 section 12.2.1.2: the other side knows nothing of this call any more.
            408 | 481 => self.end(CallEnding::SessionExpired),
            _ => {}
        }
    }

    pub(super) fn refresh(&mut self) {
        let allows_update = self.invite.headers.list("Allow").contains(&"UPDATE");
        let method = if allows_update { Method::Update } else { Method::Invite };
        let mut refresh = self.dialog.request(method.clone());
        refresh.headers.set("Contact", &self.settings.contact);
        refresh.headers.set("Supported", &EXTENSIONS.join(", "));
        if let Some(timer) = &self.timer {
            refresh.headers.set("Session-Expires", &timer.header());
        }
        if method == Method::Invite {
            refresh = refresh.with_body(SDP, self.local.previous.clone().unwrap_or_default());
        }
        self.out.push(Output::Send(refresh));
    }
}
