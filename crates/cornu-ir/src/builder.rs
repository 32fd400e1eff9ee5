//! Recording a graph: a [`Builder`] holds it, a [`Var`] is a value in it on which formulas are written as in a paper.
//!
//! A broken shape rule does not interrupt a formula: the builder keeps the first error, later operations on it are
//! skipped, and [`Builder::check`] or [`Builder::finish`] returns it.
//!
//! ```
//! use cornu_ir::{Builder, DType, Spec, Tensor, interpret::interpret};
//! let b = Builder::new();
//! let x = b.input("x", Spec::known(DType::F64, &[2, 3]));
//! let y = (x * 2.0 + 1.0).sum(&[-1], false);
//! b.output("y", y);
//! let g = b.finish().unwrap();
//! let out = interpret(&g, &[Tensor::new(&[2, 3], vec![0.0f64, 1.0, 2.0, 3.0, 4.0, 5.0])]);
//! assert_eq!(out[0].to_f64(), vec![9.0, 27.0]);
//! ```

use crate::graph::{Graph, Node, NodeId, Port, Source, Value, ValueId};
use crate::op::{Op, ShapeError};
use crate::ops::*;
use crate::spec::{DType, Dim, Spec};
use crate::tensor::Tensor;
use std::cell::RefCell;

/// A graph being written.
#[derive(Default)]
pub struct Builder {
    graph: RefCell<Graph>,
    error: RefCell<Option<ShapeError>>,
}

/// A value of a graph being written.
#[derive(Clone, Copy)]
pub struct Var<'g> {
    builder: &'g Builder,
    id: ValueId,
}

impl std::fmt::Debug for Var<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "%{}: {}", self.id.0, self.spec())
    }
}

impl Builder {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// A new input of the graph.
    pub fn input(&self, name: impl Into<String>, spec: Spec) -> Var<'_> {
        let mut g = self.graph.borrow_mut();
        let id = ValueId(g.values.len() as u32);
        let index = g.inputs.len();
        g.values.push(Value { spec, source: Source::Input(index) });
        g.inputs.push(Port { name: name.into(), value: id });
        Var { builder: self, id }
    }

    /// Asks for a value.
    pub fn output(&self, name: impl Into<String>, v: Var<'_>) {
        self.graph.borrow_mut().outputs.push(Port { name: name.into(), value: v.id });
    }

    /// The first broken rule so far.
    pub fn check(&self) -> Result<(), ShapeError> {
        self.error.borrow().clone().map_or(Ok(()), Err)
    }

    /// The graph, or the first broken rule.
    pub fn finish(self) -> Result<Graph, ShapeError> {
        match self.error.into_inner() {
            Some(e) => Err(e),
            None => Ok(self.graph.into_inner()),
        }
    }

    /// The graph so far.
    pub fn graph(&self) -> std::cell::Ref<'_, Graph> {
        self.graph.borrow()
    }

    /// Records a broken rule found by a composite.
    pub fn fail(&self, e: ShapeError) {
        self.error.borrow_mut().get_or_insert(e);
    }

    /// Appends an operation. After an error the outputs are placeholders that nothing will run.
    pub fn apply(&self, op: impl Into<Op>, ins: &[Var<'_>]) -> Vec<Var<'_>> {
        let op = op.into();
        let specs: Vec<Spec> = ins.iter().map(Var::spec).collect();
        let outs =
            if self.error.borrow().is_some() { Err(None) } else { op.spec(&specs).map_err(Some) };
        let outs = outs.unwrap_or_else(|e| {
            if let Some(e) = e {
                self.fail(e);
            }
            let n = op.n_outputs();
            vec![specs.first().cloned().unwrap_or(Spec::new(DType::F32, vec![])); n]
        });
        let mut g = self.graph.borrow_mut();
        let node = NodeId(g.nodes.len() as u32);
        let first = g.values.len() as u32;
        for (i, spec) in outs.into_iter().enumerate() {
            g.values.push(Value { spec, source: Source::Node(node, i) });
        }
        let outs: Vec<ValueId> = (first..g.values.len() as u32).map(ValueId).collect();
        g.nodes.push(Node { op, ins: ins.iter().map(|v| v.id).collect(), outs: outs.clone() });
        drop(g);
        outs.into_iter().map(|id| Var { builder: self, id }).collect()
    }

    /// Appends an operation with one output.
    pub fn apply1(&self, op: impl Into<Op>, ins: &[Var<'_>]) -> Var<'_> {
        self.apply(op, ins)[0]
    }

    /// The value of an id of this graph.
    pub fn var(&self, id: ValueId) -> Var<'_> {
        assert!((id.0 as usize) < self.graph.borrow().values.len(), "value of another graph");
        Var { builder: self, id }
    }

    /// A constant tensor.
    pub fn constant(&self, t: Tensor) -> Var<'_> {
        self.apply1(Constant { value: t }, &[])
    }

    /// A constant of rank 0.
    pub fn scalar(&self, dtype: DType, x: f64) -> Var<'_> {
        self.constant(Tensor::scalar_of(dtype, x))
    }

    /// A tensor of one repeated number.
    pub fn full(&self, dtype: DType, dims: &[Dim], x: f64) -> Var<'_> {
        self.scalar(dtype, x).broadcast_to(dims)
    }

    /// Copies another graph's nodes into this one, its inputs bound to `ins`; returns its outputs.
    pub fn inline<'g>(&'g self, graph: &Graph, ins: &[Var<'g>]) -> Vec<Var<'g>> {
        let mut map: Vec<Option<Var<'g>>> = vec![None; graph.values.len()];
        for (p, v) in graph.inputs.iter().zip(ins) {
            map[p.value.0 as usize] = Some(*v);
        }
        let get = |map: &[Option<Var<'g>>], v: &ValueId| {
            map[v.0 as usize].expect("inputs stand before uses")
        };
        for n in &graph.nodes {
            let ins: Vec<Var<'g>> = n.ins.iter().map(|v| get(&map, v)).collect();
            for (old, new) in n.outs.iter().zip(self.apply(n.op.clone(), &ins)) {
                map[old.0 as usize] = Some(new);
            }
        }
        graph.outputs.iter().map(|p| get(&map, &p.value)).collect()
    }
}

