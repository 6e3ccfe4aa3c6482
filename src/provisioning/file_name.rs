//! What the path of a request asks for: the role of the file, whose naming it is, and the hardware address in it.
//!
//! Only the shape of names, and nothing of who may have the file. A path that no phone would send is nobody's.

use super::vendor::{Brand, Vendor};
use super::vendors::audiocodes;
use super::vendors::yealink::families;
use crate::vocab::MacAddress;

/// The longest path that is looked at, in bytes.
const MAX_BYTES: usize = 255;
/// The deepest path: folders (a prefix and a token among them) and the file.
const MAX_SEGMENTS: usize = 6;

/// What a file is to the phone that asks for it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum FileRole {
    /// The file that names the files to fetch.
    Boot,
    /// Settings that every phone of a model shares.
    Common,
    /// One phone's own settings.
    Configuration,
    /// A firmware image.
    Firmware,
    /// A phone book or speed dials.
    Phonebook,
    /// What a phone writes back (its user's changes, logs) and later asks for again.
    Upload,
    /// Anything else phones ask for: trust lists, language packs, licences. Their absence is normal.
    Auxiliary,
}

/// What a path alone says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Named {
    /// What the file is.
    pub role: FileRole,
    /// The hardware address in the name.
    pub mac: Option<MacAddress>,
    /// Whose naming it is, where only one vendor names files so.
    pub vendor: Option<Vendor>,
    /// The firmware family number of a Yealink common file's name.
    pub family: Option<u32>,
}

/// Reads a request path (without query) whose last segment is a file name phones use; `None` for everything else:
/// other names, `.` and `..`, backslashes, percent-encoding, control characters, empty segments, more than 255 bytes.
pub fn read(path: &str) -> Option<Named> {
    if path.len() > MAX_BYTES {
        return None;
    }
    let mut name = "";
    for (depth, segment) in path.strip_prefix('/').unwrap_or(path).split('/').enumerate() {
        let plain = segment.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'~'));
        if segment.is_empty() || !plain || segment.starts_with('.') || segment.contains("..") || depth >= MAX_SEGMENTS {
            return None;
        }
        name = segment;
    }
    let name = name.to_ascii_lowercase();
    yealink_name(&name).or_else(|| device_file(&name)).or_else(|| others_file(&name))
}

/// `y000000000028.cfg` (a model's common file) and `y000000000000.boot`.
fn yealink_name(name: &str) -> Option<Named> {
    let (stem, ending) = name.rsplit_once('.')?;
    if ending == "rom" {
        return Some(named(FileRole::Firmware, None, Some(Vendor::Yealink)));
    }
    let digits = stem.strip_prefix('y').filter(|d| d.len() == 12 && d.bytes().all(|b| b.is_ascii_digit()))?;
    let role = match ending {
        "cfg" => FileRole::Common,
        "boot" => FileRole::Boot,
        _ => return None,
    };
    let family = if role == FileRole::Common { digits.parse().ok() } else { None };
    Some(Named { family, ..named(role, None, Some(Vendor::Yealink)) })
}

/// Names that begin with a hardware address.
fn device_file(name: &str) -> Option<Named> {
    let mac = name.get(..12).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()))?.parse().ok()?;
    let poly = Some(Vendor::Other(Brand::Poly));
    let (role, vendor) = match name.get(12..)? {
        // Everyone's fallback master file at Poly; nobody's address.
        ".cfg" if name.starts_with("000000000000") => return Some(named(FileRole::Boot, None, poly)),
        ".cfg" => (FileRole::Configuration, None),
        ".cfx" => (FileRole::Configuration, Some(Vendor::AudioCodes)),
        ".boot" => (FileRole::Boot, Some(Vendor::Yealink)),
        "-speeddial.txt" => (FileRole::Phonebook, Some(Vendor::AudioCodes)),
        "-local.cfg" | "-calllog.xml" => (FileRole::Upload, Some(Vendor::Yealink)),
        "-contact.xml" => (FileRole::Phonebook, Some(Vendor::Yealink)),
        "_security.enc" => (FileRole::Auxiliary, Some(Vendor::Yealink)),
        "-phone.cfg" | "-web.cfg" | "-app.log" | "-boot.log" => (FileRole::Upload, poly),
        "-directory.xml" => (FileRole::Phonebook, poly),
        "-license.cfg" => (FileRole::Auxiliary, poly),
        ".tuz" => (FileRole::Configuration, Some(Vendor::Other(Brand::Mitel))),
        // Asked by Cisco ($MA.xml) and Gigaset.
        ".xml" => (FileRole::Configuration, Some(Vendor::Other(Brand::Unknown))),
        _ => return None,
    };
    Some(named(role, Some(mac), vendor))
}

