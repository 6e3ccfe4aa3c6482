//! An import: the rows of a file become records, all of them or those that are right.
//!
//! Rows go in batches, so that whoever else writes gets a turn between two. An import of all or nothing looks at
//! every row first, each batch in a transaction that is taken back, and writes in one transaction only when none is wrong.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::Value;
use sqlx::Connection;

use super::columns::Columns;
use super::fault::{Fault, RowFault};
use super::preparation::{Preparation, Prepared, refuse};
use super::record::{ImportMode, ImportOptions, JobState, Tally};
use super::spreadsheet::{MOST_ROWS, Row, Spreadsheet};
use super::store;
use crate::db::DbConnection;
use crate::directory::kind::{Kind, Written};
use crate::directory::{Actor, Directory, DirectoryError, audit, bulk};
use crate::vocab::{RecordId, UnixMillis};

/// Rows of a batch.
const BATCH: usize = 500;

/// An import on its way.
#[derive(Debug)]
pub(super) struct Import<'a, K: Kind> {
    pub id: RecordId,
    pub directory: &'a Directory,
    pub options: ImportOptions,
    pub actor: &'a Actor,
    pub check: fn(&K::Draft) -> Result<(), DirectoryError>,
    pub is_cancelled: &'a AtomicBool,
}

/// The rows of a batch, ready, and what is known of them.
struct Batch {
    ready: Vec<Prepared>,
    faults: Vec<RowFault>,
}

