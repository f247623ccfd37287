//! The README may only name commands, flags and exit codes that exist.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

fn readme() -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md")).expect("a README")
}

fn help(command: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_matrix")).args(command).arg("--help").output().expect("runs");
    assert!(output.status.success(), "matrix {} --help", command.join(" "));
    String::from_utf8(output.stdout).expect("text")
}

/// The commands the program lists.
fn commands() -> BTreeSet<String> {
    let help = help(&[]);
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    // Deeper lines go on with a description.
    let names = listed.filter_map(|line| line.strip_prefix("  ")?.split(' ').next()).map(str::to_owned);
    names.filter(|name| !name.is_empty() && name != "help").collect()
}

#[test]
fn every_command_line_in_the_readme_is_understood() {
    let commands = commands();
    let mut checked = 0;
    for line in readme().lines() {
        let Some(words) = ["cargo matrix ", "matrix "].iter().find_map(|start| line.trim().strip_prefix(start)) else {
            continue;
        };
        let mut words = words.split_whitespace().take_while(|word| !["&&", "#", "|"].contains(word));
        let command = words.next().expect("a command");
        if command.starts_with('-') {
            continue;
        }
        assert!(commands.contains(command), "`{line}`: there is no command `{command}`");
        let mut words = words.peekable();
        let mut help = help(&[command]);
        if help.contains("\nCommands:\n")
            && let Some(action) = words.next_if(|word| !word.starts_with("--"))
        {
            help = self::help(&[command, action]);
        }
        for flag in words.filter(|word| word.starts_with("--")) {
            let flag = flag.split('=').next().expect("a flag");
            assert!(help.contains(flag), "`{line}`: `matrix {command}` has no `{flag}`");
        }
        checked += 1;
    }
    assert!(checked >= 8, "only {checked} command lines found");
}

#[test]
fn every_command_is_in_the_readme() {
    let readme = readme();
    for command in commands() {
        assert!(readme.contains(&format!("matrix {command}")), "`matrix {command}` is not in the README");
    }
}
