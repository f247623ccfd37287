// Scale and zero point of a group: weights/integer/calibration.rs on the GPU.

// Whether importance counts yet.
var<private> weighs: bool;

fn code(weight: f32, fit: Fit) -> f32 {
    let inverse = select(1.0 / fit.scale, 0.0, fit.scale == 0.0);
    return clamp(round(weight * inverse + fit.zero), LEAST, MOST);
}

// Covers a share of the range.
fn ranged(share: f32) -> Fit {
    if ZEROS {
        let scale = exact((high - low) * share / (MOST - LEAST));
        if scale == 0.0 {
            return Fit(0.0, MIDDLE);
        }
        return Fit(scale, clamp(round(LEAST - low * share / scale), LEAST, MOST));
    }
    let extreme = select(low, high, high >= -low);
    return Fit(exact(extreme * share / (LEAST - MIDDLE)), MIDDLE);
}

// What an error of weight `i` counts.
fn matters(i: u32) -> f32 {
    if weighs {
        return importance[column + i];
    }
    return 1.0;
}

// Σ matters · |error|² or Σ |error|
fn cost(fit: Fit, squared: bool) -> f32 {
    var sum = 0.0;
    for (var i = 0u; i < length; i++) {
        let w = value(i);
        let error = abs(w - (code(w, fit) - fit.zero) * fit.scale);
        sum += select(error, error * error * matters(i), squared);
    }
    return sum;
}

// The scale, and with `shift` the zero point, that suit the codes best, after the sparse part of the errors is
// taken away; with a strength of 0 there is none.
fn refined(given: Fit, strength: f32, shift: bool) -> Fit {
    var fit = given;
    let step = abs(fit.scale);
    if step == 0.0 {
        return fit;
    }
    var shifts = 0.0;
    var product = 0.0;
    var square = 0.0;
    for (var i = 0u; i < length; i++) {
        let w = value(i);
        let c = code(w, fit);
        var goal = w;
        if strength > 0.0 {
            let error = (w - (c - fit.zero) * fit.scale) / step;
            let size = abs(error);
            goal -= sign(error) * max(size - pow(max(size, 1e-6), -0.3) / strength, 0.0) * step;
            shifts += c - goal / fit.scale;
        }
        product += (c - fit.zero) * goal * matters(i);
        square += (c - fit.zero) * (c - fit.zero) * matters(i);
    }
    if shift {
        fit.zero = clamp(round(shifts / f32(length)), LEAST, MOST);
        product = 0.0;
        square = 0.0;
        for (var i = 0u; i < length; i++) {
            let w = value(i);
            let old = code(w, given);
            let error = (w - (old - given.zero) * given.scale) / step;
            let size = abs(error);
            let goal = w - sign(error) * max(size - pow(max(size, 1e-6), -0.3) / strength, 0.0) * step;
            let c = code(w, fit) - fit.zero;
            product += c * goal;
            square += c * c;
        }
    }
    if square > 0.0 {
        fit.scale = exact(product / square);
    }
    return fit;
}

// Smaller ranges, each with the scale that suits its codes best, in search of less squared error than `given` has.
// Where columns matter differently, neighbouring zero points are tried too, and scales refined once more.
fn clipped(given: Fit) -> Fit {
    var best = given;
    var least = cost(best, true);
    let forms = select(select(2u, 1u, ZEROS), select(2u, 3u, ZEROS), weighs);
    for (var attempt = 0u; attempt < 24u * forms; attempt++) {
        var fit = ranged(1.0 - f32(attempt / forms) * 0.025);
        let form = attempt % forms;
        if ZEROS {
            fit.zero = clamp(fit.zero + select(f32(form), -1.0, form == 2u), LEAST, MOST);
        } else if form == 1u {
            fit.scale = -fit.scale;
        }
        for (var turn = 0u; turn < select(1u, 2u, weighs); turn++) {
            fit = refined(fit, 0.0, false);
            let now = cost(fit, true);
            if now < least {
                least = now;
                best = fit;
            }
        }
    }
    return best;
}

fn half_quadratic(given: Fit) -> Fit {
    var best = given;
    var least = cost(best, false);
    for (var start = 0u; start < 4u; start++) {
        var fit = ranged(1.0 - f32(start) * 0.1);
        var strength = 1.5;
        for (var turn = 0u; turn < 20u; turn++) {
            fit = refined(fit, strength, ZEROS);
            let now = cost(fit, false);
            if now < least {
                least = now;
                best = fit;
            }
            strength *= 1.1;
        }
    }
    return best;
}

fn fitted() -> Fit {
    let whole = ranged(1.0);
    if CALIBRATION == 0u {
        return whole;
    }
    if CALIBRATION == 2u {
        return half_quadratic(whole);
    }
    let even = clipped(whole);
    if CALIBRATION == 1u {
        return even;
    }
    weighs = true;
    return clipped(even);
}
