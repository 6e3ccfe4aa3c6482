//! PINs and passwords that are still sealed: usable at once, and hashed one after the other.

use serde_json::Value;
use sqlx::Row;

use super::records::Record;
use super::{CredentialHash, Directory, DirectoryError, Sealer};
use crate::vocab::{Secret, UnixMillis};

/// The users' columns that hold a sealed secret, and those of the hashes that take their place.
const COLUMNS: [(&str, &str); 2] = [("sealed_pin", "pin_hash"), ("sealed_password", "password_hash")];

/// A PIN, password or code as it is kept.
#[derive(Clone, Debug)]
pub enum Credential {
    /// As a hash.
    Hashed(CredentialHash),
    /// As itself, until it is hashed.
    Sealed(Secret),
}

impl Credential {
    /// True if `secret` is what is kept. The work is that of a hash, whichever way it is kept.
    pub fn matches(&self, secret: &Secret) -> bool {
        match self {
            Self::Hashed(hash) => hash.matches(secret),
            Self::Sealed(kept) => {
                CredentialHash::waste_as_much(secret);
                kept.matches(secret)
            }
        }
    }

    /// What a user's two columns hold.
    pub(super) fn of(
        hash: Option<String>,
        sealed: Option<String>,
        sealer: &Sealer,
    ) -> Result<Option<Self>, DirectoryError> {
        match (sealed, hash) {
            (Some(sealed), _) => Ok(Some(Self::Sealed(sealer.open(&sealed)?))),
            (None, hash) => Ok(hash.map(|hash| Self::Hashed(CredentialHash::from_stored(hash)))),
        }
    }
}

impl Directory {
    /// The same directory as imports see it: it judges all of their rows by the policy there is now, and seals users' PINs
    /// and passwords where it would have hashed them.
    pub(super) async fn importing(&self) -> Result<Self, DirectoryError> {
        let mut directory = self.clone();
        directory.importing = Some(self.credential_policy().await?);
        Ok(directory)
    }

    /// Puts a user's `pin` or `password` into their record.
    pub(super) async fn keep(
        &self,
        record: &mut Record,
        what: &str,
        secret: Secret,
        now: UnixMillis,
    ) -> Result<(), DirectoryError> {
        let (sealed, hash) = match self.importing {
            Some(_) => (self.sealer().seal(&secret, rand::random())?.into(), Value::Null),
            None => (Value::Null, self.hash(secret).await?.as_stored().into()),
        };
        record.insert(format!("sealed_{what}"), sealed);
        record.insert(format!("{what}_hash"), hash);
        record.insert(format!("{what}_set_at"), now.get().into());
        Ok(())
    }

    /// Hashes at most `most` of the secrets that are sealed, one after the other; how many it hashed.
    pub async fn hash_sealed(&self, most: u32) -> Result<usize, DirectoryError> {
        let mut done = 0;
        for (sealed_column, hash_column) in COLUMNS {
            let statement =
                format!("SELECT id, {sealed_column} AS sealed FROM users WHERE {sealed_column} IS NOT NULL LIMIT $1");
            let rows =
                sqlx::query(sqlx::AssertSqlSafe(statement)).bind(i64::from(most)).fetch_all(self.db().reader()).await?;
            let mut hashed = Vec::with_capacity(rows.len());
            for row in rows {
                let (id, sealed): (String, String) = (row.try_get("id")?, row.try_get("sealed")?);
                let hash = self.hash(self.sealer().open(&sealed)?).await?;
                hashed.push((id, sealed, hash));
            }
            if hashed.is_empty() {
                continue;
            }
            done += hashed.len();
            let mut transaction = self.db().write().await?;
            for (id, sealed, hash) in hashed {
                // Unless another was set meanwhile.
                let statement = format!(
                    "UPDATE users SET {hash_column} = $3, {sealed_column} = NULL WHERE id = $1 AND {sealed_column} = $2"
                );
                let statement = sqlx::query(sqlx::AssertSqlSafe(statement)).bind(id).bind(sealed);
                statement.bind(hash.as_stored()).execute(&mut *transaction).await?;
            }
            transaction.commit().await?;
        }
        Ok(done)
    }

    /// How many PINs and passwords are still to be hashed.
    pub async fn sealed(&self) -> Result<u64, DirectoryError> {
        let count: i64 = sqlx::query_scalar(
            "SELECT (SELECT count(*) FROM users WHERE sealed_pin IS NOT NULL) \
                  + (SELECT count(*) FROM users WHERE sealed_password IS NOT NULL)",
        )
        .fetch_one(self.db().reader())
        .await?;
        Ok(count.unsigned_abs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sealed_pin_is_as_good_as_a_hashed_one_and_goes_before_it() {
        let sealer = Sealer::new([1; 32]);
        let secret = |text: &str| Secret::from(text.to_owned());
        let hash = CredentialHash::of(&secret("4711"), &[7; 16]).unwrap().as_stored().to_owned();
        let sealed = sealer.seal(&secret("284613"), [3; 12]).unwrap();
        let kept = |hash: Option<&String>, sealed: Option<&String>| {
            Credential::of(hash.cloned(), sealed.cloned(), &sealer).unwrap()
        };
        assert!(kept(Some(&hash), None).unwrap().matches(&secret("4711")));
        let both = kept(Some(&hash), Some(&sealed)).unwrap();
        assert!(both.matches(&secret("284613")) && !both.matches(&secret("4711")));
        assert!(kept(None, None).is_none());
        assert!(Credential::of(None, Some(sealed), &Sealer::new([2; 32])).is_err());
    }
}
