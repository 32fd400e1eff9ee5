//! A chain of pointwise operations run as one: what the pass [`fuse`](crate::passes::fuse) makes,
//! and no one writes.

use crate::op::{At, Primitive, Sample, sample_numbers};
use crate::ops::{Binary, BinaryFn, Cast, Compare, CompareFn, Select, Unary, UnaryFn};
use crate::spec::{DType, Dim, ShapeError, Spec};
use crate::tensor::{Tensor, View, ViewMut};
use crate::var::Var;
use crate::with_type;

/// How an input of `period` elements is read: element `i` of the chain reads its element `(i /
/// hold) % period`.
///
/// A value as large as the chain has `hold` 1 and all elements for period; a number period 1; a
/// bias `hold` 1 and its own length; a row's statistic the row's length for `hold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    /// How many neighbours read one element.
    pub hold: usize,
    /// Elements of the input.
    pub period: usize,
}

/// One operation of the chain. Registers are numbered: first the inputs, then what each operation
/// makes.
#[derive(Clone, Copy, Debug, PartialEq)]
#[allow(missing_docs)]
pub enum Instr {
    /// A number everywhere.
    Number(DType, f64),
    Unary(UnaryFn, u16),
    Binary(BinaryFn, u16, u16),
    Compare(CompareFn, u16, u16),
    /// `condition ? a : b`
    Select(u16, u16, u16),
    Cast(DType, u16),
}

impl Instr {
    /// The registers that are read.
    pub fn reads(&self) -> impl Iterator<Item = u16> + Clone + use<> {
        let r = match *self {
            Instr::Number(..) => [None; 3],
            Instr::Unary(_, a) | Instr::Cast(_, a) => [Some(a), None, None],
            Instr::Binary(_, a, b) | Instr::Compare(_, a, b) => [Some(a), Some(b), None],
            Instr::Select(c, a, b) => [Some(c), Some(a), Some(b)],
        };
        r.into_iter().flatten()
    }

    /// The operation that this is, for values of its own; a number has none.
    fn primitive(&self) -> Option<Box<dyn Primitive>> {
        match *self {
            Instr::Number(..) => None,
            Instr::Unary(f, _) => Some(Box::new(Unary { f })),
            Instr::Binary(f, ..) => Some(Box::new(Binary { f })),
            Instr::Compare(f, ..) => Some(Box::new(Compare { f })),
            Instr::Select(..) => Some(Box::new(Select)),
            Instr::Cast(dtype, _) => Some(Box::new(Cast { dtype })),
        }
    }
}

/// A chain of pointwise operations over `n` elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Fused {
    /// Elements of every output.
    pub n: usize,
    /// How each input is read.
    pub inputs: Vec<Reach>,
    /// The operations.
    pub code: Vec<Instr>,
    /// The registers that are given out, with their dims.
    pub outputs: Vec<(u16, Vec<usize>)>,
}

impl Fused {
    /// Element type of each register for those of the inputs.
    pub fn register_types(&self, ins: &[DType]) -> Vec<DType> {
        let mut types = ins.to_vec();
        for i in &self.code {
            types.push(match *i {
                Instr::Number(t, _) | Instr::Cast(t, _) => t,
                Instr::Unary(_, a) | Instr::Binary(_, a, _) | Instr::Select(_, a, _) => {
                    types[a as usize]
                }
                Instr::Compare(..) => DType::Bool,
            });
        }
        types
    }

    /// An input as each element of the chain reads it.
    fn stretch<'g>(&self, v: Var<'g>, r: &Reach) -> Var<'g> {
        let laid = v.reshape(&[Some(1), Some(r.period), Some(1)]);
        laid.broadcast_to(&self.laid(r)).reshape(&[Some(self.n)])
    }

    /// The gradient of an input, for that of what each element of the chain reads of it.
    fn gather<'g>(&self, d: Var<'g>, r: &Reach) -> Var<'g> {
        d.reshape(&self.laid(r)).sum(&[0, 2], false)
    }

    /// Dims of the chain's elements in which axis 1 counts those of an input.
    fn laid(&self, r: &Reach) -> [Dim; 3] {
        let repeats = self.n / (r.hold * r.period).max(1);
        [Some(repeats), Some(r.period), Some(r.hold)]
    }

    /// Whether an input is as large as the chain, so that an output may be written over it.
    pub fn reads_in_step(&self, input: usize) -> bool {
        self.inputs[input] == Reach { hold: 1, period: self.n }
    }
}

impl Primitive for Fused {
    fn spec(&self, ins: &[Spec]) -> Result<Vec<Spec>, ShapeError> {
        super::expect_inputs("fused", ins, self.inputs.len())?;
        if ins.iter().zip(&self.inputs).any(|(s, r)| {
            s.n_elements().is_some_and(|n| n != r.period)
                || !self.n.is_multiple_of((r.hold * r.period).max(1))
        }) {
            return Err(ShapeError::new(
                "fused",
                "inputs of the lengths that the chain reads are needed",
                ins,
            ));
        }
        let types = self.register_types(&ins.iter().map(|s| s.dtype).collect::<Vec<_>>());
        Ok(self.outputs.iter().map(|(r, dims)| Spec::known(types[*r as usize], dims)).collect())
    }

