//! The model file: its records, and what follows from them.

use core::hint::black_box;

use vq_core::kernels::Arithmetic;
use vq_core::model::choice::Choice;
use vq_core::model::header;
use vq_core::model::layout::{self, Region, Steps};
use vq_core::model::metadata::Metadata;
use vq_core::model::plan::{self, Line, Output};
use vq_core::model::predictor::ResidualPredictor;
use vq_core::model::priors::{self, SymbolPrior};
use vq_core::model::records::{Layer, Net, Scaling, Step, Symbol};
use vq_core::model::recurrent::{self, InHop, RecurrentPrior};
use vq_core::model::{self, Directory};
use vq_core::{Model, Options};

use crate::{Opaque, keep};

pub(crate) fn call(opaque: &mut Opaque<'_>) {
    header::seal(opaque.output);
    for model in [Model::parse(opaque.bytes), Model::trusted(opaque.bytes)].into_iter().flatten() {
        whole(opaque, &model);
        nets(opaque, &model);
        symbols(opaque, &model);
    }
    records(opaque);
}

fn whole(opaque: &Opaque<'_>, model: &Model<'_>) {
    keep(header::Header::to_bytes(&Model::header(model)));
    keep((Model::directory(model), Model::file(model), Model::tables(model)));
    keep(Directory::to_bytes(&Model::directory(model)));
    keep((Model::identity(model), Model::hop(model), Model::channels(model), Model::delay(model)));
    keep((Model::closing_hops(model), Model::look_ahead_hops(model), Model::latent_rows(model)));
    keep((Model::decoder_memory(model), Model::prior_memory(model), Model::predictor_memory(model)));
    let options = black_box(Options::new());
    keep((Model::encoder_memory(model, options), Model::least_predicted_bytes(model, options)));
    keep(Model::self_test_packet_bytes(model));
    Model::test_frames(model).for_each(keep);
    if let Some(metadata) = Model::metadata(model) {
        Metadata::channels(&metadata).for_each(keep);
    }
    keep(Scaling::to_bytes(&Model::scaling(model, opaque.number)));
}

fn nets(opaque: &Opaque<'_>, model: &Model<'_>) {
    let net: Net = black_box(Model::directory(model).encoder);
    let layer = Model::layer(model, &net, opaque.number);
    layers(opaque, &layer);
    keep((Model::line(model, &net, opaque.number), Model::weights(model, &layer)));
    keep((Model::multiply_accumulates(model, &net), Net::to_bytes(&net), Line::of_input(&net)));
    keep(Net::degraded_frames(&net, opaque.half()));
    let output = if opaque.flag() { Output::Hops } else { Output::Rows };
    if let Some(demands) = plan::demands(&net, output, |index| Model::layer(model, &net, index)) {
        keep(layout::block_elements(&net, &demands.lines, |index| Model::layer(model, &net, index)));
        keep(demands);
    }
}

fn symbols(opaque: &Opaque<'_>, model: &Model<'_>) {
    let quality = opaque.byte();
    Model::symbols(model, quality).for_each(keep);
    Model::numbered_symbols(model, quality).for_each(keep);
    keep((Model::next_symbol(model, quality, opaque.number), Model::bits_per_hop(model, quality)));
    keep((Model::stages(model, quality), Model::prior_set(model, quality), Model::expected_hop_cost(model, quality)));
    keep((Model::worst_hop_bytes(model, quality), Model::least_packet_bytes(model, quality)));
    keep((Model::residual_predictor(model), Model::surprise_limit(model, quality), Model::latent_elements(model)));
    keep(Model::told(model, quality));
    let prior = Model::symbol_prior(model, opaque.number, quality);
    keep((SymbolPrior::to_bytes(&prior), SymbolPrior::starts_bytes(&prior), SymbolPrior::row_map_bytes(&prior)));
    keep(Model::recurrent_prior_at(model, quality));
    if let Some(recurrent) = Model::recurrent_prior(model) {
        recurrent_prior(opaque, &recurrent);
        keep((Model::in_hop(model, &recurrent, opaque.number), Model::recurrent_expected(model, &recurrent, quality)));
    }
    if let Some(symbol) = Model::symbol(model, opaque.number) {
        keep((Step::to_bytes(&Model::step(model, &symbol, quality)), Model::symbol_table(model, &symbol)));
        keep((Symbol::codes(&symbol), Symbol::integer_limit(&symbol), Symbol::to_bytes(&symbol)));
        keep((SymbolPrior::uniform(&symbol), recurrent::most_scale(&symbol), recurrent::worst_bits(&symbol)));
        keep(model::symbol_table_bytes(&symbol, black_box(Arithmetic::Integer)));
        if let Some(choice) = Model::choice(model) {
            keep(Model::choice_weights(model, &choice, &symbol));
            keep(Model::choice_starts(model, &choice, opaque.number, &symbol));
        }
    }
}

