//! Ringing that wants to be acknowledged (RFC 3262).

use std::time::Instant;

use super::repetition::Again;
use super::{Call, Output, SDP, State};
use crate::sip::message::{Request, Response};

impl Call {
    pub(super) fn ring_reliably(&mut self, now: Instant) {
        let rseq = 1;
        self.out.push(Output::Respond(self.ringing(rseq)));
        self.state = State::Ringing { rseq, again: Again::starting(now) };
    }

    pub(super) fn ringing(&self, rseq: u32) -> Response {
        let ringing = self.ours(self.invite.respond(180));
        let ringing = ringing.with_header("Require", "100rel").with_header("RSeq", &rseq.to_string());
        match self.session.awaits_answer() {
            // RFC 3262 section 5: to an INVITE without an offer, the first reliable response has one.
            true => ringing.with_body(SDP, self.session.described()),
            false => ringing,
        }
    }

    pub(super) fn provisionally_acknowledged(&mut self, now: Instant, request: &Request) {
        let acknowledged = request.headers.get("RAck").map(|value| value.split_ascii_whitespace().collect::<Vec<_>>());
        let cseq = self.invite.headers.cseq().map_or(0, |cseq| cseq.number).to_string();
        match self.state {
            State::Ringing { rseq, .. }
                if acknowledged.as_deref() == Some(&[rseq.to_string().as_str(), &cseq, "INVITE"]) =>
            {
                self.out.push(Output::Answer(request.respond(200)));
                // Where there is no answer in it, the 2xx offers again and the ACK may have one.
                let has_answer = self.session.awaits_answer() && !request.body.is_empty();
                if has_answer && self.session.accept(&request.body).is_err() {
                    self.session.repeat();
                }
                self.accept(now);
            }
            _ => self.out.push(Output::Answer(request.respond(481))),
        }
    }
}
