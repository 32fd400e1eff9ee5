//! Values of an extension file: `$setting` and arithmetic of numbers.
//!
//! ```text
//! sum     = product (("+" | "-") product)*
//! product = factor (("*" | "/" | "//") factor)*
//! factor  = number | "$" setting | "(" sum ")" | "-" factor
//! setting = name ("." name | "[" number "]")*
//! ```

use crate::{Error, Result};
use cornu_ir::Dim;
use serde_json::{Map, Number, Value, json};
use std::cell::Cell;

/// The most characters of an expression.
const MAX_CHARACTERS: usize = 200;
/// The most parentheses and signs within each other.
const MAX_DEPTH: usize = 16;

/// The values that an expression may name.
pub(super) struct Settings<'a> {
    /// The config of the class, with the defaults of the extension.
    pub(super) config: &'a Map<String, Value>,
    /// Dims of the inputs by name: `$x.shape[-1]`. Empty before the first call.
    pub(super) shapes: &'a [(String, Vec<Dim>)],
    /// Values that may still be copied from the config.
    left: Cell<usize>,
}

/// The most values that the expressions of a class copy from a config.
const MAX_VALUES: usize = 1 << 18;

/// The number of values in a value.
fn n_values(v: &Value) -> usize {
    1 + match v {
        Value::Array(items) => items.iter().map(n_values).sum(),
        Value::Object(map) => map.values().map(n_values).sum(),
        _ => 0,
    }
}

/// True if a text is an expression.
pub(super) fn is_expression(text: &str) -> bool {
    text.contains('$')
}

