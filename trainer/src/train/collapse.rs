//! Whether codes collapse while training, and what to do about it.

use crate::config::{CodebookUpdate, Config, QuantizerKind};
use crate::quantizer::Health;

/// A codebook that uses fewer codes than this part of those it has beyond the first is collapsing.
const LEAST_USE: f64 = 0.1;
/// Averages of use say something after this many times their memory.
const SETTLED: f64 = 3.0;

/// One sentence for the codebooks that have collapsed after `step` steps, and one for what to change; empty while all is
/// well, or too early to tell.
pub(super) fn warnings(config: &Config, step: usize, health: &Health) -> Vec<String> {
    let settled = config.unquantized_steps() as f64 + SETTLED / (1.0 - config.quantizer.decay);
    // Outer integers of a scalar quantizer are meant to be rare, and the rate is meant to silence latents.
    if config.quantizer.kind == QuantizerKind::Scalar || (step as f64) < settled {
        return Vec::new();
    }
    let alphabets = config.quantizer_record().alphabets();
    let symbols = alphabets.iter().zip(&health.perplexity).zip(&health.dead_codes).enumerate();
    let collapsed: Vec<String> = symbols
        .filter(|(_, ((codes, perplexity), dead))| is_collapsed(**codes, **perplexity, **dead))
        .map(|(symbol, ((codes, perplexity), dead))| {
            format!("number {}: {perplexity:.1} of {codes} in effective use, {dead} dead", symbol + 1)
        })
        .collect();
    if collapsed.is_empty() {
        return Vec::new();
    }
    let what = match config.quantizer.kind {
        QuantizerKind::Fsq => "latents",
        _ => "codebooks",
    };
    vec![format!("collapsed {what} at step {step}: {}", collapsed.join("; ")), advice(config, step)]
}

fn is_collapsed(codes: usize, perplexity: f64, dead: usize) -> bool {
    dead > codes / 2 || perplexity < 1.0 + LEAST_USE * (codes - 1) as f64
}

/// The options that most likely mend it, the likeliest first.
fn advice(config: &Config, step: usize) -> String {
    let (vector, training) = (&config.vector, &config.training);
    let mut options = Vec::new();
    if config.quantizer.kind == QuantizerKind::Fsq {
        options.push("lower training.learning_rate".to_string());
        options.push("give fewer levels (fsq.levels) or fewer latents (network.latents)".to_string());
        return format!("what helps: {}", options.join("; "));
    }
    if step >= config.step_at(vector.restart_until) {
        options
            .push(format!("raise vector.restart_until (dead codes stay since {} of the steps)", vector.restart_until));
    } else if vector.restart_every > training.steps / 20 {
        options.push(format!("lower vector.restart_every (it is {})", vector.restart_every));
    }
    if vector.codebook_update == CodebookUpdate::Gradient {
        options.push("set vector.codebook_update = \"moving-average\"".into());
    }
    if training.unquantized == 0.0 {
        options.push("raise training.unquantized, so that codebooks start on latents that mean something".into());
    }
    if config.quantizer.kind != QuantizerKind::Rvq && !vector.cosine {
        options.push("set vector.cosine = true".into());
    }
    options.push("give fewer codes (vector.stages, vector.codes or vector.part_stages)".into());
    options.push("--quantizer fsq has no codebook to collapse".into());
    format!("what helps: {}", options.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn health(perplexity: &[f64], dead: &[usize]) -> Health {
        Health {
            perplexity: perplexity.to_vec(),
            entropy_bits: perplexity.iter().map(|perplexity| perplexity.log2()).collect(),
            dead_codes: dead.to_vec(),
        }
    }

    #[test]
    fn healthy_codes_and_the_first_steps_are_not_warned_about() {
        let config = Config::default();
        let begun = config.step_at(config.training.unquantized);
        assert!(warnings(&config, 3000, &health(&[90.0, 80.0, 70.0], &[3, 4, 60])).is_empty());
        assert!(warnings(&config, begun + 20, &health(&[1.0, 80.0, 70.0], &[127, 4, 5])).is_empty());
        assert!(warnings(&config, 3000, &Health::default()).is_empty());
    }

    #[test]
    fn the_codebook_is_named_and_the_advice_is_what_the_run_does_not_do_yet() {
        let mut config = Config::default();
        let sick = health(&[90.0, 5.2, 70.0], &[3, 100, 5]);
        let [what, advice] = warnings(&config, 3000, &sick).try_into().unwrap();
        assert!(what.contains("step 3000") && what.contains("number 2: 5.2 of 128"), "{what}");
        assert!(!what.contains("number 1") && !advice.contains("moving-average"), "{what} {advice}");
        config.vector.codebook_update = CodebookUpdate::Gradient;
        config.vector.restart_until = 0.1;
        config.training.unquantized = 0.0;
        let [_, advice] = warnings(&config, 3000, &sick).try_into().unwrap();
        for option in ["restart_until", "moving-average", "unquantized", "--quantizer fsq"] {
            assert!(advice.contains(option), "{option}: {advice}");
        }
    }

    #[test]
    fn a_level_quantizer_is_advised_about_levels() {
        let mut config = Config::default();
        config.quantizer.kind = QuantizerKind::Fsq;
        let [what, advice] = warnings(&config, 3000, &health(&[1.0; 8], &[7; 8])).try_into().unwrap();
        assert!(what.contains("latents") && advice.contains("fsq.levels") && !advice.contains("restart"), "{advice}");
    }
}
