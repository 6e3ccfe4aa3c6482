//! `tsunagu backup` and `tsunagu restore`: a data folder as one file, and that file as a new data folder.
//!
//! A backup is a tar archive of the manifest, the key, the database (unless it is on a PostgreSQL, which has pg_dump) and the
//! language packs. It appears under its name when it is whole, or
//! not at all, and never in place of something else; a restore likewise fills a folder or leaves it as it was.

mod archive;
pub mod arguments;
mod manifest;
mod staging;

use std::path::Path;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

use self::arguments::{BackupArguments, RestoreArguments};
use self::manifest::{DATABASE, KEY, Manifest, PACKS};
use self::staging::Staging;
use super::client::{CommandFault, Said};
use super::config::Config;
use super::data_lock::{DataLock, LOCK_FILE, LockError};
use super::output;
use super::phone_command::environment_language;
use crate::db;
use crate::directory::Sealer;
use crate::locale::{Locales, Words};
use crate::vocab::UnixMillis;

/// What may be in a folder that counts as empty.
const NOTHING: [&str; 2] = [LOCK_FILE, "lost+found"];

/// `tsunagu backup`
pub async fn back_up(arguments: BackupArguments) -> ExitCode {
    let config = match arguments.config.as_deref().map(Config::read).transpose() {
        Ok(config) => config.unwrap_or_default(),
        Err(error) => return output::fail(&error),
    };
    let database = arguments.database_url.clone().unwrap_or(config.database.url);
    conclude(async |words| {
        let manifest = save(&arguments, database.is_empty()).await?;
        let octets: u64 = manifest.files.iter().map(|file| file.octets).sum();
        let (file, octets, database) = (arguments.file.display().to_string(), octets.to_string(), database.shown());
        let given = [("file", file.as_str()), ("octets", &octets), ("database", &database)];
        let id = if manifest.has_database() { "backup-saved" } else { "backup-saved-without-database" };
        output::remark(&Said::new(id, &given).in_words(words));
        Ok(())
    })
    .await
}

/// `tsunagu restore`
pub async fn restore(arguments: RestoreArguments) -> ExitCode {
    conclude(async |words| {
        let manifest = put_back(&arguments).await?;
        let made = manifest.made_at.to_string();
        let folder = arguments.data_dir.display().to_string();
        let id = if manifest.has_database() { "backup-restored" } else { "backup-restored-without-database" };
        output::remark(&Said::new(id, &[("folder", &folder), ("made", &made)]).in_words(words));
        Ok(())
    })
    .await
}

/// Carries work out, in words of the environment's language; a signal to stop ends it where it is, and what it has made so
/// far goes away.
async fn conclude(work: impl AsyncFnOnce(&Words) -> Result<(), CommandFault>) -> ExitCode {
    let words = match Locales::embedded() {
        Ok(locales) => locales.words(&environment_language()),
        Err(error) => return output::fail(&error),
    };
    let (Ok(mut terminate), Ok(mut interrupt)) = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        return output::fail(&std::io::Error::other("signals can't be taken"));
    };
    let outcome = tokio::select! {
        outcome = work(&words) => outcome,
        _ = terminate.recv() => Err(failed("backup-interrupted", &[])),
        _ = interrupt.recv() => Err(failed("backup-interrupted", &[])),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => fault.tell(&words, false),
    }
}

async fn save(arguments: &BackupArguments, has_database: bool) -> Result<Manifest, CommandFault> {
    let (source, out) = (&arguments.data_dir, &arguments.file);
    if out.exists() {
        return Err(about("backup-exists", out));
    }
    for name in [DATABASE, KEY].into_iter().skip(usize::from(!has_database)) {
        let file = source.join(name);
        if !file.is_file() {
            return Err(about("backup-no-data", &file));
        }
    }
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let staging = Staging::make(folder).map_err(|error| file_fault(out, &error))?;
    let schema = if has_database { Some(save_database(source, out, &staging).await?) } else { None };
    let key = std::fs::read(source.join(KEY)).map_err(|error| file_fault(&source.join(KEY), &error))?;
    staging.write(KEY, &key).map_err(|error| file_fault(out, &error))?;
    let packs = staging.copy_folders(&source.join(PACKS), PACKS).map_err(|error| file_fault(source, &error))?;
    let place = staging.path().to_owned();
    let packed = tokio::task::spawn_blocking(move || {
        let manifest = Manifest::of(&place, packs, schema, UnixMillis::now())?;
        archive::pack(&place, &manifest)?;
        Ok::<_, std::io::Error>(manifest)
    });
    let manifest = packed.await.map_err(|error| file_fault(out, &error))?.map_err(|error| file_fault(out, &error))?;
    match staging.publish(archive::NAME, out) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(about("backup-exists", out)),
        Err(error) => Err(file_fault(out, &error)),
        Ok(()) => Ok(manifest),
    }
}

