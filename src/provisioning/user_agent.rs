//! What a User-Agent header claims: vendor, model, firmware and, often, a hardware address.
//!
//! Anybody can write any User-Agent, so this is a claim and never proof. Knows no file names.

use super::vendor::{Brand, Vendor};
use super::vendors::yealink;
use crate::vocab::MacAddress;

/// The longest User-Agent that is looked at, in bytes.
const MAX_BYTES: usize = 512;

/// What a User-Agent says of its phone. Models and firmware versions hold only letters, digits, `.`, `-` and `_`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The vendor or brand it names.
    pub vendor: Vendor,
    /// The model as the vendor spells it without its product-line prefix (`420HD`, `T46G`); only for managed vendors.
    pub model: Option<String>,
    /// The firmware version as sent; only for managed vendors.
    pub firmware: Option<String>,
    /// The hardware address, where the header carries one.
    pub mac: Option<MacAddress>,
}

/// Beginnings of the User-Agents of brands without templates, and whether a 12-digit word in them is a hardware address
/// (Linksys puts its serial number there).
const OTHERS: &[(&str, Brand, bool)] = &[
    ("FileTransport Poly", Brand::Poly, true),
    ("Grandstream ", Brand::Grandstream, true),
    ("Cisco/SPA", Brand::CiscoMpp, true),
    ("Cisco-CP-", Brand::CiscoMpp, true),
    ("Linksys/", Brand::CiscoMpp, false),
    ("Fanvil ", Brand::Fanvil, true),
    ("Aastra", Brand::Mitel, true),
    ("Mitel", Brand::Mitel, true),
    ("Gigaset ", Brand::Gigaset, true),
    ("N510 IP PRO", Brand::Gigaset, true),
    ("N720-DM-PRO", Brand::Gigaset, true),
    ("Panasonic", Brand::Panasonic, true),
];

/// Reads a User-Agent header. `None` where it is no phone's, or too long, or holds anything but printable ASCII.
pub fn read(user_agent: &str) -> Option<Claim> {
    let printable = user_agent.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    if user_agent.len() > MAX_BYTES || !printable {
        return None;
    }
    audiocodes(user_agent).or_else(|| yealink_claim(user_agent)).or_else(|| other(user_agent))
}

/// `AUDC-IPPhone/<firmware> (<model>; <MAC>)`, or `AUDC/<firmware> AUDC-IPPhone-<model>_UC_<firmware>/1` without a MAC.
fn audiocodes(user_agent: &str) -> Option<Claim> {
    if let Some(rest) = user_agent.strip_prefix("AUDC-IPPhone/") {
        let firmware = rest.split(' ').next().and_then(word);
        let model = rest.split_once('(').and_then(|(_, inside)| inside.split([';', ')']).next()).and_then(word);
        return Some(Claim { vendor: Vendor::AudioCodes, model, firmware, mac: hardware_address(rest) });
    }
    let rest = user_agent.strip_prefix("AUDC/")?;
    let firmware = rest.split(' ').next().and_then(word);
    let product = rest.split_once("AUDC-IPPhone-").map(|(_, product)| product);
    let model = product.and_then(|product| product.split(['_', '/', ' ']).next()).and_then(word);
    Some(Claim { vendor: Vendor::AudioCodes, model, firmware, mac: hardware_address(rest) })
}

/// `Yealink SIP-T46G 28.72.0.1 00:15:65:4a:a9:37` and its spellings; the maker's name may be missing, the line `SIP` too.
fn yealink_claim(user_agent: &str) -> Option<Claim> {
    let named = user_agent.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("yealink"));
    let rest = if named { user_agent.get(7..)? } else { user_agent };
    let mut words = rest.split([' ', '/']).filter(|part| !part.is_empty());
    let mut product = words.next()?.trim_start_matches('-');
    if product.eq_ignore_ascii_case("SIP") {
        product = words.next()?;
    }
    let product = product.strip_prefix("SIP-").unwrap_or(product);
    let model = word(product.strip_prefix("VP-").unwrap_or(product));
    let firmware = words.next().filter(|text| is_version(text)).and_then(word);
    let known = model.as_deref().is_some_and(yealink::families::is_model);
    let is_yealink = named || known && firmware.is_some();
    is_yealink.then(|| Claim { vendor: Vendor::Yealink, model, firmware, mac: hardware_address(rest) })
}

