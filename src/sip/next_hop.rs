//! Where a request goes that belongs to a dialog, or to a phone behind proxies (RFC 3261 section 12.2.1.1, RFC 3327 section
//! 5.3): along its route, to where its URI leads, or over the flow its peer is known by. Pure.

use super::flow::Flow;
use super::message::{Host, NameAddr, Request, SipUri};

/// What is known of it without asking DNS.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum NextHop {
    /// Over the flow.
    Flow,
    /// To where this URI leads; over the flow only if that can't be found.
    Uri(SipUri),
}

/// Decides it. A peer behind an address translation gives addresses in its Contact that lead nowhere from here, so an address is
/// followed only where a proxy gives it; a name in a Contact is followed within a dialog.
pub(super) fn next_hop(request: &Request, flow: Flow) -> NextHop {
    let routes = request.headers.list("Route");
    let route = routes.first().and_then(|route| route.parse::<NameAddr>().ok());
    let is_routed = route.is_some();
    let uri = route.map_or_else(|| request.uri.clone(), |route| route.uri);
    let Some(uri) = uri.sip() else { return NextHop::Flow };
    match host(uri) {
        Host::Name(name) => {
            let is_in_dialog = request.headers.to().is_ok_and(|to| to.tag().is_some());
            // What has no name says so (RFC 7118 section 5, RFC 6761).
            let is_nowhere = name.trim_end_matches('.').rsplit('.').next() == Some("invalid");
            if is_nowhere || !(is_routed || is_in_dialog) { NextHop::Flow } else { NextHop::Uri(uri.clone()) }
        }
        numeric if is_routed => {
            let port = uri.port.unwrap_or_else(|| flow.transport.default_port());
            let is_peer =
                numeric.ip() == Some(flow.peer.ip()) && (flow.transport.is_reliable() || port == flow.peer.port());
            if is_peer { NextHop::Flow } else { NextHop::Uri(uri.clone()) }
        }
        _ => NextHop::Flow,
    }
}

/// True if `flow` is a way to `other`'s peer: the same connection, or the same address and port.
pub(super) fn is_same_way(flow: Flow, other: Flow) -> bool {
    let is_same_port = flow.transport.is_reliable() || flow.peer.port() == other.peer.port();
    flow.transport == other.transport && flow.peer.ip() == other.peer.ip() && is_same_port
}

/// This machine's own addresses are nobody's to send us to who is not on it.
pub(super) fn may_lead(flow: Flow, to: Flow) -> bool {
    !to.peer.ip().is_loopback() || flow.peer.ip().is_loopback()
}

fn host(uri: &SipUri) -> Host {
    uri.params.get("maddr").and_then(|maddr| maddr.parse().ok()).unwrap_or_else(|| uri.host.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Transport;
    use crate::sip::message::Method;

    fn flow(transport: Transport) -> Flow {
        Flow { transport, local: "192.0.2.1:5060".parse().unwrap(), peer: "192.0.2.9:40000".parse().unwrap() }
    }

    fn leads(uri: &str, route: &str, to: &str, transport: Transport) -> String {
        let mut request = Request::new(Method::Bye, uri.parse().unwrap());
        request.headers.set("To", to);
        if !route.is_empty() {
            request.headers.set("Route", route);
        }
        match next_hop(&request, flow(transport)) {
            NextHop::Flow => "flow".to_owned(),
            NextHop::Uri(uri) => uri.to_string(),
        }
    }

    #[test]
    fn a_route_is_taken_and_a_contact_where_it_is_a_name() {
        let (inside, udp) = ("<sip:a@b.c>;tag=1", Transport::Udp);
        assert_eq!(leads("sip:a@10.0.0.5", "", inside, udp), "flow", "behind a translation");
        assert_eq!(leads("sip:a@host.example.com", "", inside, udp), "sip:a@host.example.com");
        assert_eq!(leads("sip:a@host.example.com", "", "<sip:a@b.c>", udp), "flow", "a phone that registered it");
        assert_eq!(leads("sip:a@df7jal23ls0d.invalid;transport=ws", "", inside, Transport::Wss), "flow");
        assert_eq!(leads("sip:a@x", "<sip:p.example.com;lr>, <sip:q;lr>", "<sip:a@b.c>", udp), "sip:p.example.com;lr");
        assert_eq!(leads("sip:a@x", "<sip:198.51.100.1;lr>", inside, udp), "sip:198.51.100.1;lr");
        assert_eq!(leads("sip:a@x", "<sip:192.0.2.9:40000;lr>", inside, udp), "flow");
        assert_eq!(leads("sip:a@x", "<sip:192.0.2.9;lr>", inside, udp), "sip:192.0.2.9;lr", "it listens elsewhere");
        assert_eq!(leads("sip:a@x", "<sip:192.0.2.9;lr;transport=tcp>", inside, Transport::Tcp), "flow");
        assert_eq!(leads("tel:+81312345678", "", inside, udp), "flow");
    }

    #[test]
    fn nobody_elsewhere_sends_us_to_this_machine_itself() {
        let to = |peer: &str| Flow { peer: peer.parse().unwrap(), ..flow(Transport::Udp) };
        assert!(
            !may_lead(flow(Transport::Udp), to("127.0.0.1:5060")) && !may_lead(flow(Transport::Udp), to("[::1]:9"))
        );
        assert!(
            may_lead(flow(Transport::Udp), to("10.0.0.1:5060")) && may_lead(to("127.0.0.1:9"), to("127.0.0.1:5060"))
        );
    }
}
