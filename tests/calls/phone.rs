//! A phone written out by hand: it is somebody's, registers over a link, calls and is called.
#![allow(dead_code, reason = "each test binary uses its own part of it")]

use std::io::Error;
use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use tsunagu::sip::digest::authorize;
use tsunagu::vocab::Secret;

use crate::dialog::Dialog;
use crate::link::Link;
use crate::support::server::{Server, USERS};
use crate::support::wait_for;

/// Settings under which the server calls nobody by itself.
pub const QUIET: &str = "calls.ring_back = false\n";
const SOON: Duration = Duration::from_secs(10);
const SDP: &str =
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 0\r\n";

/// A phone.
pub struct Phone {
    /// The way to the server.
    pub link: Link,
    /// What it registers and calls as.
    pub name: String,
    /// The name and password it answers challenges with.
    pub credentials: (String, String),
    /// What it says it is reached at.
    pub contact: String,
    turn: u32,
}

impl Phone {
    /// Registers over `link` under a name of its own.
    pub fn register(link: Link, name: &str) -> Self {
        let mut phone = Self::new(link, name);
        let answer = phone.registers("");
        assert_eq!(status(&answer), 200, "{answer}");
        phone
    }

    /// The same, and becomes the phone of this user.
    pub fn of_user(server: &Server, link: Link, name: &str, user: &str) -> Self {
        let mut phone = Self::register(link, name);
        phone.is_given_to(server, user);
        phone
    }

    /// A phone that has done nothing yet.
    pub fn new(link: Link, name: &str) -> Self {
        let transport = link.transport.to_ascii_lowercase().replace("wss", "ws");
        let contact = format!("<sip:{name}@{};transport={transport}>", link.local);
        let credentials = (name.to_owned(), "anything".to_owned());
        Self { link, name: name.to_owned(), credentials, contact, turn: 0 }
    }

    /// Becomes the phone of this user, by an administrator's hand.
    pub fn is_given_to(&mut self, server: &Server, user: &str) {
        // Another node may have it first.
        let own = wait_for("the phone to be known", SOON, || {
            let phones = server.api_get("/phones");
            let mut phones = phones.as_array().unwrap().iter();
            let own = phones.find(|phone| phone["registrations"][0]["number"] == self.name.as_str())?;
            own["id"].as_str().map(str::to_owned)
        });
        let answer = server.api_post("/enrolments", &json!({ "phone": own, "user": user }));
        assert_eq!(answer.status, 201, "{answer:?}");
        // It is asked whether it is there.
        let asked = self.next("OPTIONS ");
        self.answers(&asked, "200 OK", "", "");
    }

    /// The answer to a REGISTER with these headers besides, challenge and all.
    pub fn registers(&mut self, headers: &str) -> String {
        let (own, to) = (format!("reg-{}", self.link.local), format!("<sip:{}@tsunagu>", self.name));
        let challenged = self.asks("REGISTER", "sip:tsunagu", &to, &own, headers);
        if status(&challenged) != 401 {
            return challenged;
        }
        let credentials = self.credentials(&challenged, "REGISTER", "sip:tsunagu");
        self.asks("REGISTER", "sip:tsunagu", &to, &own, &format!("{credentials}{headers}"))
    }

    /// The header that answers a challenge.
    pub fn credentials(&self, challenged: &str, method: &str, uri: &str) -> String {
        let challenge = header(challenged, "WWW-Authenticate").unwrap();
        let (name, password) = &self.credentials;
        let password = Secret::from(password.clone());
        let value = authorize(&[challenge], method, uri, name, &password, "c0", 1).unwrap();
        format!("Authorization: {value}\r\n")
    }

    /// The final answer to a request outside a call.
    pub fn asks(&mut self, method: &str, uri: &str, to: &str, call_id: &str, headers: &str) -> String {
        self.turn += 1;
        let from = format!("<sip:{}@tsunagu>;tag=1", self.name);
        let cseq = format!("{} {method}", self.turn);
        self.sends(method, uri, &[("From", &from), ("To", to), ("Call-ID", call_id), ("CSeq", &cseq)], headers, "");
        loop {
            let answer = self.next("SIP/2.0 ");
            if status(&answer) >= 200 && header(&answer, "CSeq") == Some(&cseq) {
                return answer;
            }
        }
    }

    /// Sends a request: its Via, Max-Forwards and Contact are its own.
    pub fn sends(&mut self, method: &str, uri: &str, named: &[(&str, &str)], headers: &str, body: &str) {
        let branch = format!("z9hG4bK{:016x}", rand::random::<u64>());
        self.sends_as(&branch, method, uri, named, headers, body);
    }

