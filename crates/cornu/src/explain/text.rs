//! The answer as text.

use super::axes::count;
use super::{Entry, Explanation, Lengths};
use crate::summary::readable_bytes;
use std::fmt;

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "Model `{}`: {}, {} trainable.",
            self.model,
            count(self.n_params, "parameter"),
            self.n_trainable
        )?;
        self.inputs.iter().try_for_each(|e| write_entry(f, "Input", e))?;
        self.outputs.iter().try_for_each(|e| write_entry(f, "Output", e))?;
        self.write_batches(f)?;
        self.write_memory(f)
    }
}

fn write_entry(f: &mut fmt::Formatter<'_>, what: &str, e: &Entry) -> fmt::Result {
    writeln!(f, "\n{what} `{}` {} {}", e.name, e.shape, e.dtype)?;
    for (i, a) in e.axes.iter().enumerate() {
        let size = a.size.map_or("None".into(), |n| n.to_string());
        writeln!(f, "  axis {i}  {:<10} {size:>6}  {}", a.name, a.why)?;
    }
    Ok(())
}

impl Explanation {
    fn write_batches(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let b = &self.batch;
        let set_by = match b.set_by {
            "model" => "the model fixes it",
            "given" => "as given; the model itself fixes no batch size",
            _ => "Keras's default; the model itself fixes no batch size",
        };
        let Some(d) = &self.data else {
            return writeln!(
                f,
                "\nBatch size {} ({set_by}). Give data to learn steps, lengths and padding.",
                b.size
            );
        };
        writeln!(f)?;
        for (shape, words) in d.shapes.iter().zip(&d.words) {
            writeln!(f, "Data {shape}: {words}.")?;
        }
        writeln!(
            f,
            "Batches: batch size {} makes {} an epoch, the last of {} ({set_by}); {} {} {}.",
            b.size,
            count(d.steps_per_epoch, "step"),
            count(d.last_batch, "sample"),
            count(d.epochs, "epoch"),
            if d.epochs == 1 { "makes" } else { "make" },
            count(d.n_steps, "step"),
        )?;
        d.lengths.as_ref().map_or(Ok(()), |l| write_lengths(f, l))
    }

    fn write_memory(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let m = &self.memory;
        let shapes = m
            .batch_shapes
            .iter()
            .flatten()
            .map(|s| s.iter().map(usize::to_string).collect::<Vec<_>>().join(", "));
        let shapes: Vec<String> = shapes.map(|s| format!("({s})")).collect();
        let batch = if shapes.is_empty() {
            String::new()
        } else {
            format!(" on a batch of {}", shapes.join(" and "))
        };
        writeln!(f, "\nMemory of a training step{batch}, estimated")?;
        let optimizer = m.optimizer_bytes.ok_or("the model is not compiled");
        let open = "needs data, for the model leaves axes open";
        let lines = [
            ("weights", Ok(m.weights_bytes)),
            ("gradients", Ok(m.gradients_bytes)),
            ("optimizer", optimizer),
            ("batch", m.batch_bytes.ok_or(open)),
            ("activations", m.activations_bytes.ok_or(open)),
            ("together", Ok(m.total_bytes)),
        ];
        for (what, bytes) in lines {
            let bytes = bytes.map_or_else(
                |why| format!("{:>12}  ({why})", "?"),
                |n| format!("{:>12}", readable_bytes(n as f64, "B")),
            );
            writeln!(f, "  {what:<12}{bytes}")?;
        }
        Ok(())
    }
}

fn write_lengths(f: &mut fmt::Formatter<'_>, l: &Lengths) -> fmt::Result {
    writeln!(
        f,
        "Lengths: {} to {}, {} together. Ways to make batches (one epoch), the one used first:",
        l.shortest,
        l.longest,
        count(l.timesteps, "timestep")
    )?;
    let width = l.batch_makers.iter().map(|b| b.name.len()).max().unwrap_or(0);
    for b in &l.batch_makers {
        let padding = 100.0 * b.padding_share;
        writeln!(
            f,
            "  {:<width$}  {:>6} steps  {:>9} timesteps once padded, {padding:>5.1} % padding",
            b.name, b.steps, b.padded_timesteps
        )?;
    }
    Ok(())
}
