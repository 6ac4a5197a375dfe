//! Where kernels lie in time when the nets may not look far ahead.
//!
//! A kernel's middle usually lies over the middle of its stride, so every layer waits for some rows after those that it speaks of. With a limit,
//! all layers give up the same part of that wait, as little as the limit asks for, and look back instead.
//!
//! The linear paths are a lapped transform: analysis and synthesis must lie over the same rows. Their overlap waits for
//! `kernel − hop` frames in all, wherever they lie; where the limit is lower, they have no overlap and are a transform of each hop by itself.

use super::{ArchitectureError, LINEAR, NetSpec, Operation};

/// The wait of a layer is shortened in so many steps.
const STEPS: usize = 16;

/// Both nets with a wait of at most `frames` frames together.
pub(super) fn limit(
    encoder: NetSpec,
    decoder: NetSpec,
    frames: usize,
) -> Result<(NetSpec, NetSpec), ArchitectureError> {
    let wait = |encoder: &NetSpec, decoder: &NetSpec| -> Result<usize, ArchitectureError> {
        Ok(encoder.lag()? * encoder.input_rows + decoder.lag()?)
    };
    if wait(&encoder, &decoder)? <= frames {
        return Ok((encoder, decoder));
    }
    let hop = encoder.input_rows;
    let mut nets = (with_late_transform(encoder, hop, frames), with_late_transform(decoder, hop, frames));
    for part in (0..=STEPS).rev() {
        let shortened = (shorten(&nets.0, part), shorten(&nets.1, part));
        if wait(&shortened.0, &shortened.1)? <= frames || part == 0 {
            nets = shortened;
            break;
        }
    }
    Ok(nets)
}

/// A decoder that waits no longer than `device` does, and whose linear path is the device's: both undo the same analysis.
pub(super) fn as_soon_as(mut decoder: NetSpec, device: &NetSpec) -> Result<NetSpec, ArchitectureError> {
    let of_device = device.nodes.iter().find(|node| node.name == LINEAR);
    if let (Some(node), Some(of_device)) = (decoder.nodes.iter_mut().find(|node| node.name == LINEAR), of_device) {
        node.operation = of_device.operation;
    }
    let frames = device.lag()?;
    for part in (1..=STEPS).rev() {
        let shortened = shorten(&decoder, part);
        if shortened.lag()? <= frames {
            return Ok(shortened);
        }
    }
    Ok(shorten(&decoder, 0))
}

/// The net whose layers, but for the linear path, wait for `part` of [`STEPS`] of what they waited for.
fn shorten(net: &NetSpec, part: usize) -> NetSpec {
    let mut net = net.clone();
    for node in net.nodes.iter_mut().filter(|node| node.name != LINEAR) {
        match &mut node.operation {
            Operation::Convolution { kernel, stride, padding, .. }
            | Operation::Depthwise { kernel, stride, padding } => {
                let ahead = kernel.saturating_sub(*stride + *padding);
                *padding += ahead - ahead * part / STEPS;
            }
            Operation::Transposed { padding, .. } => *padding = *padding * part / STEPS,
            Operation::Add { .. } => {}
        }
    }
    net
}

/// The net whose linear path overlaps as far back as it can, if that takes no more than `frames`, and has no overlap otherwise.
fn with_late_transform(mut net: NetSpec, hop: usize, frames: usize) -> NetSpec {
    for node in net.nodes.iter_mut().filter(|node| node.name == LINEAR) {
        if let Operation::Convolution { kernel, padding, .. } | Operation::Transposed { kernel, padding, .. } =
            &mut node.operation
        {
            (*kernel, *padding) = if frames >= *kernel - hop { (*kernel, *kernel - hop) } else { (hop, 0) };
        }
    }
    net
}

#[cfg(test)]
mod tests {
    use super::super::{LayerPlan, NetworkPlan, OutputPlan};
    use super::*;

    fn assembled(look_ahead: Option<usize>, separable: bool) -> (NetSpec, NetSpec) {
        let layer =
            |kernel, stride, channels, residual, separable| LayerPlan { kernel, stride, channels, residual, separable };
        let encoder = [layer(8, 4, 16, 0, false), layer(7, 4, 24, 1, separable)];
        let decoder = [layer(3, 1, 20, 1, separable), layer(6, 2, 16, 0, separable), layer(4, 2, 12, 0, false)];
        let output = OutputPlan { kernel: 8, stride: 4 };
        let plan = NetworkPlan {
            lapped: false,
            latents: 6,
            encoded: 6,
            linear_kernel: 32,
            look_ahead,
            encoder: &encoder,
            decoder: &decoder,
            output: &output,
        };
        plan.assemble(1).unwrap()
    }

    fn wait((encoder, decoder): &(NetSpec, NetSpec)) -> usize {
        encoder.lag().unwrap() * 16 + decoder.lag().unwrap()
    }

    #[test]
    fn the_wait_is_within_the_limit_and_uses_it() {
        for separable in [false, true] {
            let centred = wait(&assembled(None, separable));
            assert!(centred > 60, "{centred}");
            assert_eq!(assembled(Some(centred), separable), assembled(None, separable));
            let mut before = 0;
            for limit in [0, 5, 16, 24, 40, centred - 1] {
                let nets = assembled(Some(limit), separable);
                let got = wait(&nets);
                assert!(got <= limit && got >= before, "{got} of {limit}");
                assert_eq!(nets.0.output(), assembled(None, separable).0.output());
                before = got;
            }
            assert!(before >= 16);
        }
    }

    #[test]
    fn a_causal_net_reads_nothing_of_what_comes_after() {
        let (encoder, decoder) = assembled(Some(0), false);
        assert_eq!((encoder.reach().unwrap().after, decoder.reach().unwrap().after), (0, 0));
        let linear = encoder.nodes.iter().find(|node| node.name == LINEAR).unwrap();
        assert!(matches!(linear.operation, Operation::Convolution { kernel: 16, padding: 0, .. }));
        // With a hop to spare the transform keeps its overlap, analysis and synthesis over the same frames.
        let (encoder, decoder) = assembled(Some(16), false);
        for net in [encoder, decoder] {
            let linear = net.nodes.iter().find(|node| node.name == LINEAR).unwrap();
            assert!(matches!(
                linear.operation,
                Operation::Convolution { kernel: 32, padding: 16, .. }
                    | Operation::Transposed { kernel: 32, padding: 16, .. }
            ));
        }
    }

    #[test]
    fn another_decoder_waits_no_longer() {
        let (_, device) = assembled(Some(16), false);
        let (_, large) = assembled(None, true);
        let soon = as_soon_as(large.clone(), &device).unwrap();
        assert!(soon.lag().unwrap() <= device.lag().unwrap());
        let linear = |net: &NetSpec| net.nodes.iter().find(|node| node.name == LINEAR).map(|node| node.operation);
        assert_eq!(linear(&soon), linear(&device));
        assert_ne!(linear(&large), linear(&device));
    }
}
