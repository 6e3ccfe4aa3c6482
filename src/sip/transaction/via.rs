//! What a Via is for: where a request really came from, and the way back for its answer. Pure.

use crate::sip::flow::{Flow, Transport};
use crate::sip::message::{Headers, Host, Via};

/// The Via of a request of ours.
pub(super) fn own_via(flow: Flow, branch: &str) -> String {
    // Not as an address shows itself: that has the scope of a link-local one, which is nobody else's business.
    let host = Host::from(flow.local.ip());
    format!("SIP/2.0/{} {host}:{};branch={branch};rport", flow.transport, flow.local.port())
}

/// Writes into the topmost Via of a request or its answer where the request really came from (RFC 3261 section 18.2.1, RFC 3581 section 4).
pub(in crate::sip) fn note_source(headers: &mut Headers, flow: Flow) {
    let Ok(mut via) = headers.top_via() else { return };
    let wants_port = via.rport().is_some();
    if wants_port {
        via.params.set("rport", Some(flow.peer.port().to_string()));
    }
    if wants_port || via.host != Host::from(flow.peer.ip()) {
        via.params.set("received", Some(flow.peer.ip().to_string()));
    }
    headers.replace_top_via(&via);
}

/// Where an answer goes (RFC 3261 section 18.2.2): the connection it came over, or by datagram to the source,
/// at the source's port if `rport` was asked for, else at the port of the Via.
pub(in crate::sip) fn way_back(headers: &Headers, flow: Flow) -> Flow {
    if flow.transport != Transport::Udp {
        return flow;
    }
    let Ok(via) = headers.top_via() else { return flow };
    let port = if via.rport().is_some() { flow.peer.port() } else { default_port(&via) };
    Flow { peer: std::net::SocketAddr::new(flow.peer.ip(), port), ..flow }
}

fn default_port(via: &Via) -> u16 {
    via.port.unwrap_or(5060)
}
