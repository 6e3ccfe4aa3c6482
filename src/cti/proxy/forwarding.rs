//! What is changed in a request that passes (RFC 3261 sections 16.3, 16.4 and 16.6). Pure.

use super::side::Side;
use super::targets::{Target, is_loose};
use crate::directory::Sealer;
use crate::sip::Flow;
use crate::sip::digest::Credentials;
use crate::sip::message::{Headers, NameAddr, Request, RequestUri, Response, SipUri};

/// Hops a request may take that doesn't say.
const MAX_FORWARDS: u8 = 70;

/// The refusal a request earns that is to pass, if it earns one (section 16.3).
pub fn check(request: &Request) -> Result<(), Response> {
    let refuse = |status| Err(request.respond(status));
    if let RequestUri::Other { .. } = request.uri {
        return refuse(416);
    }
    match request.headers.max_forwards() {
        Ok(Some(0)) => return refuse(483),
        Err(_) => return refuse(400),
        Ok(_) => {}
    }
    let asked = request.headers.list("Proxy-Require");
    if asked.is_empty() {
        return Ok(());
    }
    Err(request.respond(420).with_header("Unsupported", &asked.join(", ")))
}

/// The request that goes to `target` over `flow` and begins a call: this server stays between the two, known to each by the way it
/// is reached.
pub(super) fn begun(request: &Request, from: (Side, Flow), target: &Target, flow: Flow, sealer: &Sealer) -> Request {
    let mut onward = request.clone();
    onward.headers.remove("Route");
    for route in &target.routes {
        onward.headers.push("Route", route);
    }
    let there = (Side::of(target.phone, flow), flow);
    let is_secure = request.uri.sip().is_some_and(|uri| uri.secure);
    for (side, flow) in [from, there] {
        let mut uri = flow.own_uri(side.user(sealer, request).as_deref(), is_secure);
        uri.params.set("lr", None);
        onward.headers.prepend("Record-Route", &NameAddr::new(uri).to_string());
    }
    next_hop(&mut onward, &target.uri);
    onward
}

/// A request inside a call, without the routes that brought it here, and the side it goes to; none if no route of this server's
/// for its call brought it. `is_own` says whether a route that was written with this key leads here: a peer may have the same key.
pub(super) fn within(
    request: &Request,
    sealer: &Sealer,
    is_own: impl Fn(&Side, &SipUri) -> bool,
) -> Option<(Request, Side)> {
    let side_at =
        |uri: &RequestUri| Side::read(uri, sealer, request).filter(|it| uri.sip().is_some_and(|at| is_own(it, at)));
    let mut routes: Vec<String> = request.headers.list("Route").into_iter().map(str::to_owned).collect();
    let mut uri = request.uri.clone();
    if side_at(&request.uri).is_some() {
        // A strict router put the target last (section 16.4).
        routes.insert(0, NameAddr::new(request.uri.clone()).to_string());
        uri = routes.pop()?.parse::<NameAddr>().ok()?.uri;
    }
    let side_of = |route: &String| {
        let address: NameAddr = route.parse().ok()?;
        side_at(&address.uri)
    };
    // The first is that of whoever sent it, the last that of whoever it is for.
    let sides: Vec<Side> = routes.iter().map_while(side_of).collect();
    let side = *sides.last()?;
    let mut onward = request.clone();
    onward.headers.remove("Route");
    for route in routes.iter().skip(sides.len()) {
        onward.headers.push("Route", route);
    }
    next_hop(&mut onward, &uri);
    Some((onward, side))
}

/// One hop less, and for a strict router the target at the end of the routes (section 16.6, steps 3 and 6).
fn next_hop(request: &mut Request, uri: &RequestUri) {
    let hops = request.headers.max_forwards().ok().flatten().map_or(MAX_FORWARDS, |hops| hops.saturating_sub(1));
    request.headers.set("Max-Forwards", &hops.to_string());
    request.uri = uri.clone();
    let mut routes: Vec<String> = request.headers.list("Route").into_iter().map(str::to_owned).collect();
    let Some(first) = routes.first().filter(|first| !is_loose(first)) else { return };
    let Ok(strict) = first.parse::<NameAddr>() else { return };
    routes.remove(0);
    routes.push(NameAddr::new(uri.clone()).to_string());
    request.headers.remove("Route");
    routes.iter().for_each(|route| request.headers.push("Route", route));
    request.uri = strict.uri;
}

