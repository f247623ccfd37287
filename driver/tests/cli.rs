//! What a user is told when something is wrong, and the code the program ends with. Texts are held
//! by snapshots; mistakes inside a matrix file have their own (`tests/spec.rs`).

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use matrix_engine::protocol::Calibration;

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Runs the program in this place, without the caller's configuration; gives code and error text.
    fn matrix(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(env!("CARGO_BIN_EXE_matrix"));
        command.current_dir(self.0.path()).args(arguments).env("MATRIX_CACHE", self.path("cache")).env("PATH", "");
        for id in ["CHROME", "EDGE", "FIREFOX", "SAFARI"] {
            command.env(format!("MATRIX_{id}_DRIVER"), self.path("no-driver"));
        }
        let output = command.output().expect("runs");
        let text = String::from_utf8_lossy(&output.stderr).replace(&*self.0.path().to_string_lossy(), "[place]");
        format!("exit {}\n{}{}", output.status.code().unwrap_or(-1), String::from_utf8_lossy(&output.stdout), text)
    }

    /// A copy of a reference model that a test may damage.
    fn model(&self, name: &str) -> PathBuf {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/reference/bert");
        let to = self.path(name);
        fs::create_dir(&to).expect("a folder");
        for file in ["config.json", "model.safetensors"] {
            fs::copy(from.join(file), to.join(file)).expect("copied");
        }
        to
    }

    fn run_model(&self, name: &str) -> String {
        let model = format!("./{name}");
        let native = ["--browser", "native", "--platform", "native-cpu"];
        self.matrix(&[&["run", "--quantization", "4bit", "--model", &model][..], &native].concat())
    }
}

#[test]
fn models_that_cannot_be_loaded() {
    let place = Place::new();
    fs::create_dir(place.path("empty")).expect("a folder");
    let truncated = place.model("truncated").join("model.safetensors");
    let bytes = fs::read(&truncated).expect("read");
    fs::write(&truncated, &bytes[..100_000]).expect("written");
    fs::remove_file(place.model("weightless").join("model.safetensors")).expect("removed");
    let config = place.model("misshapen").join("config.json");
    let text = fs::read_to_string(&config).expect("read");
    fs::write(&config, text.replace("\"intermediate_size\": 96", "\"intermediate_size\": 100")).expect("written");
    fs::write(place.model("no-json").join("config.json"), "{\"hidden_size\": ").expect("written");
    let all = ["missing", "empty", "truncated", "weightless", "misshapen", "no-json"];
    let texts: String = all.iter().map(|name| format!("# {name}\n{}\n", place.run_model(name))).collect();
    insta::assert_snapshot!(texts);
}

#[test]
fn machines_that_lack_something() {
    let place = Place::new();
    let busy = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = busy.local_addr().expect("an address").port().to_string();
    let bert = ["run", "--model", "bert", "--quantization", "4bit"];
    let native = ["--browser", "native", "--platform", "native-cpu"];
    let taken = place.matrix(&[&bert[..], &native, &["--port", &port]].concat()).replace(&port, "[port]");
    let unknown_weights = place.matrix(&["weights", "add", "minilmm"]);
    let no_pip = place.matrix(&["weights", "add", "minilm"]);
    fs::write(place.path("file"), "this is no database, but long enough to look like one").expect("written");
    let no_store = place.matrix(&["query", "--db", "file", "--sql", "SELECT 1"]);
    let no_run = place.matrix(&["report", "--db", "nothing.db"]);
    insta::assert_snapshot!(format!(
        "# port in use\n{taken}\n# unknown weights\n{unknown_weights}\n# no pip\n{no_pip}\n# no store\n{no_store}\n# no run\n{no_run}"
    ));
}