/// Names of which this server has none, so that a quick 404 counts against nobody.
fn others_file(name: &str) -> Option<Named> {
    use FileRole::{Auxiliary, Common};
    let (role, brand) = match name {
        "cfg.xml" => (Common, Brand::Grandstream),
        "init.cfg" => (Common, Brand::CiscoMpp),
        "xmldefault.cnf.xml" | "sipdefault.cnf" => (Common, Brand::CiscoEnterprise),
        "itlfile.tlv" | "ctlfile.tlv" => (Auxiliary, Brand::CiscoEnterprise),
        "startup.cfg" | "aastra.cfg" | "mn_generic.cfg" | "startup.tuz" | "aastra.tuz" => (Common, Brand::Mitel),
        "security.tuz" => (Auxiliary, Brand::Mitel),
        "provisioning.xml" | "master.bin" => (Common, Brand::Gigaset),
        "sip.ver" => (Auxiliary, Brand::Poly),
        _ => return prefixed(name).or_else(|| others_pattern(name)),
    };
    Some(named(role, None, Some(Vendor::Other(brand))))
}

/// A fixed prefix, a hardware address, a fixed ending.
fn prefixed(name: &str) -> Option<Named> {
    use FileRole::{Auxiliary, Configuration};
    const NAMES: &[(&str, &[&str], FileRole, Brand)] = &[
        ("cfg", &["", ".bin", ".xml"], Configuration, Brand::Grandstream),
        ("sep", &[".cnf.xml", ".cnf.xml.sgn", ".cnf.xml.enc.sgn"], Configuration, Brand::CiscoEnterprise),
        ("ctlsep", &[".tlv"], Auxiliary, Brand::CiscoEnterprise),
        ("itlsep", &[".tlv"], Auxiliary, Brand::CiscoEnterprise),
        ("sip", &[".cnf"], Configuration, Brand::CiscoEnterprise),
        ("ata", &[".cnf.xml"], Configuration, Brand::CiscoMpp),
        ("mn_", &[".cfg"], Configuration, Brand::Mitel),
        ("config", &[".cfg"], Configuration, Brand::Panasonic),
    ];
    NAMES.iter().find_map(|(prefix, endings, role, brand)| {
        let rest = name.strip_prefix(prefix)?;
        let (digits, ending) = rest.split_at_checked(12)?;
        let hexadecimal = digits.bytes().all(|b| b.is_ascii_hexdigit());
        let mac = digits.parse().ok().filter(|_| hexadecimal && endings.contains(&ending))?;
        Some(named(*role, Some(mac), Some(Vendor::Other(*brand))))
    })
}