/// Takes out what was shown to this server only: credentials of its realm (section 22.3).
pub(super) fn without_credentials(request: &mut Request, realm: &str) {
    for name in ["Authorization", "Proxy-Authorization"] {
        let is_ours = |value: &str| Credentials::parse(value).is_some_and(|credentials| credentials.realm == realm);
        let others: Vec<String> =
            request.headers.all(name).filter(|value| !is_ours(value)).map(str::to_owned).collect();
        request.headers.remove(name);
        others.iter().for_each(|value| request.headers.push(name, value));
    }
}

/// Says who calls, in the place of whatever the caller says of itself (RFC 3325 sections 5 and 6); nobody learns it of who asks for
/// privacy.
pub(super) fn assert_identity(headers: &mut Headers, identity: &NameAddr) {
    headers.remove("P-Preferred-Identity");
    headers.remove("P-Asserted-Identity");
    if !wants_privacy(headers) {
        headers.push("P-Asserted-Identity", &identity.to_string());
    }
}

/// True if who calls is to be told nobody (RFC 3323, RFC 3325 section 7).
pub(super) fn wants_privacy(headers: &Headers) -> bool {
    let privacy: Vec<&str> = headers.all("Privacy").flat_map(|value| value.split([';', ','])).map(str::trim).collect();
    privacy.iter().any(|wanted| ["id", "user", "header"].iter().any(|known| wanted.eq_ignore_ascii_case(known)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cti::proxy::targets::Way;
    use crate::sip::Transport;
    use crate::sip::message::Method;

    fn flow(port: u16) -> Flow {
        let transport = if port == 2 { Transport::Tcp } else { Transport::Udp };
        Flow { transport, local: ([192, 0, 2, 9], 5060).into(), peer: ([192, 0, 2, 1], port).into() }
    }

    fn here(_: &Side, uri: &SipUri) -> bool {
        (uri.host.ip(), uri.port) == (Some([192, 0, 2, 9].into()), Some(5060))
    }

    fn invite() -> Request {
        let mut request = Request::new(Method::Invite, "sip:1002@tsunagu".parse().unwrap());
        for (name, value) in [
            ("Via", "SIP/2.0/UDP 192.0.2.1:1;branch=z9hG4bKa"),
            ("Route", "<sip:tsunagu;lr>"),
            ("From", "<sip:1001@tsunagu>;tag=1"),
            ("To", "<sip:1002@tsunagu>"),
            ("Call-ID", "c1"),
        ] {
            request.headers.push(name, value);
        }
        request
    }

    fn target(routes: &[&str]) -> Target {
        let routes = routes.iter().map(|route| (*route).to_owned()).collect();
        let uri = "sip:b@192.0.2.1:2;transport=tcp".parse().unwrap();
        Target { uri, routes, way: Way::Flow(flow(2)), phone: None }
    }

    fn begin(sealer: &Sealer, routes: &[&str]) -> Request {
        begun(&invite(), (Side::of(None, flow(1)), flow(1)), &target(routes), flow(2), sealer)
    }

    #[test]
    fn whoever_is_called_sends_back_by_the_way_the_call_came_and_the_caller_likewise() {
        let sealer = Sealer::new([7; 32]);
        let sent = begin(&sealer, &["<sip:edge;lr>"]);
        assert_eq!(sent.uri.to_string(), "sip:b@192.0.2.1:2;transport=tcp");
        assert_eq!(sent.headers.list("Route"), ["<sip:edge;lr>"]);
        assert_eq!(sent.headers.get("Max-Forwards"), Some("70"));
        let recorded: Vec<String> = sent.headers.list("Record-Route").into_iter().map(str::to_owned).collect();
        assert!(recorded[0].contains("transport=tcp") && recorded[1].contains("transport=udp"), "{recorded:?}");
        let request = |from: &str, to: &str, routes: &[String]| {
            let mut request = Request::new(Method::Bye, "sip:them@192.0.2.7".parse().unwrap());
            for (name, value) in [("From", from), ("To", to), ("Call-ID", "c1"), ("Max-Forwards", "5")] {
                request.headers.push(name, value);
            }
            routes.iter().for_each(|route| request.headers.push("Route", route));
            request
        };
        let (caller, callee) = ("<sip:1001@tsunagu>;tag=1", "<sip:1002@tsunagu>;tag=2");
        // The callee has the recorded routes as they come, and before them the caller's proxies.
        let mut routes = recorded.clone();
        routes.push("<sip:far;lr>".to_owned());
        let (onward, side) = within(&request(callee, caller, &routes), &sealer, here).unwrap();
        assert_eq!((side, onward.headers.list("Route")), (Side::of(None, flow(1)), vec!["<sip:far;lr>"]));
        assert_eq!(
            (onward.uri.to_string().as_str(), onward.headers.get("Max-Forwards")),
            ("sip:them@192.0.2.7", Some("4"))
        );
        routes.truncate(2);
        routes.reverse();
        let (onward, side) = within(&request(caller, callee, &routes), &sealer, here).unwrap();
        assert_eq!((side, onward.headers.list("Route").len()), (Side::of(None, flow(2)), 0));
        // A strict router has put our route into the Request-URI and the target at the end.
        let mut strict = request(caller, callee, &[routes[1].clone(), "<sip:them@192.0.2.7>".to_owned()]);
        strict.uri = routes[0].parse::<NameAddr>().unwrap().uri;
        let (onward, side) = within(&strict, &sealer, here).unwrap();
        assert_eq!((side, onward.uri.to_string().as_str()), (Side::of(None, flow(2)), "sip:them@192.0.2.7"));
        // A peer that has the same key has written its own.
        assert!(within(&request(caller, callee, &routes), &sealer, |_, _| false).is_none());
        // A route of another call, or of nobody's, brings nothing anywhere.
        assert!(within(&request("<sip:a@b>;tag=3", callee, &routes), &sealer, here).is_none());
        assert!(within(&request(caller, callee, &["<sip:tsunagu;lr>".to_owned()]), &sealer, here).is_none());
        assert!(within(&request(caller, callee, &[]), &sealer, here).is_none());
    }

    #[test]
    fn a_strict_router_gets_itself_in_the_request_uri_and_the_target_last() {
        let sent = begin(&Sealer::new([7; 32]), &["<sip:old>", "<sip:edge;lr>"]);
        assert_eq!(sent.uri.to_string(), "sip:old");
        assert_eq!(sent.headers.list("Route"), ["<sip:edge;lr>", "<sip:b@192.0.2.1:2;transport=tcp>"]);
    }

    #[test]
    fn what_a_proxy_must_refuse_is_refused() {
        let status = |name: &str, value: &str| {
            let mut request = invite();
            request.headers.set(name, value);
            check(&request).err().map(|refusal| refusal.status)
        };
        assert_eq!(check(&invite()).err(), None);
        assert_eq!(status("Max-Forwards", "0"), Some(483));
        assert_eq!(status("Max-Forwards", "300"), Some(400));
        assert_eq!(status("Proxy-Require", "sec-agree"), Some(420));
        assert_eq!(status("Require", "replaces"), None, "what the callee must understand is the callee's to refuse");
        let mut request = invite();
        request.uri = "soap.beep://192.0.2.1".parse().unwrap();
        assert_eq!(check(&request).unwrap_err().status, 416);
    }

    #[test]
    fn who_calls_is_what_this_server_says_and_nothing_where_privacy_is_asked_for() {
        let identity: NameAddr = "<sip:1001@tsunagu>".parse().unwrap();
        let mut headers = Headers::default();
        headers.push("P-Asserted-Identity", "<sip:boss@tsunagu>");
        headers.push("P-Preferred-Identity", "<sip:boss@tsunagu>");
        assert_identity(&mut headers, &identity);
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("P-Asserted-Identity", "<sip:1001@tsunagu>")]);
        headers.push("Privacy", "critical;ID");
        assert_identity(&mut headers, &identity);
        assert_eq!(headers.iter().collect::<Vec<_>>(), [("Privacy", "critical;ID")]);
    }

    #[test]
    fn credentials_for_this_server_stay_here_and_others_pass() {
        let mut request = invite();
        let of = |realm: &str| {
            format!(
                "Digest username=\"a\", realm=\"{realm}\", nonce=\"n\", uri=\"sip:b\", response=\"{}\"",
                "0".repeat(32)
            )
        };
        request.headers.push("Authorization", &of("tsunagu"));
        request.headers.push("Authorization", &of("elsewhere"));
        without_credentials(&mut request, "tsunagu");
        assert_eq!(request.headers.all("Authorization").collect::<Vec<_>>(), [of("elsewhere")]);
    }
}
