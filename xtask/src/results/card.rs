//! The card of a model that ships: what it is of, how it was made, what it costs, what it does, what it cannot.

use anyhow::{Context, Result};
use serde_json::Value;

use super::measured::{BoundsRow, PACKET_BYTES, REGIMES, RateDistortion};
use super::signal::{WAVELET, curve_table, percent, range, worst};
use super::speech;
use crate::models::{Facts, Recipe, Signal};

/// What a card is written from.
pub(super) struct Card<'a> {
    pub(super) signal: &'a Signal,
    pub(super) recipe: &'a Recipe,
    /// `vq inspect --json`.
    pub(super) summary: &'a Value,
    pub(super) facts: Option<&'a Facts>,
    pub(super) measured: &'a RateDistortion,
    /// On the recording that the signal names as another kind.
    pub(super) elsewhere: Option<&'a RateDistortion>,
    pub(super) bounds: &'a [BoundsRow],
}

/// The card as Markdown.
pub(super) fn text(card: &Card<'_>) -> Result<String> {
    let Recipe { name, short, .. } = card.recipe;
    Ok(format!(
        "<!-- Written by `cargo xtask results` from the model and from what is measured. -->\n\n# {name}\n\n{title}: `vq encode --model {short} …`. Each table is measured on \
         {held_out}.\n\n## Data\n\n{data}\n## Made by\n\n{made}\n## On a device\n\n{device}\n## Rate and distortion\n\n{rates}\n## Known limits\n\n{limits}",
        title = card.signal.title,
        held_out = card.signal.held_out,
        data = card.data()?,
        made = card.made()?,
        device = card.device()?,
        rates = card.rates()?,
        limits = card.limits()?,
    ))
}

