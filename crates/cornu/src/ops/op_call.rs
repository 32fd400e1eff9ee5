//! One call of an operation: its values and settings; and the rows of the tables of operations.

use crate::config::short;
use crate::lowering::literal::{Literal, dtype_of, literal, promoted, with_dtype};
use crate::lowering::{Arg, Call, Cx, Flow};
use crate::saving::json;
use crate::{Error, Result};
use cornu_ir::ops::Iota;
use cornu_ir::{DType, Dim, Tensor, Var};
use serde_json::Value;

/// Modules of Keras that operations come from.
pub const NUMPY: &str = "keras.src.ops.numpy";
pub const NN: &str = "keras.src.ops.nn";
pub const CORE: &str = "keras.src.ops.core";
pub const MATH: &str = "keras.src.ops.math";
pub const LINALG: &str = "keras.src.ops.linalg";

/// The formula of an operation: its outputs for a call.
pub type Formula = for<'a, 'g> fn(&OpCall<'a, 'g>) -> Result<Vec<Var<'g>>>;

/// How an operation takes sequences of unequal length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unequal {
    /// Each element depends on the elements beside it alone: taken.
    Pointwise,
    /// Works along `axis`, by default the last: taken where that is an axis of features.
    ByFeatures,
    /// Works over the axes of `axis`, by default all: taken where they are axes of features.
    OverAxes,
    /// Adds or removes the axis `axis`: taken where that is an axis of features.
    AnotherAxis,
    /// Refused.
    Refused,
}

/// Class, module, how it takes sequences of unequal length, formula.
pub struct Row(pub &'static str, pub &'static str, pub Unequal, pub Formula);

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

/// One call of an operation.
pub struct OpCall<'a, 'g> {
    pub cx: &'a Cx<'g>,
    pub class: &'static str,
    pub settings: &'a Value,
    pub call: &'a Call<Flow<'g>>,
}

