//! What can be asked of a server, read from its OpenAPI document: collections, what is done with them, fields. Pure.
//!
//! It must not know any collection by name: one that is added to the API needs nothing here.

use serde_json::Value;

use super::fields::{self, Field};
use crate::app::client::Members;
use crate::app::client::Method;

/// Where the API is.
const ROOT: &str = "/api/v1/";

/// What can be asked of a server.
#[derive(Clone, Debug)]
pub struct Catalogue {
    document: Value,
    collections: Vec<Collection>,
}

/// Records of one kind, or one set of settings.
#[derive(Clone, Debug)]
pub struct Collection {
    /// Its name in paths.
    pub name: String,
    /// True if there is a list of them; false for settings there is one set of.
    pub is_list: bool,
    /// What can be done.
    pub operations: Vec<Operation>,
}

/// Something that can be done.
#[derive(Clone, Debug)]
pub struct Operation {
    /// How.
    pub method: Method,
    /// True if it is done with one record, which is named.
    pub is_of_record: bool,
    /// The action, if it is neither to list, show, add, change nor delete.
    pub action: Option<String>,
    /// In short, in English.
    pub summary: String,
    /// Parameters of the query.
    pub parameters: Vec<Parameter>,
    /// The media types of the body, if it takes one.
    pub takes: Vec<String>,
    body: Value,
    answer: Value,
}

/// A parameter of a query.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What it may be, if that is a choice.
    pub choices: Vec<String>,
}

impl Catalogue {
    /// Reads a document; `None` if it is none.
    pub fn read(document: Value) -> Option<Self> {
        let mut collections: Vec<Collection> = Vec::new();
        for (path, methods) in document.at("paths").as_object()? {
            let Some(below) = path.strip_prefix(ROOT) else { continue };
            let parts: Vec<&str> = below.split('/').collect();
            let (Some(name), Some(methods)) = (parts.first(), methods.as_object()) else { continue };
            let is_of_record = parts.get(1).is_some_and(|part| part.starts_with('{'));
            let action = parts.iter().skip(if is_of_record { 2 } else { 1 }).copied().collect::<Vec<_>>().join("/");
            if action.contains('{') {
                continue;
            }
            let operations = Method::ALL.into_iter().filter_map(|method| {
                let told = methods.get(&method.as_str().to_ascii_lowercase())?;
                Some(operation(&document, method, is_of_record, &action, told))
            });
            let index = collections.iter().position(|collection| collection.name == *name).unwrap_or_else(|| {
                collections.push(Collection { name: (*name).to_owned(), is_list: false, operations: Vec::new() });
                collections.len() - 1
            });
            if let Some(collection) = collections.get_mut(index) {
                collection.operations.extend(operations);
            }
        }
        for collection in &mut collections {
            collection.is_list = collection.operations.iter().any(|operation| operation.is_of_record)
                || collection.operations.iter().any(|operation| {
                    operation.method == Method::Get
                        && operation.action.is_none()
                        && fields::of(&document, &operation.answer).iter().any(|field| field.name == "items")
                });
        }
        Some(Self { document, collections })
    }

    /// Everything there is.
    pub fn collections(&self) -> &[Collection] {
        &self.collections
    }

    /// The collection of this name.
    pub fn collection(&self, name: &str) -> Option<&Collection> {
        self.collections.iter().find(|collection| collection.name == name)
    }

    /// What a body may hold. `None` if the document doesn't say.
    pub fn fields_given(&self, collection: &Collection, operation: &Operation) -> Option<Vec<Field>> {
        let own = fields::of(&self.document, &operation.body);
        if !own.is_empty() || operation.method != Method::Patch {
            return (!own.is_empty()).then_some(own);
        }
        // A change takes what an addition takes.
        let addition = collection.operation(Method::Post, false, None)?;
        Some(fields::of(&self.document, &addition.body)).filter(|fields| !fields.is_empty())
    }

    /// What an answer holds.
    pub fn fields_shown(&self, operation: &Operation) -> Vec<Field> {
        fields::of(&self.document, &operation.answer)
    }
}

impl Collection {
    /// What is done so, if it can be.
    pub fn operation(&self, method: Method, is_of_record: bool, action: Option<&str>) -> Option<&Operation> {
        self.operations.iter().find(|operation| {
            operation.method == method
                && operation.is_of_record == is_of_record
                && operation.action.as_deref() == action
        })
    }

    /// An action by its name, however it is done.
    pub fn action(&self, is_of_record: bool, action: &str) -> Option<&Operation> {
        Method::ALL.into_iter().find_map(|method| self.operation(method, is_of_record, Some(action)))
    }

