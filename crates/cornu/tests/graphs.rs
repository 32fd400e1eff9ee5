//! Small models as graphs and plans: their stable text, kept beside.

use cornu::extend::Cx;
use cornu::extend::lower_model;
use cornu::{
    Add, Bidirectional, Conv1d, Dense, Embedding, GlobalAveragePooling1d, Gru, Input,
    LayerNormalization, LayerRef, Lstm, Masking, Model, SimpleRnn, Symbol,
};
use cornu_ir::plan::{OutputPlace, Plan};
use cornu_ir::{Builder, Spec};

fn text(model: &Model, batch: usize, timesteps: usize) -> String {
    let b = Builder::new();
    let cx = Cx::new(&b, false, Some(batch));
    let specs: Vec<Spec> = model
        .inputs()
        .iter()
        .map(|(_, i)| {
            let mut s = i.spec();
            s.dims = s
                .dims
                .iter()
                .enumerate()
                .map(|(k, d)| if k == 0 { Some(batch) } else { d.or(Some(timesteps)) })
                .collect();
            s
        })
        .collect();
    let lowered = lower_model(&cx, model.as_layer(), model.tree(), &specs, None).unwrap();
    for o in &lowered.outputs {
        b.output("output", o.value);
    }
    let graph = cornu_ir::passes::run(b.finish().unwrap());
    let places = vec![OutputPlace::Own; graph.outputs.len()];
    let plan = Plan::new(graph.clone(), &places, &|_, _| 0);
    format!("{graph}\n{plan}")
}

fn check(name: &str, input: Symbol, f: impl FnOnce(&Symbol) -> cornu::Result<Symbol>) {
    let y = f(&input).unwrap();
    insta::assert_snapshot!(name, text(&Model::new(&input, &y).unwrap(), 3, 4));
}

#[test]
fn ten_small_models() {
    let series = || Input::new([None, Some(2)]);
    check("dense", Input::new([5]), |x| Dense::new(3).activation("relu").call(x));
    check("lstm", series(), |x| Lstm::new(4).call(x));
    check("lstm_stack", series(), |x| {
        Lstm::new(2).call(&Lstm::new(3).return_sequences(true).call(x)?)
    });
    check("gru", series(), |x| Gru::new(3).call(x));
    check("simple_rnn", series(), |x| SimpleRnn::new(3).call(x));
    check("masked", series(), |x| Lstm::new(3).call(&Masking::new(0.0).call(x)?));
    check("bidirectional", series(), |x| Bidirectional::new(LayerRef::new(Lstm::new(3))).call(x));
    check("embedding", Input::ids([None::<usize>]), |x| {
        GlobalAveragePooling1d::default().call(&Embedding::new(7, 3).call(x)?)
    });
    check("convolution", series(), |x| Conv1d::new(3, 2).call(x));
    check("residual", Input::new([4]), |x| {
        Add::default().call([x, &LayerNormalization::default().call(&Dense::new(4).call(x)?)?])
    });
}
