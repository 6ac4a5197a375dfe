//! Which earlier codes to look at for a symbol, and with how many rows: by the code length of hops that were not counted.

use vq_core::model::priors::Hop;
use vq_core::model::records::Symbol;

use super::Source;
use super::cluster::Joint;
use super::codes::HopCodes;
use super::frequencies::Row;
use super::histogram::{Histogram, Window, costs};

/// Fewer hops say nothing: the codes stay uniform.
const FEWEST_HOPS: usize = 64;
/// Every fourth block of hops is held out.
const HELD_OUT: usize = 4;
/// How far from a symbol a context may look, in symbols, in each hop.
const REACH: usize = 16;
/// Candidates that are looked at closely, in order of what each alone tells: as first context, as second.
const FIRSTS: usize = 6;
const SECONDS: usize = 3;
/// Numbers of classes that are tried.
const CLASSES: [usize; 4] = [2, 4, 8, 16];
const SECOND_CLASSES: [usize; 2] = [4, 8];
/// Numbers of rows for two contexts: which to compare contexts with, and what to try for the best of them.
const ROWS: usize = 16;
const OTHER_ROWS: [usize; 2] = [8, 32];
/// By how many counts a row may be drawn towards the average of all.
const WEIGHTS: [f64; 5] = [1.0, 4.0, 16.0, 64.0, 256.0];

/// What a symbol's prior is to be.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    /// The codes that have entries.
    pub(super) window: Window,
    /// What chooses the row.
    pub(super) contexts: [Option<Classes>; 2],
    /// The row of every pair of classes.
    pub(super) row_map: Vec<u8>,
    /// The rows.
    pub(super) rows: Vec<Row>,
    /// Bits of a symbol on the hops that were counted.
    pub(super) mean_bits: f64,
}

/// A source and the classes of its codes. Where the source is the hop before, class 0 is kept for there being none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Classes {
    pub(super) source: usize,
    pub(super) hop: Hop,
    pub(super) window: Window,
    pub(super) map: Vec<u8>,
    pub(super) classes: u8,
}

/// The best prior of symbol `index`, or `None` where nothing is better than uniform. A byte of flash costs `bit_price` bits.
pub(super) fn choose(symbols: &[Symbol], index: usize, codes: &HopCodes, bit_price: f64) -> Option<Choice> {
    if codes.hops() < FEWEST_HOPS {
        return None;
    }
    let target = Target::new(&symbols[index], index, codes, bit_price);
    let views = target.views(symbols, index, codes);
    let mut best = target.plan([None, None], 1, |_| 0);
    for view in &views {
        for classes in CLASSES {
            let context = target.classes(view, classes);
            let rows = context.row_count();
            let rest = context.absent_classes();
            best =
                best.or_cheaper(target.plan([Some((context, view)), None], rows, |class| class.saturating_sub(rest)));
        }
    }
    if let [Some(first), None] = best.contexts.clone() {
        best = target.with_second(best, &first, &views);
    }
    let choice = target.fit(&best, &views);
    let uniform = f64::from(symbols[index].codes()).log2();
    let pays = best.price < uniform * target.entries.len() as f64;
    (pays && choice.mean_bits < uniform).then_some(choice)
}

/// The prior of symbol `index` that looks at no other code, or `None` where there are too few hops to count.
pub(super) fn alone(symbols: &[Symbol], index: usize, codes: &HopCodes) -> Option<Choice> {
    if codes.hops() < FEWEST_HOPS {
        return None;
    }
    let target = Target::new(&symbols[index], index, codes, 0.0);
    Some(target.fit(&target.plan([None, None], 1, |_| 0), &[]))
}

/// The symbol that is to be predicted.
struct Target {
    window: Window,
    /// Its entry in every hop but the first.
    entries: Vec<u16>,
    /// Which of those are not counted while choosing.
    held_out: Vec<bool>,
    escape_bits: f64,
    bit_price: f64,
}

/// A candidate: what its source shows in every hop but the first.
struct View {
    source: Source,
    window: Window,
    places: Vec<u16>,
    information: f64,
}

/// A structure with its price: bits of all hops as the held-out ones suggest, and of the flash.
struct Plan {
    contexts: [Option<Classes>; 2],
    row_map: Vec<u8>,
    rows: usize,
    weight: f64,
    price: f64,
}

impl Plan {
    fn or_cheaper(self, other: Self) -> Self {
        if other.price < self.price { other } else { self }
    }
}

impl Classes {
    /// Classes that stand for there being no code.
    fn absent_classes(&self) -> usize {
        usize::from(self.hop == Hop::Before)
    }

    fn row_count(&self) -> usize {
        usize::from(self.classes) - self.absent_classes()
    }

    fn of(&self, view: &View, hop: usize) -> usize {
        usize::from(self.map[usize::from(view.places[hop])])
    }
}

