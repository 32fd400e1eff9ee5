//! A layer lowered in f64, with its gradient.

use super::case::*;
use cornu::Result;
use cornu::extend::*;
use cornu_ir::op::sample_numbers;
use cornu_ir::{Builder, DType, Graph, Spec, Tensor, Var, grad::gradient, interpret::interpret};

/// A layer lowered in f64 with its inputs and weights.
pub struct Lowered {
    pub graph: Graph,
    /// Values of the graph's inputs.
    pub ins: Vec<Tensor>,
    /// Which of them are floats: inputs, then weights.
    pub floats: Vec<usize>,
    /// Number of inputs of the layer.
    pub n_inputs: usize,
    /// Whether each output carries a mask.
    pub masked: Vec<bool>,
}

/// How the inputs of a layer are given.
#[derive(Clone, Copy, PartialEq)]
pub enum Given {
    /// Rectangles.
    Padded,
    /// Rectangles whose first input carries a mask.
    Masked,
    /// Rectangles that tell where their sequences end.
    Ending,
    /// Packed rows.
    Packed,
}

impl Case {
    /// The layer on values, with the gradient of Σ y weigh for all floats among inputs and weights.
    /// The graph gives the gradients, then for each output its sum, its values and its lengths.
    pub fn lower(&self, x: &[Tensor], given: Given) -> Result<Lowered> {
        self.lower_from(0, x, given)
    }

    /// As [`Case::lower`], with samples that weigh as those from number `first` on.
    pub fn lower_from(&self, first: usize, x: &[Tensor], given: Given) -> Result<Lowered> {
        let layer = self.layer_in_f64();
        let b = Builder::new();
        let n = x[0].dims[0];
        let mut ins = x.to_vec();
        let vars: Vec<Var<'_>> = x.iter().map(|x| b.input("x", x.spec())).collect();
        let tree =
            layer.weight_tree(&self.call(&x.iter().map(Tensor::spec).collect::<Vec<_>>())).unwrap();
        let mut weights = vec![];
        tree.walk("", true, &mut |_, _, _, w| {
            let values = sample_numbers(&w.shape, weights.len() as u64 + 1).to_f64();
            // A variance is not below 0, and a count is whole.
            let values: Vec<f64> = match &*w.name {
                name if name.contains("variance") => values.iter().map(|v| v.abs() + 0.1).collect(),
                _ => values,
            };
            weights.push(b.input(&*w.name, Spec::known(w.dtype(), &w.shape)));
            ins.push(cast(&Tensor::new(&w.shape, values), w.dtype()));
        });
        let numbered: Vec<_> = weights.iter().copied().enumerate().collect();
        let w = Weights::bind(&tree, &numbered);
        let cx = Cx::new(&b, false, Some(n));
        let rectangle = || Spec::known(DType::Bool, &[n, T]);
        let mask = matches!(given, Given::Masked).then(|| b.input("mask", rectangle()));
        let ends =
            matches!(given, Given::Ending | Given::Packed).then(|| b.input("ends", rectangle()));
        let own: Vec<u8> =
            LENGTHS.iter().flat_map(|&l| (0..T).map(move |t| u8::from(t < l))).collect();
        ins.extend(mask.iter().chain(&ends).map(|_| Tensor::new(&[n, T], own.clone())));
        let cx = ends.map_or(cx.clone(), |e| cx.with_packing(Packing::new(e, N)));
        let flows: Vec<Flow<'_>> = vars
            .iter()
            .zip(&self.sample.inputs)
            .enumerate()
            .map(|(i, (v, input))| {
                let in_time = input.shape.first() == Some(&None);
                let flow =
                    Flow::masked(*v, mask.filter(|_| i == 0)).ending(ends.filter(|_| in_time));
                let packed = given == Given::Packed && in_time;
                if packed { cx.in_rows(flow).unwrap() } else { flow }
            })
            .collect();
        let outs = layer.lower(&cx, &w, &self.call(&flows))?;
        if given == Given::Packed && matches!(layer.rule().ragged_form(), RaggedForm::ByTimestep(_))
        {
            assert!(outs[0].packed, "{}: not computed on packed rows", self.name());
        }
        let outs: Vec<Flow<'_>> = outs.into_iter().map(|f| cx.padded(f)).collect();
        let all: Vec<Var<'_>> = vars.iter().chain(&weights).copied().collect();
        let floats: Vec<usize> = (0..all.len()).filter(|i| all[*i].dtype().is_float()).collect();
        let wrt: Vec<Var<'_>> = floats.iter().map(|i| all[*i]).collect();
        let seeds: Vec<_> = outs
            .iter()
            .filter(|f| f.value.dtype().is_float())
            .map(|f| (f.value, weights_of(f, first)))
            .collect();
        for (v, d) in wrt.iter().zip(gradient(&seeds, &wrt)) {
            b.output("d", d.unwrap_or_else(|| v.zeros_like()));
        }
        for f in &outs {
            let y = f.value.cast(DType::F64);
            let axes: Vec<isize> = (0..y.rank() as isize).collect();
            b.output("sum", (y * weights_of(f, first)).sum(&axes, false));
            b.output("y", y);
            if let Some(e) = f.ends {
                b.output("lengths", e.cast(DType::I32).sum(&[1], false));
            }
        }
        let masked = outs.iter().map(|f| f.mask.is_some()).collect();
        Ok(Lowered { graph: b.finish().unwrap(), ins, floats, n_inputs: x.len(), masked })
    }

