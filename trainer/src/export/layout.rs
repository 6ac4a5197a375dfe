//! The plan of a net, and in it where its line buffers lie: a search for the smallest block in which nothing that is in use at
//! the same time overlaps.
//!
//! Regions are placed one after another, each at the first place that is free while it is in use. The order decides how
//! well they fit; it is found by trying: larger regions first, then a fixed number of changes of which the good ones are kept.
//! The result is the same every time. What a sound layout is, [`vq_core::model::layout`] says and a reader checks.

use vq_core::model::layout::{Region, Steps, block_elements, may_be_in_place, regions};
use vq_core::model::plan::{self, Demand, Demands, Line, Output};
use vq_core::model::records::{Kind, Layer, Net};

/// Orders that are tried.
const TRIES: usize = 300;

/// A region to place.
#[derive(Debug, Clone, Copy)]
struct Item {
    line: usize,
    is_rest: bool,
    /// Whether the line's new rows are written over those of a summand.
    is_host: bool,
    region: Region,
}

impl Item {
    /// The region of a placed item that leaves no room for this one where it is.
    fn obstacle(&self, placed: &Self) -> Option<Region> {
        if self.line != placed.line {
            return self.region.collides(&placed.region).then_some(placed.region);
        }
        // A history may rest anywhere in its own buffer, but not where a guest is written before it is fetched.
        let (rest, buffer) = if self.is_rest { (self.region, placed.region) } else { (placed.region, self.region) };
        let guests = buffer.start + rest.elements..buffer.end();
        let collides = self.is_host && rest.start < guests.end && guests.start < rest.end();
        collides.then_some(placed.region)
    }
}

/// Fills in what follows from the layers: rows, delays, histories, last readers, places. `None` where a number does not fit.
///
/// `net` has its number of layers, channels and rows, `layers` all but what is filled in.
pub fn plan(net: &mut Net, layers: &mut [Layer], output: Output) -> Option<()> {
    for index in 0..layers.len() {
        let line = |input: u8| match usize::from(input).checked_sub(1) {
            None => Line::of_input(net),
            Some(input) => Line::of_layer(&layers[input]),
        };
        let layer = layers[index];
        let (input, other) = (line(layer.input), line(layer.other));
        layers[index].rows = plan::rows(&layer, &input)?;
        layers[index].delay = plan::delay(&layer, &input, &other)?;
    }
    let demands = plan::demands(net, output, |index| layers[index])?;
    (net.delay, net.receptive_hops) = (demands.delay, demands.receptive_hops);
    net.history = demands.lines[0].history;
    for (index, layer) in layers.iter_mut().enumerate() {
        let last_of = |read: u8| usize::from(demands.lines[usize::from(read)].last_step) == index + 1;
        layer.history = demands.lines[index + 1].history;
        layer.last_of_input = last_of(layer.input);
        layer.last_of_other = layer.kind == Kind::Add && last_of(layer.other);
    }
    let places = places(net, layers, &demands);
    net.rest = places[0].rest;
    for (layer, place) in layers.iter_mut().zip(&places[1..]) {
        (layer.line, layer.rest) = (place.start, place.rest);
    }
    net.elements = block_elements(net, &demands.lines, |index| layers[index])?;
    Some(())
}

/// First elements of a line's regions.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    /// Of its buffer.
    start: u32,
    /// Of its history between hops.
    rest: u32,
}

/// Places for every line of a net, the input first.
fn places(net: &Net, layers: &[Layer], demands: &Demands) -> Vec<Place> {
    let mut lines = vec![Line::of_input(net)];
    lines.extend(layers.iter().map(Line::of_layer));
    let hosts = hosts(layers, &demands.lines);
    let items = items(&lines, &demands.lines, &hosts);
    let mut places = vec![Place::default(); lines.len()];
    for item in place(&search(&items)).items {
        let place = &mut places[item.line];
        if item.is_rest { place.rest = item.region.start } else { place.start = item.region.start }
    }
    // A guest's host is a later line, whose place is therefore known first.
    for (line, host) in hosts.iter().enumerate().rev() {
        if let Some(host) = *host {
            places[line].start = places[host].start + lines[host].history_elements();
        }
    }
    places
}

/// For every line the sum that takes its place, if there is one.
fn hosts(layers: &[Layer], demands: &[Demand]) -> Vec<Option<usize>> {
    let mut hosts = vec![None; layers.len() + 1];
    for (index, sum) in layers.iter().enumerate().filter(|(_, layer)| layer.kind == Kind::Add) {
        let step = index + 1;
        let summand = [sum.other, sum.input].map(usize::from).into_iter().find(|summand| {
            // The input stays at the beginning of the block.
            *summand != 0 && may_be_in_place(sum, step, *summand, &demands[*summand])
        });
        if let Some(summand) = summand {
            hosts[summand] = Some(step);
        }
    }
    hosts
}