    fn vjp<'g>(&self, at: &At<'_, 'g>) -> Vec<Option<Var<'g>>> {
        let Some(d) = at.grads.iter().flatten().next() else { return vec![None; at.ins.len()] };
        let g = d.builder();
        let mut registers: Vec<Var<'g>> =
            at.ins.iter().zip(&self.inputs).map(|(v, r)| self.stretch(*v, r)).collect();
        for i in &self.code {
            let at = |r: u16| registers[r as usize];
            let made = match *i {
                Instr::Number(t, x) => g.full(t, &[Some(self.n)], x),
                Instr::Unary(f, a) => at(a).unary(f),
                Instr::Binary(f, a, b) => at(a).binary(f, at(b)),
                Instr::Compare(f, a, b) => at(a).compare(f, at(b)),
                Instr::Select(c, a, b) => at(c).select(at(a), at(b)),
                Instr::Cast(t, a) => at(a).cast(t),
            };
            registers.push(made);
        }
        // The chain backwards: each operation's own gradient rule, from the last to the first.
        let mut grads: Vec<Option<Var<'g>>> = vec![None; registers.len()];
        let add = |sum: &mut Option<Var<'g>>, d: Var<'g>| *sum = Some(sum.map_or(d, |s| s + d));
        for ((r, _), d) in self.outputs.iter().zip(at.grads) {
            if let Some(d) = d {
                add(&mut grads[*r as usize], d.reshape(&[Some(self.n)]));
            }
        }
        for (k, i) in self.code.iter().enumerate().rev() {
            let out = at.ins.len() + k;
            let (Some(op), Some(d)) = (i.primitive(), grads[out]) else { continue };
            let ins: Vec<Var<'g>> = i.reads().map(|r| registers[r as usize]).collect();
            let d_ins = op.vjp(&At { ins: &ins, outs: &[registers[out]], grads: &[Some(d)] });
            for (r, d) in i.reads().zip(d_ins) {
                if let Some(d) = d.filter(|_| registers[r as usize].dtype().is_float()) {
                    add(&mut grads[r as usize], d);
                }
            }
        }
        let inputs = at.ins.iter().zip(&self.inputs).zip(grads);
        inputs.map(|((v, r), d)| d.map(|d| self.gather(d, r).reshape(&v.dims()))).collect()
    }

    fn eval(&self, ins: &[View<'_>], outs: &mut [Option<ViewMut<'_>>]) {
        let mut registers: Vec<Tensor> = ins
            .iter()
            .zip(&self.inputs)
            .map(|(v, r)| {
                with_type!(v.dtype(), T => {
                    let x = v.get::<T>();
                    Tensor::new(
                        &[self.n],
                        (0..self.n).map(|i| x[i / r.hold % r.period]).collect::<Vec<T>>(),
                    )
                })
            })
            .collect();
        for i in &self.code {
            let types = self.register_types(&ins.iter().map(View::dtype).collect::<Vec<_>>());
            let mut made = Tensor::zeros(types[registers.len()], &[self.n]);
            match (i, i.primitive()) {
                (_, Some(op)) => {
                    let ins: Vec<View<'_>> =
                        i.reads().map(|r| registers[r as usize].view()).collect();
                    op.eval(&ins, &mut [Some(made.view_mut())]);
                }
                (Instr::Number(t, x), _) => with_type!(*t, T => {
                    let x = Tensor::scalar_of(*t, *x);
                    made.view_mut().get::<T>().fill(x.view().get::<T>()[0]);
                }),
                _ => unreachable!("only a number is no operation"),
            }
            registers.push(made);
        }
        for (o, (r, _)) in outs.iter_mut().zip(&self.outputs) {
            if let Some(o) = o {
                let made = registers[*r as usize].view();
                with_type!(made.dtype(), T => o.get::<T>().copy_from_slice(made.get::<T>()));
            }
        }
    }

    fn samples() -> Vec<Sample<Self>> {
        let full = Reach { hold: 1, period: 12 };
        let bias = Fused {
            n: 12,
            inputs: vec![full, Reach { hold: 1, period: 4 }, Reach { hold: 4, period: 3 }],
            code: vec![
                Instr::Binary(BinaryFn::Add, 0, 1),
                Instr::Unary(UnaryFn::Tanh, 3),
                Instr::Binary(BinaryFn::Mul, 4, 2),
            ],
            outputs: vec![(4, vec![3, 4]), (5, vec![12])],
        };
        let chosen = Fused {
            n: 12,
            inputs: vec![full, Reach { hold: 1, period: 1 }],
            code: vec![
                Instr::Number(DType::F64, 0.25),
                Instr::Compare(CompareFn::Gt, 0, 2),
                Instr::Binary(BinaryFn::Mul, 0, 1),
                Instr::Select(3, 4, 0),
                Instr::Cast(DType::F64, 3),
                Instr::Binary(BinaryFn::Sub, 5, 6),
            ],
            outputs: vec![(7, vec![2, 6])],
        };
        vec![
            Sample::new(
                bias,
                vec![
                    sample_numbers(&[3, 4], 231),
                    sample_numbers(&[4], 232),
                    sample_numbers(&[3, 1], 233),
                ],
            ),
            Sample::new(chosen, vec![sample_numbers(&[2, 6], 234), sample_numbers(&[], 235)]),
        ]
    }

    fn n_outputs(&self) -> usize {
        self.outputs.len()
    }
}
