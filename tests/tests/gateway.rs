//! The example of a gateway, which hears many devices at once.

#[path = "../examples/gateway.rs"]
mod example;

use proptest::prelude::*;
use vq_core::{Options, Status};
use vq_tests::hostile::SCALAR_MODEL;
use vq_tests::{Noise, OwnedBlock, decode, encode};
use vq_trainer::export::file::ModelBytes;

use example::{Gateway, Signal};

/// What one decoder of these packets alone gives.
fn alone(blocks: &[OwnedBlock]) -> Signal {
    let mut signal = Signal::default();
    for block in blocks {
        signal.samples.extend((block.first_frame..).zip(block.frames.iter().copied()));
        match block.status {
            Status::Gap { frames } => signal.lost += frames,
            Status::Degraded => signal.degraded += block.frames.len() as u64,
            Status::Complete | Status::NewStream => {}
        }
    }
    signal
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 30, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever the order in which devices are heard, and whatever is lost, each is decoded as if it were alone.
    #[test]
    fn every_device_is_decoded_as_if_it_were_alone(turns in prop::collection::vec((0usize..4, any::<bool>(), 0u8..10), 1..200)) {
        let file = ModelBytes::new(SCALAR_MODEL);
        let model = file.model().unwrap();
        let sent: Vec<Vec<Vec<u8>>> = (0..4).map(|device| {
            let mut noise = Noise::new(device);
            let signal: Vec<i32> = (0..1500).map(|_| (200.0 * noise.draw()) as i32).collect();
            encode(model, Options::new().packet_bytes(60), &signal)
        }).collect();
        let mut gateway = Gateway::new(model);
        let mut arrived = vec![Vec::new(); 4];
        let mut next = [0; 4];
        let mut refused = [0; 4];
        for (device, repeated, chance) in turns {
            let Some(packet) = sent[device].get(next[device]) else { continue };
            next[device] += 1;
            if chance == 0 {
                continue;
            }
            arrived[device].push(packet.clone());
            for _ in 0..if repeated { 2 } else { 1 } {
                gateway.hear(device as u64, packet).unwrap();
            }
            refused[device] += usize::from(repeated);
        }
        let heard = gateway.finish();
        for (device, packets) in arrived.iter().enumerate().filter(|(_, packets)| !packets.is_empty()) {
            let mut signal = heard[&(device as u64)].clone();
            prop_assert_eq!(signal.refused.len(), refused[device]);
            signal.refused.clear();
            prop_assert_eq!(&signal, &alone(&decode(model, packets)));
        }
    }
}

#[test]
fn the_example_runs() {
    example::main().unwrap();
}