impl<'g> OpCall<'_, 'g> {
    /// Understood, but not something cornu does.
    pub fn unsupported(&self, what: impl std::fmt::Display) -> Error {
        Error::Unsupported(format!("operation {} with {what}", self.class))
    }

    /// Returns a setting that was given.
    pub fn setting(&self, name: &str) -> Option<&Value> {
        self.settings.get(name).filter(|v| !v.is_null())
    }

    fn wrong(&self, name: &str) -> Error {
        self.unsupported(format!(
            "{name} = {}",
            short(self.settings.get(name).unwrap_or(&Value::Null))
        ))
    }

    /// Returns a whole number.
    pub fn integer(&self, name: &str) -> Result<Option<isize>> {
        self.setting(name)
            .map(|v| v.as_i64().map(|i| i as isize).ok_or_else(|| self.wrong(name)))
            .transpose()
    }

    /// Whole numbers, or one.
    pub fn integers(&self, name: &str) -> Result<Option<Vec<isize>>> {
        let list = |v: &Value| match v {
            Value::Array(items) => items.iter().map(|i| i.as_i64().map(|i| i as isize)).collect(),
            one => one.as_i64().map(|i| vec![i as isize]),
        };
        self.setting(name).map(|v| list(v).ok_or_else(|| self.wrong(name))).transpose()
    }

    /// Returns a number.
    pub fn real(&self, name: &str, otherwise: f64) -> Result<f64> {
        self.setting(name).map_or(Ok(otherwise), |v| json::float(v).ok_or_else(|| self.wrong(name)))
    }

    /// Returns a switch.
    pub fn flag(&self, name: &str, otherwise: bool) -> bool {
        self.setting(name).and_then(Value::as_bool).unwrap_or(otherwise)
    }

    /// Returns a text.
    pub fn text(&self, name: &str) -> Result<&str> {
        self.setting(name).and_then(Value::as_str).ok_or_else(|| self.wrong(name))
    }

    /// Returns the type asked for.
    pub fn dtype(&self) -> Result<Option<DType>> {
        self.setting("dtype")
            .map(|v| v.as_str().ok_or_else(|| self.wrong("dtype")).and_then(dtype_of))
            .transpose()
    }

    /// Returns an axis of a value.
    pub fn axis(&self, axis: isize, rank: usize) -> Result<usize> {
        let i = cornu_ir::builder::axis_of(axis, rank);
        if i < rank {
            Ok(i)
        } else {
            Err(Error::argument(self.class, format!("axis must be one of {rank} axes"), axis))
        }
    }

    /// Says that rows of the batch meet when an axis is the batch's.
    pub fn touches(&self, axis: usize) {
        if axis == 0 {
            self.cx.keep_whole();
        }
    }

    fn literal_of(&self, a: &Arg<Flow<'g>>) -> Result<Option<Literal>> {
        match a {
            Arg::Value(_) => Ok(None),
            Arg::Json(v) => literal(v).map(Some),
            Arg::List(_) | Arg::Dict(_) => {
                Err(self.unsupported("a list or dict with tensors in this place"))
            }
        }
    }

    fn arg(&self, i: usize) -> Result<&Arg<Flow<'g>>> {
        self.call.args.get(i).ok_or_else(|| {
            Error::argument(
                self.class,
                format!("argument {i} is missing"),
                format!("{} arguments", self.call.args.len()),
            )
        })
    }

    /// Returns an argument as a value.
    pub fn value(&self, i: usize) -> Result<Var<'g>> {
        let arg = self.arg(i)?;
        if let Arg::Value(f) = arg {
            return Ok(f.value);
        }
        let l = self.literal_of(arg)?.ok_or_else(|| self.unsupported("this argument"))?;
        Ok(self.cx.builder.constant(l.tensor))
    }

    /// Returns all values of all arguments, in floats.
    pub fn all_float(&self) -> Result<Vec<Var<'g>>> {
        (0..self.call.args.len()).map(|i| self.value(i).map(|v| self.as_float(v))).collect()
    }

    /// Returns an argument that may be absent, as a value.
    pub fn optional(&self, position: usize, name: &str) -> Result<Option<Var<'g>>> {
        let Some(arg) = self.call.arg(position, name) else { return Ok(None) };
        match arg {
            Arg::Value(f) => Ok(Some(f.value)),
            other => Ok(self.literal_of(other)?.map(|l| self.cx.builder.constant(l.tensor))),
        }
    }

    /// Returns an argument whose numbers are written in the config.
    pub fn known_numbers(&self, position: usize, name: &str) -> Result<Option<Tensor>> {
        match self.call.arg(position, name) {
            None => Ok(None),
            Some(arg) => match self.literal_of(arg)? {
                Some(l) => Ok(Some(l.tensor)),
                None => Err(self.unsupported(format!("{name} that the model computes"))),
            },
        }
    }

    /// Returns the values of the first argument, a list, in the type they take together.
    pub fn list(&self) -> Result<Vec<Var<'g>>> {
        self.list_of(0)
    }

    /// Returns the values of an argument, a list, in the type they take together.
    pub fn list_of(&self, i: usize) -> Result<Vec<Var<'g>>> {
        let items = match self.arg(i)? {
            Arg::List(items) => items.clone(),
            one => vec![one.clone()],
        };
        let site = |a: Arg<Flow<'g>>| match &a {
            Arg::Value(f) => Ok(f.value),
            other => self
                .literal_of(other)
                .and_then(|l| l.ok_or_else(|| self.unsupported("this argument")))
                .map(|l| self.cx.builder.constant(l.tensor)),
        };
        let values = items.into_iter().map(site).collect::<Result<Vec<_>>>()?;
        let dtype = values
            .iter()
            .map(|v| v.dtype())
            .reduce(promoted)
            .ok_or_else(|| self.unsupported("an empty list"))?;
        Ok(values.into_iter().map(|v| v.cast(dtype)).collect())
    }

    /// Returns a value in a float type.
    pub fn as_float(&self, x: Var<'g>) -> Var<'g> {
        if x.dtype().is_float() { x } else { x.cast(self.cx.float()) }
    }

    /// Returns an argument as truth values.
    pub fn bool_value(&self, i: usize) -> Result<Var<'g>> {
        Ok(self.value(i)?.cast(DType::Bool))
    }

    /// Two arguments in the type they take together: a plain number takes the type of the tensor
    /// beside it where it can.
    pub fn operands(&self, i: usize, j: usize) -> Result<(Var<'g>, Var<'g>)> {
        let (a, b) = (self.literal_of(self.arg(i)?)?, self.literal_of(self.arg(j)?)?);
        let tensor_type = |k: usize, l: &Option<Literal>| {
            l.as_ref().map_or_else(|| self.value(k).map(|v| v.dtype()), |l| Ok(l.tensor.dtype()))
        };
        let (da, db) = (tensor_type(i, &a)?, tensor_type(j, &b)?);
        let weak = |l: &Option<Literal>| l.as_ref().is_some_and(|l| l.weak);
        // A float number beside whole numbers makes floats; beside a float it takes that float's
        // width.
        let dtype = match (weak(&a), weak(&b)) {
            (true, false) if db.is_float() => db,
            (false, true) if da.is_float() => da,
            _ => promoted(da, db),
        };
        let give = |k: usize, l: Option<Literal>| match l {
            Some(l) => Ok(self.cx.builder.constant(with_dtype(&l.tensor, dtype))),
            None => self.value(k).map(|v| v.cast(dtype)),
        };
        Ok((give(i, a)?, give(j, b)?))
    }

    /// Returns a rule of two values.
    pub fn pair(&self, f: impl Fn(Var<'g>, Var<'g>) -> Var<'g>) -> Result<Vec<Var<'g>>> {
        let (a, b) = self.operands(0, 1)?;
        Ok(vec![f(a, b)])
    }

    /// Returns a rule of two floats.
    pub fn float_pair(&self, f: impl Fn(Var<'g>, Var<'g>) -> Var<'g>) -> Result<Vec<Var<'g>>> {
        let (a, b) = self.operands(0, 1)?;
        Ok(vec![f(self.as_float(a), self.as_float(b))])
    }

    /// Returns a rule of two truth values.
    pub fn bool_pair(&self, f: impl Fn(Var<'g>, Var<'g>) -> Var<'g>) -> Result<Vec<Var<'g>>> {
        Ok(vec![f(self.bool_value(0)?, self.bool_value(1)?)])
    }

    /// Returns a rule of one number; truth values count as 0 and 1.
    pub fn number(&self, f: impl Fn(Var<'g>) -> Var<'g>) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        Ok(vec![f(if x.dtype() == DType::Bool { x.cast(DType::I32) } else { x })])
    }

    /// Returns a rule of one float.
    pub fn float(&self, f: impl Fn(Var<'g>) -> Var<'g>) -> Result<Vec<Var<'g>>> {
        Ok(vec![f(self.as_float(self.value(0)?))])
    }

    /// To a power; whole exponents are products, whose gradient holds at 0.
    pub fn power(&self) -> Result<Vec<Var<'g>>> {
        let (x, n) = self.operands(0, 1)?;
        let exponent =
            self.literal_of(self.arg(1)?)?.filter(|l| l.weak).map(|l| l.tensor.to_f64()[0]);
        Ok(vec![match exponent {
            Some(0.0) => x.ones_like(),
            Some(e) if e.fract() == 0.0 && (1.0..=4.0).contains(&e) => {
                (1..e as usize).fold(x, |y, _| y * x)
            }
            _ => x.pow(n),
        }])
    }

    /// `condition ? x1 : x2`.
    pub fn choose(&self) -> Result<Vec<Var<'g>>> {
        if self.call.args.len() < 3 {
            return Err(self.unsupported("a condition alone"));
        }
        let (a, b) = self.operands(1, 2)?;
        Ok(vec![self.bool_value(0)?.select(a, b)])
    }

    /// Kept between bounds that may be absent.
    pub fn clip(&self, x: Var<'g>, low: f64, high: f64) -> Var<'g> {
        let x = if low.is_finite() { x.maximum(low) } else { x };
        if high.is_finite() { x.minimum(high) } else { x }
    }

    /// Finite numbers in place of what is none, or infinite.
    pub fn nan_to_num(&self) -> Result<Vec<Var<'g>>> {
        let most = if self.as_float(self.value(0)?).dtype() == DType::F64 {
            f64::MAX
        } else {
            f64::from(f32::MAX)
        };
        let (nan, high, low) =
            (self.real("nan", 0.0)?, self.real("posinf", most)?, self.real("neginf", -most)?);
        self.float(|x| {
            let number = |n: f64| self.cx.builder.full(x.dtype(), &x.dims(), n);
            let x = x
                .eq(f64::INFINITY)
                .select(number(high), x.eq(f64::NEG_INFINITY).select(number(low), x));
            x.is_nan().cast(DType::Bool).select(number(nan), x)
        })
    }

    /// One number everywhere, like the value.
    pub fn like(&self, number: f64) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        Ok(vec![self.cx.builder.full(self.dtype()?.unwrap_or(x.dtype()), &x.dims(), number)])
    }

    /// Returns the second argument everywhere, like the first.
    pub fn full_like(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?;
        Ok(vec![self.value(1)?.cast(self.dtype()?.unwrap_or(x.dtype())).broadcast_to(&x.dims())])
    }

    /// 1 at the place that each number names along a new axis.
    pub fn one_hot(&self) -> Result<Vec<Var<'g>>> {
        let x = self.value(0)?.cast(DType::I32);
        let n = self
            .integer("num_classes")?
            .and_then(|n| usize::try_from(n).ok())
            .filter(|n| *n < 1 << 24);
        let n = n.ok_or_else(|| self.wrong("num_classes"))?;
        let classes =
            self.cx.builder.apply1(Iota { dtype: DType::I32, dims: vec![Some(n)], axis: 0 }, &[]);
        let y = x.expand_dims(-1).eq(classes).cast(self.dtype()?.unwrap_or(self.cx.float()));
        let to = self.axis(self.integer("axis")?.unwrap_or(-1), y.rank())?;
        Ok(vec![moved(y, y.rank() - 1, to)])
    }
}

/// Returns an axis moved to another place.
pub fn moved(x: Var<'_>, from: usize, to: usize) -> Var<'_> {
    let mut order: Vec<usize> = (0..x.rank()).collect();
    let axis = order.remove(from);
    order.insert(to, axis);
    x.transpose(&order)
}

/// Returns the number of an axis where it is known; before data arrive, none.
pub fn known(d: Dim) -> Option<isize> {
    d.map(|n| n as isize)
}
