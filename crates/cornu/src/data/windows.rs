//! Windows over a time series, cut as they are read.

use super::array::Array;
use super::data_set::{ArrayInfo, DataSet, Rows};
use super::error::{DataError, Result};
use super::given::{Arrays, Values};
use super::into_data::IntoData;
use super::source::Data;
use cornu_ir::tensor::Slice;
use std::borrow::Cow;

/// Settings of windows over a time series; [`over`](Windows::over) applies them to one.
///
/// Window `i` begins at `start_index + i * sequence_stride` and holds `sequence_length` timesteps,
/// `sampling_rate` apart. Its targets are the timesteps after it ([`horizon`](Windows::horizon)),
/// or given ones ([`over_with_targets`](Windows::over_with_targets)).
///
/// Source: `timeseries_dataset_from_array` of Keras 3.15.1. Differs: `horizon`.
///
/// ```
/// use cornu::data::{Data, DataSet, Windows};
/// use ndarray::array;
/// let series = [0.0f32, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0];
/// let windows = Windows::new(3).sequence_stride(2).horizon(1).over(&series)?;
/// assert_eq!(windows.n_samples(), 2);
/// assert_eq!(
///     windows.inputs()?,
///     Data::from(array![[[0.0f32], [1.0], [2.0]], [[2.0], [3.0], [4.0]]]),
/// );
/// assert_eq!(windows.targets()?, Some(Data::from(array![[3.0f32], [5.0]])));
/// # Ok::<(), cornu::data::DataError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    sequence_length: usize,
    sequence_stride: usize,
    sampling_rate: usize,
    start_index: usize,
    end_index: Option<usize>,
    horizon: usize,
    target_columns: Option<Vec<usize>>,
}

impl Windows {
    /// Windows of so many timesteps, one after each timestep, without targets.
    pub fn new(sequence_length: usize) -> Self {
        Self {
            sequence_length,
            sequence_stride: 1,
            sampling_rate: 1,
            start_index: 0,
            end_index: None,
            horizon: 0,
            target_columns: None,
        }
    }

    /// Timesteps from the beginning of a window to that of the next.
    pub fn sequence_stride(mut self, n: usize) -> Self {
        self.sequence_stride = n;
        self
    }

    /// Timesteps of the series from one timestep of a window to the next.
    pub fn sampling_rate(mut self, n: usize) -> Self {
        self.sampling_rate = n;
        self
    }

    /// The first timestep that is used.
    pub fn start_index(mut self, n: usize) -> Self {
        self.start_index = n;
        self
    }

    /// The timestep before which the series ends.
    pub fn end_index(mut self, n: usize) -> Self {
        self.end_index = Some(n);
        self
    }

    /// So many timesteps after a window, `sampling_rate` apart, are its targets: (B, horizon, F).
    /// An axis of 1 is left out, so that one timestep is (B, F) and one column (B, horizon).
    pub fn horizon(mut self, n: usize) -> Self {
        self.horizon = n;
        self
    }

    /// The columns of the series that the targets of [`horizon`](Windows::horizon) hold; all
    /// without it.
    pub fn target_columns(mut self, columns: impl IntoIterator<Item = usize>) -> Self {
        self.target_columns = Some(columns.into_iter().collect());
        self
    }

