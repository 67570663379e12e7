//! Log lines as JSON objects. The fields of a line and of its spans stand side by side, where log
//! stores find them.

use std::{fmt, str};

use memchr::memmem;
use serde::Serialize;
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
    span::Record,
};
use tracing_subscriber::{
    field::RecordFields,
    fmt::{
        FmtContext, FormatEvent, FormatFields, FormattedFields,
        format::Writer,
        time::{FormatTime, SystemTime},
    },
    registry::LookupSpan,
};

/// Capacity for the members of a usual line, in bytes.
const LINE_BYTES: usize = 512;

/// Writes a line: what every line has, then its own fields, then those of its spans, of which the
/// inner ones win.
pub(super) struct JsonLines {
    /// What is the same on every line.
    program: Members,
}

impl JsonLines {
    pub(super) fn new(service: &str) -> Self {
        let mut program = Members::default();
        program.add("service", service);
        program.add("version", env!("CARGO_PKG_VERSION"));
        program.add("engine", asciify::ENGINE_VERSION);
        JsonLines { program }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, JsonFields> for JsonLines {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let mut line = Members(Vec::with_capacity(LINE_BYTES));
        line.add("timestamp", time);
        line.add("level", event.metadata().level().as_str());
        line.extend(&self.program.0);
        event.record(&mut Fields(&mut line));
        // lines of libraries that use the crate `log` name theirs in a field
        line.add("target", event.metadata().target());
        for span in context.event_scope().into_iter().flatten() {
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                line.extend(fields.as_bytes());
            }
        }
        line.write(out)
    }
}

/// Keeps the fields of a span as [`Members`].
pub(super) struct JsonFields;

impl<'a> FormatFields<'a> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut out: Writer<'a>, fields: R) -> fmt::Result {
        let mut members = Members::default();
        fields.record(&mut Fields(&mut members));
        out.write_str(members.text()?)
    }

    fn add_fields(
        &self,
        current: &'a mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        let mut members = Members::default();
        fields.record(&mut Fields(&mut members));
        members.extend(current.as_bytes());
        members.text()?.clone_into(&mut current.fields);
        Ok(())
    }
}

/// Members of a JSON object: `"name":value`, each after a line feed, which JSON escapes in names and
/// values. The first one of a name stays.
#[derive(Default)]
struct Members(Vec<u8>);

impl Members {
    fn add(&mut self, name: &str, value: impl Serialize) {
        let start = self.0.len();
        self.0.push(b'\n');
        let is_written = serde_json::to_writer(&mut self.0, name).is_ok();
        self.0.push(b':');
        let (before, head) = self.0.split_at(start);
        let is_new = is_written && memmem::find(before, head).is_none();
        if !is_new || serde_json::to_writer(&mut self.0, &value).is_err() {
            self.0.truncate(start);
        }
    }

    /// Adds those of `members` whose names are new.
    fn extend(&mut self, members: &[u8]) {
        for member in members.split(|byte| *byte == b'\n').filter(|member| !member.is_empty()) {
            let start = self.0.len();
            self.0.push(b'\n');
            self.0.extend_from_slice(member);
            let (before, member) = self.0.split_at(start);
            let head = memmem::find(member, b"\":").map_or(member, |at| &member[..at + 2]);
            if memmem::find(before, head).is_some() {
                self.0.truncate(start);
            }
        }
    }

    fn text(&self) -> Result<&str, fmt::Error> {
        str::from_utf8(&self.0).map_err(|_| fmt::Error)
    }

    /// Writes the object, on one line.
    fn write(mut self, mut out: Writer<'_>) -> fmt::Result {
        for byte in self.0.iter_mut().filter(|byte| **byte == b'\n') {
            *byte = b',';
        }
        writeln!(out, "{{{}}}", self.text()?.strip_prefix(',').unwrap_or_default())
    }
}

/// Adds fields to members.
struct Fields<'a>(&'a mut Members);

impl Fields<'_> {
    fn add(&mut self, field: &Field, value: impl Serialize) {
        match field.name() {
            "log.target" => self.0.add("target", value),
            name if name.starts_with("log.") => (),
            name => self.0.add(name, value),
        }
    }
}

impl Visit for Fields<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, format!("{value:?}"));
    }
}
