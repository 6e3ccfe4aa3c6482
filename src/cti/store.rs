//! The SQL of services: the code their callers may have to give, and which generation of them is the newest.

use crate::db::{Db, DbConnection};
use crate::directory::DirectoryError;

/// The hash of a service's authentication code.
pub(super) async fn code_hash(db: &Db, service: &str) -> Result<Option<String>, DirectoryError> {
    let hash = sqlx::query_scalar("SELECT code_hash FROM self_provisioning WHERE name = $1");
    Ok(hash.bind(service).fetch_one(db.reader()).await?)
}

/// The newest generation of a service and how running conversations were met; none if it was never restarted.
pub(super) async fn newest_run(db: &Db, service: &str) -> Result<Option<(u64, String)>, DirectoryError> {
    let run = sqlx::query_as("SELECT generation, mode FROM service_runs WHERE name = $1");
    let run: Option<(i64, String)> = run.bind(service).fetch_optional(db.reader()).await?;
    Ok(run.map(|(generation, mode)| (generation.unsigned_abs(), mode)))
}

/// A service is restarted: gives the number of the generation that takes the place of this one, on every node.
pub(super) async fn next_run(
    db: &mut DbConnection,
    service: &str,
    before: u64,
    mode: &str,
) -> Result<u64, DirectoryError> {
    let next: i64 = sqlx::query_scalar(
        "INSERT INTO service_runs (name, generation, mode) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET \
         generation = service_runs.generation + 1, mode = excluded.mode RETURNING generation",
    )
    .bind(service)
    .bind(i64::try_from(before).unwrap_or(i64::MAX).saturating_add(1))
    .bind(mode)
    .fetch_one(db)
    .await?;
    Ok(next.unsigned_abs())
}