/// Something that can stand beside a [`Var`] in a formula: another one, or a number.
pub trait Operand<'g> {
    /// As a value, with the type of `like`.
    fn var(self, like: Var<'g>) -> Var<'g>;
}

impl<'g> Operand<'g> for Var<'g> {
    fn var(self, _: Var<'g>) -> Var<'g> {
        self
    }
}

impl<'g> Operand<'g> for f64 {
    fn var(self, like: Var<'g>) -> Var<'g> {
        like.builder.scalar(like.dtype(), self)
    }
}

/// The dims that two values take together: equal dims stay, 1 stretches, unknown joins with unknown or 1 and yields to a number above 1.
pub fn broadcast_dims(a: &[Dim], b: &[Dim]) -> Option<Vec<Dim>> {
    let rank = a.len().max(b.len());
    let at =
        |s: &[Dim], i: usize| if i + s.len() >= rank { s[i + s.len() - rank] } else { Some(1) };
    (0..rank)
        .map(|i| match (at(a, i), at(b, i)) {
            (x, y) if x == y => Some(x),
            (Some(1), y) => Some(y),
            (x, Some(1)) => Some(x),
            (None, y) => Some(y),
            (x, None) => Some(x),
            _ => None,
        })
        .collect()
}

impl<'g> Var<'g> {
    /// Its id in the graph.
    pub fn id(self) -> ValueId {
        self.id
    }

    /// The graph it belongs to.
    pub fn builder(self) -> &'g Builder {
        self.builder
    }

    /// Its spec.
    pub fn spec(&self) -> Spec {
        self.builder.graph.borrow().spec(self.id).clone()
    }

    /// Its element type.
    pub fn dtype(self) -> DType {
        self.builder.graph.borrow().spec(self.id).dtype
    }

    /// Its dims.
    pub fn dims(self) -> Vec<Dim> {
        self.spec().dims
    }

