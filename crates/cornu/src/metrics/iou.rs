//! Intersection over union of classes (IoU).
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
    /// Intersection over union of chosen classes: the mean of `TP / (TP + FP + FN)`.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{IoU, MetricValue};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(IoU::new());
    /// metric.update(&arr1(&[0i32, 0, 1, 1]), &arr1(&[0i32, 1, 0, 1]))?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.3333).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    IoU "io_u" "int32" {
        /// Number of classes.
        num_classes: usize = 2,
        /// Classes whose mean is taken.
        target_class_ids: Vec<usize> = vec![0],
        /// Class whose targets are ignored; `None` for no class.
        ignore_class: Option<i64> = None,
        /// True if targets are class ids, false if one-hot.
        sparse_y_true: bool = true,
        /// True if predictions are class ids, false if they are a number for each class.
        sparse_y_pred: bool = true,
        /// Axis of the classes.
        axis: isize = -1,
    }
}

settings! {
    /// Intersection over union of two classes, which a threshold separates.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{BinaryIoU, MetricValue};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(BinaryIoU::new());
    /// metric.update(&arr1(&[0.0f32, 1.0, 0.0, 1.0]), &arr1(&[0.1f32, 0.2, 0.6, 0.7]))?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.3333).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    BinaryIoU "binary_io_u" "int32" {
        /// Classes whose mean is taken.
        target_class_ids: Vec<usize> = vec![0, 1],
        /// Threshold from which on a prediction counts as 1.
        threshold: f64 = 0.5,
    }
}

settings! {
    /// Intersection over union of all classes: the mean of `TP / (TP + FP + FN)`.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MeanIoU, MetricValue};
    /// use ndarray::arr1;
    /// let mut metric = MetricState::new(MeanIoU::new());
    /// metric.update(&arr1(&[0i32, 0, 1, 1]), &arr1(&[0i32, 1, 0, 1]))?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.3333).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    MeanIoU "mean_io_u" "int32" {
        /// Number of classes.
        num_classes: usize = 2,
        /// Class whose targets are ignored; `None` for no class.
        ignore_class: Option<i64> = None,
        /// True if targets are class ids, false if one-hot.
        sparse_y_true: bool = true,
        /// True if predictions are class ids, false if they are a number for each class.
        sparse_y_pred: bool = true,
        /// Axis of the classes.
        axis: isize = -1,
    }
}

settings! {
    /// Intersection over union of chosen classes, for one-hot targets.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, OneHotIoU};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(OneHotIoU::new());
    /// let y_true = arr2(&[[1.0f32, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]);
    /// let y_pred = arr2(&[[0.9f32, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]);
    /// metric.update(&y_true, &y_pred)?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.3333).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    OneHotIoU "one_hot_io_u" "int32" {
        /// Number of classes.
        num_classes: usize = 2,
        /// Classes whose mean is taken.
        target_class_ids: Vec<usize> = vec![0],
        /// Class whose targets are ignored; `None` for no class.
        ignore_class: Option<i64> = None,
        /// True if predictions are class ids, false if they are a number for each class.
        sparse_y_pred: bool = false,
        /// Axis of the classes.
        axis: isize = -1,
    }
}

settings! {
    /// Intersection over union of all classes, for one-hot targets.
    ///
    /// ```
    /// use cornu::MetricState;
    /// use cornu::metrics::{MetricValue, OneHotMeanIoU};
    /// use ndarray::arr2;
    /// let mut metric = MetricState::new(OneHotMeanIoU::new());
    /// let y_true = arr2(&[[1.0f32, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]);
    /// let y_pred = arr2(&[[0.9f32, 0.1], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]);
    /// metric.update(&y_true, &y_pred)?;
    /// assert!(matches!(metric.result(), MetricValue::Number(v) if (v - 0.3333).abs() < 1e-4));
    /// # Ok::<(), cornu::Error>(())
    /// ```
    OneHotMeanIoU "one_hot_mean_io_u" "int32" {
        /// Number of classes.
        num_classes: usize = 2,
        /// Class whose targets are ignored; `None` for no class.
        ignore_class: Option<i64> = None,
        /// True if predictions are class ids, false if they are a number for each class.
        sparse_y_pred: bool = false,
        /// Axis of the classes.
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
