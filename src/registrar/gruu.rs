//! Globally routable user agent URIs (RFC 5627): addresses that lead to one phone of all those on a number. Nothing is kept of
//! them: a public one names its phone's instance, a temporary one is sealed and hides both number and instance.
//!
//! A temporary one is good as long as its phone is registered by the registration it was given in (its Call-ID, section 3.2).

use std::time::Instant;

use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};

use super::binding::Binding;
use super::{Location, Registrar};
use crate::directory::Sealer;
use crate::sip::Flow;
use crate::sip::message::{Contacts, Host, Request, SipUri, unescape};
use crate::vocab::{PhoneId, Secret};

/// How the user part of a temporary one begins.
const TEMPORARY: &str = "tgruu.";
/// The longest that is looked at.
const LONGEST: usize = 1024;
/// Octets kept of a hash.
const MARK: usize = 12;

/// Makes and reads them.
#[derive(Clone, Debug)]
pub(super) struct Gruus(Sealer);

/// What one says.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Said {
    Public {
        aor: String,
        instance: String,
    },
    Temporary {
        aor: String,
        instance: String,
        call: String,
    },
    /// Nothing of ours.
    Nothing,
}

/// Whom a request to one is for.
#[derive(Clone, Debug)]
pub enum GruuHolder {
    /// This phone: the flows to it, the one that is good for longest first.
    Here {
        /// The address-of-record it is registered by.
        aor: String,
        /// Where it is; never empty.
        bindings: Vec<Binding>,
    },
    /// A phone that is not registered now: 480 (section 5.4).
    Away {
        /// The address-of-record.
        aor: String,
    },
    /// It is none of ours, or no longer good: 404.
    Unknown,
}

impl Gruus {
    /// With a key made from the installation's, so that all nodes read what one has given.
    pub(super) fn new(sealer: &Sealer) -> Self {
        Self(sealer.derived("temporary GRUU"))
    }

    /// The public one of a binding whose phone names its instance: `sip:1001@example.com;gr=urn:uuid:…`.
    pub(super) fn public(aor: &str, host: &Host, binding: &Binding) -> Option<SipUri> {
        let instance = urn(&binding.instance)?;
        let mut uri = SipUri::new(Some(&escaped(aor, IN_USER)), host.clone(), None);
        uri.params.set("gr", Some(escaped(instance, IN_PARAMETER)));
        Some(uri)
    }

    /// A temporary one; `nonce` must never be used twice.
    pub(super) fn temporary(&self, aor: &str, host: &Host, binding: &Binding, nonce: [u8; 12]) -> Option<SipUri> {
        let instance = urn(&binding.instance)?;
        let said = format!("{}\n{}\n{aor}", mark(&instance.to_ascii_lowercase()), mark(&binding.call_id));
        let sealed = self.0.seal(&Secret::from(said), nonce).ok()?;
        let mut uri = SipUri::new(Some(&format!("{TEMPORARY}{sealed}")), host.clone(), None);
        uri.params.set("gr", None);
        Some(uri)
    }

    /// Reads a URI; none if it doesn't say that it is one.
    fn read(&self, uri: &SipUri) -> Option<Said> {
        let instance = uri.params.get("gr")?;
        let user = uri.user_unescaped()?;
        if user.len() > LONGEST || instance.len() > LONGEST {
            return Some(Said::Nothing);
        }
        if !instance.is_empty() {
            return Some(Said::Public { aor: user, instance: unescape(instance) });
        }
        let Some(opened) = user.strip_prefix(TEMPORARY).and_then(|sealed| self.0.open(sealed).ok()) else {
            return Some(Said::Nothing);
        };
        let mut lines = opened.expose_secret().splitn(3, '\n').map(str::to_owned);
        match (lines.next(), lines.next(), lines.next()) {
            (Some(instance), Some(call), Some(aor)) => Some(Said::Temporary { aor, instance, call }),
            _ => Some(Said::Nothing),
        }
    }

    /// True if a REGISTER for `aor` gives one of this address-of-record as its contact: requests would go round in circles
    /// (section 5.1).
    pub(super) fn is_contact_of_itself(&self, request: &Request, aor: &str) -> bool {
        // Hardly any has one: what is asked of every REGISTER is cheap.
        if !request.headers.all("Contact").any(|contact| contact.to_ascii_lowercase().contains(";gr")) {
            return false;
        }
        let Ok(Contacts::List(contacts)) = request.headers.contacts() else { return false };
        let host = request.headers.to().ok().and_then(|to| to.uri.sip().map(|uri| uri.host.clone()));
        let is_one = |uri: &SipUri| match self.read(uri) {
            Some(Said::Public { aor: named, .. }) => named == aor && Some(&uri.host) == host.as_ref(),
            Some(Said::Temporary { aor: named, .. }) => named == aor,
            Some(Said::Nothing) | None => false,
        };
        contacts.iter().filter_map(|contact| contact.uri.sip()).any(is_one)
    }

