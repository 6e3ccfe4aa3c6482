//! One folder a vendor: a table of what its phones take, and the templates of its files.
//!
//! All of it is data. A new vendor is a new folder, a line in [`all`] and a word in [`Vendor`].

pub mod audiocodes;
pub mod yealink;

use super::file_name::FileRole;
use super::line_format::LineFormat;
use super::settings::{Codec, Transport};
use super::vendor::Vendor;

/// What there is to know of one vendor's phones.
#[derive(Debug)]
pub struct Description {
    /// Whose phones.
    pub vendor: Vendor,
    /// Prefixes of their hardware addresses, lower-case hexadecimal.
    pub oui: &'static [&'static str],
    /// The files written for them.
    pub files: &'static [TemplateFile],
    /// How a line of those files looks.
    pub format: LineFormat,
    /// The media type the files are served as.
    pub content_type: &'static str,
    /// The vendor's words for UDP, TCP and TLS, in this order.
    pub transports: [&'static str; 3],
    /// The codecs its phones have, with the vendor's words for them.
    pub codecs: &'static [(Codec, &'static str)],
    /// Languages (BCP 47 primary subtags) and the vendor's words for them.
    pub languages: &'static [(&'static str, &'static str)],
    /// What numbers its phones take.
    pub limits: &'static [Limit],
    /// Models that can do less than all: the beginning of a model's name, and what it can.
    pub capabilities: &'static [(&'static str, Capabilities)],
    /// The model's name as its files want it, where they name it.
    pub model_name: fn(&str) -> Option<String>,
    /// The common file's name for a model, where there are common files.
    pub common_file: fn(&str) -> Option<String>,
}

/// One file of a vendor's phones.
#[derive(Debug)]
pub struct TemplateFile {
    /// What it is to the phone.
    pub role: FileRole,
    /// The template's name: `<vendor>/<file>.j2`.
    pub name: &'static str,
    /// The template.
    pub text: &'static str,
}

/// The range of a number, both ends taken.
#[derive(Debug)]
pub struct Limit {
    /// The setting, as templates name it.
    pub setting: &'static str,
    /// The least.
    pub min: u32,
    /// The most.
    pub max: u32,
}

/// What not every phone can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// It can register with two servers at once.
    pub simultaneous_registration: bool,
    /// It speaks SIP over TLS.
    pub tls: bool,
    /// The RTP payload type of its telephone-events can be set.
    pub dtmf_payload_type: bool,
}

impl Capabilities {
    /// Everything.
    pub const ALL: Self = Self { simultaneous_registration: true, tls: true, dtmf_payload_type: true };
}

impl Description {
    /// What a model can do; a model not known is taken to do all.
    pub fn capabilities(&self, model: Option<&str>) -> Capabilities {
        let known = |(start, _): &&(&str, Capabilities)| model.is_some_and(|model| model.starts_with(start));
        self.capabilities.iter().find(known).map_or(Capabilities::ALL, |(_, capabilities)| *capabilities)
    }

    /// The vendor's word for a transport.
    pub fn transport(&self, transport: Transport) -> &'static str {
        let [udp, tcp, tls] = self.transports;
        match transport {
            Transport::Udp => udp,
            Transport::Tcp => tcp,
            Transport::Tls => tls,
        }
    }
}

/// Every vendor that files are written for.
pub fn all() -> &'static [&'static Description] {
    static ALL: &[&Description] = &[&audiocodes::DESCRIPTION, &yealink::DESCRIPTION];
    ALL
}

/// A vendor's description; `None` for those that are only recognised.
pub fn description(vendor: Vendor) -> Option<&'static Description> {
    all().iter().find(|description| description.vendor == vendor).copied()
}

/// The format of a vendor's files, for reading them back; `None` for vendors that are only recognised.
pub fn line_format(vendor: Vendor) -> Option<&'static LineFormat> {
    description(vendor).map(|description| &description.format)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_named_after_their_vendor() {
        for description in all() {
            assert!(description.vendor.is_managed());
            for file in description.files {
                assert!(file.name.starts_with(&format!("{}/", description.vendor)), "{}", file.name);
            }
        }
    }

    #[test]
    fn the_420hd_of_the_guide_has_no_tls() {
        let audiocodes = description(Vendor::AudioCodes).unwrap();
        assert!(!audiocodes.capabilities(Some("420HD")).tls && audiocodes.capabilities(Some("C450HD")).tls);
        assert!(audiocodes.capabilities(Some("420HD")).simultaneous_registration);
        assert!(audiocodes.capabilities(None).tls);
    }
}
