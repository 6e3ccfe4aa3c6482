//! AudioCodes 4xxHD and C4xxHD (the 420HD is Genesys' too): what their configuration files take.
//!
//! Sources: the 420HD guide's tables 1 to 9, and vendors.md §2 for the rest.

use super::{Capabilities, Description, Limit, TemplateFile};
use crate::provisioning::file_name::FileRole;
use crate::provisioning::line_format::LineFormat;
use crate::provisioning::settings::Codec;
use crate::provisioning::vendor::Vendor;

/// Models by their names on the label (vendors.md §2). A User-Agent may add a variant, as in `440HDG-Rev0`.
const MODELS: &[&str] = &["C450HD", "405HD", "420HD", "425HD", "430HD", "440HD", "445HD", "450HD", "RX50", "405"];

/// Whether a model's name, in any case, is one of those or a variant of one.
pub fn is_model(name: &str) -> bool {
    let starts = |model: &&&str| name.get(..model.len()).is_some_and(|start| start.eq_ignore_ascii_case(model));
    MODELS.iter().any(|model| starts(&model))
}

/// AudioCodes' table.
pub static DESCRIPTION: Description = Description {
    vendor: Vendor::AudioCodes,
    oui: &["00908f"],
    files: &[
        TemplateFile { role: FileRole::Common, name: "audiocodes/common.cfg.j2", text: include_str!("common.cfg.j2") },
        TemplateFile {
            role: FileRole::Configuration,
            name: "audiocodes/configuration.cfg.j2",
            text: include_str!("configuration.cfg.j2"),
        },
    ],
    format: LineFormat {
        separator: "=",
        comment: ';',
        comment_within: true,
        // `{"…"}` is how the phone marks a value that it deciphers (vendors.md §2.3).
        reserved_starts: &["{\""],
        reserved: &[],
    },
    content_type: "text/plain; charset=utf-8",
    transports: ["UDP", "TCP", "TLS"],
    codecs: &[
        (Codec::G722, "G722"),
        (Codec::Pcma, "PCMA"),
        (Codec::Pcmu, "PCMU"),
        (Codec::G729, "G729"),
        (Codec::G723, "G723"),
    ],
    languages: &[
        ("de", "GERMAN"),
        ("en", "ENGLISH"),
        ("es", "SPANISH"),
        ("fr", "FRENCH"),
        ("it", "ITALIAN"),
        ("ja", "JAPANESE"),
        ("ko", "KOREAN"),
        ("pt", "PORTUGUESE"),
        ("ru", "RUSSIAN"),
    ],
    limits: &[
        // Table 2.
        Limit { setting: "registrar.port", min: 1024, max: 65535 },
        Limit { setting: "outbound_proxy.port", min: 1024, max: 65535 },
        Limit { setting: "secondary.port", min: 1024, max: 65535 },
        Limit { setting: "keep_alive", min: 40, max: 65536 },
        Limit { setting: "registration.expiry", min: 0, max: 86400 },
        Limit { setting: "registration.retry", min: 1, max: 86400 },
        // Vendors.md §2.2.
        Limit { setting: "account.auth_name (characters)", min: 0, max: 35 },
        Limit { setting: "resync.minutes", min: 1, max: 168 * 60 },
    ],
    capabilities: &[
        // The guide's feature chart: no TLS in firmware 2.0.0.18. No source names a DTMF payload parameter.
        ("420HD", Capabilities { simultaneous_registration: true, tls: false, dtmf_payload_type: false }),
        ("", Capabilities { simultaneous_registration: true, tls: true, dtmf_payload_type: false }),
    ],
    model_name: |model| MODELS.iter().find(|name| model.starts_with(**name)).map(|name| (*name).to_owned()),
    common_file: |_| None,
};
