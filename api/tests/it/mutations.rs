//! Damaged files by the hundred: none may bring the service down, or make it say that it is to
//! blame.

use futures_util::stream::{self, StreamExt};

use crate::{
    pictures::{Dice, FORMATS, file},
    support::{TestApp, Uploaded},
};

/// Damaged files a format.
const FILES: u64 = 250;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn damaged_files_are_pictures_or_refused() {
    let app = TestApp::with(&[("MAX_PIXELS", "4000000"), ("MAX_DECODED_BYTES", "64000000")]).await;
    let mut damaged = Vec::new();
    for (nth, (format, _)) in FORMATS.into_iter().enumerate() {
        let whole = file(format, 24, 16);
        let mut dice = Dice(0x9e37_79b9_7f4a_7c15 + nth as u64);
        damaged.extend((0..FILES).map(|_| damage(whole.clone(), &mut dice)));
    }
    let stories = damaged.into_iter().map(|bytes| tell(&app, bytes));
    let seen: Vec<u16> = stream::iter(stories).buffer_unordered(4).collect().await;
    for status in [200, 415, 422] {
        assert!(seen.contains(&status), "none of the files got {status}");
    }
    app.get("/readyz").await.is(200);
}

/// Uploads the bytes and looks at them; the last answer's status.
async fn tell(app: &TestApp, bytes: Vec<u8>) -> u16 {
    let taken = app.post(bytes.clone()).await;
    if taken.status != 201 {
        assert!(matches!(taken.status, 400 | 415 | 422), "{taken:?}");
        return taken.status;
    }
    let image = Uploaded::from(&taken);
    let text = app.get(&format!("{}?width=20", image.at)).await;
    assert!(matches!(text.status, 200 | 422), "{text:?} {bytes:?}");
    text.status
}

/// A few bytes changed, cut out, put in, or swapped; or the end missing.
fn damage(mut bytes: Vec<u8>, dice: &mut Dice) -> Vec<u8> {
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len().max(1));
        // damage to the header is the most interesting
        let at = if dice.below(2) == 0 { at.min(dice.below(64)) } else { at };
        let length = dice.below(8).min(bytes.len() - at);
        match dice.below(6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << dice.below(8),
            1 if !bytes.is_empty() => bytes[at] = [0, 0xff, 0x7f, 0x80][dice.below(4)],
            2 => drop(bytes.drain(at..at + length)),
            3 => drop(bytes.splice(at..at, dice.roll().to_le_bytes())),
            4 => drop(bytes.splice(at..at + length, vec![0xff; length])),
            _ => bytes.truncate(bytes.len() - dice.below(bytes.len() / 4 + 1)),
        }
    }
    bytes
}