    /// Values of the inputs in f64: of samples with `steps` timesteps, past whose own length a
    /// number stands that shows where it is read.
    pub fn values(&self, samples: &[usize], steps: usize, past_end: bool) -> Vec<Tensor> {
        (0..self.sample.inputs.len())
            .map(|i| {
                let input = &self.sample.inputs[i];
                let mut dims: Vec<usize> = input.shape.iter().map(|d| d.unwrap_or(steps)).collect();
                let per_step: usize = dims.iter().skip(1).product();
                let n: usize = dims.iter().product();
                let own: Vec<Vec<f64>> = (0..B)
                    .map(|s| sample_numbers(&[T * n.max(1)], (i * B + s) as u64 + 7).to_f64())
                    .collect();
                let in_time = input.shape.first() == Some(&None);
                let one = |s: usize, k: usize| match input.values {
                    SampleValues::Floats if past_end && in_time && k / per_step >= LENGTHS[s] => {
                        50.0
                    }
                    SampleValues::Floats => own[s][k],
                    SampleValues::Ids(n) => ((own[s][k] + 2.0) * 1000.0).floor() % n as f64,
                    SampleValues::Words => unreachable!("words are encoded before the graph"),
                };
                let values = samples
                    .iter()
                    .flat_map(|&s| (0..n).map(move |k| (s, k)))
                    .map(|(s, k)| one(s, k));
                dims.insert(0, samples.len());
                cast(&Tensor::new(&dims, values.collect::<Vec<f64>>()), input.dtype().unwrap())
            })
            .collect()
    }
}

/// What the elements of an output count in the sum whose gradient is taken: the sequences' own
/// as they do alone, all others 0. `first` is the number of the first sample.
pub fn weights_of<'g>(f: &Flow<'g>, first: usize) -> Var<'g> {
    let dims = f.value.spec().numbers().unwrap();
    let (steps, rest) = if dims.len() > 2 { (dims[1], &dims[2..]) } else { (1, &dims[1..]) };
    let width: usize = rest.iter().product();
    let seed = |i: usize| weigh(first + i / width / steps, i / width % steps, i % width);
    let numbers = (0..dims.iter().product()).map(seed).collect::<Vec<f64>>();
    let w = f.value.builder().constant(Tensor::new(&dims, numbers));
    f.ends.map_or(w, |e| (2..dims.len()).fold(e, |e, _| e.expand_dims(-1)).select(w, 0.0))
}

/// What an element of an output counts in the sum whose gradient is taken.
pub fn weigh(sample: usize, step: usize, k: usize) -> f64 {
    ((sample * 5 + step * 3 + k * 7) % 11) as f64 / 5.0 - 1.0
}

pub fn cast(t: &Tensor, dtype: DType) -> Tensor {
    let v = t.to_f64();
    match dtype {
        DType::F64 => Tensor::new(&t.dims, v),
        DType::F32 => Tensor::new(&t.dims, v.iter().map(|x| *x as f32).collect::<Vec<_>>()),
        DType::I32 => Tensor::new(&t.dims, v.iter().map(|x| *x as i32).collect::<Vec<_>>()),
        DType::I64 => Tensor::new(&t.dims, v.iter().map(|x| *x as i64).collect::<Vec<_>>()),
        DType::Bool => {
            Tensor::new(&t.dims, v.iter().map(|x| u8::from(*x != 0.0)).collect::<Vec<_>>())
        }
    }
}

/// Outputs of a run by output: values, their dims, and lengths where sequences end.
pub fn outputs(l: &Lowered) -> Vec<(Tensor, Option<Vec<usize>>)> {
    let outs = interpret(&l.graph, &l.ins);
    let mut rest = outs[l.floats.len()..].iter().peekable();
    let mut all = vec![];
    while rest.next().is_some() {
        let y = rest.next().unwrap().clone();
        let lengths = rest.next_if(|t| t.dtype() == DType::I32);
        all.push((y, lengths.map(|t| t.to_f64().iter().map(|n| *n as usize).collect())));
    }
    all
}
