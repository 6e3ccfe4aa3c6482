//! What a REGISTER does to the bindings of its address-of-record (RFC 3261 section 10.3, steps 6 to 8; RFC 3327; RFC 5626
//! section 6). Pure.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::binding::Binding;
use crate::sip::Flow;
use crate::sip::message::{Contacts, NameAddr, Request, RequestUri};
use crate::vocab::PhoneId;

/// Characters kept of a User-Agent.
const LONGEST_USER_AGENT: usize = 255;
/// Octets a contact or a Call-ID may have: what a location table of the stack takes.
const LONGEST_CONTACT: usize = 512;
const LONGEST_CALL_ID: usize = 255;

/// How long bindings may last and how many there may be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub shortest: Duration,
    pub longest: Duration,
    /// For a REGISTER that doesn't say.
    pub usual: Duration,
    pub bindings: usize,
}

/// What is to happen.
#[derive(Debug)]
pub(super) enum Decision {
    /// Nothing but an answer listing what there is.
    Query,
    /// The bindings become these.
    Change { bindings: Vec<Binding>, put: Vec<Binding>, removed: Vec<String> },
    /// 423: an expiry is too brief.
    TooBrief,
    /// 400, with the fault.
    Malformed(&'static str),
    /// 500: older than what is there; nothing changes (step 7).
    OutOfOrder,
    /// 403: more contacts than one address-of-record may have.
    TooMany,
    /// 439: the phone wants Outbound, and the proxy next to it doesn't do its part (RFC 5626 section 6).
    FirstHopLacksOutbound,
}

/// The most proxies on the way to a phone, and the most characters they are written in.
const PROXIES: usize = 8;
const PATH: usize = 2048;
/// The longest name of an instance.
const INSTANCE: usize = 255;

/// Decides over the whole request: all of it happens, or nothing.
pub(super) fn decide(
    request: &Request,
    existing: &[Binding],
    phone: PhoneId,
    flow: Flow,
    limits: Limits,
    now: Instant,
) -> Decision {
    let (Ok(call_id), Ok(cseq)) = (request.headers.call_id(), request.headers.cseq()) else {
        return Decision::Malformed("Call-ID or CSeq cannot be read");
    };
    if call_id.len() > LONGEST_CALL_ID {
        return Decision::Malformed("Call-ID is longer than 255 octets");
    }
    let Ok(expires) = request.headers.expires() else { return Decision::Malformed("Expires is not a number") };
    let is_older = |binding: &Binding| binding.call_id == call_id && cseq.number <= binding.cseq;
    let contacts = match request.headers.contacts() {
        Ok(Contacts::List(contacts)) if contacts.is_empty() => return Decision::Query,
        Ok(Contacts::List(contacts)) => contacts,
        Ok(Contacts::Star) if expires != Some(0) => return Decision::Malformed("Contact: * needs Expires: 0"),
        // One phone takes away its own bindings, not those of other phones on the same number.
        Ok(Contacts::Star) => {
            let (own, others): (Vec<_>, Vec<_>) = existing.iter().cloned().partition(|binding| binding.phone == phone);
            if own.iter().any(is_older) {
                return Decision::OutOfOrder;
            }
            let removed = own.iter().map(Binding::ruid).collect();
            return Decision::Change { bindings: others, put: Vec::new(), removed };
        }
        Err(_) => return Decision::Malformed("Contact cannot be read"),
    };
    // Each is compared with all others.
    if contacts.len() > limits.bindings + existing.len() {
        return Decision::TooMany;
    }
    let Some(path) = path(request) else { return Decision::Malformed("Path cannot be read, or is too long") };
    let does_outbound = supports(request, "outbound");
    let mut bindings = existing.to_vec();
    let mut put: Vec<Binding> = Vec::new();
    let mut removed = Vec::new();
    for contact in &contacts {
        let Ok(asked) = expiry_of(contact, expires) else { return Decision::Malformed("expires is not a number") };
        let lifetime = asked.map_or(limits.usual, |seconds| Duration::from_secs(seconds.into()));
        if !lifetime.is_zero() && lifetime < limits.shortest {
            return Decision::TooBrief;
        }
        let RequestUri::Sip(uri) = &contact.uri else { return Decision::Malformed("Contact is not a SIP URI") };
        let text = contact.uri.to_string();
        if text.len() > LONGEST_CONTACT {
            return Decision::Malformed("Contact is longer than 512 octets");
        }
        if text.contains(char::is_control) {
            return Decision::Malformed("Contact has control characters");
        }
        let instance = contact.param("+sip.instance").unwrap_or_default();
        if instance.len() > INSTANCE || instance.contains(char::is_control) {
            return Decision::Malformed("+sip.instance is longer than 255 octets, or has control characters");
        }
        // Without an instance the number of a flow means nothing (section 6).
        let reg_id = contact.param("reg-id").filter(|_| does_outbound && !instance.is_empty());
        let reg_id = match reg_id.map(str::parse::<u32>) {
            None => 0,
            Some(Ok(reg_id)) if (1..=i32::MAX as u32).contains(&reg_id) => reg_id,
            Some(_) => return Decision::Malformed("reg-id is not a number from 1 to 2147483647"),
        };
        if reg_id != 0 && !first_hop_does_outbound(request) {
            return Decision::FirstHopLacksOutbound;
        }
        let is_this_flow = |binding: &Binding| {
            (binding.phone, &*binding.instance, binding.reg_id) == (phone, instance, reg_id) && reg_id != 0
        };
        let is_this_contact = |binding: &Binding| {
            binding.reg_id == 0 && (binding.contact == text || is_same_contact(&binding.contact, uri))
        };
        let known = bindings.iter().position(is_this_flow).or_else(|| bindings.iter().position(is_this_contact));
        if let Some(binding) = known.and_then(|index| bindings.get(index)) {
            if is_older(binding) {
                return Decision::OutOfOrder;
            }
            removed.push(binding.ruid());
        }
        if let Some(index) = known {
            bindings.remove(index);
        }
        if lifetime.is_zero() {
            continue;
        }
        let binding = Binding {
            contact: text,
            phone,
            call_id: call_id.to_owned(),
            cseq: cseq.number,
            expires: now + lifetime.min(limits.longest),
            refreshed: Some(now),
            flow,
            user_agent: user_agent(request),
            path: path.as_str().into(),
            instance: instance.into(),
            reg_id,
        };
        let ruid = binding.ruid();
        removed.retain(|removed| *removed != ruid);
        bindings.push(binding.clone());
        put.push(binding);
    }
    if bindings.len() > limits.bindings {
        return Decision::TooMany;
    }
    Decision::Change { bindings, put, removed }
}

/// What the phone calls itself, as far as is kept of it.
fn user_agent(request: &Request) -> Arc<str> {
    let text = request.headers.get("User-Agent").unwrap_or_default();
    let end = text.char_indices().nth(LONGEST_USER_AGENT).map_or(text.len(), |(end, _)| end);
    text.get(..end).unwrap_or_default().into()
}

/// The contact's own expiry, or the request's (section 10.2.1.1).
fn expiry_of(contact: &NameAddr, header: Option<u32>) -> Result<Option<u32>, std::num::ParseIntError> {
    match contact.param("expires") {
        Some(text) => text.parse().map(Some),
        None => Ok(header),
    }
}

/// Whether whoever sent a request does this extension.
pub(super) fn supports(request: &Request, extension: &str) -> bool {
    let named = |header| request.headers.list(header).iter().any(|tag| tag.eq_ignore_ascii_case(extension));
    named("Supported") || named("Require")
}

/// The proxies on the way to the phone, in order (RFC 3327 section 5.3). Nothing if they can't be read.
fn path(request: &Request) -> Option<String> {
    let proxies = request.headers.list("Path");
    let is_right = |proxy: &&str| proxy.parse::<NameAddr>().is_ok_and(|proxy| proxy.uri.sip().is_some());
    let path = proxies.join(", ");
    let fits = proxies.len() <= PROXIES && path.len() <= PATH && !path.contains(char::is_control);
    (fits && proxies.iter().all(is_right)).then_some(path)
}

/// Whether the proxy next to the phone keeps its flows, as it says in its Path (RFC 5626 section 6); if there is none, we are
/// next to it.
fn first_hop_does_outbound(request: &Request) -> bool {
    let is_direct = request.headers.vias().is_ok_and(|vias| vias.len() == 1);
    let nearest = request.headers.list("Path").last().and_then(|proxy| proxy.parse::<NameAddr>().ok());
    is_direct || nearest.is_some_and(|proxy| proxy.uri.sip().is_some_and(|uri| uri.params.contains("ob")))
}

fn is_same_contact(known: &str, uri: &crate::sip::message::SipUri) -> bool {
    known.parse::<crate::sip::message::SipUri>().is_ok_and(|known| known.is_equivalent(uri))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;
    use crate::sip::message::{Message, parse_datagram};
    use crate::vocab::UnixMillis;

    const LIMITS: Limits = Limits {
        shortest: Duration::from_secs(60),
        longest: Duration::from_secs(3600),
        usual: Duration::from_secs(600),
        bindings: 3,
    };

    fn flow() -> Flow {
        Flow { transport: Transport::Udp, local: ([127, 0, 0, 1], 5060).into(), peer: ([127, 0, 0, 1], 40000).into() }
    }

    fn phone(octet: u8) -> PhoneId {
        PhoneId::new(UnixMillis::new(0), [octet; 10])
    }

    fn register(cseq: u32, headers: &str) -> Request {
        let text = format!(
            "REGISTER sip:127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:40000;branch=z9hG4bK{cseq}\r\n\
             From: <sip:9001@127.0.0.1>;tag=1\r\nTo: <sip:9001@127.0.0.1>\r\nCall-ID: c1\r\n\
             CSeq: {cseq} REGISTER\r\nMax-Forwards: 70\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        match parse_datagram(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a request"),
        }
    }

