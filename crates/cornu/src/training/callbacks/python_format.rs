//! Numbers in text as Python writes them: `repr`, and `str.format` with its specs.

use crate::saving::json;

/// What a place of a format string can hold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Argument {
    Int(i64),
    Float(f64),
}

/// Python's `repr` of a float.
pub(super) fn repr(x: f64) -> String {
    match x {
        x if x.is_nan() => "nan".into(),
        x if x.is_infinite() => if x > 0.0 { "inf" } else { "-inf" }.into(),
        x => json::write(&json::value_of(x)),
    }
}

/// Fills a format string: `{name}`, `{name:spec}`, and `{{`, `}}` for braces. An error says what
/// does not fit.
pub(super) fn format(
    text: &str,
    lookup: &dyn Fn(&str) -> Option<Argument>,
) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['{', '}']) {
        out.push_str(&rest[..at]);
        let brace = &rest[at..=at];
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix(brace) {
            out.push_str(brace);
            rest = after;
            continue;
        }
        let (place, after) =
            rest.split_once('}').filter(|_| brace == "{").ok_or("a brace stands alone")?;
        rest = after;
        let (name, spec) = place.split_once(':').unwrap_or((place, ""));
        let (name, spec) = name.split_once('!').map_or((name, spec), |(n, _)| (n, spec));
        let value = lookup(name).ok_or_else(|| format!("there is no `{name}`"))?;
        out.push_str(&number(value, spec)?);
    }
    out.push_str(rest);
    Ok(out)
}

/// The parts of `[[fill]align][sign][z][#][0][width][grouping][.precision][type]`.
struct Spec {
    fill: char,
    align: char,
    sign: char,
    width: usize,
    comma: Option<char>,
    precision: Option<usize>,
    kind: Option<char>,
}

fn parse(spec: &str) -> Result<Spec, String> {
    let wrong = || format!("`{spec}` is no format of a number");
    let c: Vec<char> = spec.chars().collect();
    let mut i = 0;
    let mut s = Spec {
        fill: ' ',
        align: '>',
        sign: '-',
        width: 0,
        comma: None,
        precision: None,
        kind: None,
    };
    let aligns = |c: Option<&char>| c.is_some_and(|c| "<>=^".contains(*c));
    if aligns(c.get(1)) {
        (s.fill, s.align, i) = (c[0], c[1], 2);
    } else if aligns(c.first()) {
        (s.align, i) = (c[0], 1);
    }
    if let Some(sign) = c.get(i).filter(|x| "+- ".contains(**x)) {
        s.sign = *sign;
        i += 1;
    }
    if c.get(i) == Some(&'0') {
        if i == 0 || !aligns(c.get(i - 1)) {
            (s.fill, s.align) = ('0', '=');
        }
        i += 1;
    }
    let digits = |i: &mut usize| -> Option<usize> {
        let start = *i;
        while c.get(*i).is_some_and(char::is_ascii_digit) {
            *i += 1;
        }
        c[start..*i].iter().collect::<String>().parse().ok()
    };
    s.width = digits(&mut i).unwrap_or(0);
    if let Some(g) = c.get(i).filter(|x| ",_".contains(**x)) {
        s.comma = Some(*g);
        i += 1;
    }
    if c.get(i) == Some(&'.') {
        i += 1;
        s.precision = Some(digits(&mut i).ok_or_else(wrong)?);
    }
    s.kind = c.get(i).copied();
    // Widths beyond any file name would only fill memory.
    if i + usize::from(s.kind.is_some()) != c.len()
        || s.width > 255
        || s.precision.is_some_and(|p| p > 255)
    {
        return Err(wrong());
    }
    Ok(s)
}