    fn holder(&self, uri: &SipUri, location: &Location, now: Instant) -> Option<GruuHolder> {
        let (aor, bindings) = match self.read(uri)? {
            Said::Nothing => return Some(GruuHolder::Unknown),
            Said::Public { aor, instance } => {
                let bindings = location.of_instance(&aor, now, |binding| is_same(&binding.instance, &instance));
                (aor, bindings)
            }
            Said::Temporary { aor, instance, call } => {
                let is_it = |binding: &Binding| {
                    urn(&binding.instance).is_some_and(|urn| mark(&urn.to_ascii_lowercase()) == instance)
                };
                let bindings = location.of_instance(&aor, now, is_it);
                // Another registration of the phone takes those of the one before away.
                if bindings.iter().all(|binding| mark(&binding.call_id) != call) {
                    return Some(GruuHolder::Unknown);
                }
                (aor, bindings)
            }
        };
        Some(if bindings.is_empty() { GruuHolder::Away { aor } } else { GruuHolder::Here { aor, bindings } })
    }
}

impl Location {
    /// The live bindings of an address-of-record whose phone is a certain one, the one that is good for longest first.
    pub(super) fn of_instance(&self, aor: &str, now: Instant, is_it: impl Fn(&Binding) -> bool) -> Vec<Binding> {
        let mut bindings = self.of_aor(aor, now);
        bindings.retain(is_it);
        bindings.sort_by_key(|binding| std::cmp::Reverse(binding.expires));
        bindings
    }
}

impl Registrar {
    /// Whom a request to `uri` is for, if that is a globally routable user agent URI (it has a `gr` parameter); no other phone
    /// may get the request (RFC 5627 section 5.4).
    pub fn gruu_holder(&self, uri: &SipUri, now: Instant) -> Option<GruuHolder> {
        self.gruus.holder(uri, self.location(), now)
    }

    /// Gives a request of ours whose URI is one of `phone`, and that phone is here, its contact and path, and says over which
    /// flow it goes. Nothing happens to any other request: nobody has others reached by saying that they are they.
    pub fn retarget(&self, request: &mut Request, phone: PhoneId, now: Instant) -> Option<Flow> {
        let holder = self.gruu_holder(request.uri.sip()?, now)?;
        let GruuHolder::Here { bindings, .. } = holder else { return None };
        let binding = bindings.first().filter(|binding| binding.phone == phone)?;
        request.uri = binding.contact.parse().ok()?;
        if !request.headers.contains("Route") && !binding.path.is_empty() {
            request.headers.set("Route", &binding.path);
        }
        Some(binding.flow)
    }
}

/// An instance as it stands in a URI: without its brackets.
fn urn(instance: &str) -> Option<&str> {
    let urn = instance.strip_prefix('<')?.strip_suffix('>')?;
    (!urn.is_empty()).then_some(urn)
}

fn is_same(instance: &str, other: &str) -> bool {
    urn(instance).is_some_and(|urn| urn.eq_ignore_ascii_case(other))
}

fn mark(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()).get(..MARK).unwrap_or_default())
}

/// What stands unescaped in a user part, and in a parameter, besides letters and digits (RFC 3261 section 25.1).
const IN_USER: &str = "-_.!~*'()&=+$,;?/";
const IN_PARAMETER: &str = "-_.!~*'()[]/:&+$";

