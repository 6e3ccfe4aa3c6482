//! One side of a call that passes through here: who is there and over which flow, written into the Record-Route of the request
//! that began it (RFC 3261 section 16.6, RFC 5626 section 5.2). Whatever belongs to the call later brings it back, so that a restart
//! forgets nothing. Pure.
//!
//! It is marked with a key of this installation together with the call it is for: nobody gets anything sent anywhere by writing
//! one themselves, or by taking one from another call.

use std::net::{IpAddr, SocketAddr};

use crate::directory::Sealer;
use crate::sip::message::{Request, RequestUri};
use crate::sip::{Flow, Transport};
use crate::vocab::{PhoneId, Secret};

/// What marks of sides are for.
const PURPOSE: &str = "record-route";
/// Hexadecimal digits of a mark that are written: 128 bits.
const MARK: usize = 32;
/// What stands for somebody who is no phone of this server.
const NOBODY: &str = "-";

/// One side of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::cti) struct Side {
    /// The phone; none for a peer.
    pub phone: Option<PhoneId>,
    /// How it is reached.
    pub transport: Transport,
    /// Where.
    pub peer: SocketAddr,
}

impl Side {
    /// The side at the other end of a flow.
    pub(in crate::cti) fn of(phone: Option<PhoneId>, flow: Flow) -> Self {
        Self { phone, transport: flow.transport, peer: flow.peer }
    }

    /// As the user of a URI, for the call that `request` begins.
    pub(super) fn user(&self, sealer: &Sealer, request: &Request) -> Option<String> {
        let tag = request.headers.from().ok()?.tag()?.to_owned();
        let text = self.text();
        let mark = mark(sealer, &text, request.headers.call_id().ok()?, &tag);
        Some(format!("{text}.{mark}"))
    }

    /// Reads the user of a URI that came back with `request`; none if it isn't one written here for the same call.
    pub(super) fn read(uri: &RequestUri, sealer: &Sealer, request: &Request) -> Option<Self> {
        let user = uri.sip()?.user.as_deref()?;
        let (text, shown) = user.rsplit_once('.')?;
        let side = Self::parse(text)?;
        let shown = Secret::from(shown.to_owned());
        let call_id = request.headers.call_id().ok()?;
        let (from, to) = (request.headers.from().ok()?, request.headers.to().ok()?);
        // Whoever began the call is From in its own requests and To in the other side's.
        let is_ours = |tag: &str| Secret::from(mark(sealer, text, call_id, tag)).matches(&shown);
        [from.tag(), to.tag()].into_iter().flatten().any(is_ours).then_some(side)
    }

    fn text(&self) -> String {
        let phone = self.phone.map_or(NOBODY.to_owned(), |phone| phone.to_string());
        let address = match self.peer.ip() {
            IpAddr::V4(ip) => hex::encode(ip.octets()),
            IpAddr::V6(ip) => hex::encode(ip.octets()),
        };
        format!("{phone}.{}.{address}.{}", self.transport.as_param(), self.peer.port())
    }

    fn parse(text: &str) -> Option<Self> {
        let mut pieces = text.split('.');
        let phone = match pieces.next()? {
            NOBODY => None,
            id => Some(id.parse().ok()?),
        };
        let transport = Transport::from_param(pieces.next()?)?;
        let address = hex::decode(pieces.next()?).ok()?;
        let ip = match <[u8; 4]>::try_from(address.as_slice()) {
            Ok(octets) => IpAddr::from(octets),
            Err(_) => IpAddr::from(<[u8; 16]>::try_from(address.as_slice()).ok()?),
        };
        let port = pieces.next()?.parse().ok()?;
        pieces.next().is_none().then_some(Self { phone, transport, peer: SocketAddr::new(ip, port) })
    }
}

fn mark(sealer: &Sealer, text: &str, call_id: &str, tag: &str) -> String {
    let mut mark = sealer.mark(PURPOSE, &format!("{text} {tag} {call_id}"));
    mark.truncate(MARK);
    mark
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::message::Method;
    use crate::vocab::UnixMillis;

    fn request(from: &str, to: &str) -> Request {
        let mut request = Request::new(Method::Bye, "sip:b@c".parse().unwrap());
        request.headers.set("From", from);
        request.headers.set("To", to);
        request.headers.set("Call-ID", "c1");
        request
    }

    fn uri(user: &str) -> RequestUri {
        format!("sip:{user}@127.0.0.1:5060;lr").parse().unwrap()
    }

    #[test]
    fn a_side_is_read_back_from_either_end_of_its_call_and_from_no_other() {
        let sealer = Sealer::new([7; 32]);
        for (phone, peer) in
            [(Some(PhoneId::new(UnixMillis::new(0), [1; 10])), "192.0.2.1:5060"), (None, "[2001:db8::1]:40000")]
        {
            let side = Side { phone, transport: Transport::Wss, peer: peer.parse().unwrap() };
            let user = side.user(&sealer, &request("<sip:a@b>;tag=1", "<sip:b@c>")).unwrap();
            let read = |user: &str, from: &str, to: &str| Side::read(&uri(user), &sealer, &request(from, to));
            assert_eq!(read(&user, "<sip:a@b>;tag=1", "<sip:b@c>;tag=2"), Some(side));
            assert_eq!(read(&user, "<sip:b@c>;tag=2", "<sip:a@b>;tag=1"), Some(side));
            assert_eq!(read(&user, "<sip:a@b>;tag=3", "<sip:b@c>;tag=2"), None);
            let mut other = request("<sip:a@b>;tag=1", "<sip:b@c>;tag=2");
            other.headers.set("Call-ID", "c2");
            assert_eq!(Side::read(&uri(&user), &sealer, &other), None);
            let forged = user.replace(".wss.", ".udp.");
            assert_eq!(read(&forged, "<sip:a@b>;tag=1", "<sip:b@c>;tag=2"), None);
        }
    }
}