    /// The names of all actions.
    pub fn actions(&self) -> Vec<&str> {
        let mut names: Vec<&str> = self.operations.iter().filter_map(|operation| operation.action.as_deref()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The verbs that mean something here.
    pub fn verbs(&self) -> Vec<&'static str> {
        let has = |method, is_of_record| self.operation(method, is_of_record, None).is_some();
        let mut verbs = Vec::new();
        if self.is_list && has(Method::Get, false) {
            verbs.push("list");
        }
        if has(Method::Get, self.is_list) {
            verbs.push("show");
        }
        if self.is_list && has(Method::Post, false) {
            verbs.push("add");
        }
        if has(Method::Patch, self.is_list) {
            verbs.push("change");
        }
        if has(Method::Delete, self.is_list) {
            verbs.push("delete");
        }
        if !self.actions().is_empty() {
            verbs.push("do");
        }
        verbs
    }
}

impl Operation {
    /// A parameter of this name.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|parameter| parameter.name == name)
    }
}

fn operation(document: &Value, method: Method, is_of_record: bool, action: &str, told: &Value) -> Operation {
    let parameters = told.at("parameters").as_array().into_iter().flatten().filter(|one| one.at("in") == "query");
    let parameters = parameters.map(|one| Parameter {
        name: one.at("name").as_str().unwrap_or_default().to_owned(),
        choices: fields::choices(document, one.at("schema")),
    });
    let content = told.at("requestBody").at("content").as_object();
    let of_body = content.and_then(|content| content.values().next()).map(|media| media.at("schema").clone());
    let answer = told.at("responses").as_object().and_then(|responses| {
        let (_, answer) = responses.iter().find(|(status, _)| status.starts_with('2'))?;
        Some(answer.at("content").at("application/json").at("schema").clone())
    });
    Operation {
        method,
        is_of_record,
        action: (!action.is_empty()).then(|| action.to_owned()),
        summary: told.at("summary").as_str().unwrap_or_default().to_owned(),
        parameters: parameters.collect(),
        takes: content.map(|content| content.keys().cloned().collect()).unwrap_or_default(),
        body: of_body.unwrap_or_default(),
        answer: answer.unwrap_or_default(),
    }
}

/// The name most like `name`, if one is like it.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let by_likeness = known.into_iter().map(|known| (strsim::jaro_winkler(known, name), known));
    let (likeness, known) = by_likeness.max_by(|(one, _), (two, _)| one.total_cmp(two))?;
    (likeness > 0.75).then_some(known)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        json!({
            "paths": {
                "/api/v1/lamps": {
                    "get": {
                        "parameters": [{ "in": "query", "name": "colour", "schema": { "enum": ["red", "green"] } }],
                        "responses": { "200": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Page" } } } } },
                    },
                    "post": { "requestBody": { "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Lamp" } } } } },
                },
                "/api/v1/lamps/{name}": { "get": {}, "patch": { "requestBody": { "content": { "application/merge-patch+json": { "schema": { "type": "object" } } } } } },
                "/api/v1/lamps/{name}/light": { "post": {} },
                "/api/v1/lamps/import": { "post": { "requestBody": { "content": { "text/csv": {} } } } },
                "/api/v1/mains": { "get": {}, "patch": {} },
                "/api/v1/mains/cut": { "post": {} },
                "/elsewhere": { "get": {} },
            },
            "components": { "schemas": {
                "Page": { "properties": { "items": { "type": "array" } } },
                "Lamp": { "properties": { "watts": { "type": "integer" } } },
            } },
        })
    }

    #[test]
    fn what_there_is_and_what_can_be_done_comes_from_the_document() {
        let catalogue = Catalogue::read(document()).unwrap();
        let [lamps, mains] = catalogue.collections() else { panic!("{catalogue:?}") };
        assert_eq!((lamps.is_list, lamps.verbs()), (true, vec!["list", "show", "add", "change", "do"]));
        assert_eq!((mains.is_list, mains.verbs()), (false, vec!["show", "change", "do"]));
        assert_eq!(lamps.actions(), ["import", "light"]);
        assert!(lamps.action(true, "light").is_some() && lamps.action(false, "light").is_none());
        assert_eq!(lamps.action(false, "import").unwrap().takes, ["text/csv"]);
        let list = lamps.operation(Method::Get, false, None).unwrap();
        assert_eq!(list.parameter("colour").unwrap().choices, ["red", "green"]);
    }

    #[test]
    fn a_change_takes_the_fields_of_an_addition() {
        let catalogue = Catalogue::read(document()).unwrap();
        let lamps = catalogue.collection("lamps").unwrap();
        let change = lamps.operation(Method::Patch, true, None).unwrap();
        assert_eq!(catalogue.fields_given(lamps, change).unwrap()[0].name, "watts");
        let mains = catalogue.collection("mains").unwrap();
        let change = mains.operation(Method::Patch, false, None).unwrap();
        assert!(catalogue.fields_given(mains, change).is_none());
    }

    #[test]
    fn a_mistyped_name_finds_the_one_meant_and_an_alien_one_finds_none() {
        let known = ["users", "user-profiles", "tokens"];
        assert_eq!(nearest("usres", known), Some("users"));
        assert_eq!(nearest("xyz", known), None);
    }
}
