//! Where bindings are kept: in this process's own file, or in the table that several nodes and the rest of the stack share.

use std::sync::Arc;
use std::time::Instant;

use sqlx::postgres::PgPool;

use super::binding::Binding;
use super::journal::Batch;
use super::{RegistrarError, bindings, usrloc};
use crate::db::Db;
use crate::vocab::PhoneId;

/// What keeps bindings.
#[derive(Clone, Debug)]
pub(super) enum Keeper {
    /// SQLite's file, which nobody else writes.
    Own(Db),
    /// A table others read and write too.
    Shared(PgPool),
}

/// A binding as it was found.
#[derive(Debug)]
pub(super) struct Found {
    pub aor: String,
    pub binding: Binding,
}

/// Says whose a binding of an address-of-record is, given the phone it was kept with, if that is known; nobody's if it may
/// not be there.
pub(super) type Whose = dyn Fn(Option<PhoneId>, &str) -> Option<PhoneId> + Send + Sync;

impl Keeper {
    /// That of a database.
    ///
    /// # Errors
    /// If a shared table has another form than the one that is understood.
    pub(super) async fn of(db: &Db) -> Result<Self, RegistrarError> {
        match db.shared() {
            Some(pool) => {
                usrloc::check(pool).await?;
                Ok(Self::Shared(pool.clone()))
            }
            None => Ok(Self::Own(db.clone())),
        }
    }

    /// Puts every binding that has not lapsed and is somebody's into what is made for about so many.
    pub(super) async fn read_all<T: Send + 'static>(
        &self,
        whose: &Arc<Whose>,
        now: Instant,
        all: fn(usize) -> T,
        put: fn(&mut T, Found),
    ) -> Result<T, RegistrarError> {
        match self {
            Self::Own(db) => bindings::read(db, whose, now, all, put).await,
            Self::Shared(pool) => usrloc::read(pool, whose, now, all, put).await,
        }
    }

    /// The same as a list; where others write too, those of some addresses-of-record only, if these are named.
    pub(super) async fn read(
        &self,
        aors: Option<&[String]>,
        whose: &Arc<Whose>,
        now: Instant,
    ) -> Result<Vec<Found>, RegistrarError> {
        match (self, aors) {
            (Self::Shared(pool), Some(aors)) => usrloc::read_some(pool, aors, &**whose, now).await,
            _ => self.read_all(whose, now, Vec::with_capacity, Vec::push).await,
        }
    }

    /// Writes a batch: all of it, or nothing.
    pub(super) async fn write(&self, batch: &Batch) -> Result<(), RegistrarError> {
        match self {
            Self::Own(db) => bindings::write(db, batch).await,
            Self::Shared(pool) => usrloc::write(pool, batch).await,
        }
    }

    /// True if others write here too.
    pub(super) fn is_shared(&self) -> bool {
        matches!(self, Self::Shared(_))
    }

    /// Forgets what lapsed a while ago; in one's own file that is done as it lapses.
    pub(super) async fn forget_lapsed(&self) -> Result<(), RegistrarError> {
        match self {
            Self::Own(_) => Ok(()),
            Self::Shared(pool) => usrloc::forget_lapsed(pool).await,
        }
    }
}
