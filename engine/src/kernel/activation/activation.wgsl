// The activation that is applied to a result, chosen when the pipeline is made.

// 0 none, 1 GELU, 2 GELU by tanh, 3 ReLU, 4 SiLU, 5 tanh, 6 quick GELU, 7 sigmoid
override ACTIVATION: u32 = 0u;

// The error function as a quotient of polynomials in x²; ±1 from |x| = 4 on.
fn erf(value: f32) -> f32 {
    let x = clamp(value, -4.0, 4.0);
    let s = x * x;
    var p = -2.7261423e-10;
    p = p * s + 2.7706814e-8;
    p = p * s - 2.101024e-6;
    p = p * s - 5.6925064e-5;
    p = p * s - 7.3499063e-4;
    p = p * s - 2.9546e-3;
    p = p * s - 1.6096033e-2;
    var q = -1.4566072e-5;
    q = q * s - 2.1337406e-4;
    q = q * s - 1.682827e-3;
    q = q * s - 7.373329e-3;
    q = q * s - 1.4264739e-2;
    return x * p / q;
}

// Some GPUs compute tanh from exp and give NaN for large numbers.
fn bounded_tanh(x: f32) -> f32 {
    return tanh(clamp(x, -15.0, 15.0));
}

fn activate(x: f32) -> f32 {
    return activated(x, ACTIVATION);
}

fn activated(x: f32, which: u32) -> f32 {
    switch which {
        case 1u: { return 0.5 * x * (1.0 + erf(x * 0.70710678)); }
        case 2u: { return 0.5 * x * (1.0 + bounded_tanh(0.79788456 * (x + 0.044715 * x * x * x))); }
        case 3u: { return max(x, 0.0); }
        case 4u: { return x / (1.0 + exp(min(-x, 80.0))); }
        case 5u: { return bounded_tanh(x); }
        case 6u: { return x / (1.0 + exp(min(-1.702 * x, 80.0))); }
        case 7u: { return 1.0 / (1.0 + exp(min(-x, 80.0))); }
        default: { return x; }
    }
}
