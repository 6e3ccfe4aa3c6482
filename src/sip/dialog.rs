//! Dialogs (RFC 3261 section 12): what two ends have agreed, from either side.

use super::SipError;
use super::message::{Method, NameAddr, Request, RequestUri, Response};

/// Names a dialog at our end: Call-ID, our tag, their tag.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DialogId {
    /// The Call-ID.
    pub call_id: String,
    /// The tag this end chose.
    pub local_tag: String,
    /// The tag the other end chose.
    pub remote_tag: String,
}

impl DialogId {
    /// The dialog a received request belongs to; `None` for a request outside one.
    pub fn of_request(request: &Request) -> Option<Self> {
        Some(Self {
            call_id: request.headers.call_id().ok()?.to_owned(),
            local_tag: request.headers.to().ok()?.tag()?.to_owned(),
            remote_tag: request.headers.from().ok()?.tag().unwrap_or_default().to_owned(),
        })
    }
}

/// Why a request inside a dialog can't be taken.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OutOfOrder {
    /// Its CSeq is lower than one already seen: answer 500 (section 12.2.2).
    Late,
}

/// One dialog.
#[derive(Clone, Debug)]
pub struct Dialog {
    id: DialogId,
    local: String,
    remote: String,
    target: RequestUri,
    routes: Vec<String>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
}

impl Dialog {
    /// The dialog that answering `invite`, or a SUBSCRIBE, makes at this end (section 12.1.1), with `local_tag` in the To of the answer.
    pub fn answering(invite: &Request, local_tag: &str) -> Result<Self, SipError> {
        let from = invite.headers.from().map_err(unusable)?;
        let to = invite.headers.to().map_err(unusable)?;
        let contact = first_contact(invite.headers.contacts().map_err(unusable)?)
            .ok_or_else(|| SipError::Unusable("no Contact".to_owned()))?;
        let call_id = invite.headers.call_id().map_err(unusable)?.to_owned();
        Ok(Self {
            id: DialogId {
                call_id,
                local_tag: local_tag.to_owned(),
                remote_tag: from.tag().unwrap_or_default().to_owned(),
            },
            local: with_tag(&to, local_tag),
            remote: invite.headers.get("From").unwrap_or_default().to_owned(),
            target: contact.uri,
            routes: invite.headers.list("Record-Route").into_iter().map(str::to_owned).collect(),
            local_cseq: 0,
            remote_cseq: Some(invite.headers.cseq().map_err(unusable)?.number),
        })
    }

    /// The dialog that an answer to `request` makes at this end (section 12.1.2).
    pub fn answered(request: &Request, response: &Response) -> Result<Self, SipError> {
        let from = request.headers.from().map_err(unusable)?;
        let to = response.headers.to().map_err(unusable)?;
        let contact = first_contact(response.headers.contacts().map_err(unusable)?);
        let mut routes: Vec<String> = response.headers.list("Record-Route").into_iter().map(str::to_owned).collect();
        routes.reverse();
        Ok(Self {
            id: DialogId {
                call_id: request.headers.call_id().map_err(unusable)?.to_owned(),
                local_tag: from.tag().unwrap_or_default().to_owned(),
                remote_tag: to.tag().unwrap_or_default().to_owned(),
            },
            local: request.headers.get("From").unwrap_or_default().to_owned(),
            remote: response.headers.get("To").unwrap_or_default().to_owned(),
            target: contact.map_or_else(|| request.uri.clone(), |contact| contact.uri),
            routes,
            local_cseq: request.headers.cseq().map_err(unusable)?.number,
            remote_cseq: None,
        })
    }

    /// What names it.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// The URI requests are sent to, unless a route comes first.
    pub fn target(&self) -> &RequestUri {
        &self.target
    }

    /// The first hop if proxies stay in the path.
    pub fn first_route(&self) -> Option<&str> {
        self.routes.first().map(String::as_str)
    }

    /// A new request inside the dialog (section 12.2.1.1), without Via and Contact. Any but an ACK, which has no number of its own:
    /// see [`Dialog::acknowledgement`].
    pub fn request(&mut self, method: Method) -> Request {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.numbered(method, self.local_cseq)
    }

    /// The ACK of a 2xx to our INVITE with this CSeq (section 13.2.2.4).
    pub fn acknowledgement(&self, number: u32) -> Request {
        self.numbered(Method::Ack, number)
    }

    /// A 2xx to a re-INVITE or UPDATE of ours: requests go to its Contact from now on (section 12.2.1.2).
    pub fn refreshed(&mut self, answer: &Response) {
        if let Some(contact) = answer.headers.contacts().ok().and_then(first_contact) {
            self.target = contact.uri;
        }
    }

    fn numbered(&self, method: Method, number: u32) -> Request {
        let mut request = Request::new(method.clone(), self.target.clone());
        for route in &self.routes {
            request.headers.push("Route", route);
        }
        request.headers.set("From", &self.local);
        request.headers.set("To", &self.remote);
        request.headers.set("Call-ID", &self.id.call_id);
        request.headers.set("CSeq", &format!("{number} {}", method.as_str()));
        request.headers.set("Max-Forwards", "70");
        request
    }

    /// A request arrived inside the dialog: checks its order and takes a new Contact of a target refresh (section 12.2.2).
    pub fn receive(&mut self, request: &Request) -> Result<(), OutOfOrder> {
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        if self.remote_cseq.is_some_and(|last| number < last) {
            return Err(OutOfOrder::Late);
        }
        self.remote_cseq = Some(number);
        if matches!(request.method, Method::Invite | Method::Update | Method::Subscribe)
            && let Some(contact) = request.headers.contacts().ok().and_then(first_contact)
        {
            self.target = contact.uri;
        }
        Ok(())
    }
}

fn first_contact(contacts: super::message::Contacts) -> Option<NameAddr> {
    match contacts {
        super::message::Contacts::Star => None,
        super::message::Contacts::List(contacts) => contacts.into_iter().next(),
    }
}

fn with_tag(to: &NameAddr, tag: &str) -> String {
    let mut to = to.clone();
    to.params.set("tag", Some(tag.to_owned()));
    to.to_string()
}

fn unusable(fault: impl std::fmt::Display) -> SipError {
    SipError::Unusable(fault.to_string())
}
