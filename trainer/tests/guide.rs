//! Every command of the guide: run in order, a folder for each page, on half a minute of signal and with few training steps.
//!
//! A block that begins with ```` ```sh ```` must succeed. After `sh,fails` the last command must fail, with what the next text block quotes. `sh,setup` and
//! `sh,hardware` need a network, minutes or a board: they are read by the shell, and their `vq` commands by `vq`'s own parser, but not run.
#![cfg(feature = "train")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use image::{GrayImage, Luma};
use vq_trainer::cli;
use vq_trainer::data::{OpenOptions, open};

/// What is appended to every training.
const FEW_STEPS: &str = "--steps 20 --prior-steps 20 --residual-steps 10";
/// Frames of a recording.
const FRAMES: usize = 10_800;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Block {
    Succeeds(String),
    Fails { script: String, message: String },
    Read(String),
}

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs")
}

/// The pages of the guide, in the order of its summary.
fn pages() -> Vec<PathBuf> {
    let summary = fs::read_to_string(docs().join("SUMMARY.md")).unwrap();
    let links = summary.lines().filter_map(|line| line.split_once("](")?.1.split_once(')').map(|(link, _)| link));
    links.map(|link| docs().join(link)).collect()
}

/// The blocks of a page that are commands.
fn blocks(page: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut fences = page.split("\n```").skip(1).step_by(2).map(|fence| fence.split_once('\n').unwrap_or_default());
    while let Some((kind, script)) = fences.next() {
        let script = script.to_owned();
        match kind {
            "sh" => blocks.push(Block::Succeeds(script)),
            "sh,setup" | "sh,hardware" => blocks.push(Block::Read(script)),
            "sh,fails" => {
                let (_, message) =
                    fences.next().filter(|(kind, _)| *kind == "text").expect("a failure quotes its message");
                blocks.push(Block::Fails { script, message: message.trim().to_owned() });
            }
            _ => {}
        }
    }
    blocks
}

/// A script whose trainings are short.
fn shortened(script: &str) -> String {
    let shorten = |line: &str| {
        let is_long = line.starts_with("vq train ") && !line.contains("--print-config") && !line.contains("--resume");
        if is_long { format!("{line} {FEW_STEPS}") } else { line.to_owned() }
    };
    script.lines().map(shorten).collect::<Vec<_>>().join("\n")
}

/// What the guide's reader has: recordings, sound and not, and a model of them.
struct Desk(tempfile::TempDir);

impl Desk {
    fn new() -> Self {
        let desk = Self(tempfile::tempdir().unwrap());
        let root = desk.0.path();
        fs::create_dir_all(root.join("bin")).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_vq"), root.join("bin/vq")).unwrap();
        let start = root.join("start");
        fs::create_dir_all(start.join("recordings")).unwrap();
        let recording = open(&docs().join("../data/mitdb-208.hea"), &OpenOptions::default()).unwrap();
        let volts = |frame: usize| format!("{:.3}", f64::from(recording.samples[frame] - 1024) / 200.0);
        let rows = |from: usize| (0..FRAMES).map(move |row| (row as f64 / 360.0, from + row));
        for (day, from) in [("monday", 0), ("tuesday", 14_400), ("wednesday", 28_800)] {
            let lines = rows(from).map(|(time, frame)| format!("{time:.5},{}\n", volts(frame)));
            fs::write(start.join(format!("recordings/{day}.csv")), csv("time,heart", lines)).unwrap();
        }
        let bare = rows(0).map(|(_, frame)| volts(frame) + "\n");
        fs::write(start.join("bare.csv"), csv("heart", bare)).unwrap();
        // Rows count from 1, with the heading: row 5001 is the frame 4999.
        let changed = |change: &dyn Fn(usize, f64, String) -> String| {
            csv("time,heart", rows(0).enumerate().map(|(row, (time, frame))| change(row, time, volts(frame))))
        };
        let gap = |row: usize, time: f64, value: String| {
            if (4999..5040).contains(&row) { format!("{time:.5},\n") } else { format!("{time:.5},{value}\n") }
        };
        fs::write(start.join("gaps.csv"), changed(&gap)).unwrap();
        let jump = |row: usize, time: f64, value: String| {
            format!("{:.5},{value}\n", if row < 5000 { time } else { time + 0.2 })
        };
        fs::write(start.join("jump.csv"), changed(&jump)).unwrap();
        let words = |row: usize, time: f64, value: String| match row {
            4998 => format!("{time:.5},lead off\n"),
            _ => format!("{time:.5},{value}\n"),
        };
        fs::write(start.join("words.csv"), changed(&words)).unwrap();
        let half = |row: usize, time: f64, value: String| match row % 2 {
            0 => format!("{time:.5},{value}\n"),
            _ => String::new(),
        };
        fs::write(start.join("half.csv"), changed(&half)).unwrap();
        let short = |row: usize, time: f64, value: String| match row {
            0..19 => format!("{time:.5},{value}\n"),
            _ => String::new(),
        };
        fs::write(start.join("short.csv"), changed(&short)).unwrap();
        pictures(&start.join("photographs"), 24);
        pictures(&start.join("others"), 3);
        let made = "vq train recordings/*.csv --unit mV -o runs/mine\nvq export runs/mine -o mine.vqm\n\
                    vq encode --model mine.vqm recordings/tuesday.csv --unit mV -o tuesday.vqs";
        let output = desk.run(&start, made);
        assert!(output.status.success(), "{}", text(&output));
        desk
    }