    /// Returns the windows over a series (T,) or (T, F); its numbers are taken as `float32`, and
    /// borrowed where they are.
    ///
    /// # Errors
    /// A setting of 0; a series too short for one window; a column that the series does not have.
    pub fn over<'a>(&self, series: impl IntoData<'a>) -> Result<WindowSet<'a>> {
        if let (Some(_), 0) = (&self.target_columns, self.horizon) {
            let rule = "columns of the series are targets with a `horizon` alone.";
            return Err(DataError::invalid("target_columns", rule, "no horizon"));
        }
        let (numbers, n_steps, width) = series_of("series", series.into_data()?)?;
        if width == 0 {
            return Err(DataError::invalid("series", "a feature (axis 1) is needed.", "none"));
        }
        let set = WindowSet {
            settings: self.clone(),
            columns: self.target_columns.clone().unwrap_or_else(|| (0..width).collect()),
            numbers,
            width,
            n_windows: self.count(n_steps, None)?,
            targets: None,
        };
        if let Some(column) = set.columns.iter().find(|c| **c >= width) {
            let rule = format!("the series has the columns 0 to {}.", width.saturating_sub(1));
            return Err(DataError::invalid("target_columns", rule, column.to_string()));
        }
        Ok(set)
    }

    /// Returns the windows over a series with targets of their own: that of a window is the row of
    /// `targets` at the timestep where the window begins, as in Keras.
    ///
    /// # Errors
    /// As [`over`](Windows::over); a `horizon`, which gives other targets.
    pub fn over_with_targets<'a>(
        &self,
        series: impl IntoData<'a>,
        targets: impl IntoData<'a>,
    ) -> Result<WindowSet<'a>> {
        if self.horizon > 0 {
            let rule = "targets are given or come from the series, not both.";
            return Err(DataError::invalid("horizon", rule, self.horizon.to_string()));
        }
        let mut set = self.over(series)?;
        let (numbers, n_rows, width) = series_of("targets", targets.into_data()?)?;
        set.n_windows = self.count(set.numbers.len() / set.width.max(1), Some(n_rows))?;
        set.targets = Some((numbers, width));
        Ok(set)
    }

    /// The number of windows over a series of so many timesteps.
    fn count(&self, n_steps: usize, n_targets: Option<usize>) -> Result<usize> {
        let numbers = [
            ("sequence_length", self.sequence_length),
            ("sequence_stride", self.sequence_stride),
            ("sampling_rate", self.sampling_rate),
        ];
        if let Some((name, _)) = numbers.iter().find(|(_, n)| *n == 0) {
            return Err(DataError::invalid(*name, "must be at least 1.", "0"));
        }
        let end = self.end_index.unwrap_or(n_steps);
        if end > n_steps {
            let rule = format!("must be at most the {n_steps} timesteps of the series.");
            return Err(DataError::invalid("end_index", rule, end.to_string()));
        }
        let span = (self.sequence_length - 1 + self.horizon).saturating_mul(self.sampling_rate);
        let room = end.saturating_sub(self.start_index);
        let given = n_targets.map_or(usize::MAX, |n| n.saturating_sub(self.start_index));
        let starts = room.saturating_sub(span).min(given);
        if starts == 0 {
            let rule = format!(
                "a window with its targets spans {} timesteps; give a longer series or a shorter \
                 `sequence_length`, `sampling_rate` or `horizon`.",
                span.saturating_add(1)
            );
            return Err(DataError::invalid("series", rule, format!("{room} timesteps")));
        }
        Ok(starts.div_ceil(self.sequence_stride))
    }
}

/// The numbers of a series in C order, its timesteps and features.
fn series_of<'a>(who: &str, given: Arrays<'a>) -> Result<(Cow<'a, [f32]>, usize, usize)> {
    let wrong = |received: String| {
        DataError::invalid(who, "must be (timesteps,) or (timesteps, features).", received)
    };
    let Ok([(_, values)]) = <[_; 1]>::try_from(given.arrays) else {
        return Err(wrong("several arrays".into()));
    };
    let (shape, n) = (values.sample_shape(), values.n_samples());
    let width = match &shape[..] {
        [] => 1,
        [Some(width)] => *width,
        _ => return Err(wrong(format!("samples of the shape {shape:?}"))),
    };
    let numbers = match values {
        Values::View(view) => match view.numbers {
            Slice::F32(numbers) => Cow::Borrowed(numbers),
            _ => Cow::Owned(floats(&view.to_array())?),
        },
        other => Cow::Owned(floats(other.to_data()?.values())?),
    };
    Ok((numbers, n, width))
}

fn floats(array: &Array) -> Result<Vec<f32>> {
    Ok(array.to_f32()?.iter().copied().collect())
}

