//! Phone provisioning: who asks for which file, what is written in it, and how a phone is told to fetch it again.
//!
//! Pure: no socket, no database, no clock. [`identify()`] reads a request, [`render()`] makes a file of canonical
//! [`PhoneSettings`] and a vendor's template, [`resync()`] gives the SIP event a phone obeys. Whether somebody may have a
//! file, and whether its secrets are in it, is decided above: a hardware address unlocks nothing here because nothing
//! here is locked. A vendor is a folder in `vendors/`: its table and its templates.

mod file_name;
mod identify;
mod line_format;
mod oui;
mod render;
mod resync;
mod settings;
mod template;
mod user_agent;
mod vendor;
mod vendors;

pub use file_name::FileRole;
pub use identify::{Asked, Basis, Suspicion, identify};
pub use line_format::LineFormat;
pub use oui::vendor_of;
pub use render::{Rendered, render};
pub use resync::{Change, Reboot, Resync, resync};
pub use settings::{
    Account, AgentState, AutomaticCallDistribution, Clock, Codec, Host, PhoneSettings, RawParameters, Redundancy,
    Secondary, Server, Transport,
};
pub use template::Templates;
pub use user_agent::{Claim, read as read_user_agent};
pub use vendor::{Brand, Vendor};
pub use vendors::{Capabilities, line_format};

/// Why a file could not be written. No message holds a value, so none holds a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProvisioningError {
    /// A word that names no vendor.
    #[error("no vendor is called {0:?}; use audiocodes or yealink")]
    UnknownVendor(String),
    /// There is no template for this vendor's file.
    #[error("{vendor} phones get no {role:?} file from this server")]
    NoTemplate {
        /// The phone's vendor.
        vendor: Vendor,
        /// The file asked for.
        role: FileRole,
    },
    /// An operator's template has a name that overrides nothing.
    #[error("no template is called {name:?}; the names are: {names}")]
    UnknownTemplate {
        /// The name given.
        name: String,
        /// Every name there is.
        names: String,
    },
    /// A template can't be read, or can't be filled in.
    #[error("{file}, line {line}: {}{fault}", variable.as_ref().map(|name| format!("{name}: ")).unwrap_or_default())]
    Template {
        /// The template, for example `audiocodes/configuration.cfg.j2`.
        file: String,
        /// The line in it, from 1; 0 where none is known.
        line: usize,
        /// The variable or expression at fault, where there is one.
        variable: Option<String>,
        /// What is wrong.
        fault: String,
    },
    /// A setting this vendor's phones can't take.
    #[error("{setting}: {fault}")]
    Setting {
        /// The setting, as templates name it.
        setting: String,
        /// What is wrong with it, and what is taken.
        fault: String,
    },
}
