//! The variables of templates' patterns.

/// What the variables of a template stand for.
#[derive(Clone, Debug)]
pub struct TemplateVariables<'a> {
    /// `{user_id}`
    pub user_id: &'a str,
    /// `{user_name}`
    pub user_name: &'a str,
    /// `{extension}`
    pub extension: &'a str,
    /// `{model}`
    pub model: &'a str,
    /// `{mac}`
    pub mac: &'a str,
}

impl TemplateVariables<'_> {
    /// The names a pattern may use.
    pub const NAMES: [&'static str; 5] = ["user_id", "user_name", "extension", "model", "mac"];

    /// Fills a pattern in. A name it doesn't know stays as it stands.
    pub fn fill(&self, pattern: &str) -> String {
        let values = [self.user_id, self.user_name, self.extension, self.model, self.mac];
        let mut filled = String::with_capacity(pattern.len());
        let mut rest = pattern;
        while let Some((before, after)) = rest.split_once('{') {
            filled.push_str(before);
            let known = Self::NAMES.iter().zip(values).find_map(|(name, value)| {
                let tail = after.strip_prefix(name)?.strip_prefix('}')?;
                Some((value, tail))
            });
            match known {
                Some((value, tail)) => {
                    filled.push_str(value);
                    rest = tail;
                }
                None => {
                    filled.push('{');
                    rest = after;
                }
            }
        }
        filled.push_str(rest);
        filled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_filled_in_once_and_unknown_ones_stay() {
        let variables = TemplateVariables {
            user_id: "sato",
            user_name: "{mac} Satō",
            extension: "1001",
            model: "420HD",
            mac: "00908f112233",
        };
        assert_eq!(variables.fill("{user_name} ({extension}) {colour} {"), "{mac} Satō (1001) {colour} {");
    }
}
