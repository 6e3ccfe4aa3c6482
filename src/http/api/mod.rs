//! The API under `/api/v1/`. Every path needs a token but those of its document.

mod auto_registration;
mod caller;
mod calls;
mod collection;
mod credential_policy;
mod directory;
mod document;
mod enrolments;
mod event_stream;
mod events;
mod exchange;
mod follow;
mod idempotency;
mod jobs;
mod languages;
mod line_password;
mod line_status;
mod lines;
mod listing;
mod lockouts;
mod parameters;
mod phones;
mod portal;
mod previews;
mod quick_add;
mod self_provisioning;
mod shut_outs;
mod sites;
mod time_zone;
mod tokens;
mod transfer;

use aide::axum::ApiRouter;
use axum::response::Html;
use axum::routing::get;
use axum::{Router, middleware};

pub use self::event_stream::Subscribers;

use self::caller::{Needs, authorize, require};
use self::collection::{collection, read_only};
use self::transfer::transfer;
use super::door::AdminDoor;
use super::problem::{self, Problem};
use crate::directory::{
    ApplicationUsers, Audit, DeviceTemplates, DirectoryNumbers, FeatureGroupTemplates, LineGroups, LineTemplates,
    NumberPools, PhoneReservations, PortalAccounts, RoutePoints, UserProfiles, Users,
};

/// Every path of the API.
pub fn router(door: AdminDoor) -> Router<AdminDoor> {
    let kept = ApiRouter::new()
        .merge(collection::<Users>())
        .merge(collection::<UserProfiles>())
        .merge(collection::<DeviceTemplates>())
        .merge(collection::<LineTemplates>())
        .merge(collection::<FeatureGroupTemplates>())
        .merge(collection::<DirectoryNumbers>())
        .merge(collection::<NumberPools>())
        .merge(collection::<LineGroups>())
        .merge(collection::<PortalAccounts>())
        .merge(collection::<PhoneReservations>())
        .merge(quick_add::router())
        .merge(previews::router())
        .merge(collection::<RoutePoints>())
        .merge(collection::<ApplicationUsers>())
        .merge(transfer::<Users>())
        .merge(transfer::<UserProfiles>())
        .merge(transfer::<DeviceTemplates>())
        .merge(transfer::<LineTemplates>())
        .merge(transfer::<FeatureGroupTemplates>())
        .merge(transfer::<DirectoryNumbers>())
        .merge(transfer::<NumberPools>())
        .merge(transfer::<RoutePoints>())
        .merge(jobs::router())
        .merge(read_only::<Audit>())
        .merge(tokens::router())
        .merge(self_provisioning::settings_router())
        .merge(auto_registration::router())
        .merge(languages::router())
        .merge(credential_policy::router())
        .merge(sites::settings_router())
        .merge(lines::router())
        .merge(line_status::router())
        .merge(line_password::router())
        .route_layer(middleware::from_fn_with_state(door.clone(), follow::afterwards))
        .route_layer(middleware::from_fn_with_state(Needs::Administer, require));
    let operated = ApiRouter::new()
        .merge(phones::router())
        .merge(sites::router())
        .merge(self_provisioning::control_router())
        .merge(enrolments::router())
        .merge(calls::router())
        .merge(lockouts::router())
        .merge(shut_outs::router())
        .merge(events::router())
        .route_layer(middleware::from_fn_with_state(Needs::Operate, require));
    let mut document = document::blank();
    let paths: Router<AdminDoor> = ApiRouter::new()
        .nest("/api/v1", kept.merge(operated).merge(portal::router()))
        .finish_api_with(&mut document, document::describe);
    let document = axum::body::Bytes::from(serde_json::to_vec(&document).unwrap_or_default());
    let page = axum::body::Bytes::from(document::page());
    let guarded = paths
        .fallback(async || Problem::not_found("path"))
        .method_not_allowed_fallback(async || Problem::method_not_allowed())
        .layer(middleware::from_fn_with_state(door.clone(), idempotency::once))
        .layer(middleware::from_fn_with_state(door.clone(), authorize));
    Router::new()
        .route("/api/v1/openapi.json", get(async move || ([("Content-Type", "application/json")], document)))
        .route("/api/v1/docs", get(async move || Html(page)))
        .merge(guarded)
        .layer(middleware::from_fn_with_state(door, problem::in_words))
}
