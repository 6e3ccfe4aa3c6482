//! Yealink T4x and T5x: what their configuration files take (vendors.md §3).

pub mod families;

use super::{Description, Limit, TemplateFile};
use crate::provisioning::file_name::FileRole;
use crate::provisioning::line_format::LineFormat;
use crate::provisioning::settings::Codec;
use crate::provisioning::vendor::Vendor;

/// Yealink's table.
pub static DESCRIPTION: Description = Description {
    vendor: Vendor::Yealink,
    oui: &[
        "001565", "805ec0", "805e0c", "e434d7", "249ad8", "44dbd2", "644f56", "ec1da9", "3497d7", "b061a9", "c4fc22",
        "f01653",
    ],
    files: &[
        TemplateFile { role: FileRole::Boot, name: "yealink/boot.j2", text: include_str!("boot.j2") },
        TemplateFile { role: FileRole::Common, name: "yealink/common.cfg.j2", text: include_str!("common.cfg.j2") },
        TemplateFile {
            role: FileRole::Configuration,
            name: "yealink/configuration.cfg.j2",
            text: include_str!("configuration.cfg.j2"),
        },
    ],
    format: LineFormat {
        separator: " = ",
        comment: '#',
        comment_within: false,
        reserved_starts: &[],
        // Resets a parameter to its default.
        reserved: &["%NULL%"],
    },
    content_type: "text/plain; charset=utf-8",
    transports: ["0", "1", "2"],
    codecs: &[
        (Codec::G722, "g722"),
        (Codec::Pcmu, "pcmu"),
        (Codec::Pcma, "pcma"),
        (Codec::G729, "g729"),
        (Codec::Opus, "opus"),
    ],
    languages: &[
        ("de", "German"),
        ("en", "English"),
        ("es", "Spanish"),
        ("fr", "French"),
        ("it", "Italian"),
        ("ja", "Japanese"),
        ("ko", "Korean"),
        ("pt", "Portuguese"),
        ("ru", "Russian"),
    ],
    limits: &[
        Limit { setting: "registrar.port", min: 1, max: 65535 },
        Limit { setting: "outbound_proxy.port", min: 1, max: 65535 },
        Limit { setting: "secondary.port", min: 1, max: 65535 },
        Limit { setting: "dtmf_payload_type", min: 96, max: 127 },
        Limit { setting: "resync.minutes", min: 1, max: 43200 },
    ],
    capabilities: &[],
    model_name: |_| None,
    common_file: families::common_file,
};
