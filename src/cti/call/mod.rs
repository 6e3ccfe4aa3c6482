//! The signalling of one answered call, as a pure machine: messages and instants in, messages and news out.
//!
//! [`answering`] is a call that comes in, with [`provisional`]; [`placing`] one that goes out, and all requests of ours;
//! [`modification`] is what the other side changes, [`session`] what both have described.
//! RFC 3261 sections 13 to 15, RFC 3262 (reliable provisional responses), RFC 3264 (through [`crate::media::negotiation`]), RFC 4028.

mod answering;
mod modification;
mod placing;
mod provisional;
mod repetition;
mod session;

use std::time::Instant;

use self::repetition::Again;
use self::session::Session;
use super::ending::CallEnding;
use super::session_timer::{Due, SessionTimer};
use super::{EXTENSIONS, METHODS};
use crate::media::{Digit, Negotiated, info};
use crate::sip::dialog::{Dialog, DialogId};
use crate::sip::message::{Headers, Method, Request, Response};

const SDP: &str = "application/sdp";

/// What a call needs to know of its surroundings.
#[derive(Clone, Debug)]
pub struct CallSettings {
    /// The Contact header of this end.
    pub contact: String,
    /// The tag of this end.
    pub tag: String,
    /// The longest session interval, in seconds.
    pub session_seconds: u32,
}

/// Something happened.
#[derive(Debug)]
pub enum Input {
    /// A request arrived in the dialog; the answer comes as [`Output::Answer`].
    Request(Request),
    /// An ACK arrived.
    Acknowledged(Request),
    /// The INVITE was cancelled.
    Cancelled,
    /// A final answer to a request of ours arrived.
    Answered(Method, Response),
    /// The application is done.
    Release(CallEnding),
    /// [`Call::deadline`] has come.
    Elapsed,
}

/// Something to do.
#[derive(Debug)]
pub enum Output {
    /// Answer the INVITE that made this call.
    Respond(Response),
    /// Answer the request just given.
    Answer(Response),
    /// Send this request in the dialog.
    Send(Request),
    /// Acknowledge a 2xx to an INVITE of ours.
    Acknowledge(Request),
    /// Media is to flow as agreed, from now on or otherwise than before.
    Media(Negotiated),
    /// The call is up: its first 2xx is acknowledged.
    Established,
    /// A key was pressed (SIP INFO).
    Digit(Digit),
    /// It is over; nothing follows.
    Ended(CallEnding),
}

#[derive(Debug)]
enum State {
    /// 180 was sent reliably and waits for its PRACK.
    Ringing {
        rseq: u32,
        again: Again,
    },
    /// 2xx was sent and waits for its ACK. It is kept to be sent again.
    Answered {
        answer: Response,
        again: Again,
    },
    Established,
    Over,
}

/// One call, from this end.
#[derive(Debug)]
pub struct Call {
    settings: CallSettings,
    invite: Request,
    dialog: Dialog,
    session: Session,
    timer: Option<SessionTimer>,
    session_expires: Option<String>,
    state: State,
    /// True once it was told that the call is up.
    is_up: bool,
    /// The other side takes UPDATE.
    allows_update: bool,
    /// The ACK of the last INVITE of ours, and its CSeq.
    acknowledgement: Option<(u32, Request)>,
    /// A call that is to end once the other side has acknowledged.
    ending: Option<CallEnding>,
    out: Vec<Output>,
}

impl Call {
    fn new(invite: Request, dialog: Dialog, session: Session, settings: CallSettings) -> Self {
        Self {
            settings,
            invite,
            dialog,
            session,
            timer: None,
            session_expires: None,
            state: State::Over,
            is_up: false,
            allows_update: false,
            acknowledgement: None,
            ending: None,
            out: Vec::new(),
        }
    }

    /// The dialog's name.
    pub fn id(&self) -> &DialogId {
        self.dialog.id()
    }

    /// The dialog, for finding where requests go.
    pub fn dialog(&self) -> &Dialog {
        &self.dialog
    }

    /// Takes what happened and gives what to do, in order.
    pub fn handle(&mut self, now: Instant, input: Input) -> Vec<Output> {
        match (&self.state, input) {
            (_, Input::Answered(method, response)) => self.answered(now, &method, &response),
            (State::Over, Input::Request(request)) => self.out.push(Output::Answer(request.respond(481))),
            (State::Over, _) => {}
            (_, Input::Request(request)) => self.request(now, &request),
            (_, Input::Acknowledged(ack)) => self.acknowledged(now, &ack),
            (_, Input::Cancelled) => self.cancelled(),
            (_, Input::Release(ending)) => self.release(ending),
            (_, Input::Elapsed) => self.elapsed(now),
        }
        std::mem::take(&mut self.out)
    }