/// A number by a format spec.
fn number(value: Argument, spec: &str) -> Result<String, String> {
    let s = parse(spec)?;
    let x = match value {
        Argument::Int(n) => n as f64,
        Argument::Float(x) => x,
    };
    let magnitude = x.abs();
    let body = match (value, s.kind) {
        (Argument::Int(n), None | Some('d' | 'n')) if s.precision.is_none() => {
            n.unsigned_abs().to_string()
        }
        (Argument::Int(n), Some('x')) => format!("{:x}", n.unsigned_abs()),
        (Argument::Int(n), Some('X')) => format!("{:X}", n.unsigned_abs()),
        (Argument::Int(n), Some('o')) => format!("{:o}", n.unsigned_abs()),
        (Argument::Int(n), Some('b')) => format!("{:b}", n.unsigned_abs()),
        _ if !x.is_finite() => if x.is_nan() { "nan" } else { "inf" }.into(),
        (_, Some('f' | 'F')) => format!("{magnitude:.*}", s.precision.unwrap_or(6)),
        (_, Some('%')) => format!("{:.*}%", s.precision.unwrap_or(6), magnitude * 100.0),
        (_, Some('e')) => scientific(magnitude, s.precision.unwrap_or(6)),
        (_, Some('E')) => scientific(magnitude, s.precision.unwrap_or(6)).to_uppercase(),
        (_, Some('g' | 'n')) => general(magnitude, s.precision.unwrap_or(6), false),
        (_, Some('G')) => general(magnitude, s.precision.unwrap_or(6), false).to_uppercase(),
        (Argument::Float(_), None) => match s.precision {
            Some(p) => general(magnitude, p, true),
            None => repr(magnitude),
        },
        _ => return Err(format!("`{spec}` does not fit {}", repr(x))),
    };
    let body = s.comma.map_or(body.clone(), |c| grouped(&body, c));
    let negative = match value {
        Argument::Int(n) => n < 0,
        Argument::Float(x) => x.is_sign_negative() && !x.is_nan(),
    };
    let sign = match (negative, s.sign) {
        (true, _) => "-",
        (false, '+') => "+",
        (false, ' ') => " ",
        _ => "",
    };
    let missing = s.width.saturating_sub(sign.len() + body.len());
    let fill = |n: usize| std::iter::repeat_n(s.fill, n).collect::<String>();
    Ok(match s.align {
        '=' => format!("{sign}{}{body}", fill(missing)),
        '<' => format!("{sign}{body}{}", fill(missing)),
        '^' => format!("{}{sign}{body}{}", fill(missing / 2), fill(missing - missing / 2)),
        _ => format!("{}{sign}{body}", fill(missing)),
    })
}

/// `1.5e-07`: at least two digits of exponent.
fn scientific(x: f64, precision: usize) -> String {
    let text = format!("{x:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    format!("{digits}e{}{:02}", if exponent < 0 { '-' } else { '+' }, exponent.abs())
}

/// So many significant digits, without the zeros at the end; `point` keeps one digit after the
/// point, as a float without a type has.
fn general(x: f64, precision: usize, point: bool) -> String {
    let p = precision.max(1);
    let rounded = format!("{x:.*e}", p - 1);
    let exponent: i32 = rounded.split_once('e').and_then(|(_, e)| e.parse().ok()).unwrap_or(0);
    let trimmed = |t: &str| {
        if t.contains('.') {
            t.trim_end_matches('0').trim_end_matches('.').to_string()
        } else {
            t.to_string()
        }
    };
    let last = p as i32 - i32::from(point);
    if exponent < -4 || exponent >= last {
        let text = scientific(x, p - 1);
        let (digits, e) = text.split_once('e').unwrap_or((&text, "+00"));
        return format!("{}e{e}", trimmed(digits));
    }
    let text = trimmed(&format!("{x:.*}", (p as i32 - 1 - exponent).max(0) as usize));
    if point && !text.contains('.') { format!("{text}.0") } else { text }
}

/// With a mark between groups of three digits before the point.
fn grouped(body: &str, mark: char) -> String {
    let n = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
    let mut out = String::new();
    for (i, c) in body[..n].chars().enumerate() {
        if i > 0 && (n - i) % 3 == 0 {
            out.push(mark);
        }
        out.push(c);
    }
    out + &body[n..]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, String> {
        format(text, &|name| match name {
            "epoch" => Some(Argument::Int(3)),
            "loss" => Some(Argument::Float(0.123456789)),
            "big" => Some(Argument::Float(1234567.891)),
            "small" => Some(Argument::Float(-0.0000123)),
            "one" => Some(Argument::Float(1.0)),
            _ => None,
        })
    }

    #[test]
    fn as_python_formats() {
        let cases = [
            ("{epoch:02d}-{loss:.2f}.keras", "03-0.12.keras"),
            ("{epoch}_{loss}", "3_0.123456789"),
            ("{{{epoch}}}", "{3}"),
            (
                "{epoch:5d}|{epoch:<5d}|{epoch:^5d}|{epoch:+05d}|{epoch:*>4}",
                "    3|3    |  3  |+0003|***3",
            ),
            ("{epoch:.1f} {epoch:x} {epoch:e}", "3.0 3 3.000000e+00"),
            ("{loss:e} {loss:.3e} {small:.1E}", "1.234568e-01 1.235e-01 -1.2E-05"),
            ("{loss:g} {big:g} {small:g} {one:g}", "0.123457 1.23457e+06 -1.23e-05 1"),
            ("{loss:.3} {big:.3} {one:.3} {one:.1} {one}", "0.123 1.23e+06 1.0 1e+00 1.0"),
            ("{big:,.2f} {big:_.0f} {loss:.1%}", "1,234,567.89 1_234_568 12.3%"),
            ("{small:010.4f} {small}", "-0000.0000 -1.23e-05"),
        ];
        for (text, expected) in cases {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_does_not_fit_is_said() {
        assert_eq!(filled("{val_loss:.2f}"), Err("there is no `val_loss`".into()));
        assert!(filled("{epoch:02q}").unwrap_err().contains("02q"));
        assert!(filled("{loss:d}").unwrap_err().contains("does not fit"));
        assert!(filled("{epoch").is_err() && filled("epoch}").is_err());
    }
}
