//! LSTMs of the speed figures: sizes, buffers, one call forward and one backward.

use cornu_cpu::kernels::{
    activation::Activation,
    lstm::{
        LstmBackward, LstmForward, LstmGradients, LstmOutputs, lstm_backward,
        lstm_backward_scratch, lstm_forward, lstm_forward_scratch,
    },
    shape::CellShape,
};

/// `(name, F, U, B, T)`; the batches are one thread's share.
pub const WORKLOADS: [(&str, usize, usize, usize, usize); 8] = [
    ("seed 1 (F 1, U 5, B 10, T 20)", 1, 5, 10, 20),
    ("seed 2 (F 5, U 4, B 10, T 20)", 5, 4, 10, 20),
    ("rows (F 28, U 128, B 64, T 28)", 28, 128, 64, 28),
    ("big 1 (F 64, U 512, B 32, T 100)", 64, 512, 32, 100),
    ("big 2 (F 512, U 512, B 32, T 100)", 512, 512, 32, 100),
    ("one (F 16, U 64, B 1, T 20)", 16, 64, 1, 20),
    ("wide batch (F 64, U 256, B 128, T 100)", 64, 256, 128, 100),
    ("small (F 8, U 16, B 32, T 50)", 8, 16, 32, 50),
];

pub fn names() -> impl Iterator<Item = &'static str> {
    WORKLOADS.iter().map(|w| w.0)
}

pub fn values(n: usize, scale: f32) -> Vec<f32> {
    let mut state = 1u32;
    (0..n)
        .map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            ((state >> 8) as f32 / 8_388_608.0 - 1.0) * scale
        })
        .collect()
}

/// An LSTM's buffers.
pub struct Lstm {
    shape: CellShape,
    batch_sizes: Vec<i32>,
    inputs: [Vec<f32>; 6],
    outputs: [Vec<f32>; 5],
    dh: Vec<f32>,
    gradients: [Vec<f32>; 6],
    scratch: Vec<f32>,
}

impl Lstm {
    pub fn new(name: &str) -> Lstm {
        let &(_, f, u, b, t) = WORKLOADS.iter().find(|w| w.0 == name).expect("a workload");
        let shape = CellShape { features: f, units: u, batch: b };
        let n = b * t;
        let scale = 1.0 / (u as f32).sqrt();
        Lstm {
            shape,
            batch_sizes: vec![b as i32; t],
            inputs: [
                values(n * f, 1.0),
                values(f * 4 * u, 0.3),
                values(u * 4 * u, scale),
                values(4 * u, 0.1),
                vec![0.0; b * u],
                vec![0.0; b * u],
            ],
            outputs: [n * u, n * u, n * 4 * u, b * u, b * u].map(|n| vec![0.0; n]),
            dh: values(n * u, 1.0),
            gradients: [n * f, f * 4 * u, u * 4 * u, 4 * u, b * u, b * u].map(|n| vec![0.0; n]),
            scratch: vec![0.0; lstm_forward_scratch(shape).max(lstm_backward_scratch(shape))],
        }
    }

    /// Multiplies and adds of the forward products; the backward ones are twice that.
    pub fn flops(&self) -> usize {
        let CellShape { features: f, units: u, batch: b } = self.shape;
        2 * b * self.batch_sizes.len() * (f + u) * 4 * u
    }

    pub fn forward(&mut self, training: bool) {
        let [h, c, gates, h_last, c_last] = &mut self.outputs;
        let mut out = LstmOutputs { h: Some(h), c: None, gates: None, h_last, c_last };
        if training {
            out.c = Some(c);
            out.gates = Some(gates);
        }
        lstm_forward(
            &arguments(self.shape, &self.inputs, &self.batch_sizes),
            &mut out,
            &mut self.scratch,
        );
    }

    pub fn backward(&mut self) {
        let [dx, dkernel, drecurrent, dbias, dh0, dc0] = &mut self.gradients;
        let args = LstmBackward {
            forward: arguments(self.shape, &self.inputs, &self.batch_sizes),
            h: &self.outputs[0],
            c: &self.outputs[1],
            gates: &self.outputs[2],
            dh: Some(&self.dh),
            dh_last: None,
            dc_last: None,
        };
        let mut out = LstmGradients {
            dx: Some(dx),
            dkernel: Some(dkernel),
            drecurrent: Some(drecurrent),
            dbias: Some(dbias),
            dh0: Some(dh0),
            dc0: Some(dc0),
        };
        lstm_backward(&args, &mut out, &mut self.scratch);
    }
}

fn arguments<'a>(
    shape: CellShape,
    inputs: &'a [Vec<f32>; 6],
    batch_sizes: &'a [i32],
) -> LstmForward<'a> {
    let [x, kernel, recurrent, bias, h0, c0] = inputs;
    LstmForward {
        shape,
        activation: Activation::Tanh,
        recurrent_activation: Activation::Sigmoid,
        x,
        kernel,
        recurrent,
        bias: Some(bias),
        h0,
        c0,
        recurrent_mask: None,
        batch_sizes,
        int8: None,
    }
}