/// Names made of a model.
fn others_pattern(name: &str) -> Option<Named> {
    let (stem, ending) = name.rsplit_once('.')?;
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let (role, vendor) = match ending {
        "img" => (FileRole::Firmware, Vendor::AudioCodes),
        "cfg" if audiocodes::is_model(stem) => (FileRole::Common, Vendor::AudioCodes),
        "htm" | "html" if stem.starts_with("snom") => {
            let mac = stem.rsplit_once('-').filter(|(_, mac)| mac.len() == 12).and_then(|(_, mac)| mac.parse().ok());
            let role = if mac.is_some() { FileRole::Configuration } else { FileRole::Common };
            return Some(named(role, mac, Some(Vendor::Other(Brand::Snom))));
        }
        "ld" if stem == "sip" || stem == "bootrom" || stem.ends_with(".sip") => {
            (FileRole::Firmware, Vendor::Other(Brand::Poly))
        }
        "xml" if stem.starts_with("cfg") => (FileRole::Common, Vendor::Other(Brand::Grandstream)),
        "xml" if stem.ends_with("-3pcc") => (FileRole::Common, Vendor::Other(Brand::CiscoMpp)),
        "cfg" if stem.starts_with("spa") => (FileRole::Common, Vendor::Other(Brand::CiscoMpp)),
        "cfg" if stem.starts_with("kx-") => (FileRole::Boot, Vendor::Other(Brand::Panasonic)),
        "cfg" if stem.starts_with("f0") => (FileRole::Common, Vendor::Other(Brand::Fanvil)),
        "txt" if stem.starts_with("fanvil_") => (FileRole::Auxiliary, Vendor::Other(Brand::Fanvil)),
        "cfg" | "tuz" if digits(stem) == 4 && matches!(stem.get(4..), Some("" | "i")) => {
            (FileRole::Common, Vendor::Other(Brand::Mitel))
        }
        "st" if digits(stem) == 4 => (FileRole::Firmware, Vendor::Other(Brand::Mitel)),
        _ => return None,
    };
    Some(named(role, None, Some(vendor)))
}

const fn named(role: FileRole, mac: Option<MacAddress>, vendor: Option<Vendor>) -> Named {
    Named { role, mac, vendor, family: None }
}

