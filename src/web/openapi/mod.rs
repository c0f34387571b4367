//! `/api/v1/openapi.json`: the whole HTTP interface as an OpenAPI 3.1 document. What is answered is described by the types
//! that are answered.

mod routes;

use std::sync::LazyLock;

use utoipa::ToSchema;
use utoipa::openapi::path::{HttpMethod, OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{
    Components, ComponentsBuilder, Content, Info, License, ObjectBuilder, OpenApi, OpenApiBuilder, Paths, Ref, RefOr,
    Required, ResponseBuilder, Schema, Type,
};

use routes::{Answer, Body, Method, Parameter, ROUTES, Route};

/// Where the document is served.
pub(super) const PATH: &str = "/api/v1/openapi.json";

/// The document, as JSON. It is the same for as long as the process runs.
pub(super) fn document() -> &'static str {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| build().to_json().expect("plain data") + "\n");
    &DOCUMENT
}

/// Named schemas that the document's paths refer to.
type Schemas = Vec<(String, RefOr<Schema>)>;

/// A reference to the schema of a type, which is added with all that it consists of.
fn of<T: ToSchema>(schemas: &mut Schemas) -> RefOr<Schema> {
    T::schemas(schemas);
    schemas.push((T::name().into_owned(), T::schema()));
    Ref::from_schema_name(T::name()).into()
}

fn build() -> OpenApi {
    let (mut paths, mut schemas) = (Paths::new(), Schemas::new());
    for route in ROUTES {
        let method = match route.method {
            Method::Get => HttpMethod::Get,
            Method::Post => HttpMethod::Post,
        };
        paths.add_path_operation(route.path, vec![method], operation(route, &mut schemas));
    }
    let about = "What one Fathom prober knows of the DNS resolvers that it asks. Times are RFC 3339 in UTC, durations are \
                 seconds, what is not known is null. docs/api.md explains every key.";
    let mut license = License::new(env!("CARGO_PKG_LICENSE"));
    license.identifier = Some(env!("CARGO_PKG_LICENSE").to_owned());
    let mut info = Info::new("Fathom", env!("CARGO_PKG_VERSION"));
    info.description = Some(about.to_owned());
    info.license = Some(license);
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components(schemas))).build()
}

fn components(schemas: Schemas) -> Components {
    let scheme = |scheme, about: &str| {
        let mut scheme = Http::new(scheme);
        scheme.description = Some(about.to_owned());
        SecurityScheme::Http(scheme)
    };
    ComponentsBuilder::new()
        .schemas_from_iter(schemas)
        .security_scheme(
            "basic",
            scheme(HttpAuthScheme::Basic, "The operator's token as the password, any name as the user."),
        )
        .security_scheme("bearer", scheme(HttpAuthScheme::Bearer, "The operator's token."))
        .build()
}

fn operation(route: &Route, schemas: &mut Schemas) -> OperationBuilder {
    let mut operation = OperationBuilder::new().summary(Some(route.what));
    for parameter in route.parameters {
        operation = operation.parameter(self::parameter(route, parameter));
    }
    if !route.bodies.is_empty() {
        let mut body = RequestBodyBuilder::new().required(Some(Required::True));
        for of in route.bodies {
            let (kind, schema) = match of {
                Body::Json(of) => ("application/json", of(schemas)),
                Body::Form(of) => ("application/x-www-form-urlencoded", of(schemas)),
                Body::Text => ("text/plain", text()),
            };
            body = body.content(kind, Content::new(Some(schema)));
        }
        operation = operation.request_body(Some(body.build()));
    }
    let (kind, schema) = match route.answer {
        Answer::Json(of) => ("application/json", of(schemas)),
        Answer::Text(kind) => (kind, text()),
    };
    let good = ResponseBuilder::new().description(route.what).content(kind, Content::new(Some(schema)));
    operation = operation.response(route.status, good);
    for (status, what) in route.others {
        operation = operation.response(*status, in_words(what));
    }
    if route.takes_token {
        let refused = [
            ("401", "The operator's token is missing or wrong."),
            ("403", "The prober has no operator token, or the page of another site sent this."),
            ("429", "Too many wrong tokens came from this address."),
        ];
        for (status, what) in refused {
            operation = operation.response(status, in_words(what));
        }
        let either = ["basic", "bearer"].map(|scheme| SecurityRequirement::new(scheme, [] as [&str; 0]));
        operation = operation.securities(Some(either));
    }
    operation
}

fn parameter(route: &Route, Parameter(name, what): &Parameter) -> ParameterBuilder {
    let in_path = route.path.contains(&format!("{{{name}}}"));
    ParameterBuilder::new()
        .name(*name)
        .description(Some(*what))
        .parameter_in(if in_path { ParameterIn::Path } else { ParameterIn::Query })
        .required(if in_path { Required::True } else { Required::False })
        .schema(Some(text()))
}

/// An answer in a sentence, for people.
fn in_words(what: &str) -> ResponseBuilder {
    ResponseBuilder::new().description(what).content("text/plain", Content::new(Some(text())))
}

fn text() -> RefOr<Schema> {
    ObjectBuilder::new().schema_type(Type::String).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_types_share_a_name() {
        let mut schemas = Schemas::new();
        for route in ROUTES {
            drop(operation(route, &mut schemas));
        }
        for (name, schema) in &schemas {
            let (_, first) = schemas.iter().find(|(other, _)| other == name).unwrap();
            assert!(first == schema, "two types are called {name}: give one another name, #[schema(as = …)]");
        }
    }
}
