//! Bit for bit: what the device wrote against what the host wrote.
//!
//! In one folder lie the host's packets.bin and decoded.bin, and the device's device-packets.bin and
//! device-decoded.bin. Packets are a little-endian `u16` length and that many bytes each; samples are little-endian
//! `i32`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// Compares the packets.
pub(crate) fn packets(folder: &Path) -> Result<()> {
    let (device, host) = read_both(folder, "packets.bin")?;
    let (device, host) = (split(&device).context("the device's file")?, split(&host).context("the host's file")?);
    for (index, (device, host)) in device.iter().zip(&host).enumerate() {
        if let Some(place) = first_difference(device, host) {
            bail!("packet {index} differs from byte {place} on: device {device:02x?}, host {host:02x?}");
        }
    }
    ensure!(device.len() == host.len(), "the device made {} packets, the host {}", device.len(), host.len());
    Ok(())
}

/// Compares the decoded samples.
pub(crate) fn samples(folder: &Path) -> Result<()> {
    let (device, host) = read_both(folder, "decoded.bin")?;
    let [device, host] = [device, host].map(|bytes| {
        bytes.chunks(4).map(|word| i32::from_le_bytes(word.try_into().unwrap_or_default())).collect::<Vec<_>>()
    });
    if let Some(place) = device.iter().zip(&host).position(|(device, host)| device != host) {
        bail!("sample {place} is {} on the device and {} on the host", device[place], host[place]);
    }
    ensure!(device.len() == host.len(), "the device made {} samples, the host {}", device.len(), host.len());
    ensure!(!host.is_empty(), "there are no samples");
    Ok(())
}

fn read_both(folder: &Path, name: &str) -> Result<(Vec<u8>, Vec<u8>)> {
    let read = |path: &Path| fs::read(path).with_context(|| format!("cannot read {}", path.display()));
    Ok((read(&folder.join(format!("device-{name}")))?, read(&folder.join(name))?))
}

fn split(mut bytes: &[u8]) -> Result<Vec<&[u8]>> {
    let mut packets = Vec::new();
    while let Some((length, rest)) = bytes.split_first_chunk() {
        let (packet, rest) =
            rest.split_at_checked(usize::from(u16::from_le_bytes(*length))).context("ends inside a packet")?;
        packets.push(packet);
        bytes = rest;
    }
    ensure!(bytes.is_empty(), "ends inside a packet's length");
    Ok(packets)
}

/// Where two packets differ first; the end of the shorter one counts.
fn first_difference(a: &[u8], b: &[u8]) -> Option<usize> {
    if a == b {
        return None;
    }
    Some(a.iter().zip(b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with the device's and the host's bytes as files of this name; removed by the caller.
    fn folder(name: &str, device: &[u8], host: &[u8]) -> std::path::PathBuf {
        let folder = std::env::temp_dir().join(format!("microvq-compare-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("device-{name}")), device).unwrap();
        fs::write(folder.join(name), host).unwrap();
        folder
    }

    fn packets_of(device: &[u8], host: &[u8]) -> String {
        let folder = folder("packets.bin", device, host);
        let result = packets(&folder);
        fs::remove_dir_all(folder).unwrap();
        result.err().map(|error| format!("{error:#}")).unwrap_or_default()
    }

    #[test]
    fn packets_differ_in_bytes_number_or_form() {
        let two = [2, 0, 7, 8, 1, 0, 9];
        assert_eq!(packets_of(&two, &two), "");
        assert!(packets_of(&[2, 0, 7, 8, 1, 0, 5], &two).starts_with("packet 1 differs from byte 0 on"));
        assert!(packets_of(&[2, 0, 7, 8], &two).contains("made 1 packets, the host 2"));
        assert!(packets_of(&[3, 0, 7, 8, 1, 1, 0, 9], &two).starts_with("packet 0 differs from byte 2 on"));
        assert!(packets_of(&two[..6], &two).contains("the device's file: ends inside a packet"));
    }

    #[test]
    fn samples_differ_in_value_or_number() {
        let bytes = |values: &[i32]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
        let compared = |device: &[i32], host: &[i32]| {
            let folder = folder("decoded.bin", &bytes(device), &bytes(host));
            let result = samples(&folder);
            fs::remove_dir_all(folder).unwrap();
            result.err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert_eq!(compared(&[1, -2], &[1, -2]), "");
        assert_eq!(compared(&[1, -3], &[1, -2]), "sample 1 is -3 on the device and -2 on the host");
        assert!(compared(&[1], &[1, -2]).contains("1 samples, the host 2"));
        assert!(compared(&[], &[]).contains("no samples"));
    }
}