#[test]
fn files_to_look_at_and_to_hear() {
    let place = Place::new();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = |name: &str| here.join("../engine/tests/reference").join(name).display().to_string();
    let image = here.join("tests/input_cases/files/rgb.png").display().to_string();
    let audio = here.join("tests/input_cases/sounds/i16.wav").display().to_string();
    let run = |flags: &[&str]| {
        let native = ["--quantization", "4bit", "--browser", "native", "--platform", "native-cpu"];
        let few = ["--min-samples", "1", "--max-samples", "1"];
        place.matrix(&[&["run"][..], &native, &few, flags].concat())
    };
    let models = ["vit", "llava", "clap", "gpt2"].map(model).join(",");
    let ran = run(&["--model", &models, "--image", &image, "--audio", &audio, "--temperature", "0.7", "--seed", "3"]);
    assert!(ran.starts_with("exit 0") && ran.contains("4 of 4 cells passed"), "{ran}");
    let sql = ["query", "--format", "csv", "--sql", "SELECT json FROM event WHERE kind = 'logged'"];
    assert!(place.matrix(&sql).contains("was converted from 8000 to 48000 samples per second"));
    // What is looked at decides what is computed: a made-up image gives another cell.
    let ids = |flags: &[&str]| run(&[&["--dry-run", "--model", "vit"][..], flags].concat());
    assert_ne!(ids(&["--image", &image]), ids(&[]));
    let refused = [
        run(&["--model", "vit", "--image", "missing.png"]),
        run(&["--model", "bert", "--image", &image]).replace(&image, "[image]"),
        run(&["--model", "gpt2", "--top-p", "1.5"]),
    ];
    insta::assert_snapshot!(refused.join("\n"));
}

#[cfg(target_os = "linux")]
#[test]
fn a_machine_without_browsers() {
    let place = Place::new();
    // Edge is in no distribution's repository, so it is missing on every test machine.
    let text = place.matrix(&["run", "--model", "bert", "--quantization", "4bit", "--browser", "edge"]);
    if !Path::new("/opt/microsoft/msedge/msedge").exists() {
        insta::assert_snapshot!(text);
    }
}

#[test]
fn command_lines_that_say_nothing_or_too_much() {
    let place = Place::new();
    let cases: [&[&str]; 8] = [
        &["run"],
        &["run", "--model", "bert"],
        &["run", "--model", "bart", "--quantization", "4bit"],
        &["run", "--model", "bert", "--quantization", "4bit", "--browser", "crome"],
        &["run", "--model", "bert", "--quantization", "4bit", "--group-size", "100"],
        &["run", "--model", "bert", "--quantization", "4bit", "--only", "colour=red"],
        &["run", "--model", "bert", "--quantization", "4bit", "--shard", "5/4"],
        &["run", "missing.yaml"],
    ];
    let texts: String =
        cases.iter().map(|case| format!("$ matrix {}\n{}\n", case.join(" "), place.matrix(case))).collect();
    insta::assert_snapshot!(texts);
}

#[test]
fn failures_decide_the_exit_code_and_leave_a_report() {
    let place = Place::new();
    let run = |mock: &str, browsers: &str| {
        let flags =
            ["--min-samples", "2", "--max-samples", "2", "--mock", mock, "--browser", browsers, "--platform", "wasm"];
        let text = place.matrix(&[&["run", "--model", "bert", "--quantization", "4bit"][..], &flags].concat());
        text.lines().next().unwrap_or_default().to_owned()
    };
    assert_eq!(run("chrome=works", "chrome"), "exit 0");
    assert_eq!(run("chrome=works,firefox=wrong", "chrome,firefox"), "exit 1");
    assert_eq!(run("chrome=works,safari=missing", "chrome,safari"), "exit 0", "a missing browser is not a failed cell");
    assert_eq!(run("safari=missing", "safari"), "exit 3");
    let reports = fs::read_dir(place.path("results")).expect("the results").filter_map(Result::ok);
    let pages = reports.filter(|entry| entry.path().extension().is_some_and(|kind| kind == "html"));
    assert_eq!(pages.count(), 4, "every run has its report");
}

