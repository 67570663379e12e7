//! Reads the audit log: the actions of its lines.

use std::{
    fmt::Debug,
    mem,
    sync::{Arc, Mutex},
};

use tracing::{
    Dispatch, Event, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::{self, DefaultGuard},
};

/// Collects the actions that the audit log names on the thread that opened it, until it is dropped.
pub(crate) struct AuditLog {
    actions: Arc<Mutex<Vec<String>>>,
    /// While a process has just one subscriber, `tracing` asks the thread that meets a line first whether it
    /// wants it, and keeps a no of another test's thread for all. With two it asks both.
    _second: Dispatch,
    _default: DefaultGuard,
}

impl AuditLog {
    pub fn open() -> Self {
        let actions = Arc::default();
        let second = Dispatch::new(AuditLines(Arc::clone(&actions)));
        let default = subscriber::set_default(AuditLines(Arc::clone(&actions)));
        Self { actions, _second: second, _default: default }
    }

    /// The actions since the last call.
    pub fn take(&self) -> Vec<String> {
        mem::take(&mut self.actions.lock().expect("no test panics while it holds the lock"))
    }
}

struct AuditLines(Arc<Mutex<Vec<String>>>);

impl Subscriber for AuditLines {
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
            self.0.lock().expect("no test panics while it holds the lock").push(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}
