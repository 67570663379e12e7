//! Labels in the Object Description Language (PDS Standards Reference 3.8, chapter 12): statements of a
//! keyword and a value, in nested objects.

use std::rc::Rc;

/// Objects in objects that are told apart.
const MAX_NESTED: usize = 8;
/// Values of a list that are kept.
const MAX_VALUES: usize = 16;

/// A statement of a label.
struct Statement {
    /// The objects that it is in, from the outside.
    objects: Vec<Rc<str>>,
    keyword: String,
    values: Vec<Value>,
}

/// A part of a value: a value may be a list.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Value {
    /// Without quotes.
    pub(super) text: String,
    /// The unit, without its brackets.
    pub(super) unit: String,
}

/// A label up to its END.
pub(super) struct Label {
    statements: Vec<Statement>,
    /// Whether END was found.
    pub(super) is_complete: bool,
}

impl Label {
    /// Reads what is a label at the start of `data`. Words that are no statement are left out.
    pub(super) fn parse(data: &[u8]) -> Self {
        let mut scanner = Scanner { data, at: 0 };
        let mut label = Self { statements: Vec::new(), is_complete: false };
        let mut objects: Vec<Rc<str>> = Vec::new();
        while let Some(keyword) = scanner.keyword() {
            if keyword == "END" {
                label.is_complete = true;
                break;
            }
            if !scanner.skips(b'=') {
                if matches!(keyword.as_str(), "END_OBJECT" | "END_GROUP") {
                    objects.pop();
                }
                continue;
            }
            let values = scanner.values();
            match keyword.as_str() {
                "OBJECT" | "GROUP" if objects.len() < MAX_NESTED => {
                    objects.extend(values.first().map(|value| Rc::from(value.text.as_str())));
                }
                "END_OBJECT" | "END_GROUP" => drop(objects.pop()),
                _ => {
                    let objects = objects.clone();
                    label.statements.push(Statement { objects, keyword, values });
                }
            }
        }
        label
    }

    /// The values of the first statement of that keyword, in any object.
    pub(super) fn values(&self, keyword: &str) -> &[Value] {
        self.statements.iter().find(|it| it.keyword == keyword).map_or(&[], |it| &it.values)
    }

    /// The same in an object of that name.
    pub(super) fn values_in(&self, object: &str, keyword: &str) -> &[Value] {
        let is_inside = |it: &&Statement| it.objects.iter().any(|it| **it == *object);
        let mut inside = self.statements.iter().filter(is_inside);
        inside.find(|it| it.keyword == keyword).map_or(&[], |it| &it.values)
    }

    /// The name and the value of the first pointer whose name `is_wanted`.
    pub(super) fn pointer(&self, is_wanted: impl Fn(&str) -> bool) -> Option<(&str, &[Value])> {
        let mut pointers = self
            .statements
            .iter()
            .filter_map(|it| Some((it.keyword.strip_prefix('^')?, it.values.as_slice())));
        pointers.find(|(name, _)| is_wanted(name))
    }
}

