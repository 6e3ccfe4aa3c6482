//! How a message finds its transaction (RFC 3261 sections 17.1.3 and 17.2.3).

use std::hash::{BuildHasher, RandomState};

use crate::sip::message::{Headers, Host, Method, Request, Response};

const MAGIC_COOKIE: &str = "z9hG4bK";

/// Stands for what makes two messages belong to one transaction, or be one request: 128 bits of keyed hashes, so that nobody
/// outside can have two meet. What is kept of a transaction stays small.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key(u64, u64);

/// Makes keys.
#[derive(Debug, Default)]
pub(super) struct Keys(RandomState, RandomState);

/// What a key stands for.
#[derive(Hash)]
enum Named<'a> {
    /// A request we received, or answer, whose branch is unique.
    Server { branch: &'a str, host: &'a Host, port: Option<u16>, method: &'a Method },
    /// A request of an RFC 2543 element, or one whose branch is the bare cookie: everything else that names it.
    Legacy {
        uri: String,
        call_id: &'a str,
        from_tag: Option<&'a str>,
        cseq: u32,
        host: &'a Host,
        port: Option<u16>,
        method: &'a Method,
    },
    /// A request we sent.
    Client { branch: &'a str, method: &'a Method },
    /// What stays the same when one request reaches us over two paths (RFC 3261 section 8.2.2.2).
    Merge { call_id: &'a str, from_tag: &'a str, cseq: u32, method: &'a Method },
}

impl Keys {
    /// The server transaction a request belongs to; an ACK belongs to its INVITE. `None` if the request names none.
    pub(super) fn of_request(&self, request: &Request) -> Option<Key> {
        let is_acknowledgement = request.method == Method::Ack;
        self.of_server(request, if is_acknowledgement { &Method::Invite } else { &request.method })
    }

    /// The INVITE a CANCEL is about: the same key but for the method.
    pub(super) fn cancelled_by(&self, request: &Request) -> Option<Key> {
        self.of_server(request, &Method::Invite)
    }

    fn of_server(&self, request: &Request, method: &Method) -> Option<Key> {
        let via = request.headers.top_via().ok()?;
        let (host, port) = (&via.host, via.port);
        match via.branch() {
            Some(branch) if branch.len() > MAGIC_COOKIE.len() && branch.starts_with(MAGIC_COOKIE) => {
                Some(self.of(&Named::Server { branch, host, port, method }))
            }
            _ => Some(self.of(&Named::Legacy {
                uri: request.uri.to_string(),
                call_id: request.headers.call_id().ok()?,
                from_tag: request.headers.from().ok()?.tag(),
                cseq: request.headers.cseq().ok()?.number,
                host,
                port,
                method,
            })),
        }
    }

    /// The client transaction a response belongs to.
    pub(super) fn of_response(&self, response: &Response) -> Option<Key> {
        let via = response.headers.top_via().ok()?;
        Some(self.of_client(via.branch()?, &response.headers.cseq().ok()?.method))
    }

    /// The client transaction of a request we send.
    pub(super) fn of_client(&self, branch: &str, method: &Method) -> Key {
        self.of(&Named::Client { branch, method })
    }

    /// What is the same of a request and the same over another path. Only one outside a dialog can be merged.
    pub(super) fn of_merge(&self, headers: &Headers, method: &Method) -> Option<Key> {
        // A tag is a parameter. Hardly any request that begins something has one: then To need not be read.
        let has_tag = headers.get("To")?.contains(';') && headers.to().ok()?.tag().is_some();
        if has_tag || *method == Method::Ack || *method == Method::Cancel {
            return None;
        }
        let from = headers.from().ok()?;
        let (call_id, from_tag, cseq) = (headers.call_id().ok()?, from.tag()?, headers.cseq().ok()?.number);
        Some(self.of(&Named::Merge { call_id, from_tag, cseq, method }))
    }

    fn of(&self, named: &Named<'_>) -> Key {
        Key(self.0.hash_one(named), self.1.hash_one(named))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_of_a_dialog_is_merged_with_none_however_its_tag_is_written() {
        let is_mergeable = |to: &str| {
            let mut headers = Headers::default();
            for (name, value) in [("From", "<sip:a@b.c>;tag=1"), ("To", to), ("Call-ID", "c1"), ("CSeq", "1 OPTIONS")] {
                headers.push(name, value);
            }
            Keys::default().of_merge(&headers, &Method::Options).is_some()
        };
        assert!(is_mergeable("<sip:tag@b.c>") && is_mergeable("<sip:d@b.c;lr>"));
        assert!(!is_mergeable("<sip:d@b.c>;tag=2") && !is_mergeable("<sip:d@b.c> ; TAG=2"));
    }
}