#[test]
fn what_is_known_and_what_it_is_held_against_decide_how_a_run_ends() {
    let place = Place::new();
    let matrix = "name: held\nbrowsers: [chrome, firefox]\nplatforms: [wasm]\nmodels: [bert]\n\
        optimizations: {int4: {}}\nsampling: {min: 2, max: 2}\n\
        gate: {metrics: [weight_bytes], fail_on: inconclusive}\n";
    fs::write(place.path("held.yaml"), matrix).expect("written");
    let foreseen = format!("{matrix}expect: [{{browser: firefox, status: none, why: it computes nonsense}}]\n");
    fs::write(place.path("foreseen.yaml"), foreseen).expect("written");
    fs::write(place.path("known.yaml"), "- {browser: firefox, status: fail, why: reported}\n").expect("written");
    let run = |file: &str, firefox: &str, flags: &[&str]| {
        let mock = format!("chrome=works,firefox={firefox}");
        let text = place.matrix(&[&["run", file, "--mock", &mock][..], flags].concat());
        let (exit, rest) = text.split_once('\n').expect("lines");
        (exit.to_owned(), rest.to_owned())
    };
    let (exit, text) = run("held.yaml", "works", &[]);
    assert!(exit == "exit 5" && text.contains("gate: no earlier run of `held` is green"), "{exit} {text}");
    let (exit, text) = run("held.yaml", "works", &[]);
    assert!(exit == "exit 0" && text.contains("unchanged: "), "{exit} {text}");
    let (exit, text) = run("held.yaml", "wrong", &[]);
    assert!(
        exit == "exit 1" && text.contains("regressed: ") && text.contains("pass before, now fail"),
        "{exit} {text}"
    );
    let (exit, text) = run("held.yaml", "wrong", &["--expectations", "known.yaml"]);
    assert!(exit == "exit 0" && text.contains("unchanged: "), "{exit} {text}");
    let (exit, text) = run("held.yaml", "works", &["--expectations", "known.yaml"]);
    assert!(exit == "exit 0" && text.contains("passes unexpectedly (known: reported)"), "{exit} {text}");
    let (exit, text) = run("foreseen.yaml", "wrong", &["--gate", "latest"]);
    assert!(exit == "exit 0" && text.contains("unchanged: "), "{exit} {text}");
    let (exit, text) = run("held.yaml", "works", &["--gate", "nothing.db"]);
    assert!(exit == "exit 3" && !text.contains("cells passed"), "nothing was run: {text}");
    assert_eq!(run("held.yaml", "works", &["--expectations", "missing.yaml"]).0, "exit 2");
}

#[test]
fn formats_of_weights_are_analyzed_and_drawn() {
    let place = Place::new();
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../engine/tests/reference/bert").display().to_string();
    let native = ["--browser", "native", "--min-samples", "1", "--budget", "0.1"];
    let run = |flags: &[&str]| place.matrix(&[&["analyze"], flags, &["--model", &model], &native].concat());
    let page = run(&["quantization", "--output", "page.html"]);
    assert!(page.starts_with("exit 0") && page.contains("mse is nearer to f32 than none in"), "{page}");
    let html = fs::read_to_string(place.path("page.html")).expect("a page");
    assert!(html.contains("int4 · groups of 32 · asymmetric · mse") && html.contains("int8 · groups of 128"), "{html}");
    assert!(html.contains("error against bits per weight") && html.contains("f16"));
    let bits = ["query", "--format", "csv", "--sql", "SELECT count(DISTINCT cell_id) FROM effect"];
    let formats = 4 * Calibration::ALL.len() + 4 + 1;
    assert!(
        place.matrix(&bits).contains(&format!("\n{formats}")),
        "four of 4 bits for each calibration, four of 8, f16"
    );
    assert!(page.contains("activations is nearer to f32 than none in"), "{page}");
    let drawn = run(&["int4", "--output-plot", "int4.svg"]);
    assert!(drawn.starts_with("exit 0"), "{drawn}");
    let svg = fs::read_to_string(place.path("int4.svg")).expect("a drawing");
    assert!(svg.starts_with("<svg xmlns=") && svg.contains("<style>") && svg.matches("<circle").count() >= 8);
    assert!(run(&["int4", "--output-plot", "int4.gif"]).contains("allowed: .png, .svg, .html"));
    assert!(run(&["quantization", "--bits", "3"]).starts_with("exit 2"));
}

