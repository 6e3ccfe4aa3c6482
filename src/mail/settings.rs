//! How letters are sent.

use serde::{Deserialize, Serialize};

/// Settings of mail.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct MailSettings {
    /// The SMTP server; empty for no mail.
    pub server: String,
    /// Its port; 0 for the usual one of `tls`.
    pub port: u16,
    /// How the connection is secured.
    pub tls: MailTls,
    /// The name to log in with; empty for none.
    pub user: String,
    /// The file that holds the password.
    pub password_file: String,
    /// The sender.
    pub from: String,
    /// The page where a password is set, with `{token}` in it; empty: the letter has the token alone.
    pub reset_url: String,
}

/// How a connection to an SMTP server is secured.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailTls {
    /// By STARTTLS; without it nothing is sent (RFC 3207).
    #[default]
    Starttls,
    /// From its beginning (RFC 8314).
    Tls,
    /// Not at all: for a server on this machine.
    None,
}

impl MailTls {
    /// The usual port.
    pub(super) fn port(self) -> u16 {
        match self {
            Self::Starttls => 587,
            Self::Tls => 465,
            Self::None => 25,
        }
    }
}
