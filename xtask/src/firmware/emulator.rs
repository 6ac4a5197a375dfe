//! Runs an image on the emulated board.

use std::collections::HashMap;
use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

use crate::process::output_within;
use crate::setup::QEMU;

/// A Cortex-M4F board, with one virtual nanosecond per instruction.
const BOARD: [&str; 9] =
    ["-M", "mps2-an386", "-nographic", "-monitor", "none", "-serial", "null", "-icount", "shift=0"];

/// A minute of ECG takes seconds; what takes this long hangs.
const LIMIT: Duration = Duration::from_secs(180);

/// What the image counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Counts {
    /// Frames that went in: one sample of every channel each.
    pub(crate) frames: u64,
    /// Instructions per frame to encode it.
    pub(crate) encode_instructions: f64,
    /// Instructions per frame to decode it.
    pub(crate) decode_instructions: f64,
    /// The most bytes of stack in use.
    pub(crate) stack_bytes: u64,
}

impl Display for Counts {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} frames: {:.1} instructions per frame to encode, {:.1} to decode; {} bytes of stack",
            self.frames, self.encode_instructions, self.decode_instructions, self.stack_bytes
        )
    }
}

/// Runs the codec's `image` in `folder`, where it finds and leaves its files.
pub(crate) fn run_codec(image: &Path, folder: &Path) -> Result<Counts> {
    ensure!(folder.join("samples.bin").is_file(), "there are no samples for the device in {}", folder.display());
    let printed = run(image, folder, &[])?;
    counts(&printed).with_context(|| format!("the firmware did not print its counts, but:\n{printed}"))
}

/// Runs `image` in `folder` with words on its command line, and returns what it prints; it must end with success.
pub(crate) fn run(image: &Path, folder: &Path, words: &[&str]) -> Result<String> {
    let image = image.canonicalize().with_context(|| format!("there is no image at {}", image.display()))?;
    // The host's files and terminal are open to the image.
    let semihosting = words.iter().fold("enable=on,target=native".to_owned(), |so_far, word| so_far + ",arg=" + word);
    let mut command = Command::new(QEMU);
    command.current_dir(folder).args(BOARD).args(["-semihosting-config", &semihosting]).arg("-kernel").arg(&image);
    let (printed, succeeded) = output_within(&mut command, LIMIT)?;
    if !succeeded {
        bail!("the firmware failed in the emulator; it printed:\n{printed}");
    }
    Ok(printed)
}

/// Reads lines of a name and a hexadecimal number.
fn counts(printed: &str) -> Option<Counts> {
    let lines = printed.lines().filter_map(|line| line.split_once(" 0x"));
    let values: HashMap<&str, u64> =
        lines.filter_map(|(name, value)| Some((name, u64::from_str_radix(value, 16).ok()?))).collect();
    let frames = *values.get("frames")?;
    let per_frame = |name| Some(*values.get(name)? as f64 / frames.max(1) as f64);
    Some(Counts {
        frames,
        encode_instructions: per_frame("encode_instructions")?,
        decode_instructions: per_frame("decode_instructions")?,
        stack_bytes: *values.get("stack_bytes")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_per_frame() {
        let printed =
            "frames 0x00c8\nencode_instructions 0xc3b4\ndecode_instructions 0x9c40\nnoise 0xhere\nstack_bytes 0x1000\n";
        let expected =
            Counts { frames: 200, encode_instructions: 250.5, decode_instructions: 200.0, stack_bytes: 4096 };
        assert_eq!(counts(printed), Some(expected));
        assert_eq!(counts("frames 0xc8\n"), None);
    }
}
