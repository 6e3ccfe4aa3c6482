//! What the registrar tells of lines as it decides: whom a request named, where it came from, what became of it. Pure.

use std::net::SocketAddr;

use super::Reason;
use crate::registrar::Binding;
use crate::sip::message::{Method, Request};
use crate::sip::{Edges, Origin, Transport};
use crate::vocab::{PhoneId, UnixMillis};

/// Characters of a User-Agent that are kept.
const AGENT: usize = 128;
/// Characters of a name that are kept.
const NAME: usize = 64;

/// Something that was seen of a line, or of a name nobody has.
#[derive(Clone, Debug)]
pub struct Observation {
    /// When.
    pub at: UnixMillis,
    /// Whom it is about.
    pub named: Named,
    /// Where it came from; nothing where no request brought it.
    pub seen: Option<Sighting>,
    /// What became of it.
    pub what: Observed,
}

/// Whom a request named.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Named {
    /// A phone, by what it authenticates as.
    Phone {
        /// The phone.
        phone: PhoneId,
        /// The number or name it asked for.
        aor: Option<String>,
    },
    /// The number of these phones' lines, without a name that is theirs.
    Number {
        /// The phones.
        phones: Vec<PhoneId>,
        /// The number.
        number: String,
    },
    /// A name nobody has.
    Stranger {
        /// The name.
        name: String,
        /// The number it asked for.
        number: Option<String>,
        /// The phones with a line of that number.
        phones: Vec<PhoneId>,
    },
}

/// Where a request came from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sighting {
    /// The address as seen from here.
    pub source: SocketAddr,
    /// How it travelled.
    pub transport: Transport,
    /// What the phone calls itself.
    pub user_agent: Box<str>,
    /// REGISTER or INVITE, or a TLS handshake before either.
    pub method: Asked,
}

/// The methods that are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Asked {
    /// To be registered.
    Register,
    /// To call.
    Invite,
    /// To connect within TLS.
    Handshake,
}

/// What became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Observed {
    /// It was asked for a password and has shown nothing yet.
    Challenged,
    /// It was told to ask for more time (423).
    TooBrief,
    /// It only asked what is registered.
    Queried,
    /// It is registered.
    Registered {
        /// Until when.
        until: UnixMillis,
        /// The address its packets came from before, if that was another.
        moved_from: Option<SocketAddr>,
    },
    /// The phone took its registration back.
    Unregistered,
    /// The registration has gone.
    Lost(Reason),
    /// It was refused.
    Failed(Reason),
    /// It was challenged anew: its nonce was old, or none of ours.
    Stale,
}

impl Asked {
    /// For the database and the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Register => "REGISTER",
            Self::Invite => "INVITE",
            Self::Handshake => "TLS",
        }
    }

    /// Reads what was stored.
    pub fn of(text: &str) -> Option<Self> {
        [Self::Register, Self::Invite, Self::Handshake].into_iter().find(|asked| asked.as_str() == text)
    }
}

impl Sighting {
    /// Of a request; nothing for methods that are not looked at.
    pub fn of(request: &Request, origin: Origin) -> Option<Self> {
        let method = match request.method {
            Method::Register => Asked::Register,
            Method::Invite => Asked::Invite,
            _ => return None,
        };
        let user_agent = printable(request.headers.get("User-Agent").unwrap_or_default(), AGENT).into();
        Some(Self { source: origin.peer, transport: origin.transport, user_agent, method })
    }
}

/// The user part a request asks for: To of a REGISTER, From of everything else.
pub fn address_asked_for(request: &Request) -> Option<String> {
    let party = match request.method {
        Method::Register => request.headers.to(),
        _ => request.headers.from(),
    };
    party.ok()?.uri.user().map(|user| printable(&user, NAME))
}

/// A name as it is kept.
pub fn name_kept(name: &str) -> String {
    printable(name, NAME)
}

fn printable(text: &str, most: usize) -> String {
    if text.len() <= most && !text.contains(char::is_control) {
        return text.to_owned();
    }
    text.chars().take(most).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The address a phone's packets came from before `put` was registered, if it was another: the same contact behind a
/// translation that has changed. A connection has another port each time.
pub fn moved_from(existing: &[Binding], put: &[Binding], edges: &Edges) -> Option<SocketAddr> {
    let is_moved = |before: &Binding, after: &Binding| {
        let (was, is) = (before.origin(edges), after.origin(edges));
        let is_datagram = !was.transport.is_reliable() && !is.transport.is_reliable();
        was.ip() != is.ip() || (is_datagram && was.peer.port() != is.peer.port())
    };
    put.iter().find_map(|after| {
        let same = |before: &&Binding| before.phone == after.phone && before.contact == after.contact;
        existing.iter().find(same).filter(|before| is_moved(before, after)).map(|before| before.origin(edges).peer)
    })
}

/// True if a registration changes nothing but how long it lasts, and the one before was seen here too.
pub fn is_refresh(existing: &[Binding], put: &[Binding]) -> bool {
    let is_known = |after: &Binding| {
        let same = |before: &Binding| {
            before.refreshed.is_some()
                && (before.phone, before.flow, before.reg_id) == (after.phone, after.flow, after.reg_id)
                && (&before.contact, &before.user_agent) == (&after.contact, &after.user_agent)
        };
        existing.iter().any(same)
    };
    !put.is_empty() && put.iter().all(is_known)
}

impl Sighting {
    /// The REGISTER that made a binding.
    pub fn of_binding(binding: &Binding, edges: &Edges) -> Self {
        let Origin { transport, peer } = binding.origin(edges);
        Self { source: peer, transport, user_agent: binding.user_agent.as_ref().into(), method: Asked::Register }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::sip::Flow;

    fn binding(contact: &str, peer: &str, transport: Transport) -> Binding {
        Binding {
            contact: contact.to_owned(),
            phone: PhoneId::new(UnixMillis::new(0), [1; 10]),
            call_id: "1".to_owned(),
            cseq: 1,
            expires: Instant::now(),
            refreshed: None,
            flow: Flow { transport, local: "127.0.0.1:5060".parse().unwrap(), peer: peer.parse().unwrap() },
            user_agent: "".into(),
            path: "".into(),
            instance: "".into(),
            reg_id: 0,
        }
    }

    #[test]
    fn a_mapping_has_changed_when_the_same_contact_comes_from_elsewhere() {
        let moved = |contact: &str, from: &str, to: &str, transport| {
            moved_from(
                &[binding("sip:a@10.0.0.1", from, transport)],
                &[binding(contact, to, transport)],
                &Edges::default(),
            )
        };
        let (one, two, other) = ("192.0.2.1:1024", "192.0.2.1:1025", "192.0.2.2:1024");
        assert_eq!(moved("sip:a@10.0.0.1", one, one, Transport::Udp), None);
        assert_eq!(moved("sip:a@10.0.0.1", one, two, Transport::Udp), Some(one.parse().unwrap()));
        assert_eq!(moved("sip:a@10.0.0.1", one, two, Transport::Tcp), None);
        assert_eq!(moved("sip:a@10.0.0.1", one, other, Transport::Tcp), Some(one.parse().unwrap()));
        assert_eq!(moved("sip:a@10.0.0.2", one, other, Transport::Udp), None);
    }
}