    fn changed(decision: Decision) -> Vec<Binding> {
        match decision {
            Decision::Change { bindings, .. } => bindings,
            other => panic!("{other:?}"),
        }
    }

    fn contacts(bindings: &[Binding]) -> Vec<&str> {
        bindings.iter().map(|binding| binding.contact.as_str()).collect()
    }

    #[test]
    fn each_contact_has_its_own_expiry_and_zero_takes_it_away() {
        let now = Instant::now();
        let request = register(1, "Contact: <sip:a@10.0.0.1>;expires=90, <sip:a@10.0.0.2>\r\nExpires: 120\r\n");
        let first = changed(decide(&request, &[], phone(1), flow(), LIMITS, now));
        assert_eq!(first.iter().map(|binding| binding.seconds_left(now)).collect::<Vec<_>>(), [90, 120]);
        let request = register(2, "Contact: <sip:a@10.0.0.1>;expires=0\r\n");
        let second = changed(decide(&request, &first, phone(1), flow(), LIMITS, now));
        assert_eq!(contacts(&second), ["sip:a@10.0.0.2"]);
    }

    #[test]
    fn an_expiry_too_brief_changes_nothing_at_all() {
        let request = register(1, "Contact: <sip:a@10.0.0.1>, <sip:a@10.0.0.2>;expires=5\r\n");
        assert!(matches!(decide(&request, &[], phone(1), flow(), LIMITS, Instant::now()), Decision::TooBrief));
    }

