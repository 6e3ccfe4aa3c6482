//! The credential policy as an administrator keeps it.

use super::Recorded;
use crate::directory::kind::as_record;
use crate::directory::records::Record;
use crate::directory::table::{Column, ColumnKind, Table};
use crate::directory::{CredentialPolicy, Directory, DirectoryError, Kind, Listed, Settings};
use crate::vocab::UnixMillis;

/// The policy as a kind of record with one row.
#[derive(Debug)]
pub struct CredentialPolicyKind;

impl Settings for CredentialPolicyKind {
    const NAME: &'static str = "credential-policy";
}

impl Listed for CredentialPolicyKind {
    const TABLE: &'static Table = &TABLE;
    type View = Recorded<CredentialPolicy>;
}

impl Kind for CredentialPolicyKind {
    type Draft = CredentialPolicy;

    async fn record(
        _directory: &Directory,
        draft: CredentialPolicy,
        _before: Option<&Record>,
        _now: UnixMillis,
    ) -> Result<Record, DirectoryError> {
        draft.check()?;
        let mut record = as_record(&draft)?;
        record.insert("name".to_owned(), Self::NAME.into());
        Ok(record)
    }
}

impl Directory {
    /// What PINs and passwords must be like.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn credential_policy(&self) -> Result<CredentialPolicy, DirectoryError> {
        if let Some(policy) = &self.importing {
            return Ok(policy.clone());
        }
        let kept = self.find::<CredentialPolicyKind>(CredentialPolicyKind::NAME).await?;
        Ok(kept.map(|kept| kept.view.fields).unwrap_or_default())
    }
}

static TABLE: Table = Table {
    name: "credential_policy",
    what: "credential policy",
    key: "name",
    sort: "name",
    columns: &[
        Column::read_only("name", ColumnKind::Text),
        Column::new("pin_digits", ColumnKind::Integer),
        Column::new("refuse_trivial_pins", ColumnKind::Flag),
        Column::new("pin_days", ColumnKind::Integer),
        Column::new("password_characters", ColumnKind::Integer),
    ],
    usages: &[],
};
