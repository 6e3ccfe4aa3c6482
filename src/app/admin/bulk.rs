//! `import`, `export`, and whatever is done as a job: followed until it has ended.

use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use serde_json::Value;

use super::arguments::ImportArguments;
use super::catalogue::{Catalogue, Collection};
use super::{Desk, given, impossible, table};
use crate::app::client::Members;
use crate::app::client::{Answer, CommandFault, Method, Request, Said, path};
use crate::app::output;

/// The largest file that is imported, in octets.
const LARGEST: u64 = 256 * 1024 * 1024;
/// Between two looks at a job.
const LOOK: Duration = Duration::from_millis(300);
/// What a job is while it has not ended.
const UNDER_WAY: [&str; 5] = ["waiting", "checking", "writing", "running", "cancelling"];
/// What a job is when it has ended well.
const WELL: &str = "done";

/// `import`
pub fn import(
    desk: &Desk,
    catalogue: &Catalogue,
    collection: &Collection,
    arguments: &ImportArguments,
) -> Result<ExitCode, CommandFault> {
    let operation = collection.operation(Method::Post, false, Some("import"));
    let operation = operation.ok_or_else(|| impossible(collection, "import"))?;
    let mut items = arguments.items.clone();
    items.extend(arguments.mode.iter().map(|mode| format!("mode=={mode}")));
    if arguments.dry_run {
        items.push("dry_run==true".to_owned());
    }
    let given = given::read(catalogue, collection, operation, &items)?;
    let mut body = Vec::new();
    let read = match arguments.file.to_str() {
        Some("-") => std::io::stdin().lock().take(LARGEST).read_to_end(&mut body),
        _ => std::fs::File::open(&arguments.file).and_then(|file| file.take(LARGEST).read_to_end(&mut body)),
    };
    read.map_err(|error| unusable(&arguments.file, &error))?;
    let is_json = operation.takes.iter().all(|kind| kind == "application/json") && !operation.takes.is_empty();
    let kind = if is_json { "application/json" } else { "text/csv" };
    let mut request = Request::new(Method::Post, path([collection.name.as_str(), "import"])).with_query(given.query);
    request.body = Some((kind, body));
    finish(desk, desk.client.ask(&request)?)
}

/// `export`
pub fn export(
    desk: &Desk,
    collection: &Collection,
    file: Option<&Path>,
    filters: &[String],
) -> Result<(), CommandFault> {
    let operation = collection.operation(Method::Get, false, Some("export"));
    let operation = operation.ok_or_else(|| impossible(collection, "export"))?;
    let query = given::filters(operation, filters)?;
    let request = Request::new(Method::Get, path([collection.name.as_str(), "export"])).with_query(query);
    let answer = desk.client.ask(&request)?;
    match file {
        None => std::io::stdout().lock().write_all(&answer.body).map_err(|error| unusable(Path::new("-"), &error)),
        Some(file) => {
            // People's names and numbers: for whoever asked, and over nothing that is there.
            let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(file);
            made.and_then(|mut made| made.write_all(&answer.body)).map_err(|error| unusable(file, &error))
        }
    }
}

/// Shows what came of something; what goes on as a job is followed to its end.
pub fn finish(desk: &Desk, answer: Answer) -> Result<ExitCode, CommandFault> {
    let Some(job) = job(&answer) else {
        if answer.body.is_empty() {
            desk.remark("command-done", &[]);
        }
        desk.show(&answer);
        return Ok(ExitCode::SUCCESS);
    };
    let mut told = None;
    loop {
        let answer = desk.client.ask(&Request::new(Method::Get, job.as_str()))?;
        let state = answer.json().unwrap_or_default();
        let name = state.at("state").as_str().unwrap_or_default().to_owned();
        let progress = (state.at("done").clone(), state.at("total").clone());
        if told.as_ref() != Some(&progress) {
            let (done, total) = (progress.0.to_string(), progress.1.to_string());
            desk.remark("command-progress", &[("done", &done), ("total", &total)]);
            told = Some(progress);
        }
        if UNDER_WAY.contains(&name.as_str()) {
            std::thread::sleep(LOOK);
            continue;
        }
        desk.show(&answer);
        return match name == WELL && is_clean(&state) {
            true => Ok(ExitCode::SUCCESS),
            false => Err(CommandFault::Failed(Said::new("command-job-failed", &[("state", &name)]))),
        };
    }
}

/// Where to look what comes of it, if it goes on as a job: where the answer says, or the job of its identifier.
fn job(answer: &Answer) -> Option<String> {
    let told = answer.json().unwrap_or_default();
    match (&answer.location, told.at("id").as_str(), told.at("state").as_str()) {
        _ if answer.status != 202 => None,
        (Some(place), _, _) if place.starts_with('/') => Some(place.clone()),
        (_, Some(id), Some(_)) => Some(path(["jobs", id])),
        _ => None,
    }
}

/// True if a job that has ended names no row that could not be taken.
fn is_clean(job: &Value) -> bool {
    job.at("errors").as_array().is_none_or(Vec::is_empty)
}

fn unusable(file: &Path, error: &std::io::Error) -> CommandFault {
    CommandFault::usage("command-file", &[("file", &file.display().to_string()), ("why", &error.to_string())])
}

/// Rows of text as a table, for what is described rather than answered.
pub fn print_rows(columns: &[&str], rows: &[Vec<String>]) {
    if let Some(table) = table::rows(columns, rows) {
        output::line(&table);
    }
}
