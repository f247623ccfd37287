            // Products of staged queries and keys, 32 summed as 16-bit floats.
            var products = array<Four, 4>();
            for (var p = 0u; p < PARTS; p++) {
                let a = staged[(4u * local.y) * STRIDE + p];
                let b = staged[(4u * local.y + 1u) * STRIDE + p];
                let c = staged[(4u * local.y + 2u) * STRIDE + p];
                let d = staged[(4u * local.y + 3u) * STRIDE + p];
                for (var j = 0u; j < 4u; j++) {
                    let k = staged[(ROWS + local.x + SIDE * j) * STRIDE + p];
                    products[j] += Four(dot(a, k), dot(b, k), dot(c, k), dot(d, k));
                }
            }
            for (var j = 0u; j < 4u; j++) {
                scores[j] += vec4<f32>(products[j]);
            }
