//! Header fields: an ordered list, and typed views of those the protocol itself needs.

use std::borrow::Cow;

use super::fault::Fault;
use super::method::{Method, is_token};
use super::name_addr::NameAddr;
use super::params::split_outside_quotes;
use super::via::Via;

/// Names written in their usual case, with their compact form where IANA lists one.
const KNOWN: [(&str, &str); 52] = [
    ("Via", "v"),
    ("From", "f"),
    ("To", "t"),
    ("Call-ID", "i"),
    ("CSeq", ""),
    ("Contact", "m"),
    ("Max-Forwards", ""),
    ("Content-Length", "l"),
    ("Content-Type", "c"),
    ("Content-Encoding", "e"),
    ("Expires", ""),
    ("Authorization", ""),
    ("User-Agent", ""),
    ("Allow", ""),
    ("Supported", "k"),
    ("Require", ""),
    ("Route", ""),
    ("Record-Route", ""),
    ("WWW-Authenticate", ""),
    ("Proxy-Authenticate", ""),
    ("Proxy-Authorization", ""),
    ("Proxy-Require", ""),
    ("Unsupported", ""),
    ("Accept", ""),
    ("Accept-Encoding", ""),
    ("Accept-Language", ""),
    ("Accept-Contact", "a"),
    ("Reject-Contact", "j"),
    ("Request-Disposition", "d"),
    ("Alert-Info", ""),
    ("Allow-Events", "u"),
    ("Event", "o"),
    ("Subscription-State", ""),
    ("Subject", "s"),
    ("Refer-To", "r"),
    ("Referred-By", "b"),
    ("Session-Expires", "x"),
    ("Min-SE", ""),
    ("Identity", "y"),
    ("Identity-Info", "n"),
    ("Min-Expires", ""),
    ("Retry-After", ""),
    ("RSeq", ""),
    ("RAck", ""),
    ("Reason", ""),
    ("Server", ""),
    ("Date", ""),
    ("Timestamp", ""),
    ("Warning", ""),
    ("Path", ""),
    ("P-Associated-URI", ""),
    ("P-Asserted-Identity", ""),
];

/// The usual spelling of a header's name; compact forms are expanded (RFC 3261 section 7.3.3).
fn canonical(name: &str) -> Cow<'static, str> {
    let known = KNOWN.iter().find(|(long, compact)| {
        long.eq_ignore_ascii_case(name) || (name.len() == 1 && compact.eq_ignore_ascii_case(name))
    });
    match known {
        Some((long, _)) => Cow::Borrowed(long),
        None => Cow::Owned(name.to_owned()),
    }
}

/// A message's header fields, in order. Folding is undone, values are trimmed, and hold neither CR nor LF.
/// Octets that are not UTF-8 are replaced by U+FFFD.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Headers(Vec<(Cow<'static, str>, String)>);

/// CSeq (RFC 3261 section 20.16).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CSeq {
    /// The sequence number.
    pub number: u32,
    /// The request's method.
    pub method: Method,
}

/// The contacts of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Contacts {
    /// `*`: every binding.
    Star,
    /// These; possibly none.
    List(Vec<NameAddr>),
}

impl Headers {
    /// The first field of this name.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every field of this name, as it stands.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// Every value of this name, comma lists taken apart.
    pub fn list<'a>(&'a self, name: &'a str) -> Vec<&'a str> {
        let values = self.all(name).flat_map(split_list);
        values.map(str::trim).filter(|value| !value.is_empty()).collect()
    }

