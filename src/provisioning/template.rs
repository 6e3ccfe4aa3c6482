//! Templates: the built-in ones, an operator's in their place, and the one gate every value passes on its way to a file.
//!
//! The only room that knows the template engine. It knows neither settings nor what a parameter means.

use std::collections::BTreeMap;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Value};
use minijinja::{Environment, Error, ErrorKind, UndefinedBehavior};
use secrecy::ExposeSecret;

use super::ProvisioningError;
use super::line_format::LineFormat;
use super::vendor::Vendor;
use super::vendors::{self, Description};
use crate::vocab::Secret;

/// The longest template an operator can give, in bytes.
const MAX_TEMPLATE: usize = 256 * 1024;

/// The templates in force.
#[derive(Clone, Debug)]
pub struct Templates {
    environments: BTreeMap<Vendor, Environment<'static>>,
}

impl Templates {
    /// The templates this program comes with.
    pub fn built_in() -> Result<Self, ProvisioningError> {
        let mut environments = BTreeMap::new();
        for description in vendors::all() {
            let mut environment = environment(description.format)?;
            for file in description.files {
                environment.add_template(file.name, file.text).map_err(|error| template_error(&error, file.name))?;
            }
            environments.insert(description.vendor, environment);
        }
        Ok(Self { environments })
    }

    /// The names an operator's template can have: `<vendor>/<file>.j2`.
    pub fn names() -> impl Iterator<Item = &'static str> {
        vendors::all().iter().flat_map(|description| description.files).map(|file| file.name)
    }

    /// Puts an operator's template in the place of the built-in one of this name. It is read at once: an error names
    /// the line, and the variable if there is none of that name; the template before it then stays in force.
    pub fn replace(&mut self, name: &str, text: String) -> Result<(), ProvisioningError> {
        let found = vendors::all().iter().find(|description| description.files.iter().any(|file| file.name == name));
        let Some((description, environment)) =
            found.and_then(|found| Some((found, self.environments.get_mut(&found.vendor)?)))
        else {
            let name = name.chars().take(128).collect();
            return Err(ProvisioningError::UnknownTemplate {
                name,
                names: Self::names().collect::<Vec<_>>().join(", "),
            });
        };
        let fault = |line, variable, fault: &str| ProvisioningError::Template {
            file: name.to_owned(),
            line,
            variable,
            fault: fault.to_owned(),
        };
        if text.len() > MAX_TEMPLATE {
            return Err(fault(0, None, "a template has at most 256 KiB"));
        }
        let template =
            environment.template_from_named_str(name, &text).map_err(|error| template_error(&error, name))?;
        let known = super::render::every_variable(description);
        let mut unknown: Vec<String> = template.undeclared_variables(true).into_iter().collect();
        unknown.retain(|path| !is_known(environment, &known, path));
        unknown.sort();
        if let Some(variable) = unknown.into_iter().next() {
            let line = text.lines().position(|line| line.contains(&variable)).map_or(0, |index| index + 1);
            return Err(fault(line, Some(variable), "there is no such variable"));
        }
        environment.add_template_owned(name.to_owned(), text).map_err(|error| template_error(&error, name))
    }

    /// A template filled in. `file` must be a name of `description`.
    pub(super) fn fill(
        &self,
        description: &Description,
        file: &str,
        context: Value,
    ) -> Result<String, ProvisioningError> {
        let fill = |environment: &Environment<'static>| environment.get_template(file)?.render(context);
        match self.environments.get(&description.vendor).map(fill) {
            Some(filled) => filled.map_err(|error| template_error(&error, file)),
            None => Err(ProvisioningError::UnknownTemplate {
                name: file.to_owned(),
                names: Self::names().collect::<String>(),
            }),
        }
    }
}