    /// A folder for a page.
    fn folder(&self, name: &str) -> PathBuf {
        let folder = self.0.path().join(name);
        let status = Command::new("cp").arg("-r").arg(self.0.path().join("start")).arg(&folder).status().unwrap();
        assert!(status.success());
        folder
    }

    fn run(&self, folder: &Path, script: &str) -> Output {
        let path = format!("{}:{}", self.0.path().join("bin").display(), std::env::var("PATH").unwrap_or_default());
        let mut shell = Command::new("bash");
        shell.args(["-e", "-o", "pipefail", "-c", &shortened(script)]).current_dir(folder);
        shell.env("PATH", path).env("OMP_NUM_THREADS", "1").output().unwrap()
    }
}

/// A folder of small pictures of slanted waves.
fn pictures(folder: &Path, count: u32) {
    fs::create_dir_all(folder).unwrap();
    for index in 0..count {
        let level = |x: u32, y: u32| 128.0 + 110.0 * (f64::from(x * (1 + index % 5) + y * (2 + index / 5)) * 0.1).sin();
        let picture = GrayImage::from_fn(16, 16, |x, y| Luma([level(x, y) as u8]));
        picture.save(folder.join(format!("{index:03}.png"))).unwrap();
    }
}

fn csv(heading: &str, lines: impl Iterator<Item = String>) -> String {
    format!("{heading}\n{}", lines.collect::<String>())
}

fn text(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    let _ = write!(text, "{}", String::from_utf8_lossy(&output.stderr));
    text
}

/// Lets the shell and `vq` read a script, without running it.
fn read(script: &str) {
    let status = Command::new("bash").args(["-n", "-c", script]).status().unwrap();
    assert!(status.success(), "{script}");
    for line in script.lines().filter(|line| line.starts_with("vq ")) {
        cli::parse(line.split_whitespace()).unwrap_or_else(|error| panic!("{line}: {error}"));
    }
}

#[test]
fn every_command_of_the_guide_does_what_it_says() {
    let desk = Desk::new();
    let mut commands = 0;
    for (number, page) in pages().into_iter().enumerate() {
        let folder = desk.folder(&format!("page-{number}"));
        let blocks = blocks(&fs::read_to_string(&page).unwrap());
        if blocks.iter().any(|block| matches!(block, Block::Succeeds(script) if script.contains("-o runs/mine"))) {
            // Whoever reads this page makes what the others find.
            fs::remove_dir_all(folder.join("runs")).unwrap();
            fs::remove_file(folder.join("mine.vqm")).unwrap();
        }
        for block in blocks {
            commands += 1;
            match block {
                Block::Read(script) => read(&script),
                Block::Succeeds(script) => {
                    let output = desk.run(&folder, &script);
                    assert!(output.status.success(), "{}: {script}\n{}", page.display(), text(&output));
                }
                Block::Fails { script, message } => {
                    let output = desk.run(&folder, &script);
                    let said = String::from_utf8_lossy(&output.stderr).into_owned();
                    assert_eq!(output.status.code(), Some(1), "{}: {script}\n{said}", page.display());
                    assert!(said.contains(&message), "{}: {script}\nsaid: {said}\nnot: {message}", page.display());
                }
            }
        }
    }
    assert!(commands > 40, "{commands}");
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let pages = pages();
    assert!(pages.len() > 20);
    for page in &pages {
        let text = fs::read_to_string(page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        for link in text.split("](").skip(1).filter_map(|rest| rest.split_once(')')) {
            let target = link.0.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                assert!(page.parent().unwrap().join(target).exists(), "{}: {target}", page.display());
            }
        }
    }
    let folder = docs().join("guide/errors");
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        assert!(pages.iter().any(|page| page.file_name() == path.file_name()), "no link to {}", path.display());
    }
}

#[test]
fn blocks_are_told_apart() {
    let page = "a\n```sh\nvq x\n```\nb\n```rust\nlet\n```\n```sh,fails\nvq y\n```\n\n```text\nno y\n```\n```sh,hardware\nvq z\n```\n";
    let fails = Block::Fails { script: "vq y".into(), message: "no y".into() };
    assert_eq!(blocks(page), [Block::Succeeds("vq x".into()), fails, Block::Read("vq z".into())]);
}