    #[test]
    fn an_older_request_changes_nothing() {
        let now = Instant::now();
        let bindings =
            changed(decide(&register(5, "Contact: <sip:a@10.0.0.1>\r\n"), &[], phone(1), flow(), LIMITS, now));
        let late = register(4, "Contact: <sip:a@10.0.0.1>;expires=0\r\n");
        assert!(matches!(decide(&late, &bindings, phone(1), flow(), LIMITS, now), Decision::OutOfOrder));
        let star = register(5, "Contact: *\r\nExpires: 0\r\n");
        assert!(matches!(decide(&star, &bindings, phone(1), flow(), LIMITS, now), Decision::OutOfOrder));
    }

    #[test]
    fn a_star_takes_away_this_phones_bindings_and_leaves_those_of_others() {
        let now = Instant::now();
        let request = register(1, "Contact: <sip:a@10.0.0.1>\r\n");
        let mut bindings = changed(decide(&request, &[], phone(1), flow(), LIMITS, now));
        let request = register(1, "Contact: <sip:a@10.0.0.2>\r\n");
        bindings = changed(decide(&request, &bindings, phone(2), flow(), LIMITS, now));
        let star = register(2, "Contact: *\r\nExpires: 0\r\n");
        bindings = changed(decide(&star, &bindings, phone(1), flow(), LIMITS, now));
        assert_eq!(contacts(&bindings), ["sip:a@10.0.0.2"]);
        let star = register(3, "Contact: *\r\n");
        assert!(matches!(decide(&star, &bindings, phone(1), flow(), LIMITS, now), Decision::Malformed(_)));
    }

    #[test]
    fn a_phone_has_no_more_bindings_than_allowed() {
        let headers = "Contact: <sip:a@10.0.0.1>, <sip:a@10.0.0.2>, <sip:a@10.0.0.3>, <sip:a@10.0.0.4>\r\n";
        let decision = decide(&register(1, headers), &[], phone(1), flow(), LIMITS, Instant::now());
        assert!(matches!(decision, Decision::TooMany));
        // Nor does it take away more at once than there can be: each is compared with all others.
        let headers =
            "Contact: <sip:a@10.0.0.1>, <sip:a@10.0.0.2>, <sip:a@10.0.0.3>, <sip:a@10.0.0.4>\r\nExpires: 0\r\n";
        let decision = decide(&register(1, headers), &[], phone(1), flow(), LIMITS, Instant::now());
        assert!(matches!(decision, Decision::TooMany));
    }

