//! The link in the header of pages that says who is signed in.

/// A link to the account of who is signed in, or to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AccountLink {
    pub href: String,
    /// The user's name, or `Sign in`.
    pub text: String,
}
