//! Letters to people: queued, sent by SMTP, tried again for a time.
//!
//! It must not know what is written, or why. What waits is in memory and bounded: whoever asked for a letter that a restart
//! swallowed asks again.

mod mailer;
mod settings;

pub use mailer::{Letter, Mailer};
pub use settings::{MailSettings, MailTls};

/// Why letters can't be sent.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// The file with the password can't be read.
    #[error("mail.password_file: cannot read {file}: {source}")]
    PasswordFile {
        /// The file.
        file: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The sender's address.
    #[error("mail.from: \"{0}\" is no mail address; write one, such as Tsunagu <tsunagu@example.com>")]
    From(String),
    /// The server's name.
    #[error("mail.server: {0}")]
    Server(String),
}