/// Windows over one series, made by [`Windows::over`]: a [`DataSet`] that copies a window when a
/// batch needs it.
///
/// ```
/// use cornu::data::Windows;
/// use cornu::{Compile, Dense, Fit, Gru, Input, Model};
/// let series: Vec<f32> = (0..200).map(|i| (i as f32 * 0.3).sin()).collect();
/// let windows = Windows::new(24).horizon(1).over(&series)?;
/// let x = Input::new([24, 1]);
/// let y = Dense::new(1).call(&Gru::new(8).call(&x)?)?;
/// let mut model = Model::new(&x, &y)?.compile(Compile::new("adam", "mse"))?;
/// let history = model.fit(&windows, (), Fit::new().epochs(2).verbose(0))?;
/// assert_eq!(history.get("loss").map(|l| l.len()), Some(2));
/// # Ok::<(), cornu::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct WindowSet<'a> {
    settings: Windows,
    /// Columns of the targets after a window.
    columns: Vec<usize>,
    numbers: Cow<'a, [f32]>,
    width: usize,
    n_windows: usize,
    /// Targets that were given, and their width.
    targets: Option<(Cow<'a, [f32]>, usize)>,
}

impl WindowSet<'_> {
    /// Returns the timestep of the series at which a window begins.
    pub fn start_of(&self, window: usize) -> usize {
        self.settings.start_index + window * self.settings.sequence_stride
    }

    /// Returns all windows in memory, (B, T, F).
    ///
    /// # Errors
    /// None of its own.
    pub fn inputs(&self) -> Result<Data> {
        let mut numbers: Vec<f32> =
            Vec::with_capacity(self.n_windows * self.settings.sequence_length);
        for window in 0..self.n_windows {
            self.steps(window, 0..self.settings.sequence_length, |row| numbers.extend(row));
        }
        let shape = [self.n_windows, self.settings.sequence_length, self.width];
        Ok(Data::Dense(Array::from(numbers).reshape(&shape)?))
    }

    /// Returns the targets of all windows in memory; `None` where there are none.
    ///
    /// # Errors
    /// None of its own.
    pub fn targets(&self) -> Result<Option<Data>> {
        let Some(shape) = self.target_shape() else { return Ok(None) };
        let mut numbers = Vec::new();
        (0..self.n_windows).for_each(|window| self.target(window, &mut numbers));
        let shape: Vec<usize> = std::iter::once(self.n_windows).chain(shape).collect();
        Ok(Some(Data::Dense(Array::from(numbers).reshape(&shape)?)))
    }

    /// Hands on timesteps of a window, counted from its first.
    fn steps(&self, window: usize, steps: std::ops::Range<usize>, mut take: impl FnMut(&[f32])) {
        let (first, rate) = (self.start_of(window), self.settings.sampling_rate);
        if rate == 1 {
            let (from, to) = (first + steps.start, first + steps.end);
            return take(&self.numbers[from * self.width..to * self.width]);
        }
        for step in steps {
            let at = (first + step * rate) * self.width;
            take(&self.numbers[at..at + self.width]);
        }
    }

    fn target_shape(&self) -> Option<Vec<usize>> {
        if let Some((_, width)) = &self.targets {
            return Some(if *width == 1 { vec![] } else { vec![*width] });
        }
        match (self.settings.horizon, self.columns.len()) {
            (0, _) => None,
            (1, columns) => Some(vec![columns]),
            (horizon, 1) => Some(vec![horizon]),
            (horizon, columns) => Some(vec![horizon, columns]),
        }
    }

    fn target(&self, window: usize, numbers: &mut Vec<f32>) {
        if let Some((targets, width)) = &self.targets {
            let at = self.start_of(window) * width;
            return numbers.extend(&targets[at..at + width]);
        }
        let after = self.settings.sequence_length;
        self.steps(window, after..after + self.settings.horizon, |rows| {
            for row in rows.chunks(self.width) {
                numbers.extend(self.columns.iter().map(|c| row[*c]));
            }
        });
    }
}

