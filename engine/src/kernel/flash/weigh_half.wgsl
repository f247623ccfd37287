            // Staged values by the shares of their keys, summed as 16-bit floats over what is staged.
            var more = array<Four, 4u * COLUMNS>();
            for (var k = 0u; k < DEEP; k++) {
                let shares = staged[(deep + k) * (SIDE + 1u) + local.y];
                for (var c = 0u; c < COLUMNS; c++) {
                    let v = staged_values[k * ACROSS + local.x + SIDE * c];
                    more[c] += shares.x * v;
                    more[COLUMNS + c] += shares.y * v;
                    more[2u * COLUMNS + c] += shares.z * v;
                    more[3u * COLUMNS + c] += shares.w * v;
                }
            }
            for (var i = 0u; i < 4u * COLUMNS; i++) {
                weighed[i] += vec4<f32>(more[i]);
            }
