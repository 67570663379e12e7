//! What is shown, and how keys and the pointer change it. It does no input or output.

use asciify::{Header, Spec};
use crossterm::event::{Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use crossterm::event::{MouseButton, MouseEvent, MouseEventKind};

use crate::interactive::choices::Choices;
use crate::interactive::view::{Placement, View};

/// The value of the option `expression` with which bands are shown.
const NONE: &str = "none";
/// How much of the screen an arrow moves the picture by.
const STEP: f64 = 0.125;
/// The factors of a key and of a step of the wheel.
const KEY_ZOOM: f64 = 2.0;
const WHEEL_ZOOM: f64 = std::f64::consts::SQRT_2;

/// What is shown.
#[derive(Debug, Clone)]
pub(crate) struct State {
    picture: (u32, u32),
    /// The options that were given.
    given: Spec,
    view: View,
    bands: Choices,
    stretches: Choices,
    is_help_shown: bool,
    /// The expression that is being typed.
    prompt: Option<Prompt>,
    /// The column and row of the pointer, after it moved.
    pointer: Option<(u32, u32)>,
    /// Where the pointer was when the picture was last dragged.
    dragged_from: Option<(u32, u32)>,
}

/// A text that is being typed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Prompt {
    pub(crate) text: String,
    /// Why it was not accepted.
    pub(crate) error: Option<String>,
}

/// The longest text that can be typed, in characters.
const MAX_PROMPT_CHARS: usize = 2000;

/// What the caller does after a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Shows what is shown now.
    Show,
    /// Ends with the command that shows the same.
    Quit,
    /// Does what the terminal would do with this control character.
    Control(char),
}

impl State {
    /// The region of `spec` on a screen of columns and rows, of which the last is the status line's.
    pub(crate) fn new(header: &Header, spec: Spec, screen: (u16, u16)) -> Self {
        let picture = (header.width, header.height);
        let cell = f64::from(spec.cell_thousandths()) / 1000.0;
        let whole = View::whole(picture, cells(screen), cell);
        let region = spec.region().pixels(picture);
        Self {
            picture,
            view: region.map_or(whole, |region| whole.with_region(region)),
            bands: Choices::bands(&spec, header),
            stretches: Choices::stretches(&spec),
            given: spec,
            is_help_shown: false,
            prompt: None,
            pointer: None,
            dragged_from: None,
        }
    }

    /// What is drawn.
    pub(crate) fn spec(&self) -> Spec {
        let mut spec = self.given.clone();
        let (columns, rows) = self.view.size();
        let [x, y, width, height] = self.view.region();
        let is_whole = (width, height) == self.picture;
        let region = if is_whole { "full".into() } else { format!("{x},{y},{width},{height}") };
        for (name, value) in
            [("width", columns.to_string()), ("height", rows.to_string()), ("region", region)]
        {
            spec.set(name, &value).expect("sizes and regions are within what the options accept");
        }
        self.bands.apply(&mut spec);
        self.stretches.apply(&mut spec);
        spec
    }

    /// Where what is drawn is on the screen.
    pub(crate) fn placement(&self) -> Placement {
        let size = self.spec().size(self.picture.0, self.picture.1);
        Placement::centered(self.view.region(), size, self.view.cells())
    }

    /// The pixel under the pointer, or the one in the middle.
    pub(crate) fn pixel(&self) -> (u32, u32) {
        let under_pointer = self.pointer.and_then(|cell| self.placement().point(cell));
        under_pointer.map_or_else(|| self.view.middle(), |(x, y)| (x as u32, y as u32))
    }

    /// The part that is in view.
    pub(crate) fn view(&self) -> &View {
        &self.view
    }

    pub(crate) fn bands(&self) -> &Choices {
        &self.bands
    }

    /// The expression that is shown in place of bands.
    pub(crate) fn expression(&self) -> Option<String> {
        self.given.expression().map(ToString::to_string)
    }

    /// The expression that is being typed.
    pub(crate) fn prompt(&self) -> Option<&Prompt> {
        self.prompt.as_ref()
    }

    pub(crate) fn stretches(&self) -> &Choices {
        &self.stretches
    }

    pub(crate) fn is_help_shown(&self) -> bool {
        self.is_help_shown
    }

