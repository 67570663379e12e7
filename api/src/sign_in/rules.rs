//! Rules that say who may sign in, and who is an admin.

use super::profile::{Profile, is_address};

/// A list of rules, any of which may apply. `SIGN_IN_ALLOW` and `ADMINS` are such lists.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Rules(Vec<Rule>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Rule {
    Everyone,
    Address(String),
    Domain(String),
    Group(String),
}

impl Rules {
    /// Parses a comma-separated list of `user@example.org`, `@example.org`, `group:NAME` and `*`;
    /// `None` when a rule is malformed.
    pub fn parse(list: &str) -> Option<Self> {
        let rules = list.split(',').map(str::trim).filter(|rule| !rule.is_empty());
        rules.map(Rule::parse).collect::<Option<_>>().map(Rules)
    }

    /// Whether there is no rule.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a rule applies to everyone.
    pub fn include_everyone(&self) -> bool {
        self.0.contains(&Rule::Everyone)
    }

    /// Whether a rule depends on groups.
    pub fn ask_for_groups(&self) -> bool {
        self.0.iter().any(|rule| matches!(rule, Rule::Group(_)))
    }

    /// Whether a rule applies to `profile`.
    pub fn apply_to(&self, profile: &Profile) -> bool {
        let address = profile.identity.email.as_ref().map(|email| email.to_ascii_lowercase());
        let domain = address.as_deref().and_then(|address| address.split_once('@'));
        self.0.iter().any(|rule| match rule {
            Rule::Everyone => true,
            Rule::Address(allowed) => address.as_ref() == Some(allowed),
            Rule::Domain(allowed) => domain.is_some_and(|(_, domain)| domain == allowed),
            Rule::Group(allowed) => profile.groups.contains(allowed),
        })
    }
}

impl Rule {
    fn parse(rule: &str) -> Option<Self> {
        match (rule.strip_prefix("group:"), rule.strip_prefix('@')) {
            _ if rule == "*" => Some(Rule::Everyone),
            (Some(group), _) => (!group.is_empty()).then(|| Rule::Group(group.to_owned())),
            (_, Some(domain)) => is_address(&format!("any@{domain}"))
                .then(|| Rule::Domain(domain.to_ascii_lowercase())),
            (None, None) => is_address(rule).then(|| Rule::Address(rule.to_ascii_lowercase())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{super::profile::Labels, *};

    fn profile(email: &str, is_email_verified: bool, groups: &[&str]) -> Profile {
        let groups = groups.iter().map(|group| group.to_string()).collect();
        let labels = Labels { names: [None; 3], email: Some(email), is_email_verified, groups };
        Profile::new("https://id.example", "7", labels).expect("a profile")
    }

    #[test]
    fn a_rule_names_an_address_a_domain_a_group_or_everyone() {
        let rules = Rules::parse("Ada@example.org, @Corp.example,group:staff,ada@example.ork")
            .expect("rules");
        for (email, is_verified, groups, applies) in [
            ("ada@EXAMPLE.org", true, &[] as &[_], true),
            ("ada@example.org", false, &[], false),
            ("bob@example.org", true, &[], false),
            ("bob@corp.example", true, &[], true),
            ("bob@corp.example", false, &[], false),
            ("bob@sub.corp.example", true, &[], false),
            ("bob@notcorp.example", true, &[], false),
            // the sign for kelvin, of which the lower case is k
            ("ada@example.or\u{212A}", true, &[], false),
            ("bob@evil.example", true, &["staff"], true),
            ("bob@evil.example", true, &["Staff"], false),
            ("@corp.example@evil.example", true, &[], false),
            ("evil@evil.example@corp.example", true, &[], false),
        ] {
            assert_eq!(rules.apply_to(&profile(email, is_verified, groups)), applies, "{email}");
        }
        assert!(Rules::parse("*").expect("rules").apply_to(&profile("x", false, &[])));
        assert!(!Rules::default().apply_to(&profile("ada@example.org", true, &["staff"])));
    }

    #[test]
    fn malformed_rules_are_refused() {
        for list in ["ada", "@", "group:", "a@b@c", "a b@example.org", "**", "ada@", "@a@b"] {
            assert_eq!(Rules::parse(list), None, "{list}");
        }
    }
}
