//! What becomes of a call to a line that is live at the other of two sites only.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Directory, DirectoryError};
use crate::vocab::DirectoryNumber;

/// What becomes of a call to a line that is not live at this site, where there is a peer site: SIP Server's option `dr-forward`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DrForward {
    /// It is not forwarded: the caller hears that nobody is there.
    #[default]
    Off,
    /// It is forwarded to the peer site where no agent is logged in on the line. Nobody logs in on lines of this server: whoever is
    /// registered counts as logged in, so this is the same as `oos`.
    NoAgent,
    /// It is forwarded to the peer site where the line is out of service: registered by none of its phones, or by phones none of
    /// which can be reached.
    Oos,
}

impl Directory {
    /// What a number says of forwarding to the peer site; none where it leaves that to the settings.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn dr_forward_of(&self, number: &DirectoryNumber) -> Result<Option<DrForward>, DirectoryError> {
        let found = self.find::<super::DirectoryNumbers>(number.as_str()).await?;
        Ok(found.and_then(|found| found.view.fields.dr_forward))
    }
}
