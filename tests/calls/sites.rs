//! Two whole servers as two sites: phones registered at both, at one, at none; what `dr-forward` makes of their calls; and what is
//! shown of it, the peer there or gone.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::link::Link;
use crate::phone::{Phone, QUIET, connects, header, status, within};
use crate::support::ports::Ports;
use crate::support::server::Server;
use crate::support::wait_for;

const PATIENCE: Duration = Duration::from_secs(60);

/// Two sites that know each other.
struct Sites {
    tokyo: Server,
    osaka: Server,
    /// Where Osaka takes SIP: on an address of its own.
    at_osaka: SocketAddr,
    _ports: Ports,
}

impl Sites {
    fn start(mode: &str, transport: &str) -> Self {
        let ports = Ports::take();
        let at_osaka = SocketAddr::from(([127, 0, 0, 2], ports.some(1)));
        let tokyo = Server::start(QUIET);
        let osaka =
            Server::start(&format!("{QUIET}listen.sip_udp = [\"{at_osaka}\"]\nlisten.sip_tcp = [\"{at_osaka}\"]"));
        let sites = Self { at_osaka, osaka, tokyo, _ports: ports };
        let (here, there) = (sites.tokyo.sip, sites.at_osaka);
        sites.tokyo.knows_peer("Tokyo", ("Osaka", there, &sites.osaka), mode, transport);
        sites.osaka.knows_peer("Osaka", ("Tokyo", here, &sites.tokyo), mode, transport);
        sites
    }

    /// A phone of a user's at one site.
    fn phone(&self, is_osaka: bool, name: &str, user: &str) -> Phone {
        let (server, at) = if is_osaka { (&self.osaka, self.at_osaka) } else { (&self.tokyo, self.tokyo.sip) };
        Phone::of_user(server, Link::udp(at), name, user)
    }

    /// A phone that is a user's at both sites and registered with these.
    fn phone_of_both(&self, name: &str, user: &str, tokyo: bool, osaka: bool) -> (Phone, Phone) {
        let (mut here, mut there) = (self.phone(false, name, user), self.phone(true, name, user));
        for (phone, stays) in [(&mut here, tokyo), (&mut there, osaka)] {
            if !stays {
                assert_eq!(status(&phone.registers("Expires: 0\r\n")), 200);
            }
        }
        (here, there)
    }
}

/// The same call, in both directions' hands: answered at the other site, and ended by either.
fn is_forwarded(caller: &mut Phone, callee: &mut Phone) {
    for ended_by_caller in [true, false] {
        let mut calling = caller.calls("1002", "");
        let (invite, mut called) = connects(caller, &mut calling, callee);
        assert!(header(&invite, "P-Asserted-Identity").unwrap().contains("sip:1001@"), "{invite}");
        match ended_by_caller {
            true => within(caller, &mut calling, callee, "BYE"),
            false => within(callee, &mut called, caller, "BYE"),
        };
    }
}

fn refused(caller: &mut Phone, number: &str) -> u16 {
    let mut calling = caller.calls(number, "");
    status(&caller.hears(&mut calling))
}

#[test]
fn a_call_to_a_line_that_is_live_at_the_other_site_only_goes_there_as_dr_forward_says() {
    for transport in ["udp", "tcp"] {
        let sites = Sites::start("off", transport);
        let mut one = sites.phone(false, "one", "sato");
        let (_gone, mut there) = sites.phone_of_both("two", "smith", false, true);
        assert_eq!(refused(&mut one, "1002"), 480, "off");
        for mode in ["no-agent", "oos"] {
            assert_eq!(sites.tokyo.api_patch("/sites", &json!({ "dr_forward": mode })).status, 200);
            is_forwarded(&mut one, &mut there);
        }
        // What a number says goes before the default.
        let own = |mode: Value| sites.tokyo.api_patch("/directory-numbers/1002", &json!({ "dr_forward": mode })).status;
        assert_eq!(own(json!("off")), 200);
        assert_eq!(refused(&mut one, "1002"), 480);
        assert_eq!(own(json!("often")), 422);
        assert_eq!(sites.tokyo.api_patch("/sites", &json!({ "dr_forward": "off" })).status, 200);
        assert_eq!(own(json!("oos")), 200);
        is_forwarded(&mut one, &mut there);
    }
}