    /// The same as a transaction of this name.
    pub fn sends_as(
        &mut self,
        branch: &str,
        method: &str,
        uri: &str,
        named: &[(&str, &str)],
        headers: &str,
        body: &str,
    ) {
        let (transport, own, contact) = (self.link.transport, self.link.local, &self.contact);
        let named: String = named.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        let hops = if headers.contains("Max-Forwards: ") { "" } else { "Max-Forwards: 70\r\n" };
        let length = body.len();
        self.link.send(&format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {own};branch={branch};rport\r\n{hops}{named}\
             Contact: {contact}\r\n{headers}{kind}Content-Length: {length}\r\n\r\n{body}"
        ));
    }

    /// Begins a call to a number, with these headers besides.
    pub fn calls(&mut self, number: &str, headers: &str) -> Dialog {
        self.calls_at(&format!("sip:{number}@tsunagu"), headers)
    }

    /// Begins a call to this URI.
    pub fn calls_at(&mut self, uri: &str, headers: &str) -> Dialog {
        let from = format!("<sip:{}@tsunagu>;tag={:08x}", self.name, rand::random::<u32>());
        self.invites(&from, uri, headers)
    }

    /// Begins a call to a number with a From of its own making.
    pub fn calls_as(&mut self, from: &str, number: &str, headers: &str) -> Dialog {
        self.invites(from, &format!("sip:{number}@tsunagu"), headers)
    }

    fn invites(&mut self, from: &str, uri: &str, headers: &str) -> Dialog {
        self.turn += 1;
        let to = format!("<{uri}>");
        let call_id = format!("{:032x}", rand::random::<u128>());
        let branch = format!("z9hG4bK{call_id}");
        let named = [("From", from), ("To", &*to), ("Call-ID", &*call_id), ("CSeq", "1 INVITE")];
        self.sends_as(&branch, "INVITE", uri, &named, headers, SDP);
        Dialog {
            call_id,
            branch,
            local: from.to_owned(),
            remote: to,
            target: uri.to_owned(),
            routes: Vec::new(),
            cseq: 1,
        }
    }

    /// The same, answering the challenge it is met with.
    pub fn calls_with_password(&mut self, from: &str, number: &str, headers: &str) -> Dialog {
        let tagged = || format!("{from};tag={:08x}", rand::random::<u32>());
        let mut first = self.calls_as(&tagged(), number, headers);
        let challenged = self.hears(&mut first);
        assert_eq!(status(&challenged), 401, "{challenged}");
        let credentials = self.credentials(&challenged, "INVITE", &first.target);
        self.calls_as(&tagged(), number, &format!("{credentials}{headers}"))
    }

    /// The final answer to a call, whatever came before it; a refusal is acknowledged.
    pub fn hears(&mut self, call: &mut Dialog) -> String {
        loop {
            let answer = self.next("SIP/2.0 ");
            let is_its = header(&answer, "Call-ID") == Some(&call.call_id)
                && header(&answer, "CSeq").is_some_and(|cseq| cseq.ends_with("INVITE"));
            if !is_its || status(&answer) < 200 {
                continue;
            }
            if status(&answer) >= 300 {
                let (to, branch) = (header(&answer, "To").unwrap().to_owned(), call.branch.clone());
                let named = [("From", &*call.local), ("To", &to), ("Call-ID", &*call.call_id), ("CSeq", "1 ACK")];
                self.sends_as(&branch, "ACK", &call.target, &named, "", "");
            }
            return answer;
        }
    }

    /// Hears that the call is answered, and acknowledges it.
    pub fn is_answered(&mut self, call: &mut Dialog) -> String {
        let answer = self.hears(call);
        assert_eq!(status(&answer), 200, "{answer}");
        call.answered(&answer);
        self.within(call, "ACK", "");
        answer
    }

    /// Gives a call up.
    pub fn cancels(&mut self, call: &Dialog) {
        let named = [("From", &*call.local), ("To", &*call.remote), ("Call-ID", &*call.call_id), ("CSeq", "1 CANCEL")];
        self.sends_as(&call.branch.clone(), "CANCEL", &call.target, &named, "", "");
    }

    /// Sends a request within a call.
    pub fn within(&mut self, call: &mut Dialog, method: &str, body: &str) {
        if !matches!(method, "ACK") {
            call.cseq += 1;
        }
        let cseq = format!("{} {method}", call.cseq);
        let routes: String = call.routes.iter().map(|route| format!("Route: {route}\r\n")).collect();
        let named = [("From", &*call.local), ("To", &*call.remote), ("Call-ID", &*call.call_id), ("CSeq", &*cseq)];
        self.sends(method, &call.target, &named, &routes, body);
    }

    /// The next call that comes; it rings.
    pub fn rings(&mut self) -> String {
        let invite = self.next("INVITE ");
        self.answers(&invite, "180 Ringing", "", "");
        invite
    }

    /// Answers a call.
    pub fn takes(&mut self, invite: &str) -> Dialog {
        self.answers(invite, "200 OK", "", SDP);
        Dialog::called(invite, &self.tag())
    }

    /// Answers a request.
    pub fn answers(&mut self, request: &str, status: &str, more: &str, body: &str) {
        let tag = self.tag();
        let one = |name: &'static str| {
            let value = |value: &str| {
                let is_untagged = name == "To" && !value.contains(";tag=");
                let tag = if is_untagged { format!(";tag={tag}") } else { String::new() };
                format!("{name}: {value}{tag}\r\n")
            };
            headers(request, name).into_iter().map(value).collect::<String>()
        };
        let kept: String = ["Via", "Record-Route", "From", "To", "Call-ID", "CSeq"].map(one).concat();
        let (contact, length) = (&self.contact, body.len());
        let kind = if body.is_empty() { "" } else { "Content-Type: application/sdp\r\n" };
        self.link.send(&format!(
            "SIP/2.0 {status}\r\n{kept}Contact: {contact}\r\n{more}{kind}Content-Length: {length}\r\n\r\n{body}"
        ));
    }

    /// The next message that starts so; others are passed over.
    pub fn next(&mut self, start: &str) -> String {
        self.hears_of(start).unwrap_or_else(|error| panic!("no {start}: {error}"))
    }

    fn hears_of(&mut self, start: &str) -> Result<String, Error> {
        loop {
            let text = self.link.hears()?.ok_or_else(|| Error::other("the server has closed"))?;
            if text.starts_with(start) {
                return Ok(text);
            }
        }
    }

    fn tag(&self) -> String {
        format!("of-{}", self.name)
    }
}

