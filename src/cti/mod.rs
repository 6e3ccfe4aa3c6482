//! Calls to route points and from them: legs, the applications behind them; calls between lines; and who may call what.
//!
//! [`call`] is the pure machine of one call's signalling; [`leg`] runs it with its media and its application;
//! [`switchboard`] takes requests in. Self-provisioning is an application like any other.

mod call;
mod call_record;
mod callers;
mod dialogs;
mod ending;
mod language_pack;
mod leg;
mod media_addresses;
mod phase;
mod policy;
mod proxy;
mod ring_back;
mod self_provisioning;
mod service;
mod service_control;
mod service_settings;
mod session_timer;
mod settings;
mod speaker;
mod store;
mod switchboard;
mod timings;
mod voice;
mod voices;
mod wire;

pub use call::{Call, CallSettings, Input as CallInput, Output as CallOutput};
pub use call_record::CallRecord;
pub use ending::{CallEnding, EndedBy};
pub use language_pack::{LanguagePack, PackFault};
pub use media_addresses::MediaAddresses;
pub use policy::{Caller, Destination, Permission, permit};
pub use proxy::check as check_passing;
pub use ring_back::RingBackCall;
pub use service::{Route, Service, ServiceFault};
pub use service_control::{RestartMode, ServiceControl, newest_generation};
pub use service_settings::{
    SELF_PROVISIONING, SelfProvisioningDraft, SelfProvisioningKind, SelfProvisioningSettings, changed_fields,
};
pub use session_timer::SessionTimer;
pub use settings::{CtiSettings, RoutePointSettings};
pub use switchboard::{CALLED_OFF, Foundations, Switchboard, is_in_dialog};
pub use voice::Voice;
pub use voices::{FoundPack, Voices};

/// What this server understands, for Allow and Supported.
pub const METHODS: [crate::sip::message::Method; 11] = {
    use crate::sip::message::Method;
    [
        Method::Invite,
        Method::Ack,
        Method::Bye,
        Method::Cancel,
        Method::Options,
        Method::Register,
        Method::Info,
        Method::Prack,
        Method::Update,
        Method::Refer,
        Method::Subscribe,
    ]
};

/// Option tags this server supports.
pub const EXTENSIONS: [&str; 2] = ["100rel", "timer"];
