//! The parameters every list takes.

use std::marker::PhantomData;

use aide::OperationInput;
use aide::generate::GenContext;
use aide::openapi::{Operation, Parameter, QueryStyle};
use aide::operation::add_parameters;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use schemars::json_schema;

use super::exchange::parameter;
use super::parameters::Parameters;
use crate::directory::{DirectoryError, LARGEST_PAGE, Listed, Listing, USUAL_PAGE, filterable};
use crate::http::problem::Problem;

/// What is asked of a list of records of a kind.
#[derive(Debug)]
pub struct Asked<K>(pub Listing, pub PhantomData<K>);

impl<K: Listed, S: Send + Sync> FromRequestParts<S> for Asked<K> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Parameters(parameters) = Parameters::<Vec<(String, String)>>::from_request_parts(parts, state).await?;
        let listing = Listing::parse(K::TABLE, &parameters).map_err(DirectoryError::from)?;
        Ok(Self(listing, PhantomData))
    }
}

impl<K: Listed> OperationInput for Asked<K> {
    fn operation_input(ctx: &mut GenContext, operation: &mut Operation) {
        let columns: Vec<&str> = filterable(K::TABLE).map(|column| column.name).collect();
        let sorts: Vec<String> = columns
            .iter()
            .chain(&["created_at", "updated_at"])
            .flat_map(|name| [(*name).to_owned(), format!("-{name}")])
            .collect();
        let text = || json_schema!({ "type": "string" });
        let own = [
            parameter(
                "limit",
                "Records on a page.",
                json_schema!({ "type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": USUAL_PAGE }),
            ),
            parameter(
                "sort",
                "The field to sort by; with - before it, the largest first.",
                json_schema!({ "type": "string", "enum": sorts }),
            ),
            parameter("cursor", "The `next` of the page before.", text()),
            parameter("q", "Text that some field contains.", text()),
        ];
        let filters = columns.into_iter().map(|name| {
            parameter(
                name,
                "What the field must hold; `*` at the end of a text: starts so; empty: holds nothing.",
                text(),
            )
        });
        let query = own.into_iter().chain(filters).map(|parameter_data| Parameter::Query {
            parameter_data,
            allow_reserved: false,
            style: QueryStyle::Form,
            allow_empty_value: None,
        });
        add_parameters(ctx, operation, query);
    }
}
