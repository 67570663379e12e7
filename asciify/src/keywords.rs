//! Enums whose values are chosen by a word.

macro_rules! keywords {
    ($($(#[$of:meta])* $name:ident { $($(#[$of_value:meta])* $value:ident = $keyword:literal,)+ })+) => {$(
        $(#[$of])*
        #[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub enum $name {
            $($(#[$of_value])* $value,)+
        }

        impl $name {
            pub(crate) const WORDS: &[&str] = &[$($keyword,)+];

            /// `None` when there is no such value.
            pub(crate) fn of(keyword: &str) -> Option<Self> {
                match keyword {
                    $($keyword => Some(Self::$value),)+
                    _ => None,
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(match self {
                    $(Self::$value => $keyword,)+
                })
            }
        }
    )+};
}

pub(crate) use keywords;
