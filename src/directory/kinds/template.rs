//! Universal device and line templates: what new phones and lines are made from.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Recorded;
use crate::directory::table::{Column, ColumnKind, Table, Usage};
use crate::directory::{Kind, Listed};
use crate::sip::Transport;
use crate::vocab::Name;

/// A universal device template: what a new phone is made from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceTemplate {
    /// Unique.
    pub name: Name,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// The phone's name: text with the variables `{user_id}`, `{user_name}`, `{extension}`, `{model}` and `{mac}`.
    pub phone_name: String,
    /// What the phone is.
    #[serde(default)]
    pub device_type: DeviceType,
    /// How SIP travels.
    #[serde(default)]
    pub transport: DeskTransport,
    /// Phone settings that differ from the system's, as the provisioning room names them.
    #[serde(default)]
    pub settings: Map<String, Value>,
}

/// What a phone is, and with it its lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DeviceType {
    /// A telephone on a desk.
    #[default]
    DeskPhone,
    /// An application of a mobile phone.
    Smartphone,
    /// A program of a computer.
    Softphone,
    /// A telephone with a picture.
    VideoPhone,
    /// A telephone system that registers.
    SipTrunk,
    /// A telephone system that is known by its address and doesn't register.
    IpTrunk,
    /// No phone: a forwarding, a conference room, an announcement. It doesn't register.
    Virtual,
}

impl DeviceType {
    /// As the database and the API write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeskPhone => "desk-phone",
            Self::Smartphone => "smartphone",
            Self::Softphone => "softphone",
            Self::VideoPhone => "video-phone",
            Self::SipTrunk => "sip-trunk",
            Self::IpTrunk => "ip-trunk",
            Self::Virtual => "virtual",
        }
    }
}

/// How SIP travels to and from desk phones: those that fetch a configuration speak no WebSocket.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum DeskTransport {
    /// Datagrams.
    #[default]
    Udp,
    /// A connection.
    Tcp,
    /// A connection within TLS.
    Tls,
}

impl From<DeskTransport> for Transport {
    fn from(transport: DeskTransport) -> Self {
        match transport {
            DeskTransport::Udp => Self::Udp,
            DeskTransport::Tcp => Self::Tcp,
            DeskTransport::Tls => Self::Tls,
        }
    }
}

impl TryFrom<Transport> for DeskTransport {
    type Error = Transport;

    fn try_from(transport: Transport) -> Result<Self, Transport> {
        match transport {
            Transport::Udp => Ok(Self::Udp),
            Transport::Tcp => Ok(Self::Tcp),
            Transport::Tls => Ok(Self::Tls),
            Transport::Ws | Transport::Wss => Err(transport),
        }
    }
}

/// A universal line template: what a new line is made from.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LineTemplate {
    /// Unique.
    pub name: Name,
    /// For people.
    #[serde(default)]
    pub description: String,
    /// What the phone shows beside the line key, with variables as in a phone's name.
    pub label: String,
    /// The name callers see, with variables.
    pub display: String,
}

/// Universal device templates.
#[derive(Debug)]
pub struct DeviceTemplates;

/// Universal line templates.
#[derive(Debug)]
pub struct LineTemplates;

impl Listed for DeviceTemplates {
    const TABLE: &'static Table = &DEVICE_TEMPLATES;
    type View = Recorded<DeviceTemplate>;
}

impl Kind for DeviceTemplates {
    type Draft = DeviceTemplate;
}

impl Listed for LineTemplates {
    const TABLE: &'static Table = &LINE_TEMPLATES;
    type View = Recorded<LineTemplate>;
}

impl Kind for LineTemplates {
    type Draft = LineTemplate;
}

pub(super) static DEVICE_TEMPLATES: Table = Table {
    name: "device_templates",
    what: "device template",
    key: "name",
    sort: "name",
    columns: &[
        Column::new("name", ColumnKind::Text),
        Column::new("description", ColumnKind::Text),
        Column::new("phone_name", ColumnKind::Text),
        Column::new("device_type", ColumnKind::Text),
        Column::new("transport", ColumnKind::Text),
        Column::new("settings", ColumnKind::Json),
    ],
    usages: &[
        Usage {
            what: "user profile",
            statement: "SELECT name FROM user_profiles WHERE $1 IN (desk_template, mobile_template, remote_template)",
        },
        Usage { what: "settings of", statement: "SELECT name FROM auto_registration WHERE device_template = $1" },
        Usage {
            what: "phone",
            statement: "SELECT name FROM phones WHERE device_template = $1 AND state <> 'released'",
        },
    ],
};

pub(super) static LINE_TEMPLATES: Table = Table {
    name: "line_templates",
    what: "line template",
    key: "name",
    sort: "name",
    columns: &[
        Column::new("name", ColumnKind::Text),
        Column::new("description", ColumnKind::Text),
        Column::new("label", ColumnKind::Text),
        Column::new("display", ColumnKind::Text),
    ],
    usages: &[Usage { what: "user profile", statement: "SELECT name FROM user_profiles WHERE line_template = $1" }],
};