    /// Its number of dims.
    pub fn rank(self) -> usize {
        self.builder.graph.borrow().spec(self.id).rank()
    }

    /// One dim; negative axes count from the end.
    pub fn dim(self, axis: isize) -> Dim {
        let dims = self.dims();
        dims.get(axis_of(axis, dims.len())).copied().flatten()
    }

    fn unary(self, f: UnaryFn) -> Var<'g> {
        self.builder.apply1(Unary { f }, &[self])
    }

    /// Both values at the dims they take together. A failure is recorded under `op`.
    pub fn broadcast_with(self, other: Var<'g>, op: &str) -> (Var<'g>, Var<'g>) {
        let (a, b) = (self.spec(), other.spec());
        if a.dims == b.dims && (a.n_elements().is_some() || self.id == other.id) {
            return (self, other);
        }
        match broadcast_dims(&a.dims, &b.dims) {
            Some(dims) => (self.broadcast_to(&dims), other.broadcast_to(&dims)),
            None => {
                self.builder.fail(ShapeError::new(
                    op,
                    "shapes must be equal or stretch to each other (dims equal, or one of them 1)",
                    &[a, b],
                ));
                (self, other)
            }
        }
    }

    /// A pointwise function of two values, stretched to each other.
    pub fn binary(self, f: BinaryFn, other: impl Operand<'g>) -> Var<'g> {
        let (a, b) = self.broadcast_with(other.var(self), f.name());
        self.builder.apply1(Binary { f }, &[a, b])
    }

    /// A comparison of two values, stretched to each other; the result is bool.
    pub fn compare(self, f: CompareFn, other: impl Operand<'g>) -> Var<'g> {
        let (a, b) = self.broadcast_with(other.var(self), f.name());
        self.builder.apply1(Compare { f }, &[a, b])
    }

    /// `self ? a : b` for a bool value, all stretched to each other.
    pub fn select(self, a: Var<'g>, b: impl Operand<'g>) -> Var<'g> {
        let (a, b) = a.broadcast_with(b.var(a), "select");
        let (c, a) = self.broadcast_with(a, "select");
        let (_, b) = a.broadcast_with(b, "select");
        self.builder.apply1(Select, &[c, a, b])
    }

    /// The same numbers in another type.
    pub fn cast(self, dtype: DType) -> Var<'g> {
        if self.dtype() == dtype { self } else { self.builder.apply1(Cast { dtype }, &[self]) }
    }

    /// Stretched to dims (rules of numpy).
    pub fn broadcast_to(self, dims: &[Dim]) -> Var<'g> {
        let own = self.dims();
        if own == dims && own.iter().all(Option::is_some) {
            return self;
        }
        self.builder.apply1(Broadcast { dims: dims.to_vec() }, &[self])
    }

    /// The same elements under other dims.
    pub fn reshape(self, dims: &[Dim]) -> Var<'g> {
        if self.dims() == dims && dims.iter().all(Option::is_some) {
            return self;
        }
        self.builder.apply1(Reshape { dims: dims.to_vec() }, &[self])
    }

    /// A dim of 1 put in before `axis` of the result.
    pub fn expand_dims(self, axis: isize) -> Var<'g> {
        let mut dims = self.dims();
        dims.insert(axis_of(axis, dims.len() + 1).min(dims.len()), Some(1));
        self.reshape(&dims)
    }

    /// A dim of 1 taken out.
    pub fn squeeze(self, axis: isize) -> Var<'g> {
        let mut dims = self.dims();
        let axis = axis_of(axis, dims.len());
        if axis < dims.len() {
            dims.remove(axis);
        }
        self.reshape(&dims)
    }

    /// Axes in another order: axis `i` of the result is axis `perm[i]` of the value.
    pub fn transpose(self, perm: &[usize]) -> Var<'g> {
        if perm.iter().enumerate().all(|(i, &p)| i == p) {
            return self;
        }
        self.builder.apply1(Transpose { perm: perm.to_vec() }, &[self])
    }

    /// Two axes exchanged.
    pub fn swap_axes(self, a: isize, b: isize) -> Var<'g> {
        let rank = self.rank();
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(axis_of(a, rank), axis_of(b, rank));
        self.transpose(&perm)
    }

    /// Elements `start..end` of one axis, every `step`-th.
    pub fn slice_step(self, axis: isize, start: usize, end: Dim, step: usize) -> Var<'g> {
        let axis = axis_of(axis, self.rank());
        self.builder.apply1(Slice { axis, start, end, step }, &[self])
    }

    /// Elements `start..end` of one axis.
    pub fn slice(self, axis: isize, start: usize, end: usize) -> Var<'g> {
        self.slice_step(axis, start, Some(end), 1)
    }

    /// Element `i` of one axis, which disappears.
    pub fn index(self, axis: isize, i: usize) -> Var<'g> {
        let axis = axis_of(axis, self.rank()) as isize;
        self.slice(axis, i, i + 1).squeeze(axis)
    }

    /// An axis backwards.
    pub fn reverse(self, axis: isize) -> Var<'g> {
        let axis = axis_of(axis, self.rank());
        self.builder.apply1(Reverse { axis }, &[self])
    }

    /// `low` and `high` elements of `value` put around an axis.
    pub fn pad(self, axis: isize, low: usize, high: usize, value: f64) -> Var<'g> {
        if low == 0 && high == 0 {
            return self;
        }
        let axis = axis_of(axis, self.rank());
        self.builder.apply1(Pad { axis, low, high, interior: 0, value }, &[self])
    }

    fn reduce(self, f: ReduceFn, axes: &[isize], keep: bool) -> Var<'g> {
        let rank = self.rank();
        let mut axes: Vec<usize> = axes.iter().map(|&a| axis_of(a, rank)).collect();
        axes.sort_unstable();
        axes.dedup();
        if axes.is_empty() {
            return self;
        }
        let y = self.builder.apply1(Reduce { f, axes: axes.clone() }, &[self]);
        if !keep {
            return y;
        }
        let dims: Vec<Dim> = self
            .dims()
            .into_iter()
            .enumerate()
            .map(|(i, d)| if axes.contains(&i) { Some(1) } else { d })
            .collect();
        y.reshape(&dims)
    }

    /// Sum over axes.
    pub fn sum(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.reduce(ReduceFn::Sum, axes, keep)
    }

    /// Product over axes.
    pub fn prod(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.reduce(ReduceFn::Prod, axes, keep)
    }

    /// Largest over axes.
    pub fn max(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.reduce(ReduceFn::Max, axes, keep)
    }

    /// Smallest over axes.
    pub fn min(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.reduce(ReduceFn::Min, axes, keep)
    }

    /// Whether any is true, over axes.
    pub fn any(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.reduce(ReduceFn::Max, axes, keep)
    }

    /// Whether all are true, over axes.
    pub fn all(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.reduce(ReduceFn::Min, axes, keep)
    }

    /// Number of elements along axes, as a value (unknown dims make it a placeholder of the symbolic stage).
    pub fn count(self, axes: &[isize]) -> f64 {
        let dims = self.dims();
        axes.iter()
            .map(|&a| dims.get(axis_of(a, dims.len())).copied().flatten().unwrap_or(1) as f64)
            .product()
    }

    /// Mean over axes.
    pub fn mean(self, axes: &[isize], keep: bool) -> Var<'g> {
        self.sum(axes, keep) / self.count(axes)
    }

    /// All axes of the value.
    pub fn all_axes(self) -> Vec<isize> {
        (0..self.rank() as isize).collect()
    }

    /// Sum of all elements.
    pub fn sum_all(self) -> Var<'g> {
        self.sum(&self.all_axes(), false)
    }

    /// Index of the largest along an axis, i32; the first of equals.
    pub fn argmax(self, axis: isize) -> Var<'g> {
        let axis = axis_of(axis, self.rank());
        self.builder.apply1(ArgReduce { max: true, axis }, &[self])
    }

    /// Index of the smallest along an axis, i32; the first of equals.
    pub fn argmin(self, axis: isize) -> Var<'g> {
        let axis = axis_of(axis, self.rank());
        self.builder.apply1(ArgReduce { max: false, axis }, &[self])
    }

    /// Running sum along an axis.
    pub fn cumsum(self, axis: isize, reverse: bool) -> Var<'g> {
        let axis = axis_of(axis, self.rank());
        self.builder.apply1(Cumulative { f: ReduceFn::Sum, axis, reverse }, &[self])
    }

    /// Sorted along the last axis, with the i32 index each element had; equal elements keep their order.
    pub fn sort_last(self, descending: bool) -> (Var<'g>, Var<'g>) {
        let o = self.builder.apply(Sort { descending }, &[self]);
        if o.len() == 2 { (o[0], o[1]) } else { (self, self) }
    }

    /// Matrix product over the last two axes; leading axes stretch to each other, a right side of rank 2 serves all.
    pub fn matmul(self, other: Var<'g>) -> Var<'g> {
        self.matmul_with(other, false, false)
    }

    /// Matrix product with either side's last two axes exchanged.
    pub fn matmul_with(self, other: Var<'g>, transpose_a: bool, transpose_b: bool) -> Var<'g> {
        let (a, b) = (self.dims(), other.dims());
        let op = MatMul { transpose_a, transpose_b };
        if a.len() > 2 && b.len() == 2 && !transpose_a {
            let rows = crate::spec::product(&a[..a.len() - 1]);
            let y = self.builder.apply1(op, &[self.reshape(&[rows, a[a.len() - 1]]), other]);
            let mut dims = a[..a.len() - 1].to_vec();
            dims.push(y.dim(-1));
            return y.reshape(&dims);
        }
        let (mut x, mut y) = (self, other);
        if a.len() >= 2
            && b.len() >= 2
            && a[..a.len() - 2] != b[..b.len() - 2]
            && let Some(lead) = broadcast_dims(&a[..a.len() - 2], &b[..b.len() - 2])
        {
            let full = |lead: &[Dim], own: &[Dim]| [lead, &own[own.len() - 2..]].concat();
            x = x.broadcast_to(&full(&lead, &a));
            y = y.broadcast_to(&full(&lead, &b));
        }
        self.builder.apply1(op, &[x, y])
    }

    /// A function of two whole numbers, stretched to each other.
    pub fn bits(self, f: BitsFn, other: Var<'g>) -> Var<'g> {
        let (a, b) = self.broadcast_with(other, "bits");
        self.builder.apply1(Bits { f }, &[a, b])
    }

    /// Rows of axis 0 picked by an i32 value; an index of -1 picks zeros. Dims: those of the index, then the row's.
    pub fn gather(self, index: Var<'g>) -> Var<'g> {
        self.builder.apply1(Gather, &[self, index])
    }

    /// Passes the value on but no gradient.
    pub fn stop_gradient(self) -> Var<'g> {
        self.builder.apply1(StopGradient, &[self])
    }

    /// Zeros like the value.
    pub fn zeros_like(self) -> Var<'g> {
        self.builder.full(self.dtype(), &self.dims(), 0.0)
    }

    /// Ones like the value.
    pub fn ones_like(self) -> Var<'g> {
        self.builder.full(self.dtype(), &self.dims(), 1.0)
    }

    /// Kept within `low..=high`.
    pub fn clip(self, low: f64, high: f64) -> Var<'g> {
        self.maximum(low).minimum(high)
    }

    /// Squared.
    pub fn square(self) -> Var<'g> {
        self * self
    }
}