/// All regions but those that lie in a host's buffer, which grows with them in time and length. The input's buffer leads.
fn items(lines: &[Line], demands: &[Demand], hosts: &[Option<usize>]) -> Vec<Item> {
    let mut items: Vec<[Item; 2]> = Vec::new();
    for (index, (line, demand)) in lines.iter().zip(demands).enumerate() {
        let [buffer, rest] = regions(index, line, demand);
        let item = |is_rest, region| Item { line: index, is_rest, is_host: false, region };
        items.push([item(false, buffer), item(true, rest)]);
    }
    for (line, host) in hosts.iter().enumerate() {
        let Some(host) = *host else { continue };
        let (guest, [buffer, rest]) = (items[line][0].region, &mut items[host]);
        buffer.region.elements = buffer.region.elements.max(rest.region.elements + guest.elements);
        buffer.region.steps = match (guest.steps, buffer.region.steps) {
            (Steps::Within(written, _), Steps::Within(_, last)) => Steps::Within(written, last),
            (_, steps) => steps,
        };
        (buffer.is_host, rest.is_host) = (true, true);
    }
    let placed = |item: &Item| item.region.elements > 0 && (item.is_rest || hosts[item.line].is_none());
    items.into_iter().flatten().filter(placed).collect()
}

/// The best order found.
fn search(items: &[Item]) -> Vec<Item> {
    let (input, others) = items.split_at(1);
    let mut by_size = others.to_vec();
    by_size.sort_by_key(|item| std::cmp::Reverse(item.region.elements));
    let orders = [others.to_vec(), by_size].map(|others| [input, &others].concat());
    let [in_order, by_size] = orders.map(|order| (place(&order).cost(), order));
    let (mut least, mut best) = if in_order.0 < by_size.0 { in_order } else { by_size };
    // Numbers that look random and are the same every time.
    let mut state = 1u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize) % below
    };
    for _ in 0..if others.len() > 1 { TRIES } else { 0 } {
        let mut order = best.clone();
        let moved = order.remove(1 + draw(others.len()));
        order.insert(1 + draw(others.len()), moved);
        let cost = place(&order).cost();
        if cost <= least {
            (least, best) = (cost, order);
        }
    }
    best
}

/// Items with their places.
struct Placed {
    items: Vec<Item>,
}

impl Placed {
    /// Elements of the block, then elements that are moved to and from rests in a hop.
    fn cost(&self) -> (u32, u32) {
        let end = self.items.iter().map(|item| item.region.end()).max().unwrap_or(0);
        let moved = self.items.iter().filter(|item| item.is_rest).map(|rest| {
            let Some(buffer) = self.buffer_of(rest) else { return 2 * rest.region.elements };
            let at_an_end = rest.region.start == buffer.start || rest.region.end() == buffer.end();
            rest.region.elements * if at_an_end { 1 } else { 2 }
        });
        (end.next_multiple_of(4), moved.sum())
    }

    fn buffer_of(&self, rest: &Item) -> Option<Region> {
        self.items.iter().find(|item| item.line == rest.line && !item.is_rest).map(|item| item.region)
    }

    fn obstacle(&self, item: &Item) -> Option<Region> {
        self.items.iter().find_map(|other| item.obstacle(other))
    }
}

