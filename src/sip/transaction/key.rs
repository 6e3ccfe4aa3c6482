//! How a message finds its transaction (RFC 3261 sections 17.1.3 and 17.2.3).

use crate::sip::message::{Headers, Method, Request, Response};

const MAGIC_COOKIE: &str = "z9hG4bK";

/// What makes two messages belong to one transaction.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Key {
    /// A request we received, or answer, whose branch is unique.
    Server { branch: String, sent_by: String, method: Method },
    /// A request of an RFC 2543 element, or one whose branch is the bare cookie: everything else that names it.
    Legacy { uri: String, call_id: String, from_tag: Option<String>, cseq: u32, via: String, method: Method },
    /// A request we sent.
    Client { branch: String, method: Method },
}

impl Key {
    /// The server transaction a request belongs to; an ACK belongs to its INVITE. `None` if the request names none.
    pub(super) fn of_request(request: &Request) -> Option<Self> {
        let method = if request.method == Method::Ack { Method::Invite } else { request.method.clone() };
        let via = request.headers.top_via().ok()?;
        match via.branch() {
            Some(branch) if branch.len() > MAGIC_COOKIE.len() && branch.starts_with(MAGIC_COOKIE) => {
                let port = via.port.map(|port| format!(":{port}")).unwrap_or_default();
                Some(Self::Server { branch: branch.to_owned(), sent_by: format!("{}{port}", via.host), method })
            }
            _ => Some(Self::Legacy {
                uri: request.uri.to_string(),
                call_id: request.headers.call_id().ok()?.to_owned(),
                from_tag: request.headers.from().ok()?.tag().map(str::to_owned),
                cseq: request.headers.cseq().ok()?.number,
                via: format!("{}{:?}", via.host, via.port),
                method,
            }),
        }
    }

    /// The INVITE a CANCEL is about: the same key but for the method.
    pub(super) fn cancelled_by(request: &Request) -> Option<Self> {
        match Self::of_request(request)? {
            Self::Server { branch, sent_by, .. } => Some(Self::Server { branch, sent_by, method: Method::Invite }),
            Self::Legacy { uri, call_id, from_tag, cseq, via, .. } => {
                Some(Self::Legacy { uri, call_id, from_tag, cseq, via, method: Method::Invite })
            }
            Self::Client { .. } => None,
        }
    }

    /// The client transaction a response belongs to.
    pub(super) fn of_response(response: &Response) -> Option<Self> {
        let via = response.headers.top_via().ok()?;
        let branch = via.branch()?.to_owned();
        Some(Self::Client { branch, method: response.headers.cseq().ok()?.method })
    }
}

/// What stays the same when one request reaches us over two paths (RFC 3261 section 8.2.2.2).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Merge {
    call_id: String,
    from_tag: String,
    cseq: u32,
    method: Method,
}

impl Merge {
    /// Only a request outside a dialog can be merged.
    pub(super) fn of_request(headers: &Headers, method: &Method) -> Option<Self> {
        // A tag is a parameter. Hardly any request that begins something has one: then To need not be read.
        let has_tag = headers.get("To")?.contains(';') && headers.to().ok()?.tag().is_some();
        if has_tag || *method == Method::Ack || *method == Method::Cancel {
            return None;
        }
        Some(Self {
            call_id: headers.call_id().ok()?.to_owned(),
            from_tag: headers.from().ok()?.tag()?.to_owned(),
            cseq: headers.cseq().ok()?.number,
            method: method.clone(),
        })
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
            Merge::of_request(&headers, &Method::Options).is_some()
        };
        assert!(is_mergeable("<sip:tag@b.c>") && is_mergeable("<sip:d@b.c;lr>"));
        assert!(!is_mergeable("<sip:d@b.c>;tag=2") && !is_mergeable("<sip:d@b.c> ; TAG=2"));
    }
}
