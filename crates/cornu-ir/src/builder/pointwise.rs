//! Formulas on [`Var`] that go element by element; two values are stretched to each other.

use crate::ops::{
    Binary, BinaryFn, Bits, BitsFn, Cast, Compare, CompareFn, Select, Unary, UnaryFn,
};
use crate::spec::{DType, Dim, ShapeError};
use crate::var::{Operand, Var};

impl<'g> Operand<'g> for f64 {
    fn var(self, like: Var<'g>) -> Var<'g> {
        like.builder().scalar(like.dtype(), self)
    }
}

/// The dims that two values take together: equal dims stay, 1 stretches, unknown joins with unknown
/// or 1 and yields to a number above 1.
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
    /// Both values at the dims they take together. A failure is recorded under `op`.
    pub fn broadcast_with(self, other: Var<'g>, op: &str) -> (Var<'g>, Var<'g>) {
        let (a, b) = (self.spec(), other.spec());
        if a.dims == b.dims && (a.n_elements().is_some() || self.id() == other.id()) {
            return (self, other);
        }
        match broadcast_dims(&a.dims, &b.dims) {
            Some(dims) => (self.broadcast_to(&dims), other.broadcast_to(&dims)),
            None => {
                self.builder().fail(ShapeError::new(
                    op,
                    "shapes must be equal or stretch to each other (dims equal, or one of them 1)",
                    &[a, b],
                ));
                (self, other)
            }
        }
    }

    /// A pointwise function of the value.
    pub fn unary(self, f: UnaryFn) -> Var<'g> {
        self.builder().apply1(Unary { f }, &[self])
    }

    /// A pointwise function of two values, stretched to each other.
    pub fn binary(self, f: BinaryFn, other: impl Operand<'g>) -> Var<'g> {
        let (a, b) = self.broadcast_with(other.var(self), f.name());
        self.builder().apply1(Binary { f }, &[a, b])
    }

    /// A comparison of two values, stretched to each other; the result is bool.
    pub fn compare(self, f: CompareFn, other: impl Operand<'g>) -> Var<'g> {
        let (a, b) = self.broadcast_with(other.var(self), f.name());
        self.builder().apply1(Compare { f }, &[a, b])
    }

    /// `self ? a : b` for a bool value, all stretched to each other.
    pub fn select(self, a: Var<'g>, b: impl Operand<'g>) -> Var<'g> {
        let (a, b) = a.broadcast_with(b.var(a), "select");
        let (c, a) = self.broadcast_with(a, "select");
        let (_, b) = a.broadcast_with(b, "select");
        self.builder().apply1(Select, &[c, a, b])
    }

    /// The same numbers in another type.
    pub fn cast(self, dtype: DType) -> Var<'g> {
        if self.dtype() == dtype { self } else { self.builder().apply1(Cast { dtype }, &[self]) }
    }

    /// A function of two whole numbers, stretched to each other.
    pub fn bits(self, f: BitsFn, other: Var<'g>) -> Var<'g> {
        let (a, b) = self.broadcast_with(other, "bits");
        self.builder().apply1(Bits { f }, &[a, b])
    }

    /// Kept within `low..=high`.
    pub fn clip(self, low: f64, high: f64) -> Var<'g> {
        self.maximum(low).minimum(high)
    }

    /// Squared.
    pub fn square(self) -> Var<'g> {
        self * self
    }

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
        let f = self.builder().scalar(DType::Bool, 0.0);
        self.compare(CompareFn::Eq, f)
    }
}

macro_rules! operators {
    ($($Trait:ident $method:ident $F:ident)*) => {$(
        impl<'g, O: Operand<'g>> std::ops::$Trait<O> for Var<'g> {
            type Output = Var<'g>;
            fn $method(self, other: O) -> Var<'g> {
                self.binary(BinaryFn::$F, other)
            }
        }
        impl<'g> std::ops::$Trait<Var<'g>> for f64 {
            type Output = Var<'g>;
            fn $method(self, other: Var<'g>) -> Var<'g> {
                self.var(other).binary(BinaryFn::$F, other)
            }
        }
    )*};
}
operators! {
    Add add Add
    Sub sub Sub
    Mul mul Mul
    Div div Div
}

impl<'g> std::ops::Neg for Var<'g> {
    type Output = Var<'g>;
    fn neg(self) -> Var<'g> {
        self.unary(UnaryFn::Neg)
    }
}