    const INSTANCE_1: &str = "+sip.instance=\"<urn:uuid:1>\"";

    fn outbound(cseq: u32, contact: &str, call: &str) -> Request {
        let mut request = register(cseq, &format!("Contact: {contact}\r\nSupported: path, outbound\r\n"));
        request.headers.set("Call-ID", call);
        request
    }

    #[test]
    fn each_flow_of_an_instance_is_one_binding_whatever_its_contact_and_call_are() {
        let now = Instant::now();
        let decide =
            |request: &Request, existing: &[Binding], who| decide(request, existing, phone(who), flow(), LIMITS, now);
        let first = outbound(9, &format!("<sip:a@10.0.0.1>;reg-id=1;{INSTANCE_1}"), "c1");
        let bindings = changed(decide(&first, &[], 1));
        let second = outbound(1, &format!("<sip:a@10.0.0.1>;reg-id=2;{INSTANCE_1}"), "c2");
        let bindings = changed(decide(&second, &bindings, 1));
        assert_eq!(bindings.iter().map(|binding| binding.reg_id).collect::<Vec<_>>(), [1, 2], "the same contact twice");
        let again = outbound(1, &format!("<sip:a@10.0.0.7>;reg-id=1;{INSTANCE_1}"), "c3");
        let bindings = changed(decide(&again, &bindings, 1));
        assert_eq!(contacts(&bindings), ["sip:a@10.0.0.1", "sip:a@10.0.0.7"], "a flow in place of the one before");
        let stranger = outbound(1, &format!("<sip:b@10.0.0.8>;reg-id=1;{INSTANCE_1}"), "c4");
        assert_eq!(changed(decide(&stranger, &bindings, 2)).len(), 3, "another phone takes nobody's flow");
        let gone = outbound(2, &format!("<sip:a@10.0.0.7>;expires=0;reg-id=1;{INSTANCE_1}"), "c3");
        assert_eq!(contacts(&changed(decide(&gone, &bindings, 1))), ["sip:a@10.0.0.1"]);
    }

    #[test]
    fn a_flow_counts_only_for_an_instance_that_does_outbound() {
        let now = Instant::now();
        for headers in [
            "Contact: <sip:a@10.0.0.1>;reg-id=1\r\nSupported: outbound\r\n".to_owned(),
            format!("Contact: <sip:a@10.0.0.1>;reg-id=1;{INSTANCE_1}\r\n"),
        ] {
            let bindings = changed(decide(&register(1, &headers), &[], phone(1), flow(), LIMITS, now));
            assert_eq!(bindings.first().unwrap().reg_id, 0, "{headers}");
        }
        for wrong in ["0", "x", "4294967296", "2147483648"] {
            let request = outbound(1, &format!("<sip:a@10.0.0.1>;reg-id={wrong};{INSTANCE_1}"), "c1");
            assert!(matches!(decide(&request, &[], phone(1), flow(), LIMITS, now), Decision::Malformed(_)), "{wrong}");
        }
    }

    #[test]
    fn behind_a_proxy_outbound_wants_its_part_done_and_the_path_is_kept() {
        let now = Instant::now();
        let decide = |path: &str| {
            let mut request = outbound(1, &format!("<sip:a@10.0.0.1>;reg-id=1;{INSTANCE_1}"), "c1");
            request.headers.push("Via", "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bKx");
            for proxy in path.split('|').filter(|proxy| !proxy.is_empty()) {
                request.headers.push("Path", proxy);
            }
            super::decide(&request, &[], phone(1), flow(), LIMITS, now)
        };
        assert!(matches!(decide(""), Decision::FirstHopLacksOutbound));
        assert!(matches!(decide("<sip:edge.example.com;lr>"), Decision::FirstHopLacksOutbound));
        assert!(matches!(
            decide("<sip:t1@a.example.com;lr;ob>|<sip:b.example.com;lr>"),
            Decision::FirstHopLacksOutbound
        ));
        let bindings = changed(decide("<sip:core.example.com;lr>|<sip:t1@edge.example.com;lr;ob>"));
        assert_eq!(&*bindings.first().unwrap().path, "<sip:core.example.com;lr>, <sip:t1@edge.example.com;lr;ob>");
        assert!(matches!(decide("<sip:a@b>|nonsense"), Decision::Malformed(_)));
        assert!(matches!(decide(&["<sip:p.example.com;lr>"; 9].join("|")), Decision::Malformed(_)));
    }

    #[test]
    fn a_request_without_contacts_asks_only() {
        assert!(matches!(decide(&register(1, ""), &[], phone(1), flow(), LIMITS, Instant::now()), Decision::Query));
    }
}