fn escaped(text: &str, plain: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for octet in text.bytes() {
        match char::from(octet) {
            c if c.is_ascii_alphanumeric() || plain.contains(c) => escaped.push(c),
            _ => escaped.push_str(&format!("%{octet:02X}")),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sip::Transport;
    use crate::sip::message::{Method, RequestUri};
    use crate::vocab::UnixMillis;

    const INSTANCE: &str = "<urn:uuid:F81D4FAE-7DEC-11d0-a765-00a0c91e6bf6>";

    fn gruus() -> Gruus {
        Gruus::new(&Sealer::new([7; 32]))
    }

    fn binding(instance: &str) -> Binding {
        Binding {
            contact: "sip:1001@10.0.0.1".to_owned(),
            phone: PhoneId::new(UnixMillis::new(0), [1; 10]),
            call_id: "c1".to_owned(),
            cseq: 1,
            expires: Instant::now() + Duration::from_secs(60),
            refreshed: None,
            flow: Flow {
                transport: Transport::Udp,
                local: "127.0.0.1:5060".parse().unwrap(),
                peer: "10.0.0.1:5060".parse().unwrap(),
            },
            user_agent: "".into(),
            path: "".into(),
            instance: instance.into(),
            reg_id: 0,
        }
    }

    fn host() -> Host {
        "example.com".parse().unwrap()
    }

    fn read_back(uri: &SipUri) -> Said {
        gruus().read(&uri.to_string().parse().unwrap()).unwrap()
    }

    #[test]
    fn a_public_one_says_whose_it_is_and_which_phone() {
        let uri = Gruus::public("1001", &host(), &binding(INSTANCE)).unwrap();
        assert_eq!(uri.to_string(), "sip:1001@example.com;gr=urn:uuid:F81D4FAE-7DEC-11d0-a765-00a0c91e6bf6");
        let instance = "urn:uuid:F81D4FAE-7DEC-11d0-a765-00a0c91e6bf6".to_owned();
        assert_eq!(read_back(&uri), Said::Public { aor: "1001".to_owned(), instance });
        let odd = Gruus::public("a b;c", &host(), &binding("<urn:x:a;b c%>")).unwrap();
        assert_eq!(odd.to_string(), "sip:a%20b;c@example.com;gr=urn:x:a%3Bb%20c%25");
        assert_eq!(read_back(&odd), Said::Public { aor: "a b;c".to_owned(), instance: "urn:x:a;b c%".to_owned() });
        assert!(Gruus::public("1001", &host(), &binding("")).is_none());
    }

    #[test]
    fn a_temporary_one_says_nothing_to_others_and_is_another_each_time() {
        let gruus = gruus();
        let make = |nonce| gruus.temporary("1001", &host(), &binding(INSTANCE), [nonce; 12]).unwrap();
        let (one, two) = (make(1), make(2));
        assert!(one != two && !one.to_string().contains("1001") && one.to_string().ends_with("@example.com;gr"));
        let (instance, call) = (mark(&urn(INSTANCE).unwrap().to_ascii_lowercase()), mark("c1"));
        assert_eq!(read_back(&one), Said::Temporary { aor: "1001".to_owned(), instance, call });
        let other = Gruus::new(&Sealer::new([8; 32]));
        assert_eq!(other.read(&one), Some(Said::Nothing), "sealed with another key");
        // What is sealed elsewhere with the same key is no such URI.
        let sealed = Sealer::new([7; 32]).seal(&Secret::from("a\nb\n1001".to_owned()), [3; 12]).unwrap();
        let forged: SipUri = format!("sip:{TEMPORARY}{sealed}@example.com;gr").parse().unwrap();
        assert_eq!(gruus.read(&forged), Some(Said::Nothing));
    }

    #[test]
    fn what_has_no_gr_is_none_and_what_is_nonsense_is_nobodys() {
        let read = |text: &str| gruus().read(&text.parse().unwrap());
        assert_eq!(read("sip:1001@example.com"), None);
        for nonsense in ["sip:tgruu.xyz@example.com;gr", "sip:1001@example.com;gr", "sip:tgruu.@example.com;gr"] {
            assert_eq!(read(nonsense), Some(Said::Nothing), "{nonsense}");
        }
    }

    #[test]
    fn a_contact_that_leads_back_to_its_own_number_is_seen() {
        let gruus = gruus();
        let temporary = gruus.temporary("1001", &host(), &binding(INSTANCE), [1; 12]).unwrap().to_string();
        let is_seen = |contact: &str| {
            let uri: RequestUri = "sip:example.com".parse().unwrap();
            let mut request = Request::new(Method::Register, uri);
            request.headers.set("To", "<sip:1001@example.com>");
            request.headers.set("Contact", &format!("<sip:1001@10.0.0.1>, <{contact}>"));
            gruus.is_contact_of_itself(&request, "1001")
        };
        assert!(is_seen("sip:1001@example.com;gr=urn:uuid:1") && is_seen(&temporary));
        for other in ["sip:1001@10.0.0.2", "sip:1002@example.com;gr=urn:uuid:1", "sip:1001@10.0.0.2;gr=urn:uuid:1"] {
            assert!(!is_seen(other), "{other}");
        }
    }
}