    /// When [`Input::Elapsed`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let again = match &self.state {
            State::Ringing { again, .. } | State::Answered { again, .. } => Some(again.at.min(again.ends)),
            State::Established => None,
            State::Over => return None,
        };
        again.into_iter().chain(self.timer.as_ref().map(SessionTimer::deadline)).min()
    }

    fn with_timer(&self, answer: Response) -> Response {
        match &self.session_expires {
            Some(value) => answer.with_header("Require", "timer").with_header("Session-Expires", value),
            None => answer,
        }
    }

    /// Tag, Contact, Allow and Supported.
    fn ours(&self, response: Response) -> Response {
        let allow = METHODS.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        response
            .with_to_tag(&self.settings.tag)
            .with_header("Contact", &self.settings.contact)
            .with_header("Allow", &allow)
            .with_header("Supported", &EXTENSIONS.join(", "))
    }

    fn request(&mut self, now: Instant, request: &Request) {
        if self.dialog.receive(request).is_err() {
            return self.out.push(Output::Answer(request.respond(500).with_reason("CSeq out of order")));
        }
        match request.method {
            Method::Bye => {
                self.out.push(Output::Answer(request.respond(200)));
                if matches!(self.state, State::Ringing { .. }) {
                    self.out.push(Output::Respond(self.invite.respond(487).with_to_tag(&self.settings.tag)));
                }
                let ending = self.ending.take().unwrap_or(CallEnding::HungUp);
                self.end(ending);
            }
            Method::Prack => self.provisionally_acknowledged(now, request),
            Method::Invite | Method::Update => self.modify(now, request),
            Method::Refer => {
                self.out.push(Output::Answer(request.respond(603)));
                self.release(CallEnding::Transferred);
            }
            Method::Info => self.info(request),
            Method::Options => self.out.push(Output::Answer(self.ours(request.respond(200)))),
            _ => {
                let allow = METHODS.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
                self.out.push(Output::Answer(request.respond(405).with_header("Allow", &allow)));
            }
        }
    }

    fn info(&mut self, request: &Request) {
        let content_type = request.headers.get("Content-Type").unwrap_or_default();
        match info::digit_of_info(content_type, &request.body) {
            Some(digit) => {
                self.out.push(Output::Answer(request.respond(200)));
                self.out.push(Output::Digit(digit));
            }
            None if request.body.is_empty() => self.out.push(Output::Answer(request.respond(200))),
            None => {
                let accept = "application/dtmf-relay, application/dtmf";
                self.out.push(Output::Answer(request.respond(415).with_header("Accept", accept)));
            }
        }
    }

    fn cancelled(&mut self) {
        if matches!(self.state, State::Ringing { .. }) {
            self.out.push(Output::Respond(self.invite.respond(487).with_to_tag(&self.settings.tag)));
            self.end(CallEnding::Cancelled);
        }
    }

    fn release(&mut self, ending: CallEnding) {
        match &self.state {
            State::Established => {
                let mut bye = self.dialog.request(Method::Bye);
                let reason = format!("SIP;cause=200;text=\"{}\"", ending.code());
                bye.headers.set("Reason", &reason);
                self.out.push(Output::Send(bye));
                self.end(ending);
            }
            State::Answered { .. } => self.ending = Some(ending),
            State::Ringing { .. } => {
                self.out.push(Output::Respond(self.invite.respond(480).with_to_tag(&self.settings.tag)));
                self.end(ending);
            }
            State::Over => {}
        }
    }

    fn elapsed(&mut self, now: Instant) {
        match &mut self.state {
            State::Ringing { again, .. } if now >= again.ends => {
                self.out.push(Output::Respond(self.invite.respond(504).with_to_tag(&self.settings.tag)));
                return self.end(CallEnding::NotAcknowledged);
            }
            State::Ringing { rseq, again } if now >= again.at => {
                // RFC 3262 section 3: doubling without a cap; T2 is close enough and kinder to lossy lines.
                *again = again.next(now);
                let rseq = *rseq;
                self.out.push(Output::Respond(self.ringing(rseq)));
            }
            State::Answered { again, .. } if now >= again.ends => {
                // RFC 3261 section 13.3.1.4: the session ends with a BYE.
                let bye = self.dialog.request(Method::Bye);
                self.out.push(Output::Send(bye));
                return self.end(CallEnding::NotAcknowledged);
            }
            State::Answered { answer, again } if now >= again.at => {
                *again = again.next(now);
                let answer = answer.clone();
                self.out.push(Output::Respond(answer));
            }
            _ => {}
        }
        match self.timer.as_mut().map(|timer| timer.due(now)) {
            Some(Due::Refresh) if matches!(self.state, State::Established) => self.refresh(),
            Some(Due::Expired) => self.release(CallEnding::SessionExpired),
            _ => {}
        }
    }

    fn establish(&mut self) {
        if !std::mem::replace(&mut self.is_up, true) {
            self.out.push(Output::Established);
        }
    }

    /// Tells what is agreed, if it is news.
    fn tell_media(&mut self) {
        self.out.extend(self.session.news().map(Output::Media));
    }

    fn end(&mut self, ending: CallEnding) {
        self.state = State::Over;
        self.timer = None;
        self.out.push(Output::Ended(ending));
    }
}

fn allows_update(headers: &Headers) -> bool {
    headers.list("Allow").contains(&"UPDATE")
}

#[cfg(test)]
mod tests;