    /// Takes input, or a new size of the screen.
    pub(crate) fn on(&mut self, event: &Event) -> Outcome {
        match event {
            Event::Key(key) if key.kind != KeyEventKind::Release => return self.on_key(key),
            Event::Mouse(mouse) => self.on_mouse(mouse),
            Event::Resize(columns, rows) => self.view = self.view.resized(cells((*columns, *rows))),
            _ => {}
        }
        Outcome::Show
    }

    fn on_key(&mut self, key: &KeyEvent) -> Outcome {
        if let (KeyCode::Char(c), true) = (key.code, key.modifiers.contains(KeyModifiers::CONTROL))
        {
            return Outcome::Control(c);
        }
        if self.prompt.is_some() {
            self.on_prompt_key(key.code);
            return Outcome::Show;
        }
        // the key that ends the help does nothing else
        let was_help_shown = std::mem::take(&mut self.is_help_shown);
        match key.code {
            KeyCode::Char('q') => return Outcome::Quit,
            KeyCode::Esc if !was_help_shown => return Outcome::Quit,
            _ if was_help_shown => return Outcome::Show,
            _ => {}
        }
        let (columns, rows) = self.view.cells();
        let step = |cells: u32| (f64::from(cells) * STEP).ceil();
        let (across, down) = (step(columns), step(rows));
        let page = f64::from(rows - 1).max(1.0);
        let view = self.view;
        self.view = match key.code {
            KeyCode::Left | KeyCode::Char('h') => view.panned(-across, 0.0),
            KeyCode::Right | KeyCode::Char('l') => view.panned(across, 0.0),
            KeyCode::Up | KeyCode::Char('k') => view.panned(0.0, -down),
            KeyCode::Down | KeyCode::Char('j') => view.panned(0.0, down),
            KeyCode::PageUp => view.panned(0.0, -page),
            KeyCode::PageDown => view.panned(0.0, page),
            KeyCode::Char('+' | '=') => view.zoomed(KEY_ZOOM, (0.0, 0.0)),
            KeyCode::Char('-' | '_') => view.zoomed(1.0 / KEY_ZOOM, (0.0, 0.0)),
            KeyCode::Char('0') => view.all(),
            KeyCode::Char('1') => view.at_full_resolution(),
            _ => view,
        };
        if self.view != view {
            // the values are those of the middle again
            self.pointer = None;
        }
        match key.code {
            // bands are shown again in place of an expression
            KeyCode::Char('b' | 'B') if self.given.expression().is_some() => self.compute(NONE),
            KeyCode::Char(c @ ('b' | 'B')) => self.bands.step(c == 'b'),
            KeyCode::Char('e') => {
                let text = self.given.expression().map(ToString::to_string).unwrap_or_default();
                self.prompt = Some(Prompt { text, error: None });
            }
            KeyCode::Char(c @ ('s' | 'S')) => self.stretches.step(c == 's'),
            KeyCode::Char('?') => self.is_help_shown = true,
            _ => {}
        }
        Outcome::Show
    }

    /// Enter takes the text, Escape leaves it.
    fn on_prompt_key(&mut self, key: KeyCode) {
        let Some(prompt) = &mut self.prompt else { return };
        prompt.error = None;
        match key {
            KeyCode::Esc => self.prompt = None,
            KeyCode::Backspace => drop(prompt.text.pop()),
            KeyCode::Char(c) if prompt.text.chars().count() < MAX_PROMPT_CHARS => {
                prompt.text.push(c);
            }
            KeyCode::Enter => {
                let text = prompt.text.trim().to_owned();
                self.compute(if text.is_empty() { NONE } else { &text });
            }
            _ => {}
        }
    }

    /// Shows an expression, or says in the prompt why there is none.
    fn compute(&mut self, expression: &str) {
        match self.given.set("expression", expression) {
            Ok(()) => self.prompt = None,
            Err(err) => {
                let prompt = self.prompt.get_or_insert_default();
                prompt.error = Some(err.to_string());
            }
        }
    }

