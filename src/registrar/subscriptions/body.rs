//! What notifications say: registrations as XML (RFC 3680 section 5, RFC 5628), messages as text (RFC 3842 section 5). Pure. The only
//! file that writes XML.

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use sha2::{Digest, Sha256};

use crate::registrar::Binding;
use crate::registrar::gruu::Gruus;
use crate::sip::message::Host;

/// A contact a subscriber knows of.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Known {
    pub ruid: String,
    pub contact: String,
    pub instance: String,
    /// The URI that leads to this phone and to no other (RFC 5627); empty if it doesn't say which it is.
    pub gruu: String,
    pub expires: std::time::Instant,
}

impl Known {
    /// A binding of an address-of-record at this host.
    pub(super) fn of(binding: &Binding, aor: &str, host: &Host) -> Self {
        Self {
            gruu: Gruus::public(aor, host, binding).map(|gruu| gruu.to_string()).unwrap_or_default(),
            ruid: binding.ruid(),
            contact: binding.contact.clone(),
            instance: binding.instance.to_string(),
            expires: binding.expires,
        }
    }

    /// The same contact, however long it will be there.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        (&self.ruid, &self.contact) == (&other.ruid, &other.contact)
    }
}

/// The state of one address-of-record.
pub(super) struct Registrations<'a> {
    /// Its URI.
    pub resource: &'a str,
    /// How many documents came before.
    pub version: u32,
    /// Contacts there are.
    pub now: &'a [Known],
    /// Contacts that were told of and are gone.
    pub gone: &'a [Known],
    /// True if some were told of before.
    pub was_active: bool,
    pub at: std::time::Instant,
}

impl Registrations<'_> {
    /// The document. Call-IDs are left out: they are their phones' business.
    pub(super) fn document(&self) -> std::io::Result<String> {
        let mut writer = Writer::new(Vec::new());
        writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
        let version = self.version.to_string();
        let root = [
            ("xmlns", "urn:ietf:params:xml:ns:reginfo"),
            ("xmlns:gr", "urn:ietf:params:xml:ns:gruuinfo"),
            ("version", version.as_str()),
            ("state", "full"),
        ];
        let state = match (self.now.is_empty(), self.was_active) {
            (false, _) => "active",
            (true, true) => "terminated",
            (true, false) => "init",
        };
        let id = short(self.resource);
        let registration = [("aor", self.resource), ("id", id.as_str()), ("state", state)];
        writer.create_element("reginfo").with_attributes(root).write_inner_content(|writer| {
            writer.create_element("registration").with_attributes(registration).write_inner_content(|writer| {
                for known in self.now {
                    let left = known.expires.saturating_duration_since(self.at).as_secs().to_string();
                    contact(writer, known, &[("state", "active"), ("event", "registered"), ("expires", &left)])?;
                }
                for known in self.gone {
                    let event = if known.expires <= self.at { "expired" } else { "unregistered" };
                    contact(writer, known, &[("state", "terminated"), ("event", event), ("expires", "0")])?;
                }
                Ok(())
            })?;
            Ok(())
        })?;
        String::from_utf8(writer.into_inner()).map_err(std::io::Error::other)
    }
}

fn contact(writer: &mut Writer<Vec<u8>>, known: &Known, attributes: &[(&str, &str)]) -> std::io::Result<()> {
    let id = short(&format!("{} {}", known.ruid, known.contact));
    let attributes = [("id", id.as_str())].into_iter().chain(attributes.iter().copied());
    writer.create_element("contact").with_attributes(attributes).write_inner_content(|writer| {
        writer.create_element("uri").write_text_content(BytesText::new(&known.contact))?;
        if !known.instance.is_empty() {
            let quoted = format!("\"{}\"", known.instance);
            writer
                .create_element("unknown-param")
                .with_attribute(("name", "+sip.instance"))
                .write_text_content(BytesText::new(&quoted))?;
        }
        if !known.gruu.is_empty() {
            writer.create_element("gr:pub-gruu").with_attribute(("uri", known.gruu.as_str())).write_empty()?;
        }
        Ok(())
    })?;
    Ok(())
}

/// An identifier that stays the same.
fn short(name: &str) -> String {
    let digest = Sha256::digest(name.as_bytes());
    format!("i{}", hex::encode(digest.get(..8).unwrap_or_default()))
}

/// No mailbox is kept here, so no message waits.
pub(super) fn messages(resource: &str) -> String {
    format!("Messages-Waiting: no\r\nMessage-Account: {resource}\r\nVoice-Message: 0/0 (0/0)\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, Instant};

    #[test]
    fn what_phones_write_can_not_break_out_of_the_document() {
        let at = Instant::now();
        let known = |ruid: &str, contact: &str, left| Known {
            ruid: ruid.to_owned(),
            contact: contact.to_owned(),
            instance: "<urn:uuid:1>".to_owned(),
            gruu: "sip:1001@pbx;gr=urn:uuid:1".to_owned(),
            expires: at + Duration::from_secs(left),
        };
        let document = |now: &[Known], gone: &[Known], was_active| {
            Registrations { resource: "sip:1001@pbx", version: 3, now, gone, was_active, at }.document().unwrap()
        };
        let text = document(&[known("a", "sip:x&y<z>\"@h", 90)], &[known("b", "sip:b@h", 0)], true);
        assert!(text.contains("<uri>sip:x&amp;y&lt;z&gt;"), "{text}");
        assert!(text.contains("<gr:pub-gruu uri=\"sip:1001@pbx;gr=urn:uuid:1\"/>"), "{text}");
        assert!(
            text.contains("version=\"3\" state=\"full\"")
                && text.contains("state=\"active\" event=\"registered\" expires=\"90\""),
            "{text}"
        );
        assert!(
            text.contains("state=\"terminated\" event=\"expired\"") && text.contains("&lt;urn:uuid:1&gt;"),
            "{text}"
        );
        let mut reader = quick_xml::Reader::from_str(&text);
        while !matches!(reader.read_event().unwrap(), Event::Eof) {}
        assert!(document(&[], &[], false).contains("state=\"init\""));
        assert!(document(&[], &[known("b", "sip:b@h", 9)], true).contains("event=\"unregistered\""));
    }
}