struct Scanner<'a> {
    data: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.data.get(self.at).copied()
    }

    /// Skips white space and comments.
    fn skip_space(&mut self) {
        while let Some(byte) = self.peek() {
            if self.data[self.at..].starts_with(b"/*") {
                let end = memchr::memmem::find(&self.data[self.at..], b"*/");
                self.at += end.map_or(self.data.len() - self.at, |end| end + 2);
            } else if byte.is_ascii_whitespace() || byte == 0 {
                self.at += 1;
            } else {
                break;
            }
        }
    }

    /// Whether the next byte is that one, which is skipped, with the space before it.
    fn skips(&mut self, byte: u8) -> bool {
        self.skip_space();
        let is_next = self.peek() == Some(byte);
        self.at += usize::from(is_next);
        is_next
    }

    /// Bytes up to one that `ends`, which stays.
    fn until(&mut self, ends: impl Fn(u8) -> bool) -> String {
        let rest = &self.data[self.at..];
        let length = rest.iter().position(|byte| ends(*byte)).unwrap_or(rest.len());
        self.at += length;
        String::from_utf8_lossy(&rest[..length]).into_owned()
    }

    /// The next keyword, in capitals. `None` at the end.
    fn keyword(&mut self) -> Option<String> {
        self.skip_space();
        self.peek()?;
        let word = self.until(|byte| byte.is_ascii_whitespace() || byte == b'=' || byte == 0);
        if word.is_empty() {
            self.at += 1; // an equals sign without a keyword
        }
        Some(word.to_ascii_uppercase())
    }

    /// A value, or all of a list.
    fn values(&mut self) -> Vec<Value> {
        let mut values = Vec::new();
        let mut depth = 0_u32;
        loop {
            self.skip_space();
            let Some(byte) = self.peek() else { break };
            match byte {
                b'(' | b'{' => {
                    depth += 1;
                    self.at += 1;
                }
                b')' | b'}' => {
                    depth = depth.saturating_sub(1);
                    self.at += 1;
                }
                b',' if depth > 0 => self.at += 1,
                _ => {
                    let value = self.value();
                    if values.len() < MAX_VALUES {
                        values.push(value);
                    }
                }
            }
            if depth == 0 {
                break;
            }
        }
        if self.at_unit() {
            // the unit of a whole list
            let unit = self.unit();
            values.iter_mut().for_each(|value| value.unit.clone_from(&unit));
        }
        values
    }

    fn value(&mut self) -> Value {
        let text = match self.peek() {
            Some(quote @ (b'"' | b'\'')) => {
                self.at += 1;
                let text = self.until(|byte| byte == quote);
                self.at = self.data.len().min(self.at + 1);
                text
            }
            _ => {
                let start = self.at;
                let text = self.until(|byte| {
                    byte.is_ascii_whitespace()
                        || matches!(byte, b',' | b'(' | b')' | b'{' | b'}' | b'<' | 0)
                });
                self.at = self.at.max(start + usize::from(text.is_empty())).min(self.data.len());
                text
            }
        };
        let unit = if self.at_unit() { self.unit() } else { String::new() };
        Value { text: text.trim().to_owned(), unit }
    }

    /// Whether a unit follows on the same line.
    fn at_unit(&mut self) -> bool {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
        self.peek() == Some(b'<')
    }

    fn unit(&mut self) -> String {
        self.at += 1;
        let unit = self.until(|byte| matches!(byte, b'>' | b'\r' | b'\n'));
        self.at += usize::from(self.peek() == Some(b'>'));
        unit.trim().to_ascii_uppercase()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_found_in_their_objects() {
        let label = Label::parse(
            b"CCSD3ZF0000100000001NJPL3IF0PDSX00000001 = SFDU_LABEL\r\n\
            /* a comment = of no effect */\r\n^IMAGE = (\"A.IMG\", 1201 <BYTES>)\r\n\
            NOTE = \"two\r\n lines, LINES = 9\"\r\nLINES = 1\r\nOBJECT = IMAGE\r\n  LINES=20\r\n\
            OFFSET = -3.5 <K>\r\nLIST = ( 1, 2,\r\n 3 ) <M>\r\nEND_OBJECT = IMAGE\r\nEND\r\n\0X = 1",
        );
        assert!(label.is_complete);
        let texts = |values: &[Value]| {
            values.iter().map(|it| format!("{}{}", it.text, it.unit)).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(texts(label.values("LINES")), "1");
        assert_eq!(texts(label.values_in("IMAGE", "LINES")), "20");
        assert_eq!(texts(label.values_in("IMAGE", "OFFSET")), "-3.5K");
        assert_eq!(texts(label.values_in("IMAGE", "LIST")), "1M 2M 3M");
        assert_eq!(texts(label.values("X")), "");
        let (name, values) = label.pointer(|_| true).expect("a pointer");
        assert_eq!((name, texts(values).as_str()), ("IMAGE", "A.IMG 1201BYTES"));
    }
}
