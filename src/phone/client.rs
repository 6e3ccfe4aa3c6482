//! Client transactions (RFC 3261 section 17.1): sends a request, repeats it on UDP, hands out its responses, acknowledges
//! a refused INVITE.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::agent::{Agent, transaction_key};
use super::error::PhoneError;
use super::message::{Message, Start};
use super::options::SipTransport;

/// Round-trip estimate (RFC 3261 section 17.1.1.1).
pub const T1: Duration = Duration::from_millis(500);
/// The longest pause between two repetitions of a request other than INVITE, and of a 2xx.
pub const T2: Duration = Duration::from_secs(4);
/// How long a ringing INVITE may take.
const RINGING: Duration = Duration::from_secs(180);

/// When to send again and when to give up: timers A and B, E and F, or a 2xx's repetition.
#[derive(Clone, Debug)]
pub struct Repetition {
    next: Option<Instant>,
    pause: Duration,
    longest: Duration,
    end: Instant,
}

impl Repetition {
    /// A request sent `now`. A reliable transport repeats nothing; an INVITE's pauses double without bound.
    pub fn of_request(now: Instant, over: SipTransport, is_invite: bool) -> Self {
        let longest = if is_invite { Duration::MAX } else { T2 };
        let next = (over == SipTransport::Udp).then(|| now + T1);
        Self { next, pause: T1, longest, end: now + 64 * T1 }
    }

    /// A 2xx to an INVITE sent `now`: repeated on any transport until its ACK comes (RFC 3261 section 13.3.1.4).
    pub fn of_success(now: Instant) -> Self {
        Self { next: Some(now + T1), pause: T1, longest: T2, end: now + 64 * T1 }
    }

    /// When something is due: a repetition or the end.
    pub fn due(&self) -> Instant {
        self.next.map_or(self.end, |next| next.min(self.end))
    }

    /// What is due `now`: nothing yet, a repetition, or giving up.
    pub fn poll(&mut self, now: Instant) -> Due {
        if now >= self.end {
            return Due::GiveUp;
        }
        match self.next {
            Some(next) if now >= next => {
                self.pause = (self.pause * 2).min(self.longest);
                self.next = Some(now + self.pause);
                Due::Repeat
            }
            _ => Due::Nothing,
        }
    }

    /// A final response came: it is only waited for its repetitions.
    fn stop(&mut self, now: Instant) {
        self.next = None;
        self.end = now + 64 * T1;
    }

    /// A provisional response came: an INVITE is repeated no more, another request more seldom.
    fn slow_down(&mut self, now: Instant, is_invite: bool) {
        if is_invite {
            self.next = None;
            self.end = now + RINGING;
        } else if self.next.is_some() {
            self.pause = T2;
            self.next = Some(now + T2);
        }
    }
}

/// What a [`Repetition`] wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Wait.
    Nothing,
    /// Send it again.
    Repeat,
    /// No answer came.
    GiveUp,
}

/// One request on its way.
pub struct ClientTransaction {
    agent: Arc<Agent>,
    key: String,
    request: Message,
    over: SipTransport,
    peer: SocketAddr,
    responses: mpsc::Receiver<Message>,
    repetition: Repetition,
}

impl ClientTransaction {
    /// Sends the request, which must have its Via.
    pub async fn start(
        agent: &Arc<Agent>,
        request: Message,
        over: SipTransport,
        peer: SocketAddr,
    ) -> Result<Self, PhoneError> {
        let key = transaction_key(&request).ok_or(PhoneError::NotSip("a request without a branch"))?;
        let responses = agent.expect(key.clone());
        let repetition = Repetition::of_request(Instant::now(), over, request.method() == "INVITE");
        let transaction = Self { agent: agent.clone(), key, request, over, peer, responses, repetition };
        agent.send(&transaction.request, over, peer).await?;
        Ok(transaction)
    }

