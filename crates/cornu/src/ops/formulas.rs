//! Operations that are the formulas of layers and losses: convolution, pooling, batch
//! normalization, cross-entropies.

use super::indexing::{iota, pick};
use super::op_call::Unequal::Refused;
use super::op_call::{NN, OpCall, Row, moved};
use crate::layers::convolution::windows::{Frame, convolve, convolve_channels};
use crate::layers::geometry::{DataFormat, Extent, Padding};
use crate::layers::pooling::window_pooling::{AveragePooling1d, MaxPooling1d};
use crate::lowering::{Call, Flow, Layer, WeightTree, Weights};
use crate::{Error, Result};
use cornu_ir::composites::{
    binary_crossentropy, categorical_crossentropy, class_crossentropy, ctc,
};
use cornu_ir::{DType, Dim, Var};
use serde_json::Value;

pub static ROWS: &[Row] = &[
    Row("Conv", NN, Refused, |s| {
        s.convolution(1, |frame, x, kernel| {
            convolve(
                frame.windows(x),
                kernel,
                x.dim(2).zip(kernel.dim(1)).map_or(1, |(c, k)| (c / k.max(1)).max(1)),
            )
        })
    }),
    Row("DepthwiseConv", NN, Refused, |s| {
        s.convolution(1, |frame, x, kernel| convolve_channels(frame.windows(x), kernel))
    }),
    Row("SeparableConv", NN, Refused, |s| s.separable_convolution()),
    Row("MaxPool", NN, Refused, |s| {
        s.pool(|pool_size, strides, padding, data_format| {
            Box::new(MaxPooling1d { pool_size, strides, padding, data_format })
        })
    }),
    Row("AveragePool", NN, Refused, |s| {
        s.pool(|pool_size, strides, padding, data_format| {
            Box::new(AveragePooling1d { pool_size, strides, padding, data_format })
        })
    }),
    Row("BatchNorm", NN, Refused, |s| s.batch_norm()),
    Row("BinaryCrossentropy", NN, Refused, |s| {
        let (t, p) = s.targets()?;
        Ok(vec![binary_crossentropy(t, p, s.flag("from_logits", false))])
    }),
    Row("CategoricalCrossentropy", NN, Refused, |s| {
        let (t, p) = s.targets()?;
        let axis = s.touched_axis(p)?;
        Ok(vec![categorical_crossentropy(t, p, s.flag("from_logits", false), axis as isize)])
    }),
    Row("CTCLoss", NN, Refused, |s| s.ctc_loss()),
    Row("CTCDecode", NN, Refused, |s| s.ctc_decode()),
    Row("SparseCategoricalCrossentropy", NN, Refused, |s| s.sparse_crossentropy()),
];