#[test]
fn formats_of_several_models_have_a_table_of_each_and_what_holds_for_all() {
    let place = Place::new();
    let said =
        place.matrix(&["analyze", "quantization", "--model", "gpt2,vit", "--bits", "4", "--output", "page.html"]);
    assert!(said.starts_with("exit 0"), "without a browser: {said}");
    assert!(said.contains("2 models with made-up weights: mse is nearer to f32 than none in"), "{said}");
    let html = fs::read_to_string(place.path("page.html")).expect("a page");
    for text in
        ["Calibrations beside none", "Best 4-bit formats", "gpt2-tiny (synthetic)</h2>", "vit-tiny (synthetic)</h2>"]
    {
        assert!(html.contains(text), "{text}");
    }
    assert!(html.contains("times were not sampled") && !html.contains("Load time"), "a time taken once is none");
    assert!(!html.contains("Rank correlation</th>") && html.contains("made-up weights: their times"), "no sentences");
}

#[test]
fn activations_are_looked_at_once() {
    let place = Place::new();
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = |name: &str| here.join("../engine/tests/reference").join(name).display().to_string();
    let image = here.join("tests/input_cases/files/rgb.png").display().to_string();
    let run = |flags: &[&str]| {
        let native = ["--quantization", "4bit", "--browser", "native", "--platform", "native-cpu"];
        let few = ["--min-samples", "1", "--max-samples", "1"];
        place.matrix(&[&["run"][..], &native, &few, flags].concat())
    };
    let activations = ["--calibration", "activations"];
    let with = |name: &str, set: &[&str]| {
        let set: Vec<&str> = set.iter().flat_map(|entry| ["--calibration-set", *entry]).collect();
        run(&[&activations[..], &["--model", &model(name)], &set].concat())
    };
    let looked_at = || fs::read_dir(place.path("cache/weights/importance")).map_or(0, Iterator::count);
    let models = ["bert", "llama"].map(model).join(",");
    let flags = ["--model", &models, "--calibration-set", "A sentence, with a comma.", "--calibration-set", "Another."];
    let ran = run(&[&activations[..], &flags].concat());
    assert!(ran.starts_with("exit 0") && ran.contains("2 of 2 cells passed"), "{ran}");
    assert_eq!(looked_at(), 2);
    let again = run(&[&activations[..], &flags].concat());
    assert!(again.starts_with("exit 0"), "{again}");
    assert_eq!(looked_at(), 2, "the same set is not looked at again");
    let vit = with("vit", &[&image]);
    assert!(vit.starts_with("exit 0"), "{vit}");
    assert_eq!(looked_at(), 3);
    fs::write(place.path("blank.txt"), "\n \n").expect("written");
    let refused = [
        run(&[&activations[..], &["--model", "bert"]].concat()),
        run(&["--model", "bert", "--calibration-set", "A sentence."]),
        with("bert", &["missing.txt"]),
        with("bert", &["blank.txt"]),
        with("vit", &["A sentence."]),
    ];
    assert_eq!(looked_at(), 3);
    let is_told = |line: &&str| ["exit", "error", "hint", "[1/1]"].iter().any(|start| line.starts_with(start));
    let told = refused.map(|text| text.lines().filter(is_told).collect::<Vec<_>>().join("\n"));
    insta::assert_snapshot!(told.join("\n"));
}

#[test]
fn ways_to_keep_keys_and_values_are_curves_over_lengths_of_prompts() {
    let place = Place::new();
    let flags = ["analyze", "kv-cache", "--model", "gpt2-tiny", "--browser", "native", "--contexts", "16,32"];
    let drawn = place.matrix(&[&flags[..], &["--output", "kv.svg"]].concat());
    assert!(!drawn.contains("error:") && drawn.contains("kv_cache: kv.svg"), "{drawn}");
    let svg = fs::read_to_string(place.path("kv.svg")).expect("a drawing");
    for text in ["same next token as f32", "KL divergence", "bytes of the cache", "window of half the prompt"] {
        assert!(svg.contains(text), "{text}: {drawn}");
    }
}