fn environment(format: LineFormat) -> Result<Environment<'static>, ProvisioningError> {
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build();
    let mut environment = Environment::new();
    environment.set_syntax(syntax.map_err(|error| template_error(&error, "syntax"))?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_recursion_limit(64);
    // Tells where an expression stands; the error's copy of the variables never leaves `template_error`.
    environment.set_debug(true);
    environment.set_formatter(move |output, _, value| {
        let refused = |fault: &'static str| Error::new(ErrorKind::InvalidOperation, fault);
        let text = if let Some(hidden) = value.downcast_object_ref::<Hidden>() {
            hidden.0.expose_secret().to_owned()
        } else if value.is_none() {
            return Err(refused("has no value; ask with `is not none` before it is written"));
        } else if let Some(text) = value.as_str() {
            text.to_owned()
        } else if value.is_number() {
            value.to_string()
        } else {
            match bool::try_from(value.clone()) {
                Ok(yes) => String::from(if yes { "1" } else { "0" }),
                Err(_) => return Err(refused("is no text, number or yes-or-no")),
            }
        };
        match format.fault(&text) {
            Some(fault) => Err(refused(fault)),
            None => output.write_str(&text).map_err(Error::from),
        }
    });
    Ok(environment)
}

/// A secret on its way to a file: templates can write it and ask whether there is one, but can't look into it, and no
/// error shows it.
struct Hidden(Secret);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Debug::fmt(&self.0, f)
    }
}

impl Object for Hidden {
    fn repr(self: &std::sync::Arc<Self>) -> minijinja::value::ObjectRepr {
        minijinja::value::ObjectRepr::Plain
    }
}

/// A secret as templates take it; none stays none.
pub(super) fn hidden(secret: Option<&Secret>) -> Value {
    secret.map_or(Value::from(()), |secret| Value::from_object(Hidden(secret.clone())))
}

/// Whether a dotted path leads to something in `known`, which has a value for every variable there is.
fn is_known(environment: &Environment<'_>, known: &Value, path: &str) -> bool {
    let mut names = path.split('.');
    let first = names.next().unwrap_or_default();
    if environment.globals().any(|(name, _)| name == first) {
        return true;
    }
    let mut value = known.get_attr(first).unwrap_or_default();
    for name in names {
        value = value.get_attr(name).unwrap_or_default();
    }
    !value.is_undefined()
}

