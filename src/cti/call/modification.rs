//! Requests that change a call: re-INVITE and UPDATE (RFC 3261 section 14.2, RFC 3311). A refresh, another address, another codec,
//! the hold key.

use std::time::Instant;

use super::repetition::Again;
use super::{Call, Output, SDP, State, allows_update};
use crate::cti::ending::CallEnding;
use crate::cti::session_timer::SessionTimer;
use crate::media::SdpError;
use crate::sip::message::{Method, Request, Response};

impl Call {
    /// Answers the request. What is refused changes nothing.
    pub(super) fn modify(&mut self, now: Instant, request: &Request) {
        match self.change(now, request) {
            Ok(answer) => self.out.push(Output::Answer(answer)),
            Err(refusal) => return self.out.push(Output::Answer(refusal)),
        }
        self.tell_media();
        // Without an offer in it, a re-INVITE gets ours, and only the ACK tells what comes of it.
        let is_hold = !request.body.is_empty() && self.session.is_on_hold();
        match (is_hold, &request.method) {
            // Only once the re-INVITE is acknowledged may the dialog be ended (RFC 3261 section 15).
            (true, Method::Invite) => self.ending = Some(CallEnding::Held),
            (true, _) => self.release(CallEnding::Held),
            (false, _) => {}
        }
    }

    fn change(&mut self, now: Instant, request: &Request) -> Result<Response, Response> {
        if let Some(refusal) = self.untimely(request) {
            return Err(refusal);
        }
        let timer = SessionTimer::answering(request, self.settings.session_seconds, now)
            .map_err(|least| request.respond(422).with_header("Min-SE", &least.to_string()))?;
        let is_invite = request.method == Method::Invite;
        let body = match is_invite || !request.body.is_empty() {
            true => Some(self.session.reply(&request.body).map_err(|refusal| self.refuse(request, &refusal))?),
            false => None,
        };
        (self.timer, self.session_expires) = timer.map_or((None, None), |(timer, header)| (Some(timer), Some(header)));
        let mut answer = self.with_timer(self.ours(request.respond(200)));
        if let Some(body) = body {
            answer = answer.with_body(SDP, body);
        }
        if is_invite {
            self.allows_update |= allows_update(&request.headers);
            self.invite = request.clone();
            self.state = State::Answered { answer: answer.clone(), again: Again::starting(now) };
        }
        Ok(answer)
    }

    /// The refusal of a change that comes while another one is under way.
    fn untimely(&self, request: &Request) -> Option<Response> {
        let is_invite = request.method == Method::Invite;
        let has_offer = !request.body.is_empty();
        let later = || request.respond(500).with_header("Retry-After", "3");
        match &self.state {
            State::Answered { .. } | State::Ringing { .. } if is_invite => Some(later()),
            _ if self.session.awaits_answer() && (is_invite || has_offer) => Some(request.respond(491)),
            // Their first offer is not answered yet (RFC 3311 section 5.2).
            State::Ringing { .. } if has_offer => Some(later()),
            _ => None,
        }
    }

    pub(super) fn refuse(&self, request: &Request, refusal: &SdpError) -> Response {
        let status = match refusal {
            SdpError::Malformed(_) | SdpError::TooLarge => 400,
            _ => 488,
        };
        let warning = format!("399 tsunagu \"{}\"", refusal.to_string().replace('"', "'"));
        request.respond(status).with_header("Warning", &warning).with_to_tag(&self.settings.tag)
    }
}
