//! Requests of ours to one phone: built, sent over the flow it registered by, and its answer awaited.
//!
//! A NOTIFY that the phone challenges is sent again with the phone's own credentials, never with anybody else's.
//! Knows no enrolment and no database.

use std::time::Duration;

use super::EnrolmentError;
use crate::directory::Account;
use crate::provisioning::Resync;
use crate::registrar::Binding;
use crate::sip::digest::authorize;
use crate::sip::message::{Fault, Method, Request, Response};
use crate::sip::{Endpoint, SipError};
use crate::vocab::{Secret, UnixMillis};

/// How long a phone may take to answer before the next thing is tried.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where a phone is.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// The user part of the address-of-record it registered.
    pub aor: &'a str,
    /// Its binding there.
    pub binding: &'a Binding,
}

/// What came of a NOTIFY.
#[derive(Debug)]
pub(super) struct Notified {
    /// When the request that got this answer was sent.
    pub at: UnixMillis,
    /// The final status, or why there is none.
    pub answer: Result<u16, SipError>,
}

/// Which of its two passwords a phone has while it may not have fetched the new one yet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Password {
    /// The one before the bind is tried first.
    OldFirst,
    /// The new one is tried first.
    NewFirst,
}

/// Asks the phone for its capabilities; gives the final status.
pub(super) async fn options(endpoint: &Endpoint, target: Target<'_>) -> Result<Result<u16, SipError>, EnrolmentError> {
    let binding = match target.binding.over(endpoint) {
        Ok(binding) => binding,
        Err(unreachable) => return Ok(Err(unreachable)),
    };
    let target = Target { binding: &binding, ..target };
    let request = request(Method::Options, target)?;
    Ok(send(endpoint, request, target).await.map(|response| response.status))
}

/// Tells the phone to fetch its configuration. If the phone challenges and its make is one that may, it is shown the
/// account's passwords, each once.
pub(super) async fn notify(
    endpoint: &Endpoint,
    target: Target<'_>,
    resync: &Resync,
    account: Option<&Account>,
    first: Password,
) -> Result<Notified, EnrolmentError> {
    let binding = match target.binding.over(endpoint) {
        Ok(binding) => binding,
        Err(unreachable) => return Ok(Notified { at: UnixMillis::now(), answer: Err(unreachable) }),
    };
    let target = Target { binding: &binding, ..target };
    let mut request = request(Method::Notify, target)?;
    request.headers.set("Event", resync.event);
    request.headers.set("Subscription-State", "terminated;reason=noresource");
    if let Some((content_type, body)) = resync.body {
        request = request.with_body(content_type, body);
    }
    let account = account.filter(|_| resync.challenges);
    let mut passwords = account.map(|account| passwords(account, first)).unwrap_or_default().into_iter();
    let mut cseq = 1;
    loop {
        let at = UnixMillis::now();
        let answer = send(endpoint, request.clone(), target).await;
        let signed = match (&answer, account) {
            (Ok(response), Some(account)) => {
                passwords.next().and_then(|password| sign(&request, response, &account.auth_name, &password))
            }
            _ => None,
        };
        let Some((header, value)) = signed else {
            return Ok(Notified { at, answer: answer.map(|response| response.status) });
        };
        cseq += 1;
        request.headers.set("CSeq", &format!("{cseq} {}", Method::Notify));
        request.headers.set(header, &value);
    }
}

fn passwords(account: &Account, first: Password) -> Vec<Secret> {
    let (old, new) = (account.old_secret.clone(), account.secret.clone());
    let order = if first == Password::OldFirst { [old, new] } else { [new, old] };
    order.into_iter().flatten().collect()
}

/// The header that answers a 401's or 407's challenge (RFC 3261 section 22); none for any other answer.
fn sign(request: &Request, response: &Response, user: &str, password: &Secret) -> Option<(&'static str, String)> {
    let (asked_in, header) = match response.status {
        401 => ("WWW-Authenticate", "Authorization"),
        407 => ("Proxy-Authenticate", "Proxy-Authorization"),
        _ => return None,
    };
    let challenges: Vec<&str> = response.headers.all(asked_in).collect();
    let cnonce = format!("{:032x}", rand::random::<u128>());
    let uri = request.uri.to_string();
    let value = authorize(&challenges, &request.method.to_string(), &uri, user, password, &cnonce, 1)?;
    Some((header, value))
}

