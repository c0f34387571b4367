//! `POST /marks`: the form of the status page for what an operator did or saw.

use axum::Form;
use axum::extract::State;
use axum::extract::rejection::FormRejection;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde::Deserialize;
use utoipa::ToSchema;

use super::operator::By;
use super::{Site, page};
use crate::journal::NotMarked;

/// The fields of the form.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = MarkForm)]
pub(super) struct Fields {
    /// In one line of 1 to 500 printable characters.
    text: String,
}

/// Takes a mark, and leads back to the page.
pub(super) async fn mark(State(site): State<Site>, by: By, fields: Result<Form<Fields>, FormRejection>) -> Response {
    let refused = |status: StatusCode, why: &str| {
        let journal = site.daemon.journal();
        (status, Html(page::notice("Not marked", why, journal.now()))).into_response()
    };
    let text = match fields {
        Ok(Form(fields)) => fields.text,
        Err(rejection) => return refused(rejection.status(), "The form has one field, text."),
    };
    match site.daemon.journal().mark(&text, by.as_str()).await {
        Ok(_) => Redirect::to("/#changes").into_response(),
        Err(why @ NotMarked::Text) => refused(StatusCode::BAD_REQUEST, &format!("Nothing was recorded: {why}.")),
        Err(why @ NotMarked::Stopped) => {
            refused(StatusCode::SERVICE_UNAVAILABLE, &format!("Nothing was recorded: {why}."))
        }
    }
}