impl Card<'_> {
    fn number(&self, path: &str) -> Result<f64> {
        let value = self.summary.pointer(path).and_then(Value::as_f64);
        value.with_context(|| format!("`vq inspect` gives no number {path} of {}", self.recipe.name))
    }

    fn data(&self) -> Result<String> {
        let recordings = self.summary.pointer("/run/recordings").and_then(Value::as_array);
        let recordings = recordings.with_context(|| format!("{} does not list its recordings", self.recipe.name))?;
        let mut names: Vec<&str> = recordings.iter().filter_map(|recording| recording["name"].as_str()).collect();
        names.dedup();
        Ok(format!(
            "`vq data {}` fetches it and says its licence and whom to cite; so does this card: {}.\n\nTrained on: {}.\n\nMeasured on {}: {}, {}.\n",
            self.signal.data,
            self.signal.terms,
            names.join(", "),
            self.signal.held_out,
            self.signal.test.join(", "),
            match self.signal.to {
                Some(to) => format!("frames {} to {}", self.signal.from, to - 1),
                None => "whole".to_owned(),
            },
        ))
    }

    fn made(&self) -> Result<String> {
        let run = &self.summary["run"];
        let words = run["command"].as_array().context("the model does not say its training's command")?;
        let command: Vec<&str> = words.iter().filter_map(Value::as_str).collect();
        let word = |key: &str| run[key].as_str().unwrap_or("unknown").to_owned();
        let commit = self.facts.map_or("unknown", |facts| facts.commit.as_str());
        Ok(format!(
            "`cargo xtask models {}` makes it anew. The training was\n\n```text\n{}\n```\n\nwith seed {}, microvq {}, libtorch {}. The model has the identity `{}` and was measured at commit `{commit}`.\n",
            self.recipe.name,
            command.join(" "),
            run["seed"],
            word("program_version"),
            word("torch_version"),
            self.summary["identity"].as_str().unwrap_or("unknown"),
        ))
    }

    fn device(&self) -> Result<String> {
        let number = |path: &str| self.number(path);
        let macs = "/multiply_accumulates_per_sample";
        let delay = "/delay_seconds";
        let mut text = "| | |\n|---|---|\n".to_owned();
        text += &format!(
            "| the file, in flash | {} bytes, {} of them the decoder's net |\n",
            number("/flash_bytes")?,
            number("/decoder_flash_bytes")?
        );
        text += &format!(
            "| memory of an encoder, packets of {PACKET_BYTES} bytes | {} bytes |\n",
            number("/encoder_memory_bytes")?
        );
        text += &format!("| memory of a decoder | {} bytes |\n", number("/decoder_memory_bytes")?);
        text += &format!(
            "| multiply-accumulates per sample | {:.0} of the encoder, {:.0} of the decoder, {:.0} of the prior on either side |\n",
            number(&format!("{macs}/encoder"))?,
            number(&format!("{macs}/decoder"))?,
            number(&format!("{macs}/prior"))?,
        );
        for (core, called) in [("m4", "Cortex-M4"), ("m0", "Cortex-M0")] {
            let counted = self.facts.and_then(|facts| facts.instructions.get(core));
            let count = counted.map_or_else(
                || "not counted".to_owned(),
                |counted| format!("{:.0} to encode, {:.0} to decode", counted.encode, counted.decode),
            );
            text += &format!("| instructions per sample on a {called}, quality 9 | {count} |\n");
        }
        text += &format!(
            "| delay, packets filled up at quality 9 | {:.2} s: look-ahead {:.3} s, hop {:.3} s, packet {:.2} s, decoder's look-ahead {:.3} s |\n",
            number(&format!("{delay}/total"))?,
            number(&format!("{delay}/encoder_look_ahead"))?,
            number(&format!("{delay}/hop"))?,
            number(&format!("{delay}/packet_fill"))?,
            number(&format!("{delay}/decoder_look_ahead"))?,
        );
        let tools = self.facts.map_or_else(String::new, |facts| format!(", counted with {}", facts.tools));
        text += &format!(
            "\nInstructions are QEMU's and not cycles{tools}; the code takes flash besides. `--packet-hops` shortens the delay.\n"
        );
        Ok(text)
    }

    fn rates(&self) -> Result<String> {
        let name = &self.recipe.name;
        let mut text = format!("![Rate and distortion](../docs/rd-{}.svg)\n\n", self.signal.name);
        text += &curve_table(self.measured, name)?;
        let [least, most] = self.signal.between;
        text += "\nMeans of the recordings, the largest error of all; every byte counts, headers included. ";
        text += &format!(
            "Against the wavelet, at equal mean squared error between {least} and {most} of its bits per sample, as far as both curves go; a record's figure is its mean over \
             that range, and one quality can be worse:\n\n"
        );
        text += &self.against(WAVELET)?;
        if let Some(rival) = &self.signal.rival {
            text += &format!("\nAgainst {rival}, likewise:\n\n{}", self.against(rival)?);
        }
        if let Some(table) = speech::table(self.measured) {
            text += &format!("\nAs speech is measured, one stream:\n\n{table}");
        }
        text += "\nEvery sample exactly or within a bound, bits per sample:\n\n| packets | lossless | ±1 LSB | ±5 LSB |\n|---|---|---|---|\n";
        for row in self.bounds.iter().filter(|row| row.model == *name) {
            let packets = row.packet_bytes.map_or_else(|| "one stream".to_owned(), |bytes| format!("{bytes} bytes"));
            let bits: String = row.bits_per_sample.iter().map(|bits| format!(" {bits:.3} |")).collect();
            text += &format!("| {packets} |{bits}\n");
        }
        Ok(text)
    }

    /// The model's bits against an opponent's in both regimes.
    fn against(&self, opponent: &str) -> Result<String> {
        let mut text =
            "| | mean | spread | worst record (and quality) | at its bits per sample |\n|---|---|---|---|---|\n"
                .to_owned();
        for (regime, called) in
            REGIMES.into_iter().zip(["one stream".to_owned(), format!("packets of {PACKET_BYTES} bytes")])
        {
            let difference = self.measured.difference(&self.recipe.name, opponent, regime);
            let difference = difference.with_context(|| format!("`vq bench rd` does not compare with {opponent}"))?;
            let spread = difference.spread_percent.map_or_else(|| "–".to_owned(), |spread| format!("{spread:.1} %"));
            let (mean, worst, rates) = (percent(difference.mean_percent), worst(difference), range(difference));
            text += &format!("| {called} | {mean} | {spread} | {worst} | {rates} |\n");
        }
        Ok(text)
    }

    /// What the recipe says, and what the figures say.
    fn limits(&self) -> Result<String> {
        let name = &self.recipe.name;
        let mut limits = self.signal.limits.clone();
        let rivals = self.signal.rival.iter().map(|rival| (rival.as_str(), rival.clone()));
        for (opponent, named) in [(WAVELET, "wavelet".to_owned())].into_iter().chain(rivals) {
            for (regime, called) in REGIMES.into_iter().zip(["as one stream", "in packets"]) {
                let more = self.measured.difference(name, opponent, regime).map(|found| found.records_above(0.0));
                match more.as_deref() {
                    Some([]) => limits.push(format!(
                        "No recording that was measured needs more bits than with the {named} {called}, on average over the range of errors above."
                    )),
                    Some(records) => limits.push(format!(
                        "The {named} needs fewer bits {called} for {}, on average over the range of errors above.",
                        records.join(", ")
                    )),
                    None => {}
                }
            }
        }
        if let (Some(measured), Some(elsewhere)) = (self.elsewhere, &self.signal.elsewhere) {
            let found = REGIMES.map(|regime| measured.difference(name, WAVELET, regime));
            let [stream, packets] = found.map(|found| percent(found.and_then(|found| found.mean_percent)));
            limits.push(format!(
                "On {} (`{}`, read with `{}`), its bits against the wavelet's are {stream} as one stream and {packets} in packets.",
                elsewhere.what,
                elsewhere.record,
                elsewhere.reading.join(" ")
            ));
        }
        let largest = self.measured.curve(name, REGIMES[0])?.mean().last().map_or(0.0, |point| point.max_error_lsb);
        limits.push(format!("The largest error of a sample at the best quality is {largest:.0} LSB."));
        Ok(limits.iter().map(|limit| format!("* {limit}\n")).collect())
    }
}