    /// True if a field of this name is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// Adds a field at the end. Line ends in the value become spaces.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push((canonical(name), one_line(value)));
    }

    /// Adds a field at the front.
    pub fn prepend(&mut self, name: &str, value: &str) {
        self.0.insert(0, (canonical(name), one_line(value)));
    }

    /// Makes this the only field of its name, in the old place if there was one.
    pub fn set(&mut self, name: &str, value: &str) {
        let at = self.0.iter().position(|(known, _)| known.eq_ignore_ascii_case(name));
        self.remove(name);
        let field = (canonical(name), one_line(value));
        match at {
            Some(at) if at <= self.0.len() => self.0.insert(at, field),
            _ => self.0.push(field),
        }
    }

    /// Takes every field of this name away.
    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// Names and values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_ref(), value.as_str()))
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Every Via, the latest hop first.
    pub fn vias(&self) -> Result<Vec<Via>, Fault> {
        let mut vias = Vec::new();
        for field in self.all("Via") {
            for via in split_list(field) {
                vias.push(via.parse()?);
            }
        }
        Ok(vias)
    }

    /// The latest hop.
    pub fn top_via(&self) -> Result<Via, Fault> {
        let field = self.get("Via").ok_or(Fault::Missing("Via"))?;
        split_list(field).next().ok_or(Fault::Missing("Via"))?.parse()
    }

    /// Writes the latest hop anew.
    pub fn replace_top_via(&mut self, via: &Via) {
        let Some((_, field)) = self.0.iter_mut().find(|(name, _)| name == "Via") else { return };
        let rest: Vec<&str> = split_list(field).skip(1).collect();
        *field = if rest.is_empty() { via.to_string() } else { format!("{via},{}", rest.join(",")) };
    }

    /// From.
    pub fn from(&self) -> Result<NameAddr, Fault> {
        self.get("From").ok_or(Fault::Missing("From"))?.parse().map_err(|_| Fault::Bad("From"))
    }

    /// To.
    pub fn to(&self) -> Result<NameAddr, Fault> {
        self.get("To").ok_or(Fault::Missing("To"))?.parse().map_err(|_| Fault::Bad("To"))
    }

    /// Contact.
    pub fn contacts(&self) -> Result<Contacts, Fault> {
        let bad = |_| Fault::Bad("Contact");
        let mut contacts = Vec::new();
        let mut is_star = false;
        for field in self.all("Contact") {
            for contact in split_list(field) {
                match contact.trim() {
                    "*" => is_star = true,
                    contact => contacts.push(contact.parse().map_err(bad)?),
                }
            }
        }
        match (is_star, contacts.is_empty()) {
            (true, true) => Ok(Contacts::Star),
            (true, false) => Err(Fault::Bad("Contact")),
            (false, _) => Ok(Contacts::List(contacts)),
        }
    }

    /// CSeq: a number below 2^31 and a method.
    pub fn cseq(&self) -> Result<CSeq, Fault> {
        let field = self.get("CSeq").ok_or(Fault::Missing("CSeq"))?;
        let mut words = field.split_ascii_whitespace();
        let number = words.next().and_then(number).filter(|number| *number < 1 << 31);
        match (number, words.next(), words.next()) {
            (Some(number), Some(method), None) if is_token(method) => Ok(CSeq { number, method: method.into() }),
            _ => Err(Fault::Bad("CSeq")),
        }
    }

    /// Call-ID.
    pub fn call_id(&self) -> Result<&str, Fault> {
        match self.get("Call-ID") {
            Some(id) if id.is_empty() || id.contains(char::is_whitespace) => Err(Fault::Bad("Call-ID")),
            Some(id) => Ok(id),
            None => Err(Fault::Missing("Call-ID")),
        }
    }

    /// Max-Forwards, 0 to 255.
    pub fn max_forwards(&self) -> Result<Option<u8>, Fault> {
        let bad = Fault::Bad("Max-Forwards");
        self.get("Max-Forwards").map(|text| number(text).and_then(|n| u8::try_from(n).ok()).ok_or(bad)).transpose()
    }

    /// Expires, in seconds.
    pub fn expires(&self) -> Result<Option<u32>, Fault> {
        self.get("Expires").map(|text| number(text).ok_or(Fault::Bad("Expires"))).transpose()
    }

    /// Content-Length, in octets.
    pub fn content_length(&self) -> Result<Option<usize>, Fault> {
        let mut fields = self.all("Content-Length");
        match (fields.next(), fields.next()) {
            (None, _) => Ok(None),
            (Some(_), Some(_)) => Err(Fault::Repeated("Content-Length")),
            (Some(text), None) => number(text)
                .and_then(|number| usize::try_from(number).ok())
                .map(Some)
                .ok_or(Fault::Bad("Content-Length")),
        }
    }

    /// The media type of the body, lower-case, without parameters.
    pub fn content_type(&self) -> Option<String> {
        let text = self.get("Content-Type")?;
        Some(text.split(';').next().unwrap_or(text).trim().to_ascii_lowercase())
    }
}

/// A decimal number that fits; no sign, no spaces.
fn number(text: &str) -> Option<u32> {
    let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    is_number.then(|| text.parse().ok()).flatten()
}

fn one_line(value: &str) -> String {
    match value.contains(['\r', '\n']) {
        true => value.replace(['\r', '\n'], " "),
        false => value.to_owned(),
    }
}

/// Splits at commas outside quotes and angle brackets.
pub(in crate::sip) fn split_list(field: &str) -> impl Iterator<Item = &str> {
    // Most fields have no comma.
    let pieces = if field.contains(',') { split_outside_brackets(field) } else { vec![field] };
    pieces.into_iter()
}

fn split_outside_brackets(field: &str) -> Vec<&str> {
    let Some(pieces) = split_outside_quotes(field, ',') else { return vec![field] };
    if !field.contains('<') {
        return pieces;
    }
    let mut joined = Vec::new();
    let (mut start, mut depth, mut at) = (0, 0usize, 0);
    for piece in pieces {
        let end = at + piece.len();
        let opened = piece.matches('<').count();
        depth = (depth + opened).saturating_sub(piece.matches('>').count());
        if depth == 0 {
            joined.extend(field.get(start..end));
            start = end + 1;
        }
        at = end + 1;
    }
    if start < field.len() {
        joined.extend(field.get(start..));
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_any_case_and_compact() {
        let mut headers = Headers::default();
        headers.push("m", "<sip:a@b.c>, \"x, y\" <sip:d,e@f.g>");
        headers.push("CONTACT", "<sip:h@i.j>");
        assert_eq!(headers.list("Contact"), ["<sip:a@b.c>", "\"x, y\" <sip:d,e@f.g>", "<sip:h@i.j>"]);
        assert_eq!(headers.iter().next().unwrap().0, "Contact");
    }

    #[test]
    fn a_value_can_not_start_a_new_line() {
        let mut headers = Headers::default();
        headers.push("Subject", "a\r\nEvil: yes");
        assert_eq!(headers.get("Subject"), Some("a  Evil: yes"));
    }

    #[test]
    fn numbers_out_of_range_are_bad() {
        let mut headers = Headers::default();
        headers.push("CSeq", "36893488147419103232 REGISTER");
        headers.push("Max-Forwards", "300");
        headers.push("Expires", "10000000000000000000000000");
        headers.push("Content-Length", "-999");
        assert!(headers.cseq().is_err() && headers.max_forwards().is_err());
        assert!(headers.expires().is_err() && headers.content_length().is_err());
    }
}
