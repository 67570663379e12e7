//! Reads the audit log: the actions of its lines.

use std::{
    fmt::Debug,
    mem,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
};

/// Collects the actions that the audit log names, as the subscriber of a test's thread.
#[derive(Clone, Default)]
pub(crate) struct AuditLog(Arc<Mutex<Vec<String>>>);

impl AuditLog {
    /// The actions since the last call.
    pub fn take(&self) -> Vec<String> {
        mem::take(&mut self.0.lock().unwrap())
    }
}

impl Subscriber for AuditLog {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "audit"
    }

    fn event(&self, event: &Event<'_>) {
        event.record(&mut Action(&self.0));
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Takes the field `action` of a line.
struct Action<'a>(&'a Mutex<Vec<String>>);

impl Visit for Action<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "action" {
            self.0.lock().unwrap().push(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