fn other(user_agent: &str) -> Option<Claim> {
    let claim = |brand, mac| Claim { vendor: Vendor::Other(brand), model: None, firmware: None, mac };
    if user_agent.starts_with("Mozilla/") && user_agent.to_ascii_lowercase().contains("compatible; snom") {
        return Some(claim(Brand::Snom, hardware_address(user_agent)));
    }
    let (_, brand, has_mac) = OTHERS.iter().find(|(start, _, _)| user_agent.starts_with(start))?;
    Some(claim(*brand, if *has_mac { hardware_address(user_agent) } else { None }))
}

/// The last word that is a whole hardware address. Words with dots are versions, whatever their digits.
fn hardware_address(text: &str) -> Option<MacAddress> {
    let words = text.split([' ', '(', ')', ';', ',']).rev();
    words
        .map(|word| word.strip_prefix("MAC:").or_else(|| word.strip_prefix("SN:")).unwrap_or(word))
        .filter(|word| matches!(word.len(), 12 | 17) && !word.contains('.'))
        .find_map(|word| word.parse().ok())
}

fn is_version(text: &str) -> bool {
    text.contains('.') && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
}

/// A model or version of 1 to 32 harmless characters.
fn word(text: &str) -> Option<String> {
    let harmless = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    ((1..=32).contains(&text.len()) && text.bytes().all(harmless)).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sample User-Agents of the vendors' guides: header, vendor, model, firmware, address.
    type Row = (&'static str, Vendor, Option<&'static str>, Option<&'static str>, Option<&'static str>);

    const fn other(header: &'static str, brand: Brand, mac: Option<&'static str>) -> Row {
        (header, Vendor::Other(brand), None, None, mac)
    }

    const fn yealink(
        header: &'static str,
        model: &'static str,
        firmware: &'static str,
        mac: Option<&'static str>,
    ) -> Row {
        (header, Vendor::Yealink, Some(model), Some(firmware), mac)
    }

    #[rustfmt::skip]
    const SAMPLES: &[Row] = &[
        ("AUDC-IPPhone/2.0.0_build_15 (420HD; 00908F3BBCBA)", Vendor::AudioCodes, Some("420HD"), Some("2.0.0_build_15"), Some("00908f3bbcba")),
        ("AUDC-IPPhone/2.2.8.61 (440HDG-Rev0; 00908F602AAC)", Vendor::AudioCodes, Some("440HDG-Rev0"), Some("2.2.8.61"), Some("00908f602aac")),
        ("AUDC/3.4.6.604 AUDC-IPPhone-C450HD_UC_3.4.6.604/1", Vendor::AudioCodes, Some("C450HD"), Some("3.4.6.604"), None),
        yealink("Yealink SIP-T46G 28.72.0.1 00:15:65:4a:a9:37", "T46G", "28.72.0.1", Some("0015654aa937")),
        yealink("yealink SIP-T18 18.0.0.80 00:15:65:27:3e:05", "T18", "18.0.0.80", Some("001565273e05")),
        yealink("Yealink SIP VP-T49G 51.80.0.10 00:15:65:7d:8d:ed", "T49G", "51.80.0.10", Some("0015657d8ded")),
        yealink("VP530P 23.70.0.40 00:15:65:31:4b:c0", "VP530P", "23.70.0.40", Some("001565314bc0")),
        yealink("Yealink W52P 25.80.0.15 00:15:65:b0:be:1a", "W52P", "25.80.0.15", Some("001565b0be1a")),
        yealink("W52P 25.30.0.2 00:15:65:44:b3:7c", "W52P", "25.30.0.2", Some("00156544b37c")),
        yealink("Yealink CP860 37.72.0.5 00:15:65:8d:28:d1", "CP860", "37.72.0.5", Some("0015658d28d1")),
        yealink("Yealink-T46G 28.71.0.81 28.1.0.128.0.0.0", "T46G", "28.71.0.81", None),
        yealink("Yealink SIP-T38G  38.70.0.125 00:15:65:31:4b:c0", "T38G", "38.70.0.125", Some("001565314bc0")),
        yealink("Yealink SIP-T56A  58.80.0.25 001565f429a4", "T56A", "58.80.0.25", Some("001565f429a4")),
        other("Mozilla/4.0 (compatible; snom320-SIP 8.4.18 1.1.3-s)", Brand::Snom, None),
        other("Mozilla/4.0 (compatible; snom710-SIP 8.7.5.35 1.1.5-IFX-05.01.12 000413741767)", Brand::Snom, Some("000413741767")),
        other("Mozilla/4.0 (compatible; snomD785-SIP 10.1.33.33 2010.12-00004-g9ba52f5 000413922D24 SXM:0 UXM:0)", Brand::Snom, Some("000413922d24")),
        other("Mozilla/4.0 (compatible; Snom M900 05.20.0001 000413b60680)", Brand::Snom, Some("000413b60680")),
        other("FileTransport PolycomSoundPointIP-SPIP_335-UA/3.2.1.0078", Brand::Poly, None),
        other("FileTransport PolycomVVX-VVX_450-UA/5.9.1.0615 Type/Application", Brand::Poly, None),
        other("FileTransport PolyCCX-CCX_500-UA/9.4.1.0508 (SN:64167f9f4c90) Type/Application", Brand::Poly, Some("64167f9f4c90")),
        other("Grandstream Model HW GXP2135 SW 1.0.7.97 DevId 000b828aa872", Brand::Grandstream, Some("000b828aa872")),
        other("Grandstream Model HW GXP2135 V2.2A SW 1.0.7.97 DevId 000b828aa872", Brand::Grandstream, Some("000b828aa872")),
        other("Grandstream GXP2000 (gxp2000e.bin:1.2.5.3/boot55e.bin:1.1.6.9) DevId 000b821d8cb0", Brand::Grandstream, Some("000b821d8cb0")),
        other("Cisco/SPA504G-7.4.4 (8843E157DDCC)(CBT141100HR)", Brand::CiscoMpp, Some("8843e157ddcc")),
        other("Cisco/SPA525G-7.4.7 (CBT141900G7)", Brand::CiscoMpp, None),
        other("Linksys/SPA-942-6.1.5(a) (88019FA42805)", Brand::CiscoMpp, None),
        other("Cisco-CP-8841-3PCC/11.0 (00562b043615)", Brand::CiscoMpp, Some("00562b043615")),
        other("Fanvil X4 2.10.2.6887 0c383e07e16c", Brand::Fanvil, Some("0c383e07e16c")),
        other("Fanvil X6U Pro 0.0.10 0c383e2cd782", Brand::Fanvil, Some("0c383e2cd782")),
        other("Fanvil X5U-V2 2.12.16.17 0c383e39a5e0", Brand::Fanvil, Some("0c383e39a5e0")),
        other("Fanvil W620W 2.16.10 0c383e6f1b0c", Brand::Fanvil, Some("0c383e6f1b0c")),
        other("Aastra6731i MAC:00-08-5D-29-4C-6B V:3.3.1.4365-SIP", Brand::Mitel, Some("00085d294c6b")),
        other("Mitel6940 MAC:14-00-E9-29-4C-6B V:6.4.0.4006-SIP", Brand::Mitel, Some("1400e9294c6b")),
        other("Gigaset N720 DM PRO/70.108.00.000.000;7C2F80CA21E4", Brand::Gigaset, Some("7c2f80ca21e4")),
        other("N510 IP PRO/42.258.00.000.000;7C2F80AABBCC", Brand::Gigaset, Some("7c2f80aabbcc")),
        other("N720-DM-PRO/70.040.00.000.000", Brand::Gigaset, None),
        other("Gigaset N870 IP PRO/83.V2.11.0+build.a546b91;7C2F80E0D605;Handset=2", Brand::Gigaset, Some("7c2f80e0d605")),
        other("Panasonic_KX-UT113/01.133 (0080f0c8c381)", Brand::Panasonic, Some("0080f0c8c381")),
    ];

    #[test]
    fn the_vendors_own_samples_are_read() {
        for (header, vendor, model, firmware, mac) in SAMPLES {
            let expected = Claim {
                vendor: *vendor,
                model: model.map(str::to_owned),
                firmware: firmware.map(str::to_owned),
                mac: mac.map(|mac| mac.parse().unwrap()),
            };
            assert_eq!(read(header), Some(expected), "{header}");
        }
    }

    #[test]
    fn what_is_no_phone_claims_nothing() {
        for header in ["", "curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64)", "T46G", "T46G/1", "W52P hello"] {
            assert_eq!(read(header), None, "{header}");
        }
        assert_eq!(read(&"Yealink ".repeat(100)), None);
        assert_eq!(read("Yealink SIP-T46G\n28.72.0.1"), None);
    }

    #[test]
    fn a_model_with_strange_characters_is_left_out() {
        let claim = read("AUDC-IPPhone/2.0{{7*7}} (420HD<script>; 00908F3BBCBA)").unwrap();
        assert_eq!((claim.model, claim.firmware), (None, None));
    }
}