    /// The next response, provisional or final. May be dropped and called again.
    pub async fn next(&mut self) -> Result<Message, PhoneError> {
        let is_invite = self.request.method() == "INVITE";
        loop {
            tokio::select! {
                response = self.responses.recv() => {
                    let response = response.ok_or(PhoneError::Off)?;
                    match response.status() {
                        ..200 => self.repetition.slow_down(Instant::now(), is_invite),
                        300.. if is_invite => {
                            self.repetition.stop(Instant::now());
                            self.acknowledge(&response).await?;
                        }
                        _ => self.repetition.stop(Instant::now()),
                    }
                    return Ok(response);
                }
                () = tokio::time::sleep_until(self.repetition.due().into()) => match self.repetition.poll(Instant::now()) {
                    Due::Nothing => {}
                    Due::Repeat => self.agent.transport.send(self.over, self.peer, self.request.write()).await?,
                    Due::GiveUp => {
                        return Err(PhoneError::NoAnswer { method: self.request.method().to_owned(), peer: self.peer });
                    }
                },
            }
        }
    }

    /// The final response.
    pub async fn finish(mut self) -> Result<Message, PhoneError> {
        loop {
            let response = self.next().await?;
            if response.status() >= 200 {
                return Ok(response);
            }
        }
    }

    /// Stays to acknowledge a refusal again, should its ACK be lost (timer D).
    pub fn linger(mut self) {
        let tasks = self.agent.tasks.clone();
        tasks.spawn(async move { while self.next().await.is_ok() {} });
    }

    /// The CANCEL of this INVITE (RFC 3261 section 9.1), sent.
    pub async fn cancel(&self) -> Result<ClientTransaction, PhoneError> {
        ClientTransaction::start(&self.agent, self.within("CANCEL"), self.over, self.peer).await
    }

    /// The ACK of a refusal goes where the INVITE went, with its branch (RFC 3261 section 17.1.1.3).
    async fn acknowledge(&self, response: &Message) -> Result<(), PhoneError> {
        let mut ack = self.within("ACK");
        ack.set("To", response.header("To").unwrap_or_default());
        self.agent.send(&ack, self.over, self.peer).await
    }

    fn within(&self, method: &str) -> Message {
        let uri = match &self.request.start {
            Start::Request { uri, .. } => uri.as_str(),
            Start::Response { .. } => "",
        };
        let mut message = Message::request(method, uri);
        for name in ["Via", "Route", "From", "To", "Call-ID", "Max-Forwards"] {
            for value in self.request.all(name) {
                message.push(name, value);
            }
        }
        let number = self.request.cseq().map_or(0, |(number, _)| number);
        message.push("CSeq", format!("{number} {method}"));
        message
    }
}

impl Drop for ClientTransaction {
    fn drop(&mut self) {
        self.agent.expect_no_more(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Milliseconds at which a request is sent again, until it is given up.
    fn repeats(mut repetition: Repetition, begun: Instant) -> (Vec<u128>, u128) {
        let mut at = Vec::new();
        loop {
            let due = repetition.due();
            match repetition.poll(due) {
                Due::Repeat => at.push((due - begun).as_millis()),
                Due::GiveUp => return (at, (due - begun).as_millis()),
                Due::Nothing => panic!("nothing was due"),
            }
        }
    }

    #[test]
    fn an_invite_is_repeated_by_timer_a_and_given_up_by_timer_b() {
        let now = Instant::now();
        let (at, end) = repeats(Repetition::of_request(now, SipTransport::Udp, true), now);
        assert_eq!(at, [500, 1500, 3500, 7500, 15_500, 31_500]);
        assert_eq!(end, 32_000);
    }

    #[test]
    fn another_request_is_repeated_by_timer_e_and_given_up_by_timer_f() {
        let now = Instant::now();
        let (at, end) = repeats(Repetition::of_request(now, SipTransport::Udp, false), now);
        assert_eq!(at, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500]);
        assert_eq!(end, 32_000);
    }

    #[test]
    fn a_reliable_transport_only_gives_up() {
        let now = Instant::now();
        assert_eq!(repeats(Repetition::of_request(now, SipTransport::Tcp, true), now), (vec![], 32_000));
    }

    #[test]
    fn a_ringing_invite_is_not_repeated() {
        let now = Instant::now();
        let mut repetition = Repetition::of_request(now, SipTransport::Udp, true);
        repetition.slow_down(now, true);
        assert_eq!(repeats(repetition, now), (vec![], 180_000));
    }
}