impl DataSet for WindowSet<'_> {
    fn n_samples(&self) -> usize {
        self.n_windows
    }

    fn arrays(&self) -> Vec<ArrayInfo> {
        let input = ArrayInfo::input("float32", [self.settings.sequence_length, self.width]);
        let target = self.target_shape().map(|shape| ArrayInfo::target("float32", shape));
        std::iter::once(input).chain(target).collect()
    }

    fn read(&self, array: usize, rows: &[u32], into: &mut Rows<'_>) -> Result<()> {
        let mut target = Vec::new();
        for &window in rows {
            if array > 0 {
                target.clear();
                self.target(window as usize, &mut target);
                into.extend(&target)?;
                continue;
            }
            let mut done = Ok(());
            self.steps(window as usize, 0..self.settings.sequence_length, |steps| {
                if done.is_ok() {
                    done = into.extend(steps);
                }
            });
            done?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::{Array1, Array2, Axis, array};

    /// Keras's own example: `timeseries_dataset_from_array` on 0 to 99.
    #[test]
    fn windows_are_those_of_keras() {
        let series = Array1::from_iter((0..100).map(|i| i as f32));
        let windows = Windows::new(10).sampling_rate(2).sequence_stride(3).over(&series).unwrap();
        // 100 - 9 * 2 = 82 starts, every third of them.
        assert_eq!(windows.n_samples(), 28);
        let Data::Dense(Array::F32(all)) = windows.inputs().unwrap() else { panic!("float32") };
        let window: Vec<f32> = all.index_axis(Axis(0), 1).iter().copied().collect();
        assert_eq!(window, [3.0, 5.0, 7.0, 9.0, 11.0, 13.0, 15.0, 17.0, 19.0, 21.0]);
        assert_eq!(windows.start_of(27), 81);
    }

    #[test]
    fn given_targets_stand_where_windows_begin() {
        let series = Array2::from_shape_fn((8, 2), |(i, j)| (10 * i + j) as f32);
        let targets: Vec<f32> = (0..8).map(|i| i as f32).collect();
        let windows = Windows::new(3).start_index(1).end_index(6);
        let set = windows.over_with_targets(&series, &targets).unwrap();
        assert_eq!(set.targets().unwrap(), Some(Data::from(array![1.0f32, 2.0, 3.0])));
        let few = windows.over_with_targets(&series, &targets[..3]).unwrap();
        assert_eq!(few.n_samples(), 2);
        assert!(windows.clone().end_index(9).over(&series).is_err());
        assert!(windows.clone().horizon(1).over_with_targets(&series, &targets).is_err());
    }

    #[test]
    fn a_horizon_holds_chosen_columns() {
        let series = Array2::from_shape_fn((7, 2), |(i, j)| (10 * i + j) as f32);
        let windows = Windows::new(2).sampling_rate(2).horizon(2).target_columns([1]);
        let set = windows.over(&series).unwrap();
        assert_eq!(set.targets().unwrap(), Some(Data::from(array![[41.0f32, 61.0]])));
        let both = Windows::new(4).horizon(2).over(&series).unwrap();
        assert_eq!(both.arrays()[1].sample_shape, [Some(2), Some(2)]);
    }

    #[test]
    fn what_makes_no_window_is_named() {
        let series = [1.0f32, 2.0, 3.0];
        let error = |w: Windows| w.over(series).unwrap_err().to_string();
        let e = error(Windows::new(3).horizon(1));
        assert!(e.contains("spans 4 timesteps") && e.contains("Received: 3 timesteps"), "{e}");
        assert!(error(Windows::new(0)).starts_with("sequence_length: must be at least 1"));
        assert!(error(Windows::new(2).sequence_stride(0)).starts_with("sequence_stride"));
        assert!(error(Windows::new(1).horizon(1).target_columns([1])).contains("columns 0 to 0"));
    }
}
