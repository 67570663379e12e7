//! What must never happen.

use std::fmt;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Wrong {
    LostUpload,
    LostOriginal,
    LostRender,
    Overwritten,
    SecondRender,
    SecondClaim,
    Vanished,
    StillVisible,
    VersionWentBack,
    Unknown,
    StoredTooLate,
    Orphaned,
    LostPart,
    SecondImage,
    Stuck,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Wrong::LostUpload => "an acknowledged upload is not stored",
            Wrong::LostOriginal => "a stored image lacks its original, or has another's",
            Wrong::LostRender => "a render lacks its blob, or has another's",
            Wrong::Overwritten => "a blob was overwritten by a second writer",
            Wrong::SecondRender => "a second render of the same text was about to be recorded",
            Wrong::SecondClaim => "a job was claimed while another claim held it",
            Wrong::Vanished => "what readers could see vanished without being removed",
            Wrong::StillVisible => "a removed image is visible",
            Wrong::VersionWentBack => "a reader got an older version than before",
            Wrong::Unknown => "the store has a blob that no row and no gc entry names",
            Wrong::StoredTooLate => "an upload was stored though its account was deleted",
            Wrong::Orphaned => "an image or an upload belongs to a user who is not there",
            Wrong::LostPart => "an upload lacks a part that was recorded",
            Wrong::SecondImage => "an upload became a second image",
            Wrong::Stuck => "from here nothing leads to a state of rest without another fault",
        })
    }
}