    fn on_mouse(&mut self, mouse: &MouseEvent) {
        let at = (u32::from(mouse.column), u32::from(mouse.row));
        self.pointer = Some(at);
        let (columns, rows) = self.view.cells();
        let from_middle = |at: u32, cells: u32| f64::from(at) + 0.5 - f64::from(cells) / 2.0;
        let about = (from_middle(at.0, columns), from_middle(at.1, rows));
        match mouse.kind {
            MouseEventKind::ScrollUp => self.view = self.view.zoomed(WHEEL_ZOOM, about),
            MouseEventKind::ScrollDown => self.view = self.view.zoomed(1.0 / WHEEL_ZOOM, about),
            MouseEventKind::Down(MouseButton::Left) => self.dragged_from = Some(at),
            MouseEventKind::Up(MouseButton::Left) => self.dragged_from = None,
            MouseEventKind::Drag(MouseButton::Left) => {
                if let Some(from) = self.dragged_from.replace(at) {
                    let by = |from: u32, to: u32| f64::from(from) - f64::from(to);
                    self.view = self.view.panned(by(from.0, at.0), by(from.1, at.1));
                }
            }
            _ => {}
        }
    }
}

/// Columns and rows of pictures, on a screen whose last row is the status line's.
fn cells((columns, rows): (u16, u16)) -> (u32, u32) {
    // a grid has at most 1000 of each
    let within = |cells: u16| u32::from(cells).clamp(1, 1000);
    (within(columns), within(rows.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use asciify::{Limits, probe_header};
    use std::io::Cursor;

    /// A picture of 8000 × 4000 pixels and four bands on 80 × 20 cells and a status line.
    fn state(spec: &str) -> State {
        let grey = probe_header(Cursor::new(b"P2 1 1 255 0"), &Limits::default());
        let grey = grey.expect("a picture of one pixel");
        let header = Header { width: 8000, height: 4000, bands: 4, ..grey };
        State::new(&header, spec.parse().expect("a spec"), (80, 21))
    }

    fn key(state: &mut State, key: char) -> Outcome {
        state.on(&Event::Key(KeyCode::Char(key).into()))
    }

    fn mouse(state: &mut State, kind: MouseEventKind, (column, row): (u16, u16)) {
        let modifiers = KeyModifiers::NONE;
        let outcome = state.on(&Event::Mouse(MouseEvent { kind, column, row, modifiers }));
        assert_eq!(outcome, Outcome::Show);
    }

    /// The region after keys.
    fn after(keys: &str) -> String {
        let mut state = state("");
        keys.chars().for_each(|it| assert_eq!(key(&mut state, it), Outcome::Show));
        state.spec().region().to_string()
    }

    #[test]
    fn keys_move_and_enlarge() {
        for (keys, region) in [
            ("", "full"),
            ("++", "3000,1500,2000,1000"),
            ("++l", "3250,1500,2000,1000"),
            ("++ljj", "3250,1800,2000,1000"),
            ("++hkk", "2750,1200,2000,1000"),
            ("++l-", "2250,1000,4000,2000"),
            ("++l--", "full"),
            ("++l0", "full"),
            ("1", "3840,1920,320,160"),
            ("=_", "full"),
            ("hjkl", "full"),
        ] {
            assert_eq!(after(keys), region, "{keys}");
        }
        let mut arrows = state("region=3000,1500,2000,1000");
        for (code, region) in [
            (KeyCode::Left, "2750,1500,2000,1000"),
            (KeyCode::Up, "2750,1350,2000,1000"),
            (KeyCode::Right, "3000,1350,2000,1000"),
            (KeyCode::Down, "3000,1500,2000,1000"),
            (KeyCode::PageDown, "3000,2450,2000,1000"),
            (KeyCode::PageUp, "3000,1500,2000,1000"),
        ] {
            arrows.on(&Event::Key(code.into()));
            assert_eq!(arrows.spec().region().to_string(), region, "{code:?}");
        }
    }

    #[test]
    fn keys_step_through_bands_and_stretches() {
        let mut state = state("bands=4");
        let mut spec_after = |keys: &str| {
            for it in keys.chars() {
                assert_eq!(key(&mut state, it), Outcome::Show);
            }
            (state.spec().bands().to_string(), state.spec().stretch().to_string())
        };
        assert_eq!(spec_after(""), ("4".into(), "auto".into()));
        assert_eq!(spec_after("bb"), ("3,2,1".into(), "auto".into()));
        assert_eq!(spec_after("Bs"), ("auto".into(), "2%:98%".into()));
        assert_eq!(spec_after("S"), ("auto".into(), "auto".into()));
    }

    #[test]
    fn the_wheel_enlarges_about_the_pointer_and_a_drag_moves() {
        let mut state = state("");
        // the middle of the cell is 9.5 columns and 4.5 rows from the middle of the screen
        for _ in 0..4 {
            mouse(&mut state, MouseEventKind::ScrollUp, (49, 14));
        }
        assert_eq!(state.spec().region().to_string(), "3713,2175,2000,1000");
        assert_eq!(state.pixel(), (4950, 2900), "the same as before");
        let left = MouseButton::Left;
        mouse(&mut state, MouseEventKind::Down(left), (10, 10));
        mouse(&mut state, MouseEventKind::Drag(left), (14, 9));
        mouse(&mut state, MouseEventKind::Drag(left), (18, 8));
        mouse(&mut state, MouseEventKind::Up(left), (18, 8));
        assert_eq!(state.spec().region().to_string(), "3513,2275,2000,1000");
        for _ in 0..4 {
            mouse(&mut state, MouseEventKind::ScrollDown, (0, 0));
        }
        assert_eq!(state.spec().region().to_string(), "full");
    }

    #[test]
    fn values_are_those_under_the_pointer_or_in_the_middle() {
        let mut state = state("");
        assert_eq!(state.pixel(), (4000, 2000));
        mouse(&mut state, MouseEventKind::Moved, (0, 0));
        assert_eq!(state.pixel(), (50, 100));
        // outside of the picture
        mouse(&mut state, MouseEventKind::Moved, (0, 20));
        assert_eq!(state.pixel(), (4000, 2000));
        mouse(&mut state, MouseEventKind::Moved, (0, 0));
        key(&mut state, '+');
        assert_eq!(state.pixel(), (4000, 2000));
    }

    #[test]
    fn the_help_is_shown_until_the_next_key() {
        let mut state = state("");
        key(&mut state, '?');
        assert!(state.is_help_shown());
        assert_eq!(key(&mut state, '+'), Outcome::Show);
        assert!(!state.is_help_shown());
        assert_eq!(state.spec().region().to_string(), "full");
        key(&mut state, '?');
        assert_eq!(key(&mut state, 'q'), Outcome::Quit);
    }

    #[test]
    fn an_expression_is_typed_and_bands_replace_it() {
        let mut state = state("");
        let mut type_in = |keys: &str| {
            for it in keys.chars() {
                let code = match it {
                    '\n' => KeyCode::Enter,
                    '\u{8}' => KeyCode::Backspace,
                    '\u{1b}' => KeyCode::Esc,
                    c => KeyCode::Char(c),
                };
                assert_eq!(state.on(&Event::Key(code.into())), Outcome::Show);
            }
            let prompt = state.prompt().map(|it| (it.text.clone(), it.error.is_some()));
            (state.expression(), prompt)
        };
        assert_eq!(type_in("eb4-q"), (None, Some(("b4-q".into(), false))));
        assert_eq!(type_in("\u{8}"), (None, Some(("b4-".into(), false))));
        assert_eq!(type_in("\n"), (None, Some(("b4-".into(), true))), "a mistake is said");
        assert_eq!(type_in("b1"), (None, Some(("b4-b1".into(), false))));
        let shown = type_in("\n");
        assert!(shown.0.is_some() && shown.1.is_none(), "{shown:?}");
        assert_eq!(type_in("e\u{8}2\u{1b}"), shown, "Escape leaves what is shown");
        assert_eq!(type_in("b"), (None, None));
        assert_eq!(type_in("eb1\n").1, None);
        assert_eq!(type_in("e\u{8}\u{8}\n"), (None, None));
        assert_eq!(
            state.spec().bands().to_string(),
            "auto",
            "the first b only left the expression"
        );
    }

    #[test]
    fn other_keys_change_nothing() {
        let mut state = state("");
        let before = state.spec();
        let control = |c| Event::Key(KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL));
        assert_eq!(state.on(&control('c')), Outcome::Control('c'));
        assert_eq!(state.on(&Event::Key(KeyCode::Esc.into())), Outcome::Quit);
        for other in [KeyCode::Char('x'), KeyCode::F(1), KeyCode::Tab, KeyCode::Null] {
            assert_eq!(state.on(&Event::Key(other.into())), Outcome::Show);
        }
        assert_eq!(state.spec(), before);
    }

    #[test]
    fn a_new_size_of_the_screen_is_used() {
        let mut state = state("");
        state.on(&Event::Resize(40, 31));
        assert_eq!(state.spec().to_string(), "width=40&height=10");
        assert_eq!(state.placement().corner, (0, 10));
        state.on(&Event::Resize(0, 0));
        assert_eq!(state.spec().to_string(), "width=1&height=1");
    }
}
