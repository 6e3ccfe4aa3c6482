//! A call that comes in: the 2xx to its INVITE, and the ACK (RFC 3261 sections 13.3 and 14.2).

use std::time::Instant;

use super::repetition::Again;
use super::session::Session;
use super::{Call, CallSettings, Output, SDP, State, allows_update};
use crate::cti::ending::CallEnding;
use crate::cti::session_timer::SessionTimer;
use crate::media::LocalMedia;
use crate::sip::dialog::Dialog;
use crate::sip::message::{Request, Response};

impl Call {
    /// Takes an INVITE outside a dialog. `Err` is the refusal to send.
    pub fn answer(
        invite: Request,
        local: LocalMedia,
        settings: CallSettings,
        now: Instant,
    ) -> Result<(Self, Vec<Output>), Response> {
        let timer = match SessionTimer::answering(&invite, settings.session_seconds, now) {
            Ok(timer) => timer,
            Err(least) => return Err(invite.respond(422).with_header("Min-SE", &least.to_string())),
        };
        let dialog = Dialog::answering(&invite, &settings.tag)
            .map_err(|fault| invite.respond(400).with_reason(&fault.to_string()))?;
        let mut call = Self::new(invite, dialog, Session::new(local), settings);
        (call.timer, call.session_expires) = timer.map_or((None, None), |(timer, header)| (Some(timer), Some(header)));
        call.allows_update = allows_update(&call.invite.headers);
        call.session.reply(&call.invite.body).map_err(|refusal| call.refuse(&call.invite, &refusal))?;
        let needs_reliable = call.invite.headers.list("Require").iter().any(|tag| tag.eq_ignore_ascii_case("100rel"));
        match needs_reliable {
            true => call.ring_reliably(now),
            false => call.accept(now),
        }
        let out = std::mem::take(&mut call.out);
        Ok((call, out))
    }

    pub(super) fn accept(&mut self, now: Instant) {
        let mut answer = self.ours(self.invite.respond(200));
        for route in self.invite.headers.all("Record-Route") {
            answer.headers.push("Record-Route", route);
        }
        answer = self.with_timer(answer);
        // Where our offer was answered in a PRACK, all is said.
        if !self.invite.body.is_empty() || self.session.awaits_answer() {
            answer = answer.with_body(SDP, self.session.described());
        }
        self.out.push(Output::Respond(answer.clone()));
        self.state = State::Answered { answer, again: Again::starting(now) };
        self.tell_media();
    }

    /// An ACK. That of a 2xx with an offer of ours has the answer to it.
    pub(super) fn acknowledged(&mut self, now: Instant, ack: &Request) {
        let is_ours = match (ack.headers.cseq(), self.invite.headers.cseq()) {
            (Ok(ack), Ok(invite)) => ack.number == invite.number,
            _ => false,
        };
        if !is_ours || !matches!(self.state, State::Answered { .. }) {
            return;
        }
        self.state = State::Established;
        if let Some(timer) = &mut self.timer {
            timer.refreshed(now);
        }
        if self.session.awaits_answer() {
            if self.session.accept(&ack.body).is_err() {
                return self.release(CallEnding::Unusable);
            }
            self.tell_media();
            if self.is_up && self.session.is_on_hold() {
                self.ending.get_or_insert(CallEnding::Held);
            }
        }
        match self.ending.take() {
            Some(ending) => self.release(ending),
            None => self.establish(),
        }
    }
}