type Pair<'v> = [Option<(Classes, &'v View)>; 2];

/// The number of a pair of classes in a hop, as the row map counts them.
fn pair_number(pair: &Pair<'_>, hop: usize) -> usize {
    let class =
        |context: &Option<(Classes, &View)>| context.as_ref().map_or(0, |(classes, view)| classes.of(view, hop));
    class(&pair[0]) * class_count(&pair[1]) + class(&pair[1])
}

fn class_count(context: &Option<(Classes, &View)>) -> usize {
    context.as_ref().map_or(1, |(classes, _)| usize::from(classes.classes))
}

impl Target {
    fn new(symbol: &Symbol, index: usize, codes: &HopCodes, bit_price: f64) -> Self {
        let window = Window::new(symbol, codes.of(index));
        let entries: Vec<u16> = codes.of(index).skip(1).map(|code| window.entry(code)).collect();
        let block = (entries.len() / 32).clamp(1, 64);
        let held_out = (0..entries.len()).map(|hop| (hop / block) % HELD_OUT == HELD_OUT - 1).collect();
        let escape_bits = if window.places() < window.entries { f64::from(symbol.bits) } else { 0.0 };
        Self { window, entries, held_out, escape_bits, bit_price }
    }

    /// The candidates that tell most, each taken alone.
    fn views(&self, symbols: &[Symbol], index: usize, codes: &HopCodes) -> Vec<View> {
        let before = (index.saturating_sub(REACH)..index).map(|symbol| Source { symbol, hop: Hop::Same });
        let last = (index + REACH).min(symbols.len() - 1);
        let past = (index.saturating_sub(REACH)..=last).map(|symbol| Source { symbol, hop: Hop::Before });
        let sent = |source: &Source| symbols[source.symbol].stage <= symbols[index].stage;
        let view = |source: Source| {
            let window = Window::new(&symbols[source.symbol], codes.of(source.symbol));
            let places: Vec<u16> = codes.seen(source).map(|code| window.place(code)).collect();
            let information = self.joint(window.places(), |hop| usize::from(places[hop])).information();
            View { source, window, places, information }
        };
        let mut views: Vec<View> = before.chain(past).filter(sent).map(view).collect();
        views.retain(|view| view.information > 0.0);
        views.sort_by(|a, b| b.information.total_cmp(&a.information));
        views.truncate(FIRSTS);
        views
    }

    /// What was counted behind each of `seen` things.
    fn joint(&self, seen: usize, at: impl Fn(usize) -> usize) -> Joint {
        let counted = (0..self.entries.len()).filter(|hop| !self.held_out[*hop]);
        Joint::new(seen, self.window.entries, counted.map(|hop| (at(hop), self.entries[hop])))
    }

    fn pairs(&self, pair: &Pair<'_>) -> Joint {
        self.joint(class_count(&pair[0]) * class_count(&pair[1]), |hop| pair_number(pair, hop))
    }

    /// A source's codes in at most `count` classes.
    fn classes(&self, view: &View, count: usize) -> Classes {
        let groups = self.joint(view.window.places(), |hop| usize::from(view.places[hop])).cluster(count);
        let absent = u8::from(view.source.hop == Hop::Before);
        let map: Vec<u8> = groups.iter().map(|group| group + absent).collect();
        let classes = map.iter().max().map_or(1, |most| most + 1);
        Classes { source: view.source.symbol, hop: view.source.hop, window: view.window, map, classes }
    }

