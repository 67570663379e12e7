//! Log lines as JSON objects. The fields of a line and of its spans stand side by side, where log
//! stores find them.

use std::fmt;

use serde_json::{Map, Value};
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

/// Writes a line: what every line has, then the fields of its spans, the inner ones winning, then
/// its own.
pub(super) struct JsonLines {
    service: String,
}

impl JsonLines {
    pub(super) fn new(service: String) -> Self {
        JsonLines { service }
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> FormatEvent<S, JsonFields> for JsonLines {
    fn format_event(
        &self,
        context: &FmtContext<'_, S, JsonFields>,
        mut out: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Map::new();
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            if let Some(fields) = span.extensions().get::<FormattedFields<JsonFields>>() {
                line.extend(read(fields));
            }
        }
        event.record(&mut Fields(&mut line));
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let metadata = event.metadata();
        // lines of libraries that use the crate `log`
        let target = line.remove("log.target").unwrap_or_else(|| metadata.target().into());
        line.retain(|name, _| !name.starts_with("log."));
        line.extend(
            [
                ("timestamp", time.into()),
                ("level", metadata.level().as_str().into()),
                ("target", target),
                ("service", self.service.as_str().into()),
                ("version", env!("CARGO_PKG_VERSION").into()),
                ("engine", asciify::ENGINE_VERSION.into()),
            ]
            .map(|(name, value)| (name.to_owned(), value)),
        );
        writeln!(out, "{}", Value::Object(line))
    }
}

/// Keeps the fields of a span as a JSON object.
pub(super) struct JsonFields;

impl<'a> FormatFields<'a> for JsonFields {
    fn format_fields<R: RecordFields>(&self, mut out: Writer<'a>, fields: R) -> fmt::Result {
        let mut object = Map::new();
        fields.record(&mut Fields(&mut object));
        write!(out, "{}", Value::Object(object))
    }

    fn add_fields(
        &self,
        current: &'a mut FormattedFields<Self>,
        fields: &Record<'_>,
    ) -> fmt::Result {
        let mut object = read(current);
        fields.record(&mut Fields(&mut object));
        current.fields = Value::Object(object).to_string();
        Ok(())
    }
}

fn read(fields: &FormattedFields<JsonFields>) -> Map<String, Value> {
    serde_json::from_str(&fields.fields).unwrap_or_default()
}

/// Adds fields to an object.
struct Fields<'a>(&'a mut Map<String, Value>);

impl Fields<'_> {
    fn add(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
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
