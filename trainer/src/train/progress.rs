//! What a person sees while training: a bar on a terminal, plain lines elsewhere.

use std::fmt::Debug;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

use super::Watcher;
use crate::run::{MetricsLine, Validation};

/// Shows metrics on the standard error.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    steps: usize,
    /// Where this process began, to tell its speed.
    first_step: usize,
    first_seconds: f64,
    validation: Option<Validation>,
    /// Whether the last line had warnings: they are shown when they begin.
    warned: bool,
}

/// With more symbols than this, the line says the least and the mean of their perplexities.
const SYMBOLS_SHOWN: usize = 6;

impl Progress {
    /// A display of a run of `steps` that goes on from `step`, after `seconds` of training.
    pub fn new(steps: usize, step: usize, seconds: f64) -> Self {
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len}  {msg}").ok();
        let bar = style.filter(|_| std::io::stderr().is_terminal()).map(|style| {
            let bar = ProgressBar::new(steps as u64).with_style(style);
            bar.set_position(step as u64);
            bar
        });
        Self { bar, steps, first_step: step, first_seconds: seconds, validation: None, warned: false }
    }

    /// Leaves the terminal as it was.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
        }
    }

    fn time_left(&self, line: &MetricsLine) -> String {
        let done = line.step.saturating_sub(self.first_step).max(1) as f64;
        let per_step = (line.seconds - self.first_seconds) / done;
        left(per_step * self.steps.saturating_sub(line.step) as f64)
    }

    fn text(&self, line: &MetricsLine) -> String {
        let mut text = format!("loss {:.4}  PRDN {:.2} %", line.loss, 100.0 * line.reconstruction.sqrt());
        if let Some(validation) = &self.validation {
            text += &match validation.image {
                None => format!(" (held out {:.2} %)", validation.prdn_percent),
                Some(image) => format!(" (held out {:.2} %, PSNR {:.2} dB)", validation.prdn_percent, image.psnr_db),
            };
        }
        match line.perplexity.len() {
            0 => match line.rate {
                Some(bits) => text += &format!("  divergence {bits:.3} bits per sample"),
                None => text += "  no codes yet",
            },
            _ => {
                text += &format!("  perplexity {}", perplexity(&line.perplexity));
                text += &format!("  dead {}", line.dead_codes.iter().sum::<usize>());
            }
        }
        format!("{text}  {}", self.time_left(line))
    }
}

/// Lines about a prior or a predictor, which is trained behind the nets, and whether to go on with it.
#[derive(Debug)]
pub struct StageProgress<'s> {
    /// What is trained, and what its bits are for: `prior`, `hop`.
    words: [&'static str; 2],
    /// Digits of bits behind the point.
    digits: usize,
    /// Kind, step and time of the report before.
    before: Option<(String, usize, Instant)>,
    stop: &'s AtomicBool,
}

impl<'s> StageProgress<'s> {
    /// `words` are what is trained and what its bits are for, of which so many `digits` are shown. Training ends early when `stop` becomes true.
    pub fn new(words: [&'static str; 2], digits: usize, stop: &'s AtomicBool) -> Self {
        Self { words, digits, before: None, stop }
    }

    /// Whether to take no more steps.
    #[must_use]
    pub fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Shows a step, of so many, on the standard error.
    pub fn line(&mut self, kind: &dyn Debug, step: [usize; 2], bits: f64) {
        eprintln!("{}", self.text(kind, step, bits, Instant::now()));
    }

    fn text(&mut self, kind: &dyn Debug, [step, steps]: [usize; 2], bits: f64, now: Instant) -> String {
        let kind = format!("{kind:?}").to_lowercase();
        let [what, of] = self.words;
        let digits = self.digits;
        let mut text = format!("{what} {kind}, step {step}/{steps}: {bits:.digits$} bits a {of}");
        // Another kind, or the same from an earlier step, begins with work that is no step.
        if let Some((_, from, then)) = self.before.take().filter(|(same, from, _)| *same == kind && *from < step) {
            let per_step = now.duration_since(then).as_secs_f64() / (step - from) as f64;
            text += &format!("  {}", left(per_step * steps.saturating_sub(step) as f64));
        }
        self.before = Some((kind, step, now));
        text
    }
}

/// A time in words.
fn left(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s left"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s left"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min left"),
    }
}

fn perplexity(symbols: &[f64]) -> String {
    if symbols.len() <= SYMBOLS_SHOWN {
        return symbols.iter().map(|value| format!("{value:.0}")).collect::<Vec<_>>().join("/");
    }
    let least = symbols.iter().copied().fold(f64::INFINITY, f64::min);
    format!("{least:.1} to mean {:.1}", symbols.iter().sum::<f64>() / symbols.len() as f64)
}

impl Watcher for Progress {
    fn line(&mut self, line: &MetricsLine) {
        if !line.warnings.is_empty() && !self.warned {
            let text = format!("warning: {}", line.warnings.join("\n  "));
            match &self.bar {
                Some(bar) => bar.println(text),
                None => eprintln!("{text}"),
            }
        }
        self.warned = !line.warnings.is_empty();
        self.validation = line.validation.or(self.validation);
        match &self.bar {
            Some(bar) => {
                bar.set_position(line.step as u64);
                bar.set_message(self.text(line));
            }
            // A log file wants few lines.
            None if line.validation.is_some() || line.step == self.steps => {
                eprintln!("step {}/{}  {}", line.step, self.steps, self.text(line));
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::PriorKind;

    #[test]
    fn a_line_says_it_all() {
        let mut progress = Progress::new(1000, 100, 50.0);
        let mut line = MetricsLine {
            step: 200,
            seconds: 60.0,
            loss: 0.0123,
            reconstruction: 0.0064,
            codebook: 0.0,
            commitment: 0.0,
            learning_rate: 1e-3,
            perplexity: vec![],
            entropy_bits: vec![],
            dead_codes: vec![],
            warnings: vec![],
            gradient_norm: 1.0,
            rate: None,
            distortion: None,
            validation: None,
        };
        // A hundred steps took ten seconds, so the 800 that are left take eighty.
        assert_eq!(progress.text(&line), "loss 0.0123  PRDN 8.00 %  no codes yet  1 min 20 s left");
        line.perplexity = vec![50.2, 40.9];
        line.dead_codes = vec![3, 1];
        line.validation = Some(Validation {
            prdn_percent: 6.5,
            mse_normalized: 0.0042,
            bits_per_sample: 0.7,
            cost: None,
            image: None,
        });
        progress.line(&line);
        let text = progress.text(&line);
        assert!(text.contains("(held out 6.50 %)  perplexity 50/41  dead 4"), "{text}");
    }

    #[test]
    fn a_stage_says_what_is_left_of_the_candidate_in_training() {
        let stop = AtomicBool::new(false);
        let mut stage = StageProgress::new(["prior", "hop"], 2, &stop);
        let start = Instant::now();
        let at = |seconds| start + std::time::Duration::from_secs(seconds);
        assert_eq!(
            stage.text(&PriorKind::Small, [50, 1000], 7.126, at(0)),
            "prior small, step 50/1000: 7.13 bits a hop"
        );
        assert!(stage.text(&PriorKind::Small, [100, 1000], 7.0, at(10)).ends_with("  3 min 00 s left"));
        assert!(stage.text(&PriorKind::Standard, [50, 1000], 7.0, at(90)).ends_with("a hop"));
        assert!(stage.text(&PriorKind::Standard, [1000, 1000], 7.0, at(100)).ends_with("  0 s left"));
        assert!(stage.text(&PriorKind::Standard, [600, 1000], 7.0, at(190)).ends_with("a hop"));
    }
}
