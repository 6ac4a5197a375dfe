//! The program `vq` as a gateway runs it: encode, decode, eval and inspect, from files and pipes, with errors that help.

mod pass;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use pass::{HOP, recording};
use serde_json::Value;
use vq_trainer::data::{OpenOptions, open};
use vq_trainer::export::export;
use vq_trainer::export::trained::{TrainedQuantizer, half_octaves};

/// A folder with `model.vqm`, which passes each sample of a hop through a latent of its own.
struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let samples = open(&recording(), &OpenOptions::default()).unwrap().samples;
        let quantizer = TrainedQuantizer::Scalar { steps: vec![half_octaves(0.01); HOP], bits: 10, told: None };
        let exported = export(&pass::nets(quantizer), &samples, &pass::metadata("pass")).unwrap();
        exported.integer.write(&folder.path().join("model.vqm")).unwrap();
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        std::fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    /// Runs `vq` in the folder; words are split at spaces, `ECG` stands for the recording that ships.
    fn vq(&self, words: &str, input: &[u8]) -> Output {
        let shipped = recording();
        let words = words.split(' ').map(|word| if word == "ECG" { shipped.as_os_str() } else { word.as_ref() });
        let mut child = Command::new(env!("CARGO_BIN_EXE_vq"))
            .args(words)
            .current_dir(self.0.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = input.to_vec();
        // Both directions at once: neither side waits for the other's full pipe. A program that fails reads nothing.
        let writer = std::thread::spawn(move || drop(stdin.write_all(&input)));
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        output
    }

    fn succeeds(&self, words: &str) -> String {
        let output = self.vq(words, b"");
        assert!(output.status.success(), "{words}: {}", text(&output.stderr));
        text(&output.stdout)
    }

    fn fails(&self, words: &str) -> String {
        let output = self.vq(words, b"");
        assert_eq!(output.status.code(), Some(1), "{words}: {}", text(&output.stdout));
        let message = text(&output.stderr);
        assert!(message.lines().filter(|line| line.starts_with("error: ")).count() == 1, "{message}");
        message
    }

    fn json(&self, words: &str) -> Value {
        serde_json::from_str(&self.succeeds(words)).unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn eval_counts_the_bytes_of_encode_and_the_samples_of_decode() {
    let bench = Bench::new();
    bench.succeeds("encode --model model.vqm ECG -o x.vqs");
    bench.succeeds("decode --model model.vqm x.vqs -o out.hea");
    let all = bench.json("eval --model model.vqm ECG --json");
    let row = &all["records"][0];
    let original = open(&recording(), &OpenOptions::default()).unwrap();
    let decoded = open(&bench.path("out.hea"), &OpenOptions::default()).unwrap();
    assert_eq!(decoded.frames(), original.frames());
    assert_eq!(decoded.channels, original.channels);

    let size = std::fs::metadata(bench.path("x.vqs")).unwrap().len();
    assert_eq!(row["bits_per_sample"].as_f64().unwrap(), size as f64 * 8.0 / 108_000.0);
    let errors = original.samples.iter().zip(&decoded.samples).map(|(x, y)| f64::from(x - y));
    let squares: f64 = errors.clone().map(|error| error * error).sum();
    let largest = errors.map(f64::abs).fold(0.0, f64::max);
    let mean = original.samples.iter().map(|&x| f64::from(x)).sum::<f64>() / 108_000.0;
    let deviation: f64 = original.samples.iter().map(|&x| (f64::from(x) - mean).powi(2)).sum();
    let prdn = 100.0 * (squares / deviation).sqrt();
    assert!((row["prdn_percent"].as_f64().unwrap() - prdn).abs() < 1e-9, "{prdn} {row}");
    assert!(prdn < 2.0, "a step of 2.5 counts costs {prdn} %");
    assert_eq!(row["max_error_lsb"].as_f64().unwrap(), largest);
    assert_eq!((&row["name"], &row["samples"], &row["channels"]), (&"mitdb-208".into(), &108_000.into(), &1.into()));
    assert_eq!((&row["source_bits"], &row["unit"], &row["quality"]), (&11.into(), &"mV".into(), &9.into()));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<String>>();
    let in_mean = |key: &String| key != "name" && key != "packet_surprisal_percent";
    assert_eq!(keys(&all["mean"]), keys(row).into_iter().filter(in_mean).collect::<Vec<String>>());
    assert_eq!(all["mean"]["prdn_percent"], row["prdn_percent"]);

    let streams = bench.json("inspect x.vqs --json --model model.vqm");
    assert_eq!(streams["segments"][0]["packets"], row["packets"]);
    assert_eq!(streams["segments"][0]["decoded"]["frames"], 108_000);
    let table = bench.succeeds("eval --model model.vqm ECG ECG --from 240s");
    assert_eq!(table.lines().count(), 4, "{table}");
    assert!(table.contains("21600"), "{table}");
}

#[test]
fn pipes_carry_the_same_bytes() {
    let bench = Bench::new();
    bench.succeeds("encode --model model.vqm ECG -o x.vqs");
    bench.succeeds("decode --model model.vqm x.vqs -o out.csv");
    let stream = std::fs::read(bench.path("x.vqs")).unwrap();
    let table = std::fs::read(bench.path("out.csv")).unwrap();
    let decoded = bench.vq("decode --model model.vqm - -o - --format csv", &stream);
    assert!(decoded.stdout == table, "{}", text(&decoded.stderr));
    let encoded = bench.vq("encode --model model.vqm - -o - --format csv --lsb 0.005", &table);
    let from_file = bench.vq("encode --model model.vqm out.csv -o - --lsb 0.005", b"");
    assert!(encoded.status.success() && encoded.stdout == from_file.stdout, "{}", text(&encoded.stderr));
}

#[test]
fn cut_joined_and_damaged_streams_decode() {
    let bench = Bench::new();
    bench.succeeds("encode --model model.vqm ECG -o x.vqs --packet-hops 40");
    let mut stream = std::fs::read(bench.path("x.vqs")).unwrap();
    bench.write("joined.vqs", [stream.as_slice(), &stream].concat());
    bench.succeeds("decode --model model.vqm joined.vqs -o joined.wav");
    assert_eq!(open(&bench.path("joined.wav"), &OpenOptions::default()).unwrap().frames(), 216_000);

    bench.write("cut.vqs", &stream[stream.len() / 2..]);
    let cut = bench.vq("decode --model model.vqm cut.vqs -o cut.wav", b"");
    assert!(cut.status.success() && text(&cut.stderr).contains("warning: cut.vqs: byte 0:"), "{}", text(&cut.stderr));
    let frames = open(&bench.path("cut.wav"), &OpenOptions::default()).unwrap().frames();
    // Half of the bytes, which are not spread evenly over the beats.
    assert!((43_000..65_000).contains(&frames), "{frames}");

    let middle = stream.len() / 2;
    stream[middle] ^= 0x55;
    bench.write("damaged.vqs", &stream);
    let damaged = bench.vq("decode --model model.vqm damaged.vqs -o damaged.wav", b"");
    assert!(damaged.status.success() && text(&damaged.stderr).contains("frames are lost"), "{}", text(&damaged.stderr));
    assert_eq!(open(&bench.path("damaged.wav"), &OpenOptions::default()).unwrap().frames(), 108_000);
    let summary = bench.json("inspect damaged.vqs --json --model model.vqm");
    let lost = summary["segments"][0]["decoded"]["lost_frames"].as_u64().unwrap();
    let first_packet = stream.iter().position(|byte| *byte == 0).unwrap() + 1;
    bench.write("header.vqs", &stream[..first_packet]);
    assert!(bench.fails("decode --model model.vqm header.vqs -o header.wav").contains("no packet of model `pass`"));
    assert!((1..=320).contains(&lost) && lost.is_multiple_of(40 * HOP as u64), "{lost}");
}

/// A device names its model when it starts, by a header that knows neither length nor time.
#[test]
fn a_serial_capture_with_a_reset_in_it_decodes() {
    let bench = Bench::new();
    bench.succeeds("encode --model model.vqm ECG -o x.vqs --packet-hops 40");
    let stream = std::fs::read(bench.path("x.vqs")).unwrap();
    let first_packet = stream.iter().position(|byte| *byte == 0).unwrap() + 1;
    let model = std::fs::read(bench.path("model.vqm")).unwrap();
    let mut buffer = [0; 64];
    let identity = model[16..32].try_into().unwrap();
    let header = vq_core::packet::stream_header(identity, "pass", 244, &mut buffer).unwrap();
    let mut capture = stream[stream.len() / 2..stream.len() * 3 / 4].to_vec();
    // The zero byte ends the frame that the reset cut off.
    capture.push(0);
    vq_trainer::stream::append_packet(&mut capture, header);
    capture.extend(&stream[first_packet..stream.len() / 4]);
    bench.write("capture.vqs", &capture);

    let decoded = bench.vq("decode --model model.vqm capture.vqs -o out.hea", b"");
    assert!(decoded.status.success(), "{}", text(&decoded.stderr));
    let frames = open(&bench.path("out.hea"), &OpenOptions::default()).unwrap().frames();
    assert!((43_000..65_000).contains(&frames), "{frames}");
    let streams = bench.json("inspect capture.vqs --json --model model.vqm");
    assert_eq!(streams["segments"].as_array().unwrap().len(), 2);
}

#[test]
fn one_stream_short_headers_and_gaps() {
    let bench = Bench::new();
    let bits = |words: &str| {
        let row = bench.json(&format!("eval --model model.vqm ECG --to 60s --json {words}"))["records"][0].clone();
        (row["packets"].as_u64().unwrap(), row["header_bytes"].as_u64().unwrap())
    };
    let (packets, headers) = bits("--packet-bytes 60");
    let (short_packets, short_headers) = bits("--packet-bytes 60 --short-headers");
    assert!(short_packets <= packets && short_headers < headers, "{short_headers} {headers}");
    assert_eq!(bits("--packet-bytes none").0, 1);

    bench.succeeds("encode --model model.vqm ECG -o x.vqs --packet-hops 90");
    let stream = std::fs::read(bench.path("x.vqs")).unwrap();
    let ends: Vec<usize> =
        stream.iter().enumerate().filter(|(_, byte)| **byte == 0).map(|(place, _)| place + 1).collect();
    // The header, two packets, and what follows the third.
    bench.write("gap.vqs", [&stream[..ends[2]], &stream[ends[3]..]].concat());
    let (first, last) = (2 * 90 * HOP, 3 * 90 * HOP - 1);
    let decoded = bench.vq("decode --model model.vqm gap.vqs -o gap.csv --gap mark", b"");
    let told = text(&decoded.stderr);
    assert!(told.contains(&format!("frames {first} to {last} are lost (360 frames from 2.000 s on)")), "{told}");
    let table = std::fs::read_to_string(bench.path("gap.csv")).unwrap();
    let rows: Vec<&str> = table.lines().skip(1).collect();
    assert!(rows[first].ends_with(",,2") && rows[last].ends_with(",,2"), "{} {}", rows[first], rows[last]);
    assert!(rows[first - 1].ends_with(",0") && !rows[last + 1].ends_with(",2"));
    bench.succeeds("decode --model model.vqm gap.vqs -o gap.hea --gap hold");
    let held = open(&bench.path("gap.hea"), &OpenOptions::default()).unwrap();
    assert!(held.samples[first..=last].iter().all(|sample| *sample == held.samples[first - 1]));
    assert!(bench.fails("decode --model model.vqm gap.vqs -o gap.wav --gap nan").contains("--gap hold"));
}

#[test]
fn other_rates_and_units_are_refused_with_the_way_out() {
    let bench = Bench::new();
    let rows: String = (0..720).map(|t| format!("{}\n", f64::from(t % 90) / 200.0)).collect();
    bench.write("a.csv", rows);
    let read = "a.csv --rate 180 --unit mV";
    let error = bench.fails(&format!("eval --model model.vqm {read}"));
    assert!(error.contains("180 Hz") && error.contains("--resample") && error.contains("--assume-rate"), "{error}");
    let error = bench.fails("eval --model model.vqm a.csv --rate 360 --unit g");
    assert!(error.contains("in g where the model is for mV") && error.contains("--resample"), "{error}");
    let samples = |words: &str| {
        bench.json(&format!("eval --model model.vqm --json {read} {words}"))["records"][0]["samples"].clone()
    };
    assert_eq!(samples("--resample"), 1440);
    assert_eq!(samples("--assume-rate"), 720);
    assert_eq!(samples("--assume-rate --from 1s"), 540, "seconds are those of the file");
}

/// A recorder whose counts are an eighth of the model's: its file says so, and its stream keeps them.
#[test]
fn a_recording_of_another_amplifier_keeps_its_counts() {
    let bench = Bench::new();
    let own = open(&recording(), &OpenOptions::default()).unwrap().samples;
    let rows: String =
        own[..36_000].iter().map(|x| format!("{:.6}\n", f64::from(x - 1024) / 200.0 + 0.000_625)).collect();
    bench.write("loud.csv", format!("MLII\n{rows}"));
    let read = "loud.csv --rate 360 --unit mV --lsb 0.000625";
    let encoded = bench.vq(&format!("encode --model model.vqm {read} -o x.vqs"), b"");
    let told = text(&encoded.stderr);
    assert!(encoded.status.success() && told.contains("another amplifier"), "{told}");
    let summary = bench.json("inspect x.vqs --json --model model.vqm");
    let segment = &summary["segments"][0];
    assert_eq!(segment["moved_packets"], segment["packets"]);
    let row = |words: &str| bench.json(&format!("eval --model model.vqm --json {words}"))["records"][0].clone();
    let (loud, still) = (row(&format!("{read} --quality 5")), row("ECG --to 36000 --quality 5"));
    let relative = |row: &Value| row["prdn_percent"].as_f64().unwrap();
    assert!((relative(&loud) / relative(&still) - 1.0).abs() < 0.05, "{loud} {still}");
    assert!(loud["bits_per_sample"].as_f64().unwrap() < 1.1 * still["bits_per_sample"].as_f64().unwrap());
    let exact = row(&format!("{read} --lossless"));
    assert_eq!((&exact["max_error_lsb"], &exact["moved_packets"]), (&0.into(), &0.into()));
    let bounded = row(&format!("{read} --max-error 5uV"));
    assert_eq!(bounded["bound_lsb"], 8);
}

#[test]
fn a_bitrate_is_kept_by_moving_the_quality() {
    let bench = Bench::new();
    let row = |words: &str| bench.json(&format!("eval --model model.vqm ECG --json {words}"))["records"][0].clone();
    let (best, worst) = (row("--quality 9"), row("--quality 1"));
    let bits = |row: &Value| row["bits_per_sample"].as_f64().unwrap();
    let middle = (bits(&best) + bits(&worst)) / 2.0;
    for words in [format!("--bitrate {middle}/sample"), format!("--bitrate {}", middle * 360.0)] {
        let kept = row(&words);
        // Packets are framed in the file by two bytes more.
        assert!((bits(&kept) / middle - 1.01).abs() < 0.03, "{} for {middle}", bits(&kept));
        let quality = kept["mean_quality"].as_f64().unwrap();
        assert!(1.0 < quality && quality < 9.0, "{quality}");
    }
    assert!(
        bench.fails("eval --model model.vqm ECG --bitrate 300 --packet-bytes none").contains("--packet-bytes a number")
    );
    // Less than the lowest quality takes cannot be had, and is said.
    let encoded = |rate: f64| {
        let done = bench.vq(&format!("encode --model model.vqm ECG -o x.vqs --bitrate {rate}/sample"), b"");
        text(&done.stderr)
    };
    let too_low = encoded(bits(&worst) / 2.0);
    assert!(too_low.contains("warning") && too_low.contains("lowest quality"), "{too_low}");
    assert!(!encoded(middle).contains("lowest quality"));
}

#[test]
fn errors_name_the_file_and_what_to_do() {
    let bench = Bench::new();
    bench.write("broken.vqm", b"VQM1 and no more");
    bench.write("empty.vqs", b"");
    bench.write("a.csv", b"ecg\n0.5\noops\n");
    for (words, expected) in [
        ("eval --model gone.vqm ECG", "gone.vqm"),
        ("eval --model broken.vqm ECG", "broken.vqm cannot be used"),
        ("decode --model model.vqm empty.vqs -o out.hea", "empty.vqs: no packet of model `pass`"),
        ("decode --model model.vqm empty.vqs -o out.xyz", "empty.vqs: no packet"),
        ("encode --model model.vqm a.csv -o x.vqs --rate 360", "a.csv: row 3, column `ecg`: `oops` is not a number"),
        ("encode --model model.vqm - -o x.vqs", "give --format"),
        ("encode --model model.vqm ECG -o x.vqs --packet-bytes 5", "allow at least"),
        ("eval --model model.vqm ECG --from 400s", "other --from and --to"),
        ("eval --model model.vqm ECG --columns V1", "there is no channel `V1`; give --columns one of MLII"),
    ] {
        let error = bench.fails(words);
        assert!(error.contains(expected), "{words}: {error}");
    }
    assert!(!bench.path("x.vqs").exists());
    assert_eq!(bench.vq("eval ECG", b"").status.code(), Some(2));
    let mut altered = std::fs::read(bench.path("model.vqm")).unwrap();
    let place = altered.len() / 2;
    altered[place] ^= 1;
    bench.write("altered.vqm", &altered);
    assert!(bench.fails("inspect altered.vqm").contains("altered.vqm"));
}

#[test]
fn inspect_says_what_a_model_costs() {
    let bench = Bench::new();
    let model = bench.json("inspect model.vqm --json");
    assert_eq!(
        (&model["name"], &model["rate_hertz"], &model["hop_frames"]),
        (&"pass".into(), &360.0.into(), &HOP.into())
    );
    assert_eq!(model["channels"][0]["counts_per_unit"], 200.0);
    assert_eq!(model["qualities"][0]["bits_per_hop"], 40);
    assert_eq!(model["multiply_accumulates_per_sample"]["encoder"], 4.0);
    assert_eq!((&model["self_test"], &model["run"]["seed"]), (&"passed".into(), &7.into()));
    assert_eq!(model["flash_bytes"], std::fs::metadata(bench.path("model.vqm")).unwrap().len());
    let delay = &model["delay_seconds"];
    let parts =
        ["encoder_look_ahead", "hop", "packet_fill", "decoder_look_ahead"].map(|part| delay[part].as_f64().unwrap());
    assert_eq!(parts.iter().sum::<f64>(), delay["total"].as_f64().unwrap());
    // Hops of the expected length fill the 244 bytes but for header and checksum.
    let bits = model["qualities"].as_array().unwrap().last().unwrap()["expected_bits_per_hop"].as_f64().unwrap();
    let hops = (f64::from(244 - 7) * 8.0 / bits).floor();
    assert!(bits < 40.0 && (parts[2] - (hops - 1.0) * 4.0 / 360.0).abs() < 1e-9, "{parts:?}");
    for net in model["memory"].as_array().unwrap() {
        let ends = net["lines"].as_array().unwrap().iter().map(|line| {
            let buffer = &line["buffer"];
            assert!(!buffer["steps"].as_array().unwrap().is_empty());
            buffer["start"].as_u64().unwrap() + buffer["bytes"].as_u64().unwrap()
        });
        assert!(ends.max() <= net["bytes"].as_u64() && net["bytes"].as_u64() <= net["unshared_bytes"].as_u64());
    }
    for (file, expected) in [
        ("model.vqm", "self-test             passed"),
        ("model.vqm", "encoder memory: "),
        ("ECG", "MLII: 11 bits, 200 counts per mV, zero at 1024"),
    ] {
        let shown = bench.succeeds(&format!("inspect {file}"));
        assert!(shown.contains(expected), "{shown}");
    }
}
