//! The machine: its clock, the data folder's disk and database. Asks the system, not the server.

use std::path::Path;

use tokio::process::Command;

use super::finding::Report;
use crate::db::{self, DatabaseUrl};

/// Octets that should be free where the database is.
const FREE: u64 = 1024 * 1024 * 1024;
const MIB: u64 = 1024 * 1024;

/// Whether the clock is kept right, as far as the system says.
pub async fn clock(report: &mut Report) {
    let asked = Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output().await;
    let said = asked.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    match said.as_str() {
        "yes" => report.well("doctor-clock", &[]),
        "no" => report.mend("doctor-clock-not-kept", &[]),
        _ => report.skip("doctor-clock-unknown", &[]),
    }
}

/// A database on a server.
pub async fn server(report: &mut Report, url: &DatabaseUrl) {
    let database = url.shown();
    match db::server::check(url).await {
        Ok(found) if found.schema != found.newest => {
            let (schema, newest) = (found.schema.to_string(), found.newest.to_string());
            let given = [("database", database.as_str()), ("schema", &schema), ("newest", &newest)];
            report.mend("doctor-postgres-schema", &given);
        }
        Ok(found) => report.well("doctor-postgres", &[("database", &database), ("version", &found.version)]),
        Err(error) => report.mend("doctor-postgres-away", &[("database", &database), ("why", &error.to_string())]),
    }
}

/// The database in the data folder.
pub async fn file(report: &mut Report, folder: &Path) {
    let file = folder.join("tsunagu.db");
    let shown = file.display().to_string();
    match db::file::check(&file).await {
        Ok(checked) if !checked.faults.is_empty() => {
            report.mend("doctor-database-damaged", &[("file", &shown), ("why", &checked.faults.join("; "))]);
        }
        Ok(_) => report.well("doctor-database", &[("file", &shown)]),
        Err(error) => report.mend("doctor-database-unreadable", &[("file", &shown), ("why", &error.to_string())]),
    }
}

/// The disk of the data folder.
pub fn disk(report: &mut Report, folder: &Path) {
    let shown = folder.display().to_string();
    match rustix::fs::statvfs(folder) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize);
            let said = (free / MIB).to_string();
            let id = if free < FREE { "doctor-disk-full" } else { "doctor-disk" };
            if free < FREE { report.mend(id, &[("free", &said)]) } else { report.well(id, &[("free", &said)]) }
        }
        Err(error) => report.mend("doctor-database-unreadable", &[("file", &shown), ("why", &error.to_string())]),
    }
}
