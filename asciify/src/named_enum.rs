//! Enums whose values have names: the words by which options and output formats are chosen.

/// Defines enums with `ALL`, `name`, `named`, `Display`, and `Default`, which is the first value.
macro_rules! named_enum {
    ($($(#[$of:meta])* $enum:ident { $($(#[$of_value:meta])* $value:ident = $name:literal,)+ })+) => {$(
        $(#[$of])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $enum {
            $($(#[$of_value])* $value,)+
        }

        impl $enum {
            /// Every value; the first is the default.
            pub const ALL: &[Self] = &[$(Self::$value,)+];

            /// The names of [`ALL`](Self::ALL), in the same order.
            pub const NAMES: &[&str] = &[$($name,)+];

            /// The name, as options and commands spell it.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $name,)+
                }
            }

            /// The value of that name; `None` if there is none.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|value| value.name() == name)
            }
        }

        impl Default for $enum {
            /// The first value.
            fn default() -> Self {
                Self::ALL[0]
            }
        }

        impl std::fmt::Display for $enum {
            /// The name.
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }
    )+};
}

pub(crate) use named_enum;