/// A server for phones over UDP, and two of them: 1001's and 1002's.
pub fn two_phones(server: &Server) -> (Phone, Phone) {
    let link = || Link::udp(server.sip);
    (Phone::of_user(server, link(), "one", "sato"), Phone::of_user(server, link(), "two", "smith"))
}

/// A phone over each link, each of them somebody's and with a number of its own.
pub fn phones_over(server: &Server, links: impl IntoIterator<Item = Link>) -> Vec<(Phone, String)> {
    let given = links.into_iter().enumerate().map(|(index, link)| {
        let name = format!("phone-{}", link.transport.to_ascii_lowercase());
        let mut phone = Phone::new(link, &name);
        if phone.link.transport.starts_with("WS") {
            // A browser doesn't know where it is (RFC 7118 section 5).
            phone.contact = format!("<sip:{name}@{name}.invalid;transport=ws>");
        }
        let answer = phone.registers("");
        assert_eq!(status(&answer), 200, "{answer}");
        let (user, number) = match USERS.get(index) {
            Some(user) => (user.user_id.to_owned(), user.extension.to_owned()),
            None => {
                let number = format!("11{index:02}");
                let user = json!({ "user_id": name, "name": name, "pin": "730952", "primary_extension": number });
                assert_eq!(server.api_post("/users", &user).status, 201);
                (name, number)
            }
        };
        phone.is_given_to(server, &user);
        (phone, number)
    });
    given.collect()
}

/// Whoever is called rings and answers, and both are in the call. Gives the INVITE that came, and the call at its end.
pub fn connects(caller: &mut Phone, calling: &mut Dialog, callee: &mut Phone) -> (String, Dialog) {
    let invite = callee.hears_of("INVITE ").unwrap_or_else(|error| {
        let told = caller.hears_of("SIP/2.0 ");
        panic!("{} is not called: {error}; {} was told {told:?}", callee.name, caller.name)
    });
    callee.answers(&invite, "180 Ringing", "", "");
    let called = callee.takes(&invite);
    caller.is_answered(calling);
    callee.next("ACK ");
    (invite, called)
}

/// A request within a call, and its answer.
pub fn within(from: &mut Phone, call: &mut Dialog, to: &mut Phone, method: &str) -> String {
    from.within(call, method, "");
    let request = to.next(&format!("{method} "));
    assert!(headers(&request, "Route").is_empty(), "{request}");
    to.answers(&request, "200 OK", "", "");
    let answer = from.next("SIP/2.0 200");
    assert!(header(&answer, "CSeq").unwrap().ends_with(method), "{answer}");
    request
}

/// Each calls each other one and is called by it; the one hangs up one time, the other the next.
pub fn all_call_each_other(phones: &mut [(Phone, String)]) {
    for from in 0..phones.len() {
        for to in (0..phones.len()).filter(|to| *to != from) {
            let [(caller, _), (callee, number)] = phones.get_disjoint_mut([from, to]).unwrap();
            let mut calling = caller.calls(number, "");
            let (invite, mut called) = connects(caller, &mut calling, callee);
            let via = header(&invite, "Via").unwrap();
            assert!(via.starts_with(&format!("SIP/2.0/{} ", callee.link.transport)), "{via}");
            match from < to {
                true => within(caller, &mut calling, callee, "BYE"),
                false => within(callee, &mut called, caller, "BYE"),
            };
        }
    }
}

/// Where a message was sent from, by its topmost Via.
pub fn sent_by(message: &str) -> SocketAddr {
    let via = header(message, "Via").unwrap();
    via.split([' ', ';']).nth(1).unwrap().parse().unwrap()
}

/// The status of an answer.
pub fn status(answer: &str) -> u16 {
    answer.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or_else(|| panic!("not an answer: {answer}"))
}

/// A header of a message.
pub fn header<'a>(message: &'a str, name: &str) -> Option<&'a str> {
    message.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// All values of a header.
pub fn headers<'a>(message: &'a str, name: &str) -> Vec<&'a str> {
    message.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": ")).collect()
}