#[test]
fn a_call_to_a_phone_that_is_registered_here_and_gone_goes_to_the_other_site_as_dr_forward_says() {
    let sites = Sites::start("off", "udp");
    let mut one = sites.phone(false, "one", "sato");
    let mut there = sites.phone(true, "two", "smith");
    drop(Phone::of_user(&sites.tokyo, Link::tcp(sites.tokyo.sip), "two", "smith"));
    wait_for("the end of its connection", PATIENCE, || (sites.tokyo.connections() == 0).then_some(()));
    assert_eq!(sites.tokyo.api_get("/lines/1002/status")["state"], "registered");
    assert_eq!(refused(&mut one, "1002"), 480, "off");
    for mode in ["no-agent", "oos"] {
        assert_eq!(sites.tokyo.api_patch("/sites", &json!({ "dr_forward": mode })).status, 200);
        is_forwarded(&mut one, &mut there);
    }
}

#[test]
fn a_call_to_a_phone_that_says_nothing_here_goes_to_the_other_site_when_it_is_given_up() {
    let sites = Sites::start("oos", "udp");
    let mut one = sites.phone(false, "one", "sato");
    let (mut here, mut there) = sites.phone_of_both("two", "smith", true, true);
    let mut calling = one.calls("1002", "");
    // Half a minute (timer B of RFC 3261), in which it is sent the call seven times.
    (0..6).for_each(|_| drop(here.next("INVITE ")));
    assert!(!sites.osaka.log().contains("a call between lines"), "it is not given up yet");
    here.next("INVITE ");
    connects(&mut one, &mut calling, &mut there);
    within(&mut one, &mut calling, &mut there, "BYE");
}

#[test]
fn a_phone_that_is_registered_at_both_sites_rings_once() {
    let sites = Sites::start("oos", "udp");
    let mut one = sites.phone(false, "one", "sato");
    let (mut here, mut there) = sites.phone_of_both("two", "smith", true, true);
    is_forwarded(&mut one, &mut here);
    // Nothing but its own answer reaches it at the other site.
    let answer = there.registers("");
    assert_eq!(status(&answer), 200);
    assert!(!sites.osaka.log().contains("a call between lines"), "Osaka has heard of a call");
}

#[test]
fn a_call_from_the_peer_goes_no_further_and_the_caller_hears_the_better_answer() {
    let sites = Sites::start("oos", "udp");
    let mut one = sites.phone(false, "one", "sato");
    // Live at neither: each would forward, and Osaka does not send it back.
    let (_here, mut there) = sites.phone_of_both("two", "smith", false, false);
    assert_eq!(refused(&mut one, "1002"), 480);
    let came = |server: &Server| server.log().matches("a call between lines").count();
    assert_eq!((came(&sites.tokyo), came(&sites.osaka)), (1, 1));
    // Busy there is more than nobody here.
    assert_eq!(status(&there.registers("")), 200);
    let mut calling = one.calls("1002", "");
    let invite = there.rings();
    there.answers(&invite, "486 Busy Here", "", "");
    there.next("ACK ");
    assert_eq!(status(&one.hears(&mut calling)), 486);
    // A number that is somebody's here and nobody's there is unavailable, not unknown.
    let mut three = sites.phone(false, "three", "tanaka");
    assert_eq!(status(&three.registers("Expires: 0\r\n")), 200);
    assert_eq!(refused(&mut one, "1003"), 480);
    // A caller who gives up stops the phone at the other site.
    let mut calling = one.calls("1002", "");
    let invite = there.rings();
    one.next("SIP/2.0 180");
    one.cancels(&calling);
    let cancel = there.next("CANCEL ");
    there.answers(&cancel, "200 OK", "", "");
    there.answers(&invite, "487 Request Terminated", "", "");
    there.next("ACK ");
    assert_eq!(status(&one.hears(&mut calling)), 487);
    // A peer that doesn't know this site challenges it: that is nothing the caller can answer.
    assert_eq!(sites.osaka.api_patch("/sites", &json!({ "peer_networks": [] })).status, 200);
    assert_eq!(refused(&mut one, "1002"), 480);
    assert!(sites.tokyo.log().contains("peer_networks"));
}