impl<'g> OpCall<'_, 'g> {
    /// Settings that Keras writes as text, read as it reads them.
    fn padding(&self) -> Result<Padding> {
        self.setting("padding").and_then(Value::as_str).map_or(Ok(Padding::Valid), Padding::by_name)
    }

    fn data_format(&self) -> DataFormat {
        let first = self.setting("data_format").and_then(Value::as_str) == Some("channels_first");
        if first { DataFormat::ChannelsFirst } else { DataFormat::ChannelsLast }
    }

    /// A number along time: Keras takes `2` or `[2]`.
    fn extent(&self, name: &str) -> Result<Option<usize>> {
        let Some(n) = self.integers(name)? else { return Ok(None) };
        match n[..] {
            [n] if (1..1 << 24).contains(&n) => Ok(Some(n as usize)),
            _ => Err(self.unsupported(format!(
                "{name} = {n:?}: images and volumes are not for sequence models"
            ))),
        }
    }

    /// Windows along time and a rule for them and the kernel.
    fn convolution(
        &self,
        kernel: usize,
        f: impl Fn(&Frame, Var<'g>, Var<'g>) -> Var<'g>,
    ) -> Result<Vec<Var<'g>>> {
        let (x, w) = (self.as_float(self.value(0)?), self.as_float(self.value(kernel)?));
        let data_format = self.data_format();
        let length = w.dim(0).filter(|n| *n > 0 && w.rank() == 3).ok_or_else(|| {
            Error::shapes("a kernel of rank 3 is needed: convolution along time", &[w.spec()])
        })?;
        let (stride, dilation) =
            (self.extent("strides")?.unwrap_or(1), self.extent("dilation_rate")?.unwrap_or(1));
        let frame = Frame { length, stride, dilation, padding: self.padding()?, data_format };
        frame.check(&x.spec(), true)?;
        let x = data_format.exchange(x);
        let channels = x.dim(2).zip(w.dim(1));
        if channels.is_some_and(|(c, k)| k == 0 || c % k != 0) {
            return Err(Error::shapes(
                "the channels must be those of the kernel, or a multiple",
                &[x.spec(), w.spec()],
            ));
        }
        frame.expect_fit(x, x.dim(2))?;
        Ok(vec![data_format.exchange(f(&frame, x, w))])
    }

    fn separable_convolution(&self) -> Result<Vec<Var<'g>>> {
        let mix = self.as_float(self.value(2)?);
        if mix.rank() != 3 || mix.dim(0) != Some(1) {
            return Err(Error::shapes(
                "a pointwise kernel (1, channels, filters) is needed",
                &[mix.spec()],
            ));
        }
        self.convolution(1, |frame, x, kernel| {
            convolve(convolve_channels(frame.windows(x), kernel).expand_dims(2), mix, 1)
        })
    }

    /// A layer of pooling with the operation's settings.
    fn pool(
        &self,
        layer: impl Fn(Extent, Option<Extent>, Padding, DataFormat) -> Box<dyn Layer>,
    ) -> Result<Vec<Var<'g>>> {
        let size = self.extent("pool_size")?.ok_or_else(|| self.unsupported("no pool_size"))?;
        let layer = layer(
            Extent(size),
            self.extent("strides")?.map(Extent),
            self.padding()?,
            self.data_format(),
        );
        let x = self.as_float(self.value(0)?);
        let made = layer.lower(
            self.cx,
            &Weights::bind(&WeightTree::none(), &[]),
            &Call::one(Flow::new(x)),
        )?;
        Ok(made.into_iter().map(|f| f.value).collect())
    }

    fn batch_norm(&self) -> Result<Vec<Var<'g>>> {
        let x = self.as_float(self.value(0)?);
        let axis = self.axis(self.integer("axis")?.unwrap_or(-1), x.rank())?;
        let along = |v: Var<'g>| {
            let mut dims = vec![Some(1); x.rank()];
            dims[axis] = v.dim(-1);
            if v.rank() == 1 { v.cast(x.dtype()).reshape(&dims) } else { v.cast(x.dtype()) }
        };
        let (mean, variance) = (along(self.value(1)?), along(self.value(2)?));
        let factor = (variance + self.real("epsilon", 1e-3)?).rsqrt();
        let factor = self.optional(4, "scale")?.map_or(factor, |scale| factor * along(scale));
        let shift = -(mean * factor);
        let shift = self.optional(3, "offset")?.map_or(shift, |offset| shift + along(offset));
        Ok(vec![x * factor + shift])
    }

    /// Targets and predictions of one shape.
    fn targets(&self) -> Result<(Var<'g>, Var<'g>)> {
        let p = self.as_float(self.value(1)?);
        let t = self.value(0)?.cast(p.dtype());
        let fits = t.rank() == p.rank()
            && t.dims().iter().zip(p.dims()).all(|(a, b)| a.is_none() || b.is_none() || *a == b);
        if fits && p.rank() > 0 {
            Ok((t, p))
        } else {
            Err(Error::shapes("targets and predictions must have one shape", &[t.spec(), p.spec()]))
        }
    }

    fn touched_axis(&self, x: Var<'g>) -> Result<usize> {
        let axis = self.axis(self.integer("axis")?.unwrap_or(-1), x.rank())?;
        self.touches(axis);
        Ok(axis)
    }

    fn sparse_crossentropy(&self) -> Result<Vec<Var<'g>>> {
        let (t, p) = (self.value(0)?.cast(DType::I32), self.as_float(self.value(1)?));
        if p.rank() == 0 {
            return Err(Error::shapes(
                "predictions with an axis of classes are needed",
                &[p.spec()],
            ));
        }
        let axis = self.touched_axis(p)?;
        let p = moved(p, axis, p.rank() - 1);
        let t = if t.rank() == p.rank() && t.dim(-1) == Some(1) { t.squeeze(-1) } else { t };
        if t.rank() + 1 != p.rank() {
            return Err(Error::shapes(
                "targets must be class ids, without the axis of the classes",
                &[t.spec(), p.spec()],
            ));
        }
        let dims = &p.dims()[..t.rank()];
        let t = if t.dims() == dims { t } else { t.reshape(dims) };
        Ok(vec![class_crossentropy(t, p, self.flag("from_logits", false))])
    }

    /// Which of `n` steps each length takes: (B, n).
    fn steps_within(&self, lengths: Var<'g>, n: Dim) -> Var<'g> {
        iota(lengths, &[n], 0).expand_dims(0).lt(lengths.expand_dims(-1))
    }

    fn ctc_loss(&self) -> Result<Vec<Var<'g>>> {
        let (label, logits) = (self.value(0)?.cast(DType::I32), self.as_float(self.value(1)?));
        let (label_length, length) =
            (self.value(2)?.cast(DType::I32), self.value(3)?.cast(DType::I32));
        let blank = self.integer("mask_index")?.unwrap_or(0);
        let blank = usize::try_from(blank)
            .ok()
            .filter(|b| logits.dim(-1).is_none_or(|v| *b < v))
            .ok_or_else(|| self.unsupported("this mask_index"))?;
        let sound = label.rank() == 2
            && logits.rank() == 3
            && label_length.rank() == 1
            && length.rank() == 1
            && label.dim(1).is_some_and(|n| n > 0);
        if !sound {
            let received = [label.spec(), logits.spec(), label_length.spec(), length.spec()];
            return Err(Error::shapes(
                "labels (batch, length), logits (batch, timesteps, classes) and a length of both \
                    for each row are needed",
                &received,
            ));
        }
        let longest = label.dim(1).unwrap_or(1) as f64;
        let live = self.steps_within(length, logits.dim(1));
        Ok(vec![ctc(label, logits, blank, label_length.clip(0.0, longest), Some(live))])
    }

    /// The likeliest class of each timestep, repeated ones taken once, blanks left out; −1 fills
    /// up. And what that costs.
    fn ctc_decode(&self) -> Result<Vec<Var<'g>>> {
        if self.setting("strategy").and_then(Value::as_str).unwrap_or("greedy") != "greedy" {
            return Err(self.unsupported("strategy beam_search"));
        }
        let (x, lengths) = (self.as_float(self.value(0)?), self.value(1)?.cast(DType::I32));
        if x.rank() != 3 || lengths.rank() != 1 {
            return Err(Error::shapes(
                "inputs (batch, timesteps, classes) and a length for each row are needed",
                &[x.spec(), lengths.spec()],
            ));
        }
        let blank = self.integer("mask_index")?.unwrap_or(0) as f64;
        let (b, t) = (x.dim(0), x.dim(1));
        let live = self.steps_within(lengths, t);
        let class = live.select(x.argmax(-1), blank);
        let repeated = match t {
            Some(n) if n > 1 => class.slice(1, 1, n).eq(class.slice(1, 0, n - 1)).pad(1, 1, 0, 0.0),
            _ => self.cx.builder.full(DType::Bool, &[b, t], 0.0),
        };
        let class = if self.flag("merge_repeated", true) {
            repeated.select(class.zeros_like() + blank, class)
        } else {
            class
        };
        let none = class.eq(blank);
        let class = none.select(class.zeros_like() - 1.0, class);
        // What stays keeps its order, blanks go behind.
        let order = none
            .select(class.zeros_like() + t.unwrap_or(1) as f64, iota(x, &[b, t], 1))
            .sort_last(false)
            .1;
        let cost = -live.select(x.max(&[-1], false), 0.0).sum(&[1], true);
        self.cx.keep_whole();
        Ok(vec![pick(class, order, 0.0).expand_dims(0), cost])
    }
}
