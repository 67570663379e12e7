//! The audit log: lines with the target `audit`, and the fields `action`, `by` and `of`.

use std::fmt::Display;

use super::principal::Principal;
use crate::image::{Image, ImageId};

/// Records that an admin read an image that is neither theirs nor public.
pub(crate) fn audit_read(reader: &Principal, image: &Image) {
    if reader.reads_as_admin(image) {
        audit("image read", reader, &image.id);
    }
}

/// Records that a user changed an image.
pub(crate) fn audit_change(principal: &Principal, action: &'static str, image: ImageId) {
    if principal.user().is_some() {
        audit(action, principal, &image);
    }
}

/// Records that `principal` did `action` with `of`.
pub fn audit(action: &'static str, principal: &Principal, of: &dyn Display) {
    match principal.user() {
        Some(by) => tracing::info!(target: "audit", action, %by, %of),
        None => tracing::info!(target: "audit", action, by = "", %of),
    }
}