#[test]
fn who_only_sends_from_where_the_peer_is_calls_no_route_point_and_no_number_of_nobody() {
    let sites = Sites::start("oos", "udp");
    // Osaka's address of Tokyo is where Osaka's own strangers are, too.
    let mut stranger = Phone::new(Link::udp(sites.at_osaka), "stranger");
    assert_eq!(refused(&mut stranger, "2000"), 401);
    assert_eq!(refused(&mut stranger, "4711"), 401);
    // A phone that registered from there is a phone, and may not say that it is another.
    let mut two = sites.phone(true, "two", "smith");
    let mut three = sites.phone(true, "three", "tanaka");
    let mut calling = two.calls("1003", "P-Asserted-Identity: <sip:1001@tsunagu>\r\n");
    let invite = three.rings();
    assert!(header(&invite, "P-Asserted-Identity").unwrap().contains("sip:1002@"), "{invite}");
    three.answers(&invite, "486 Busy Here", "", "");
    three.next("ACK ");
    assert_eq!(status(&two.hears(&mut calling)), 486);
}

#[test]
fn a_peer_that_is_gone_and_back_is_shown_as_such_and_calls_follow() {
    let mut sites = Sites::start("oos", "tcp");
    let mut one = sites.phone(false, "one", "sato");
    let (mut here, mut there) = sites.phone_of_both("two", "smith", true, true);
    let states = |server: &Server| {
        let status = server.api_get("/lines/1002/status");
        let of = |index: usize| status["sites"][index]["state"].as_str().unwrap().to_owned();
        (of(0), of(1), status)
    };
    let is = |server: &Server, wanted: (&str, &str)| {
        let (here, there, status) = states(server);
        assert_eq!((&*here, &*there), wanted, "{status:#}");
        status
    };
    let status_here = is(&sites.tokyo, ("registered", "registered"));
    assert_eq!(
        (&status_here["sites"][0]["name"], &status_here["sites"][1]["name"]),
        (&json!("Tokyo"), &json!("Osaka"))
    );
    assert_eq!(
        (status_here["dr_forward"].clone(), status_here["sites"][1]["is_this"].clone()),
        (json!("oos"), json!(false))
    );
    let from = status_here["sites"][1]["registered_from"][0].as_str().unwrap();
    assert!(from.starts_with(&there.link.local.to_string()), "{from}");
    is(&sites.osaka, ("registered", "registered"));

    // How to register says the same of the phone, with what it is to be set to.
    let id = sites.tokyo.api_get("/phones?auth_name=two")[0]["id"].clone();
    let path = format!("/phones/{}", id.as_str().unwrap());
    let how = sites.tokyo.api_get(&format!("{path}/how-to-register"));
    assert_eq!(how["user"], "two");
    for (rank, at, transport) in [("primary", sites.tokyo.sip, "udp"), ("secondary", sites.at_osaka, "tcp")] {
        let shown = &how[rank];
        let wanted = json!([at.ip().to_string(), at.port(), transport, "registered"]);
        assert_eq!(json!([shown["address"], shown["port"], shown["transport"], shown["state"]]), wanted, "{how:#}");
    }
    assert_eq!(how["uses_secondary_registration"], true);
    assert_eq!(sites.tokyo.api_get(&path)["sites"][1]["state"], "registered");

    // Registered at one only.
    assert_eq!(status(&there.registers("Expires: 0\r\n")), 200);
    is(&sites.tokyo, ("registered", "not-registered"));
    assert_eq!(status(&there.registers("")), 200);
    assert_eq!(status(&here.registers("Expires: 0\r\n")), 200);
    is(&sites.tokyo, ("not-registered", "registered"));
    is_forwarded(&mut one, &mut there);

    // Gone: not known, why and since when, and the caller hears what is known here.
    sites.osaka.kill9();
    let (state, detail) = {
        let status = is(&sites.tokyo, ("not-registered", "unknown"));
        (status["sites"][1].clone(), status["sites"][1]["fault_text"].clone())
    };
    assert!(state["fault"] == "unreachable" && state["since"].is_string() && detail.is_string(), "{state:#}");
    let again = is(&sites.tokyo, ("not-registered", "unknown"));
    assert_eq!(again["sites"][1]["since"], state["since"], "since it was first missed");
    assert_eq!(sites.tokyo.api_get("/sites/peer")["is_known"], false);
    assert_eq!(refused(&mut one, "1002"), 480);

    // Back: what is registered there is read anew, and calls go there.
    sites.osaka.restart();
    wait_for("the peer to be known again", PATIENCE, || {
        (sites.tokyo.api_get("/sites/peer")["is_known"] == true).then_some(())
    });
    is(&sites.tokyo, ("not-registered", "registered"));
    is_forwarded(&mut one, &mut there);
    // A token that is worth nothing there.
    assert_eq!(sites.tokyo.api_patch("/sites", &json!({ "peer_token": "tsu_nothing" })).status, 200);
    let status = is(&sites.tokyo, ("not-registered", "unknown"));
    assert_eq!(status["sites"][1]["fault"], "refused");
    assert_eq!(sites.tokyo.api_patch("/sites", &json!({ "peer_token": "" })).status, 200);
    assert_eq!(is(&sites.tokyo, ("not-registered", "unknown"))["sites"][1]["fault"], "not-set");
    // Without a peer there is one site.
    assert_eq!(sites.tokyo.api_patch("/sites", &json!({ "peer_address": "" })).status, 200);
    assert_eq!(sites.tokyo.api_get("/lines/1002/status")["sites"].as_array().unwrap().len(), 1);
    assert_eq!(sites.tokyo.admin_get("/api/v1/sites/peer").status, 404);
    assert_eq!(refused(&mut one, "1002"), 480);
}

