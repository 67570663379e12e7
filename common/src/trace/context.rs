//! The position of a span in a trace, and its text: the `traceparent` of W3C Trace Context (3.2).

use std::{fmt, str::FromStr};

/// Length of version 00, in bytes.
const LENGTH: usize = 55;

/// A span of a trace: the parent of what it causes. Neither of its ids is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceContext {
    trace: u128,
    span: u64,
    is_sampled: bool,
}

/// A text that is no `traceparent`.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a traceparent, such as 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
pub struct NoTraceContext;

impl TraceContext {
    /// The span with these ids; `None` if one is zero.
    pub fn new(trace: u128, span: u64, is_sampled: bool) -> Option<Self> {
        (trace != 0 && span != 0).then_some(TraceContext { trace, span, is_sampled })
    }

    /// The first span of a trace of its own, which is not sampled.
    pub fn root() -> Self {
        let trace = fastrand::u128(1..);
        TraceContext { trace, span: fastrand::u64(1..), is_sampled: false }
    }

    /// A new span of the same trace.
    pub fn child(self) -> Self {
        TraceContext { span: fastrand::u64(1..), ..self }
    }

    /// The same span, sampled or not.
    pub fn sampled(self, is_sampled: bool) -> Self {
        TraceContext { is_sampled, ..self }
    }

    /// The id of the trace.
    pub fn trace(self) -> u128 {
        self.trace
    }

    /// The id of the span.
    pub fn span(self) -> u64 {
        self.span
    }

    /// Whether the trace is exported.
    pub fn is_sampled(self) -> bool {
        self.is_sampled
    }

    /// The id of the trace: 32 lower-case hex digits.
    pub fn trace_id(self) -> String {
        format!("{:032x}", self.trace)
    }

    /// The id of the span: 16 lower-case hex digits.
    pub fn span_id(self) -> String {
        format!("{:016x}", self.span)
    }
}

impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.is_sampled))
    }
}

impl FromStr for TraceContext {
    type Err = NoTraceContext;

    /// Reads version 00, and of later versions what they have in common with it (3.2.4).
    fn from_str(text: &str) -> Result<Self, NoTraceContext> {
        let is_plain = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f' | b'-');
        let (known, rest) = text.split_at_checked(LENGTH).ok_or(NoTraceContext)?;
        let parts: Vec<&str> = known.split('-').collect();
        let [version, trace, span, flags] = parts[..] else { return Err(NoTraceContext) };
        let lengths = [version, trace, span, flags].map(str::len) == [2, 32, 16, 2];
        let ends = rest.is_empty() || (version != "00" && rest.starts_with('-'));
        if !lengths || !ends || version == "ff" || !known.bytes().all(is_plain) {
            return Err(NoTraceContext);
        }
        let trace = u128::from_str_radix(trace, 16).map_err(|_| NoTraceContext)?;
        let span = u64::from_str_radix(span, 16).map_err(|_| NoTraceContext)?;
        let flags = u8::from_str_radix(flags, 16).map_err(|_| NoTraceContext)?;
        TraceContext::new(trace, span, flags & 1 == 1).ok_or(NoTraceContext)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
    const SPAN: &str = "b7ad6b7169203331";

    #[test]
    fn a_traceparent_is_read_and_written() {
        for (flags, is_sampled) in [("00", false), ("01", true), ("02", false), ("ff", true)] {
            let context: TraceContext = format!("00-{TRACE}-{SPAN}-{flags}").parse().unwrap();
            assert_eq!((context.trace_id(), context.span_id()), (TRACE.into(), SPAN.into()));
            assert_eq!(context.is_sampled(), is_sampled, "{flags}");
            assert_eq!(context.to_string().parse(), Ok(context));
        }
        // what a later version adds is unknown, and left out
        for later in [format!("01-{TRACE}-{SPAN}-01"), format!("cc-{TRACE}-{SPAN}-01-what")] {
            let context: TraceContext = later.parse().unwrap();
            assert_eq!(context.to_string(), format!("00-{TRACE}-{SPAN}-01"));
        }
    }

    #[test]
    fn what_the_standard_forbids_is_refused() {
        let upper = TRACE.to_uppercase();
        for text in [
            String::new(),
            format!("00-{TRACE}-{SPAN}"),
            format!("00-{TRACE}-{SPAN}-1"),
            format!("00-{TRACE}-{SPAN}-01-"),
            format!("00-{TRACE}-{SPAN}-01-extra"),
            format!("01-{TRACE}-{SPAN}-01extra"),
            format!("ff-{TRACE}-{SPAN}-01"),
            format!("00-{upper}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-0A"),
            format!("0-0{TRACE}-{SPAN}-01"),
            format!("00-{}-{SPAN}-01", "0".repeat(32)),
            format!("00-{TRACE}-{}-01", "0".repeat(16)),
            format!("00-+{}-{SPAN}-01", &TRACE[1..]),
            format!("00-{TRACE}-{SPAN}-+1"),
            format!(" 00-{TRACE}-{SPAN}-01"),
            format!("00-{TRACE}-{SPAN}-0é"),
        ] {
            assert_eq!(text.parse::<TraceContext>(), Err(NoTraceContext), "{text}");
        }
    }

    #[test]
    fn a_child_is_another_span_of_the_same_trace() {
        let parent = TraceContext::root().sampled(true);
        let child = parent.child();
        assert_eq!((child.trace(), child.is_sampled()), (parent.trace(), true));
        assert_ne!(child.span(), parent.span());
    }
}