/// The engine's error in our words: file, line, and the expression at fault as the template writes it. Never a value.
fn template_error(error: &Error, file: &str) -> ProvisioningError {
    let range = error.range().zip(error.template_source());
    let expression = range.and_then(|(range, source)| source.get(range)).map(str::trim);
    let is_filling = matches!(error.kind(), ErrorKind::InvalidOperation | ErrorKind::UndefinedError);
    ProvisioningError::Template {
        file: error.name().unwrap_or(file).to_owned(),
        line: error.line().unwrap_or(0),
        variable: expression.filter(|text| is_filling && !text.is_empty() && text.len() <= 120).map(str::to_owned),
        fault: error.detail().map_or_else(|| error.kind().to_string(), str::to_owned),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAME: &str = "audiocodes/configuration.cfg.j2";

    fn replaced(text: &str) -> Result<Templates, ProvisioningError> {
        let mut templates = Templates::built_in()?;
        templates.replace(NAME, text.to_owned())?;
        Ok(templates)
    }

    fn fault_of(text: &str) -> (usize, Option<String>, String) {
        match replaced(text) {
            Err(ProvisioningError::Template { file, line, variable, fault }) => {
                assert_eq!(file, NAME);
                (line, variable, fault)
            }
            other => panic!("{other:?}"),
        }
    }

    fn filled(text: &str, context: Value) -> Result<String, ProvisioningError> {
        let description = vendors::description(Vendor::AudioCodes).unwrap();
        let mut templates = Templates::built_in().unwrap();
        let environment = templates.environments.get_mut(&Vendor::AudioCodes).unwrap();
        environment.add_template_owned(NAME, text.to_owned()).unwrap();
        templates.fill(description, NAME, context)
    }

    #[test]
    fn a_built_in_template_can_be_replaced_by_itself() {
        let mut templates = Templates::built_in().unwrap();
        for file in vendors::all().iter().flat_map(|description| description.files) {
            templates.replace(file.name, file.text.to_owned()).unwrap();
        }
    }

    #[test]
    fn a_misspelt_variable_is_named_with_its_line() {
        let (line, variable, _) = fault_of("a=1\nb={{ account.numbr }}\n");
        assert_eq!((line, variable.as_deref()), (2, Some("account.numbr")));
        let (line, variable, _) = fault_of("a=1\n\n{% if wbe_ui %}x{% endif %}\n");
        assert_eq!((line, variable.as_deref()), (3, Some("wbe_ui")));
    }

    #[test]
    fn a_broken_template_is_named_with_its_line() {
        let (line, _, fault) = fault_of("a=1\nb={{ account.number \n");
        assert!(line >= 2 && !fault.is_empty());
        assert!(replaced(&"a".repeat(MAX_TEMPLATE + 1)).is_err());
    }

    #[test]
    fn a_broken_template_leaves_the_old_one_in_force() {
        let mut templates = Templates::built_in().unwrap();
        assert!(templates.replace(NAME, "{{".to_owned()).is_err());
        let text = templates.environments[&Vendor::AudioCodes].get_template(NAME).unwrap().source().to_owned();
        assert!(text.contains("voip/line/0/id"));
    }

    #[test]
    fn an_unknown_template_names_those_there_are() {
        let error = Templates::built_in().unwrap().replace("audiocodes/x.j2", String::new()).unwrap_err();
        assert!(error.to_string().contains(NAME), "{error}");
    }

    #[test]
    fn a_value_missing_or_misfit_is_named_as_the_template_writes_it() {
        let context = || minijinja::context! { a => "canary\ny", b => Value::from(()), c => vec![1] };
        for (text, expression) in [("\n{{ a }}", "a"), ("\n{{ b }}", "b"), ("\n{{ c }}", "c"), ("\n{{ d }}", "d")] {
            match filled(text, context()).unwrap_err() {
                ProvisioningError::Template { line: 2, variable: Some(variable), fault, .. } => {
                    assert!(variable.contains(expression), "{variable}");
                    assert!(!fault.contains("canary"), "{fault}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[test]
    fn no_filter_lets_a_value_leave_its_line() {
        let context = || minijinja::context! { a => "x\nsystem/web/enabled=1" };
        for text in
            ["{{ a|safe }}", "{{ 'b' ~ a }}", "{{ a|upper }}", "{% autoescape 'html' %}{{ a }}{% endautoescape %}"]
        {
            assert!(filled(text, context()).is_err(), "{text}");
        }
        assert_eq!(filled("a={{ a|replace('\n', ' ') }}", context()).unwrap(), "a=x system/web/enabled=1");
    }

    #[test]
    fn a_secret_can_be_written_but_not_looked_into_nor_shown_by_an_error() {
        let secret = Secret::from("canary".to_owned());
        let context = || minijinja::context! { a => hidden(Some(&secret)) };
        assert_eq!(filled("a={{ a }}", context()).unwrap(), "a=canary");
        for text in [
            "{{ a ~ '' }}",
            "{{ a|upper }}",
            "{{ debug()|replace('\n', ' ') }}",
            "{{ a|list }}",
            "{{ a.b }}",
            "{{ a + 1 }}",
        ] {
            match filled(text, context()) {
                Ok(filled) => assert!(!filled.to_ascii_lowercase().contains("canary"), "{filled}"),
                Err(error) => assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}"),
            }
        }
        let broken = Secret::from("canary\n".to_owned());
        let error = filled("{{ a }}", minijinja::context! { a => hidden(Some(&broken)) }).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
    }
}