impl Named {
    /// The model a Yealink common file is for, if its family number belongs to one model only.
    pub fn model(&self) -> Option<&'static str> {
        match families::models(self.family?) {
            [model] => Some(model),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mac(text: &str) -> Option<MacAddress> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn a_phones_own_file_is_named_by_its_address_in_any_case() {
        for path in ["/00908F112233.cfg", "/00908f112233.CFG", "/p/6Jd0-_x/00908F112233.cfg", "00908f112233.cfg"] {
            assert_eq!(read(path), Some(named(FileRole::Configuration, mac("00908f112233"), None)), "{path}");
        }
    }

    #[test]
    fn yealink_names_are_its_own() {
        let named = read("/y000000000028.cfg").unwrap();
        assert_eq!((named.role, named.vendor, named.family), (FileRole::Common, Some(Vendor::Yealink), Some(28)));
        assert_eq!(named.model(), Some("T46G"));
        assert_eq!(read("/y000000000058.cfg").unwrap().model(), None);
        assert_eq!(read("/y000000000999.cfg").unwrap().model(), None);
        assert_eq!(read("/y000000000000.boot").unwrap().role, FileRole::Boot);
        assert_eq!(read("/805ec0aabbcc.boot").unwrap().mac, mac("805ec0aabbcc"));
        assert_eq!(read("/805ec0aabbcc-local.cfg").unwrap().role, FileRole::Upload);
        assert_eq!(read("/805ec0aabbcc-contact.xml").unwrap().role, FileRole::Phonebook);
        assert_eq!(read("/T46S-66.86.0.15.rom").unwrap().role, FileRole::Firmware);
    }

    #[test]
    fn audiocodes_firmware_and_speed_dials_are_known() {
        assert_eq!(read("/440HD.img"), Some(named(FileRole::Firmware, None, Some(Vendor::AudioCodes))));
        for path in ["/420HD.cfg", "/c450hd.cfg", "/440HDG-Rev0.cfg"] {
            assert_eq!(read(path), Some(named(FileRole::Common, None, Some(Vendor::AudioCodes))), "{path}");
        }
        assert_eq!(read("/421HD.cfg"), None);
        assert_eq!(read("/00908F112233-speeddial.txt").unwrap().role, FileRole::Phonebook);
    }

    #[test]
    fn names_of_other_vendors_are_recognised() {
        #[rustfmt::skip]
        let table = [
            ("/snomD345.htm", Brand::Snom, None), ("/snomD345-000413A11FA7.htm", Brand::Snom, mac("000413a11fa7")),
            ("/000000000000.cfg", Brand::Poly, None), ("/64167f9f4c90-phone.cfg", Brand::Poly, mac("64167f9f4c90")),
            ("/3111-46157-002.sip.ld", Brand::Poly, None), ("/0004f2aabbcc-directory.xml", Brand::Poly, mac("0004f2aabbcc")),
            ("/cfg000b828aa872", Brand::Grandstream, mac("000b828aa872")), ("/cfg000b828aa872.xml", Brand::Grandstream, mac("000b828aa872")),
            ("/cfg000b828aa872.bin", Brand::Grandstream, mac("000b828aa872")), ("/cfggrp2614.xml", Brand::Grandstream, None),
            ("/cfg.xml", Brand::Grandstream, None), ("/spa504G.cfg", Brand::CiscoMpp, None), ("/init.cfg", Brand::CiscoMpp, None),
            ("/CP-7841-3PCC.xml", Brand::CiscoMpp, None), ("/ATA001122334455.cnf.xml", Brand::CiscoMpp, mac("001122334455")),
            ("/SEP001122334455.cnf.xml", Brand::CiscoEnterprise, mac("001122334455")),
            ("/CTLSEP001122334455.tlv", Brand::CiscoEnterprise, mac("001122334455")), ("/ITLFile.tlv", Brand::CiscoEnterprise, None),
            ("/XmlDefault.cnf.xml", Brand::CiscoEnterprise, None), ("/SIP001122334455.cnf", Brand::CiscoEnterprise, mac("001122334455")),
            ("/f0X5hw1.100.cfg", Brand::Fanvil, None), ("/F0V00X5S0000.cfg", Brand::Fanvil, None),
            ("/fanvil_x5u_v2_hwv2_0.txt", Brand::Fanvil, None), ("/startup.cfg", Brand::Mitel, None), ("/6867i.cfg", Brand::Mitel, None),
            ("/00085D294C6B.tuz", Brand::Mitel, mac("00085d294c6b")), ("/MN_00085D294C6B.cfg", Brand::Mitel, mac("00085d294c6b")),
            ("/6867i.st", Brand::Mitel, None), ("/42/2/master.bin", Brand::Gigaset, None), ("/7C2F80CA21E4.xml", Brand::Unknown, mac("7c2f80ca21e4")),
            ("/KX-HDV430.cfg", Brand::Panasonic, None), ("/Config0080F0C8C381.cfg", Brand::Panasonic, mac("0080f0c8c381")),
        ];
        for (path, brand, mac) in table {
            let named = read(path).unwrap_or_else(|| panic!("{path}"));
            assert_eq!((named.vendor, named.mac), (Some(Vendor::Other(brand)), mac), "{path}");
        }
    }

    #[test]
    fn paths_no_phone_would_send_are_nobodys() {
        let long = format!("/{}/00908f112233.cfg", "a".repeat(250));
        let deep = format!("{}/00908f112233.cfg", "/a".repeat(6));
        for path in [
            "",
            "/",
            "/..",
            "/../00908f112233.cfg",
            "/a/../00908f112233.cfg",
            "/./00908f112233.cfg",
            "//00908f112233.cfg",
            "/%2e%2e/00908f112233.cfg",
            "/a%2f00908f112233.cfg",
            "/..%5c00908f112233.cfg",
            "/a\\00908f112233.cfg",
            "/00908f112233.cfg\0",
            "/00908f112233.cfg/",
            "/00908f112233..cfg",
            "/00908f112233.cfg?x=1",
            "/00908f11223é.cfg",
            "/00908f11223.cfg",
            "/00908f112233",
            "/00:90:8f:11:22:33.cfg",
            "/index.html",
            "/etc/passwd",
            "/y00000000002.cfg",
            "/.env",
            long.as_str(),
            deep.as_str(),
        ] {
            assert_eq!(read(path), None, "{path}");
        }
    }
}