/// Places items in order: a rest at the front of its buffer if it is free, everything else at the first place that is.
fn place(order: &[Item]) -> Placed {
    let mut placed = Placed { items: Vec::with_capacity(order.len()) };
    for item in order {
        let mut item = *item;
        let front = if item.is_rest { placed.buffer_of(&item) } else { None };
        item.region.start = front.map_or(0, |buffer| buffer.start);
        if front.is_some() && placed.obstacle(&item).is_some() {
            item.region.start = 0;
        }
        while let Some(obstacle) = placed.obstacle(&item) {
            item.region.start = obstacle.end().next_multiple_of(2);
        }
        placed.items.push(item);
    }
    placed
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::architecture::{NetSpec, NodeSpec, Operation, Shape};
    use crate::config::Config;
    use crate::export::lower::{describe, empty_layer, line_of};
    use crate::export::trained::NodeWeights;
    use crate::export::window::WindowLayer;

    const NET: Net = Net {
        layers: 0,
        count: 0,
        channels: 1,
        rows: 1,
        history: 0,
        delay: 0,
        receptive_hops: 0,
        elements: 0,
        rest: 0,
    };

    /// A net whose layers read any earlier line, and add lines of the same shape where there are any.
    fn nets() -> impl Strategy<Value = (Net, Vec<Layer>)> {
        let layer = (1u16..=9, 1u16..=4, any::<bool>(), 0u16..=3, 1u16..=9, any::<(u8, u8)>());
        (1u16..=3, prop::sample::select(vec![1u16, 8, 32]), prop::collection::vec(layer, 1..20)).prop_map(
            |(channels, rows, drawn)| {
                let mut shapes = vec![(channels, rows)];
                let mut layers = Vec::new();
                for (kernel, step, up, padding, channels, (from, other)) in drawn {
                    // The newest line, and otherwise any.
                    let newest = shapes.len() - 1;
                    let input = if from % 3 > 0 { newest } else { usize::from(from) % shapes.len() };
                    let (own, rows) = shapes[input];
                    let twins: Vec<usize> = (0..shapes.len()).filter(|line| shapes[*line] == shapes[input]).collect();
                    let twin = twins[usize::from(other) % twins.len()];
                    let fill = Layer {
                        input: input as u8,
                        channels,
                        kernel,
                        stride: 1,
                        upsample: 1,
                        padding,
                        ..Layer::NEUTRAL
                    };
                    let (layer, rows) = match (from % 4, up) {
                        (0, _) => (Layer { other: twin as u8, channels: own, ..fill }, rows),
                        (_, true) if rows * step <= 64 => {
                            (Layer { kind: Kind::Convolution, upsample: step, ..fill }, rows * step)
                        }
                        (3, _) if rows % step == 0 => {
                            let depthwise = Layer { kind: Kind::Depthwise, channels: own, ..fill };
                            (Layer { stride: step, kernel: kernel.max(step), ..depthwise }, rows / step)
                        }
                        _ if rows % step == 0 => (
                            Layer { kind: Kind::Convolution, stride: step, kernel: kernel.max(step), ..fill },
                            rows / step,
                        ),
                        _ => (Layer { kind: Kind::Convolution, ..fill }, rows),
                    };
                    shapes.push((layer.channels, rows));
                    layers.push(layer);
                }
                (Net { count: layers.len() as u16, channels, rows, ..NET }, layers)
            },
        )
    }

    /// Elements of buffers that share nothing.
    fn side_by_side(net: &Net, layers: &[Layer]) -> u32 {
        let lines = std::iter::once(Line::of_input(net)).chain(layers.iter().map(Line::of_layer));
        lines.map(|line| (line.history_elements() + line.new_elements() + 3).next_multiple_of(4)).sum()
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn every_net_gets_a_sound_layout_that_shares(
            (mut net, mut layers) in nets(),
            output in prop::sample::select(vec![Output::Hops, Output::Rows]),
        ) {
            // `plan` ends with the check that readers make: `None` would say that regions collide.
            prop_assert!(plan(&mut net, &mut layers, output).is_some());
            prop_assert!(net.elements <= side_by_side(&net, &layers));
        }
    }

    #[test]
    fn a_residual_block_adds_in_place() {
        let smooth = Layer {
            kind: Kind::Convolution,
            channels: 8,
            kernel: 3,
            stride: 1,
            upsample: 1,
            padding: 1,
            ..Layer::NEUTRAL
        };
        let sum = Layer { input: 1, other: 2, channels: 8, kernel: 1, stride: 1, upsample: 1, ..Layer::NEUTRAL };
        let mut layers = [Layer { kernel: 1, padding: 0, ..smooth }, Layer { input: 1, ..smooth }, sum];
        let mut net = Net { count: 3, rows: 4, ..NET };
        plan(&mut net, &mut layers, Output::Rows).unwrap();
        assert_eq!(layers[2].line, layers[1].line);
        // Two rows of history and the new ones of the first layer, and what is summed; before that was there, the input.
        assert_eq!(net.elements, (2 + 4) * 8 + 4 * 8);
    }

    /// A net of the trainer, planned.
    fn planned(spec: &NetSpec, output: Output) -> (Net, Vec<Layer>) {
        let shapes = spec.shapes().unwrap();
        let layer = |(node, shape): (&NodeSpec, &Shape)| {
            let mut layer = empty_layer(shape.channels, node.activation, line_of(node.source));
            let inputs = spec.shape_of(node.source, &shapes).channels;
            match node.operation {
                Operation::Add { other } => layer.other = line_of(other),
                Operation::Convolution { kernel, .. }
                | Operation::Transposed { kernel, .. }
                | Operation::Depthwise { kernel, .. } => {
                    let weight = vec![0.0; kernel * shape.channels * inputs];
                    let weights = NodeWeights { weight, bias: vec![0.0; shape.channels] };
                    describe(&mut layer, &WindowLayer::new(node.operation, inputs, &weights).unwrap());
                }
            }
            layer
        };
        let mut layers: Vec<Layer> = spec.nodes.iter().zip(&shapes).map(layer).collect();
        let (channels, rows) = (spec.input_channels as u16, spec.input_rows as u16);
        let mut net = Net { count: layers.len() as u16, channels, rows, ..NET };
        plan(&mut net, &mut layers, output).unwrap();
        (net, layers)
    }

    #[test]
    fn the_nets_of_the_default_configuration_take_less_than_a_kilobyte_each() {
        let (encoder, decoder) = Config::default().network_plan().assemble(1).unwrap();
        for (spec, output, before) in [(encoder, Output::Hops, 1344), (decoder, Output::Rows, 1736)] {
            let (net, layers) = planned(&spec, output);
            assert_eq!(2 * side_by_side(&net, &layers), before);
            assert!(net.elements * 2 < 1000, "{} bytes", net.elements * 2);
        }
    }
}