fn request(method: Method, target: Target<'_>) -> Result<Request, EnrolmentError> {
    let unreadable = |fault: Fault| EnrolmentError::Template(fault.to_string());
    target.binding.request(method, None, Some(target.aor)).map_err(unreadable)
}

async fn send(endpoint: &Endpoint, request: Request, target: Target<'_>) -> Result<Response, SipError> {
    let flow = target.binding.flow;
    let mut exchange = endpoint.request_along(request, flow).await?;
    match tokio::time::timeout(PATIENCE, exchange.answer()).await {
        Ok(answer) => answer,
        Err(_) => Err(SipError::Timeout(flow.peer)),
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};
    use std::time::Instant;

    use md5::{Digest, Md5};
    use tokio::net::UdpSocket;
    use tokio::sync::mpsc;

    use super::*;
    use crate::directory::PhoneState;
    use crate::provisioning::{Brand, Vendor, resync};
    use crate::sip::{EndpointConfig, Transport};
    use crate::vocab::PhoneId;

    const HOME: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
    const NEW: &str = "the new password";
    const OLD: &str = "the old password";

    /// A phone that is nothing but its socket.
    struct Bare(UdpSocket);

    impl Bare {
        /// The next request: its text, and where an answer goes.
        async fn hears(&self) -> (String, SocketAddr) {
            let mut octets = [0; 8192];
            let heard = tokio::time::timeout(Duration::from_secs(20), self.0.recv_from(&mut octets));
            let (length, from) = heard.await.expect("a request in time").unwrap();
            (String::from_utf8(octets[..length].to_vec()).unwrap(), from)
        }

        async fn answers(&self, request: &(String, SocketAddr), status: &str, more: &str) {
            let kept = ["Via:", "From:", "To:", "Call-ID:", "CSeq:"];
            let lines: Vec<&str> =
                request.0.lines().filter(|line| kept.iter().any(|it| line.starts_with(it))).collect();
            let text = format!("SIP/2.0 {status}\r\n{}\r\n{more}Content-Length: 0\r\n\r\n", lines.join("\r\n"));
            self.0.send_to(text.as_bytes(), request.1).await.unwrap();
        }
    }

    fn header<'a>(request: &'a str, name: &str) -> Option<&'a str> {
        request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// Whether an Authorization value is right for this password, by RFC 7616 section 3.4.1 written out.
    fn is_right(value: &str, uri: &str, password: &str) -> bool {
        let field = |name: &str| {
            let (_, rest) = value.split_once(&format!("{name}=")).unwrap_or_else(|| panic!("no {name} in {value}"));
            rest.split([',', ' ']).next().unwrap().trim_matches('"').to_owned()
        };
        let md5 = |text: String| hex::encode(Md5::digest(text.as_bytes()));
        let (secret, subject) = (md5(format!("p1:phone:{password}")), md5(format!("NOTIFY:{uri}")));
        let (nonce, nc, cnonce) = (field("nonce"), field("nc"), field("cnonce"));
        assert_eq!((field("username").as_str(), field("uri").as_str(), nc.as_str()), ("p1", uri, "00000001"));
        field("response") == md5(format!("{secret}:{nonce}:{nc}:{cnonce}:auth:{subject}"))
    }

    /// Notifies a phone that answers as `script` says: for each request the status line's end and further headers.
    async fn told(resync: Resync, script: &[(&str, &str)]) -> (Notified, Vec<String>) {
        let (incoming, _requests) = mpsc::channel(8);
        let config = EndpointConfig {
            udp: vec![HOME],
            transactions: 100,
            connections: 1,
            connections_per_address: 1,
            ..EndpointConfig::default()
        };
        let endpoint = Endpoint::start(config, incoming).await.unwrap();
        let phone = Bare(UdpSocket::bind(HOME).await.unwrap());
        let peer = phone.0.local_addr().unwrap();
        let binding = Binding {
            contact: format!("sip:9000@{peer}"),
            phone: PhoneId::new(UnixMillis::new(0), [1; 10]),
            call_id: "c".to_owned(),
            cseq: 1,
            expires: Instant::now() + Duration::from_secs(60),
            refreshed: None,
            flow: endpoint.flow_to(Transport::Udp, peer).unwrap(),
            user_agent: "".into(),
            path: "".into(),
            instance: "".into(),
            reg_id: 0,
        };
        let account = Account {
            phone: binding.phone,
            state: PhoneState::Enrolled,
            auth_name: "p1".into(),
            secret: Some(Secret::from(NEW.to_owned())),
            old_secret: Some(Secret::from(OLD.to_owned())),
            algorithms: std::iter::empty().collect(),
            lines: std::iter::empty().collect(),
            temporary_number: None,
            former_numbers: Vec::new(),
            is_suspended: false,
            source: peer.ip(),
        };
        let target = Target { aor: "9000", binding: &binding };
        let phone_side = async {
            let mut heard = Vec::new();
            for (status, more) in script {
                let request = phone.hears().await;
                phone.answers(&request, status, more).await;
                heard.push(request.0);
            }
            heard
        };
        let asked = notify(&endpoint, target, &resync, Some(&account), Password::OldFirst);
        let (notified, heard) = tokio::join!(asked, phone_side);
        (notified.unwrap(), heard)
    }

    fn challenge(nonce: &str) -> String {
        format!("WWW-Authenticate: Digest realm=\"phone\", nonce=\"{nonce}\", algorithm=MD5, qop=\"auth\"\r\n")
    }

    fn uri(request: &str) -> &str {
        request.split(' ').nth(1).unwrap()
    }

    #[tokio::test]
    async fn a_phone_that_challenges_is_shown_its_own_password_and_then_the_next() {
        let cisco = resync(&Vendor::Other(Brand::CiscoMpp), None, false);
        let script = [("401 Unauthorized", challenge("n1")), ("401 Unauthorized", challenge("n2"))];
        let script = [(script[0].0, &*script[0].1), (script[1].0, &*script[1].1), ("200 OK", "")];
        let (notified, heard) = told(cisco, &script).await;
        assert_eq!(notified.answer.unwrap(), 200);
        assert_eq!(header(&heard[0], "Authorization"), None);
        let sent = |at: usize| header(&heard[at], "Authorization").unwrap();
        assert!(is_right(sent(1), uri(&heard[1]), OLD) && !is_right(sent(1), uri(&heard[1]), NEW));
        assert!(is_right(sent(2), uri(&heard[2]), NEW) && sent(2).contains("nonce=\"n2\""));
        // The same request again: one Call-ID, and a count that rises.
        assert_eq!(header(&heard[0], "Call-ID"), header(&heard[2], "Call-ID"));
        assert_eq!(
            [0, 1, 2].map(|at: usize| header(&heard[at], "CSeq").unwrap()),
            ["1 NOTIFY", "2 NOTIFY", "3 NOTIFY"]
        );
        assert!(heard.iter().all(|request| header(request, "Event") == Some("resync")));
    }

    #[tokio::test]
    async fn one_that_challenges_for_ever_is_given_up_and_a_407_is_answered_as_a_proxys() {
        let audiocodes = resync(&Vendor::AudioCodes, Some("420HD"), true);
        let asked = challenge("n").replace("WWW", "Proxy");
        let refusal = ("407 Proxy Authentication Required", &*asked);
        let (notified, heard) = told(audiocodes, &[refusal; 3]).await;
        assert_eq!(notified.answer.unwrap(), 407);
        assert!(is_right(header(&heard[1], "Proxy-Authorization").unwrap(), uri(&heard[1]), OLD));
        assert_eq!(header(&heard[1], "Authorization"), None);
        assert_eq!(header(&heard[0], "Event"), Some("check-sync"));
    }

    #[tokio::test]
    async fn a_make_that_does_not_challenge_is_shown_nothing() {
        let yealink = resync(&Vendor::Yealink, Some("T46S"), false);
        let (notified, heard) = told(yealink, &[("401 Unauthorized", &challenge("n"))]).await;
        assert_eq!((notified.answer.unwrap(), heard.len()), (401, 1));
        assert_eq!(header(&heard[0], "Event"), Some("check-sync;reboot=false"));
        assert_eq!(header(&heard[0], "Content-Length"), Some("0"));
    }

    #[tokio::test]
    async fn a_make_that_wants_a_body_gets_it() {
        let cisco = resync(&Vendor::Other(Brand::CiscoEnterprise), None, true);
        let (notified, heard) = told(cisco, &[("200 OK", "")]).await;
        assert_eq!(notified.answer.unwrap(), 200);
        assert_eq!(header(&heard[0], "Content-Type"), Some("text/plain"));
        let (_, body) = heard[0].split_once("\r\n\r\n").unwrap();
        assert!(body.starts_with("action=reset\n"), "{body}");
        assert_eq!(header(&heard[0], "Content-Length"), Some(&*body.len().to_string()));
    }
}