/// Calls `f` with the first name of each setting that a value names, and the name after it.
pub(super) fn each_name<'v>(v: &'v Value, f: &mut impl FnMut(&'v str, &'v str)) {
    match v {
        Value::String(text) => {
            for part in text.split('$').skip(1) {
                let end = |s: &str| s.find(|c: char| !is_name(c)).unwrap_or(s.len());
                let (first, rest) = part.split_at(end(part));
                let rest = rest.strip_prefix('.').unwrap_or("");
                f(first, &rest[..end(rest)]);
            }
        }
        Value::Array(items) => items.iter().for_each(|i| each_name(i, f)),
        Value::Object(map) => map.values().for_each(|i| each_name(i, f)),
        _ => {}
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

impl<'a> Settings<'a> {
    pub(super) fn new(config: &'a Map<String, Value>, shapes: &'a [(String, Vec<Dim>)]) -> Self {
        Self { config, shapes, left: Cell::new(MAX_VALUES) }
    }

    /// The value with its expressions replaced by what they give.
    ///
    /// # Errors
    /// A setting that the class does not have; text that is no expression; arithmetic of other
    /// values than numbers, or without a result.
    pub(super) fn replace(&self, v: &Value) -> Result<Value> {
        Ok(match v {
            Value::String(text) if is_expression(text) => self.value(text)?,
            Value::Array(items) => {
                items.iter().map(|i| self.replace(i)).collect::<Result<Value>>()?
            }
            Value::Object(map) => map
                .iter()
                .map(|(k, i)| Ok((k.clone(), self.replace(i)?)))
                .collect::<Result<Map<_, _>>>()?
                .into(),
            other => other.clone(),
        })
    }

    /// The value of an expression.
    pub(super) fn value(&self, text: &str) -> Result<Value> {
        let wrong = |why: String| Error::Config(format!("`{text}`: {why}"));
        if text.chars().count() > MAX_CHARACTERS {
            let start: String = text.chars().take(20).collect();
            let rule = format!("an expression has at most {MAX_CHARACTERS} characters");
            return Err(Error::Config(format!("`{start}…`: {rule}")));
        }
        let mut parser = Parser { settings: self, rest: text, depth: 0 };
        let value = parser.sum().map_err(wrong)?;
        parser.skip();
        match parser.rest {
            "" => Ok(value),
            rest => Err(wrong(format!("expected +, -, *, /, // or the end before `{rest}`"))),
        }
    }

    fn setting(&self, path: &str) -> std::result::Result<Value, String> {
        let mut steps = Vec::new();
        for part in path.split('.') {
            let (name, indices) = part.split_at(part.find('[').unwrap_or(part.len()));
            steps.push(Step::Name(name));
            for index in indices.split('[').skip(1) {
                let number = index.trim_end_matches(']').trim().parse();
                steps.push(Step::Index(number.map_err(|_| format!("`[{index}` is no index"))?));
            }
        }
        let Some((Step::Name(first), rest)) = steps.split_first() else {
            return Err("a setting is missing after `$`".into());
        };
        if let [Step::Name("shape"), rest @ ..] = rest
            && let Some((_, dims)) = self.shapes.iter().find(|(name, _)| name == first)
        {
            return shape(path, dims, rest);
        }
        let start = self.config.get(*first).ok_or_else(|| {
            let known: Vec<&str> = self.config.keys().map(String::as_str).collect();
            let hint = crate::config::did_you_mean(first, known.iter().copied());
            format!(
                "the config of the class has no `{first}` and `defaults` gives none{hint}; there \
                 are {}",
                known.join(", ")
            )
        })?;
        let end = rest.iter().try_fold(start, |v, step| match step {
            Step::Name(name) => v.get(name),
            Step::Index(i) => {
                let n = v.as_array()?.len() as i64;
                v.get(usize::try_from(if *i < 0 { n + i } else { *i }).ok()?)
            }
        });
        let end = end.ok_or_else(|| format!("the setting holds no `{path}`"))?;
        let left = self.left.get().checked_sub(n_values(end));
        self.left.set(left.ok_or_else(|| format!("more than {MAX_VALUES} values are copied"))?);
        Ok(end.clone())
    }
}

enum Step<'t> {
    Name(&'t str),
    Index(i64),
}

/// A dim of an input, or all that are known.
fn shape(path: &str, dims: &[Dim], rest: &[Step<'_>]) -> std::result::Result<Value, String> {
    match rest {
        [Step::Index(i)] => {
            let at = if *i < 0 { dims.len() as i64 + i } else { *i };
            let dim = usize::try_from(at).ok().and_then(|at| dims.get(at));
            match dim {
                Some(Some(n)) => Ok(json!(n)),
                Some(None) => Err(format!("`${path}` is not known before data arrive")),
                None => Err(format!("the input has {} axes", dims.len())),
            }
        }
        _ => Err(format!("`${path}`: one axis is named, as in `$x.shape[-1]`")),
    }
}

struct Parser<'s, 't> {
    settings: &'s Settings<'s>,
    rest: &'t str,
    depth: usize,
}

type Parsed = std::result::Result<Value, String>;

impl<'t> Parser<'_, 't> {
    fn skip(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn take(&mut self, sign: &str) -> bool {
        self.skip();
        let after = self.rest.strip_prefix(sign);
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    fn take_while(&mut self, is: impl Fn(char) -> bool) -> &'t str {
        let (taken, rest) =
            self.rest.split_at(self.rest.find(|c| !is(c)).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn sum(&mut self) -> Parsed {
        let mut left = self.product()?;
        loop {
            let sign = match () {
                _ if self.take("+") => '+',
                _ if self.take("-") => '-',
                _ => return Ok(left),
            };
            let right = self.product()?;
            left = calculate(&left, sign, &right)?;
        }
    }

    fn product(&mut self) -> Parsed {
        let mut left = self.factor()?;
        loop {
            let sign = match () {
                _ if self.take("*") => '*',
                _ if self.take("//") => 'f',
                _ if self.take("/") => '/',
                _ => return Ok(left),
            };
            let right = self.factor()?;
            left = calculate(&left, sign, &right)?;
        }
    }

    fn factor(&mut self) -> Parsed {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(format!("more than {MAX_DEPTH} parentheses within each other"));
        }
        let value = if self.take("(") {
            let inside = self.sum()?;
            if !self.take(")") {
                return Err("a `)` is missing".into());
            }
            inside
        } else if self.take("-") {
            let value = self.factor()?;
            calculate(&json!(0), '-', &value)?
        } else if self.take("$") {
            let path = self.path()?;
            self.settings.setting(path)?
        } else {
            self.skip();
            let digits = self.take_while(|c| c.is_ascii_digit() || c == '.');
            let whole = digits.parse::<i64>().map(Number::from).ok();
            let number = whole.or_else(|| Number::from_f64(digits.parse().ok()?));
            number
                .ok_or_else(|| format!("expected a number or a `$setting` before `{}`", self.rest))?
                .into()
        };
        self.depth -= 1;
        Ok(value)
    }

    /// The path of a setting: names and indices.
    fn path(&mut self) -> std::result::Result<&'t str, String> {
        let start = self.rest;
        loop {
            if self.take_while(is_name).is_empty() {
                return Err("a name is missing after `$` or `.`".into());
            }
            while self.rest.starts_with('[') {
                self.take_while(|c| c != ']');
                self.rest = self.rest.strip_prefix(']').ok_or("a `]` is missing")?;
            }
            match self.rest.strip_prefix('.') {
                Some(rest) => self.rest = rest,
                None => return Ok(&start[..start.len() - self.rest.len()]),
            }
        }
    }
}

fn calculate(a: &Value, sign: char, b: &Value) -> Parsed {
    let number =
        |v: &Value| v.as_f64().ok_or_else(|| format!("{} is no number", crate::config::short(v)));
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        let whole = match sign {
            '+' => a.checked_add(b),
            '-' => a.checked_sub(b),
            '*' => a.checked_mul(b),
            'f' => a.checked_div_euclid(b).filter(|_| b > 0),
            _ => a.checked_div(b).filter(|q| q.checked_mul(b) == Some(a)),
        };
        if let Some(n) = whole {
            return Ok(json!(n));
        }
    }
    let (x, y) = (number(a)?, number(b)?);
    let result = match sign {
        '+' => x + y,
        '-' => x - y,
        '*' => x * y,
        'f' => (x / y).floor(),
        _ => x / y,
    };
    Number::from_f64(result).map(Value::from).ok_or_else(|| "the result is no number".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(text: &str) -> Result<Value> {
        let config = json!({
            "units": 8, "rate": 0.5, "dims": [4, 2], "cell": {"config": {"units": 3}},
            "name_": "relu", "none": null
        });
        let Value::Object(config) = config else { unreachable!() };
        let shapes = [("x".to_string(), vec![None, Some(6), Some(5)])];
        Settings::new(&config, &shapes).value(text)
    }

    #[test]
    fn settings_and_numbers() {
        for (text, expected) in [
            ("$units", json!(8)),
            ("$units / 2", json!(4)),
            ("$units/3", json!(8.0 / 3.0)),
            ("$units // 3", json!(2)),
            ("2 * ($units + 1) - $rate", json!(17.5)),
            ("-$dims[0] + $dims[-1]", json!(-2)),
            ("$cell.config.units*$units", json!(24)),
            ("$name_", json!("relu")),
            ("$none", json!(null)),
            ("$x.shape[-1] * 2", json!(10)),
            ("1 - $rate - 0.25", json!(0.25)),
        ] {
            assert_eq!(value(text).unwrap(), expected, "{text}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, part) in [
            ("$unit", "did you mean `units`?"),
            ("$units / 0", "no number"),
            ("$name_ + 1", "is no number"),
            ("($units", "`)` is missing"),
            ("$units 3", "expected +, -, *, /"),
            ("$", "a name is missing"),
            ("$dims[7]", "holds no `dims[7]`"),
            ("$dims[a]", "no index"),
            ("$x.shape[0]", "not known before data"),
            ("$x.shape[9]", "3 axes"),
            ("$units + ", "expected a number"),
            (&format!("{}$units", "(".repeat(50)), "within each other"),
            (&format!("$units{}", " + 1".repeat(200)), "at most 200"),
            ("$units * 99999999999999999999999999", "$units"),
        ] {
            match value(text) {
                Err(e) => assert!(e.to_string().contains(part), "{text}: {e}"),
                Ok(v) => assert!(v.is_f64(), "{text}: {v}"),
            }
        }
    }
}
