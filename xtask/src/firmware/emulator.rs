//! Runs an image on an emulated board.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use super::boards::Board;
use crate::process::output_within;

/// A minute of ECG takes seconds; what takes this long hangs.
const LIMIT: Duration = Duration::from_secs(180);

/// What the image counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Counts {
    /// Frames that went in or came out: one sample of every channel each.
    pub(crate) frames: u64,
    /// Instructions per frame to encode it.
    pub(crate) encode_instructions: f64,
    /// Instructions per frame to decode it.
    pub(crate) decode_instructions: f64,
    /// The most bytes of stack in use.
    pub(crate) stack_bytes: u64,
    /// Of a program that polls.
    pub(crate) polls: Option<Polls>,
}

/// What bounds the main loop of a program that polls.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Polls {
    /// Instructions to feed a frame to the queue.
    pub(crate) feed_instructions: f64,
    /// Instructions of the encoder's longest poll.
    pub(crate) worst_encoder: f64,
    /// Instructions of the decoder's longest poll.
    pub(crate) worst_decoder: f64,
}

impl Display for Counts {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} frames: {:.1} instructions per frame to encode, {:.1} to decode; {} bytes of stack",
            self.frames, self.encode_instructions, self.decode_instructions, self.stack_bytes
        )?;
        let Some(Polls { feed_instructions, worst_encoder, worst_decoder }) = self.polls else { return Ok(()) };
        write!(
            formatter,
            "; {feed_instructions:.0} instructions to feed a frame, at most {worst_encoder:.0} to poll the encoder, \
             {worst_decoder:.0} to poll the decoder"
        )
    }
}

/// Runs a program's `image` in `folder`, where it finds and leaves its files; it must carry the board's kernels.
pub(crate) fn run_program(board: &Board, image: &Path, folder: &Path) -> Result<Counts> {
    let printed = run(board, image, folder, &[])?;
    let form = printed.lines().find_map(|line| line.strip_prefix("form ")).unwrap_or("no");
    ensure!(form == board.form, "the image for {} carries {form} kernels and not those of {}", board.name, board.form);
    counts(&printed).with_context(|| format!("the firmware did not print its counts, but:\n{printed}"))
}

/// Runs `image` in `folder` with words on its command line, and returns what it prints; it must end with success.
pub(crate) fn run(board: &Board, image: &Path, folder: &Path, words: &[&str]) -> Result<String> {
    let image = image.canonicalize().with_context(|| format!("there is no image at {}", image.display()))?;
    let (printed, succeeded) = output_within(board.emulate(&image, words).current_dir(folder), LIMIT)?;
    if !succeeded {
        bail!("the firmware failed on {}; it printed:\n{printed}", board.name);
    }
    Ok(printed)
}

/// Reads lines of a name and a hexadecimal number.
fn counts(printed: &str) -> Option<Counts> {
    let lines = printed.lines().filter_map(|line| line.split_once(" 0x"));
    let values: HashMap<&str, u64> =
        lines.filter_map(|(name, value)| Some((name, u64::from_str_radix(value, 16).ok()?))).collect();
    let frames = *values.get("frames")?;
    // An instruction takes a nanosecond.
    let instructions_per_tick = 1e9 / *values.get("clock_hertz")? as f64;
    let instructions = |name| Some(*values.get(name)? as f64 * instructions_per_tick);
    let per_frame = |name| Some(instructions(name)? / frames.max(1) as f64);
    let polls = || {
        Some(Polls {
            feed_instructions: per_frame("feed_ticks")?,
            worst_encoder: instructions("worst_encoder_poll_ticks")?,
            worst_decoder: instructions("worst_decoder_poll_ticks")?,
        })
    };
    Some(Counts {
        frames,
        encode_instructions: per_frame("encode_ticks")?,
        decode_instructions: per_frame("decode_ticks")?,
        stack_bytes: *values.get("stack_bytes")?,
        polls: polls(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_per_frame() {
        let printed = "form x\nframes 0x00c8\nclock_hertz 0x17d7840\nencode_ticks 0x4e5\ndecode_ticks 0x3e8\n\
                       noise 0xhere\nstack_bytes 0x1000\n";
        let expected = Counts {
            frames: 200,
            encode_instructions: 250.6,
            decode_instructions: 200.0,
            stack_bytes: 4096,
            polls: None,
        };
        assert_eq!(counts(printed), Some(expected));
        let polled = "feed_ticks 0xc8\nworst_encoder_poll_ticks 0x10\nworst_decoder_poll_ticks 0x8\n";
        let polls = Polls { feed_instructions: 40.0, worst_encoder: 640.0, worst_decoder: 320.0 };
        assert_eq!(counts(&format!("{printed}{polled}")), Some(Counts { polls: Some(polls), ..expected }));
        assert_eq!(counts("frames 0xc8\n"), None);
    }
}
