//! Intersection over union of classes.
//!
//! Source: keras/src/metrics/iou_metrics.py, Keras 3.15.1.

use super::{Direction, MetricFunction, MetricValue, settings};
use crate::losses::EPSILON;
use crate::lowering::Cx;
use crate::{Error, Result};
use cornu_ir::builder::axis_of;
use cornu_ir::ops::ScatterAdd;
use cornu_ir::spec::{dims_text, product};
use cornu_ir::{DType, Var};

settings! {
    /// Mean over chosen classes of `TP / (TP + FP + FN)`.
    IoU "io_u" "int32" {
        /// How many classes there are.
        num_classes: usize = 2,
        /// The classes in the mean.
        target_class_ids: Vec<usize> = vec![0],
        /// A class whose targets do not count.
        ignore_class: Option<i64> = None,
        /// Targets are class ids, else one-hot.
        sparse_y_true: bool = true,
        /// Predictions are class ids, else a number a class.
        sparse_y_pred: bool = true,
        /// The axis of the classes.
        axis: isize = -1,
    }
}

settings! {
    /// Intersection over union of two classes told apart by a threshold.
    BinaryIoU "binary_io_u" "int32" {
        /// The classes in the mean.
        target_class_ids: Vec<usize> = vec![0, 1],
        /// At or above which a prediction is 1.
        threshold: f64 = 0.5,
    }
}

settings! {
    /// Mean over all classes of `TP / (TP + FP + FN)`.
    MeanIoU "mean_io_u" "int32" {
        /// How many classes there are.
        num_classes: usize = 2,
        /// A class whose targets do not count.
        ignore_class: Option<i64> = None,
        /// Targets are class ids, else one-hot.
        sparse_y_true: bool = true,
        /// Predictions are class ids, else a number a class.
        sparse_y_pred: bool = true,
        /// The axis of the classes.
        axis: isize = -1,
    }
}

settings! {
    /// Mean over chosen classes of `TP / (TP + FP + FN)`, of one-hot targets.
    OneHotIoU "one_hot_io_u" "int32" {
        /// How many classes there are.
        num_classes: usize = 2,
        /// The classes in the mean.
        target_class_ids: Vec<usize> = vec![0],
        /// A class whose targets do not count.
        ignore_class: Option<i64> = None,
        /// Predictions are class ids, else a number a class.
        sparse_y_pred: bool = false,
        /// The axis of the classes.
        axis: isize = -1,
    }
}

settings! {
    /// Mean over all classes of `TP / (TP + FP + FN)`, of one-hot targets.
    OneHotMeanIoU "one_hot_mean_io_u" "int32" {
        /// How many classes there are.
        num_classes: usize = 2,
        /// A class whose targets do not count.
        ignore_class: Option<i64> = None,
        /// Predictions are class ids, else a number a class.
        sparse_y_pred: bool = false,
        /// The axis of the classes.
        axis: isize = -1,
    }
}

