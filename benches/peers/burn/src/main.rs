//! Burn's own layers on one workload, on its Flex backend:   peer-burn WORKLOAD BATCH STEPS

use burn::module::Module;
use burn::nn::{
    Embedding, EmbeddingConfig, Linear, LinearConfig, Lstm, LstmConfig,
    gru::{Gru, GruConfig},
};
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Distribution, Int, Tensor};
use std::time::Instant;

#[derive(Module, Debug)]
struct Net {
    embedding: Option<Embedding>,
    lstms: Vec<Lstm>,
    grus: Vec<Gru>,
    out: Linear,
}

struct Shape {
    timesteps: usize,
    features: usize,
    units: &'static [usize],
    gru: bool,
    vocabulary: usize,
    outputs: usize,
}

fn shape(name: &str) -> Shape {
    let s = |timesteps, features, units, outputs| Shape {
        timesteps,
        features,
        units,
        gru: false,
        vocabulary: 0,
        outputs,
    };
    match name {
        "seed" => s(20, 1, &[5, 4], 1),
        "rows" => s(28, 28, &[128], 10),
        "text" => Shape { vocabulary: 20000, ..s(100, 128, &[128], 1) },
        "big" => s(100, 64, &[512, 512], 1),
        "gru" => Shape { gru: true, ..s(50, 32, &[96, 96], 5) },
        "one" => s(20, 16, &[64], 1),
        "wide" => s(100, 64, &[256], 1),
        other => panic!("peer-burn: no workload of this name. Received: {other}"),
    }
}

impl Net {
    fn new(s: &Shape, device: &Device) -> Net {
        let sizes: Vec<(usize, usize)> = s
            .units
            .iter()
            .enumerate()
            .map(|(i, u)| (if i == 0 { s.features } else { s.units[i - 1] }, *u))
            .collect();
        Net {
            embedding: (s.vocabulary > 0)
                .then(|| EmbeddingConfig::new(s.vocabulary, s.features).init(device)),
            lstms: if s.gru {
                vec![]
            } else {
                sizes.iter().map(|(f, u)| LstmConfig::new(*f, *u, true).init(device)).collect()
            },
            grus: if s.gru {
                sizes.iter().map(|(f, u)| GruConfig::new(*f, *u, true).init(device)).collect()
            } else {
                vec![]
            },
            out: LinearConfig::new(*s.units.last().expect("a layer"), s.outputs).init(device),
        }
    }

    fn forward(&self, numbers: Tensor<3>, ids: Tensor<2, Int>) -> Tensor<2> {
        let mut x = match &self.embedding {
            Some(e) => e.forward(ids),
            None => numbers,
        };
        for l in &self.lstms {
            x = l.forward(x, None).0;
        }
        for g in &self.grus {
            x = g.forward(x, None);
        }
        let [batch, steps, units] = x.dims();
        self.out.forward(x.slice([0..batch, steps - 1..steps, 0..units]).reshape([batch, units]))
    }
}

fn median_ms(rounds: usize, mut step: impl FnMut()) -> f64 {
    step();
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            step();
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let [_, name, batch, steps] = &args[..] else {
        panic!("usage: peer-burn WORKLOAD BATCH STEPS")
    };
    let (batch, steps): (usize, usize) =
        (batch.parse().expect("a number"), steps.parse().expect("a number"));
    let s = shape(name);
    let data = |device: &Device| {
        let x =
            Tensor::<3>::random([batch, s.timesteps, s.features], Distribution::Default, device);
        let ids = Tensor::<2>::random(
            [batch, s.timesteps],
            Distribution::Uniform(0.0, s.vocabulary.max(1) as f64),
            device,
        )
        .int();
        let y = Tensor::<2>::random([batch, s.outputs], Distribution::Default, device);
        (x, ids, y)
    };
    let train_ms = (!["one", "wide"].contains(&name.as_str())).then(|| {
        let device = Device::flex().autodiff();
        let mut net = Net::new(&s, &device);
        let mut optimizer = AdamConfig::new().init();
        let (x, ids, y) = data(&device);
        median_ms(steps, || {
            let difference = net.forward(x.clone(), ids.clone()) - y.clone();
            let gradients = (difference.clone() * difference).mean().backward();
            let gradients = GradientsParams::from_grads(gradients, &net);
            net = optimizer.step(1e-3, net.clone(), gradients);
        })
    });
    let device = Device::flex();
    let net = Net::new(&s, &device);
    let (x, ids, _) = data(&device);
    let predict_ms = median_ms(steps, || {
        let _ = net.forward(x.clone(), ids.clone()).into_data();
    });
    let train = train_ms.map_or(String::new(), |t| format!("\"train_ms\": {t}, "));
    println!("{{{train}\"predict_ms\": {predict_ms}}}");
}
