//! `matrix weights`: published weights on this machine.

use super::print;
use crate::cli::{WeightsAction, WeightsArgs};
use crate::error::{Error, ExitCode};
use crate::spec::UnknownWord;
use crate::weights::{NAMED, fetch, find, folder_of};

/// Lists or fetches.
pub(crate) async fn run(args: &WeightsArgs) -> Result<ExitCode, Error> {
    match &args.action {
        WeightsAction::List => list(),
        WeightsAction::Add { name } => {
            let unknown = || UnknownWord::new("weights", name, NAMED.iter().map(|named| named.name));
            let named = find(name).ok_or_else(unknown)?;
            if folder_of(named).is_none() {
                eprintln!("fetching {named}");
            }
            print(&fetch(named).await?.display().to_string());
        }
    }
    Ok(ExitCode::Ok)
}

fn list() {
    let mut table = super::table(["name", "weights", "family", "size", "licence", "here"]);
    for named in NAMED {
        let here = folder_of(named).map_or_else(|| "no".into(), |folder| folder.display().to_string());
        let size = format!("{} MB", named.megabytes);
        table.add_row([named.name, named.title, named.family.name(), &size, named.license, &here]);
    }
    print(&table.to_string());
}
