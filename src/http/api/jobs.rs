//! `/jobs`

use aide::axum::ApiRouter;
use aide::axum::routing::{get_with, post_with};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use schemars::JsonSchema;
use serde::Serialize;

use super::caller::Caller;
use super::document::{Named, documented};
use super::listing::Asked;
use crate::directory::{Job, JobRecords, JobState, MOST_FAULTS, Page, RowFault};
use crate::http::door::AdminDoor;
use crate::http::language::Reader;
use crate::http::problem::{Problem, in_words_of};
use crate::locale::Words;
use crate::vocab::{RecordId, UnixMillis};

/// A job with what was wrong, in the reader's language.
#[derive(Serialize, JsonSchema)]
pub struct JobView {
    #[serde(flatten)]
    job: Job,
    /// Where it stands, in words.
    state_text: String,
    /// What is wrong with the file, row by row; at most 1000.
    errors: Vec<RowError>,
    /// Faults found that are not among them.
    errors_left_out: u64,
    /// PINs and passwords of this and other imports that are sealed and still to be hashed. They are in force already.
    to_hash: u64,
}

/// What is wrong with a row.
#[derive(Serialize, JsonSchema)]
struct RowError {
    /// The line of the file the row begins on, from 1.
    line: u64,
    /// The column, from 1.
    column: Option<u64>,
    /// The field, as the API names it.
    field: Option<String>,
    /// Names the fault.
    code: String,
    /// What is wrong, and what to do.
    detail: String,
}

impl JobView {
    /// One job.
    pub async fn get(door: &AdminDoor, id: RecordId, words: &Words) -> Result<Self, Problem> {
        let (job, faults) = door.jobs.get(id).await?.ok_or_else(|| Problem::not_found("job"))?;
        Ok(Self {
            state_text: state_text(&job, words),
            errors_left_out: job.fields.faults.saturating_sub(MOST_FAULTS),
            errors: faults.into_iter().map(|fault| RowError::of(fault, words)).collect(),
            to_hash: door.directory.sealed().await?,
            job,
        })
    }
}

impl RowError {
    fn of(RowFault { line, column, fault }: RowFault, words: &Words) -> Self {
        let detail = in_words_of(words, &fault);
        Self { line, column, field: fault.field, code: fault.code.into_owned(), detail }
    }
}

fn state_text(job: &Job, words: &Words) -> String {
    let state = match job.fields.state {
        JobState::Waiting => "waiting",
        JobState::Checking => "checking",
        JobState::Writing => "writing",
        JobState::Done if job.fields.dry_run => "looked",
        JobState::Done => "done",
        JobState::Refused => "refused",
        JobState::Cancelled => "cancelled",
        JobState::Interrupted => "interrupted",
        JobState::Failed => "failed",
    };
    words.say(&format!("job-{state}"), &[])
}

/// The paths of jobs.
pub fn router() -> ApiRouter<AdminDoor> {
    ApiRouter::new()
        .api_route("/jobs", get_with(list, |op| documented(op, "jobs", "List jobs", &[400])))
        .api_route("/jobs/{name}", get_with(show, |op| documented(op, "jobs", "Show a job", &[400, 404])))
        .api_route(
            "/jobs/{name}/cancel",
            post_with(cancel, |op| {
                documented(op, "jobs", "Cancel a job", &[400, 404, 409]).response::<202, Json<JobView>>()
            }),
        )
}

/// Jobs.
async fn list(State(door): State<AdminDoor>, asked: Asked<JobRecords>) -> Result<Json<Page<Job>>, Problem> {
    Ok(Json(door.directory.list::<JobRecords>(&asked.0).await?))
}

/// One job.
async fn show(
    State(door): State<AdminDoor>,
    Reader(words): Reader,
    Named(id): Named,
) -> Result<Json<JobView>, Problem> {
    let id = id.parse().map_err(|_| Problem::not_found("job"))?;
    JobView::get(&door, id, &words).await.map(Json)
}

/// Stops a job before its next rows. What all-or-nothing wrote is taken back; what best-effort wrote stays.
async fn cancel(
    State(door): State<AdminDoor>,
    caller: Caller,
    Reader(words): Reader,
    Named(id): Named,
) -> Result<(StatusCode, Json<JobView>), Problem> {
    let id = id.parse().map_err(|_| Problem::not_found("job"))?;
    let view = JobView::get(&door, id, &words).await?;
    if !door.jobs.cancel(id, &caller.actor(), UnixMillis::now()).await? {
        return Err(Problem::job_ended());
    }
    Ok((StatusCode::ACCEPTED, Json(view)))
}