/// Copies the database, and gives the version of its schema.
async fn save_database(source: &Path, out: &Path, staging: &Staging) -> Result<i64, CommandFault> {
    let copied = staging.empty_file(DATABASE).map_err(|error| file_fault(out, &error))?;
    db::file::copy(&source.join(DATABASE), &copied).await.map_err(|error| file_fault(source, &error))?;
    let checked = db::file::check(&copied).await.map_err(|error| file_fault(&copied, &error))?;
    match checked.faults.first() {
        None => Ok(checked.schema),
        Some(fault) => {
            let file = source.join(DATABASE).display().to_string();
            Err(failed("backup-damaged", &[("file", &file), ("why", fault)]))
        }
    }
}

async fn put_back(arguments: &RestoreArguments) -> Result<Manifest, CommandFault> {
    let (file, folder) = (arguments.file.clone(), &arguments.data_dir);
    let is_new = !folder.exists();
    staging::make_folder(folder).map_err(|error| file_fault(folder, &error))?;
    let restored = fill(&file, folder).await;
    if restored.is_err() && is_new {
        // Only what this restore has made; a folder with anything else in it stays.
        let _ = std::fs::remove_file(folder.join(LOCK_FILE));
        let _ = std::fs::remove_dir(folder);
    }
    restored
}

async fn fill(file: &Path, folder: &Path) -> Result<Manifest, CommandFault> {
    let lock = DataLock::take(folder).map_err(|error| match error {
        LockError::Held => about("backup-in-use", folder),
        LockError::File(error) => file_fault(folder, &error),
    })?;
    let mut inside = std::fs::read_dir(folder).map_err(|error| file_fault(folder, &error))?;
    if inside.any(|entry| entry.is_ok_and(|entry| !NOTHING.iter().any(|name| entry.file_name() == *name))) {
        return Err(about("backup-not-empty", folder));
    }
    let staging = Staging::make(folder).map_err(|error| file_fault(folder, &error))?;
    let (archive, place) = (file.to_owned(), staging.path().to_owned());
    let unpacked = tokio::task::spawn_blocking(move || archive::unpack(&archive, &place));
    let manifest = unpacked.await.map_err(|error| file_fault(file, &error))?.map_err(|error| {
        failed("backup-unusable", &[("file", &file.display().to_string()), ("why", &error.to_string())])
    })?;
    let unusable = |why: &str| failed("backup-unusable", &[("file", &file.display().to_string()), ("why", why)]);
    if manifest.schema > db::file::newest_schema() {
        return Err(failed("backup-newer", &[("version", &manifest.version)]));
    }
    if manifest.has_database() {
        let database = staging.path().join(DATABASE);
        let checked = db::file::check(&database).await.map_err(|error| unusable(&error.to_string()))?;
        if let Some(fault) = checked.faults.first() {
            return Err(unusable(fault));
        }
        if checked.schema != manifest.schema {
            return Err(unusable("the database's schema is not the manifest's"));
        }
    }
    Sealer::from_file(&staging.path().join(KEY), [0; 32]).map_err(|error| unusable(&error.to_string()))?;
    staging.publish_folder(PACKS, &folder.join(PACKS)).map_err(|error| file_fault(folder, &error))?;
    // The database last: a folder with one is complete.
    for name in [KEY, DATABASE].into_iter().take(1 + usize::from(manifest.has_database())) {
        staging.publish(name, &folder.join(name)).map_err(|error| file_fault(folder, &error))?;
    }
    drop(lock);
    Ok(manifest)
}

fn failed(id: &'static str, arguments: &[(&'static str, &str)]) -> CommandFault {
    CommandFault::Failed(Said::new(id, arguments))
}

fn about(id: &'static str, file: &Path) -> CommandFault {
    failed(id, &[("file", &file.display().to_string())])
}

fn file_fault(file: &Path, error: &dyn std::error::Error) -> CommandFault {
    failed("command-file", &[("file", &file.display().to_string()), ("why", &error.to_string())])
}
