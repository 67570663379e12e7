//! Where a browser returns to after it signed in: an address of this service.

/// The longest `return_to`, in bytes.
const MAX_BYTES: usize = 2048;

/// Whether `text` is a path of this service, with or without a query: one `/` at its start, then
/// visible ASCII characters without `\`, which browsers read as `/`. Addresses below `/auth/` would
/// begin or end another sign-in.
pub(crate) fn is_return_to(text: &str) -> bool {
    text.len() <= MAX_BYTES
        && text.starts_with('/')
        && !text.starts_with("//")
        && !text.starts_with("/auth/")
        && text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::is_return_to;

    #[test]
    fn only_paths_of_this_service_are_accepted() {
        for path in ["/", "/account", "/images/1?width=40&format=svg", "/?preset=color#x", "/%09/x"]
        {
            assert!(is_return_to(path), "{path}");
        }
        let long = format!("/{}", "a".repeat(3000));
        for path in [
            "",
            "account",
            "//evil.example",
            "///evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "\\/evil.example",
            "/a\\b",
            "https://evil.example",
            "https:evil.example",
            "javascript:alert(1)",
            "data:text/html,x",
            "/\t/evil.example",
            "\t//evil.example",
            " /account",
            "/\n/evil.example",
            "/\r\nSet-Cookie: a=b",
            "/\0",
            "/ä",
            "/\u{85}/evil.example",
            "/\u{2028}",
            "?a=b",
            "#a",
            "@evil.example",
            ".evil.example",
            "/auth/login/oidc",
            "/auth/logout",
            &long,
        ] {
            assert!(!is_return_to(path), "{path:?}");
        }
    }
}