impl<K: Kind> Import<'_, K> {
    /// Carries the import out and says how it ended. The end is kept in the transaction of the last rows written.
    pub async fn run(&self, octets: Vec<u8>, charset: Option<String>) -> Result<JobState, DirectoryError> {
        let read = tokio::task::spawn_blocking(move || {
            let sheet = Spreadsheet::decode(octets, charset.as_deref())?;
            let total = u64::try_from(sheet.rows().count()).unwrap_or(u64::MAX).saturating_sub(1);
            Ok((sheet, total))
        });
        let read = read.await.map_err(|_| DirectoryError::from(sqlx::Error::WorkerCrashed))?;
        let (sheet, total) = match read {
            Ok(read) => read,
            Err(fault) => return self.refused(vec![fault]).await,
        };
        if total > MOST_ROWS {
            let detail = format!("the file has {total} rows, more than {MOST_ROWS}; send it in parts");
            let fault = Fault::new("file-rows", None, detail).with("most", MOST_ROWS.to_string());
            return self.refused(vec![RowFault { line: 1, column: None, fault }]).await;
        }
        let columns = match sheet.rows().next().transpose() {
            Err(fault) => Err(vec![fault]),
            Ok(header) => {
                let header = header.unwrap_or(Row { line: 1, cells: Vec::new() });
                Columns::read(K::TABLE, &fields::<K>(), &header)
            }
        };
        let columns = match columns {
            Ok(columns) => columns,
            Err(faults) => return self.refused(faults).await,
        };
        self.enter(JobState::Checking, Some(total)).await?;
        if self.options.mode == ImportMode::BestEffort && !self.options.dry_run {
            return self.write_what_is_right(&sheet, &columns).await;
        }
        let tally = match self.look(&sheet, &columns).await? {
            Some(tally) => tally,
            None => return self.ended(JobState::Cancelled).await,
        };
        match (self.options, tally.refused) {
            (ImportOptions { mode: ImportMode::AllOrNothing, .. }, 1..) => self.ended(JobState::Refused).await,
            (ImportOptions { dry_run: true, .. }, _) => self.ended(JobState::Done).await,
            _ => self.write_all(&sheet, &columns).await,
        }
    }

    /// Looks at every row and writes nothing but how far it is; nothing is returned if somebody stopped it.
    async fn look(&self, sheet: &Spreadsheet, columns: &Columns) -> Result<Option<Tally>, DirectoryError> {
        let (mut tally, mut preparation) = (Tally::default(), self.preparation(columns));
        let mut rows = sheet.rows().skip(1);
        while let Some(batch) = self.next_batch(&mut rows, &mut preparation, &mut tally).await? {
            let mut faults = batch.faults;
            let mut transaction = self.directory.db().write().await?;
            self.write_right(&mut transaction, &preparation, batch.ready, &mut tally, &mut faults).await?;
            transaction.rollback().await?;
            self.progress(&tally, &faults).await?;
            if self.is_cancelled() {
                return Ok(None);
            }
        }
        Ok(Some(tally))
    }

    /// Writes the rows that are right, batch by batch.
    async fn write_what_is_right(&self, sheet: &Spreadsheet, columns: &Columns) -> Result<JobState, DirectoryError> {
        self.enter(JobState::Writing, None).await?;
        let (mut tally, mut preparation) = (Tally::default(), self.preparation(columns));
        let mut rows = sheet.rows().skip(1);
        while let Some(batch) = self.next_batch(&mut rows, &mut preparation, &mut tally).await? {
            let mut faults = batch.faults;
            let mut transaction = self.directory.db().write().await?;
            self.write_right(&mut transaction, &preparation, batch.ready, &mut tally, &mut faults).await?;
            store::progress(&mut transaction, self.id, &tally, &faults, UnixMillis::now()).await?;
            transaction.commit().await?;
            if self.is_cancelled() {
                return self.ended(JobState::Cancelled).await;
            }
        }
        self.ended(JobState::Done).await
    }

    /// Writes every row or none. They were looked at before; somebody may have changed something since.
    async fn write_all(&self, sheet: &Spreadsheet, columns: &Columns) -> Result<JobState, DirectoryError> {
        self.enter(JobState::Writing, None).await?;
        let (mut tally, mut preparation) = (Tally::default(), self.preparation(columns));
        let mut rows = sheet.rows().skip(1);
        let mut transaction = self.directory.db().write().await?;
        let began = Instant::now();
        while let Some(batch) = self.next_batch(&mut rows, &mut preparation, &mut tally).await? {
            if self.is_cancelled() {
                transaction.rollback().await?;
                return self.ended(JobState::Cancelled).await;
            }
            let mut faults = batch.faults;
            if faults.is_empty() {
                self.write_right(&mut transaction, &preparation, batch.ready, &mut tally, &mut faults).await?;
            }
            if !faults.is_empty() {
                transaction.rollback().await?;
                self.progress(&tally, &faults).await?;
                return self.ended(JobState::Refused).await;
            }
        }
        let now = UnixMillis::now();
        store::progress(&mut transaction, self.id, &tally, &[], now).await?;
        store::end(&mut transaction, self.id, JobState::Done, now).await?;
        transaction.commit().await?;
        let seconds = began.elapsed().as_secs_f32();
        tracing::info!(job = %self.id, rows = tally.done, seconds, "an import was written in one transaction");
        Ok(JobState::Done)
    }

    fn preparation<'a>(&'a self, columns: &'a Columns) -> Preparation<'a, K> {
        let (directory, on_existing, check) = (self.directory, self.options.on_existing, self.check);
        Preparation { directory, columns, on_existing, check, seen: HashMap::new() }
    }

    async fn next_batch(
        &self,
        rows: &mut (impl Iterator<Item = Result<Row, RowFault>> + Send),
        preparation: &mut Preparation<'_, K>,
        tally: &mut Tally,
    ) -> Result<Option<Batch>, DirectoryError> {
        let batch: Vec<_> = rows.by_ref().take(BATCH).collect();
        if batch.is_empty() {
            return Ok(None);
        }
        let mut faults = Vec::new();
        let ready = preparation.prepare(batch, tally, &mut faults, UnixMillis::now()).await?;
        faults.sort_by_key(|fault| fault.line);
        Ok(Some(Batch { ready, faults }))
    }

    /// Writes rows at one go; if that fails, those that are right, one by one.
    async fn write_right(
        &self,
        db: &mut DbConnection,
        preparation: &Preparation<'_, K>,
        ready: Vec<Prepared>,
        tally: &mut Tally,
        faults: &mut Vec<RowFault>,
    ) -> Result<(), DirectoryError> {
        let mut whole = db.begin().await?;
        if self.write(&mut whole, &ready).await.is_ok() {
            whole.commit().await?;
            ready.iter().for_each(|row| count(tally, row));
            return Ok(());
        }
        whole.rollback().await?;
        let before = faults.len();
        for row in &ready {
            let mut one = db.begin().await?;
            match self.write(&mut one, std::slice::from_ref(row)).await {
                Ok(()) => {
                    one.commit().await?;
                    count(tally, row);
                }
                Err(error) => {
                    one.rollback().await?;
                    refuse(tally, faults, preparation.fault(row.line, error)?);
                }
            }
        }
        // Faults found while reading the rows come between these.
        if before > 0 {
            faults.sort_by_key(|fault| fault.line);
        }
        Ok(())
    }

    async fn write(&self, db: &mut DbConnection, rows: &[Prepared]) -> Result<(), DirectoryError> {
        let now = UnixMillis::now();
        let written: Vec<Written> = rows.iter().map(|row| row.written.clone()).collect();
        K::writing_all(db, &written, now).await?;
        let new: Vec<&Written> = rows.iter().filter(|row| row.before.is_none()).map(|row| &row.written).collect();
        bulk::insert(db, K::TABLE, &new, now).await?;
        let changed: Vec<_> = rows.iter().filter_map(|row| Some((row.before.as_ref()?, &row.written))).collect();
        if !bulk::update(db, K::TABLE, &changed, now).await? {
            return Err(DirectoryError::Outdated { what: K::TABLE.what });
        }
        let ids: Vec<String> = rows.iter().map(|row| row.written.id.to_string()).collect();
        let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
        let after = bulk::find(db, K::TABLE, "id", &ids).await?;
        let changes: Vec<_> =
            rows.iter().zip(&ids).filter_map(|(row, id)| Some((row.before.as_ref(), after.get(*id)?))).collect();
        audit::note_all(db, K::TABLE, self.actor, &changes, now).await
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }

    async fn refused(&self, faults: Vec<RowFault>) -> Result<JobState, DirectoryError> {
        self.progress(&Tally::default(), &faults).await?;
        self.ended(JobState::Refused).await
    }

    async fn progress(&self, tally: &Tally, faults: &[RowFault]) -> Result<(), DirectoryError> {
        let mut transaction = self.directory.db().write().await?;
        store::progress(&mut transaction, self.id, tally, faults, UnixMillis::now()).await?;
        Ok(transaction.commit().await?)
    }

    async fn enter(&self, state: JobState, total: Option<u64>) -> Result<(), DirectoryError> {
        let mut transaction = self.directory.db().write().await?;
        store::enter(&mut transaction, self.id, state, total, UnixMillis::now()).await?;
        Ok(transaction.commit().await?)
    }

    async fn ended(&self, state: JobState) -> Result<JobState, DirectoryError> {
        let mut transaction = self.directory.db().write().await?;
        store::end(&mut transaction, self.id, state, UnixMillis::now()).await?;
        transaction.commit().await?;
        Ok(state)
    }
}

fn count(tally: &mut Tally, row: &Prepared) {
    match row.before {
        Some(_) => tally.changed += 1,
        None => tally.added += 1,
    }
}

/// The fields of a kind's draft.
pub(super) fn fields<K: Kind>() -> Vec<String> {
    let schema = schemars::schema_for!(K::Draft);
    let fields = schema.get("properties").and_then(Value::as_object);
    fields.map(|fields| fields.keys().cloned().collect()).unwrap_or_default()
}