#[test]
fn files_of_phones_name_the_peer_as_their_second_server_unless_their_template_says_otherwise() {
    let sites = Sites::start("oos", "udp");
    let file = |make: &str, model: &str| {
        let asked = json!({ "user": "sato", "make": make, "model": model });
        let shown = sites.tokyo.api_post("/device-templates/Desk phone/preview".replace(' ', "%20").as_str(), &asked);
        assert_eq!(shown.status, 200, "{shown:?}");
        shown.body
    };
    let (ip, port) = (sites.at_osaka.ip(), sites.at_osaka.port());
    let audiocodes = file("audiocodes", "420HD");
    for line in [
        "voip/signalling/sip/redundant_proxy/mode=Simultaneous".to_owned(),
        format!("voip/signalling/sip/secondary_proxy/address={ip}"),
        format!("voip/signalling/sip/secondary_proxy/port={port}"),
    ] {
        assert!(audiocodes.contains(&line), "{line} in {audiocodes}");
    }
    let yealink = file("yealink", "T46S");
    for line in [
        format!("account.1.sip_server.2.address = {ip}"),
        format!("account.1.sip_server.2.port = {port}"),
        "account.1.fallback.redundancy_type = 0".to_owned(),
    ] {
        assert!(yealink.contains(&line), "{line} in {yealink}");
    }
    let settings = json!({ "settings": { "use_secondary_registration": false } });
    assert_eq!(sites.tokyo.api_patch("/device-templates/Desk%20phone", &settings).status, 200);
    assert!(file("audiocodes", "420HD").contains("redundant_proxy/mode=Disable"));
    assert!(!file("yealink", "T46S").contains(&format!("sip_server.2.address = {ip}")));
}

#[test]
fn settings_that_could_never_work_are_refused_by_field() {
    let server = Server::start(QUIET);
    for (field, value) in [
        ("peer_address", json!("not a host")),
        ("peer_port", json!(0)),
        ("peer_transport", json!("ws")),
        ("peer_networks", json!(["somewhere"])),
        ("peer_api", json!("osaka")),
        ("dr_forward", json!("sometimes")),
    ] {
        let answer = server.api_patch("/sites", &json!({ field: value }));
        assert_eq!(answer.status, 422, "{field}: {answer:?}");
        assert!(answer.json()["field"].as_str().unwrap().starts_with(field), "{answer:?}");
    }
}
