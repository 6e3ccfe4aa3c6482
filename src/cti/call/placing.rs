//! A call this end placed, and requests of ours in any: each 2xx to an INVITE of ours gets its ACK (RFC 3261 sections 13.2.2.4
//! and 14.1).

use std::time::Instant;

use super::session::Session;
use super::{Call, CallSettings, Output, SDP, State, allows_update};
use crate::cti::EXTENSIONS;
use crate::cti::ending::CallEnding;
use crate::media::LocalMedia;
use crate::sip::SipError;
use crate::sip::dialog::Dialog;
use crate::sip::message::{Method, Request, Response};

impl Call {
    /// Takes the first 2xx to an INVITE of ours, whose offer was what `local` describes last. A call whose answer can't be used
    /// is over at once. `session_seconds` is the longest session interval.
    pub fn placed(
        invite: Request,
        answer: &Response,
        local: LocalMedia,
        session_seconds: u32,
    ) -> Result<(Self, Vec<Output>), SipError> {
        let dialog = Dialog::answered(&invite, answer)?;
        let contact = invite.headers.get("Contact").unwrap_or_default().to_owned();
        let settings = CallSettings { contact, tag: dialog.id().local_tag.clone(), session_seconds };
        let mut call = Self::new(invite, dialog, Session::offered(local), settings);
        call.state = State::Established;
        call.allows_update = allows_update(&answer.headers);
        call.acknowledge(answer);
        match call.session.accept(&answer.body) {
            Ok(()) => {
                call.tell_media();
                call.establish();
            }
            Err(_) => call.release(CallEnding::Unusable),
        }
        let out = std::mem::take(&mut call.out);
        Ok((call, out))
    }

    /// A final answer to a request of ours in the dialog.
    pub(super) fn answered(&mut self, now: Instant, method: &Method, response: &Response) {
        let is_success = (200..300).contains(&response.status);
        let is_invite = *method == Method::Invite;
        if is_invite && is_success && !self.acknowledge(response) {
            return;
        }
        if matches!(self.state, State::Over) {
            return;
        }
        if is_invite {
            // An answer that can't be used leaves all as it was, and so does none.
            let is_agreed = is_success && self.session.accept(&response.body).is_ok();
            self.session.withdraw();
            self.tell_media();
            if is_agreed && self.session.is_on_hold() {
                return self.release(CallEnding::Held);
            }
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

    /// Acknowledges a 2xx, and the same one with the same ACK each time it comes. True the first time.
    fn acknowledge(&mut self, answer: &Response) -> bool {
        let number = answer.headers.cseq().map_or(0, |cseq| cseq.number);
        let again = self.acknowledgement.as_ref().filter(|(known, _)| *known == number);
        if let Some((_, ack)) = again {
            self.out.push(Output::Acknowledge(ack.clone()));
            return false;
        }
        self.dialog.refreshed(answer);
        let ack = self.dialog.acknowledgement(number);
        self.out.push(Output::Acknowledge(ack.clone()));
        self.acknowledgement = Some((number, ack));
        true
    }

    /// Asks whether the other side is still there (RFC 4028 section 7.4): by UPDATE where it is allowed.
    pub(super) fn refresh(&mut self) {
        let method = if self.allows_update { Method::Update } else { Method::Invite };
        let mut refresh = self.dialog.request(method.clone());
        refresh.headers.set("Contact", &self.settings.contact);
        refresh.headers.set("Supported", &EXTENSIONS.join(", "));
        if let Some(timer) = &self.timer {
            refresh.headers.set("Session-Expires", &timer.header());
        }
        if method == Method::Invite {
            refresh = refresh.with_body(SDP, self.session.repeat());
        }
        self.out.push(Output::Send(refresh));
    }
}