    /// The best plan with a second context beside `first`, or the one at hand.
    fn with_second(&self, mut best: Plan, first: &Classes, views: &[View]) -> Plan {
        let looked_at = |view: &&View| view.source == Source { symbol: first.source, hop: first.hop };
        let Some(first_view) = views.iter().find(looked_at) else { return best };
        let mut promising: Option<(f64, Pair<'_>, Joint)> = None;
        for view in views.iter().filter(|view| !looked_at(view)).take(SECONDS) {
            for classes in SECOND_CLASSES {
                let pair = [Some((first.clone(), first_view)), Some((self.classes(view, classes), view))];
                let joint = self.pairs(&pair);
                let plan = self.plan_pairs(&pair, &joint, ROWS);
                if promising.as_ref().is_none_or(|(price, ..)| plan.price < *price) {
                    promising = Some((plan.price, pair, joint));
                }
                best = best.or_cheaper(plan);
            }
        }
        if let Some((_, pair, joint)) = promising {
            for rows in OTHER_ROWS {
                best = best.or_cheaper(self.plan_pairs(&pair, &joint, rows));
            }
        }
        best
    }

    fn plan_pairs(&self, pair: &Pair<'_>, joint: &Joint, rows: usize) -> Plan {
        let groups = joint.cluster(rows);
        self.plan(pair.clone(), rows, |pair| groups[pair].into())
    }

    /// Prices a structure: `row` gives the row of every pair of classes that is seen.
    fn plan(&self, pair: Pair<'_>, rows: usize, row: impl Fn(usize) -> usize) -> Plan {
        let count = class_count(&pair[0]) * class_count(&pair[1]);
        let mut row_map: Vec<u8> = (0..count).map(|pair| row(pair) as u8).collect();
        let counted = self.histograms(&pair, count, false);
        let mut by_row = vec![Histogram::new(self.window.entries); rows];
        counted.iter().zip(&row_map).for_each(|(histogram, row)| by_row[usize::from(*row)].add(histogram));
        self.map_absent(&pair, &counted, &by_row, &mut row_map);
        let held_out = self.histograms(&pair, count, true);
        let average = sum(&by_row).plain_probabilities();
        let bits = |weight: f64| -> f64 {
            let costs: Vec<Vec<f64>> =
                by_row.iter().map(|row| self.costs(&row.probabilities(&average, weight))).collect();
            held_out.iter().zip(&row_map).map(|(histogram, row)| histogram.bits(&costs[usize::from(*row)])).sum()
        };
        let (weight, held_bits) = WEIGHTS
            .map(|weight| (weight, bits(weight)))
            .into_iter()
            .min_by(|a, b| a.1.total_cmp(&b.1))
            .unwrap_or((1.0, f64::INFINITY));
        let held_share = self.held_out.iter().filter(|held| **held).count().max(1) as f64 / self.entries.len() as f64;
        let maps: usize = pair.iter().flatten().map(|(classes, _)| classes.map.len()).sum();
        let flash = rows * self.window.entries * 2 + maps + row_map.len();
        let price = held_bits / held_share + self.bit_price * flash as f64;
        Plan { contexts: pair.map(|context| context.map(|(classes, _)| classes)), row_map, rows, weight, price }
    }

    /// The counts behind every pair of classes, of the hops that are held out or of the others.
    fn histograms(&self, pair: &Pair<'_>, count: usize, held_out: bool) -> Vec<Histogram> {
        let mut histograms = vec![Histogram::new(self.window.entries); count];
        for (hop, entry) in self.entries.iter().enumerate().filter(|(hop, _)| self.held_out[*hop] == held_out) {
            histograms[pair_number(pair, hop)].count(*entry, 1.0);
        }
        histograms
    }

    /// Gives pairs in which a past is missing, as at a packet's start, the row that suits what is known.
    fn map_absent(&self, pair: &Pair<'_>, counted: &[Histogram], rows: &[Histogram], row_map: &mut [u8]) {
        let inner = class_count(&pair[1]);
        let is_absent = |place: usize, class: usize| {
            class == 0 && pair[place].as_ref().is_some_and(|(classes, _)| classes.absent_classes() == 1)
        };
        let average = sum(rows).plain_probabilities();
        let costs: Vec<Vec<f64>> = rows.iter().map(|row| self.costs(&row.probabilities(&average, 4.0))).collect();
        for (number, mapped) in row_map.iter_mut().enumerate() {
            let (outer, class) = (number / inner, number % inner);
            let absent = [is_absent(0, outer), is_absent(1, class)];
            if absent == [false, false] {
                continue;
            }
            let mut known = Histogram::new(self.window.entries);
            for (other, histogram) in counted.iter().enumerate() {
                if (absent[0] || other / inner == outer) && (absent[1] || other % inner == class) {
                    known.add(histogram);
                }
            }
            let nearest = costs.iter().enumerate().min_by(|a, b| known.bits(a.1).total_cmp(&known.bits(b.1)));
            *mapped = nearest.map_or(0, |(row, _)| row as u8);
        }
    }

    /// The structure with frequencies counted on all hops.
    fn fit(&self, plan: &Plan, views: &[View]) -> Choice {
        let pair = with_views(&plan.contexts, views);
        let mut rows = vec![Histogram::new(self.window.entries); plan.rows];
        for held_out in [false, true] {
            let counted = self.histograms(&pair, plan.row_map.len(), held_out);
            counted.iter().zip(&plan.row_map).for_each(|(histogram, row)| rows[usize::from(*row)].add(histogram));
        }
        let average = sum(&rows).plain_probabilities();
        let rows: Vec<Row> = rows.iter().map(|row| Row::new(&row.probabilities(&average, plan.weight))).collect();
        let mean_bits = self.mean_bits(&pair, &plan.row_map, &rows);
        Choice { window: self.window, contexts: plan.contexts.clone(), row_map: plan.row_map.clone(), rows, mean_bits }
    }

    /// What these rows spend on a symbol, over all hops.
    fn mean_bits(&self, pair: &Pair<'_>, row_map: &[u8], rows: &[Row]) -> f64 {
        let costs: Vec<Vec<f64>> = rows.iter().map(|row| self.with_escape(row.costs())).collect();
        let row = |hop: usize| usize::from(row_map[pair_number(pair, hop)]);
        let cost = |(hop, entry): (usize, &u16)| costs[row(hop)][usize::from(*entry)];
        self.entries.iter().enumerate().map(cost).sum::<f64>() / self.entries.len() as f64
    }

    fn costs(&self, probabilities: &[f64]) -> Vec<f64> {
        self.with_escape(costs(probabilities))
    }

    fn with_escape(&self, mut costs: Vec<f64>) -> Vec<f64> {
        if let Some(last) = costs.last_mut() {
            *last += self.escape_bits;
        }
        costs
    }
}

fn sum(histograms: &[Histogram]) -> Histogram {
    let mut all = histograms[0].clone();
    histograms[1..].iter().for_each(|histogram| all.add(histogram));
    all
}

/// Contexts together with what they look at.
fn with_views<'v>(contexts: &[Option<Classes>; 2], views: &'v [View]) -> Pair<'v> {
    contexts.each_ref().map(|context| {
        let classes = context.as_ref()?;
        let view = views.iter().find(|view| view.source == Source { symbol: classes.source, hop: classes.hop })?;
        Some((classes.clone(), view))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vq_core::model::records::SymbolKind;

    fn index(alphabet: u16) -> Symbol {
        Symbol { kind: SymbolKind::Index, bits: 4, stage: 0, row: 0, first: 0, channels: 2, alphabet, table: 0 }
    }

    /// Sixteen codes: the first symbol stays with probability 3/4, the second is the first one's mirror image or random.
    fn markov(hops: usize, stays: bool) -> HopCodes {
        let mut state = 7u64;
        let mut draw = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            ((state >> 33) % below) as u16
        };
        let mut last = 0;
        let mut codes = Vec::new();
        for _ in 0..hops {
            let keep = stays && draw(4) > 0;
            last = if keep { last } else { draw(16) };
            codes.extend([last, if stays && draw(8) > 0 { 15 - last } else { draw(16) }]);
        }
        HopCodes::from_rows(2, codes)
    }

    #[test]
    fn contexts_are_found_where_they_are() {
        let symbols = [index(16); 2];
        let codes = markov(40_000, true);
        let first = choose(&symbols, 0, &codes, 0.0).expect("a past is worth its table");
        let context = first.contexts[0].as_ref().expect("a context");
        assert_eq!((context.source, context.hop, context.classes), (0, Hop::Before, 17));
        let second = choose(&symbols, 1, &codes, 0.0).expect("a context is worth its table");
        let context = second.contexts[0].as_ref().expect("a context");
        assert_eq!((context.source, context.hop, context.classes), (0, Hop::Same, 16));
        // The entropies of the two: 3/4 of staying and 1/4 of anything; 7/8 of the mirror and 1/8 of anything.
        for (choice, stay) in [(first, 0.75f64), (second, 0.875)] {
            let (likely, other) = (stay + (1.0 - stay) / 16.0, (1.0 - stay) / 16.0);
            let entropy = -likely * likely.log2() - 15.0 * other * other.log2();
            let bits = choice.mean_bits;
            assert!((bits / entropy - 1.0).abs() < 0.05, "{bits} bits for {entropy}");
        }
    }

    #[test]
    fn alone_a_code_costs_what_its_frequency_says() {
        let often = (0..8000).flat_map(|hop| [if hop % 2 == 0 { 3 } else { (hop / 2 % 16) as u16 }, 0]).collect();
        let choice = alone(&[index(16); 2], 0, &HopCodes::from_rows(2, often)).unwrap();
        let (likely, other) = (0.5 + 0.5 / 16.0, 0.5 / 16.0);
        let entropy = -likely * f64::log2(likely) - 15.0 * other * f64::log2(other);
        assert!((choice.mean_bits / entropy - 1.0).abs() < 0.01 && choice.contexts == [None, None], "{choice:?}");
        assert_eq!(alone(&[index(16); 2], 0, &markov(FEWEST_HOPS - 1, true)), None);
    }

    #[test]
    fn flash_that_is_dear_buys_fewer_rows() {
        let symbols = [index(16); 2];
        let codes = markov(8000, true);
        let rows = |price: f64| choose(&symbols, 0, &codes, price).map_or(0, |choice| choice.rows.len());
        assert!(rows(0.0) == 16 && rows(25.0) < 16);
        assert_eq!(rows(1e6), 0);
    }

    #[test]
    fn chance_stays_uniform() {
        assert_eq!(choose(&[index(16); 2], 1, &markov(4000, false), 1.0), None);
        assert_eq!(choose(&[index(16); 2], 1, &markov(FEWEST_HOPS - 1, true), 0.0), None);
    }
}
