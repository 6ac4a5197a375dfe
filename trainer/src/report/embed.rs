//! The numbers that the page's script draws: packed small, and safe inside a `<script>` element.

use serde_json::{Value, json};

use super::charts::Chart;
use super::data::{RunReport, Waveform};

/// Waveforms and curves as JSON text for a `<script type="application/json">` element.
pub(super) fn json(runs: &[RunReport], charts: &[Chart]) -> String {
    let runs: Vec<Value> = runs.iter().map(run).collect();
    let charts: Vec<Value> = charts.iter().map(Chart::json).collect();
    escape_script(&json!({ "runs": runs, "charts": charts }).to_string())
}

/// In JSON these characters stand in strings only, where an escape means the same; an HTML parser that looks for the
/// element's end, or for a comment, then finds none.
fn escape_script(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                escaped.push_str(&format!("\\u{:04x}", u32::from(character)));
            }
            other => escaped.push(other),
        }
    }
    escaped
}

fn run(run: &RunReport) -> Value {
    json!({ "name": run.name, "waveform": run.waveform.as_ref().map_or(Value::Null, waveform) })
}

fn waveform(waveform: &Waveform) -> Value {
    let channels: Vec<Value> = waveform
        .channels
        .iter()
        .map(|channel| {
            json!({
                "name": channel.name,
                "unit": channel.shown_unit(),
                "scale": channel.scale(),
                "offset": channel.offset,
                "lengths": [channel.original.len(), channel.reconstruction.len()],
                "original": pack(&channel.original),
                "reconstruction": pack(&channel.reconstruction),
            })
        })
        .collect();
    json!({
        "rate": waveform.rate(),
        "start": waveform.first_frame,
        "frames": waveform.frames(),
        "channels": channels,
        "packets": waveform.packets.iter().map(|packet| json!([packet.frame, packet.bytes])).collect::<Vec<_>>(),
        "spans": waveform.spans.iter().map(|span| json!([span.from, span.to, span.status])).collect::<Vec<_>>(),
    })
}

/// Samples as text, one to three characters each for signals that change slowly: the wrapped difference from the
/// sample before, sign in the lowest bit, in base-32 digits from the lowest up; 32 is added to each digit that another
/// follows, and 63 to make it printable. It is Google's *encoded polyline* format with 32-bit wrapping differences.
fn pack(samples: &[i32]) -> String {
    let mut packed = String::with_capacity(samples.len() * 2);
    let mut previous = 0_i32;
    for &sample in samples {
        let difference = sample.wrapping_sub(previous);
        let mut rest = ((difference << 1) ^ (difference >> 31)) as u32;
        while rest >= 32 {
            packed.push(char::from((rest % 32 + 32 + 63) as u8));
            rest /= 32;
        }
        packed.push(char::from((rest + 63) as u8));
        previous = sample;
    }
    packed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::data::{PacketMark, Span, SpanStatus, WaveformChannel};
    use super::*;

    /// The inverse of [`pack`], as the page's script has it.
    fn unpack(packed: &str) -> Vec<i32> {
        let (mut samples, mut value, mut bits, mut shift) = (Vec::new(), 0_i32, 0_u32, 0);
        for digit in packed.bytes().map(|byte| u32::from(byte) - 63) {
            bits |= (digit & 31) << shift;
            shift += 5;
            if digit & 32 == 0 {
                value = value.wrapping_add((bits >> 1) as i32 ^ -((bits & 1) as i32));
                samples.push(value);
                (bits, shift) = (0, 0);
            }
        }
        samples
    }

    fn parsed(run: RunReport) -> Value {
        serde_json::from_str(&json(&[run], &[])).unwrap()
    }

    proptest! {
        #[test]
        fn packing_is_lossless_and_printable(samples in proptest::collection::vec(any::<i32>(), 0..200)) {
            let packed = pack(&samples);
            prop_assert!(packed.bytes().all(|byte| (63..127).contains(&byte)));
            prop_assert_eq!(unpack(&packed), samples);
        }

        #[test]
        fn embedded_text_cannot_end_the_script(name in ".*") {
            let run = RunReport { name: format!("{name}</script><!--\u{2028}"), ..RunReport::default() };
            let text = json(std::slice::from_ref(&run), &[]);
            let dangerous = text.contains(['<', '>', '&', '\u{2028}', '\u{2029}']);
            prop_assert!(!dangerous, "{}", text);
            prop_assert_eq!(&parsed(run.clone())["runs"][0]["name"], &json!(run.name));
        }
    }

    #[test]
    fn small_steps_take_one_character() {
        assert_eq!(pack(&[0, 15, 0, -15]).len(), 4);
        assert_eq!(pack(&[]), "");
        assert_eq!(pack(&[i32::MAX, i32::MIN]).len(), 7 + 1);
    }

    #[test]
    fn a_waveform_keeps_its_marks_and_channels() {
        let channel = |name: &str, offset| WaveformChannel {
            name: name.into(),
            unit: "mV".into(),
            counts_per_unit: 200.0,
            offset,
            original: vec![1, 2, 3],
            reconstruction: vec![1, 2],
        };
        let waveform = Waveform {
            rate_millihertz: 360_000,
            first_frame: 7,
            channels: vec![channel("I", 0), channel("II", -5)],
            packets: vec![PacketMark { frame: 1, bytes: 244 }],
            spans: vec![Span { from: 1, to: 3, status: SpanStatus::Gap }],
        };
        let run = RunReport { waveform: Some(waveform), ..RunReport::default() };
        let found = &parsed(run)["runs"][0]["waveform"];
        assert_eq!(found["rate"], json!(360.0));
        assert_eq!(found["frames"], json!(3));
        assert_eq!(found["packets"], json!([[1, 244]]));
        assert_eq!(found["spans"], json!([[1, 3, "gap"]]));
        assert_eq!(found["channels"][1]["offset"], json!(-5));
        assert_eq!(found["channels"][1]["lengths"], json!([3, 2]));
        assert_eq!(unpack(found["channels"][0]["original"].as_str().unwrap()), [1, 2, 3]);
    }
}