fn layers(opaque: &Opaque<'_>, layer: &Layer) {
    let line = Line::of_layer(layer);
    keep((Layer::reads(layer, opaque.number), Layer::windows(layer), Layer::to_bytes(layer)));
    keep((Line::row_elements(&line), Line::history_elements(&line), Line::new_elements(&line)));
    keep((plan::row_elements(opaque.half()), plan::rows(layer, &line), plan::delay(layer, &line, &line)));
    keep((plan::history(layer, &line), plan::weight_bytes(layer, opaque.word(), opaque.flag())));
    keep((plan::block_stream_bytes(opaque.word(), opaque.word()), plan::elements_read(layer, &line)));
    keep(Output::delay(black_box(Output::Hops), &line));
    let demand = plan::Demand { history: opaque.half(), margin: opaque.byte(), last_step: opaque.byte() };
    let [first, second] = layout::regions(opaque.number, &line, &demand);
    keep((Region::collides(&first, &second), Region::end(&first), Steps::contains(first.steps, opaque.byte())));
    keep(Steps::meets(first.steps, second.steps));
    keep(layout::may_be_in_place(layer, opaque.number, opaque.number, &demand));
}

fn records(opaque: &Opaque<'_>) {
    keep((
        priors::cost_bits(opaque.word(), opaque.byte()),
        priors::code_bytes(opaque.word(), black_box(opaque.number) as u32),
    ));
    if let Some(in_hop) = InHop::from_bytes(opaque.bytes) {
        keep(InHop::to_bytes(&in_hop));
    }
    if let Some(choice) = Choice::from_bytes(opaque.bytes) {
        keep((Choice::to_bytes(&choice), Choice::lambda(&choice, opaque.byte())));
        keep(Choice::memory_bytes(opaque.number, black_box(opaque.number), black_box(opaque.number)));
    }
    if let Some(predictor) = ResidualPredictor::from_bytes(opaque.bytes) {
        keep((
            ResidualPredictor::to_bytes(&predictor),
            ResidualPredictor::inputs(&predictor),
            ResidualPredictor::outputs(&predictor),
        ));
        keep((ResidualPredictor::multiply_accumulates(&predictor), ResidualPredictor::has_filter(&predictor)));
        keep(ResidualPredictor::memory_units(&predictor, opaque.number));
    }
}

fn recurrent_prior(opaque: &Opaque<'_>, prior: &RecurrentPrior) {
    keep((RecurrentPrior::to_bytes(prior), RecurrentPrior::codes_width(prior), RecurrentPrior::input_taps(prior)));
    keep(RecurrentPrior::is_of_indices(prior));
    keep((RecurrentPrior::readout_taps(prior), RecurrentPrior::all_units(prior), RecurrentPrior::all_outputs(prior)));
    keep((RecurrentPrior::readout_outputs(prior), RecurrentPrior::unit_taps(prior, opaque.number)));
    keep((RecurrentPrior::output_taps(prior, opaque.number), RecurrentPrior::memory_elements(prior)));
    keep((RecurrentPrior::memory_units(prior), RecurrentPrior::multiply_accumulates(prior)));
}
