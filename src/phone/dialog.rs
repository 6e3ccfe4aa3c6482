//! One dialog (RFC 3261 section 12): what its next request looks like and where it goes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::agent::{Agent, resolve, token};
use super::client::ClientTransaction;
use super::credentials::Credentials;
use super::error::PhoneError;
use super::fields::{host_port, split_outside, uri};
use super::message::{Message, Start};
use super::options::SipTransport;

/// A dialog, once it is confirmed or about to be.
pub struct Dialog {
    call_id: String,
    /// This side's From value, tag included.
    local: String,
    /// The other side's To value, tag included.
    remote: String,
    number: String,
    over: SipTransport,
    /// Where to send what no route or target says otherwise.
    peer: SocketAddr,
    target: Mutex<String>,
    routes: Vec<String>,
    sequence: AtomicU32,
    credentials: Mutex<Credentials>,
}

impl Dialog {
    /// The dialog a 2xx to this phone's INVITE makes.
    pub fn of_success(
        response: &Message,
        number: &str,
        (over, peer): (SipTransport, SocketAddr),
        credentials: Credentials,
    ) -> Self {
        let mut routes = route_set(response);
        routes.reverse();
        Self {
            call_id: response.call_id().to_owned(),
            local: response.header("From").unwrap_or_default().to_owned(),
            remote: response.header("To").unwrap_or_default().to_owned(),
            number: number.to_owned(),
            over,
            peer,
            target: Mutex::new(target(response).unwrap_or_default()),
            routes,
            sequence: AtomicU32::new(response.cseq().map_or(1, |(number, _)| number)),
            credentials: Mutex::new(credentials),
        }
    }

    /// The dialog an INVITE received makes; `response` is the 2xx about to be sent, with this side's tag.
    pub fn of_invite(
        invite: &Message,
        response: &Message,
        number: &str,
        (over, peer): (SipTransport, SocketAddr),
        credentials: Credentials,
    ) -> Self {
        Self {
            call_id: invite.call_id().to_owned(),
            local: response.header("To").unwrap_or_default().to_owned(),
            remote: invite.header("From").unwrap_or_default().to_owned(),
            number: number.to_owned(),
            over,
            peer,
            target: Mutex::new(target(invite).unwrap_or_default()),
            routes: route_set(invite),
            sequence: AtomicU32::new(1),
            credentials: Mutex::new(credentials),
        }
    }

    /// The number this phone is in the dialog.
    pub fn number(&self) -> &str {
        &self.number
    }

    /// A target refresh (RFC 3261 section 12.2): the other side's new Contact.
    pub fn refresh_target(&self, message: &Message) {
        if let Some(target) = target(message) {
            *self.target.lock().unwrap_or_else(PoisonError::into_inner) = target;
        }
    }

    /// A request with the next sequence number.
    pub fn request(&self, agent: &Agent, method: &str) -> Message {
        let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
        let mut request = self.numbered(agent, method, sequence);
        if matches!(method, "INVITE" | "UPDATE") {
            request.push("Contact", agent.contact(&self.number));
        }
        request
    }

    /// The ACK of a 2xx: a request of its own, with the INVITE's sequence number (RFC 3261 section 13.2.2.4).
    pub fn ack(&self, agent: &Agent, sequence: u32) -> Message {
        self.numbered(agent, "ACK", sequence)
    }

    fn numbered(&self, agent: &Agent, method: &str, sequence: u32) -> Message {
        let target = self.target.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut request = Message::request(method, &target);
        request.push("Via", agent.via(self.over));
        for route in &self.routes {
            request.push("Route", route.clone());
        }
        request.push("Max-Forwards", "70");
        request.push("From", self.local.clone());
        request.push("To", self.remote.clone());
        request.push("Call-ID", self.call_id.clone());
        request.push("CSeq", format!("{sequence} {method}"));
        request.push("User-Agent", agent.options.user_agent.clone());
        request
    }

    /// Sends an ACK.
    pub async fn send(&self, agent: &Agent, message: &Message) -> Result<(), PhoneError> {
        agent.send(message, self.over, self.next_hop(message).await).await
    }

    /// Sends a request and waits for its final response; answers one challenge. A refusal is an error.
    pub async fn exchange(self: Arc<Self>, agent: Arc<Agent>, mut request: Message) -> Result<Message, PhoneError> {
        loop {
            self.credentials.lock().unwrap_or_else(PoisonError::into_inner).sign(&mut request, &token());
            let peer = self.next_hop(&request).await;
            let transaction = ClientTransaction::start(&agent, request.clone(), self.over, peer).await?;
            let response = transaction.finish().await?;
            match response.status() {
                200..300 => return Ok(response),
                401 | 407 => {
                    self.credentials.lock().unwrap_or_else(PoisonError::into_inner).take_challenge(&response)?;
                    let sequence = self.sequence.fetch_add(1, Ordering::Relaxed) + 1;
                    let method = request.method().to_owned();
                    request.set("CSeq", format!("{sequence} {method}"));
                    request.set("Via", agent.via(self.over));
                }
                _ => return Err(super::credentials::refusal(&response)),
            }
        }
    }

    /// The first route, else the target; where neither gives an address, where the dialog came from.
    async fn next_hop(&self, request: &Message) -> SocketAddr {
        let target = match &request.start {
            Start::Request { uri, .. } => uri.as_str(),
            Start::Response { .. } => "",
        };
        let hop = self.routes.first().map_or(target, |route| uri(route));
        match host_port(hop) {
            Some((host, port)) => {
                let authority = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
                resolve(&authority).await.unwrap_or(self.peer)
            }
            None => self.peer,
        }
    }
}

fn target(message: &Message) -> Option<String> {
    let contact = message.header("Contact")?;
    let first = split_outside(contact, ',').into_iter().next()?;
    Some(uri(first).to_owned()).filter(|uri| uri.starts_with("sip:"))
}

fn route_set(message: &Message) -> Vec<String> {
    let routes = message.all("Record-Route").flat_map(|value| split_outside(value, ','));
    routes.map(str::to_owned).take(32).collect()
}