impl IoU {
    /// The confusion matrix `(C, C)`: rows are targets, columns predictions.
    fn matrix<'g>(
        &self,
        y_true: Var<'g>,
        y_pred: Var<'g>,
        weight: Option<Var<'g>>,
    ) -> Result<Vec<Var<'g>>> {
        let (b, dtype) = (y_pred.builder(), y_pred.dtype());
        let received = format!(
            "targets {}, predictions {}",
            dims_text(&y_true.dims()),
            dims_text(&y_pred.dims())
        );
        let class = |v: Var<'g>, sparse: bool| match sparse {
            true => Ok(v.cast(DType::I32)),
            false if axis_of(self.axis, v.rank()) < v.rank() => Ok(v.argmax(self.axis)),
            false => Err(Error::argument(
                &self.name,
                format!("there is no axis {} of classes", self.axis),
                &received,
            )),
        };
        let flat = |v: Var<'g>| v.reshape(&[product(&v.dims())]);
        let (t, p) =
            (flat(class(y_true, self.sparse_y_true)?), flat(class(y_pred, self.sparse_y_pred)?));
        if t.dims() != p.dims() {
            return Err(Error::argument(
                &self.name,
                "targets and predictions must name as many classes",
                &received,
            ));
        }
        if self.num_classes == 0 || self.target_class_ids.iter().any(|c| *c >= self.num_classes) {
            let received = format!(
                "num_classes={}, target_class_ids={:?}",
                self.num_classes, self.target_class_ids
            );
            return Err(Error::argument(
                &self.name,
                "`target_class_ids` must lie below `num_classes`",
                received,
            ));
        }
        let number = |n: f64| b.scalar(DType::I32, n);
        let n = self.num_classes as f64;
        let within = |v: Var<'g>| v.ge(number(0.0)).and(v.lt(number(n)));
        let mut counts = within(t).and(within(p));
        if let Some(c) = self.ignore_class {
            counts = counts.and(t.ne(number(c as f64)));
        }
        let weight = match weight {
            None => t.cast(dtype).ones_like(),
            Some(w) => {
                let w = flat(w);
                if w.dims() != t.dims() && w.dim(0) != Some(1) {
                    let received = format!("weights {}, {received}", dims_text(&w.dims()));
                    return Err(Error::argument(
                        &self.name,
                        "sample weights must have a number for each prediction",
                        received,
                    ));
                }
                // Keras counts in whole numbers unless told otherwise, and cuts weights to them.
                let whole = self.dtype.as_str().is_some_and(|d| d.contains("int"));
                let w = if whole { w.cast(DType::I32).cast(dtype) } else { w };
                w.broadcast_to(&t.dims())
            }
        };
        let place = counts.select(t * number(n) + p, number(-1.0));
        let cells = self.num_classes * self.num_classes;
        Ok(vec![b.apply1(ScatterAdd { rows: Some(cells) }, &[weight, place])])
    }

    fn mean(&self, matrix: &[f64]) -> MetricValue {
        let n = self.num_classes;
        let (mut sum, mut valid) = (0.0, 0.0);
        for &c in &self.target_class_ids {
            let both = matrix[c * n + c];
            let either = (0..n).map(|i| matrix[c * n + i] + matrix[i * n + c]).sum::<f64>() - both;
            if either > 1e-9 {
                sum += both / (either + EPSILON);
                valid += 1.0;
            }
        }
        MetricValue::Number(sum / (valid + EPSILON))
    }
}

macro_rules! as_iou {
    ($($Type:ident |$this:ident, $p:ident| $iou:expr, $pred:expr;)*) => {$(
        impl MetricFunction for $Type {
            fn name(&self) -> &str {
                &self.name
            }
            fn partials<'g>(
                &self,
                _: &Cx<'g>,
                y_true: Var<'g>,
                y_pred: Var<'g>,
                _: Option<Var<'g>>,
                weight: Option<Var<'g>>,
            ) -> Result<Vec<Var<'g>>> {
                let ($this, $p) = (self, y_pred);
                let y_pred = $pred;
                let iou: IoU = $iou;
                iou.matrix(y_true, y_pred, weight)
            }
            fn result(&self, totals: &[Vec<f64>]) -> MetricValue {
                let $this = self;
                let iou: IoU = $iou;
                iou.mean(&totals[0])
            }
            fn direction(&self) -> Option<Direction> {
                Some(Direction::Up)
            }
        }
    )*};
}

as_iou! {
    IoU |this, p| this.clone(), p;
    BinaryIoU |this, p| IoU {
        name: this.name.clone(),
        dtype: this.dtype.clone(),
        target_class_ids: this.target_class_ids.clone(),
        ..IoU::default()
    }, p.ge(this.threshold).cast(p.dtype());
    MeanIoU |this, p| IoU {
        name: this.name.clone(),
        dtype: this.dtype.clone(),
        num_classes: this.num_classes,
        target_class_ids: (0..this.num_classes).collect(),
        ignore_class: this.ignore_class,
        sparse_y_true: this.sparse_y_true,
        sparse_y_pred: this.sparse_y_pred,
        axis: this.axis,
    }, p;
    OneHotIoU |this, p| IoU {
        name: this.name.clone(),
        dtype: this.dtype.clone(),
        num_classes: this.num_classes,
        target_class_ids: this.target_class_ids.clone(),
        ignore_class: this.ignore_class,
        sparse_y_true: false,
        sparse_y_pred: this.sparse_y_pred,
        axis: this.axis,
    }, p;
    OneHotMeanIoU |this, p| IoU {
        name: this.name.clone(),
        dtype: this.dtype.clone(),
        num_classes: this.num_classes,
        target_class_ids: (0..this.num_classes).collect(),
        ignore_class: this.ignore_class,
        sparse_y_true: false,
        sparse_y_pred: this.sparse_y_pred,
        axis: this.axis,
    }, p;
}
