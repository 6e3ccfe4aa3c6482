//! Where the database is: a file of the data folder, or a PostgreSQL server that several nodes share.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A setting that can't be taken.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error(
    "database.url begins neither with postgres:// nor with postgresql://; write such an address, or leave it empty"
)]
pub struct UrlFault;

/// The address of a PostgreSQL database, or none. It may hold a password: it is not printable.
#[derive(Clone, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// The database of a node: on the server if there is one, else a file.
    pub fn or_file(&self, file: &Path) -> Place {
        match self.0.as_str() {
            "" => Place::File(file.to_owned()),
            _ => Place::Server(self.clone()),
        }
    }

    /// True if there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// For people: without user and password, and what follows the name of the database.
    pub fn shown(&self) -> String {
        let (scheme, rest) = self.0.split_once("://").unwrap_or_default();
        let rest = rest.split('?').next().unwrap_or_default();
        let host = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
        format!("{scheme}://{host}")
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for DatabaseUrl {
    type Error = UrlFault;

    fn try_from(url: String) -> Result<Self, UrlFault> {
        let is_one = ["postgres://", "postgresql://"].iter().any(|scheme| url.starts_with(scheme));
        if url.is_empty() || is_one { Ok(Self(url)) } else { Err(UrlFault) }
    }
}

impl std::str::FromStr for DatabaseUrl {
    type Err = UrlFault;

    fn from_str(url: &str) -> Result<Self, UrlFault> {
        url.to_owned().try_into()
    }
}

impl From<DatabaseUrl> for String {
    fn from(url: DatabaseUrl) -> Self {
        url.0
    }
}

impl std::fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown())
    }
}

/// Where the database is.
#[derive(Clone, Debug)]
pub enum Place {
    /// SQLite, this node's alone.
    File(PathBuf),
    /// PostgreSQL.
    Server(DatabaseUrl),
}

impl Place {
    /// For people.
    pub fn shown(&self) -> String {
        match self {
            Self::File(file) => file.display().to_string(),
            Self::Server(url) => url.shown(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_secrets() {
        let url: DatabaseUrl = "postgres://tsunagu:p@ss@db.example:5433/house?sslmode=require".parse().unwrap();
        assert_eq!(url.shown(), "postgres://db.example:5433/house");
        assert_eq!(format!("{url:?}"), "postgres://db.example:5433/house");
        assert_eq!("mysql://db".parse::<DatabaseUrl>(), Err(UrlFault));
        assert!(matches!(DatabaseUrl::default().or_file(Path::new("a.db")), Place::File(_)));
    }
}
