//! A request of ours and the answers to it. If it has further targets, the next one is tried where one can't be reached, does not
//! answer, or says that it can't serve now (RFC 3263 section 4.3).

use std::collections::VecDeque;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::SipError;
use super::endpoint::{Command, Reply};
use super::flow::Flow;
use super::message::{Method, Request, Response};
use super::sending::{Target, TroubleBook};
use super::transaction::TransactionId;

/// How long a target may say nothing at all while there is another: an INVITE is answered provisionally at once.
const SILENCE_OF_INVITE: Duration = Duration::from_secs(4);
const SILENCE: Duration = Duration::from_secs(8);
/// Answers that may wait for whoever asked.
const REPLIES: usize = 16;

/// Names a request of ours: set by the endpoint's task when it is sent. Commands are carried out in their order, so whatever comes
/// after the request finds it set.
pub(super) type Name = Arc<OnceLock<TransactionId>>;

/// Makes the request for the flow it is sent over: only Contact may differ.
pub(super) type Make = Box<dyn Fn(Flow) -> Request + Send + Sync>;

/// A request of ours and the answers to it.
pub struct Exchange {
    name: Name,
    target: Target,
    replies: mpsc::Receiver<Reply>,
    commands: mpsc::Sender<Command>,
    onward: Option<Onward>,
}

/// What is left to be tried.
pub(super) struct Onward {
    pub make: Make,
    pub left: VecDeque<Target>,
    pub troubles: TroubleBook,
    /// By when something must have been heard from the one that is tried.
    heard_by: Option<Instant>,
}

impl Onward {
    pub(super) fn new(make: Make, left: VecDeque<Target>, troubles: TroubleBook) -> Self {
        Self { make, left, troubles, heard_by: None }
    }
}

impl Exchange {
    /// Sends `request` to `target`.
    pub(super) async fn begin(
        commands: &mpsc::Sender<Command>,
        request: Request,
        target: Target,
        onward: Option<Onward>,
    ) -> Result<Self, SipError> {
        let permit = commands.reserve().await.map_err(|_| SipError::Stopped)?;
        let silence = silence_of(&request);
        let (command, name, replies) = command(request, &target);
        permit.send(command);
        let mut exchange = Self { name, target, replies, commands: commands.clone(), onward };
        exchange.expect(silence);
        Ok(exchange)
    }

    /// The flow it goes over: of several targets, the one that is tried now or has answered.
    pub fn flow(&self) -> Flow {
        self.target.flow
    }

    /// The next response; after the final one of an INVITE, further 2xx may follow. Nothing is lost if this is not waited for to
    /// its end.
    pub async fn next(&mut self) -> Result<Response, SipError> {
        loop {
            let heard_by = self.onward.as_ref().and_then(|onward| onward.heard_by);
            let reply = tokio::select! {
                biased;
                reply = self.replies.recv() => reply,
                () = sleep_until(heard_by.unwrap_or_else(Instant::now)), if heard_by.is_some() => {
                    self.give_up();
                    continue;
                }
            };
            let peer = self.target.flow.peer;
            let (answer, wants) = match reply {
                None => return Err(SipError::Stopped),
                Some(Reply::Response(response)) if response.status == 503 => {
                    let seconds = response.headers.get("Retry-After").and_then(seconds);
                    (Ok(response), seconds)
                }
                Some(Reply::Response(response)) => {
                    self.is_heard();
                    if let Some(onward) = &self.onward
                        && response.status >= 200
                    {
                        onward.troubles.forget(&self.target);
                    }
                    return Ok(response);
                }
                Some(Reply::TimedOut) => (Err(SipError::Timeout(peer)), None),
                Some(Reply::NotSent) => (Err(SipError::Transport(peer)), None),
            };
            if !self.move_on(wants) {
                return answer;
            }
        }
    }

    /// The final response.
    pub async fn answer(&mut self) -> Result<Response, SipError> {
        loop {
            let response = self.next().await?;
            if response.status >= 200 {
                return Ok(response);
            }
        }
    }

    /// Cancels it, if it is an INVITE that was answered provisionally.
    pub async fn cancel(&self) {
        let _ = self.commands.send(Command::Cancel(self.name.clone(), None)).await;
    }

    /// The same, with a Reason header (RFC 3326) that says why.
    pub async fn cancel_because(&self, reason: &'static str) {
        let _ = self.commands.send(Command::Cancel(self.name.clone(), Some(reason))).await;
    }

    /// Nothing was heard: the transaction ends, unless something comes just now.
    fn give_up(&mut self) {
        let is_told = self.commands.try_send(Command::GiveUp(self.name.clone())).is_ok();
        if let Some(onward) = &mut self.onward {
            onward.heard_by = (!is_told).then(|| Instant::now() + Duration::from_secs(1));
        }
    }

    /// The target that was tried is of no use now: tries the next one. False if none is left, or if too much waits to be sent.
    fn move_on(&mut self, wants: Option<Duration>) -> bool {
        let Some(onward) = &mut self.onward else { return false };
        onward.troubles.note(&self.target, wants);
        let Ok(permit) = self.commands.try_reserve() else { return false };
        let Some(target) = onward.left.pop_front() else { return false };
        metrics::counter!("sip_failovers_total").increment(1);
        tracing::info!(from = %self.target.flow, to = %target.flow, "a request of ours goes to the next target");
        let request = (onward.make)(target.flow);
        let silence = silence_of(&request);
        let (command, name, replies) = command(request, &target);
        permit.send(command);
        (self.name, self.replies, self.target) = (name, replies, target);
        self.expect(silence);
        true
    }

    fn expect(&mut self, silence: Duration) {
        if let Some(onward) = &mut self.onward {
            onward.heard_by = (!onward.left.is_empty()).then(|| Instant::now() + silence);
        }
    }

    fn is_heard(&mut self) {
        if let Some(onward) = &mut self.onward {
            onward.heard_by = None;
        }
    }
}

fn command(request: Request, target: &Target) -> (Command, Name, mpsc::Receiver<Reply>) {
    let (replies, receiver) = mpsc::channel(REPLIES);
    let name = Name::default();
    let command =
        Command::Send { request, flow: target.flow, domain: target.domain.clone(), replies, name: name.clone() };
    (command, name, receiver)
}

fn silence_of(request: &Request) -> Duration {
    if request.method == Method::Invite { SILENCE_OF_INVITE } else { SILENCE }
}

/// Retry-After: seconds, and perhaps more (RFC 3261 section 20.33).
fn seconds(text: &str) -> Option<Duration> {
    let digits = text.split(|c: char| !c.is_ascii_digit()).next()?;
    digits.parse().ok().map(Duration::from_secs)
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let left = self.onward.as_ref().map_or(0, |onward| onward.left.len());
        f.debug_struct("Exchange").field("target", &self.target).field("left", &left).finish_non_exhaustive()
    }
}
