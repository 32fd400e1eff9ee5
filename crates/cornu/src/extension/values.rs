//! The values of a graph while its steps run.

use super::plan::Ref;
use crate::lowering::{Arg, Call, Flow};
use crate::{Error, Result};
use serde_json::Value;

/// The values of a graph as far as they are known.
pub(super) struct Values<V> {
    pub(super) inputs: Vec<Option<V>>,
    pub(super) steps: Vec<Option<Vec<V>>>,
}

impl<V: Copy> Values<V> {
    /// A value; `None` if it is absent.
    pub(super) fn get(&self, at: Ref) -> Result<Option<V>> {
        match at {
            Ref::Input(i) => Ok(self.inputs[i]),
            Ref::Step { step, output } => match &self.steps[step] {
                None => Ok(None),
                Some(outputs) => outputs.get(output).copied().map(Some).ok_or_else(|| {
                    let n = outputs.len();
                    Error::Config(format!("output {output} of a call that gives {n}, from 0"))
                }),
            },
        }
    }

    /// A call with its values; `None` where a positional argument is absent.
    pub(super) fn call(&self, call: &Call<Ref>) -> Result<Option<Call<V>>> {
        let absent = |a: &Arg<Ref>| -> Result<bool> {
            for value in a.flatten() {
                if self.get(*value)?.is_none() {
                    return Ok(true);
                }
            }
            Ok(false)
        };
        for arg in &call.args {
            if absent(arg)? {
                return Ok(None);
            }
        }
        let value = |at: &Ref| self.get(*at).map(|v| v.expect("checked before"));
        let args = call.args.iter().map(|a| a.try_map(&mut |at| value(at)));
        let args = args.collect::<Result<Vec<_>>>()?;
        let mut kwargs = Vec::new();
        for (name, arg) in &call.kwargs {
            let absent = absent(arg)?;
            let arg = match absent {
                true => Arg::Json(Value::Null),
                false => arg.try_map(&mut |at| value(at))?,
            };
            kwargs.push((name.clone(), arg));
        }
        Ok(Some(Call::new(args, kwargs)))
    }
}

impl<'g> Values<Flow<'g>> {
    pub(super) fn take_masks_off(&mut self, call: &Call<Ref>) {
        for at in call.values() {
            match *at {
                Ref::Input(i) => self.inputs[i].iter_mut().for_each(|f| f.mask = None),
                Ref::Step { step, output } => {
                    let outputs = self.steps[step].iter_mut();
                    outputs.filter_map(|o| o.get_mut(output)).for_each(|f| f.mask = None);
                }
            }
        }
    }
}