/// The axis that a possibly negative number names; out of range values stay out of range, for the shape rule to name.
pub fn axis_of(axis: isize, rank: usize) -> usize {
    if axis < 0 { (axis + rank as isize).try_into().unwrap_or(usize::MAX) } else { axis as usize }
}

/// Values joined along an axis.
pub fn concat<'g>(parts: &[Var<'g>], axis: isize) -> Var<'g> {
    let first = parts[0];
    if parts.len() == 1 {
        return first;
    }
    first.builder.apply1(Concat { axis: axis_of(axis, first.rank()) }, parts)
}

/// Values of equal dims joined along a new axis.
pub fn stack<'g>(parts: &[Var<'g>], axis: isize) -> Var<'g> {
    let parts: Vec<Var<'g>> = parts.iter().map(|p| p.expand_dims(axis)).collect();
    concat(&parts, axis)
}

macro_rules! unary_methods {
    ($($method:ident $F:ident $doc:literal)*) => {
        impl<'g> Var<'g> { $(#[doc = $doc] pub fn $method(self) -> Var<'g> { self.unary(UnaryFn::$F) })* }
    };
}
unary_methods! {
    exp Exp "e to the value." expm1 Expm1 "e to the value, less 1." log Log "Natural logarithm." log1p Log1p "Natural logarithm of 1 and the value."
    sqrt Sqrt "Square root." rsqrt Rsqrt "1 / square root." tanh Tanh "Hyperbolic tangent." sigmoid Sigmoid "1 / (1 + exp(-x))."
    erf Erf "Error function." erfinv Erfinv "Inverse of the error function." bessel_i0 BesselI0 "Modified Bessel function of order 0." bessel_i1 BesselI1 "Modified Bessel function of order 1."
    abs Abs "Absolute value." sign Sign "-1, 0 or 1." floor Floor "Largest whole number not above." ceil Ceil "Smallest whole number not below."
    round Round "Nearest whole number, halves to even." sin Sin "Sine." cos Cos "Cosine." tan Tan "Tangent." asin Asin "Arc sine." acos Acos "Arc cosine." atan Atan "Arc tangent."
    sinh Sinh "Hyperbolic sine." cosh Cosh "Hyperbolic cosine." relu Relu "The value where positive, else 0." softplus Softplus "log(1 + exp(x)), without overflow." is_nan IsNan "1 where not a number, else 0, in the value's type."
}

macro_rules! binary_methods {
    ($($method:ident $F:ident $doc:literal)*) => {
        impl<'g> Var<'g> { $(#[doc = $doc] pub fn $method(self, other: impl Operand<'g>) -> Var<'g> { self.binary(BinaryFn::$F, other) })* }
    };
}
binary_methods! {
    maximum Max "The larger." minimum Min "The smaller." pow Pow "To the power." floor_mod Mod "Remainder with the divisor's sign." atan2 Atan2 "Angle of the point (other, self)."
}

macro_rules! compare_methods {
    ($($method:ident $F:ident $doc:literal)*) => {
        impl<'g> Var<'g> { $(#[doc = $doc] pub fn $method(self, other: impl Operand<'g>) -> Var<'g> { self.compare(CompareFn::$F, other) })* }
    };
}
compare_methods! {
    eq Eq "Equal." ne Ne "Not equal." lt Lt "Below." le Le "Not above." gt Gt "Above." ge Ge "Not below."
}

impl<'g> Var<'g> {
    /// Both true.
    pub fn and(self, other: Var<'g>) -> Var<'g> {
        self.binary(BinaryFn::Min, other)
    }

    /// Either true.
    pub fn or(self, other: Var<'g>) -> Var<'g> {
        self.binary(BinaryFn::Max, other)
    }

    /// False where true.
    pub fn not(self) -> Var<'g> {
        let f = self.builder.scalar(DType::Bool, 0.0);
        self.compare(CompareFn::Eq, f)
    }
}

macro_rules! operators {
    ($($Trait:ident $method:ident $F:ident)*) => {$(
        impl<'g, O: Operand<'g>> std::ops::$Trait<O> for Var<'g> {
            type Output = Var<'g>;
            fn $method(self, other: O) -> Var<'g> { self.binary(BinaryFn::$F, other) }
        }
        impl<'g> std::ops::$Trait<Var<'g>> for f64 {
            type Output = Var<'g>;
            fn $method(self, other: Var<'g>) -> Var<'g> { self.var(other).binary(BinaryFn::$F, other) }
        }
    )*};
}
operators! { Add add Add Sub sub Sub Mul mul Mul Div div Div }

impl<'g> std::ops::Neg for Var<'g> {
    type Output = Var<'g>;
    fn neg(self) -> Var<'g> {
        self.unary(UnaryFn::Neg)
    }
}
