//! Sizes for people and for programs.

use serde_json::{Value, json};

use super::weigh::Weight;

/// As `--json` prints them.
pub(super) fn json(weights: &[Weight]) -> Value {
    let row = |weight: &Weight| {
        let Weight { target, set, program, text, rodata, model, ram, stack } = weight;
        json!({"target": target, "features": set, "program": program, "text": text, "rodata": rodata, "model": model,
            "static_ram": ram, "stack": stack})
    };
    Value::Array(weights.iter().map(row).collect())
}

/// A table for a page: each core's encoder alone and both sides, with every set of features.
pub(super) fn markdown(cores: &[(&str, Vec<Weight>)]) -> String {
    let mut text = "| core | features | code of an encoder | of both sides | static RAM of an encoder | of a decoder | stack of an encoder |\n\
                    |---|---|---|---|---|---|---|\n"
        .to_owned();
    for (core, weights) in cores {
        let of =
            |set: &str, program: &str| weights.iter().find(|weight| weight.set == set && weight.program == program);
        for encoder in weights.iter().filter(|weight| weight.program == "encode") {
            let set = &encoder.set;
            let code = |weight: Option<&Weight>| {
                weight.map_or_else(|| "–".into(), |weight| (weight.text + weight.rodata).to_string())
            };
            let ram = |weight: Option<&Weight>| weight.map_or_else(|| "–".into(), |weight| weight.ram.to_string());
            let (both, decoder) = (of(set, "both"), of(set, "decode"));
            text += &format!(
                "| {core} | {set} | {} | {} | {} | {} | {} |\n",
                code(Some(encoder)),
                code(both),
                encoder.ram,
                ram(decoder),
                encoder.stack
            );
        }
    }
    text
}

/// One table for each target, in the rows' order, and what it says.
pub(super) fn text(weights: &[Weight]) -> String {
    let mut text = String::new();
    for (index, weight) in weights.iter().enumerate() {
        if index.checked_sub(1).is_none_or(|before| weights[before].target != weight.target) {
            text += &format!(
                "\n{:<28}{:>9}{:>9}{:>9}{:>12}{:>9}\n",
                weight.target, "text", "rodata", "model", "static RAM", "stack"
            );
        }
        let Weight { set, program, text: code, rodata, model, ram, stack, .. } = weight;
        text += &format!("{:<28}{code:>9}{rodata:>9}{model:>9}{ram:>12}{stack:>9}\n", format!("{program}, {set}"));
    }
    text += "\nBytes, without those of a program that does nothing. nets: integer nets, quantizers and packets; priors: with tables and the\n\
             recurrent prior, and the coder's use of them; prediction: with bounded and lossless packets; all: with both, depthwise layers, the choice of codes, levels and budgets.\n\
             encode-trusted does not check again what the model's exporter proved. opt-level s; the kernels are assembly.\n";
    text
}
