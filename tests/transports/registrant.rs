//! Somebody who registers over a link, written out by hand.

use tsunagu::sip::digest::authorize;
use tsunagu::vocab::Secret;

use crate::link::Link;

/// Somebody who registers.
pub struct Registrant {
    /// The way to the server.
    pub link: Link,
    /// The name it registers and authenticates with.
    pub name: String,
    /// What it says it is reached at; by default the end of its link. Empty if it doesn't.
    pub contact: String,
    /// What it says it sends from; by default the end of its link.
    pub sent_by: String,
    /// The CSeq of its last request, and the tag of its From: who counts anew has another.
    pub cseq: u32,
    pub tag: u32,
    call_id: String,
    turn: u32,
    /// The call and the To of the last subscription.
    subscribed: Option<(String, String)>,
}

impl Registrant {
    /// A phone nobody knows.
    pub fn new(link: Link, name: &str) -> Self {
        let own = link.local;
        let transport = link.transport.to_ascii_lowercase().replace("wss", "ws");
        let contact = format!("<sip:{name}@{own};transport={transport}>");
        let call_id = format!("{name}-{own}");
        let (name, sent_by) = (name.to_owned(), own.to_string());
        Self { link, name, contact, sent_by, cseq: 0, tag: 1, call_id, turn: 0, subscribed: None }
    }

    /// The final answer to a request with these headers besides.
    pub fn ask(&mut self, method: &str, headers: &str) -> String {
        let to = format!("<sip:{}@tsunagu>", self.name);
        self.ask_of(method, "sip:tsunagu", &to, headers)
    }

    fn ask_of(&mut self, method: &str, uri: &str, to: &str, headers: &str) -> String {
        self.turn += 1;
        self.cseq += 1;
        let Self { link, name, contact, sent_by, call_id, turn, cseq, tag, .. } = self;
        let contact = if contact.is_empty() { String::new() } else { format!("Contact: {contact}\r\n") };
        let (transport, branch) = (link.transport, format!("z9hG4bK{call_id}{turn}").replace([':', '[', ']'], ""));
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/{transport} {sent_by};branch={branch};rport\r\n\
             Max-Forwards: 70\r\nFrom: <sip:{name}@tsunagu>;tag={tag}\r\nTo: {to}\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} {method}\r\n{contact}{headers}Content-Length: 0\r\n\r\n"
        );
        link.send(&text);
        loop {
            let text = link.receive().expect("an answer, but the server has closed");
            if text.starts_with("SIP/2.0 ") && status(&text) >= 200 && text.contains(&branch) {
                return text;
            }
        }
    }

    /// Registers with these headers besides, and gives the answer.
    pub fn register(&mut self, headers: &str) -> String {
        let to = format!("<sip:{}@tsunagu>", self.name);
        self.ask_with_password("REGISTER", "sip:tsunagu", &to, headers)
    }

    /// Subscribes to something of this number, in a dialog of its own.
    pub fn subscribe(&mut self, number: &str, headers: &str) -> String {
        self.subscribe_at(&format!("sip:{number}@tsunagu"), headers)
    }

    /// The same of a URI.
    pub fn subscribe_at(&mut self, uri: &str, headers: &str) -> String {
        let registering = self.call_id.clone();
        self.call_id = format!("{registering}-s{}", self.turn);
        let answer = self.ask_with_password("SUBSCRIBE", uri, &format!("<{uri}>"), headers);
        let subscribed = std::mem::replace(&mut self.call_id, registering);
        self.subscribed = Some((subscribed, header(&answer, "To").unwrap().to_owned()));
        answer
    }

    /// Asks for more time of the last subscription, or for none.
    pub fn refresh(&mut self, headers: &str) -> String {
        let (call_id, to) = self.subscribed.clone().unwrap();
        let registering = std::mem::replace(&mut self.call_id, call_id);
        let answer = self.ask_with_password("SUBSCRIBE", "sip:tsunagu", &to, headers);
        self.call_id = registering;
        answer
    }

    fn ask_with_password(&mut self, method: &str, uri: &str, to: &str, headers: &str) -> String {
        let challenged = self.ask_of(method, uri, to, headers);
        if status(&challenged) != 401 {
            return challenged;
        }
        let challenge = header(&challenged, "WWW-Authenticate").unwrap();
        let password = Secret::from("anything".to_owned());
        let answer = authorize(&[challenge], method, uri, &self.name, &password, "c0", 1).unwrap();
        self.ask_of(method, uri, to, &format!("Authorization: {answer}\r\n{headers}"))
    }

    /// The next request of the server that comes over the link; it is answered 200.
    pub fn serve(&mut self) -> String {
        loop {
            let text = self.link.receive().expect("a request, but the server has closed");
            if !text.starts_with("SIP/2.0 ") && !text.trim().is_empty() {
                let kept = ["Via", "From", "To", "Call-ID", "CSeq"]
                    .map(|name| format!("{name}: {}\r\n", header(&text, name).unwrap()));
                self.link.send(&format!("SIP/2.0 200 OK\r\n{}Content-Length: 0\r\n\r\n", kept.concat()));
                return text;
            }
        }
    }
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
